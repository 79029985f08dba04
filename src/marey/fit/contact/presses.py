"""What pushes bodies apart: skins, whole limbs as capsules, and limbs that went through each other.

Every press adds its gradient and a bound on its second derivative to the joints of both bodies, as
wrenches and inertias about each frame's root, and says what it costs.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from marey.fit.chain import Placed
from marey.fit.contact.capsules import Capsules, Meetings, meet, penetration_rows
from marey.fit.contact.crossed_limbs import CrossedLimbs, meet_crossed
from marey.fit.contact.penetration import split_stiffness
from marey.fit.contact.skin_contact import SkinContact


@dataclass(slots=True)
class Push:
    """What contacts do to one person's joints."""

    wrench: Float[np.ndarray, "L J 6"]
    inertia: Float[np.ndarray, "L J 6 6"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SkinPress:
    """Skins that push apart."""

    first: int
    second: int
    contact: SkinContact
    sigma: float

    def press(
        self, placed: tuple[Placed, Placed], pushes: tuple[Push, Push]
    ) -> tuple[Float[np.ndarray, "R"], Int[np.ndarray, "R"]]:
        """Add to both members' joints; return each cost and the first member's row it is of."""
        one, two = pushes
        cost = self.contact.push(
            placed, (one.wrench, two.wrench), (one.inertia, two.inertia), sigma=self.sigma
        )
        return cost, self.contact.first.frame


@dataclass(frozen=True, slots=True, kw_only=True)
class CapsulePress:
    """Capsules that push apart where they are deeper in each other than flesh gives."""

    first: int
    second: int
    capsules: tuple[Capsules, Capsules]
    pairs: Int[Tensor, "P 2"]
    rows: tuple[Int[np.ndarray, "M"], Int[np.ndarray, "M"]]
    """The common frames in either member."""
    joints: tuple[Int[np.ndarray, "K"], Int[np.ndarray, "N"]]
    """Joint that carries each point, of either chain."""
    slack: float
    sigma: float

    def press(
        self, placed: tuple[Placed, Placed], pushes: tuple[Push, Push]
    ) -> tuple[Float[np.ndarray, "R"], Int[np.ndarray, "R"]]:
        """Add to both members' joints; return each cost and the first member's row it is of."""
        one, two = _common_points(placed, self.rows)
        met = meet(one, two, *self.capsules, self.pairs, within=-self.slack)
        return _press_capsules(self, met, (one, two), placed, pushes)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossedPress:
    """Limbs that lie through each other, pushed to the side where each belongs."""

    first: int
    second: int
    capsules: tuple[Capsules, Capsules]
    crossed: CrossedLimbs
    """By common frame."""
    rows: tuple[Int[np.ndarray, "M"], Int[np.ndarray, "M"]]
    """The common frames in either member."""
    joints: tuple[Int[np.ndarray, "K"], Int[np.ndarray, "N"]]
    """Joint that carries each point, of either chain."""
    slack: float
    sigma: float

    def press(
        self, placed: tuple[Placed, Placed], pushes: tuple[Push, Push]
    ) -> tuple[Float[np.ndarray, "R"], Int[np.ndarray, "R"]]:
        """Add to both members' joints; return each cost and the first member's row it is of."""
        points = _common_points(placed, self.rows)
        met = meet_crossed(points, self.capsules, self.crossed, slack=self.slack)
        return _press_capsules(self, met, points, placed, pushes)


def _common_points(
    placed: tuple[Placed, Placed],
    rows: tuple[Int[np.ndarray, "M"], Int[np.ndarray, "M"]],
) -> tuple[Float[Tensor, "M K 3"], Float[Tensor, "M N 3"]]:
    one, two = (p.points[torch.from_numpy(r)] for p, r in zip(placed, rows, strict=True))
    return one, two


def _press_capsules(
    press: CapsulePress | CrossedPress,
    met: Meetings,
    points: tuple[Float[Tensor, "M K 3"], Float[Tensor, "M N 3"]],
    placed: tuple[Placed, Placed],
    pushes: tuple[Push, Push],
) -> tuple[Float[np.ndarray, "R"], Int[np.ndarray, "R"]]:
    """Let meetings of capsules push; return each cost and the first member's row it is of."""
    share = split_stiffness(met, met.depth.new_full((len(met.depth), 2), 0.5))
    rows = penetration_rows(met, *press.capsules, sigma=press.sigma, share=share, slack=press.slack)
    for side, own, push, at, joint, place in zip(
        (slice(0, 2), slice(2, 4)), points, pushes, press.rows, press.joints, placed, strict=True
    ):
        pull = replace(
            rows, point=rows.point[:, side], slope=rows.slope[:, side], share=rows.share[:, side]
        ).pull(*own.shape[:2])
        _add_points(push, at, joint, place, own, pull.gradient, pull.hessian)
    return rows.residual.square().numpy(), press.rows[0][met.problem.numpy()]


Contact = SkinPress | CapsulePress | CrossedPress
"""Something that keeps two members apart, or the parts of one."""


def _add_points(
    push: Push,
    rows: Int[np.ndarray, "M"],
    joint: Int[np.ndarray, "K"],
    placed: Placed,
    points: Float[Tensor, "M K 3"],
    gradient: Float[Tensor, "M K 3"],
    hessian: Float[Tensor, "M K 6"],
) -> None:
    """Add forces on points to the joints that carry them, about each frame's root."""
    at = (points - placed.joints[torch.from_numpy(rows), :1]).numpy()
    force = gradient.numpy()
    full = hessian.numpy()[..., [0, 1, 2, 1, 3, 4, 2, 4, 5]].reshape(*force.shape, 3)
    cross = np.zeros((*at.shape, 3))
    cross[..., 0, 1], cross[..., 0, 2], cross[..., 1, 2] = -at[..., 2], at[..., 1], -at[..., 0]
    cross -= cross.swapaxes(-1, -2)
    # A twist (turn, travel) moves a point by travel - [x] turn.
    phi = np.concatenate([-cross, np.broadcast_to(np.eye(3), cross.shape)], -1)
    wrench = np.einsum("mkxi,mkx->mki", phi, force)
    inertia = np.einsum("mkxi,mkxy,mkyj->mkij", phi, full, phi, optimize=True)
    np.add.at(push.wrench, (rows[:, None], joint[None]), wrench)
    np.add.at(push.inertia, (rows[:, None], joint[None]), inertia)
