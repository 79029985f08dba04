"""Signed distances from a triangle mesh that moves: how far inside a point lies, and which way out.

Exact for a closed mesh: the distance to the closest triangle, negative inside, with the side told
by the pseudo-normal of the closest face, edge or corner (Baerentzen and Aanaes, IEEE TVCG 2005). As
bent skin folds and a fold may be turned inside out, the winding number along a ray has to confirm.
The tree of boxes is built once, from the rest pose; every pose only widens and narrows its boxes.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from marey.core.errors import ShapeError
from marey.fit.contact._mesh_distance_numba import fit_boxes, measure_kernel

_LEAF = 4
"""Triangles in a leaf."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedDistance:
    """Closest places of a mesh, for A points."""

    face: Int[np.ndarray, "A"]
    """-1 where no place is in reach."""
    corner: Float[np.ndarray, "A 3"]
    """Share of each corner of that face; they sum to one."""
    distance: Float[np.ndarray, "A"]
    """m; negative inside. NaN out of reach."""
    normal: Float[np.ndarray, "A 3"]
    """Unit vector out of the mesh: the distance grows along it. NaN out of reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """The boxes of one pose."""

    vertices: Float[np.ndarray, "V 3"]
    low: Float[np.ndarray, "M 3"]
    high: Float[np.ndarray, "M 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshTree:
    """A mesh's triangles in a tree of boxes, with who is whose neighbour."""

    faces: Int[np.ndarray, "F 3"]
    order: Int[np.ndarray, "F"]
    child: Int[np.ndarray, "M 2"]
    span: Int[np.ndarray, "M 2"]
    neighbour: Int[np.ndarray, "F 3"]
    """Face across the edge from corner i to i + 1; -1 for none."""
    first_face: Int[np.ndarray, "_"]
    """V + 1: where each vertex's faces start in `vertex_face`."""
    vertex_face: Int[np.ndarray, "_"]

    @classmethod
    def of(cls, vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> "MeshTree":
        """Build the tree.

        Args:
            vertices: Of a pose in which the limbs are apart, m.
            faces: Triangles, anticlockwise seen from outside.

        Raises:
            ShapeError: If there is no triangle.
        """
        if not len(faces):
            raise ShapeError("a mesh without triangles has no inside; give one that is closed")
        faces = np.ascontiguousarray(faces, np.int64)
        order, child, span = _split(vertices[faces].mean(1))
        owner = faces.ravel()
        by_vertex = np.argsort(owner, kind="stable")
        return cls(
            faces=faces,
            order=order,
            child=child,
            span=span,
            neighbour=_neighbours(faces),
            first_face=np.searchsorted(owner[by_vertex], np.arange(len(vertices) + 1)),
            vertex_face=by_vertex // 3,
        )

    def pose(self, vertices: Float[np.ndarray, "V 3"]) -> Boxes:
        """Fit the boxes to a pose."""
        vertices = np.ascontiguousarray(vertices, np.float64)
        low, high = np.empty((len(self.child), 3)), np.empty((len(self.child), 3))
        fit_boxes(vertices, self.faces, self.order, self.child, self.span, low, high)
        return Boxes(vertices=vertices, low=low, high=high)

    def measure(
        self,
        boxes: Boxes,
        points: Float[np.ndarray, "P 3"],
        *,
        chosen: Int[np.ndarray, "A"] | None = None,
        reach: float = np.inf,
        parts: "Parts | None" = None,
    ) -> SignedDistance:
        """Measure how far points lie from the mesh.

        Args:
            boxes: The mesh in its pose.
            points: m.
            chosen: Which of them; all if None.
            reach: Farthest that a place is looked for, m; smaller is faster.
            parts: Which parts of a body are asked about which others.
        """
        points = np.ascontiguousarray(points, np.float64)
        chosen = np.arange(len(points)) if chosen is None else chosen
        whole = parts is None
        if parts is None:
            parts = Parts(
                of_point=np.zeros(len(points), np.int64),
                of_face=np.zeros(len(self.faces), np.int64),
                meets=np.ones((1, 1), bool),
            )
        count = len(chosen)
        face, corner = np.empty(count, np.int64), np.zeros((count, 3))
        distance, normal = np.full(count, np.nan), np.full((count, 3), np.nan)
        measure_kernel(
            points,
            chosen,
            parts.of_point,
            parts.meets,
            boxes.vertices,
            self.faces,
            parts.of_face,
            self.order,
            self.child,
            self.span,
            boxes.low,
            boxes.high,
            self.neighbour,
            self.first_face,
            self.vertex_face,
            float(reach),
            whole,
            face,
            corner,
            distance,
            normal,
        )
        return SignedDistance(face=face, corner=corner, distance=distance, normal=normal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Which parts of a body may touch which others."""

    of_point: Int[np.ndarray, "P"]
    of_face: Int[np.ndarray, "F"]
    meets: Bool[np.ndarray, "N M"]
    """By the point's part, then the face's."""


def _split(
    middle: Float[np.ndarray, "F 3"],
) -> tuple[Int[np.ndarray, "F"], Int[np.ndarray, "M 2"], Int[np.ndarray, "M 2"]]:
    """Halve the triangles along their widest axis until few are left."""
    order, child, span = np.arange(len(middle)), [[-1, -1]], [[0, len(middle)]]
    waiting = [0]
    while waiting:
        node = waiting.pop()
        start, stop = span[node]
        if stop - start <= _LEAF:
            continue
        part = order[start:stop]
        axis = int(np.ptp(middle[part], axis=0).argmax())
        order[start:stop] = part[np.argsort(middle[part, axis], kind="stable")]
        half = (start + stop) // 2
        child[node] = [len(child), len(child) + 1]
        child += [[-1, -1], [-1, -1]]
        span += [[start, half], [half, stop]]
        waiting += child[node]
    return order, np.array(child, np.int64), np.array(span, np.int64)


def _neighbours(faces: Int[np.ndarray, "F 3"]) -> Int[np.ndarray, "F 3"]:
    """Pair every edge with the face on whose rim it runs the other way."""
    count = int(faces.max()) + 1
    ahead = (faces * count + np.roll(faces, -1, 1)).ravel()
    back = (np.roll(faces, -1, 1) * count + faces).ravel()
    order = np.argsort(ahead, kind="stable")
    place = np.minimum(np.searchsorted(ahead[order], back), len(order) - 1)
    face = order[place] // 3
    return np.where(ahead[order][place] == back, face, -1).reshape(-1, 3)
