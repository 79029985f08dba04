"""Transformer layers of the DETR kind: positions are added to queries and keys, not to values.

Shape letters: B windows, T tokens (queries), S keys, D width. `mask` is what
`scaled_dot_product_attention` takes: boolean (true where a query may look) or added to the logits.

Parameters are named as in the published checkpoints.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

_SLOPE = 0.01  # of the leaky ReLU


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
        key: Float[Tensor, "B S D"],
        value: Float[Tensor, "B S D"],
        mask: Bool[Tensor, "#T S"] | Float[Tensor, "#T S"] | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Let every query look at the keys."""
        width = query.shape[-1]
        if key is query:
            wide = functional.linear(
                query, self.in_proj_weight[: 2 * width], self.in_proj_bias[: 2 * width]
            )
            q, k = wide.split(width, -1)
        else:
            q = functional.linear(query, self.in_proj_weight[:width], self.in_proj_bias[:width])
            k = functional.linear(
                key, self.in_proj_weight[width : 2 * width], self.in_proj_bias[width : 2 * width]
            )
        v = functional.linear(
            value, self.in_proj_weight[2 * width :], self.in_proj_bias[2 * width :]
        )
        seen = functional.scaled_dot_product_attention(
            self._split(q),
            self._split(k),
            self._split(v),
            attn_mask=mask if mask is None or mask.dtype == torch.bool else mask.to(q.dtype),
            dropout_p=self.dropout if self.training else 0.0,
        )
        return self.out_proj(seen.transpose(1, 2).flatten(2))

    def _split(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B heads T d"]:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward network."""

    def __init__(self, width: int, *, heads: int, inner: int, dropout: float, pre_norm: bool):
        super().__init__()
        self.pre_norm = pre_norm
        self.self_attn = Attention(width, heads=heads, dropout=dropout)
        self.linear1, self.linear2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        position: Float[Tensor, "T D"],
        mask: Bool[Tensor, "T S"] | None,
        *,
        every: int = 1,
    ) -> Float[Tensor, "B T D"]:
        """Refine tokens that look at every `every`-th one of them."""
        if self.pre_norm:
            x = x + self._attend(self.norm1(x), position, mask, every)
            return x + self._feed(self.norm2(x))
        x = self.norm1(x + self._attend(x, position, mask, every))
        return self.norm2(x + self._feed(x))

    def _attend(self, x: Tensor, position: Tensor, mask: Tensor | None, every: int) -> Tensor:
        query = x + position
        key, value = (query, x) if every == 1 else (query[:, ::every], x[:, ::every])
        return self.dropout(self.self_attn(query, key, value, mask))

    def _feed(self, x: Tensor) -> Tensor:
        inner = functional.leaky_relu(self.linear1(x), _SLOPE)
        return self.dropout(self.linear2(self.dropout(inner)))


class DecoderLayer(nn.Module):
    """Self-attention, attention to the memory, feed-forward network."""

    def __init__(self, width: int, *, heads: int, inner: int, dropout: float, pre_norm: bool):
        super().__init__()
        self.pre_norm = pre_norm
        self.self_attn = Attention(width, heads=heads, dropout=dropout)
        self.multihead_attn = Attention(width, heads=heads, dropout=dropout)
        self.linear1, self.linear2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        position: Float[Tensor, "T D"],
        memory: Float[Tensor, "B S D"],
        key: Float[Tensor, "B S D"],
        bias: Float[Tensor, "1 S"] | None,
    ) -> Float[Tensor, "B T D"]:
        """Refine tokens.

        Args:
            x: The tokens.
            position: Their position embedding.
            memory: What the encoder found.
            key: The memory with its position embedding.
            bias: Added to the logits of the memory.
        """
        if self.pre_norm:
            x = x + self._attend(self.norm1(x), position)
            x = x + self._recall(self.norm2(x), position, memory, key, bias)
            return x + self._feed(self.norm3(x))
        x = self.norm1(x + self._attend(x, position))
        x = self.norm2(x + self._recall(x, position, memory, key, bias))
        return self.norm3(x + self._feed(x))

    def _attend(self, x: Tensor, position: Tensor) -> Tensor:
        query = x + position
        return self.dropout(self.self_attn(query, query, x))

    def _recall(
        self, x: Tensor, position: Tensor, memory: Tensor, key: Tensor, bias: Tensor | None
    ) -> Tensor:
        return self.dropout(self.multihead_attn(x + position, key, memory, bias))

    def _feed(self, x: Tensor) -> Tensor:
        inner = functional.leaky_relu(self.linear1(x), _SLOPE)
        return self.dropout(self.linear2(self.dropout(inner)))
