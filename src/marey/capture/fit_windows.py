"""The two passes that body and hands share: every frame on its own, then windows of the sequence.

A window looks ahead and the next one starts from its last two frames, which it holds, so the seams
are as smooth as the rest and memory does not grow with the length of the video.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float

from marey.capture.spans import runs, windows
from marey.fit.chain import Pose
from marey.fit.frames import LmOptions, solve_frames
from marey.fit.problem import Problem
from marey.fit.sequence import Smoothness, solve_sequence

_BATCH = 128


def solve_single(
    problem: Problem, start: Pose, chosen: Bool[np.ndarray, "L"], options: LmOptions | None = None
) -> Pose:
    """Solve the chosen frames independently of each other; the others keep their start."""
    rotation, translation = start.rotation.clone(), start.translation.clone()
    for batch in torch.from_numpy(np.flatnonzero(chosen)).split(_BATCH):
        solution = solve_frames(problem.take(batch), start[batch], options)
        rotation[batch] = solution.pose.rotation
        translation[batch] = solution.pose.translation
    return Pose(rotation, translation, start.shape)


def solve_windows(
    problem: Problem,
    start: Pose,
    time: Float[np.ndarray, "L"],
    *,
    solved: Bool[np.ndarray, "L"],
    smoothness: Smoothness,
    size: int,
    ahead: int,
    advance: Callable[[int], None],
) -> Pose:
    """Solve the sequence, window by window.

    Args:
        problem: One problem per frame.
        start: First poses, finite wherever solved.
        time: Time of each frame, s.
        solved: Frames to solve; every run of them is a sequence of its own.
        smoothness: Acceleration prior.
        size: Frames a window contributes.
        ahead: Further frames a window looks ahead.
        advance: Called with the number of frames finished.

    Returns:
        Poses of all L frames; NaN where not solved.
    """
    rotation = torch.full_like(start.rotation, torch.nan)
    translation = torch.full_like(start.translation, torch.nan)
    clock = torch.tensor(time)
    for span in runs(solved):
        for window, keep in windows(span, size=size, ahead=ahead):
            seam = max(span.start, keep.start - 2)
            frames, settled = slice(seam, window.stop), slice(seam, keep.start)
            num_held = keep.start - seam
            first = Pose(
                torch.cat([rotation[settled], start.rotation[window]]),
                torch.cat([translation[settled], start.translation[window]]),
                start.shape[frames],
            )
            solution = solve_sequence(
                problem.take(frames),
                first,
                clock[frames],
                smoothness=smoothness,
                held=torch.arange(len(first)) < num_held,
            )
            kept = slice(num_held, num_held + keep.stop - keep.start)
            rotation[keep] = solution.pose.rotation[kept]
            translation[keep] = solution.pose.translation[kept]
            advance(keep.stop - keep.start)
    return Pose(rotation, translation, start.shape)
