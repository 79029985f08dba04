"""Gather the motion capture HANet learns from into one file.

    .venv/bin/python tools/build_clean_motion.py ../shared/data clean.npz

Reads the folders of CMU's motion capture at their own rates (`mocap/`), maps every rig to SMPL's
joints, cuts clips where `mocap.dataset.is_sound` says that no body can be in a frame, and writes
world rotations with +Z up (`marey.train.clean_motion`). The file is no part of marey.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from mocap.dataset import is_sound
from mocap.recording import Recording
from mocap.sources import read_folder
from mocap.to_smpl import JOINTS, PARENT, world_rotations

from marey.geometry.rotation import matrix_to_rotation6d
from marey.train.clean_motion import CleanMotion, write_clean_motion

FOLDERS = (
    *("cmu_train", "cmu_bvh", "cmu_bvh_misc", "cmu_amc", "cmu_expmap", "cmu_fbx"),
    "cmu_salsa_pairs",
)
RATE = 120.0
"""Nothing is thinned: 120 is the rate of the fastest recordings."""
SHORTEST_S = 1.0
UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""From recordings with +Y up to marey's world."""


def main() -> None:
    """Gather."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    parts, rates, names, subjects = [], [], [], []
    for folder in FOLDERS:
        for recording in read_folder(arguments.data / folder, RATE):
            for first, rotation in _sound_parts(recording):
                parts.append(rotation)
                rates.append(recording.rate)
                names.append(f"{folder}/{recording.name}@{first}")
                subjects.append(recording.subject)
    motion = CleanMotion(
        rotation=np.concatenate(parts),
        start=np.concatenate([[0], np.cumsum([len(part) for part in parts])]),
        rate=np.array(rates),
        clip=tuple(names),
        subject=tuple(subjects),
    )
    write_clean_motion(motion, arguments.output)
    for subject in sorted(set(subjects)):
        own = motion.of_subjects({subject})
        print(f"{subject}: {len(own.clip)} clips, {own.duration.sum():.1f} s")


def _sound_parts(recording: Recording) -> Iterator[tuple[int, np.ndarray]]:
    world = world_rotations(recording)
    local = [world[PARENT[joint]].swapaxes(-1, -2) @ world[joint] for joint in JOINTS]
    sound = is_sound(np.stack(local, 1))
    R = UP @ np.stack([world["pelvis"], *(world[joint] for joint in JOINTS)], 1)
    rotation = (
        matrix_to_rotation6d(torch.from_numpy(R), layout="columns").numpy().astype(np.float32)
    )
    edges = np.flatnonzero(np.diff(np.concatenate([[0], sound.astype(int), [0]])))
    for first, stop in edges.reshape(-1, 2):
        if stop - first >= SHORTEST_S * recording.rate:
            yield int(first), rotation[first:stop]


if __name__ == "__main__":
    main()
