"""Cutting a motion into runs of frames without gaps, at one frame rate each."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation, Slerp

from marey.core.errors import InputError
from marey.core.motion import BodyMotion

LONGEST_STEP_S, LONGEST_STEP = 0.5, 5.0
"""A clock that jumps farther, in s and in median steps, interrupts everyone's presence."""

MAX_GROWTH = 100
"""Frames at one rate for each frame as it was; far more than any camera's clock needs."""

EVEN_SPACING = 0.05
"""Largest deviation from even spacing that is taken for rounded time stamps, in frames."""


@dataclass(frozen=True, slots=True)
class Run:
    """One person's poses over frames without a gap."""

    time: Float[np.ndarray, "T"]
    position: Float[np.ndarray, "T 3"]
    rotations: Float[np.ndarray, "T Q 4"]
    """Quaternions wxyz of the root and then the joints."""


def split_runs(motion: BodyMotion, person: int) -> list[Run]:
    """Return the unbroken runs of frames in which a person is present, in order of time.

    Where the clock jumps by more than half a second, as between two recordings, a run ends: what
    happened in between nobody knows.
    """
    root, joints = motion.T_world_root[person], motion.R_parent_joint[person]
    present = np.isfinite(root).all(-1) & np.isfinite(joints).all((-2, -1))
    rotations = np.concatenate([root[:, None, :4], joints], 1).astype(np.float64)
    return [
        Run(motion.time[run], root[run, 4:].astype(np.float64), rotations[run])
        for part in _find_runs(present)
        for run in _split_at_jumps(part, motion.time)
    ]


def _find_runs(present: Bool[np.ndarray, "T"]) -> list[slice]:
    edges = np.flatnonzero(np.diff(present, prepend=False, append=False))
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _split_at_jumps(run: slice, clock: Float[np.ndarray, "T"]) -> list[slice]:
    if len(clock) < 2:
        return [run]
    longest = max(LONGEST_STEP_S, LONGEST_STEP * float(np.median(np.diff(clock))))
    jumps = run.start + 1 + np.flatnonzero(np.diff(clock[run]) > longest)
    edges = [run.start, *jumps.tolist(), run.stop]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def check_growth(num_frames: int, num_even: int) -> None:
    """Refuse to fill a clock with far more frames than it has.

    Raises:
        InputError: If one frame rate would need them.
    """
    if num_even > MAX_GROWTH * num_frames:
        raise InputError(
            f"the clock is so uneven that one frame rate would make {num_even} frames of "
            f"{num_frames}; export to .glb, .trc or .csv, or solve a part (--start, --end)"
        )


def space_evenly(
    run: Run, frame_rate: float | None, clock: Float[np.ndarray, "T"]
) -> tuple[Run, float]:
    """Return a run at one frame rate and that rate; it is untouched if it has the rate already.

    Args:
        run: One person's poses.
        frame_rate: Frames per second wanted; None for the run's own.
        clock: The clock of the whole motion, s, for runs of a single frame.
    """
    if len(run.time) < 2:
        spacing = float(np.median(np.diff(clock))) if len(clock) > 1 else 1 / 30
        return run, frame_rate or 1 / spacing
    count = len(run.time) - 1
    own = count / float(run.time[-1] - run.time[0])
    steps = (run.time - run.time[0]) * own - np.arange(count + 1)
    is_even = bool(np.abs(steps).max() < EVEN_SPACING)
    # Rates that part by less than the tolerance over the whole run are the same rate.
    wanted = frame_rate or (own if is_even else 1 / float(np.median(np.diff(run.time))))
    if is_even and abs(wanted / own - 1) * count < EVEN_SPACING:
        return run, wanted
    # A millionth of a frame keeps an end that rounding would push out.
    num_frames = int((run.time[-1] - run.time[0]) * wanted + 1e-6) + 1
    check_growth(count + 1, num_frames)
    time = np.minimum(run.time[0] + np.arange(num_frames) / wanted, run.time[-1])
    return _resample(run, time), wanted


def _resample(run: Run, time: Float[np.ndarray, "t"]) -> Run:
    position = np.stack([np.interp(time, run.time, column) for column in run.position.T], -1)
    rotations = [
        Slerp(run.time, Rotation.from_quat(joint, scalar_first=True))(time).as_quat(
            scalar_first=True
        )
        for joint in run.rotations.swapaxes(0, 1)
    ]
    return Run(time, position, np.stack(rotations, 1))
