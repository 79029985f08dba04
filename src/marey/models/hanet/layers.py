"""Transformer layers of the DETR kind: positions are added to queries and keys, not to values.

Shape letters: B windows, T tokens (queries), S keys, D width, E another width. `bias` is added to
the logits of attention: minus infinity where a query may not look.

Parameters are named as in the published checkpoints.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from marey.models.hanet.attention import Attention

_SLOPE = 0.01  # of the leaky ReLU


class Layer(nn.Module):
    """What encoder and decoder layers share: self-attention and a feed-forward network."""

    def __init__(self, width: int, *, heads: int, inner: int, dropout: float, pre_norm: bool):
        super().__init__()
        self.pre_norm, self.dropout = pre_norm, dropout
        self.self_attn = Attention(width, heads=heads, dropout=dropout)
        self.linear1, self.linear2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def _attend(self, x: Tensor, position: Tensor, bias: Tensor | None, every: int = 1) -> Tensor:
        return self._drop(self.self_attn(x + position, x, bias, every=every))

    def _feed(self, x: Tensor) -> Tensor:
        return self._drop(self.linear2(self._widen(x)))

    def _widen(self, x: Tensor) -> Tensor:
        return self._drop(functional.leaky_relu_(self.linear1(x), _SLOPE))

    def _drop(self, x: Tensor) -> Tensor:
        return functional.dropout(x, self.dropout) if self.training else x


class EncoderLayer(Layer):
    """Self-attention and feed-forward network."""

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        position: Float[Tensor, "T D"],
        bias: Float[Tensor, "T S"] | None,
        *,
        every: int = 1,
    ) -> Float[Tensor, "B T D"]:
        """Refine tokens that look at every `every`-th one of them."""
        x = self._look_around(x, position, bias, every)
        return x + self._feed(self.norm2(x)) if self.pre_norm else self.norm2(x + self._feed(x))

    def forward_into(
        self,
        last: nn.Linear,
        x: Float[Tensor, "B T D"],
        position: Float[Tensor, "T D"],
        bias: Float[Tensor, "T S"] | None,
        *,
        every: int = 1,
    ) -> Float[Tensor, "B T E"]:
        """Return `last(forward(...))`, faster where only that is wanted of the result.

        Nothing comes between the feed-forward network's second linear map and `last` in a pre-norm
        layer, and two linear maps are one. That pays with more tokens than it takes to multiply
        the two; in training there is dropout between them.
        """
        tokens = x.shape[0] * x.shape[1]
        if not self.pre_norm or self.training or tokens < 2 * last.out_features:
            return last(self.forward(x, position, bias, every=every))
        x = self._look_around(x, position, bias, every)
        inner = functional.linear(self._widen(self.norm2(x)), last.weight @ self.linear2.weight)
        return last(x + self.linear2.bias) + inner

    def _look_around(self, x: Tensor, position: Tensor, bias: Tensor | None, every: int) -> Tensor:
        if self.pre_norm:
            return x + self._attend(self.norm1(x), position, bias, every)
        return self.norm1(x + self._attend(x, position, bias, every))


class DecoderLayer(Layer):
    """Self-attention, attention to the memory, feed-forward network."""

    def __init__(self, width: int, *, heads: int, inner: int, dropout: float, pre_norm: bool):
        super().__init__(width, heads=heads, inner=inner, dropout=dropout, pre_norm=pre_norm)
        self.multihead_attn = Attention(width, heads=heads, dropout=dropout)
        self.norm3 = nn.LayerNorm(width)

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
            x = x + self._attend(self.norm1(x), position, None)
            x = x + self._recall(self.norm2(x), position, memory, key, bias)
            return x + self._feed(self.norm3(x))
        x = self.norm1(x + self._attend(x, position, None))
        x = self.norm2(x + self._recall(x, position, memory, key, bias))
        return self.norm3(x + self._feed(x))

    def _recall(
        self, x: Tensor, position: Tensor, memory: Tensor, key: Tensor, bias: Tensor | None
    ) -> Tensor:
        return self._drop(self.multihead_attn.recall(x + position, key, memory, bias))
