"""CMU's two-person salsa (subjects 60 and 61) in the Daz-friendly BVH, scaled by 1/128.

The two files of a trial, `60_NN_scaled.bvh` (who leads) and `61_NN_scaled.bvh` (who follows), share
one world and one clock. Both people carry the same generic skeleton, so hands do not close exactly.
Frames 0 to 2 are a T-pose and its blend and are left out. The leader's root jumps in places; those
frames, and three on either side, are missing (NaN and confidence 0). Trials 06 and 07 have a wrong
head, which is kept as it is.

Licence: CMU's, as in `marey.datasets.acclaim`. Tried on 11 real trials.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from marey.core import BodyMotion
from marey.core.errors import FormatError, InputError
from marey.datasets._folder import check_file, find_files
from marey.datasets.cmu_bvh import drop_frames
from marey.io.bvh import read_bvh

UNIT_M = 1.28
"""Metres per unit: a Daz skeleton in centimetres, divided by 128."""

LEAD_IN = 3

JUMPS = {
    "03": ((915, 915),),
    "04": ((265, 265), (345, 349)),
    "05": ((1667, 1667),),
    "06": ((1007, 1007),),
    "09": ((386, 394),),
    "10": ((314, 365),),
    "13": ((624, 634),),
    "15": ((732, 732),),
}
"""First and last frame, by trial, in which the leader's root jumps."""

MARGIN = 3


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the leaders' files; `read_sequence` finds the partners beside them.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    patterns = ("**/60_*_scaled.bvh", "**/60_*_scaled.bvh.gz")
    yield from find_files(folder, *patterns, what="trials of salsa")


def read_sequence(path: str | Path) -> BodyMotion:
    """Read a trial as the motion of two people, `lead` and `follow`.

    Args:
        path: The leader's file; the partner's lies beside it or in a folder `61` beside its own.

    Raises:
        InputError: If a file is missing.
        FormatError: If the two files do not belong together.
    """
    path = check_file(path, "a leader's file (60_NN_scaled.bvh)")
    partner = _find_partner(path)
    lead, follow = (read_bvh(each, unit_m=UNIT_M) for each in (path, partner))
    same = len(lead.time) == len(follow.time) and _joints(lead) == _joints(follow)
    if not same:
        raise FormatError(
            f"{path} and {partner.name} differ in frames or joints; take two files of one trial"
        )
    confidence = np.concatenate([lead.confidence, follow.confidence])
    root = np.concatenate([lead.T_world_root, follow.T_world_root])
    turn = np.concatenate([lead.R_parent_joint, follow.R_parent_joint])
    for first, last in JUMPS.get(path.name.split("_")[1], ()):
        bad = slice(max(first - MARGIN, 0), last + MARGIN + 1)
        confidence[0, bad], root[0, bad], turn[0, bad] = 0, np.nan, np.nan
    motion = replace(
        lead,
        people=("lead", "follow"),
        shape=np.zeros((2, 0), np.float32),
        T_world_root=root,
        R_parent_joint=turn,
        confidence=confidence,
    )
    return drop_frames(motion, LEAD_IN)


def _joints(motion: BodyMotion) -> tuple[str, ...]:
    assert not isinstance(motion.body, str)
    return motion.body.joints


def _find_partner(path: Path) -> Path:
    name = "61" + path.name.removeprefix("60")
    for candidate in (path.with_name(name), path.parent.parent / "61" / name):
        if candidate.is_file():
            return candidate
    raise InputError(f"no {name} lies beside {path}; salsa takes the files of both dancers")
