"""The folders of motion capture, each read by `marey.datasets` into `Recording`s."""

import re
from collections.abc import Iterator
from pathlib import Path

from marey.datasets import acclaim, cmu_bvh, cmu_expmap, cmu_fbx, cmu_salsa, deepmimic
from mocap.recording import Recording, make_recording

LEAD_IN = 4
"""Frames at the start of a BVH that are left out: an inserted T-pose and, in salsa, its blend."""


def read_folder(folder: Path, rate: float) -> Iterator[Recording]:
    """Yield the clips of a folder, thinned to about `rate` frames per second."""
    reader = {
        "cmu_amc": _read_amc,
        "cmu_expmap": _read_expmap,
        "cmu_fbx": _read_fbx,
        "cmu_salsa_pairs": _read_salsa,
        "deepmimic": _read_deepmimic,
    }.get(folder.name, _read_bvhs)
    yield from reader(folder, rate)


def _read_bvhs(folder: Path, rate: float) -> Iterator[Recording]:
    for path in cmu_bvh.sequences(folder):
        name = path.name.split(".")[0].removesuffix("_30fps").removeprefix("scaled_")
        yield make_recording(
            cmu_bvh.read_sequence(path),
            name=name,
            subject=f"cmu_{name.split('_')[0]}",
            folder=folder.name,
            rig="cmu",
            rate=rate,
            lead_in=LEAD_IN,
        )


def _read_salsa(folder: Path, rate: float) -> Iterator[Recording]:
    for path in cmu_salsa.sequences(folder):
        motion = cmu_salsa.read_sequence(path)
        trial = path.name.split("_")[1]
        for person, subject in enumerate(("60", "61")):
            yield make_recording(
                motion,
                person=person,
                name=f"{subject}_{trial}",
                subject=f"cmu_{subject}",
                folder=folder.name,
                rig="daz",
                rate=rate,
                lead_in=LEAD_IN,
            )


def _read_amc(folder: Path, rate: float) -> Iterator[Recording]:
    for path in acclaim.sequences(folder):
        motion = acclaim.read_sequence(path)
        subject = re.match(r"\d+", path.name)[0]
        yield make_recording(
            motion,
            name=motion.people[0],
            subject=f"cmu_{subject}",
            folder=folder.name,
            rig="cmu",
            rate=rate,
        )


def _read_expmap(folder: Path, rate: float) -> Iterator[Recording]:
    for path in cmu_expmap.sequences(folder):
        motion = cmu_expmap.read_sequence(path)
        name = motion.people[0]
        # Only soccer_1 and soccer_3 are known by subject; others stand for themselves.
        known = name.endswith(("soccer_1", "soccer_3"))
        yield make_recording(
            motion,
            name=name,
            subject="cmu_10" if known else "cmu_unknown_" + name.split("__")[1],
            folder=folder.name,
            rig="cmu",
            rate=rate,
        )


def _read_fbx(folder: Path, rate: float) -> Iterator[Recording]:
    for path in cmu_fbx.sequences(folder):
        if path.stem.endswith("_cmu"):
            continue  # 49_08 and 55_01 lie on another rig; see the card
        yield make_recording(
            cmu_fbx.read_sequence(path, frame_rate=rate),
            name=path.stem,
            subject=f"cmu_{path.stem.split('_')[0]}",
            folder=folder.name,
            rig="neo",
            rate=rate,
        )


def _read_deepmimic(folder: Path, rate: float) -> Iterator[Recording]:
    for path in deepmimic.sequences(folder):
        motion = deepmimic.read_sequence(path)
        yield make_recording(
            motion,
            name=motion.people[0],
            subject="deepmimic",
            folder=folder.name,
            rig="deepmimic",
            rate=rate,
        )
