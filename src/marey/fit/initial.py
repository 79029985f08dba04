"""Closed-form first poses from 3D landmarks, so that the solver starts in the right valley.

The torso's turn is a Procrustes problem over hips and shoulders. Each limb of two bones is aimed
at its landmarks; the plane of elbow or knee fixes the twist of the upper bone. The translation that
makes the landmarks fall on their image points is linear: with x the normalised image point,
(p_x + t_x) - x (p_z + t_z) = 0.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from marey.fit.chain import Chain, Pose

_SHORTEST_BONE = 1e-4
"""A bone seen shorter than this has no direction, m."""
_TORSO = ("left_hip", "right_hip", "left_shoulder", "right_shoulder")


@dataclass(frozen=True, slots=True)
class _Limb:
    upper: str
    """Joint that aims the upper bone; its own position is the bone's start."""
    lower: str
    end: str
    hinge: tuple[float, float, float]
    """Rest axis about which the lower bone flexes with a positive angle."""


_LIMBS = (
    _Limb("left_shoulder", "left_elbow", "left_wrist", (0.0, -1.0, 0.0)),
    _Limb("right_shoulder", "right_elbow", "right_wrist", (0.0, 1.0, 0.0)),
    _Limb("left_hip", "left_knee", "left_ankle", (1.0, 0.0, 0.0)),
    _Limb("right_hip", "right_knee", "right_ankle", (1.0, 0.0, 0.0)),
)


def initial_pose(
    chain: Chain,
    landmarks: Float[Tensor, "B K 3"],
    mean: Float[Tensor, "J 3 3"],
    shape: Float[Tensor, "S"],
) -> Pose:
    """Turn landmarks into first rotations; the translation is left at zero.

    Args:
        chain: A chain with the joints of the SMPL family's bodies.
        landmarks: Points of the chain in camera axes up to a translation, m; NaN where missing.
        mean: Local rotations of joints that the landmarks do not decide.
        shape: First shape parameters.

    Returns:
        Poses; a limb with a missing landmark keeps the mean rotation.
    """
    num_frames = len(landmarks)
    rotation = mean.expand(num_frames, -1, -1, -1).clone()
    rest = chain.template + chain.shapedirs @ shape
    torso = [chain.points.index(name) for name in _TORSO]
    rest_torso = rest[[chain.index(name) for name in _TORSO]]
    R_root = procrustes_rotation(rest_torso.expand(num_frames, -1, -1), landmarks[:, torso])
    rotation[:, 0] = torch.where(_finite(R_root), R_root, torch.eye(3))
    for limb in _LIMBS:
        _aim_limb(chain, limb, landmarks, rest, rotation)
    return Pose(rotation, landmarks.new_zeros(num_frames, 3), shape.expand(num_frames, -1).clone())


def _aim_limb(chain: Chain, limb: _Limb, landmarks: Tensor, rest: Tensor, rotation: Tensor) -> None:
    upper, lower = chain.index(limb.upper), chain.index(limb.lower)
    end_offset = _rest_of(chain, limb.end, rest) - rest[lower]
    start, middle, end = (
        landmarks[:, chain.points.index(name)] for name in (limb.upper, limb.lower, limb.end)
    )
    R_above = _world_rotation(chain, rotation, chain.parents[upper])
    seen_upper = _direction(_apply(R_above.mT, middle - start))
    seen_lower = _direction(_apply(R_above.mT, end - middle))
    rest_upper = _unit(rest[lower] - rest[upper]).expand_as(seen_upper)
    rest_lower = _unit(end_offset).expand_as(seen_upper)
    hinge = _unit(torch.tensor(limb.hinge, dtype=rest.dtype).expand_as(seen_upper))
    shortest = aim(rest_upper, seen_upper)
    # A straight limb leaves the twist open; the shortest turn's own hinge then decides.
    normal = torch.linalg.cross(seen_upper, seen_lower)
    normal = normal + 0.15 * _apply(shortest, hinge)
    R_upper = _frame(seen_upper, normal) @ _frame(rest_upper, hinge).mT
    R_lower = aim(rest_lower, _apply(R_upper.mT, seen_lower))
    rotation[:, upper] = torch.where(_finite(R_upper), R_upper, rotation[:, upper])
    rotation[:, lower] = torch.where(_finite(R_lower), R_lower, rotation[:, lower])


def _rest_of(chain: Chain, point: str, rest: Tensor) -> Float[Tensor, "3"]:
    row = chain.points.index(point)
    return rest[chain.point_joint[row]] + chain.point_offset[row]


def _world_rotation(chain: Chain, rotation: Tensor, joint: int) -> Float[Tensor, "B 3 3"]:
    world = rotation[:, joint]
    while chain.parents[joint] >= 0:
        joint = chain.parents[joint]
        world = rotation[:, joint] @ world
    return world


def initial_translation(
    points: Float[Tensor, "B K 3"],
    image: Float[Tensor, "B K 2"],
    weight: Float[Tensor, "B K"],
    *,
    focal: float,
    centre: Float[Tensor, "2"],
) -> Float[Tensor, "B 3"]:
    """Place a constellation of known orientation so that it falls on its image points.

    Args:
        points: Constellation in camera axes, m.
        image: Where its points were seen, px.
        weight: Weight of each point, 0 where missing.
        focal: Focal length, px.
        centre: Principal point, px.

    Returns:
        Translations in m; at least half a metre in front of the camera.
    """
    ray = torch.nan_to_num((image - centre) / focal)
    one, zero = torch.ones_like(ray[..., 0]), torch.zeros_like(ray[..., 0])
    rows_x = torch.stack([one, zero, -ray[..., 0]], -1)
    rows_y = torch.stack([zero, one, -ray[..., 1]], -1)
    # In float64: the depth of a distant person is what is left when large numbers cancel.
    rows = (torch.cat([rows_x, rows_y], 1) * torch.cat([weight, weight], 1).unsqueeze(-1)).double()
    right = -(torch.cat([points, points], 1) * rows).sum(-1, keepdim=True)
    normal = rows.mT @ rows
    # A single point leaves the depth open; a ridge far below any measurement closes it.
    ridge = 1e-9 * normal.diagonal(dim1=1, dim2=2).sum(-1).clamp_min(1e-9)
    normal = normal + ridge[:, None, None] * torch.eye(3, dtype=normal.dtype)
    translation = torch.linalg.solve(normal, rows.mT @ right).squeeze(-1).to(points.dtype)
    return torch.cat([translation[:, :2], translation[:, 2:].clamp_min(0.5)], 1)


def procrustes_rotation(
    source: Float[Tensor, "B K 3"], target: Float[Tensor, "B K 3"]
) -> Float[Tensor, "B 3 3"]:
    """Rotation that best turns one constellation into another (Kabsch); NaN where data are."""
    a = source - source.mean(1, keepdim=True)
    b = target - target.mean(1, keepdim=True)
    covariance = b.mT @ a
    sound = torch.isfinite(covariance).all(-1).all(-1)[:, None, None]
    u, _, vt = torch.linalg.svd(torch.where(sound, covariance, 0.0))
    sign = torch.ones_like(u[:, 0])
    sign[:, 2] = torch.linalg.det(u @ vt).sign()
    return torch.where(sound, (u * sign.unsqueeze(1)) @ vt, torch.nan)


def aim(source: Float[Tensor, "B 3"], target: Float[Tensor, "B 3"]) -> Float[Tensor, "B 3 3"]:
    """Shortest rotation that turns one unit vector into another.

    Two reflections: in the plane between the source and the halfway vector, then the target.
    """
    half = source + target
    # Opposite vectors have no halfway; any perpendicular will do.
    other = torch.linalg.cross(source, source.roll(1, -1) + 0.1)
    half = torch.where(half.norm(dim=-1, keepdim=True) < 1e-4, other, half)
    half = _unit(half)
    eye = torch.eye(3, dtype=source.dtype)
    first = eye - 2 * _outer(source, source)
    second = eye - 2 * _outer(half, half)
    return second @ first


def _frame(along: Tensor, normal: Tensor) -> Float[Tensor, "B 3 3"]:
    """Right-handed frame with its first column along a bone, its second near a normal."""
    second = _unit(normal - (normal * along).sum(-1, keepdim=True) * along)
    return torch.stack([along, second, torch.linalg.cross(along, second)], -1)


def _outer(a: Tensor, b: Tensor) -> Tensor:
    return a.unsqueeze(-1) * b.unsqueeze(-2)


def _apply(matrix: Tensor, vector: Tensor) -> Tensor:
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def _unit(vector: Tensor) -> Tensor:
    return vector / vector.norm(dim=-1, keepdim=True).clamp_min(1e-9)


def _direction(bone: Tensor) -> Tensor:
    """Unit vector along a bone; NaN if its two ends were seen in one place."""
    length = bone.norm(dim=-1, keepdim=True)
    return torch.where(length > _SHORTEST_BONE, bone / length, torch.nan)


def _finite(matrix: Tensor) -> Tensor:
    return torch.isfinite(matrix).all(-1).all(-1)[..., None, None]
