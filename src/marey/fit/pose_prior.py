"""A body-pose prior learned from motion capture: a pull to the mean, and limits of each joint.

Per joint, with R its rotation in the rest pose's axes (T-pose, +X to the person's left, +Y up, +Z
forward), the residuals are

    pull:    w W^T log(M^T R)              3 rows; M the mean, W W^T the inverse covariance,
    limits:  max(0, <N_h, R> - c_h) / s    one row per half-space h of the rotation matrix.

<N, R> sums the products of the nine numbers. A half-space is a cone (some axis of the bone stays
away from some direction) if N has rank one, or a ball around a rotation if N is a multiple of a
rotation; no angle is unwrapped, so the limits do not jump at half a turn. N and c are scaled so
that the excess is about an angle in rad. Inside its limits a joint's cost and gradient are zero.

No residual couples two joints: a residual's derivative is by the local increment of its one joint,
R <- R exp([d]x). Everything a compiled kernel needs is in plain arrays of `PosePrior`: the rows of
the limits are dot products of nine numbers and a hinge.

The shipped prior's card says what it was learned from and what it accepts.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from marey.assets import find_asset
from marey.core.skeleton import mirror_name
from marey.geometry.rotation import left_jacobian_inverse, matrix_to_rotvec

ASSET, FILE = "pose-prior", "pose_prior.npz"

TOLERANCE_RAD = float(np.radians(5.0))
"""How far beyond its limits a joint may be in a pose that still counts as plausible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PosePrior:
    """The prior of the J joints of a chain; joints that it does not know have no rows.

    G joints have a pull, H half-spaces limit.
    """

    joints: tuple[str, ...]
    mean: Float[Tensor, "G 3 3"]
    """Mean rotations."""
    whiten: Float[Tensor, "G 3 3"]
    """W^T: takes log(M^T R) to standard deviations."""
    pull_joint: Int[Tensor, "G"]
    normal: Float[Tensor, "H 3 3"]
    bound: Float[Tensor, "H"]
    limit_joint: Int[Tensor, "H"]
    """In ascending order."""
    pull_weight: float = 0.6
    """w; 1 is the Gaussian of the recordings (docs/log.md says why it is less)."""
    limit_sigma: float = 0.08
    """s, rad."""

    @property
    def row_joint(self) -> Int[Tensor, "R"]:
        """The joint of each residual: three rows per pull, then the limits."""
        return torch.cat([self.pull_joint.repeat_interleave(3), self.limit_joint])

    def to(self, dtype: torch.dtype, device: torch.device | str | None = None) -> "PosePrior":
        """Return the prior in another precision or place."""
        index = self.pull_joint.device if device is None else device
        return PosePrior(
            joints=self.joints,
            mean=self.mean.to(index, dtype),
            whiten=self.whiten.to(index, dtype),
            pull_joint=self.pull_joint.to(index),
            normal=self.normal.to(index, dtype),
            bound=self.bound.to(index, dtype),
            limit_joint=self.limit_joint.to(index),
            pull_weight=self.pull_weight,
            limit_sigma=self.limit_sigma,
        )


@dataclass(frozen=True, slots=True)
class PriorLinear:
    """R residuals of B poses and their derivatives by the local increment of each row's joint."""

    residual: Float[Tensor, "B R"]
    jacobian: Float[Tensor, "B R 3"]
    row_joint: Int[Tensor, "R"]


def residual(prior: PosePrior, rotation: Float[Tensor, "B J 3 3"]) -> Float[Tensor, "B R"]:
    """Return the whitened residuals: three rows per pull, then the limits."""
    vector = _from_mean(prior, rotation)
    near = prior.pull_weight * (prior.whiten @ vector.unsqueeze(-1)).squeeze(-1)
    beyond = _excess(prior, rotation).clamp_min(0) / prior.limit_sigma
    return torch.cat([near.flatten(1), beyond], 1)


def linearise(prior: PosePrior, rotation: Float[Tensor, "B J 3 3"]) -> PriorLinear:
    """Return residuals and derivatives by R <- R exp([d]x).

    d log(M^T R exp([d]x)) / dd is the inverse right Jacobian; d <N, R exp([d]x)> / dd is the axial
    vector of A - A^T with A = R^T N.
    """
    vector = _from_mean(prior, rotation)
    near = prior.pull_weight * (prior.whiten @ vector.unsqueeze(-1)).squeeze(-1)
    # The inverse right Jacobian is the transposed inverse left one.
    by_near = prior.pull_weight * prior.whiten @ left_jacobian_inverse(vector).transpose(-1, -2)
    excess = _excess(prior, rotation)
    A = rotation[:, prior.limit_joint].transpose(-1, -2) @ prior.normal
    axial = torch.stack(
        [A[..., 2, 1] - A[..., 1, 2], A[..., 0, 2] - A[..., 2, 0], A[..., 1, 0] - A[..., 0, 1]], -1
    )
    by_limit = axial * ((excess > 0).unsqueeze(-1) / prior.limit_sigma)
    return PriorLinear(
        torch.cat([near.flatten(1), excess.clamp_min(0) / prior.limit_sigma], 1),
        torch.cat([by_near.flatten(1, 2), by_limit], 1),
        prior.row_joint,
    )


def joint_excess(prior: PosePrior, rotation: Float[Tensor, "B J 3 3"]) -> Float[Tensor, "B J"]:
    """Return how far each joint is beyond its limits, about rad; 0 inside and without limits."""
    excess = _excess(prior, rotation).clamp_min(0)
    worst = excess.new_zeros(len(excess), len(prior.joints))
    index = prior.limit_joint.expand(len(excess), -1)
    return worst.scatter_reduce(1, index, excess, "amax", include_self=True)


def is_plausible(
    prior: PosePrior,
    rotation: Float[Tensor, "B J 3 3"],
    *,
    tolerance_rad: float = TOLERANCE_RAD,
) -> Bool[Tensor, "B"]:
    """Return whether no joint of a pose is beyond its limits by more than a tolerance.

    A rotation that is not finite is not plausible.
    """
    within = (joint_excess(prior, rotation) <= tolerance_rad).all(1)
    return within & rotation.isfinite().flatten(1).all(1)


def load_pose_prior(joints: tuple[str, ...] | None = None) -> PosePrior:
    """Load the prior that marey ships.

    Args:
        joints: Joint names of a chain, in its order; those that the prior does not know (the root,
            eyes) get no rows. None: the prior's own joints, SMPL-H's below the root, and the jaw.

    Raises:
        MissingAssetError: If the asset is not installed.
    """
    data = _read()
    own = [str(name) for name in data["joints"]]
    joints = tuple(own) if joints is None else joints
    place = [joints.index(name) if name in joints else -1 for name in own]
    pulls = _order([place[k] for k in range(len(own))])
    limits = _order([place[k] for k in data["limit_joint"]])
    return PosePrior(
        joints=joints,
        mean=torch.from_numpy(data["mean"][pulls]),
        whiten=torch.from_numpy(data["whiten"][pulls]),
        pull_joint=torch.tensor([place[k] for k in pulls], dtype=torch.long),
        normal=torch.from_numpy(data["normal"][limits]),
        bound=torch.from_numpy(data["bound"][limits]),
        limit_joint=torch.tensor([place[data["limit_joint"][k]] for k in limits], dtype=torch.long),
    )


def _order(places: list[int]) -> list[int]:
    """Return the numbers of the rows that are used, sorted by joint."""
    return sorted((row for row, place in enumerate(places) if place >= 0), key=places.__getitem__)


@cache
def _read() -> dict[str, np.ndarray]:
    """Read the left and middle joints of the asset and add the right ones by reflection."""
    with np.load(find_asset(ASSET, FILE), allow_pickle=False) as file:
        data = {key: file[key] for key in file.files}
    names = [str(name) for name in data["joints"]]
    limit_joint = data["limit_joint"].astype(np.int64)
    sided = [k for k, name in enumerate(names) if mirror_name(name) != name]
    rows = np.isin(limit_joint, sided)
    flip = np.diag([-1.0, 1.0, 1.0]).astype(np.float32)
    # A rotation vector (x, y, z) becomes (x, -y, -z) on the other side.
    turn = np.diag([1.0, -1.0, -1.0]).astype(np.float32)
    number = {k: len(names) + row for row, k in enumerate(sided)}
    other = np.array([number[k] for k in limit_joint[rows]], np.int64)
    return {
        "joints": np.array([*names, *(mirror_name(names[k]) for k in sided)]),
        "mean": np.concatenate([data["mean"], flip @ data["mean"][sided] @ flip]),
        "whiten": np.concatenate([data["whiten"], data["whiten"][sided] @ turn]),
        "normal": np.concatenate([data["normal"], flip @ data["normal"][rows] @ flip]),
        "bound": np.concatenate([data["bound"], data["bound"][rows]]),
        "limit_joint": np.concatenate([limit_joint, other]),
    }


def _from_mean(prior: PosePrior, rotation: Tensor) -> Float[Tensor, "B G 3"]:
    return matrix_to_rotvec(prior.mean.transpose(-1, -2) @ rotation[:, prior.pull_joint])


def _excess(prior: PosePrior, rotation: Tensor) -> Float[Tensor, "B H"]:
    products = rotation[:, prior.limit_joint] * prior.normal
    return products.sum((-1, -2)) - prior.bound
