"""Sizes of the network.

The vision transformers of ViTPose (Xu et al., 2022) with the mask branch of Harmony4D (Khirodkar et
al., 2024), whose published network is the large one.
"""

from dataclasses import dataclass

from marey.core.errors import InputError

PATCH, PADDING = 16, 2
"""Side of a patch and zero padding around the picture, px."""
_SIZES = {"small": (384, 12, 12), "base": (768, 12, 12), "large": (1024, 24, 16),
          "huge": (1280, 32, 16)}  # fmt: skip
"""Channels, blocks and heads."""
HEADS = {width: heads for width, _, heads in _SIZES.values()}
"""Number of heads by number of channels: weights do not show it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegPoseConfig:
    """The network's sizes; the defaults are SegPose2D's."""

    width: int = 1024
    """Channels of a token."""
    depth: int = 24
    """Blocks of the main branch."""
    heads: int = 16
    mask_depth: int = 8
    """Blocks of the mask branch; 0 is plain ViTPose."""
    first_mask_block: int = 3
    """After this main block (from 0) the first mask block's tokens are added."""
    size: tuple[int, int] = (192, 256)
    """Width and height of the input, px."""
    deconv_width: int = 256
    num_keypoints: int = 17
    drop_path: float = 0.5
    """Probability with which the last block is left out in training; earlier ones in proportion."""

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise InputError(f"{self.heads} heads do not divide {self.width} channels")
        if self.mask_depth and self.first_mask_block + self.mask_depth > self.depth:
            raise InputError(
                f"{self.mask_depth} mask blocks from block {self.first_mask_block} on do not fit "
                f"into {self.depth} blocks"
            )
        if any(side % PATCH or side < 2 * PATCH for side in self.size):
            raise InputError(f"the input's sides must be multiples of {PATCH}, not {self.size}")

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        width, height = self.size
        return height // PATCH, width // PATCH

    @property
    def heatmap_size(self) -> tuple[int, int]:
        """Width and height of the heat maps."""
        rows, columns = self.grid
        return 4 * columns, 4 * rows


def named_config(name: str) -> SegPoseConfig:
    """Return the sizes by the names of ViTPose: small, base, large, huge.

    Raises:
        InputError: If there is no such size.
    """
    if name not in _SIZES:
        raise InputError(f"there is no size '{name}'; choose among {', '.join(_SIZES)}")
    width, depth, heads = _SIZES[name]
    return SegPoseConfig(width=width, depth=depth, heads=heads)
