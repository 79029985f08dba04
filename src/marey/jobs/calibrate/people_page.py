"""What is said and shown of cameras that people calibrated."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from marey.capture.rig.calibrate_views import CalibratedViews
from marey.capture.rig.view_clocks import ViewClock
from marey.capture.views.triangulate import make_extrinsics
from marey.capture.views.view_quality import ViewQuality, measure_reprojection
from marey.core import Cameras, Clip
from marey.geometry.projection import select_viewpoint
from marey.io.video import read_frames
from marey.jobs.calibrate.result import Calibration, find_field_of_view, measure_spread
from marey.view.calibration import CalibrationPage, CameraRow, Picture
from marey.view.drawing import draw_keypoints

_GOOD, _FAIR = 0.005, 0.01
"""Errors as shares of a person's distance: half a centimetre and a centimetre at one metre."""
_AGREEING = 0.75
_SHORT_S = 5.0
_FEW_PLACES_M = 0.5
_PICTURE_PX = 640
_SEEN = (255, 205, 40)
"""RGB of keypoints."""


def describe_people_calibration(
    found: CalibratedViews,
    clips: Sequence[Clip],
    *,
    how: str,
    note: Callable[[str], None],
    notes: list[str],
) -> Calibration:
    """Say how good a calibration by people is, and draw its page.

    Args:
        found: The calibration.
        clips: The videos, in the order of its cameras.
        how: `calibrated` or `refined`.
        note: Called with a sentence for what is worth knowing.
        notes: What was said so far, and is said by `note`.
    """
    done, cameras = found.calibrated, found.calibrated.cameras
    points = done.triangulated.keypoints.position.astype(np.float64)
    off = measure_reprojection(found.keypoints, points, cameras)
    off = np.where(found.keypoints.confidence > 0.5, off, np.nan)
    depth = _find_depths(cameras, points, np.isfinite(off))
    rows = [
        _describe_row(cameras, view, off[view], depth[view], done.quality[view], found.clocks)
        for view in range(len(cameras.names))
    ]
    for sentence in _warn(found, _find_extent(points)):
        note(sentence)
    if not done.up_known:
        note("which way is up could not be seen; the first camera is taken to be level")
    num = len(found.keypoints.people)
    doubtful = [row.name for row in rows if row.serious]
    verdict = (
        f"Doubtful: {', '.join(doubtful)}."
        if doubtful
        else "The cameras agree well with each other."
    )
    pictures = _draw_pictures(found, clips, off)
    page = CalibrationPage(
        title=f"{len(cameras.names)} cameras, {how} by people",
        facts=(
            "one person" if num == 1 else f"{num} people",
            f"{len(found.keypoints.time)} moments",
            f"{done.num_points} points in space",
        ),
        verdict=verdict,
        notes=tuple(notes),
        cameras=cameras,
        head=("at that distance", "agrees", "field of view", "above the floor"),
        rows=tuple(rows),
        placed=True,
        paths=tuple(_find_path(person, found.keypoints.skeleton.keypoints) for person in points),
        pictures=tuple(pictures),
    )
    return Calibration(cameras=cameras, page=page)


def _warn(found: CalibratedViews, walked: float) -> list[str]:
    """Say what makes the calibration less sure than its errors look.

    Args:
        found: The calibration.
        walked: How far people's middles move, m.
    """
    said, time = [], found.keypoints.time
    seconds = float(time[-1] - time[0]) if len(time) > 1 else 0.0
    if seconds < _SHORT_S:
        said.append(
            f"all cameras together saw people for {seconds:.1f} s only; ten seconds and more are "
            "better, since a detector is wrong in the same way for half a second at a time"
        )
    if walked < _FEW_PLACES_M:
        said.append(
            f"people move within {walked:.1f} m only; the more of the scene they walk through, the "
            "better the cameras are known"
        )
    said.append(
        "how exact places and size are is not known: errors say how well the cameras agree with "
        "each other, not how far they are from the truth, and the size is as right as what was "
        "stated; measure the distance of two cameras to be sure"
    )
    return said


def _find_depths(
    cameras: Cameras, points: Float[np.ndarray, "N T K 3"], seen: Float[np.ndarray, "C N T K"]
) -> Float[np.ndarray, "C"]:
    """Return how far ahead of each camera the middle of what it saw is, m."""
    pose = make_extrinsics(cameras)[:, 0]
    depth = np.einsum("cj,ntkj->cntk", pose[:, 2, :3], points) + pose[:, 2, 3][:, None, None, None]
    return np.array(
        [np.median(d[s]) if s.any() else np.nan for d, s in zip(depth, seen, strict=True)]
    )


def _describe_row(
    cameras: Cameras,
    view: int,
    off: Float[np.ndarray, "N T K"],
    depth: float,
    quality: ViewQuality,
    clocks: Sequence[ViewClock],
) -> CameraRow:
    middle, spread = measure_spread(off)
    share = middle / float(cameras.K[view, 0, 0])
    centre = select_viewpoint(cameras, view=view).camera_position()
    complaint = quality.complaint
    if complaint is None and not quality.agreeing >= _AGREEING:
        complaint = "doubtful: it often sees what the others do not"
    if complaint is None and not share < _FAIR:
        complaint = "doubtful: its errors are large"
    verdict = complaint or ("good" if share < _GOOD else "fair")
    clock = clocks[view] if clocks else None
    if clock is not None and clock.verdict == "shifted":
        verdict += f"; clock shifted by {clock.applied:+.3f} s"
    facts = (
        f"{1000 * share * depth:.0f} mm",
        f"{100 * quality.agreeing:.0f} %" if np.isfinite(quality.agreeing) else "-",
        f"{find_field_of_view(cameras, view):.0f} degrees",
        f"{centre[2]:.2f} m",
    )
    return CameraRow(
        name=cameras.names[view],
        error_px=middle,
        spread_px=spread,
        facts=facts,
        verdict=verdict,
        serious=complaint is not None,
    )


def _find_extent(points: Float[np.ndarray, "N T K 3"]) -> float:
    """Return how far people's middles move, m."""
    middle = _middles(points).reshape(-1, 3)
    known = middle[np.isfinite(middle).all(-1)]
    if not len(known):
        return 0.0
    low, high = np.percentile(known[:, :2], [2, 98], axis=0)
    return float(np.linalg.norm(high - low))


def _middles(points: Float[np.ndarray, "N T K 3"]) -> Float[np.ndarray, "N T 3"]:
    known = np.isfinite(points).all(-1, keepdims=True)
    total = np.where(known, points, 0.0).sum(2)
    count = known.sum(2)
    return np.where(count >= 6, total / np.maximum(count, 1), np.nan)


def _find_path(
    points: Float[np.ndarray, "T K 3"], names: tuple[str, ...]
) -> Float[np.ndarray, "T 3"]:
    hips = [row for row, name in enumerate(names) if name.endswith("hip")]
    return points[:, hips].mean(1) if hips else _middles(points[None])[0]


def _draw_pictures(
    found: CalibratedViews, clips: Sequence[Clip], off: Float[np.ndarray, "C N T K"]
) -> list[Picture]:
    """Draw keypoints, and where they should be, over the moment that most cameras see best."""
    cameras, points = found.calibrated.cameras, found.calibrated.triangulated.keypoints.position
    moment = int(np.isfinite(off).sum((0, 1, 3)).argmax())
    time = found.keypoints.time[moment]
    pictures = []
    for view, clip in enumerate(clips):
        own = found.views[view].clip.time + cameras.time_offset[view]
        frame = int(np.abs(own - time).argmin())
        image = next((f.image for f in read_frames(clip, start=frame, stop=frame + 1)), None)
        if image is None:
            continue
        seen = found.keypoints.position[view, :, moment]
        viewpoint = select_viewpoint(cameras, view=view)
        meant = viewpoint.project(viewpoint.transform(points[:, moment].astype(np.float64)))
        drawn = _draw(image.copy(), found, seen, meant, off[view, :, moment])
        height, width = drawn.shape[:2]
        data = cv2.imencode(".jpg", drawn[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])[1].tobytes()
        name = cameras.names[view]
        pictures.append(
            Picture(
                name=name,
                jpeg=data,
                size=(width, height),
                caption="yellow: what it saw; limbs: where all cameras together see it",
            )
        )
    return pictures


def _draw(
    image: UInt8[np.ndarray, "H W 3"],
    found: CalibratedViews,
    seen: Float[np.ndarray, "N K 2"],
    meant: Float[np.ndarray, "N K 2"],
    off: Float[np.ndarray, "N K"],
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw both, and cut out the people with room around them."""
    skeleton = found.keypoints.skeleton
    for person in meant:
        known = np.isfinite(person).all(-1).astype(float)
        draw_keypoints(image, skeleton, person, known, width=max(image.shape[0] / 500, 1.5))
    radius = max(2, round(max(image.shape[:2]) / 480))
    for person, errors in zip(seen, off, strict=True):
        for point, error in zip(person, errors, strict=True):
            if np.isfinite(point).all() and np.isfinite(error):
                place = (round(float(point[0]) - 0.5), round(float(point[1]) - 0.5))
                cv2.circle(image, place, radius, _SEEN, -1, cv2.LINE_AA)
    window = _window(np.concatenate([seen.reshape(-1, 2), meant.reshape(-1, 2)]), image)
    part = image[window]
    scale = min(1.0, _PICTURE_PX / max(part.shape[:2]))
    size = (max(round(part.shape[1] * scale), 1), max(round(part.shape[0] * scale), 1))
    return np.ascontiguousarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA))


def _window(
    points: Float[np.ndarray, "P 2"], image: UInt8[np.ndarray, "H W 3"]
) -> tuple[slice, slice]:
    height, width = image.shape[:2]
    known = points[np.isfinite(points).all(-1)]
    known = known[((known >= 0) & (known <= (width, height))).all(-1)]
    if len(known) < 2:
        return slice(None), slice(None)
    low, high = known.min(0), known.max(0)
    room = 0.15 * float((high - low).max()) + 20
    x0, y0 = np.maximum(low - room, 0).astype(int)
    x1, y1 = np.minimum(high + room, (width, height)).astype(int)
    return slice(int(y0), int(y1)), slice(int(x0), int(x1))
