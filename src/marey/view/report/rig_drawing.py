"""The cameras and people's paths in space, as a drawing inside the page."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from marey.capture.rig.camera_paths import fill_poses
from marey.core import Cameras, Person, Take
from marey.geometry.projection import Viewpoint, select_viewpoint
from marey.view.colors import person_colors, to_rgb8
from marey.view.report.camera_figures import body_columns
from marey.view.report.markup import Markup, element
from marey.view.scene import frame_bounds

SIZE = (500, 400)
ANGLES = {"from the side": (-60.0, 24.0), "from above": (-90.0, 89.0)}
"""Degrees around (from +X towards +Y) and above the floor."""
REACH = 0.11
"""Length of a camera's pyramid, as a share of the scene."""
LETTER = 9
"""Width of a letter of a name and what is around it, at most, px."""
MAX_POINTS = 240
"""Of a person's path."""
MAX_LINES = 30
"""Of the floor's grid to a side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """What stands in space, m."""

    centres: Float[np.ndarray, "C 3"]
    frusta: Float[np.ndarray, "C 5 3"]
    """The camera itself and the corners of what it sees."""
    tracks: tuple[Float[np.ndarray, "_ 3"], ...]
    """Where each moving camera goes; empty for static ones."""
    paths: tuple[Float[np.ndarray, "_ 3"], ...]
    """Where each person's middle goes; NaN where they are absent."""
    bodies: tuple[Float[np.ndarray, "_ 2 3"], ...]
    """Each person's limbs at one moment."""
    floor: float


def draw_rig(take: Take, *, frame: int, doubtful: Sequence[int] = ()) -> tuple[Markup, ...]:
    """Draw all cameras and people, once from the side and once from above.

    Args:
        take: A take with cameras.
        frame: Of the take, for whose moment bodies and moving cameras are drawn.
        doubtful: Cameras to mark.
    """
    assert take.cameras is not None
    # A moving camera without a pose just then is drawn where it was last or will be first.
    scene = _lay_out(take, fill_poses(take.cameras)[0], frame)
    return tuple(_draw(scene, take, name, angles, set(doubtful)) for name, angles in ANGLES.items())


def _lay_out(take: Take, cameras: Cameras, frame: int) -> _Scene:
    views = [select_viewpoint(cameras, view=v, frame=frame) for v in range(len(cameras.names))]
    centres = np.stack([view.camera_position() for view in views])
    paths = tuple(_path(person) for person in take.people)
    bodies = tuple(_body(person, frame) for person in take.people)
    known = [points[np.isfinite(points).all(-1)] for points in (centres, *paths)]
    everything = np.concatenate(known)
    extent = float(np.linalg.norm(everything.max(0) - everything.min(0)))
    reach = max(REACH * extent, 0.1)
    ends = [body.reshape(-1, 3) for body in bodies if len(body)]
    lowest = float(np.concatenate(ends)[:, 2].min()) if ends else 0.0
    moving = cameras.T_cam_world.shape[1] > 1
    tracks = [_camera_track(cameras, view) for view in range(len(views))] if moving else []
    return _Scene(
        centres=centres,
        frusta=np.stack([_frustum(view, reach) for view in views]),
        tracks=tuple(tracks),
        paths=paths,
        bodies=bodies,
        # Where the world has its floor at 0, as marey's has, people stand on it.
        floor=0.0 if abs(lowest) < 0.3 else lowest,
    )


def _path(person: Person) -> Float[np.ndarray, "L 3"]:
    if person.motion is not None:
        whole = person.motion.T_world_root[0, :, 4:]
    elif person.keypoints3d is not None and person.keypoints3d.frame == "world":
        points = person.keypoints3d
        whole = np.median(points.position[0][:, body_columns(points.skeleton)[:17]], axis=1)
    else:
        return np.zeros((0, 3))
    step = max(len(whole) // MAX_POINTS, 1)
    return whole[::step].astype(np.float64)


def _body(person: Person, frame: int) -> Float[np.ndarray, "E 2 3"]:
    points = person.keypoints3d
    if points is None or points.frame != "world" or not person.start <= frame < person.stop:
        return np.zeros((0, 2, 3))
    kept = set(body_columns(points.skeleton).tolist())
    edges = [edge for edge in points.skeleton.edges if kept.issuperset(edge)]
    limbs = points.position[0, frame - person.start][np.array(edges, int).reshape(-1, 2)]
    return limbs[np.isfinite(limbs).all((1, 2))].astype(np.float64)


def _camera_track(cameras: Cameras, view: int) -> Float[np.ndarray, "M 3"]:
    num = cameras.T_cam_world.shape[1]
    frames = range(0, num, max(num // MAX_POINTS, 1))
    return np.stack(
        [select_viewpoint(cameras, view=view, frame=frame).camera_position() for frame in frames]
    )


def _frustum(view: Viewpoint, reach: float) -> Float[np.ndarray, "5 3"]:
    width, height = view.size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    rays = np.concatenate([(corners - view.K[:2, 2]) / view.K[[0, 1], [0, 1]], np.ones((4, 1))], 1)
    # A lens of any angle gets a pyramid of one size.
    rays *= reach / np.linalg.norm(rays, axis=-1, keepdims=True)
    centre = view.camera_position()
    unit = view.direction_to_world(rays)
    return np.concatenate([centre[None], centre + reach * unit])


def _draw(
    scene: _Scene, take: Take, name: str, angles: tuple[float, float], doubtful: set[int]
) -> Markup:
    assert take.cameras is not None
    solid = [scene.frusta.reshape(-1, 3), *(limb.reshape(-1, 3) for limb in scene.bodies)]
    points = np.concatenate([*solid, *(p[np.isfinite(p).all(-1)] for p in scene.paths)])
    bounds = np.stack([points.min(0), points.max(0)])
    bounds[0, 2] = min(bounds[0, 2], scene.floor)
    around, above = np.radians(angles)
    eye = frame_bounds(bounds, angles=(float(around), float(above)), size=SIZE)

    def flat(points: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 2"]:
        return eye.project(eye.transform(points))

    parts = [_line(flat(ends), class_="grid") for ends in _grid(bounds, scene.floor)]
    for path, limbs, color in zip(
        scene.paths, scene.bodies, person_colors(len(scene.paths)), strict=True
    ):
        red, green, blue = to_rgb8(color)
        stroke = f"#{red:02x}{green:02x}{blue:02x}"
        parts += [_line(flat(run), class_="path", stroke=stroke) for run in _runs(path)]
        parts += [_line(flat(limb), class_="limb", stroke=stroke) for limb in limbs]
    parts += [_line(flat(track), class_="quietly") for track in scene.tracks]
    for view, camera in enumerate(take.cameras.names):
        parts += _camera(flat(scene.frusta[view]), camera, is_doubtful=view in doubtful)
    title = f"Cameras and people {name}"
    return element(
        "figure",
        element(
            "svg",
            element("title", title),
            *parts,
            viewBox=f"0 0 {SIZE[0]} {SIZE[1]}",
            role="img",
            aria_label=title,
            class_="rig",
        ),
        element("figcaption", name),
    )


def _camera(corners: Float[np.ndarray, "5 2"], name: str, *, is_doubtful: bool) -> list[Markup]:
    kind = "camera doubt" if is_doubtful else "camera"
    edges = [(0, k) for k in range(1, 5)] + [(1, 2), (2, 3), (3, 4), (4, 1)]
    lines = [_line(corners[list(edge)], class_=kind) for edge in edges]
    x, y = corners[0]
    # Beside the camera, on the side where its picture is not, if there is room.
    wide = LETTER * len(name)
    right, height = bool(corners[1:, 0].mean() < x), float(y) + 4
    if not 0 <= (x + wide if right else x - wide) <= SIZE[0]:
        # Else above its picture.
        right, height = not right, float(np.nanmin(corners[:, 1])) - 6
    class_ = f"name{' doubt' if is_doubtful else ''}{'' if right else ' end'}"
    place = round(float(x + 7 if right else x - 7), 1)
    label = element("text", name, x=place, y=round(height, 1), class_=class_)
    return [*lines, label]


def _runs(path: Float[np.ndarray, "L 3"]) -> list[Float[np.ndarray, "R 3"]]:
    """Cut a path where the person is absent."""
    known = np.asarray(np.isfinite(path).all(-1))
    borders = np.flatnonzero(np.diff(known)) + 1
    pieces = np.split(np.arange(len(path)), borders)
    return [path[piece] for piece in pieces if len(piece) > 1 and known[piece[0]]]


def _grid(bounds: Float[np.ndarray, "2 3"], floor: float) -> list[Float[np.ndarray, "2 3"]]:
    """Lines on the floor, a metre apart or more, over all that stands on it."""
    extent = float((bounds[1, :2] - bounds[0, :2]).max())
    step = next(
        (s for s in (1.0, 2.0, 5.0, 10.0, 50.0) if extent / s < MAX_LINES), extent / MAX_LINES
    )
    low, high = np.floor(bounds[0, :2] / step) * step, np.ceil(bounds[1, :2] / step) * step
    lines = []
    for axis in (0, 1):
        for value in np.arange(low[axis], high[axis] + step / 2, step):
            ends = np.full((2, 3), floor)
            ends[:, axis] = value
            ends[:, 1 - axis] = low[1 - axis], high[1 - axis]
            lines.append(ends)
    return lines


def _line(points: Float[np.ndarray, "M 2"], **attributes: str) -> Markup:
    shown = points[np.isfinite(points).all(-1)]
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in shown)
    return element("polyline", points=text, **attributes)
