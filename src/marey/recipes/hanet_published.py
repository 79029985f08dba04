"""The published trainings of HANet, as functions of how many frames the corpus has.

Numbers are those of the paper's configurations: 70 epochs of which 5 warm up, seed 4321, AdamW with
AMSGrad. An epoch counts as many windows as the corpus has frames.
"""

from dataclasses import dataclass, replace

from marey.core.errors import InputError
from marey.models.hanet import HANetConfig, LossOptions, Representation, Schedule
from marey.train.loop import TrainOptions

EPOCHS, WARMUP_EPOCHS = 70, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One row of the paper's table of configurations."""

    representation: Representation
    num_joints: int
    interval: int
    intervals: int
    """Of a window."""
    width: int
    batch: int
    final: float
    """Weight of the final poses' loss (lambda)."""
    pre_norm: bool
    fps: float | None


PUBLISHED = {
    "jhmdb": Published(
        representation="2d",
        num_joints=15,
        interval=5,
        intervals=2,
        width=256,
        batch=16,
        final=5.0,
        pre_norm=False,
        fps=None,
    ),
    "h36m-fcn": Published(
        representation="3d",
        num_joints=17,
        interval=5,
        intervals=20,
        width=64,
        batch=96,
        final=1.0,
        pre_norm=True,
        fps=50.0,
    ),
    "h36m-mhformer": Published(
        representation="3d",
        num_joints=17,
        interval=2,
        intervals=50,
        width=64,
        batch=576,
        final=5.0,
        pre_norm=True,
        fps=50.0,
    ),
    "aist-3d": Published(
        representation="3d",
        num_joints=14,
        interval=5,
        intervals=20,
        width=32,
        batch=256,
        final=5.0,
        pre_norm=True,
        fps=60.0,
    ),
    "pw3d-3d": Published(
        representation="3d",
        num_joints=14,
        interval=5,
        intervals=20,
        width=128,
        batch=64,
        final=1.0,
        pre_norm=True,
        fps=30.0,
    ),
    "pw3d-smpl": Published(
        representation="6d",
        num_joints=24,
        interval=10,
        intervals=10,
        width=128,
        batch=128,
        final=5.0,
        pre_norm=False,
        fps=30.0,
    ),
    "aist-smpl": Published(
        representation="6d",
        num_joints=24,
        interval=10,
        intervals=10,
        width=32,
        batch=512,
        final=2.0,
        pre_norm=False,
        fps=60.0,
    ),
}


def find_published(name: str) -> Published:
    """Return a configuration by name.

    Raises:
        InputError: If there is none of this name.
    """
    if name not in PUBLISHED:
        raise InputError(f"unknown recipe '{name}'; choose one of {', '.join(PUBLISHED)}")
    return PUBLISHED[name]


def hanet_published(
    name: str, *, num_frames: int, num_joints: int | None = None, epochs: int = EPOCHS
) -> TrainOptions:
    """Return a published training.

    Args:
        name: One of `PUBLISHED`.
        num_frames: Frames of the corpus.
        num_joints: Joints of the corpus, where it has others than the published one.
        epochs: Fewer than the published 70 train shorter in the same way.

    Raises:
        InputError: If there is none of this name, or a number is not positive.
    """
    row = find_published(name)
    if num_frames < 1 or epochs < 1:
        raise InputError(f"a training needs frames and epochs, got {num_frames} and {epochs}")
    steps = max(-(-num_frames // row.batch), 1)
    warmup = min(WARMUP_EPOCHS, epochs - 1) * steps
    network = HANetConfig(
        representation=row.representation,
        num_joints=num_joints or row.num_joints,
        interval=row.interval,
        window=row.interval * row.intervals + 1,
        width=row.width,
        pre_norm=row.pre_norm,
        fps=row.fps,
    )
    options = TrainOptions(
        network=network,
        schedule=Schedule(warmup_steps=warmup, total_steps=epochs * steps),
        loss=LossOptions(final=row.final),
    )
    return replace(options, validate_every=steps, save_every=min(steps, 500))
