"""Train SegPose2D on people labelled in COCO's way, or go on with a training that was stopped.

    .venv/bin/python tools/train_segpose.py person_keypoints_train2017.json train2017 runs/segpose \
        --begin vitpose-l.pth --device cuda

Writes `FOLDER/weights.pth`, which `marey solve --keypoints segpose:FOLDER/weights.pth` runs.
"""

import argparse
import hashlib
import sys
from pathlib import Path

import torch

from marey.datasets.coco_instances import read_instances
from marey.models.segpose import load_segpose
from marey.models.segpose.weights import save_segpose
from marey.recipes.segpose import BATCH, EPOCHS, segpose, segpose_tiny
from marey.train.pose_crops import PoseCrops
from marey.train.pose_loop import train_pose


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labels", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", default="large", help="tiny, small, base, large or huge")
    parser.add_argument("--begin", type=Path, help="weights of ViTPose or SegPose2D to begin with")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--steps", type=int, default=300, help="of the tiny network")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    people = read_instances(arguments.labels, arguments.images)
    if arguments.size == "tiny":
        recipe = segpose_tiny(steps=arguments.steps)
    else:
        recipe = segpose(
            arguments.size, num_people=len(people), epochs=arguments.epochs, batch=arguments.batch
        )
    begin = None if arguments.begin is None else load_segpose(arguments.begin, masks=True)
    crops = PoseCrops(people=people, network=recipe.train.network, options=recipe.crops)

    def show(stage: str, done: int, total: int | None) -> None:
        sys.stderr.write(f"\r{stage} {done} of {total}")

    network = train_pose(
        recipe.train,
        crops,
        arguments.folder,
        data=hashlib.sha256(arguments.labels.read_bytes()).hexdigest(),
        begin=begin,
        progress=show,
    )
    save_segpose(network, arguments.folder / "weights.pth")


if __name__ == "__main__":
    main()
