"""Train the HANets that marey ships, or go on with a training that was stopped.

    .venv/bin/python tools/build_clean_motion.py ../shared/data clean.npz
    .venv/bin/python tools/train_hanet.py joints clean.npz runs/joints
    .venv/bin/python tools/train_hanet.py rotations clean.npz runs/rotations

`tools/ship_hanet.py` makes the asset of it.
"""

import argparse
import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import torch

from marey.body import load_body
from marey.recipes import hanet_mocap
from marey.train.clean_motion import read_clean_motion
from marey.train.loop import train
from marey.train.mocap_pairs import MocapPairs
from marey.train.mocap_validation import make_validation, to_points

RECIPES = {"joints": hanet_mocap.hanet_joints, "rotations": hanet_mocap.hanet_rotations}


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("motion", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=hanet_mocap.STEPS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tensorboard", action="store_true")
    parser.add_argument(
        "--without", nargs="*", default=[], help="settings of the network to turn off"
    )
    parser.add_argument("--begin", type=Path, help="state to begin with")
    parser.add_argument("--until", type=int, help="stop after this many steps")
    parser.add_argument("--peak", type=float, default=hanet_mocap.PEAK)
    parser.add_argument("--peak-of", choices=["all", "joint"], default="all")
    parser.add_argument("--on-points", action="store_true", help="motion terms on placed joints")
    parser.add_argument("--position", type=float, default=0.0, help="weight of placed joints")
    parser.add_argument("--fast", type=float, help="extra weight of fast moments")
    parser.add_argument("--least-noise", type=float, default=0.5, help="of the fitted size")
    parser.add_argument("--fastest", type=float, help="factor of the clips' speed, at most")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    recipe = RECIPES[arguments.recipe](steps=arguments.steps)
    motion, body = read_clean_motion(arguments.motion), load_body("marey-h", mesh="light")
    off = dict.fromkeys(arguments.without, False)
    options = replace(
        recipe.train,
        peak=arguments.peak,
        peak_of=arguments.peak_of,
        on_points=arguments.on_points,
        position=arguments.position,
        fast=recipe.train.fast if arguments.fast is None else arguments.fast,
        network=replace(recipe.train.network, **off),
    )
    level = (arguments.least_noise, recipe.pairs.level[1])
    slow, fast = recipe.pairs.speed
    drawn = replace(recipe.pairs, level=level, speed=(slow, arguments.fastest or fast))
    learned = set(motion.subject) - {
        *hanet_mocap.TEST,
        *hanet_mocap.VALIDATION,
        *hanet_mocap.LEFT_OUT,
    }
    train(
        options,
        MocapPairs(motion=motion.of_subjects(learned), body=body, options=drawn),
        arguments.folder,
        data=hashlib.sha256(arguments.motion.read_bytes()).hexdigest()
        + f" noise {level} speed {drawn.speed}",
        validate=make_validation(
            motion.of_subjects(hanet_mocap.VALIDATION), body, recipe.validation
        ),
        progress=_say if sys.stdout.isatty() else lambda *_: None,
        tensorboard=arguments.tensorboard,
        place=to_points(recipe.pairs, body),
        begin=arguments.begin,
        until=arguments.until,
    )


def _say(stage: str, done: int, total: int | None) -> None:
    sys.stdout.write(f"\r{stage} {done}/{total}")


if __name__ == "__main__":
    main()
