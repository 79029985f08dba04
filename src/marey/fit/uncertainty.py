"""How well a fit knows each joint: standard deviations from the Gauss-Newton information.

At a minimum the covariance of the parameters is about the inverse of J^T J, whitened residuals and
priors included (Laplace's approximation). It is conditional: what a stage holds counts as known,
and in a sequence the neighbours' help is not counted. A point that a robust kernel has put aside
says nothing.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from marey.fit.chain import Pose
from marey.fit.problem import Problem


def joint_sigmas(problem: Problem, pose: Pose) -> Float[Tensor, "B J 3"]:
    """Return the standard deviation of every joint's turn about its own three axes, rad.

    Args:
        problem: B problems, their shape fixed.
        pose: Their solutions.

    Returns:
        NaN for joints that may not turn and for problems that are not finite; infinite where
        nothing at all decides.
    """
    assert not problem.moves_shape
    hessian = problem.dense(problem.evaluate(pose)).hessian.double()
    factor, failed = torch.linalg.cholesky_ex(hessian)
    eye = torch.eye(hessian.shape[-1], dtype=hessian.dtype)
    sound = (failed == 0)[:, None, None]
    variance = torch.cholesky_inverse(torch.where(sound, factor, eye)).diagonal(dim1=1, dim2=2)
    finite = torch.isfinite(hessian).all(-1).all(-1)
    sigma = variance.sqrt().masked_fill(~sound[..., 0], torch.inf)
    sigma = sigma.masked_fill(~finite[:, None], torch.nan)
    num_turns = 3 * len(problem.chain.joints)
    full = sigma.new_full((len(sigma), num_turns), torch.nan)
    turning = problem.active < num_turns
    full[:, problem.active[turning]] = sigma[:, turning]
    return full.unflatten(1, (-1, 3)).to(pose.rotation.dtype)
