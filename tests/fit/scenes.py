"""A small body for the fit's tests: a torso, two arms and two legs, two shape parameters."""

import torch

from marey.fit.chain import Chain, Pose, exp_so3, make_chain

_REST = {
    "pelvis": (None, (0.0, 0.0, 0.0)),
    "left_hip": ("pelvis", (0.11, -0.05, 0.0)),
    "right_hip": ("pelvis", (-0.11, -0.05, 0.0)),
    "spine": ("pelvis", (0.0, 0.2, 0.0)),
    "left_knee": ("left_hip", (0.13, -0.44, 0.0)),
    "right_knee": ("right_hip", (-0.13, -0.44, 0.0)),
    "left_shoulder": ("spine", (0.18, 0.42, 0.0)),
    "right_shoulder": ("spine", (-0.18, 0.42, 0.0)),
    "left_elbow": ("left_shoulder", (0.44, 0.42, 0.0)),
    "right_elbow": ("right_shoulder", (-0.44, 0.42, 0.0)),
}
_TIPS = {
    "left_ankle": ("left_knee", (0.14, -0.88, 0.0)),
    "right_ankle": ("right_knee", (-0.14, -0.88, 0.0)),
    "left_wrist": ("left_elbow", (0.67, 0.42, 0.0)),
    "right_wrist": ("right_elbow", (-0.67, 0.42, 0.0)),
    "nose": ("spine", (0.0, 0.6, 0.1)),
}


def small_chain(dtype: torch.dtype = torch.float32) -> Chain:
    """Build the body; shape 0 scales it, shape 1 widens it."""
    names = tuple(_REST)
    parents = tuple(-1 if parent is None else names.index(parent) for parent, _ in _REST.values())
    template = torch.tensor([xyz for _, xyz in _REST.values()], dtype=dtype)
    shapedirs = _directions(template)
    points = {
        name: (row, template[row], shapedirs[row]) for row, name in enumerate(names) if row > 0
    }
    for name, (parent, xyz) in _TIPS.items():
        position = torch.tensor(xyz, dtype=dtype)
        points[name] = (names.index(parent), position, _directions(position))
    return make_chain(names, parents, template, shapedirs, points=points)


def _directions(position: torch.Tensor) -> torch.Tensor:
    wide = position * torch.tensor([1.0, 0.0, 0.0], dtype=position.dtype)
    return torch.stack([0.05 * position, 0.1 * wide], -1)


def random_pose(
    chain: Chain, num_problems: int, *, seed: int, spread: float = 0.3, distance: float = 4.0
) -> Pose:
    """Draw poses in front of the camera; the body stands upright in camera axes (y down)."""
    generator = torch.Generator().manual_seed(seed)
    dtype = chain.template.dtype

    def draw(*size: int) -> torch.Tensor:
        return torch.randn(*size, generator=generator, dtype=dtype)

    rotation = exp_so3(spread * draw(num_problems, len(chain.joints), 3))
    upright = torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=dtype))
    rotation[:, 0] = upright @ rotation[:, 0]
    offset = torch.tensor([0.0, 0.0, distance], dtype=dtype)
    translation = offset + 0.3 * draw(num_problems, 3)
    shape = 0.7 * draw(1, chain.shapedirs.shape[-1]).expand(num_problems, -1).clone()
    return Pose(rotation, translation, shape)
