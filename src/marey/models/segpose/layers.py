"""A vision transformer's parts (Dosovitskiy et al., 2021), named as in ViTPose's weights."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from marey.models.segpose.config import PADDING, PATCH

EPSILON = 1e-6


class PatchEmbed(nn.Module):
    """Cuts a picture into patches and makes a token of each, row by row."""

    def __init__(self, channels: int, width: int):
        super().__init__()
        self.proj = nn.Conv2d(channels, width, PATCH, stride=PATCH, padding=PADDING)

    def forward(self, picture: Float[Tensor, "B A H W"]) -> Float[Tensor, "B P D"]:
        """Return the tokens."""
        return self.proj(picture).flatten(2).transpose(1, 2)


class Attention(nn.Module):
    """Every token looks at all others."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Float[Tensor, "B P D"]) -> Float[Tensor, "B P D"]:
        """Return what each token gathers."""
        batch, count, width = tokens.shape
        split = self.qkv(tokens).view(batch, count, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        gathered = scaled_dot_product_attention(query, key, value)
        return self.proj(gathered.transpose(1, 2).reshape(batch, count, width))


class Mlp(nn.Module):
    """Two layers, four times as wide between."""

    def __init__(self, width: int):
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, tokens: Float[Tensor, "B P D"]) -> Float[Tensor, "B P D"]:
        """Return each token's own function of itself, with the exact GELU."""
        return self.fc2(gelu(self.fc1(tokens)))


class Block(nn.Module):
    """Attention and MLP, each added to its input; in training some samples skip them."""

    def __init__(self, width: int, heads: int, *, drop_path: float = 0.0):
        super().__init__()
        self.drop_path = drop_path
        self.norm1 = nn.LayerNorm(width, eps=EPSILON)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=EPSILON)
        self.mlp = Mlp(width)

    def forward(self, tokens: Float[Tensor, "B P D"]) -> Float[Tensor, "B P D"]:
        """Return the next tokens."""
        tokens = tokens + self._drop(self.attn(self.norm1(tokens)))
        return tokens + self._drop(self.mlp(self.norm2(tokens)))

    def _drop(self, branch: Float[Tensor, "B P D"]) -> Float[Tensor, "B P D"]:
        """Leave the branch out for some samples (stochastic depth, Huang et al., 2016)."""
        if not self.training or self.drop_path == 0:
            return branch
        kept = 1 - self.drop_path
        chosen = torch.rand(len(branch), 1, 1, device=branch.device) < kept
        return branch * chosen / kept


class HeatmapHead(nn.Module):
    """Two deconvolutions and a layer of heat maps (Xiao et al., 2018)."""

    def __init__(self, width: int, deconv_width: int, num_keypoints: int):
        super().__init__()
        layers: list[nn.Module] = []
        for source in (width, deconv_width):
            layers += [
                nn.ConvTranspose2d(source, deconv_width, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(deconv_width),
                nn.ReLU(inplace=True),
            ]
        self.deconv_layers = nn.Sequential(*layers)
        self.final_layer = nn.Conv2d(deconv_width, num_keypoints, 1)

    def forward(self, features: Float[Tensor, "B D h w"]) -> Float[Tensor, "B K H W"]:
        """Return heat maps four times as fine as the patches."""
        return self.final_layer(self.deconv_layers(features))
