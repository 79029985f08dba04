"""Joints that a program's parameters mean, with the shape of every frame, from the licensed body.

A take keeps one shape per person, but networks for single images give another one in every frame;
what they predicted are these joints, so benchmarks measure them.
"""

import numpy as np
import torch

from marey.body import load_body
from marey.core import load_skeleton
from marey.datasets.outputs.people import Points, Posed

SMPL_45 = load_skeleton("smpl-45")


def state_joints(posed: Posed, source: str) -> Points:
    """Return SMPL's 45 joints in the program's own axes; what the body has no point for is NaN.

    Args:
        posed: A body over L frames.
        source: The licensed file of its kind.

    Raises:
        InputError: If the body cannot be loaded.
        ShapeError: If it has other joints, or fewer coefficients of shape.
    """
    body = load_body(source)
    count = min(body.num_shape, posed.betas.shape[1])
    shape = torch.from_numpy(posed.betas[:, :count].astype(np.float32))
    position = posed.position
    if posed.is_translation:
        position = position + body.rest_joints(_fill(shape, body.num_shape))[:, 0].numpy()
    root = np.concatenate([posed.root, position], -1).astype(np.float32)
    names = [name for name in SMPL_45.keypoints if name in body.points]
    joints = np.full((len(root), len(SMPL_45), 3), np.nan)
    with torch.no_grad():
        turn = torch.from_numpy(posed.joints.astype(np.float32))
        placed = body.pose(shape, torch.from_numpy(root), turn)
        points = body.landmark_positions(placed, names).numpy()
    joints[:, [SMPL_45.index(name) for name in names]] = points
    return Points(skeleton=SMPL_45, position=joints)


def _fill(shape: torch.Tensor, count: int) -> torch.Tensor:
    return torch.nn.functional.pad(shape, (0, count - shape.shape[-1]))
