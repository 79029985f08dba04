"""A little clean motion for tests: two people of one subject each who swing their arms."""

import numpy as np
import torch

from marey.geometry.rotation import matrix_to_rotation6d, rotvec_to_matrix
from marey.train.clean_motion import CleanMotion


def swinging(*, frames: int = 120, rate: float = 60.0) -> CleanMotion:
    """Return two clips; joints turn about X by a sine of their own speed, upright (+Z up)."""
    clips = []
    for speed in (1.0, 1.7):
        time = torch.arange(frames) / rate
        angle = 0.6 * torch.sin(2 * torch.pi * speed * time[:, None] + torch.arange(22) * 0.4)
        vector = torch.zeros(frames, 22, 3)
        vector[..., 0] = angle + torch.pi / 2
        clips.append(matrix_to_rotation6d(rotvec_to_matrix(vector), layout="columns").numpy())
    return CleanMotion(
        rotation=np.concatenate(clips).astype(np.float32),
        start=np.array([0, frames, 2 * frames]),
        rate=np.array([rate, rate]),
        clip=("first", "second"),
        subject=("a", "b"),
    )
