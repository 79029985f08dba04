"""Several bodies over one another in several views: the depth of each one in every cell of a grid.

Masks need neither a texture nor the full resolution of a picture: each view gets a grid over the
part of it in which the bodies are, so fine that its longer side has a given number of cells. The
cost is then the same for a phone and for 4K.

A cell belongs to a body if its centre lies inside or on the edge of one of the body's projected
faces; faces with a vertex that the camera cannot see (NaN) are left out. Depth is perspective-
correct. `marey.geometry.raster` draws the same with faces and weights, one mesh and view at a time;
a test compares the two.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from marey.geometry._compile import compile_kernel

_MARGIN = 2.0
"""Cells around what is drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """What N bodies cover of one view."""

    origin: Float[np.ndarray, "2"]
    """px of the picture at the upper left corner of the first cell."""
    step: float
    """px of the picture per cell."""
    depth: Float32[np.ndarray, "N H W"]
    """Of each body's nearest surface, m; infinite where the body is not."""

    @property
    def amodal(self) -> Bool[np.ndarray, "N H W"]:
        """Where each body would be seen if it were alone."""
        return np.isfinite(self.depth)

    @property
    def visible(self) -> Bool[np.ndarray, "N H W"]:
        """Where each body is the nearest; of equally near ones the first."""
        number = np.arange(len(self.depth))[:, None, None]
        return self.owner == number

    @property
    def owner(self) -> Int[np.ndarray, "H W"]:
        """Whose body each cell shows; -1 for nobody's."""
        if not len(self.depth):
            return np.full(self.depth.shape[1:], -1)
        return np.where(self.amodal.any(0), self.depth.argmin(0), -1)

    def cells(self, pixels: Float[np.ndarray, "*batch 2"]) -> Float[np.ndarray, "*batch 2"]:
        """Carry px of the picture to cells (column, row); the first cell spans 0 to 1."""
        return (pixels - self.origin) / self.step


def draw_layers(
    points: Float[np.ndarray, "C N V 3"],
    faces: Int[np.ndarray, "F 3"],
    sizes: Int[np.ndarray, "C 2"],
    *,
    cells: int = 128,
    step: float | None = None,
    cull_back: bool = False,
) -> tuple[Layers, ...]:
    """Draw N bodies of one topology into C views.

    Args:
        points: Projected vertices: x px, y px, depth m; NaN where a view cannot see them.
        faces: Vertex indices.
        sizes: Width and height of the views, px.
        cells: Along the longer side of the part of a view in which there are bodies.
        step: px per cell, the same in all views, instead of `cells`.
        cull_back: Leave out faces seen from behind, which closed meshes do not need; faces must
            then be counter-clockwise seen from outside.
    """
    points = np.ascontiguousarray(points, np.float64)
    faces = np.ascontiguousarray(faces, np.int64)
    return tuple(
        _draw_view(view, faces, size, cells, step, cull_back)
        for view, size in zip(points, np.asarray(sizes), strict=True)
    )


def _draw_view(
    points: Float[np.ndarray, "N V 3"],
    faces: Int[np.ndarray, "F 3"],
    size: Int[np.ndarray, "2"],
    cells: int,
    step: float | None,
    cull_back: bool,
) -> Layers:
    low, high = _span(points, float(size[0]), float(size[1]))
    if not (high > low).all():
        empty = np.full((len(points), 0, 0), np.inf, np.float32)
        return Layers(origin=np.zeros(2), step=step or 1.0, depth=empty)
    step = step or float(np.max(high - low)) / max(cells - 2 * _MARGIN, 1)
    origin = low - _MARGIN * step
    width, height = np.ceil((high - low) / step + 2 * _MARGIN).astype(int)
    nearness = np.zeros((len(points), height, width), np.float32)
    _draw(points, faces, origin, step, cull_back, nearness)
    depth = np.full(nearness.shape, np.inf, np.float32)
    np.divide(1, nearness, out=depth, where=nearness > 0)
    return Layers(origin=origin, step=float(step), depth=depth)


@compile_kernel
def _span(points, width, height):
    """Return the corners of the part of the picture that the vertices span."""
    low, high = np.full(2, np.inf), np.full(2, -np.inf)
    for n in range(points.shape[0]):
        for v in range(points.shape[1]):
            x, y = points[n, v, 0], points[n, v, 1]
            # Comparisons with NaN are false.
            if abs(x) < np.inf and abs(y) < np.inf:
                low[0], high[0] = min(low[0], x), max(high[0], x)
                low[1], high[1] = min(low[1], y), max(high[1], y)
    low[0], low[1] = max(low[0], 0.0), max(low[1], 0.0)
    high[0], high[1] = min(high[0], width), min(high[1], height)
    return low, high


@compile_kernel
def _draw(points, faces, origin, step, cull_back, nearness_out):
    count, height, width = nearness_out.shape
    places = np.empty((points.shape[1], 3))
    for n in range(count):
        for v in range(points.shape[1]):
            places[v, 0] = (points[n, v, 0] - origin[0]) / step
            places[v, 1] = (points[n, v, 1] - origin[1]) / step
            places[v, 2] = 1.0 / points[n, v, 2]
        for f in range(len(faces)):
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            ax, ay, az = places[a, 0], places[a, 1], places[a, 2]
            bx, by, bz = places[b, 0], places[b, 1], places[b, 2]
            cx, cy, cz = places[c, 0], places[c, 1], places[c, 2]
            area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
            if not 0 < abs(area) < np.inf or not 0 < az + bz + cz < np.inf:
                continue
            x0 = max(int(np.ceil(min(ax, bx, cx) - 0.5)), 0)
            x1 = min(int(np.floor(max(ax, bx, cx) - 0.5)), width - 1)
            y0 = max(int(np.ceil(min(ay, by, cy) - 0.5)), 0)
            y1 = min(int(np.floor(max(ay, by, cy) - 0.5)), height - 1)
            if cull_back and area > 0:
                continue
            sign = 1.0 if area > 0 else -1.0
            weight_a, weight_b, weight_c = (az / abs(area), bz / abs(area), cz / abs(area))
            # Each edge function is linear along a row: slope times column plus its value at 0.
            du, dv, dw = (by - cy) * sign, (cy - ay) * sign, (ay - by) * sign
            for row in range(y0, y1 + 1):
                y = row + 0.5
                first, last = float(x0), float(x1)
                first, last = _narrow(bx, by, cx, cy, y, du, first, last)
                first, last = _narrow(cx, cy, ax, ay, y, dv, first, last)
                first, last = _narrow(ax, ay, bx, by, y, dw, first, last)
                for column in range(int(first), int(last) + 1):
                    x = column + 0.5
                    # Neighbours compute a shared edge with exactly opposite signs: no cracks.
                    u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) * sign
                    v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) * sign
                    w = ((ax - x) * (by - y) - (ay - y) * (bx - x)) * sign
                    if u < 0 or v < 0 or w < 0:
                        continue
                    # 1 / depth is linear on the screen.
                    nearness = np.float32(u * weight_a + v * weight_b + w * weight_c)
                    nearness_out[n, row, column] = max(nearness_out[n, row, column], nearness)


@compile_kernel
def _narrow(px, py, qx, qy, y, slope, first, last):
    """Leave out the columns of a row that lie on an edge's wrong side, all but one of them."""
    if py == qy:
        return first, last
    # Where the edge crosses the row, in columns.
    crossing = px + (y - py) * (qx - px) / (qy - py) - 0.5
    if slope > 0:
        first = max(first, np.floor(crossing))
    else:
        last = min(last, np.ceil(crossing))
    return first, last
