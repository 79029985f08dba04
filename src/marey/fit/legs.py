"""Legs that put the feet where they should be and otherwise keep their pose."""

import numpy as np
import torch
from jaxtyping import Float

from marey.core import Rig
from marey.fit.chain import Chain, Pose, make_chain
from marey.fit.costs import PointAnchor, RelativePoints, RotationPrior
from marey.fit.frames import LmOptions, solve_frames
from marey.fit.problem import Problem, pose_columns
from marey.fit.rig_frames import rest_positions
from marey.fit.tree import place_fast

_LEGS = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("hip", "knee", "ankle"))
_ARM_M = 0.1
"""How far the arrows that show a joint's orientation are from it."""
_FOOT_SIGMA, _ARROW_SIGMA, _ROOT_SIGMA = 0.001, 0.02, 0.02
_OPTIONS = LmOptions(iterations=12, damping=1e-2, tolerance=1e-3)


def keep_feet(
    rig: Rig,
    places: dict[str, int],
    local: Float[np.ndarray, "T K 3 3"],
    root: Float[np.ndarray, "T 3"],
    wanted: dict[str, Float[np.ndarray, "T 3"]],
) -> tuple[Float[np.ndarray, "T K 3 3"], Float[np.ndarray, "T 3"], Float[np.ndarray, "T"]]:
    """Bend hips, knees and ankles until the feet are where they should be.

    Args:
        rig: The rig.
        places: Row of each of marey's joints; 0 is the root.
        local: Rotations of the root in the world and of joints relative to their parents.
        root: Position of the root, m.
        wanted: Where ankles and toes should be, m.

    Returns:
        Rotations, root positions, and the root mean square distance left, m.
    """
    legs = [places[name] for name in _LEGS if name in places]
    chain = _leg_chain(rig, sorted({0, *legs}), [places[name] for name in wanted])
    start = Pose(
        torch.from_numpy(local).float(),
        # Relative to the root, so that single precision is enough for long ways.
        torch.zeros(len(root), 3),
        torch.zeros(len(root), 0),
    )
    goal = torch.from_numpy(np.stack(list(wanted.values()), 1) - root[:, None]).float()
    problem = _problem(chain, start, goal, tuple(chain.joints[row] for row in legs))
    pose = solve_frames(problem, start, _OPTIONS).pose
    found = place_fast(chain, pose).points[:, -goal.shape[1] :]
    left = (found - goal).square().sum(-1).mean(-1).sqrt()
    moved = root + pose.translation.numpy()
    return pose.rotation.numpy().astype(np.float64), moved, left.numpy()


def _problem(
    chain: Chain, start: Pose, goal: Float[torch.Tensor, "B A 3"], legs: tuple[str, ...]
) -> Problem:
    num_arrows = len(chain.points) - goal.shape[1] - 1
    now = place_fast(chain, start).points
    ones = torch.ones(len(goal), 1, 1)
    free = torch.zeros(len(chain.joints), 3)
    far = torch.full_like(free, 10.0)
    costs = (
        RelativePoints(
            point=torch.arange(num_arrows),
            observed=now[:, :num_arrows],
            weight=(ones / _ARROW_SIGMA).expand(-1, num_arrows, 3),
            width=100.0,
        ),
        PointAnchor(
            point=torch.tensor([num_arrows]),
            target=now[:, num_arrows : num_arrows + 1],
            weight=(ones / _ROOT_SIGMA).expand(-1, 1, 3),
        ),
        PointAnchor(
            point=torch.arange(num_arrows + 1, len(chain.points)),
            target=goal,
            weight=(ones / _FOOT_SIGMA).expand(-1, goal.shape[1], 3),
        ),
    )
    return Problem(
        chain=chain,
        costs=costs,
        prior=RotationPrior(mean=free, sigma=torch.full_like(free, torch.inf), low=-far, high=far),
        active=pose_columns(chain, legs),
    )


def _leg_chain(rig: Rig, arrows: list[int], feet: list[int]) -> Chain:
    """Return the rig with three arrows on some joints, the root itself, and the feet as points."""
    rest = torch.from_numpy(rest_positions(rig)).float()
    names = tuple(f"{row}" for row in range(len(rest)))
    none = rest.new_zeros(3, 0)
    points = {
        f"{row}:{axis}": (row, rest[row] + _ARM_M * torch.eye(3)[axis], none)
        for row in arrows
        for axis in range(3)
    }
    points["root"] = (0, rest[0], none)
    points |= {f"foot {row}": (row, rest[row], none) for row in feet}
    parents = (-1, *(parent + 1 for parent in rig.parents))
    return make_chain(names, parents, rest, rest.new_zeros(len(rest), 3, 0), points=points)
