"""Clean motion to learn from: world rotations of SMPL's 22 body joints, clip after clip.

World rotations are kept, relative to the T-pose and with +Z up, since a point on the body is then
a sum over joints of rotation times constant (`body_points`), which a batch of windows computes in
one product. Every clip keeps its own rate; `cut_windows` reads it at any moment, so that all
windows have one rate whatever the recordings had.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from torch import Tensor

from marey.core.errors import FormatError, InputError
from marey.core.files import atomic_path
from marey.geometry.rotation import rotation6d_to_matrix

_KEYS = ("rotation", "start", "rate", "clip", "subject")


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanMotion:
    """F frames of M clips, one after the other."""

    rotation: Float32[np.ndarray, "F 22 6"]
    """The first two columns of each joint's rotation from the T-pose to the world."""
    start: Int[np.ndarray, "edges"]
    """First frame of each clip, and F."""
    rate: Float[np.ndarray, "M"]
    """Frames per second of each clip."""
    clip: tuple[str, ...]
    subject: tuple[str, ...]
    """Who moves, by clip; data are split by it."""

    @property
    def num_frames(self) -> Int[np.ndarray, "M"]:
        """Frames of each clip."""
        return np.diff(self.start)

    @property
    def duration(self) -> Float[np.ndarray, "M"]:
        """Length of each clip, s."""
        return (self.num_frames - 1) / self.rate

    def of_subjects(self, subjects: Collection[str]) -> "CleanMotion":
        """Return the clips of some subjects.

        Raises:
            InputError: If there are none.
        """
        keep = [row for row, name in enumerate(self.subject) if name in subjects]
        if not keep:
            raise InputError(
                f"no clip is of {', '.join(sorted(subjects))}; there are "
                f"{', '.join(sorted(set(self.subject)))}"
            )
        lengths = self.num_frames[keep]
        parts = [self.rotation[self.start[row] : self.start[row + 1]] for row in keep]
        return CleanMotion(
            rotation=np.concatenate(parts),
            start=np.concatenate([[0], np.cumsum(lengths)]),
            rate=self.rate[keep],
            clip=tuple(self.clip[row] for row in keep),
            subject=tuple(self.subject[row] for row in keep),
        )


def write_clean_motion(motion: CleanMotion, path: str | Path) -> None:
    """Write clean motion as an .npz that is read without pickle."""
    with atomic_path(Path(path), overwrite=True) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            rotation=motion.rotation,
            start=motion.start,
            rate=motion.rate,
            clip=np.array(motion.clip),
            subject=np.array(motion.subject),
        )


def read_clean_motion(path: str | Path) -> CleanMotion:
    """Read what `write_clean_motion` wrote.

    Raises:
        FormatError: If the file is no such .npz.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in _KEYS}
    except (OSError, ValueError, KeyError) as error:
        raise FormatError(
            f"{path} is no clean motion ({error}); make it with tools/build_clean_motion.py"
        ) from error
    start, rotation = arrays["start"], arrays["rotation"]
    if rotation.shape[1:] != (22, 6) or start[0] != 0 or start[-1] != len(rotation):
        raise FormatError(
            f"{path} holds rotations of shape {rotation.shape} and clips up to frame {start[-1]}; "
            "F x 22 x 6 and F are expected"
        )
    return CleanMotion(
        rotation=rotation.astype(np.float32),
        start=start,
        rate=arrays["rate"].astype(np.float64),
        clip=tuple(str(name) for name in arrays["clip"]),
        subject=tuple(str(name) for name in arrays["subject"]),
    )


def draw_starts(
    motion: CleanMotion, span: Float[np.ndarray, "B"], rng: np.random.Generator
) -> tuple[Int[np.ndarray, "B"], Float[np.ndarray, "B"]]:
    """Draw a clip and a moment for each window; every moment of every clip is as likely.

    Args:
        motion: Where to draw from.
        span: Length of each window, s; one longer than every clip is cut short by its end.
        rng: Source of randomness.

    Returns:
        Clip numbers and first moments, s.
    """
    room = np.maximum(motion.duration[None] - span[:, None], 0.0)
    weight = np.where(room.any(1, keepdims=True), room, motion.duration[None])
    total = np.cumsum(weight, axis=1)
    at = rng.random(len(span)) * total[:, -1]
    clip = np.minimum((total <= at[:, None]).sum(1), len(motion.clip) - 1)
    return clip, rng.random(len(span)) * room[np.arange(len(span)), clip]


def cut_windows(
    motion: CleanMotion,
    clip: Int[np.ndarray, "B"],
    moment: Float[np.ndarray, "B L"],
) -> Float[Tensor, "B L 22 3 3"]:
    """Read clips at given moments; between two frames the columns are mixed and made orthogonal.

    Moments before the first and after the last frame give that frame.

    Args:
        motion: Where to read.
        clip: The clip of each window.
        moment: When to look, s from the clip's first frame.
    """
    frame = np.clip(moment * motion.rate[clip, None], 0, (motion.num_frames[clip] - 1)[:, None])
    low = np.minimum(np.floor(frame).astype(np.int64), (motion.num_frames[clip] - 2)[:, None])
    low = np.maximum(low, 0)
    share = torch.from_numpy((frame - low).astype(np.float32))[..., None, None]
    rows = motion.start[clip, None] + low
    after = np.minimum(rows + 1, motion.start[clip + 1, None] - 1)
    mixed = torch.lerp(
        torch.from_numpy(motion.rotation[rows]), torch.from_numpy(motion.rotation[after]), share
    )
    return rotation6d_to_matrix(mixed, layout="columns")
