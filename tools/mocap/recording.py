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
from scipy.spatial.transform import Rotation

from marey.core import BodyMotion

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


def make_recording(
    motion: BodyMotion,
    *,
    person: int = 0,
    name: str,
    subject: str,
    folder: str,
    rig: Rig,
    rate: float,
    lead_in: int = 0,
) -> Recording:
    """Bring one person's motion on a bare rig to this form, thinned to about `rate`.

    Args:
        motion: Of `marey.datasets`; frames without confidence are left out.
        person: Which of its people.
        name: Of the clip.
        subject: Who was recorded.
        folder: Where it lies.
        rig: Which bones it has.
        rate: Frames per second wanted.
        lead_in: Frames of the source to leave out at the start of its clock.
    """
    skeleton = motion.body
    own = 1 / float(np.median(np.diff(motion.time)))
    good = (motion.confidence[person] > 0) & (motion.time * own > lead_in - 0.5)
    keep = np.flatnonzero(good)[:: thin(own, rate)]
    # The world of marey is Z up, the rest pose is Y up.
    up = Rotation.from_rotvec([-np.pi / 2, 0, 0])
    place = motion.T_world_root[person, keep].astype(np.float64)
    root = (up * Rotation.from_quat(place[:, :4], scalar_first=True)).as_matrix()
    turn = motion.R_parent_joint[person, keep].astype(np.float64)
    local = Rotation.from_quat(turn.reshape(-1, 4), scalar_first=True).as_matrix()
    local = local.reshape(*turn.shape[:2], 3, 3)
    parents = (-1, *(parent + 1 for parent in skeleton.parents))
    return Recording(
        name=name,
        subject=subject,
        folder=folder,
        rig=rig,
        rate=own / thin(own, rate),
        joints=(skeleton.root, *skeleton.joints),
        parents=parents,
        offset=np.concatenate([np.zeros((1, 3)), skeleton.offset]),
        turn=chain_rotations(np.concatenate([root[:, None], local], 1), parents),
        position=up.apply(place[:, 4:]),
    )


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
