"""Feet, floors, and bodies that touch: what physics would not allow."""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import KDTree

from marey.evaluate.motion import differentiate
from marey.evaluate.score import Score, summarise

_CHUNK = 2_000_000  # solid angles computed at once: some 200 MB


def foot_slide(
    position: Float[np.ndarray, "*batch T G 3"],
    contact: Bool[np.ndarray, "*batch T G"],
    *,
    frame_rate: float = 1.0,
) -> Score:
    """Mean speed of points of the foot while they should stand still, m/s (m per frame by default).

    Args:
        position: World positions of contact points, m.
        contact: Which of them touch the floor; a step counts if both of its frames do.
        frame_rate: Frames per second.
    """
    standing = contact[..., 1:, :] & contact[..., :-1, :]
    speed = np.linalg.norm(differentiate(position, 1, frame_rate=frame_rate), axis=-1)
    return summarise(np.where(standing, speed, np.nan), expected=standing)


def floor_penetration(
    position: Float[np.ndarray, "*batch T V 3"], *, floor_z: float = 0.0
) -> Score:
    """Mean over frames of how deep the deepest point lies below the floor, m.

    Args:
        position: World positions of joints or vertices, m.
        floor_z: Height of the floor, m.
    """
    depth = np.maximum(floor_z - np.asarray(position, np.float64)[..., 2], 0.0)
    known = np.isfinite(depth)
    deepest = np.where(known, depth, 0.0).max(-1, keepdims=True)
    return summarise(np.where(np.any(known, axis=-1, keepdims=True), deepest, np.nan))


def contact_precision(
    predicted: Bool[np.ndarray, "*batch T G"],
    truth: Bool[np.ndarray, "*batch T G"],
    *,
    valid: Bool[np.ndarray, "*batch T G"] | None = None,
) -> Score:
    """Share of the predicted contacts that are true; NaN if none was predicted.

    Args:
        predicted: Predicted contact of each point.
        truth: True contact of each point.
        valid: What is labelled.
    """
    counts = predicted if valid is None else predicted & valid
    return summarise(np.where(counts, truth.astype(np.float64), np.nan))


def contact_recall(
    predicted: Bool[np.ndarray, "*batch T G"],
    truth: Bool[np.ndarray, "*batch T G"],
    *,
    valid: Bool[np.ndarray, "*batch T G"] | None = None,
) -> Score:
    """Share of the true contacts that are predicted; NaN if there is none."""
    return contact_precision(truth, predicted, valid=valid)


def inside_mesh(
    points: Float[np.ndarray, "P 3"],
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
) -> Bool[np.ndarray, "P"]:
    """Say which points lie inside a closed mesh.

    The solid angles of all triangles sum to 4 pi inside and to 0 outside (winding number; van
    Oosterom and Strackee, IEEE TBME 1983). Holes and self-intersections only blur the border.

    Args:
        points: Points, m.
        vertices: Vertices of the mesh, m.
        faces: Triangles.
    """
    points, vertices = np.asarray(points, np.float64), np.asarray(vertices, np.float64)
    inside = np.zeros(len(points), bool)
    near = np.all((points >= vertices.min(0)) & (points <= vertices.max(0)), axis=-1)
    candidates = np.flatnonzero(near)
    corners = vertices[faces]
    for part in np.array_split(candidates, len(candidates) * len(faces) // _CHUNK + 1):
        a, b, c = (corners[None, :, i] - points[part, None] for i in range(3))
        la, lb, lc = (np.linalg.norm(each, axis=-1) for each in (a, b, c))
        volume = np.einsum("pfi,pfi->pf", a, np.cross(b, c))
        ab, bc, ca = (np.einsum("pfi,pfi->pf", u, v) for u, v in ((a, b), (b, c), (c, a)))
        angle = 2 * np.arctan2(volume, la * lb * lc + ab * lc + bc * la + ca * lb)
        inside[part] = np.abs(angle.sum(-1)) > 2 * np.pi
    return inside


def penetration_depth(
    first: Float[np.ndarray, "V 3"],
    second: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
) -> float:
    """Return how deep two bodies of one topology lie in each other, m.

    For each vertex of one inside the other: the distance to the other's nearest vertex; the largest
    of them, in both directions (Harmony4D, NeurIPS 2024). 0 if they do not touch.

    Args:
        first: Vertices of one body, m.
        second: Vertices of the other, m.
        faces: Triangles of both.
    """
    deepest = 0.0
    for ours, theirs in ((first, second), (second, first)):
        hidden = ours[inside_mesh(ours, theirs, faces)]
        if len(hidden):
            deepest = max(deepest, float(KDTree(theirs).query(hidden)[0].max()))
    return deepest
