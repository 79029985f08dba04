"""One clip of motion capture in one form, whatever file it came from.

Every source is brought to world rotations *relative to the source's own rest pose*, in axes that
are parallel for all bones at rest: +X to the person's left, +Y up, +Z the way the rest pose faces.
A bone `d` (a rest offset) then points along `W @ d`. Local axes of files (Acclaim's `axis`, FBX's
pre-rotations) cancel in this form, so the mapping to SMPL's joints only needs to know how the rest
pose differs from a T-pose.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Rig = Literal["cmu", "daz", "deepmimic", "neo"]


@dataclass(frozen=True, kw_only=True)
class Recording:
    """T frames of a skeleton of K bones."""

    name: str
    subject: str
    """Who was recorded, `cmu_NN`; data are split by it."""
    folder: str
    rig: Rig
    rate: float
    """Frames per second."""
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    offset: np.ndarray
    """(K, 3) from the parent at rest, any unit."""
    turn: np.ndarray
    """(T, K, 3, 3) world rotation of each joint relative to its rest."""
    position: np.ndarray
    """(T, 3) of the root, unit of the offsets."""

    def place(self) -> np.ndarray:
        """Return the (T, K, 3) positions of the joints."""
        place = np.empty(self.turn.shape[:-1])
        for joint, parent in enumerate(self.parents):
            if parent < 0:
                place[:, joint] = self.position
            else:
                place[:, joint] = place[:, parent] + self.turn[:, parent] @ self.offset[joint]
        return place


def chain_rotations(local: np.ndarray, parents: tuple[int, ...]) -> np.ndarray:
    """Return world rotations (T, K, 3, 3) from local ones; parents come first."""
    world = local.copy()
    for joint, parent in enumerate(parents):
        if parent >= 0:
            world[:, joint] = world[:, parent] @ local[:, joint]
    return world


def thin(rate: float, wanted: float) -> int:
    """Return the step that brings a rate down to about the wanted one."""
    return max(1, round(rate / wanted))
