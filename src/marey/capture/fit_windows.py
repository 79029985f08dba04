"""The two passes that body and hands share: every frame on its own, then windows of the sequence.

A window looks ahead and the next one starts from its last two frames, which it holds, so the seams
are as smooth as the rest and memory does not grow with the length of the video: poses may lie in
files, and the problem of some frames is made when those frames are solved.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from marey.capture.spans import runs, windows
from marey.core.scratch import Scratch
from marey.fit.chain import Pose
from marey.fit.frames import LmOptions, solve_frames
from marey.fit.problem import Problem
from marey.fit.sequence import Smoothness, solve_sequence
from marey.fit.threads import side_by_side

_BATCH = 128

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
    size: int,
    ahead: int,
    advance: Callable[[int], None],
) -> None:
    """Solve the sequence in place, window by window; poses become NaN where not solved.

    Args:
        problem_of: Makes the problem of a window.
        poses: First poses, finite wherever solved; the result afterwards.
        time: Time of each frame, s.
        solved: Frames to solve; every run of them is a sequence of its own.
        smoothness: Acceleration prior.
        size: Frames a window contributes.
        ahead: Further frames a window looks ahead.
        advance: Called with the number of frames finished.
    """
    for gap in runs(~solved):
        poses.rotation[gap], poses.translation[gap] = torch.nan, torch.nan
    for span in runs(solved):
        for window, keep in windows(span, size=size, ahead=ahead):
            seam = max(span.start, keep.start - 2)
            frames, num_held = slice(seam, window.stop), keep.start - seam
            # Its first frames are settled, the others still the first poses.
            first = poses[frames]
            solution = solve_sequence(
                problem_of(frames),
                first,
                torch.tensor(time[frames]),
                smoothness=smoothness,
                held=torch.arange(len(first)) < num_held,
            )
            kept = slice(num_held, num_held + keep.stop - keep.start)
            poses.rotation[keep] = solution.pose.rotation[kept]
            poses.translation[keep] = solution.pose.translation[kept]
            advance(keep.stop - keep.start)
