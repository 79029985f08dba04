"""The training of SegPose2D: COCO's people with their instance masks.

Published numbers (Harmony4D; those it does not state are ViTPose's): the large network on 256 x 192
px, AdamW 5e-4, layer decay 0.8, weight decay 0.1, gradients clipped at 1, 500 steps of warm-up, a
tenth of the rate from epochs 170, 200 and 230 on, of 250, drop path 0.5, and a batch of 64 for each
of 8 devices. Published training begins with ViTPose's weights and a new mask branch.
"""

from dataclasses import dataclass, replace

from marey.models.segpose import SegPoseConfig
from marey.models.segpose.config import named_config
from marey.train.pose_crops import CropOptions
from marey.train.pose_loop import PoseTraining

EPOCHS, BATCH = 250, 512
_DROP_PATH = {"small": 0.1, "base": 0.3, "large": 0.5, "huge": 0.55}
_LAYER_DECAY = {"small": 0.8, "base": 0.75, "large": 0.8, "huge": 0.85}
"""ViTPose's; the large network's are SegPose2D's too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegPoseRecipe:
    """A training."""

    crops: CropOptions
    train: PoseTraining


def segpose(
    size: str = "large", *, num_people: int, epochs: int = EPOCHS, batch: int = BATCH, seed: int = 0
) -> SegPoseRecipe:
    """Return the published training.

    Args:
        size: small, base, large (published) or huge.
        num_people: Labelled people, which make an epoch.
        epochs: The steps down keep their share of them.
        batch: Crops in a step.
        seed: Of everything random.

    Raises:
        InputError: If there is no such size.
    """
    network = replace(named_config(size), drop_path=_DROP_PATH[size])
    milestones = (170, 200, 230)
    return SegPoseRecipe(
        crops=CropOptions(batch=batch),
        train=PoseTraining(
            network=network,
            steps_per_epoch=-(-num_people // batch),
            epochs=epochs,
            layer_decay=_LAYER_DECAY[size],
            milestones=tuple(round(epoch * epochs / EPOCHS) for epoch in milestones),
            seed=seed,
        ),
    )


def segpose_tiny(*, steps: int = 300, batch: int = 8, seed: int = 0) -> SegPoseRecipe:
    """Return a training of a toy on a few crops, to see that everything works."""
    network = SegPoseConfig(
        width=64,
        depth=6,
        heads=4,
        mask_depth=3,
        first_mask_block=1,
        size=(96, 128),
        deconv_width=32,
        drop_path=0.0,
    )
    return SegPoseRecipe(
        crops=CropOptions(batch=batch, mirror=0, turned=0, scale=(1, 1), without_mask=0, swell=0),
        train=PoseTraining(
            network=network,
            steps_per_epoch=steps,
            epochs=1,
            rate=3e-3,
            layer_decay=1.0,
            weight_decay=0.0,
            warmup_steps=20,
            milestones=(),
            seed=seed,
        ),
    )
