"""A rig as a plan: cameras from above or from the side, and what they saw between them."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.core import Cameras
from marey.view.colors import person_colors, to_rgb8
from marey.view.report.markup import Markup, element

WIDTH, TALLEST = 760, 620
_MARGIN_M = 0.6
_MOST_POINTS, _MOST_STEPS = 1500, 400
_FRUSTUM = 0.09
"""Length of a camera's cone as a share of the drawing's width."""
_COLOURS = ("#2463a6", "#c2541b", "#3b8146", "#8b4fa8", "#a88a14", "#2b8c96", "#b03060", "#6b6b6b")


def camera_colour(number: int) -> str:
    """Return the colour of a camera, the same in all drawings."""
    return _COLOURS[number % len(_COLOURS)]


def draw_plan(
    cameras: Cameras,
    *,
    paths: Sequence[Float[np.ndarray, "T 3"]] = (),
    points: Float[np.ndarray, "P 3"] | None = None,
    side: Literal["above", "side"] = "above",
) -> Markup:
    """Draw static cameras on a grid with lines every metre.

    Args:
        cameras: In a metric world with Z up.
        paths: Ways that people went, m, each in its person's colour; NaN where unknown.
        points: Anything else that was seen, m.
        side: From above, or along the floor (from -Y).
    """
    axes = [0, 1] if side == "above" else [0, 2]
    R, centre = _stand(cameras)
    cloud = np.zeros((0, 3)) if points is None else points[np.isfinite(points).all(-1)]
    cloud = cloud[:: max(1, len(cloud) // _MOST_POINTS)]
    known = [path[np.isfinite(path).all(-1)] for path in paths]
    frame = _Frame(np.concatenate([centre, *known, _trim(cloud)])[:, axes], side)
    parts = frame.grid()
    parts += [
        element("circle", cx=x, cy=y, r=1.1, class_="dot", opacity=0.35)
        for x, y in (frame.place(point) for point in cloud[:, axes])
        if frame.holds(x, y)
    ]
    colours = person_colors(len(paths))
    parts += [
        _draw_path(frame, path[:, axes], colour)
        for path, colour in zip(paths, colours, strict=True)
    ]
    if side == "side":
        parts.append(frame.floor())
    for number, name in enumerate(cameras.names):
        parts += _draw_camera(frame, cameras, number, name, R[number], centre[number], axes)
    words = "from above" if side == "above" else "from the side"
    return element(
        "svg",
        *parts,
        viewBox=f"0 0 {WIDTH} {frame.height:.0f}",
        role="img",
        aria_label=f"The cameras {words}",
    )


class _Frame:
    """Metres to the drawing's units."""

    def __init__(self, points: Float[np.ndarray, "P 2"], side: str):
        low, high = points.min(0) - _MARGIN_M, points.max(0) + _MARGIN_M
        if side == "side":
            low[1] = min(low[1], -0.3)
        extent = np.maximum(high - low, 1.0)
        self.scale = float(min(WIDTH / extent[0], TALLEST / extent[1]))
        middle = (low + high) / 2
        self.height = max(self.scale * float(extent[1]), 160.0)
        self.low = middle - np.array([WIDTH, self.height]) / 2 / self.scale
        self.high = middle + np.array([WIDTH, self.height]) / 2 / self.scale

    def place(self, point: Float[np.ndarray, "2"]) -> tuple[float, float]:
        x = (point[0] - self.low[0]) * self.scale
        return float(x), float(self.height - (point[1] - self.low[1]) * self.scale)

    def holds(self, x: float, y: float) -> bool:
        return 0 <= x <= WIDTH and 0 <= y <= self.height

    def grid(self) -> list[Markup]:
        step = 1.0 if (self.high - self.low).max() < 40 else 10.0
        lines = []
        for axis in (0, 1):
            first, last = np.ceil(self.low[axis] / step), np.floor(self.high[axis] / step)
            for value in np.arange(first, last + 1) * step:
                ends = [self.low.copy(), self.high.copy()]
                ends[0][axis] = ends[1][axis] = value
                (x1, y1), (x2, y2) = (self.place(end) for end in ends)
                lines.append(element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_="grid"))
        label = f"lines every {step:g} m"
        return [*lines, element("text", label, x=6, y=self.height - 7)]

    def floor(self) -> Markup:
        (x1, y), (x2, _) = (self.place(np.array([x, 0.0])) for x in (self.low[0], self.high[0]))
        return element("line", x1=x1, y1=y, x2=x2, y2=y, class_="axis")


def _stand(cameras: Cameras) -> tuple[Float[np.ndarray, "C 3 3"], Float[np.ndarray, "C 3"]]:
    pose = cameras.T_cam_world[:, 0].astype(np.float64)
    R = Rotation.from_quat(pose[:, :4], scalar_first=True).as_matrix()
    return R, -np.einsum("cji,cj->ci", R, pose[:, 4:])


def _trim(cloud: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "kept 3"]:
    """Leave out what lies far away: it may be astray, and would make the rest small."""
    if not len(cloud):
        return cloud
    low, high = np.percentile(cloud, [2, 98], axis=0)
    return cloud[((cloud >= low) & (cloud <= high)).all(1)]


def _draw_path(
    frame: _Frame, path: Float[np.ndarray, "T 2"], colour: Float[np.ndarray, "3"]
) -> Markup:
    steps = path[:: max(1, len(path) // _MOST_STEPS)]
    words, drawing = [], False
    for step in steps:
        if not np.isfinite(step).all():
            drawing = False
            continue
        x, y = frame.place(step)
        words.append(f"{'L' if drawing else 'M'}{x:.1f} {y:.1f}")
        drawing = True
    red, green, blue = to_rgb8(colour)
    stroke = f"#{red:02x}{green:02x}{blue:02x}"
    return element("path", d=" ".join(words), fill="none", stroke=stroke, stroke_width=1.8)


def _draw_camera(
    frame: _Frame,
    cameras: Cameras,
    number: int,
    name: str,
    R: Float[np.ndarray, "3 3"],
    centre: Float[np.ndarray, "3"],
    axes: list[int],
) -> list[Markup]:
    width, height = cameras.size[number]
    fx, fy = cameras.K[number, 0, 0], cameras.K[number, 1, 1]
    reach = _FRUSTUM * WIDTH / frame.scale
    corners = [
        reach * np.array([sx * width / 2 / fx, sy * height / 2 / fy, 1.0]) @ R + centre
        for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    colour = camera_colour(number)
    spots = [frame.place(corner[axes]) for corner in corners]
    x, y = frame.place(centre[axes])
    parts = [_polygon([(x, y), spots[k], spots[(k + 1) % 4]], colour) for k in range(4)]
    parts.append(element("circle", cx=x, cy=y, r=4, fill=colour))
    # The name stands behind the camera, where it does not look.
    ahead = np.mean(spots, 0) - (x, y)
    length = max(float(np.linalg.norm(ahead)), 1e-6)
    dx, dy = -ahead / length * 14 if length > 4 else (0.0, -14.0)
    tx = float(np.clip(x + dx, 30, WIDTH - 30))
    ty = float(np.clip(y + dy + 4, 12, frame.height - 4))
    parts.append(element("text", name, x=tx, y=ty, class_="middle"))
    return parts


def _polygon(points: list[tuple[float, float]], colour: str) -> Markup:
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return element(
        "polygon", points=text, fill=colour, fill_opacity=0.13, stroke=colour, stroke_width=1
    )
