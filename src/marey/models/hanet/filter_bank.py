"""Classical filters inside the network, which chooses between them for every joint and frame.

Not in the paper. A network of width H cannot subtract independent jitter of more than H channels:
all it says goes through H numbers. Here the smoothing itself is done by fixed filters (none,
Gaussians, a median against outliers) on the channels as they are, and the network says per joint
how to mix them: hardly at all where a limb is fast, strongly where it rests, the median where it is
exchanged.

Shape letters: B windows, L frames, K joints, D channels of a joint, M filters.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

SPREADS = (0.8, 1.6, 3.0)
"""Of the Gaussians, frames."""
MEDIAN = 7
NUM_FILTERS = 2 + len(SPREADS)
START = 2
"""The filter an untrained network chooses: a Gaussian of 1.6 frames."""
_TRUST = 3.0
"""Logit of that choice."""


class FilterBank(nn.Module):
    """Mixes filtered versions of the input by weights from tokens."""

    def __init__(self, width: int, num_joints: int, joint_channels: int):
        """Prepare filters of windows of `num_joints * joint_channels` channels."""
        super().__init__()
        self.num_joints, self.joint_channels = num_joints, joint_channels
        self.residual_embed = nn.Conv1d(num_joints, width, kernel_size=5, padding=2)
        self.gate = nn.Linear(width, num_joints * NUM_FILTERS)

    def reset(self) -> None:
        """Let the choice begin with the same filter everywhere."""
        nn.init.zeros_(self.gate.weight)
        with torch.no_grad():
            bias = torch.zeros(self.num_joints, NUM_FILTERS)
            bias[:, START] = _TRUST
            self.gate.bias.copy_(bias.flatten())

    def filter(self, x: Float[Tensor, "B L C"]) -> Float[Tensor, "M B L C"]:
        """Return the input, its Gaussians and its median; ends are continued by their values."""
        reach = MEDIAN // 2
        padded = torch.cat([x[:, :1].expand(-1, reach, -1), x, x[:, -1:].expand(-1, reach, -1)], 1)
        median = padded.unfold(1, MEDIAN, 1).median(-1).values
        return torch.stack([x, *(_gaussian(x, spread) for spread in SPREADS), median])

    def rest(
        self, x: Float[Tensor, "B L C"], smooth: Float[Tensor, "B L C"]
    ) -> Float[Tensor, "B L H"]:
        """Tell the tokens how far each joint is from its smooth path."""
        far = (x - smooth).unflatten(-1, (self.num_joints, self.joint_channels)).norm(dim=-1)
        weight = self.residual_embed.weight
        return self.residual_embed(far.to(weight.dtype).mT).mT

    def mix(
        self, bank: Float[Tensor, "M B L C"], token: Float[Tensor, "B L H"]
    ) -> Float[Tensor, "B L C"]:
        """Return the mixture the tokens choose."""
        share = self.gate(token).unflatten(-1, (self.num_joints, NUM_FILTERS)).softmax(-1)
        joints = bank.unflatten(-1, (self.num_joints, self.joint_channels))
        return torch.einsum("mblkd,blkm->blkd", joints, share.to(bank.dtype)).flatten(-2)


def _gaussian(x: Float[Tensor, "B L C"], spread: float) -> Float[Tensor, "B L C"]:
    # As a matrix over time: the kernel, cut off at the ends and normed again by holding the ends.
    frames = x.shape[1]
    reach = int(4 * spread + 0.5)
    offset = torch.arange(-reach, reach + 1, device=x.device)
    kernel = torch.exp(-0.5 * (offset / spread) ** 2).to(x.dtype)
    kernel = kernel / kernel.sum()
    at = (torch.arange(frames, device=x.device)[:, None] + offset).clamp(0, frames - 1)
    matrix = x.new_zeros(frames, frames).scatter_add_(1, at, kernel.expand(frames, -1))
    return matrix @ x
