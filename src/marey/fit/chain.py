"""Kinematics with analytic derivatives: where a body's points are, and how they move.

Letters: B problems (frames), J rotating joints of the fit (the root is joint 0 here), K points,
P parameters, S shape parameters. A pose is changed by local increments: `R <- R exp([d]x)` with a
rotation vector d in the joint's own axes. Then a point p carried by joint a moves by

    dp/dd_j = -R_j-rotated lever:  (R_j e_i) x (p - t_j)   for every joint j above or at a,
    dp/dt   = I,                    for the root translation,

and, since points are linear in the shape, dp/dbeta is an affine recursion down the tree.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from marey.geometry.rotation import skew


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The part of a body that a fit moves: joints, and the points attached to them."""

    joints: tuple[str, ...]
    """Names, the root first, parents before children."""
    parents: tuple[int, ...]
    levels: tuple[tuple[int, ...], ...]
    """Joints by depth below the root; the root is not in it."""
    template: Float[Tensor, "J 3"]
    """Rest joint positions of the mean shape, m."""
    shapedirs: Float[Tensor, "J 3 S"]
    points: tuple[str, ...]
    """Names of the K points."""
    point_joint: Int[Tensor, "K"]
    """Joint that carries each point."""
    point_offset: Float[Tensor, "K 3"]
    """Rest position of each point relative to its joint, mean shape, m."""
    point_shapedirs: Float[Tensor, "K 3 S"]
    """Change of that offset per shape parameter."""
    moves: Int[Tensor, "M 2"]
    """Pairs (point k, joint j) such that rotating j moves k: j carries k or is above that joint."""

    def index(self, joint: str) -> int:
        """Return the position of a joint in `joints`."""
        return self.joints.index(joint)


@dataclass(frozen=True, slots=True)
class Pose:
    """The state of B independent problems."""

    rotation: Float[Tensor, "B J 3 3"]
    """Local rotations, the root's first."""
    translation: Float[Tensor, "B 3"]
    """Position of the root joint, m."""
    shape: Float[Tensor, "B S"]
    shift: Float[Tensor, "B G 3"] | None = None
    """Where the G groups of relative points lie, m; None while nobody has asked."""

    def __getitem__(self, index: Tensor | slice) -> "Pose":
        shift = None if self.shift is None else self.shift[index]
        return Pose(self.rotation[index], self.translation[index], self.shape[index], shift)

    def __len__(self) -> int:
        return len(self.translation)


@dataclass(frozen=True, slots=True)
class Placed:
    """A posed chain."""

    rotation: Float[Tensor, "B J 3 3"]
    """World rotations."""
    joints: Float[Tensor, "B J 3"]
    points: Float[Tensor, "B K 3"]


def make_chain(
    joints: tuple[str, ...],
    parents: tuple[int, ...],
    template: Float[Tensor, "J 3"],
    shapedirs: Float[Tensor, "J 3 S"],
    *,
    points: dict[str, tuple[int, Tensor, Tensor]],
) -> Chain:
    """Assemble a chain.

    Args:
        joints: Joint names, the root first.
        parents: Parent of each joint, -1 for the root; parents come before children.
        template: Rest joint positions, m.
        shapedirs: Their change per shape parameter.
        points: Point name to (joint index, rest position (3) in m, its shape directions (3 S)),
            positions in the same rest frame as the joints.
    """
    depth = [0] * len(joints)
    for joint, parent in enumerate(parents[1:], start=1):
        depth[joint] = depth[parent] + 1
    levels = tuple(
        tuple(joint for joint in range(len(joints)) if depth[joint] == level)
        for level in range(1, max(depth) + 1)
    )
    carriers = [joint for joint, _, _ in points.values()]
    moves = []
    for row, carrier in enumerate(carriers):
        joint = carrier
        while joint >= 0:
            moves.append((row, joint))
            joint = parents[joint]
    num_shape = shapedirs.shape[-1]
    rest = torch.stack([position for _, position, _ in points.values()])
    directions = torch.stack([direction for _, _, direction in points.values()])
    assert directions.shape == (len(points), 3, num_shape)
    index = torch.tensor(carriers)
    return Chain(
        joints=joints,
        parents=parents,
        levels=levels,
        template=template,
        shapedirs=shapedirs,
        points=tuple(points),
        point_joint=index,
        point_offset=rest - template[index],
        point_shapedirs=directions - shapedirs[index],
        moves=torch.tensor(moves),
    )


def place(chain: Chain, pose: Pose) -> Placed:
    """Run forward kinematics, level by level."""
    rest = chain.template + torch.einsum("jcs,bs->bjc", chain.shapedirs, pose.shape)
    rotation = list(pose.rotation.unbind(1))
    position = [pose.translation] * len(chain.joints)
    for level in chain.levels:
        parent = [chain.parents[joint] for joint in level]
        R_parent = torch.stack([rotation[p] for p in parent], 1)
        t_parent = torch.stack([position[p] for p in parent], 1)
        bone = (rest[:, list(level)] - rest[:, parent]).unsqueeze(-1)
        R_world = R_parent @ pose.rotation[:, list(level)]
        t_world = t_parent + (R_parent @ bone).squeeze(-1)
        for column, joint in enumerate(level):
            rotation[joint], position[joint] = R_world[:, column], t_world[:, column]
    world, joints = torch.stack(rotation, 1), torch.stack(position, 1)
    offset = chain.point_offset + torch.einsum("kcs,bs->bkc", chain.point_shapedirs, pose.shape)
    carried = (world[:, chain.point_joint] @ offset.unsqueeze(-1)).squeeze(-1)
    return Placed(world, joints, joints[:, chain.point_joint] + carried)


def pose_jacobian(chain: Chain, placed: Placed) -> Float[Tensor, "B K 3 P"]:
    """Differentiate the points by the pose parameters.

    The P = 3 J + 3 columns are the local increments of every joint (root first), then the root
    translation.
    """
    num_joints = len(chain.joints)
    jacobian = placed.points.new_zeros(*placed.points.shape, 3 * num_joints + 3)
    point, joint = chain.moves.unbind(1)
    lever = (placed.points[:, point] - placed.joints[:, joint]).unsqueeze(-1)
    turning = torch.linalg.cross(placed.rotation[:, joint], lever.expand(-1, -1, -1, 3), dim=2)
    # Only these pairs differ from zero, about a quarter of all.
    blocks = jacobian[..., :-3].unflatten(-1, (num_joints, 3))
    blocks[:, point, :, joint] = turning.transpose(0, 1)
    jacobian[..., -3:] = torch.eye(3, dtype=lever.dtype, device=lever.device)
    return jacobian


def shape_jacobian(chain: Chain, placed: Placed) -> Float[Tensor, "B K 3 S"]:
    """Differentiate the points by the shape parameters."""
    num_problems, num_shape = len(placed.joints), chain.shapedirs.shape[-1]
    moved = [placed.joints.new_zeros(num_problems, 3, num_shape)] * len(chain.joints)
    for joint, parent in enumerate(chain.parents[1:], start=1):
        bone = chain.shapedirs[joint] - chain.shapedirs[parent]
        moved[joint] = moved[parent] + placed.rotation[:, parent] @ bone
    carried = placed.rotation[:, chain.point_joint] @ chain.point_shapedirs
    return torch.stack(moved, 1)[:, chain.point_joint] + carried


def step(chain: Chain, pose: Pose, delta: Float[Tensor, "B P"]) -> Pose:
    """Apply an increment of pose parameters, and of shape parameters if there are further columns.

    Args:
        chain: The chain.
        pose: Current state.
        delta: P = 3 J + 3 or 3 J + 3 + S columns in the order of `pose_jacobian`.
    """
    num_joints = len(chain.joints)
    turn = delta[:, : 3 * num_joints].unflatten(1, (num_joints, 3))
    translation = pose.translation + delta[:, 3 * num_joints : 3 * num_joints + 3]
    shape = pose.shape
    if delta.shape[1] > 3 * num_joints + 3:
        shape = shape + delta[:, 3 * num_joints + 3 :]
    return Pose(pose.rotation @ exp_so3(turn), translation, shape)


def exp_so3(vector: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Rotation vector to matrix (Rodrigues), lean enough for the inner loop."""
    angle2 = (vector * vector).sum(-1).clamp_min(1e-16)
    angle = angle2.sqrt()
    a = (torch.sin(angle) / angle)[..., None, None]
    b = ((1 - torch.cos(angle)) / angle2)[..., None, None]
    cross = skew(vector)
    return torch.eye(3, dtype=vector.dtype, device=vector.device) + a * cross + b * (cross @ cross)


def log_so3(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3"]:
    """Matrix to rotation vector, by way of the quaternion (stable up to half a turn)."""
    m = matrix
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    # Shepperd's four candidates; the one with the largest pivot is well conditioned.
    pivots = torch.stack([trace, m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]], -1)
    best = pivots.argmax(-1)
    x, y, z = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    xy, xz, yz = (
        m[..., 0, 1] + m[..., 1, 0],
        m[..., 0, 2] + m[..., 2, 0],
        m[..., 1, 2] + m[..., 2, 1],
    )
    own = 1 - trace
    rows = torch.stack(
        [
            torch.stack([1 + trace, x, y, z], -1),
            torch.stack([x, own + 2 * m[..., 0, 0], xy, xz], -1),
            torch.stack([y, xy, own + 2 * m[..., 1, 1], yz], -1),
            torch.stack([z, xz, yz, own + 2 * m[..., 2, 2]], -1),
        ],
        -2,
    )
    quaternion = rows.gather(-2, best[..., None, None].expand(*best.shape, 1, 4)).squeeze(-2)
    quaternion = quaternion / quaternion.norm(dim=-1, keepdim=True)
    quaternion = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    sine = quaternion[..., 1:].norm(dim=-1)
    angle = 2 * torch.atan2(sine, quaternion[..., 0])
    scale = torch.where(sine > 1e-6, angle / sine.clamp_min(1e-6), torch.full_like(sine, 2.0))
    return quaternion[..., 1:] * scale.unsqueeze(-1)
