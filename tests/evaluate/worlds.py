"""Small benchmarks with a known answer."""

from dataclasses import replace

import numpy as np

from marey.core import load_skeleton
from marey.evaluate import PoseSequence, PoseSet, Protocol


def make_truth(protocol: Protocol, *, seed: int = 0, people: int = 1, frames: int = 40) -> PoseSet:
    """Return the truth of two sequences of moving people, in the protocol's joints and unit."""
    rng = np.random.default_rng(seed)
    joints = len(load_skeleton(protocol.skeleton))
    sequences = []
    for name in ("walk", "run"):
        body = rng.uniform(-0.8, 0.8, (people, 1, joints, 3))
        path = np.cumsum(rng.normal(0, 0.02, (people, frames, 1, 3)), 1)
        path += 3.0 * np.arange(people)[:, None, None, None]
        position = body + path + rng.normal(0, 0.01, (people, frames, joints, 3))
        image = 200.0 * position[..., :2] + 500.0
        low, high = image.min(2), image.max(2)
        sequences.append(
            PoseSequence(
                name=name,
                frame=np.arange(frames),
                position=image if protocol.unit == "px" else position,
                confidence=np.ones(position.shape[:3]),
                image=image,
                box=np.concatenate([low, high], -1),
                vertices=rng.normal(0, 0.5, (people, frames, 12, 3)) + path,
                frame_rate=30.0,
            )
        )
    return PoseSet(
        skeleton=protocol.skeleton, unit=protocol.unit, sequences=tuple(sequences), origin="truth"
    )


def change(poses: PoseSet, **fields) -> PoseSet:
    """Return poses with fields of every sequence replaced by what functions make of them."""

    def changed(each: PoseSequence) -> PoseSequence:
        return replace(each, **{name: make(getattr(each, name)) for name, make in fields.items()})

    sequences = tuple(changed(each) for each in poses.sequences)
    return replace(poses, sequences=sequences, origin="predictions")
