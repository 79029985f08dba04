"""A plain z-buffer: masks, depth, face indices and barycentric weights of triangle meshes.

The input is already projected, so any camera model serves: x and y in px (the centre of the first
pixel is (0.5, 0.5)) and depth in m along the camera's axis. Edges are straight lines between
projected vertices, which is exact for a camera without distortion and close for the small triangles
of a body seen through a lens. Depth and weights are perspective-correct.

What reaches behind the camera is cut with `clip_near` before it is projected. Faces with a NaN
vertex are left out. A pixel belongs to a face if its centre lies inside or on the edge; the nearest
face wins, and of equally near faces the first.

`rasterize` runs a numba kernel without the interpreter lock, so threads can draw frames side by
side; `marey.geometry._raster_reference` says the same in numpy and a test compares them.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int32

from marey.geometry._compile import compile_kernel

NEAR_M = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Raster:
    """What each pixel of a window into an image shows."""

    origin: tuple[int, int]
    """Column and row of the window's first pixel in the full image."""
    face: Int32[np.ndarray, "H W"]
    """Index of the nearest face, -1 where there is none."""
    depth: Float32[np.ndarray, "H W"]
    """Depth in m, infinite where there is no face."""
    weights: Float32[np.ndarray, "H W 3"]
    """Perspective-correct barycentric weights, 0 where there is no face."""

    @property
    def mask(self) -> Bool[np.ndarray, "H W"]:
        """Which pixels show a face."""
        return self.face >= 0

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the window, to index the full image with."""
        (x, y), (height, width) = self.origin, self.face.shape
        return slice(y, y + height), slice(x, x + width)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClippedMesh:
    """A mesh cut at the near plane: the old vertices, then new ones on cut edges."""

    faces: Int[np.ndarray, "G 3"]
    source: Int[np.ndarray, "G"]
    """The face of the uncut mesh that each face comes from."""
    edges: Int[np.ndarray, "E 2"]
    """Ends of the cut edge on which each new vertex lies."""
    fraction: Float[np.ndarray, "E"]
    """Where on that edge: 0 at its first end, 1 at its second."""

    def extend(self, values: Float[np.ndarray, "V A"]) -> Float[np.ndarray, "W A"]:
        """Append the new vertices to per-vertex values (positions, normals, colours)."""
        first, second = values[self.edges[:, 0]], values[self.edges[:, 1]]
        new = first + self.fraction[:, None].astype(values.dtype) * (second - first)
        return np.concatenate([values, new])


def rasterize(
    points: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    size: tuple[int, int],
    *,
    cull_back: bool = False,
    full: bool = False,
) -> Raster:
    """Draw triangles into a z-buffer.

    Args:
        points: Projected vertices: x px, y px, depth m. Depths must be positive where finite.
        faces: Vertex indices, counter-clockwise seen from outside.
        size: Width and height of the image, px.
        cull_back: Leave out faces seen from behind (halves the work for closed meshes).
        full: Return the full image, not only the window around what is drawn.

    Returns:
        The window of the image that the mesh touches (empty if it touches none).
    """
    x0, y0, x1, y1 = (0, 0, *size) if full else find_window(points, size)
    shape = (y1 - y0, x1 - x0)
    face = np.full(shape, -1, np.int32)
    nearness = np.zeros(shape, np.float32)
    weights = np.zeros((*shape, 3), np.float32)
    shifted = np.ascontiguousarray(points, np.float64) - (x0, y0, 0)
    _draw(shifted, np.ascontiguousarray(faces, np.int64), cull_back, face, nearness, weights)
    depth = np.full(shape, np.inf, np.float32)
    np.divide(1, nearness, out=depth, where=nearness > 0)
    return Raster(origin=(x0, y0), face=face, depth=depth, weights=weights)


def interpolate(
    raster: Raster,
    faces: Int[np.ndarray, "F 3"],
    values: Float[np.ndarray, "V A"],
    *,
    block: int = 1,
) -> Float32[np.ndarray, "H W A"]:
    """Interpolate per-vertex values over the pixels of a raster; 0 where there is no face.

    Args:
        raster: What each pixel shows.
        faces: The faces that were drawn.
        values: What to interpolate.
        block: Average over blocks of so many pixels along each side (those without a face count
            as 0), which smooths edges; both sides of the raster must be multiples of it.

    Returns:
        Values for each pixel, or for each block.
    """
    height, width = raster.face.shape
    out = np.zeros((height // block, width // block, values.shape[1]), np.float32)
    values = np.ascontiguousarray(values, np.float32)
    faces = np.ascontiguousarray(faces, np.int64)
    _interpolate(raster.face, raster.weights, faces, values, block, out)
    return out


def clip_near(
    points_cam: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], near: float = NEAR_M
) -> ClippedMesh:
    """Cut a mesh at the plane `near` metres in front of the camera.

    Args:
        points_cam: Vertices in camera axes, m.
        faces: Vertex indices.
        near: Depth of the plane, m.

    Returns:
        The part in front; faces behind the plane or with a NaN vertex are gone.
    """
    depth = points_cam[:, 2]
    front = points_cam[faces, 2] >= near
    finite = np.isfinite(points_cam[faces]).all((1, 2))
    count = np.where(finite, front.sum(-1), 0)
    whole = np.flatnonzero(count == 3)
    # Turn each cut face so that its odd vertex (alone in front, or alone behind) comes first.
    one, two = np.flatnonzero(count == 1), np.flatnonzero(count == 2)
    tips_one = _rotate_first(faces[one], front[one].argmax(-1))
    tips_two = _rotate_first(faces[two], front[two].argmin(-1))
    tips = np.concatenate([tips_one, tips_two])
    edges = np.concatenate([tips[:, [0, 1]], tips[:, [0, 2]]]).astype(np.int64)
    start, stop = depth[edges[:, 0]], depth[edges[:, 1]]
    fraction = (near - start) / (stop - start)
    left = len(points_cam) + np.arange(len(tips))
    right = left + len(tips)
    a, b = left[: len(one)], right[: len(one)]
    c, d = left[len(one) :], right[len(one) :]
    pieces = [
        faces[whole],
        np.stack([tips_one[:, 0], a, b], -1),
        np.stack([c, tips_two[:, 1], tips_two[:, 2]], -1),
        np.stack([c, tips_two[:, 2], d], -1),
    ]
    return ClippedMesh(
        faces=np.concatenate(pieces).astype(np.int64),
        source=np.concatenate([whole, one, two, two]),
        edges=edges,
        fraction=fraction,
    )


def find_window(
    points: Float[np.ndarray, "V 3"], size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Return x0 y0 x1 y1 (px, half open) of the part of the image that projected points span."""
    finite = points[np.isfinite(points).all(-1), :2]
    if not len(finite):
        return 0, 0, 0, 0
    low = np.clip(np.floor(finite.min(0)), 0, size).astype(int)
    high = np.clip(np.ceil(finite.max(0)), 0, size).astype(int)
    if (high <= low).any():
        return 0, 0, 0, 0
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _rotate_first(faces: Int[np.ndarray, "F 3"], first: Int[np.ndarray, "F"]) -> np.ndarray:
    order = (first[:, None] + np.arange(3)) % 3
    return np.take_along_axis(faces, order, 1)


@compile_kernel
def _draw(points, faces, cull_back, face_out, nearness_out, weights_out):
    height, width = face_out.shape
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, az = points[a, 0], points[a, 1], points[a, 2]
        bx, by, bz = points[b, 0], points[b, 1], points[b, 2]
        cx, cy, cz = points[c, 0], points[c, 1], points[c, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        # y points down: a face seen from outside (counter-clockwise in space) has negative area.
        if not 0 < abs(area) < np.inf or not az + bz + cz < np.inf or (cull_back and area > 0):
            continue
        sign = 1.0 if area > 0 else -1.0
        ia, ib, ic = sign / az, sign / bz, sign / cz
        x0 = max(int(np.ceil(min(ax, bx, cx) - 0.5)), 0)
        x1 = min(int(np.floor(max(ax, bx, cx) - 0.5)), width - 1)
        y0 = max(int(np.ceil(min(ay, by, cy) - 0.5)), 0)
        y1 = min(int(np.floor(max(ay, by, cy) - 0.5)), height - 1)
        for row in range(y0, y1 + 1):
            y = row + 0.5
            for column in range(x0, x1 + 1):
                x = column + 0.5
                # Neighbours compute an edge they share with exactly opposite signs: no cracks.
                u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) * sign
                v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) * sign
                w = ((ax - x) * (by - y) - (ay - y) * (bx - x)) * sign
                if u < 0 or v < 0 or w < 0:
                    continue
                # 1 / depth is linear on the screen; so is each weight divided by its depth.
                u, v, w = u * ia, v * ib, w * ic
                total = u + v + w
                nearness = np.float32(total / area)
                if nearness > nearness_out[row, column]:
                    nearness_out[row, column] = nearness
                    face_out[row, column] = f
                    weights_out[row, column, 0] = u / total
                    weights_out[row, column, 1] = v / total
                    weights_out[row, column, 2] = w / total


@compile_kernel
def _interpolate(face, weights, faces, values, block, out):
    share = np.float32(1.0 / block**2)
    for row in range(face.shape[0]):
        for column in range(face.shape[1]):
            f = face[row, column]
            if f < 0:
                continue
            u, v, w = weights[row, column, 0], weights[row, column, 1], weights[row, column, 2]
            for a in range(values.shape[1]):
                value = u * values[faces[f, 0], a] + v * values[faces[f, 1], a]
                value += w * values[faces[f, 2], a]
                out[row // block, column // block, a] += share * value
