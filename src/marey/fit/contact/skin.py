"""A body's mesh prepared for contact: who carries each vertex, and what it speaks for."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from marey.body import Body
from marey.fit.chain import Chain
from marey.fit.contact.body_parts import vertex_parts
from marey.fit.contact.closest import face_areas
from marey.fit.contact.coarse_body import coarsen_body, group_vertices
from marey.fit.contact.mesh_distance import MeshTree, Parts

CARRIERS = 4
"""Joints that carry a vertex at most."""
_AT_REST_M = 0.01
"""Parts of one body that are nearer at rest always touch."""
_PATCH_M2 = 1e-4
"""The area whose contact has the stated sigma."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skin:
    """A body's mesh, prepared for contact."""

    body: Body
    """With as many vertices as contact needs."""
    tree: MeshTree
    area: Float[np.ndarray, "V"]
    """Of skin that each vertex speaks for, in square centimetres."""
    names: tuple[str, ...]
    """Of the parts."""
    parts: Parts
    """Of the vertices and faces, and which may not enter each other in one body."""
    joint: Int[np.ndarray, "V 4"]
    """Joints of the chain that carry each vertex."""
    weight: Float[np.ndarray, "V 4"]
    order: Int[np.ndarray, "V"]
    """The vertices group by group, neighbours together."""
    group_start: Int[np.ndarray, "G"]
    group_head: Int[np.ndarray, "G"]
    """A vertex in the middle of each group."""


def make_skin(body: Body, chain: Chain, *, most_vertices: int = 4000) -> Skin:
    """Prepare a body for contact.

    Args:
        body: The body.
        chain: The joints that move; what hangs below them is carried along.
        most_vertices: A finer mesh is made coarser.
    """
    coarse = coarsen_body(body, most=most_vertices)
    rest, faces = coarse.v_template.double().numpy(), coarse.faces.numpy().astype(np.int64)
    area = np.linalg.norm(face_areas(rest[faces]), axis=1) / 6
    names, part = vertex_parts(coarse)
    joint, weight = _carriers(coarse, chain)
    group = group_vertices(coarse)
    order = np.argsort(group, kind="stable")
    heads, starts = np.unique(group[order], return_index=True)
    return Skin(
        body=coarse,
        tree=MeshTree.of(rest, faces),
        area=np.bincount(faces.ravel(), np.repeat(area, 3), len(rest)) / _PATCH_M2,
        names=names,
        parts=_find_parts(rest, faces, part, len(names)),
        joint=joint,
        weight=weight,
        order=order,
        group_start=starts,
        group_head=heads,
    )


def _carriers(body: Body, chain: Chain) -> tuple[Int[np.ndarray, "V 4"], Float[np.ndarray, "V 4"]]:
    """Give the weights of joints that the chain lacks to those above them."""
    weights, total = (
        body.weights.double().numpy(),
        np.zeros((len(body.weights), len(chain.joints))),
    )
    for joint in range(weights.shape[1]):
        above = joint
        while body.joint_names[above] not in chain.joints and body.parents[above] >= 0:
            above = body.parents[above]
        total[:, chain.joints.index(body.joint_names[above])] += weights[:, joint]
    joint = np.argsort(-total, axis=1, kind="stable")[:, :CARRIERS]
    weight = np.take_along_axis(total, joint, 1)
    return joint, weight / weight.sum(1, keepdims=True)


def _find_parts(
    rest: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    part: Int[np.ndarray, "V"],
    count: int,
) -> Parts:
    corners = part[faces]
    whole = (corners == corners[:, :1]).all(1)
    # Faces between two parts belong to neither, so that no part ends in a wall.
    of_face = np.where(whole, corners[:, 0], count)
    joined = np.eye(count, dtype=bool)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        joined[corners[:, i], corners[:, j]] = joined[corners[:, j], corners[:, i]] = True
    meets = np.zeros((count, count + 1), bool)
    trees = [KDTree(rest[part == p]) if (part == p).any() else None for p in range(count)]
    for a in range(count):
        for b in range(count):
            one, other = trees[a], trees[b]
            if not joined[a, b] and one is not None and other is not None:
                meets[a, b] = one.sparse_distance_matrix(other, _AT_REST_M).nnz == 0
    return Parts(of_point=part, of_face=of_face, meets=meets)


def pose_skin(
    skin: Skin,
    shape: Float[torch.Tensor, "S"],
    root: Float[torch.Tensor, "L 3 3"],
    joints: Float[torch.Tensor, "L J 3 3"],
    position: Float[torch.Tensor, "L 3"],
) -> Float[np.ndarray, "L V 3"]:
    """Return the skin in every frame, m."""
    posed = skin.body.pose_matrices(
        shape.float(), root.float(), joints.float(), position=position.float()
    )
    return skin.body.vertices(posed).numpy()
