"""The trainings of the shipped HANets: clean CMU motion with a detector's errors.

Data are split by subject, since clips of one person resemble each other and CMU's folders share
people. `TEST` was kept out of everything, the pose prior included; `VALIDATION` was used to choose
settings. Files whose subject is unknown serve training, except jumping, which may be subject 49's
or 16's and serves nothing.
"""

from dataclasses import dataclass, replace

from marey.body import load_body
from marey.core import load_skeleton
from marey.models.hanet import HANetConfig, LossOptions, Schedule
from marey.train.body_points import NUM_JOINTS
from marey.train.loop import TrainOptions
from marey.train.mocap_pairs import PairOptions

TEST = ("cmu_05", "cmu_49", "cmu_55", "cmu_85", "cmu_135")
"""Modern dance, acrobatics, whirling, breakdance, martial arts."""
VALIDATION = ("cmu_02", "cmu_09", "cmu_131")
"""Various, running, dance."""
LEFT_OUT = ("cmu_unknown_jumping",)

POINTS = load_skeleton("coco-wholebody-133").keypoints[:23]
"""COCO's 17 keypoints and six of the feet."""

FPS = 30.0
WINDOW, INTERVAL = 49, 3
STEPS = 1500
PEAK = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MocapRecipe:
    """A training on clean motion with noise."""

    pairs: PairOptions
    train: TrainOptions
    validation: PairOptions
    """Noise of the fitted size, from one camera, real speeds."""


def hanet_joints(*, steps: int = STEPS, seed: int = 4321) -> MocapRecipe:
    """Return the training of `hanet-joints`: COCO-17 with feet, metres from the mid-hip."""
    network = HANetConfig(
        representation="3d", num_joints=len(POINTS), joints=POINTS, pre_norm=True, **_SIZE
    )
    return _recipe(
        network, PairOptions(quantity="points", names=POINTS), fast=1.0, steps=steps, seed=seed
    )


def hanet_rotations(*, steps: int = STEPS, seed: int = 4321) -> MocapRecipe:
    """Return the training of `hanet-rotations`: SMPL-H's 22 body rotations in the world."""
    names = load_body("marey-h", mesh="light").joint_names[:NUM_JOINTS]
    network = HANetConfig(
        representation="6d", num_joints=NUM_JOINTS, joints=names, pre_norm=True, **_SIZE
    )
    return _recipe(network, PairOptions(quantity="rotations"), fast=0.3, steps=steps, seed=seed)


_SIZE = {
    "fps": FPS,
    "interval": INTERVAL,
    "window": WINDOW,
    "width": 48,
    "levels": 3,
    "decoder_layers": 3,
    "dropout": 0.0,
    "filter_bank": True,
}
"""0.8 million parameters, 3.2 MB. Every frame is a sampled one or a neighbour of one, so
nothing of the input is lost. There are few subjects but endless noise, so dropout only slows."""


def _recipe(
    network: HANetConfig, pairs: PairOptions, *, fast: float, steps: int, seed: int
) -> MocapRecipe:
    pairs = replace(pairs, window=WINDOW, rate=FPS, batch=32)
    return MocapRecipe(
        pairs=pairs,
        train=TrainOptions(
            network=network,
            schedule=Schedule(warmup_steps=steps // 20, total_steps=steps),
            loss=LossOptions(final=5.0),
            velocity=10.0,
            fast=fast,
            peak=PEAK,
            start_from_input=True,
            seed=seed,
        ),
        validation=replace(
            pairs,
            batch=64,
            level=(1.0, 1.0),
            one_camera=1.0,
            speed=(1.0, 1.0),
            mirror=False,
            tilt=0.0,
        ),
    )
