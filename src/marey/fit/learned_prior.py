"""The learned pose prior as a solver wants it: cost and normal equations of every joint, compiled.

`pose_prior` is the mathematics, and its torch functions are the reference of the kernel here.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from marey.fit._prior_numba import prior_kernel
from marey.fit.chain import Pose
from marey.fit.pose_prior import PosePrior, load_pose_prior, residual

_UNKNOWN_SIGMA = 0.3
"""Spread about rest of joints that no motion capture shows (eyes, SMPL's hands), rad."""


def load_learned_prior(joints: tuple[str, ...]) -> "LearnedPrior":
    """Load the shipped prior for a chain.

    Args:
        joints: Joint names, the root first; the root is free. Joints that the prior does not know
            stay near rest.
    """
    prior = load_pose_prior(joints)
    known = set(prior.pull_joint.tolist())
    unknown = [row for row in range(1, len(joints)) if row not in known]
    rest = torch.eye(3).expand(len(unknown), 3, 3)
    pulled = torch.cat([prior.pull_joint, torch.tensor(unknown, dtype=torch.long)])
    hold = rest / (_UNKNOWN_SIGMA * prior.pull_weight)
    return LearnedPrior(
        replace(
            prior,
            mean=torch.cat([prior.mean, rest]),
            whiten=torch.cat([prior.whiten, hold]),
            pull_joint=pulled,
        )
    )


@dataclass(frozen=True)
class LearnedPrior:
    """A pose prior of the joints of a chain, as a cost of `Problem`."""

    prior: PosePrior

    def loss(self, pose: Pose) -> Float[Tensor, "B"]:
        """Cost of each problem."""
        if torch.is_grad_enabled() and pose.rotation.requires_grad:
            return residual(self.prior, pose.rotation).square().sum(-1)
        return torch.from_numpy(self._evaluate(pose)[0])

    def normal(self, pose: Pose) -> tuple[Float[Tensor, "B J 3 3"], Float[Tensor, "B J 3"]]:
        """Return the blocks of J^T J and of J^T r: the cost never couples two joints."""
        _, blocks, pulls = self._evaluate(pose)
        return torch.from_numpy(blocks), torch.from_numpy(pulls)

    def _evaluate(self, pose: Pose) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rotation = np.ascontiguousarray(pose.rotation.detach().numpy())
        people, joints = rotation.shape[:2]
        loss = np.empty(people, rotation.dtype)
        blocks = np.empty((people, joints, 3, 3), rotation.dtype)
        pulls = np.empty((people, joints, 3), rotation.dtype)
        tables = [table.astype(rotation.dtype, copy=False) for table in self._tables]
        mean, whiten, normal, bound = tables
        prior = self.prior
        prior_kernel(
            rotation,
            mean,
            whiten,
            prior.pull_joint.numpy(),
            rotation.dtype.type(prior.pull_weight),
            normal,
            bound,
            prior.limit_joint.numpy(),
            rotation.dtype.type(prior.limit_sigma),
            loss,
            blocks,
            pulls,
        )
        return loss, blocks, pulls

    @cached_property
    def _tables(self) -> tuple[np.ndarray, ...]:
        prior = self.prior
        parts = (prior.mean, prior.whiten, prior.normal.flatten(1), prior.bound)
        return tuple(np.ascontiguousarray(part.numpy()) for part in parts)
