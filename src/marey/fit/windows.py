"""Motions of any length: every frame on its own, then the sequence window by window.

A window looks ahead. The next one holds the last two frames that it keeps, which couple it to all
that came before, and goes on from what it found ahead; so the seams are as smooth as the rest, and
neither cost per frame nor memory grows with the length of the motion. Poses may lie in files, and
the problem of some frames is made when those frames are solved.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from marey.core.scratch import Scratch
from marey.fit.chain import Pose
from marey.fit.frames import LmOptions, solve_frames
from marey.fit.problem import Problem
from marey.fit.sequence import SequenceOptions, Smoothness, solve_sequence
from marey.fit.threads import side_by_side

_BATCH = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowOptions:
    """How a long motion is cut."""

    size: int = 120
    """Frames a window contributes."""
    ahead: int = 30
    """Further frames a window looks ahead; what lies farther away hardly matters."""
    iterations: int = 8
    tolerance: float = 3e-3
    """Of every window (`SequenceOptions`); with 6 and 1e-2 it costs a fifth less, and seams move by
    half a millimetre instead of a tenth."""


MakeProblem = Callable[[Tensor | slice], Problem]
"""Makes the problem of some frames of a person's span."""


def allocate_poses(
    scratch: Scratch, name: str, length: int, num_joints: int, shape: Float[Tensor, "S"]
) -> Pose:
    """Return room for the poses of one person with one shape, to be filled in place."""
    return Pose(
        torch.from_numpy(scratch.empty(f"{name}.rotation", (length, num_joints, 3, 3))),
        torch.from_numpy(scratch.empty(f"{name}.translation", (length, 3))),
        shape.expand(length, -1),
    )


def solve_single(
    problem_of: MakeProblem,
    poses: Pose,
    chosen: Bool[np.ndarray, "L"],
    options: LmOptions | None = None,
) -> None:
    """Solve the chosen frames independently of each other, in place; the others stay."""

    def solve(batch: Int[Tensor, "M"]) -> None:
        solution = solve_frames(problem_of(batch), poses[batch], options)
        poses.rotation[batch] = solution.pose.rotation
        poses.translation[batch] = solution.pose.translation

    side_by_side(solve, torch.from_numpy(np.flatnonzero(chosen)).split(_BATCH), workers=2)


def solve_windows(
    problem_of: MakeProblem,
    poses: Pose,
    time: Float[np.ndarray, "L"],
    *,
    solved: Bool[np.ndarray, "L"],
    smoothness: Smoothness,
    options: WindowOptions | None = None,
    advance: Callable[[int], None] = lambda frames: None,
) -> None:
    """Solve the sequence in place, window by window; poses become NaN where not solved.

    Args:
        problem_of: Makes the problem of a window.
        poses: First poses, finite wherever solved; the result afterwards.
        time: Time of each frame, s.
        solved: Frames to solve; every run of them is a sequence of its own.
        smoothness: Acceleration prior.
        options: How the motion is cut.
        advance: Called with the number of frames finished.
    """
    options = options or WindowOptions()
    solver = SequenceOptions(iterations=options.iterations, tolerance=options.tolerance)
    for gap in runs(~solved):
        poses.rotation[gap], poses.translation[gap] = torch.nan, torch.nan
    for span in runs(solved):
        for window, keep in windows(span, size=options.size, ahead=options.ahead):
            seam = max(span.start, keep.start - 2)
            frames, num_held = slice(seam, window.stop), keep.start - seam
            first = poses[frames]
            solution = solve_sequence(
                problem_of(frames),
                first,
                torch.tensor(time[frames]),
                smoothness=smoothness,
                held=torch.arange(len(first)) < num_held,
                options=solver,
            )
            # What lies ahead as well: the next window starts there.
            found = slice(keep.start, window.stop)
            poses.rotation[found] = solution.pose.rotation[num_held:]
            poses.translation[found] = solution.pose.translation[num_held:]
            advance(keep.stop - keep.start)


def runs(mask: Bool[np.ndarray, "T"]) -> list[slice]:
    """Return the maximal runs of true values, in order."""
    padded = np.concatenate([[False], mask, [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(padded))
    return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def windows(span: slice, *, size: int, ahead: int) -> list[tuple[slice, slice]]:
    """Cut a span into windows to solve one after the other.

    Args:
        span: Frames to cover.
        size: Frames a window contributes.
        ahead: Further frames a window looks ahead; they are solved again by the next one.

    Returns:
        Pairs (frames to solve, frames to keep), both as absolute slices.
    """
    result = []
    start = span.start
    while start < span.stop:
        stop = min(start + size, span.stop)
        # A short rest is cheaper to solve at once than in a window of its own.
        if span.stop - stop <= ahead:
            stop = span.stop
        result.append((slice(start, min(stop + ahead, span.stop)), slice(start, stop)))
        start = stop
    return result
