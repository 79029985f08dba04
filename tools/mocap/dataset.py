"""Samples of each joint's rotation by subject, both sides in one, and who is kept out of training."""

# ruff: noqa: E501 - prose wrapped a little wider

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from mocap.recording import Recording
from mocap.to_smpl import JOINTS, MISSING, local_rotations

KEPT_OUT = {"cmu_05", "cmu_49", "cmu_55", "cmu_85", "cmu_135", "deepmimic", "cmu_unknown_jumping"}
"""Subjects of the acceptance test. Jumping of `cmu_expmap` moves like subject 49 and may be it."""

BAD_HEAD = ("60_06", "60_07")
"""The source's notes say that the head is wrong."""

FOOT_DEG, HAND_DEG, STRAIGHT_DEG = 90, 90, 20

KINDS = (
    *("hip", "knee", "ankle", "collar", "shoulder", "elbow", "wrist"),
    *("spine1", "spine2", "spine3", "neck", "head"),
)
MIDDLE = ("spine1", "spine2", "spine3", "neck", "head")
MIRROR = np.diag([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Clip:
    """A mapped recording."""

    name: str
    subject: str
    folder: str
    rig: str
    R: np.ndarray
    """(T, J, 3, 3) rotations of `JOINTS`."""
    R_other: np.ndarray
    """The same with the neck ending a bone higher."""


def map_clip(recording: Recording) -> Clip:
    """Bring a recording to SMPL's joints."""
    return Clip(
        name=recording.name,
        subject=recording.subject,
        folder=recording.folder,
        rig=recording.rig,
        R=local_rotations(recording),
        R_other=local_rotations(recording, neck="neck_top"),
    )


def is_sound(R: np.ndarray) -> np.ndarray:
    """Return which frames (T,) of `JOINTS`' rotations a body can be in at all.

    A straight arm of a hinged skeleton can be turned by up to 180 degrees about itself, and CMU's
    recordings now and then are: the upper arm turns one way and the hand back. In a few clips feet
    are upside down. But no foot turns by `FOOT_DEG` against its shin, and no hand by `HAND_DEG`
    against a straight arm.
    """
    sound = np.ones(len(R), bool)
    for side in ("left", "right"):
        elbow, wrist, foot = (
            R[:, JOINTS.index(f"{side}_{j}")] for j in ("elbow", "wrist", "ankle")
        )
        sound &= Rotation.from_matrix(foot).magnitude() < np.radians(FOOT_DEG)
        straight = elbow[:, 0, 0] > np.cos(np.radians(STRAIGHT_DEG))
        turned = np.abs(_turn(elbow @ wrist)) > np.radians(HAND_DEG)
        sound &= ~(straight & turned)
    return sound


def left(joint: str, R: np.ndarray) -> np.ndarray:
    """Return a joint's rotations as the left side would have them."""
    return MIRROR @ R @ MIRROR if joint.startswith("right_") else R


def kind_of(joint: str) -> str:
    """Return a joint's name without its side."""
    return joint.removeprefix("left_").removeprefix("right_")


def gather(clips: Iterable[Clip]) -> dict[str, dict[str, np.ndarray]]:
    """Return rotations (N, 3, 3) by kind of joint and subject.

    Where rigs differ in which of two joints does the turning, both ways are taken as seen: a forearm
    turns in the elbow, in the wrist, or half and half; CMU's middle neck bone belongs to SMPL's neck
    or to its head.
    """
    samples: dict[str, dict[str, list[np.ndarray]]] = {kind: {} for kind in KINDS}

    def add(kind: str, clip: Clip, R: np.ndarray) -> None:
        samples[kind].setdefault(clip.subject, []).append(R)

    for clip in clips:
        missing = MISSING.get(clip.rig, ())
        for column, joint in enumerate(JOINTS):
            kind = kind_of(joint)
            bad = kind in ("neck", "head") and clip.name in BAD_HEAD
            if joint in missing or bad or kind in ("foot", "elbow", "wrist"):
                continue
            add(kind, clip, left(joint, clip.R[:, column]))
            if kind in ("neck", "head"):
                add(kind, clip, clip.R_other[:, column])
        for side in ("left", "right"):
            elbow, wrist = (f"{side}_{kind}" for kind in ("elbow", "wrist"))
            if wrist in missing:
                continue
            upper, lower = (left(j, clip.R[:, JOINTS.index(j)]) for j in (elbow, wrist))
            for part in (0.0, 0.5, 1.0):
                for kind, R in zip(("elbow", "wrist"), _move_turn(upper, lower, part), strict=True):
                    add(kind, clip, R)
    return {
        kind: {subject: np.concatenate(R) for subject, R in by.items()}
        for kind, by in samples.items()
    }


def _move_turn(elbow: np.ndarray, wrist: np.ndarray, part: float) -> tuple[np.ndarray, np.ndarray]:
    """Move a part of the wrist's turn about the forearm (X) into the elbow."""
    moved = Rotation.from_rotvec(part * _turn(wrist)[:, None] * [1, 0, 0]).as_matrix()
    return elbow @ moved, moved.swapaxes(-1, -2) @ wrist


def _turn(R: np.ndarray) -> np.ndarray:
    """Return the turn (T,) about X that a swing leaves, rad from -pi to pi."""
    q = Rotation.from_matrix(R).as_quat()
    turn = 2 * np.arctan2(q[:, 0], q[:, 3])
    return (turn + np.pi) % (2 * np.pi) - np.pi
