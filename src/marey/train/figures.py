"""How good a network is on pairs it does not learn from."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from marey.evaluate.motion import acceleration_error, peak_velocity_loss
from marey.evaluate.positions import joint_errors

Pair = tuple[Float[Tensor, "B L C"], Float[Tensor, "B L C"]]
ToPoints = Callable[[Float[Tensor, "B L C"]], Float[Tensor, "B L K 3"]]


def measure_pairs(
    refine: Callable[[Float[Tensor, "B L C"]], Float[Tensor, "B L C"]],
    pairs: Sequence[Pair],
    to_points: ToPoints,
    *,
    rate: float,
) -> dict[str, float]:
    """Return MPJPE (mm), acceleration error (m/s^2) and the loss of peak velocity (a share).

    Args:
        refine: What is measured; the identity measures the input.
        pairs: Noisy and true windows.
        to_points: From channels to points in m.
        rate: Frames per second.
    """
    with torch.no_grad():
        found = np.concatenate([to_points(refine(noisy)).double().numpy() for noisy, _ in pairs])
        truth = np.concatenate([to_points(clean).double().numpy() for _, clean in pairs])
    return {
        "mpjpe_mm": 1000 * float(joint_errors(found, truth).mean()),
        "acceleration_error": acceleration_error(found, truth, frame_rate=rate).value,
        "peak_velocity_loss": peak_velocity_loss(found, truth).value,
    }
