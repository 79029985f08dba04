"""Where the skins of two bodies, or of one, meet; and what keeps them out of each other.

A contact is a vertex of one skin and the closest place of another, with the direction out of it.
While bodies move a little the depth changes by how their two places move along that direction,

    depth = depth_0 - n . (p - p_0) + n . (q - q_0),

where p and q are carried by the joints as the skinning weights say (linear blend skinning; pose
blend shapes stay as they were). The cost of a contact is area (depth / sigma)^2 while it is
positive: area stands for how much skin a vertex speaks for, so that it does not matter how fine a
mesh is. The gradient on both sides is exact, equal and opposite; the second derivative is the bound
of `point_rows` with half for either side.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.spatial import KDTree

from marey.body import Body
from marey.fit.chain import Chain, Placed
from marey.fit.contact._skin_contact_numba import attach_kernel, depth_kernel, push_kernel
from marey.fit.contact.body_parts import vertex_parts
from marey.fit.contact.closest import face_areas
from marey.fit.contact.coarse_body import coarsen_body, group_vertices
from marey.fit.contact.mesh_distance import Boxes, MeshTree, Parts

_CARRIERS = 4
_AT_REST_M = 0.01
"""Parts of one body that are nearer at rest always touch."""
_PATCH_M2 = 1e-4
"""The area whose contact has the stated sigma."""
_FACING = 0.7
"""Least cosine between the way out and the face's own normal; less is beyond a part's rim."""


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
    joint = np.argsort(-total, axis=1, kind="stable")[:, :_CARRIERS]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """R vertices of one skin that lie in another, or nearly."""

    row: Int[np.ndarray, "R"]
    """Which of the frames."""
    vertex: Int[np.ndarray, "R"]
    face: Int[np.ndarray, "R"]
    corner: Float[np.ndarray, "R 3"]
    distance: Float[np.ndarray, "R"]
    """m; negative inside."""
    normal: Float[np.ndarray, "R 3"]
    """Out of the other skin."""

    @classmethod
    def none(cls) -> "Near":
        """Return nothing found."""
        whole, three = np.zeros(0, np.int64), np.zeros((0, 3))
        return cls(
            row=whole, vertex=whole, face=whole, corner=three, distance=np.zeros(0), normal=three
        )

    @classmethod
    def join(cls, parts: "Sequence[Near]") -> "Near":
        """Return what several searches found."""
        whole = [cls.none(), *parts]
        return cls(
            **{
                field.name: np.concatenate([getattr(part, field.name) for part in whole])
                for field in fields(cls)
            }
        )

    def shift(self, rows: int) -> "Near":
        """Return the same, its frames counted from an earlier one."""
        return replace(self, row=self.row + rows)


def find_near(
    skin: Skin,
    points: Float[np.ndarray, "M V 3"],
    other: Skin,
    meshes: Float[np.ndarray, "M V 3"],
    *,
    within: float,
    reach: float = 0.08,
    itself: bool = False,
) -> Near:
    """Find the vertices of one body that are less than `within` outside another's skin.

    Args:
        skin: Whose vertices are asked for.
        points: They, frame by frame, m.
        other: In whose skin they may lie.
        meshes: It, in the same frames.
        within: Widest gap that counts, m.
        reach: Vertices farther than this from the surface are not found, however deep, m.
        itself: Whether both are one body, whose neighbouring parts always touch.
    """
    found = []
    for row, (own, mesh) in enumerate(zip(points, meshes, strict=True)):
        boxes = other.tree.pose(mesh)
        parts = other.parts if itself else None
        chosen = _choose_groups(skin, own, other, boxes, within, reach, parts)
        if not len(chosen):
            continue
        met = other.tree.measure(boxes, own, chosen=chosen, reach=reach, parts=parts)
        kept = np.flatnonzero(met.distance < within)
        if itself:
            kept = kept[_faces_out(boxes.vertices, other, met.face[kept], met.normal[kept])]
        found.append(
            Near(
                row=np.full(len(kept), row),
                vertex=chosen[kept],
                face=met.face[kept],
                corner=met.corner[kept],
                distance=met.distance[kept],
                normal=met.normal[kept],
            )
        )
    return Near.join(found)


def _choose_groups(
    skin: Skin,
    points: Float[np.ndarray, "V 3"],
    other: Skin,
    boxes: Boxes,
    within: float,
    reach: float,
    parts: Parts | None,
) -> Int[np.ndarray, "A"]:
    """Return the vertices of groups of which one may be in or near the other skin."""
    low, high = boxes.low[0] - within, boxes.high[0] + within
    heads = points[skin.group_head]
    size = np.diff(np.append(skin.group_start, len(skin.order)))
    away = ((points[skin.order] - np.repeat(heads, size, 0)) ** 2).sum(1)
    radius = np.sqrt(np.maximum.reduceat(away, skin.group_start))
    inside = ((heads >= low - radius[:, None]) & (heads <= high + radius[:, None])).all(1)
    asked = np.flatnonzero(inside)
    if parts is not None:  # Groups may reach over several parts.
        near = asked
    else:
        met = other.tree.measure(boxes, points, chosen=skin.group_head[asked], reach=reach)
        near = asked[met.distance < within + radius[asked]]
    wanted = np.zeros(len(size), bool)
    wanted[near] = True
    return skin.order[np.repeat(wanted, size)]


def _faces_out(
    vertices: Float[np.ndarray, "V 3"],
    skin: Skin,
    face: Int[np.ndarray, "R"],
    normal: Float[np.ndarray, "R 3"],
) -> Bool[np.ndarray, "R"]:
    area = face_areas(vertices[skin.tree.faces[face]])
    size = np.maximum(np.linalg.norm(area, axis=1), 1e-30)
    return (area * normal).sum(1) > _FACING * size


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """R places on one body's skin and the joints that carry them."""

    frame: Int[np.ndarray, "R"]
    joint: Int[np.ndarray, "R 4"]
    weight: Float[np.ndarray, "R 4"]
    local: Float[np.ndarray, "R 4 3"]
    """The place in the axes of each of those joints, m."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkinContact:
    """R contacts between two bodies, linear in how their places move."""

    first: Side
    """Vertices."""
    second: Side
    """The places of the other skin closest to them."""
    normal: Float[np.ndarray, "R 3"]
    start: Float[np.ndarray, "R"]
    """Depth and what is to be taken away from it, see `depth`, m."""
    area: Float[np.ndarray, "R"]

    def depth(self, first: Placed, second: Placed) -> Float[np.ndarray, "R"]:
        """Return how deep each vertex lies below the other's surface, m; negative outside."""
        result = np.empty(len(self.start))
        depth_kernel(
            self.first.frame,
            self.second.frame,
            self.normal,
            self.start,
            *_carried(self.first),
            *_carried(self.second),
            *_axes(first),
            *_axes(second),
            result,
        )
        return result

    def push(
        self,
        placed: tuple[Placed, Placed],
        wrench: tuple[Float[np.ndarray, "L J 6"], Float[np.ndarray, "M J 6"]],
        inertia: tuple[Float[np.ndarray, "L J 6 6"], Float[np.ndarray, "M J 6 6"]],
        *,
        sigma: float,
    ) -> Float[np.ndarray, "R"]:
        """Add the derivatives of half the cost to both bodies' joints and return the cost.

        Args:
            placed: Both bodies.
            wrench: Gradients by the joints' twists about the root, added to.
            inertia: Bounds on the second derivatives, upper triangles, added to.
            sigma: m.
        """
        depth = np.maximum(self.depth(*placed), 0.0)
        stiff = np.where(depth > 0, self.area / sigma**2, 0.0)
        for side, sign, place, w, m in zip(
            (self.first, self.second), (-1.0, 1.0), placed, wrench, inertia, strict=True
        ):
            push_kernel(
                side.frame,
                sign * stiff * depth,
                2 * stiff,
                self.normal,
                *_carried(side),
                *_axes(place),
                w,
                m,
            )
        return stiff * depth**2


def hold_contact(
    near: Near,
    skins: tuple[Skin, Skin],
    meshes: tuple[Float[np.ndarray, "M V 3"], Float[np.ndarray, "M V 3"]],
    placed: tuple[Placed, Placed],
    frames: tuple[Int[np.ndarray, "M"], Int[np.ndarray, "M"]],
    *,
    clearance: float = 0.0,
) -> SkinContact:
    """Attach what was found to the joints of both bodies.

    Args:
        near: What was found in M frames.
        skins: Of both bodies.
        meshes: Of both, in those frames.
        placed: Both bodies in all their frames.
        frames: Which of those the M are, of either.
        clearance: Gap that is to be left, m.
    """
    (skin, other), corners = skins, skins[1].tree.faces[near.face]
    place = meshes[0][near.row, near.vertex].astype(np.float64)
    first = _attach(
        frames[0][near.row], place, skin.joint[near.vertex], skin.weight[near.vertex], placed[0]
    )
    there = np.einsum("rc,rcx->rx", near.corner, meshes[1][near.row[:, None], corners])
    joint, weight = _blend(other.joint[corners], other.weight[corners], near.corner)
    second = _attach(frames[1][near.row], there, joint, weight, placed[1])
    # Measured from the places themselves, so that carrying them costs no accuracy.
    start = clearance - near.distance + (near.normal * (place - there)).sum(1)
    return SkinContact(
        first=first,
        second=second,
        normal=near.normal,
        start=start,
        area=skin.area[near.vertex],
    )


def _blend(
    joint: Int[np.ndarray, "R 3 4"], weight: Float[np.ndarray, "R 3 4"], corner: np.ndarray
) -> tuple[Int[np.ndarray, "R 4"], Float[np.ndarray, "R 4"]]:
    """Return the joints that carry a place between three vertices."""
    joint, share = joint.reshape(len(joint), 12), (weight * corner[..., None]).reshape(-1, 12)
    same = joint[:, :, None] == joint[:, None, :]
    total = (same * share[:, None, :]).sum(2)
    # One joint counts where it comes first.
    first = ~(same & np.tri(12, k=-1, dtype=bool)).any(2)
    order = np.argsort(-(total * first), axis=1, kind="stable")[:, :_CARRIERS]
    joint, total = np.take_along_axis(joint, order, 1), np.take_along_axis(total * first, order, 1)
    return joint, total / total.sum(1, keepdims=True)


def _attach(
    frame: Int[np.ndarray, "R"],
    place: Float[np.ndarray, "R 3"],
    joint: Int[np.ndarray, "R 4"],
    weight: Float[np.ndarray, "R 4"],
    placed: Placed,
) -> Side:
    joint = np.ascontiguousarray(joint)
    local = np.empty((len(place), _CARRIERS, 3))
    attach_kernel(frame, place, joint, *_axes(placed), local)
    return Side(frame=frame, joint=joint, weight=np.ascontiguousarray(weight), local=local)


def _carried(side: Side) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return side.joint, side.weight, side.local


def _axes(placed: Placed) -> tuple[Float[np.ndarray, "L J 3 3"], Float[np.ndarray, "L J 3"]]:
    return placed.rotation.numpy(), placed.joints.numpy()


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
