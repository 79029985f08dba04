"""What a camera that disagrees with the others does wrong: turned, rolled, zoomed or late.

Points are triangulated from all cameras but one. The difference between what that one sees and
where the others say it should see it is explained, in the sense of least squares (with Huber's
weights), by a shift, a turn and a growth of the picture, and by time: what moves is seen where it
was a moment ago. A sample of the take is enough for that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from marey.capture.rig.camera_paths import fill_poses
from marey.capture.views.triangulate import KeypointOptions, triangulate_keypoints
from marey.core import Cameras, Keypoints2D, Person, Skeleton, Take
from marey.geometry.triangulation import TriangulationOptions
from marey.view.report.posing import project

SAMPLES = 6000
"""Frames times cameras that are triangulated at most."""
STRETCHES, SHORTEST = 8, 5
"""Runs of neighbouring frames that a sample has, and frames in the shortest."""
FEWEST = 60
"""Keypoints that are needed to judge a camera."""
LENIENT = KeypointOptions(
    views=TriangulationOptions(in_front=True, strict=True), max_sigma=0.2, judge_sigma=False
)
CLOCK_ROUNDS = 4
HUBER, ROUNDS = 2.0, 12
"""How many times the median difference a keypoint may be off before it counts less; and rounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraFault:
    """How what one camera sees differs from where the other cameras see it."""

    before_px: float
    """Median difference."""
    after_px: float
    """Median difference that is left when all of the following is put right."""
    shift_px: tuple[float, float]
    """To the right and down."""
    shift_deg: float
    """The same as an angle of the camera."""
    roll_deg: float
    """Clockwise on the picture."""
    growth: float
    """0.02 if the camera shows everything 2 % larger, seen from the picture's middle."""
    late_s: float
    """How much later the camera sees what happens; negative if earlier."""
    effects_px: tuple[float, float, float, float]
    """How much of the difference shift, roll, growth and time make, typically."""


def find_camera_faults(
    take: Take,
    people: Sequence[Person],
    columns: Int[np.ndarray, "K"],
    *,
    doubtful: Sequence[int] = (),
) -> tuple[CameraFault | None, ...]:
    """Compare every camera with the others; None where too little is seen to judge it.

    Two cameras alone cannot tell which of them is wrong.

    Args:
        take: The take.
        people: Those to judge by, with keypoints in all views.
        columns: The keypoints to judge by.
        doubtful: Cameras that others are not compared with, if enough are left.
    """
    cameras = take.cameras
    assert cameras is not None
    num = len(cameras.names)
    if num < 3:
        return (None,) * num
    trusted = [view for view in range(num) if view not in doubtful]
    if len(trusted) < 3:
        trusted = list(range(num))
    runs = _choose_runs(len(take.time), max(SAMPLES // num, STRETCHES * SHORTEST))
    frames = np.concatenate([np.arange(run.start, run.stop) for run in runs])
    sample = _gather(take, people, columns, frames)
    own = cameras = fill_poses(cameras)[0]
    if cameras.T_cam_world.shape[1] > 1:
        own = replace(cameras, T_cam_world=cameras.T_cam_world[:, frames])
    lengths = [len(run) for run in runs]
    return tuple(
        _judge(sample, own, view, [v for v in trusted if v != view], lengths) for view in range(num)
    )


def _choose_runs(num_frames: int, most: int) -> list[range]:
    if num_frames <= most:
        return [range(num_frames)]
    length = most // STRETCHES
    starts = np.linspace(0, num_frames - length, STRETCHES).astype(int).tolist()
    return [range(start, start + length) for start in starts]


def _gather(
    take: Take,
    people: Sequence[Person],
    columns: Int[np.ndarray, "K"],
    frames: Int[np.ndarray, "F"],
) -> Keypoints2D:
    """Lay everyone's keypoints in all views out over the sampled frames."""
    num = len(people[0].keypoints2d)
    position = np.full((num, len(people), len(frames), len(columns), 2), np.nan, np.float32)
    confidence = np.zeros(position.shape[:-1], np.float32)
    for row, person in enumerate(people):
        there = np.flatnonzero((frames >= person.start) & (frames < person.stop))
        rows = frames[there] - person.start
        for view, block in enumerate(person.keypoints2d):
            position[view, row, there] = block.position[0][rows][:, columns]
            confidence[view, row, there] = block.confidence[0][rows][:, columns]
    names = tuple(people[0].keypoints2d[0].skeleton.keypoints[k] for k in columns)
    return Keypoints2D(
        skeleton=Skeleton(
            name="judged", keypoints=names, edges=(), mirror=tuple(range(len(names)))
        ),
        people=tuple(person.name for person in people),
        time=take.time[frames],
        position=position,
        confidence=confidence,
    )


def _judge(
    sample: Keypoints2D, cameras: Cameras, view: int, others: Sequence[int], runs: Sequence[int]
) -> CameraFault | None:
    """Explain what one camera sees by what others do."""
    seen = sample.confidence[view] > LENIENT.views.min_confidence
    if seen.sum() < FEWEST:
        return None
    among = np.zeros_like(sample.confidence)
    among[others] = sample.confidence[others]
    found = triangulate_keypoints(replace(sample, confidence=among), cameras, options=LENIENT)
    points = found.keypoints.position.astype(np.float64)
    expected = np.stack([_project(row, cameras, view) for row in points])
    focal = float(np.sqrt(cameras.K[view, 0, 0] * cameras.K[view, 1, 1]))
    centre = cameras.K[view, :2, 2].astype(np.float64)
    pixels, late, fault = sample.position[view].astype(np.float64), 0.0, None
    for _ in range(CLOCK_ROUNDS):
        # People do not move evenly: what they did so long ago is looked up, not extrapolated.
        place, speed = _look_back(expected, sample.time, runs, late)
        known = seen & np.isfinite(pixels - place).all(-1) & np.isfinite(speed).all(-1)
        if known.sum() < FEWEST:
            return fault
        off = pixels[known] - place[known]
        rest = _explain(off, place[known] - centre, speed[known], focal)
        late += rest.late_s
        typical = float(np.median(np.linalg.norm(speed[known], axis=-1)))
        fault = replace(
            rest,
            before_px=rest.before_px if fault is None else fault.before_px,
            late_s=late,
            effects_px=(*rest.effects_px[:3], abs(late) * typical),
        )
    return fault


def _project(
    points: Float[np.ndarray, "F K 3"], cameras: Cameras, view: int
) -> Float[np.ndarray, "F K 2"]:
    everywhere = Person(name="", start=0, num_frames=len(points))
    return project(points, cameras, everywhere, frames=slice(0, len(points)), view=view)


def _look_back(
    pixels: Float[np.ndarray, "N F K 2"],
    time: Float[np.ndarray, "F"],
    runs: Sequence[int],
    late: float,
) -> tuple[Float[np.ndarray, "N F K 2"], Float[np.ndarray, "N F K 2"]]:
    """Return where points were some time ago and their speed in px/s, NaN where it is unknown.

    Both are of the line between neighbouring frames of a run.
    """
    place, speed, start = np.full_like(pixels, np.nan), np.full_like(pixels, np.nan), 0
    for length in runs:
        own = slice(start, start + length)
        start += length
        if length == 1:
            place[:, own], speed[:, own] = pixels[:, own], 0.0
            continue
        moments, here = time[own], pixels[:, own]
        asked = moments - late
        after = np.clip(np.searchsorted(moments, asked), 1, length - 1)
        step = (moments[after] - moments[after - 1])[:, None, None]
        slope = (here[:, after] - here[:, after - 1]) / step
        share = (asked - moments[after - 1])[:, None, None]
        outside = (asked < moments[0]) | (asked > moments[-1])
        place[:, own] = here[:, after - 1] + share * slope
        speed[:, own] = np.where(outside[:, None, None], np.nan, slope)
    return place, speed


def _explain(
    off: Float[np.ndarray, "P 2"],
    place: Float[np.ndarray, "P 2"],
    speed: Float[np.ndarray, "P 2"],
    focal: float,
) -> CameraFault:
    """Solve for shift, roll, growth and time by reweighted least squares."""
    across = place[:, ::-1] * (-1, 1)
    one, none = np.ones(len(off)), np.zeros(len(off))
    # Columns: right, down, roll, growth, time; two rows per point.
    right, down = np.stack([one, none], -1), np.stack([none, one], -1)
    design = np.stack([right, down, across, place, -speed], -1).reshape(-1, 5)
    size = np.sqrt(np.mean(np.square(design), 0)) + 1e-9
    target, weight = off.reshape(-1), np.ones(len(off))
    answer, left = np.zeros(5), np.linalg.norm(off, axis=-1)
    for _ in range(ROUNDS):
        root = np.repeat(np.sqrt(weight), 2)
        # A little damping: who stands still says nothing about time.
        rows = np.concatenate([design / size * root[:, None], 0.3 * np.eye(5)])
        answer = np.linalg.lstsq(rows, np.concatenate([target * root, np.zeros(5)]))[0] / size
        left = np.linalg.norm((target - design @ answer).reshape(-1, 2), axis=-1)
        reach = max(HUBER * float(np.median(left)), 1.0)
        weight = reach / np.maximum(left, reach)
    shift = float(np.hypot(answer[0], answer[1]))
    typical = [float(np.median(np.linalg.norm(part, axis=-1))) for part in (across, place, speed)]
    return CameraFault(
        before_px=float(np.median(np.linalg.norm(off, axis=-1))),
        after_px=float(np.median(left)),
        shift_px=(float(answer[0]), float(answer[1])),
        shift_deg=float(np.degrees(np.arctan2(shift, focal))),
        roll_deg=float(np.degrees(answer[2])),
        growth=float(answer[3]),
        late_s=float(answer[4]),
        effects_px=(
            shift,
            abs(float(answer[2])) * typical[0],
            abs(float(answer[3])) * typical[1],
            abs(float(answer[4])) * typical[2],
        ),
    )
