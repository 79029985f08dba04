"""Multi-head attention, written so that narrow heads are fast on a CPU.

Shape letters: B windows, T tokens (queries), S keys, D width, d width of a head, P pairs of window
and head. `bias` is added to the logits: minus infinity where a query may not look.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

_NARROW = 32
"""Up to this width of a head two matrix products beat torch's fused attention on a CPU."""


class Attention(nn.Module):
    """Multi-head attention with the parameters of `torch.nn.MultiheadAttention`."""

    def __init__(self, width: int, *, heads: int, dropout: float):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query: Float[Tensor, "B T D"],
        value: Float[Tensor, "B T D"],
        bias: Float[Tensor, "#T S"] | None = None,
        *,
        every: int = 1,
    ) -> Float[Tensor, "B T D"]:
        """Let tokens look at every `every`-th one of themselves.

        Args:
            query: The tokens with their positions, queries and keys at once.
            value: The tokens.
            bias: Added to the logits.
            every: Which tokens are looked at.
        """
        width = query.shape[-1]
        weight, added = self.in_proj_weight, self.in_proj_bias
        if every == 1:
            both = functional.linear(query, weight[: 2 * width], added[: 2 * width])
            q, k = both.chunk(2, -1)
        else:
            q = functional.linear(query, weight[:width], added[:width])
            looked_at, value = query[:, ::every], value[:, ::every]
            k = functional.linear(looked_at, weight[width : 2 * width], added[width : 2 * width])
        v = functional.linear(value, weight[2 * width :], added[2 * width :])
        return self._mix(q, k, v, bias)

    def recall(
        self,
        query: Float[Tensor, "B T D"],
        key: Float[Tensor, "B S D"],
        value: Float[Tensor, "B S D"],
        bias: Float[Tensor, "#T S"] | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Let tokens look at something else."""
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        q, k, v = map(functional.linear, (query, key, value), weights, biases)
        return self._mix(q, k, v, bias)

    def _mix(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        narrow = q.device.type == "cpu" and q.shape[-1] <= _NARROW * self.heads
        mix = mix_narrow if narrow else mix_fused
        return self.out_proj(mix(q, k, v, bias, heads=self.heads, dropout=dropout))


def mix_fused(
    q: Float[Tensor, "B T D"],
    k: Float[Tensor, "B S D"],
    v: Float[Tensor, "B S D"],
    bias: Float[Tensor, "#T S"] | None,
    *,
    heads: int,
    dropout: float = 0.0,
) -> Float[Tensor, "B T D"]:
    """Return the values weighted by how well their keys fit the queries."""
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=dropout)
    return mixed.transpose(1, 2).flatten(2)


def mix_narrow(
    q: Float[Tensor, "B T D"],
    k: Float[Tensor, "B S D"],
    v: Float[Tensor, "B S D"],
    bias: Float[Tensor, "#T S"] | None,
    *,
    heads: int,
    dropout: float = 0.0,
) -> Float[Tensor, "B T D"]:
    """Do the same as `mix_fused` by two products of matrices.

    The second is taken transposed: with the frames innermost, and not the few channels of a head,
    it is three times as fast.
    """
    (batch, frames, width), head = q.shape, q.shape[-1] // heads
    q = (q * head**-0.5).view(batch, frames, heads, head).transpose(1, 2).reshape(-1, frames, head)
    k, v = (x.unflatten(-1, (heads, head)).permute(0, 2, 3, 1) for x in (k, v))
    k, v = (x.reshape(batch * heads, head, -1) for x in (k, v))
    logits = torch.bmm(q, k)
    weight = (logits if bias is None else logits + bias).softmax(-1)
    if dropout:
        weight = functional.dropout(weight, dropout)
    mixed = torch.bmm(v, weight.mT).view(batch, heads, head, frames)
    return mixed.permute(0, 3, 1, 2).reshape(batch, frames, width)
