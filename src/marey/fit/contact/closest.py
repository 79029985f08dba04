"""Closest points on triangle meshes: what corresponds where no vertex does."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

_CANDIDATES = 24
"""Triangles tried per point, by their centres; long triangles need many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnSurface:
    """Places on a mesh, as weighted means of the corners of a triangle."""

    face: Int[np.ndarray, "A"]
    corner: Float[np.ndarray, "A 3"]
    """Weight of each corner of the triangle; they sum to one."""
    position: Float[np.ndarray, "A 3"]
    distance: Float[np.ndarray, "A"]


@dataclass(frozen=True, slots=True)
class Surface:
    """A mesh that is asked for closest places again and again."""

    corners: Float[np.ndarray, "F 3 3"]
    normals: Float[np.ndarray, "F 3"]
    tree: KDTree
    """Of the middles of the triangles."""

    @classmethod
    def of(cls, vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> "Surface":
        """Prepare a mesh, m."""
        corners = vertices[faces]
        area = face_areas(corners)
        length = np.maximum(np.linalg.norm(area, axis=1, keepdims=True), 1e-30)
        return cls(corners, area / length, KDTree(corners.mean(1)))

    def closest(self, points: Float[np.ndarray, "A 3"]) -> OnSurface:
        """Find the closest place of the mesh for every point."""
        count = min(_CANDIDATES, len(self.corners))
        _, near = self.tree.query(points, k=count)
        near = np.asarray(near).reshape(len(points), count)
        weights = closest_in_triangles(points[:, None], self.corners[near])
        places = np.einsum("ack,ackx->acx", weights, self.corners[near])
        distance = np.linalg.norm(places - points[:, None], axis=-1)
        best, row = distance.argmin(1), np.arange(len(points))
        return OnSurface(
            face=near[row, best],
            corner=weights[row, best],
            position=places[row, best],
            distance=distance[row, best],
        )


def face_areas(corners: Float[np.ndarray, "F 3 3"]) -> Float[np.ndarray, "F 3"]:
    """Return the outward normals of triangles, twice as long as their area."""
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def vertex_normals(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> Float[np.ndarray, "V 3"]:
    """Return the unit normals of a mesh at its vertices; large triangles count more."""
    area, total = face_areas(vertices[faces]), np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(total, faces[:, corner], area)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-30)


def closest_in_triangles(
    points: Float[np.ndarray, "A #C 3"], corners: Float[np.ndarray, "A C 3 3"]
) -> Float[np.ndarray, "A C 3"]:
    """Return the weights of the corners at the closest place of each triangle.

    That place is the foot of the perpendicular if it lies inside, else the nearest of the closest
    places on the three edges.
    """
    a, b, c = np.moveaxis(corners, -2, 0)
    u, v, w = b - a, c - a, points - a
    uu, uv, vv = (u * u).sum(-1), (u * v).sum(-1), (v * v).sum(-1)
    uw, vw = (u * w).sum(-1), (v * w).sum(-1)
    area = uu * vv - uv * uv
    # A triangle without area has edges only; NaN is never inside.
    area = np.where(area > 1e-12 * uu * vv, area, np.nan)
    second, third = (vv * uw - uv * vw) / area, (uu * vw - uv * uw) / area
    inside = np.stack([1 - second - third, second, third], -1)
    options = [_on_edge(points, corners, *pair) for pair in ((0, 1), (1, 2), (2, 0))]
    weights = np.stack(options, -2)
    apart = np.einsum("acek,ackx->acex", weights, corners) - points[..., None, :]
    best = (apart**2).sum(-1).argmin(-1)
    edge = np.take_along_axis(weights, best[..., None, None], -2)[..., 0, :]
    return np.where((inside >= 0).all(-1, keepdims=True), inside, edge)


def _on_edge(
    points: Float[np.ndarray, "A #C 3"], corners: Float[np.ndarray, "A C 3 3"], start: int, end: int
) -> Float[np.ndarray, "A C 3"]:
    along = corners[..., end, :] - corners[..., start, :]
    share = ((points - corners[..., start, :]) * along).sum(-1)
    share = np.clip(share / np.maximum((along * along).sum(-1), 1e-30), 0, 1)
    weights = np.zeros((*share.shape, 3))
    weights[..., start], weights[..., end] = 1 - share, share
    return weights
