"""The same body with a quarter of its vertices: enough for who stands inside whom, and much faster.

Every vertex joins one of a set of vertices of which no two are neighbours; triangles follow. That
is a simplicial map, so a closed mesh stays closed, and hands keep more vertices per area than the
back because the fine mesh has more there. Chords of a round body lie inside it, so the vertices
that stay are moved out until the coarse skin lies in the middle of the fine one.
"""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from marey.body import Body
from marey.body.skinning import sparse_weights
from marey.fit.contact.closest import vertex_normals
from marey.fit.contact.mesh_distance import MeshTree

_ROUNDS = 4
_LEAST_PIECE = 0.05
"""Pieces with a smaller share of the vertices, eyeballs for example, are left out."""


def coarsen_body(body: Body, *, most: int = 4000) -> Body:
    """Return the body with at most that many vertices, the body itself if it has no more.

    Shapes, poses and joints mean the same; vertices are some of the body's own, moved a little.

    Args:
        body: The body.
        most: Vertices.
    """
    while len(body.v_template) > most:
        faces = body.faces.numpy().astype(np.int64)
        rest = body.v_template.double().numpy()
        faces = faces[_in_large_piece(faces, len(rest))]
        kept, owner = _choose(faces, rest)
        if len(kept) == len(owner):
            break  # Without edges there is nothing to join.
        coarse = _map_faces(faces, owner)
        moved = _fit_to(rest[kept], coarse, rest, owner)
        body = _take_vertices(body, kept, coarse, moved)
    return body


def group_vertices(body: Body, *, times: int = 2) -> Int[np.ndarray, "V"]:
    """Return the vertex in whose group each is: itself or, step by step, a neighbour.

    Args:
        body: The body.
        times: How often groups are joined; each time some four become one.
    """
    rest, faces = body.v_template.double().numpy(), body.faces.numpy().astype(np.int64)
    head, name = np.arange(len(rest)), np.arange(len(rest))
    for _ in range(times):
        kept, owner = _choose(faces, rest[name])
        lone = owner < 0  # On no face any more: a group of its own stays one.
        kept = np.concatenate([kept, np.flatnonzero(lone)])
        owner[lone] = len(kept) - lone.sum() + np.arange(lone.sum())
        head, name, faces = owner[head], name[kept], _map_faces(faces, owner)
    return name[head]


def _in_large_piece(faces: Int[np.ndarray, "F 3"], num_vertices: int) -> Bool[np.ndarray, "F"]:
    edges = faces[:, [0, 1, 1, 2]].reshape(-1, 2)
    graph = coo_matrix((np.ones(len(edges)), tuple(edges.T)), (num_vertices, num_vertices))
    piece = connected_components(graph, directed=False)[1]
    return (np.bincount(piece) >= _LEAST_PIECE * num_vertices)[piece[faces[:, 0]]]


def _fit_to(
    start: Float[np.ndarray, "W 3"],
    faces: Int[np.ndarray, "G 3"],
    rest: Float[np.ndarray, "V 3"],
    owner: Int[np.ndarray, "V"],
) -> Float[np.ndarray, "W 3"]:
    """Move vertices along their normals until those that joined them lie on the skin on average."""
    tree, moved, joined = MeshTree.of(start, faces), start.copy(), owner >= 0
    count = np.maximum(np.bincount(owner[joined], minlength=len(start)), 1)
    for _ in range(_ROUNDS):
        apart = tree.measure(tree.pose(moved), rest[joined]).distance
        mean = np.bincount(owner[joined], apart, len(start)) / count
        moved += mean[:, None] * vertex_normals(moved, faces)
    return moved


def _choose(
    faces: Int[np.ndarray, "F 3"], rest: Float[np.ndarray, "V 3"]
) -> tuple[Int[np.ndarray, "W"], Int[np.ndarray, "V"]]:
    """Choose vertices of which no two are neighbours, and whom each of the others joins."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = np.unique(np.sort(edges, 1), axis=0)
    both = np.concatenate([edges, edges[:, ::-1]])
    both = both[np.argsort(both[:, 0], kind="stable")]
    first = np.searchsorted(both[:, 0], np.arange(len(rest) + 1))
    state = np.full(len(rest), -2, np.int8)  # 1 is chosen, -1 a neighbour of one, -2 on no face.
    state[np.unique(faces)] = 0
    for vertex in range(len(rest)):
        if state[vertex] == 0:
            state[vertex] = 1
            near = both[first[vertex] : first[vertex + 1], 1]
            state[near] = -1
    kept = np.flatnonzero(state == 1)
    number = np.full(len(rest), -1)
    number[kept] = np.arange(len(kept))
    owner = number.copy()
    for vertex in np.flatnonzero(state == -1):
        near = both[first[vertex] : first[vertex + 1], 1]
        near = near[state[near] == 1]
        owner[vertex] = number[near[np.linalg.norm(rest[near] - rest[vertex], axis=1).argmin()]]
    return kept, owner


def _map_faces(
    faces: Int[np.ndarray, "F 3"], owner: Int[np.ndarray, "V"]
) -> Int[np.ndarray, "G 3"]:
    """Carry triangles over; those that collapse go, and those that lie back to back as well."""
    mapped = owner[faces]
    whole = (
        (mapped[:, 0] != mapped[:, 1])
        & (mapped[:, 1] != mapped[:, 2])
        & (mapped[:, 2] != mapped[:, 0])
    )
    mapped = mapped[whole]
    turn = mapped.argmin(1)
    rolled = mapped[np.arange(len(mapped))[:, None], (turn[:, None] + np.arange(3)) % 3]
    forward = rolled[:, 1] < rolled[:, 2]
    key = np.where(forward[:, None], rolled, rolled[:, [0, 2, 1]])
    unique, where = np.unique(key, axis=0, return_inverse=True)
    total = np.bincount(where.ravel(), np.where(forward, 1, -1), len(unique)).astype(int)
    ahead, behind = unique[total > 0], unique[total < 0][:, [0, 2, 1]]
    return np.concatenate([ahead, behind])


def _take_vertices(
    body: Body,
    kept: Int[np.ndarray, "W"],
    faces: Int[np.ndarray, "G 3"],
    rest: Float[np.ndarray, "W 3"],
) -> Body:
    rows = torch.from_numpy(kept)
    weights = body.weights[rows]
    posedirs = body.posedirs
    if posedirs is not None:
        posedirs = posedirs.unflatten(-1, (-1, 3))[:, rows].flatten(1)
    return replace(
        body,
        faces=torch.from_numpy(faces).to(body.faces.dtype),
        v_template=torch.from_numpy(rest).to(body.v_template),
        shapedirs=body.shapedirs[rows],
        posedirs=posedirs,
        weights=weights,
        sparse=sparse_weights(weights),
    )
