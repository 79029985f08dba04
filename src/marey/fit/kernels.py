"""Robust kernels: what a large residual costs, and how much it still pulls.

A kernel turns the squared, whitened residual s of a measurement into a cost, and its derivative
into the weight of the measurement's rows (iteratively reweighted least squares):

    none            s                                 weight 1
    huber           2 w sqrt(s) - w^2 beyond w        w / sqrt(s) beyond w      (Huber 1964)
    geman-mcclure   s / (1 + s / w^2)                 (1 + s / w^2)^-2          (1987)

Huber's grows linearly: every residual keeps some pull and there is one minimum. Geman-McClure's is
bounded: what lies far out loses its pull, so gross errors do no harm, and neither do they move.
"""

from typing import Literal

import torch
from torch import Tensor

KernelName = Literal["none", "huber", "geman-mcclure"]


def robust_cost(squared: Tensor, width: float, kernel: KernelName) -> Tensor:
    """Return what squared residuals cost; `width` is where a kernel leaves the parabola."""
    if kernel == "huber":
        return huber(squared, width)
    return geman_mcclure(squared, width) if kernel == "geman-mcclure" else squared


def robust_weight(squared: Tensor, width: float, kernel: KernelName) -> Tensor:
    """Return the derivative of `robust_cost` by the squared residual."""
    if kernel == "huber":
        return huber_weight(squared, width)
    if kernel == "geman-mcclure":
        return geman_mcclure_weight(squared, width)
    return torch.ones_like(squared)


def huber(squared: Tensor, width: float) -> Tensor:
    """Robust cost: s up to width^2, then 2 width sqrt(s) - width^2."""
    far = 2 * width * squared.clamp_min(width**2).sqrt() - width**2
    return torch.where(squared <= width**2, squared, far)


def huber_weight(squared: Tensor, width: float) -> Tensor:
    """Derivative of `huber` by the squared residual."""
    return width * squared.clamp_min(width**2).rsqrt()


def geman_mcclure(squared: Tensor, width: float) -> Tensor:
    """Robust cost s / (1 + s / width^2): quadratic near zero, at most width^2."""
    # By way of reciprocals, so that a residual whose square overflows costs width^2 and not NaN.
    return 1 / (1 / squared + 1 / width**2)


def geman_mcclure_weight(squared: Tensor, width: float) -> Tensor:
    """Derivative of `geman_mcclure` by the squared residual: the weight of a row."""
    return (1 + squared / width**2).pow(-2)


def pseudo_huber(squared: Tensor, width: float) -> Tensor:
    """Robust cost 2 w^2 (sqrt(1 + s / w^2) - 1): quadratic near zero, linear far out."""
    return 2 * width**2 * ((1 + squared / width**2).sqrt() - 1)


def pseudo_huber_weight(squared: Tensor, width: float) -> Tensor:
    """Derivative of `pseudo_huber` by the squared residual."""
    return (1 + squared / width**2).rsqrt()
