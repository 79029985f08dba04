"""ViTPose with a parallel branch for a mask.

The mask is cut into patches and carried through blocks of its own; their tokens are added to the
picture's after the main blocks 3 to 10. Names of the parameters are those of the published weights.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate

from marey.models.segpose.config import SegPoseConfig
from marey.models.segpose.layers import EPSILON, Block, HeatmapHead, PatchEmbed

_SPREAD = 0.02
"""Standard deviation of untrained weights."""


class Backbone(nn.Module):
    """The two branches."""

    def __init__(self, config: SegPoseConfig):
        super().__init__()
        self.config = config
        rows, columns = config.grid
        positions = (1, 1 + rows * columns, config.width)
        self.patch_embed = PatchEmbed(3, config.width)
        self.pos_embed = nn.Parameter(torch.zeros(positions))
        drops = [config.drop_path * row / max(config.depth - 1, 1) for row in range(config.depth)]
        self.blocks = nn.ModuleList(
            Block(config.width, config.heads, drop_path=drop) for drop in drops
        )
        self.last_norm = nn.LayerNorm(config.width, eps=EPSILON)
        self.blocks_seg = nn.ModuleList()
        if config.mask_depth:
            self.patch_embed_seg = PatchEmbed(1, config.width)
            self.pos_embed_seg = nn.Parameter(torch.zeros(positions))
            first = config.first_mask_block
            self.blocks_seg.extend(
                Block(config.width, config.heads, drop_path=drop)
                for drop in drops[first : first + config.mask_depth]
            )

    def forward(
        self, picture: Float[Tensor, "B 3 H W"], mask: Float[Tensor, "B 1 h w"] | None
    ) -> Float[Tensor, "B D R C"]:
        """Return the features of the patches."""
        tokens = _place(self.patch_embed(picture), self.pos_embed)
        beside = None
        if mask is not None and self.config.mask_depth:
            fitted = interpolate(mask, picture.shape[-2:], mode="bilinear", align_corners=False)
            beside = _place(self.patch_embed_seg(fitted), self.pos_embed_seg)
        for index, block in enumerate(self.blocks):
            tokens = block(tokens)
            row = index - self.config.first_mask_block
            if beside is not None and 0 <= row < self.config.mask_depth:
                beside = self.blocks_seg[row](beside)
                tokens = tokens + beside
        tokens = self.last_norm(tokens)
        return tokens.transpose(1, 2).unflatten(2, self.config.grid)


class SegPose(nn.Module):
    """Heat maps of the keypoints of the one person whom the mask shows."""

    def __init__(self, config: SegPoseConfig | None = None):
        """Make an untrained network whose mask branch adds nothing."""
        super().__init__()
        self.config = config or SegPoseConfig()
        self.backbone = Backbone(self.config)
        self.keypoint_head = HeatmapHead(
            self.config.width, self.config.deconv_width, self.config.num_keypoints
        )
        self.apply(_initialise)
        nn.init.trunc_normal_(self.backbone.pos_embed, std=_SPREAD)
        silence_mask(self)

    def forward(
        self, picture: Float[Tensor, "B 3 H W"], mask: Float[Tensor, "B 1 h w"] | None = None
    ) -> Float[Tensor, "B K h4 w4"]:
        """Return heat maps.

        Args:
            picture: Normalised crops (`marey.models.segpose.preprocess`).
            mask: Blurred mask of the person in the crop, 0 to 1, of any size; without one the mask
                branch is left out.
        """
        return self.keypoint_head(self.backbone(picture, mask))


def silence_mask(network: SegPose) -> None:
    """Let the mask branch add nothing, so that the network is plain ViTPose until it is trained."""
    backbone = network.backbone
    if not backbone.config.mask_depth:
        return
    silent: list[nn.Module] = [backbone.patch_embed_seg.proj]
    for block in backbone.blocks_seg:
        assert isinstance(block, Block)
        silent += [block.attn.proj, block.mlp.fc2]
    with torch.no_grad():
        backbone.pos_embed_seg.zero_()
        for layer in silent:
            for parameter in layer.parameters():
                parameter.zero_()


def _place(
    tokens: Float[Tensor, "B P D"], positions: Float[Tensor, "1 Q D"]
) -> Float[Tensor, "B P D"]:
    """Add each patch's position, and the one that belonged to the class token to all."""
    return tokens + positions[:, 1:] + positions[:, :1]


def _initialise(layer: nn.Module) -> None:
    if isinstance(layer, nn.Linear):
        nn.init.trunc_normal_(layer.weight, std=_SPREAD)
        nn.init.zeros_(layer.bias)
    elif isinstance(layer, nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, std=0.001)
    elif isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1):
        nn.init.normal_(layer.weight, std=0.001)
        assert layer.bias is not None
        nn.init.zeros_(layer.bias)
