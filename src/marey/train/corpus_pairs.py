"""Pairs from corpora of estimated and true poses, in the layout of DeciWatch, SmoothNet and HANet.

Windows begin at every frame of every sequence as often as at any other; near a sequence's end they
move back to fit. A sequence shorter than a window is continued by its last input, where nothing is
true. Labels may be sparse (PoseTrack marks every fourth frame): NaN in the truth counts nowhere.

Shape letters: B windows, L frames, T frames of a sequence, C channels.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from marey.core import Keypoints3D
from marey.core.errors import InputError
from marey.datasets.deciwatch import read_sequences
from marey.datasets.recording import Recording
from marey.geometry.rotation import (
    matrix_to_rotation6d,
    quaternion_to_matrix,
    quaternion_to_rotvec,
)
from marey.models.hanet import Representation
from marey.train.noise import bridge

ROOTS = (
    ("mid_hip",),
    ("pelvis",),
    ("left_hip_lsp", "right_hip_lsp"),
    ("left_hip", "right_hip"),
)
"""Keypoints whose mean is the root of poses in space, the first that a skeleton has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SequencePair:
    """One sequence as estimated and as it is."""

    noisy: Float[np.ndarray, "T C"]
    """Without gaps."""
    clean: Float[np.ndarray, "T C"]
    """NaN where nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusPairs:
    """Draws windows from sequences."""

    sequences: tuple[SequencePair, ...]
    window: int
    batch: int

    @property
    def num_frames(self) -> int:
        """Frames of all sequences: an epoch has as many windows."""
        return sum(len(pair.noisy) for pair in self.sequences)

    def draw(self, seed: int, step: int) -> tuple[Float[Tensor, "B L C"], Float[Tensor, "B L C"]]:
        """Return the batch of a step: each epoch is a new order of all frames."""
        total = self.num_frames
        at = np.arange(step * self.batch, (step + 1) * self.batch)
        orders = {
            epoch: np.random.default_rng([seed, int(epoch)]).permutation(total)
            for epoch in np.unique(at // total)
        }
        ends = np.cumsum([len(pair.noisy) for pair in self.sequences])
        noisy, clean = [], []
        for number in at:
            frame = orders[number // total][number % total]
            row = int(np.searchsorted(ends, frame, side="right"))
            pair = self.sequences[row]
            offset = int(frame - (ends[row] - len(pair.noisy)))
            first = offset % max(len(pair.noisy) - self.window + 1, 1)
            noisy.append(_cut(pair.noisy, first, self.window, missing=False))
            clean.append(_cut(pair.clean, first, self.window, missing=True))
        return torch.from_numpy(np.stack(noisy)), torch.from_numpy(np.stack(clean))


def read_corpus_pairs(
    detected: str | Path,
    truth: str | Path,
    *,
    representation: Representation,
) -> tuple[SequencePair, ...]:
    """Read two files of the same sequences.

    Args:
        detected: Estimated poses, `.npz`.
        truth: True poses of the same sequences in the same order.
        representation: What a network is to see: `2d` (over the image's size), `3d` (m from the
            root, see `ROOTS`), `6d` or `axis-angle` (SMPL's 24 rotations).

    Raises:
        InputError: If a file cannot be used, the sequences do not fit each other, or a file lacks
            what the representation needs.
    """
    found = list(read_sequences(detected))
    true = list(read_sequences(truth))
    if len(found) != len(true):
        raise InputError(
            f"{detected} holds {len(found)} sequences and {truth} {len(true)}; they must be the "
            "same in the same order"
        )
    pairs = []
    for ours, theirs in zip(found, true, strict=True):
        noisy, clean = (_values(x, theirs, representation) for x in (ours, theirs))
        if noisy.shape != clean.shape:
            raise InputError(
                f"sequence {ours.name} has poses of shape {noisy.shape} as estimated and "
                f"{clean.shape} in truth; both need the same frames and joints"
            )
        filled = torch.from_numpy(noisy)[None]
        filled = bridge(filled, ~filled.isfinite().all(-1))[0].nan_to_num()
        pairs.append(
            SequencePair(
                noisy=filled.flatten(1).numpy().astype(np.float32),
                clean=clean.reshape(len(clean), -1).astype(np.float32),
            )
        )
    return tuple(pairs)


def _values(
    recording: Recording, truth: Recording, representation: Representation
) -> Float[np.ndarray, "T K D"]:
    """Return a sequence as a network sees it; the image's size comes from the truth."""
    if representation == "2d" and recording.keypoints2d is not None and truth.size is not None:
        return recording.keypoints2d.position[0] / np.array(truth.size)
    if representation == "3d" and recording.keypoints3d is not None:
        return _from_root(recording.keypoints3d)
    if representation in ("6d", "axis-angle") and recording.motion is not None:
        motion = recording.motion
        q = np.concatenate([motion.T_world_root[0, :, None, :4], motion.R_parent_joint[0]], 1)
        turn = torch.from_numpy(q.astype(np.float64))
        if representation == "axis-angle":
            return quaternion_to_rotvec(turn).numpy()
        return matrix_to_rotation6d(quaternion_to_matrix(turn), layout="interleaved").numpy()
    raise InputError(
        f"sequence {recording.name} holds nothing to make '{representation}' of: 2d needs "
        "`joints_2d` and the true file's `imgshape`, 3d `joints_3d`, rotations `pose`"
    )


def _from_root(points: Keypoints3D) -> Float[np.ndarray, "T K 3"]:
    names = points.skeleton.keypoints
    for root in ROOTS:
        if set(root) <= set(names):
            rows = [names.index(name) for name in root]
            return points.position[0] - points.position[0][:, rows].mean(1, keepdims=True)
    raise InputError(
        f"the skeleton {points.skeleton.name} has no root; it needs a pelvis, or both hips"
    )


def _cut(
    values: Float[np.ndarray, "T C"], first: int, window: int, *, missing: bool
) -> Float[np.ndarray, "L C"]:
    part = values[first : first + window]
    lacking = window - len(part)
    if not lacking:
        return part
    fill = np.full_like(part[:1], np.nan) if missing else part[-1:]
    return np.concatenate([part, np.repeat(fill, lacking, 0)])
