"""Second and third chances: frames that a solve leaves badly explained start again elsewhere.

A fit to one view has local minima: a limb that points away instead of towards the camera, a trunk
seen from behind. More iterations do not leave them, another start does (docs/log.md). Only the
frames that need it are solved again, so that the price is a fraction of the first solve.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from marey.fit.chain import Pose, exp_so3, log_so3
from marey.fit.frames import LmOptions, Solution, put_poses, solve_frames
from marey.fit.problem import Problem, State


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartOptions:
    """When and how often to start again."""

    attempts: int = 4
    misfit: float = 4.0
    """Mean squared residual of a point, in sigmas, above which a frame is badly explained."""
    calm: float = 0.3
    """Share of every joint's turn that a calmed start keeps."""
    spread: float = 0.2
    """Size of the random turns that start elsewhere, rad per axis."""
    more_iterations: int = 5
    """Iterations added with every attempt; what is left is harder."""
    seed: int = 0


def solve_with_restarts(
    problem: Problem,
    start: Pose,
    options: LmOptions | None = None,
    restarts: RestartOptions | None = None,
) -> Solution:
    """Solve independent frames; those that end badly try other starts and keep the best.

    Args:
        problem: B problems.
        start: First poses.
        options: Of every solve.
        restarts: Of the further ones.
    """
    options, restarts = options or LmOptions(), restarts or RestartOptions()
    generator = torch.Generator().manual_seed(restarts.seed)
    best = solve_frames(problem, start, options)
    pose, loss = best.pose, best.loss
    misfit = measure_misfit(problem.evaluate(pose))
    for attempt in range(restarts.attempts):
        bad = (best.finite & (misfit > restarts.misfit)).nonzero().squeeze(-1)
        if len(bad) == 0:
            break
        part = problem.take(bad)
        again = _calm(pose[bad], restarts) if attempt % 2 == 0 else start[bad]
        again = _scatter(again, restarts.spread, generator)
        longer = options.iterations + attempt * restarts.more_iterations
        other = solve_frames(part, again, replace(options, iterations=longer))
        better = (other.loss < loss[bad]).nonzero().squeeze(-1)
        pose = put_poses(pose, bad[better], other.pose[better])
        loss = loss.index_copy(0, bad[better], other.loss[better])
        misfit = misfit.index_copy(
            0, bad[better], measure_misfit(part.take(better).evaluate(other.pose[better]))
        )
    return Solution(pose, loss, best.finite)


def measure_misfit(state: State) -> Float[Tensor, "B"]:
    """Return the mean robust cost of a measured point, in squared sigmas."""
    measured = (state.forces.hessian[..., [0, 3, 5]].sum(-1) > 0).sum(-1)
    return state.forces.loss / measured.clamp_min(1)


def _calm(pose: Pose, restarts: RestartOptions) -> Pose:
    """Keep where the body is and faces, and undo most of what its joints do."""
    turn = log_so3(pose.rotation)
    turn[:, 1:] *= restarts.calm
    return Pose(exp_so3(turn), pose.translation, torch.zeros_like(pose.shape))


def _scatter(pose: Pose, spread: float, generator: torch.Generator) -> Pose:
    noise = torch.randn(*pose.rotation.shape[:2], 3, generator=generator).to(pose.rotation)
    return Pose(pose.rotation @ exp_so3(spread * noise), pose.translation, pose.shape)
