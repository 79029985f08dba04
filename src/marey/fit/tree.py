"""Normal equations of a body and their solution, in time linear in what the body's tree couples.

The columns of a problem, in the order of elimination from last to first::

    shape (S) | shift of each group of relative points (3) | translation (3) | joints (3 each)

A joint's column meets the columns of its ancestors and those before the joints, and no others:
`Layout` lists them. `accumulate` sums the forces on points (`forces`) into such rows, `solve_rows`
solves them; both are compiled for the CPU. `dense_normal` is the plain mathematics of the same in
torch, the reference of the tests and the road for a GPU.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from marey.fit._elimination_numba import solve_kernel
from marey.fit._tree_numba import accumulate_kernel, place_kernel
from marey.fit.chain import Chain, Placed, Pose, place, pose_jacobian, shape_jacobian
from marey.fit.forces import Forces


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Which columns a problem has and which of them meet in the normal matrix."""

    chain: Chain
    joints: tuple[int, ...]
    """Joints that may turn, ascending."""
    travels: bool
    """Whether the root may travel."""
    num_shape: int
    """Shape columns; 0 if the shape is fixed."""
    num_groups: int
    """Groups of points with a common shift."""
    column: Int[np.ndarray, "J"]
    """First of each joint's three columns; -1 where it may not turn."""
    offset: Int[np.ndarray, "n"]
    """Where each column's row starts in the stored matrix."""
    depth: Int[np.ndarray, "n"]
    """Entries of the row left of the diagonal."""
    path: Int[np.ndarray, "n D"]
    """The columns those entries belong to."""
    entry: Int[np.ndarray, "2 R"]
    """Row and column of each stored entry."""
    bone_shapedirs: Float[np.ndarray, "J 3 S"]
    """Change of each joint's offset in its parent's axes per shape parameter, m."""

    @property
    def num_columns(self) -> int:
        """Columns of the normal matrix, shifts included."""
        return len(self.offset)

    @property
    def num_entries(self) -> int:
        """Entries of the stored rows."""
        return int(self.offset[-1] + self.depth[-1] + 1)

    @property
    def diagonal(self) -> Int[np.ndarray, "n"]:
        """Where the diagonal entries are stored."""
        return self.offset + self.depth

    @property
    def shifts(self) -> slice:
        """The columns of the common shifts."""
        return slice(self.num_shape, self.num_shape + 3 * self.num_groups)

    @property
    def travel(self) -> slice:
        """The columns of the translation; empty if it is fixed."""
        start = self.shifts.stop
        return slice(start, start + 3 * self.travels)


@dataclass(frozen=True, slots=True)
class Rows:
    """Normal equations of B problems, stored row by row as `Layout` says."""

    rows: Float[np.ndarray, "B R"]
    right: Float[np.ndarray, "B n"]
    """Gradient of half the cost."""


def make_layout(
    chain: Chain,
    *,
    joints: tuple[int, ...],
    travels: bool,
    moves_shape: bool,
    num_groups: int,
) -> Layout:
    """Work out the columns of a problem.

    Args:
        chain: The chain.
        joints: Joints that may turn, the root (0) included if it may.
        travels: Whether the root may travel.
        moves_shape: Whether the shape may change.
        num_groups: Groups of points with a common shift.
    """
    num_shape = chain.shapedirs.shape[-1] if moves_shape else 0
    first = num_shape + 3 * num_groups + 3 * travels
    column = np.full(len(chain.joints), -1, np.int64)
    paths = [list(range(k)) for k in range(first)]
    for joint in sorted(joints):
        above = _ancestors(chain, joint)
        base = list(range(first))
        for ancestor in above:
            if column[ancestor] >= 0:
                base += range(column[ancestor], column[ancestor] + 3)
        column[joint] = len(paths)
        for axis in range(3):
            paths.append([*base, *range(column[joint], column[joint] + axis)])
    depth = np.array([len(path) for path in paths], np.int64)
    table = np.zeros((len(paths), max(depth.max(initial=0), 1)), np.int64)
    for row, path in zip(table, paths, strict=True):
        row[: len(path)] = path
    bones = chain.shapedirs - chain.shapedirs[torch.tensor(chain.parents).clamp_min(0)]
    return Layout(
        chain=chain,
        joints=tuple(sorted(joints)),
        travels=travels,
        num_shape=num_shape,
        num_groups=num_groups,
        column=column,
        offset=np.concatenate([[0], np.cumsum(depth + 1)[:-1]]).astype(np.int64),
        depth=depth,
        path=table,
        entry=np.array(
            [(row, column) for row, path in enumerate(paths) for column in [*path, row]]
        ).T.reshape(2, -1),
        bone_shapedirs=_array(bones),
    )


def _ancestors(chain: Chain, joint: int) -> list[int]:
    """Joints above a joint, the root first."""
    above = []
    while chain.parents[joint] >= 0:
        joint = chain.parents[joint]
        above.append(joint)
    return above[::-1]


def place_fast(chain: Chain, pose: Pose) -> Placed:
    """Do what `chain.place` does: compiled, or plainly where gradients are wanted."""
    parts = (pose.rotation, pose.translation, pose.shape)
    if torch.is_grad_enabled() and any(part.requires_grad for part in parts):
        return place(chain, pose)
    dtype = pose.translation.dtype
    num_problems, num_joints = len(pose), len(chain.joints)
    placed = Placed(
        torch.empty(num_problems, num_joints, 3, 3, dtype=dtype),
        torch.empty(num_problems, num_joints, 3, dtype=dtype),
        torch.empty(num_problems, len(chain.points), 3, dtype=dtype),
    )
    place_kernel(
        _array(pose.rotation),
        _array(pose.translation),
        _array(pose.shape),
        np.array(chain.parents),
        *(_array(part.to(dtype)) for part in (chain.template, chain.shapedirs)),
        chain.point_joint.numpy(),
        *(_array(part.to(dtype)) for part in (chain.point_offset, chain.point_shapedirs)),
        placed.rotation.numpy(),
        placed.joints.numpy(),
        placed.points.numpy(),
    )
    return placed


def accumulate(layout: Layout, placed: Placed, forces: Forces) -> Rows:
    """Sum forces on points into normal equations."""
    chain, dtype = layout.chain, placed.points.dtype
    rows = np.empty((len(placed.points), layout.num_entries), _array(placed.points).dtype)
    right = np.empty((len(rows), layout.num_columns), rows.dtype)
    accumulate_kernel(
        _array(placed.rotation),
        _array(placed.joints),
        _array(placed.points),
        _array(forces.gradient),
        _array(forces.hessian),
        _array(forces.relative),
        np.array(chain.parents),
        chain.point_joint.numpy(),
        forces.group.numpy(),
        _array(chain.point_shapedirs.to(dtype)),
        layout.bone_shapedirs.astype(rows.dtype),
        layout.num_shape,
        layout.num_groups,
        layout.travels,
        layout.column,
        layout.offset,
        layout.depth,
        rows,
        right,
    )
    right[:, layout.shifts] = forces.shift.flatten(1).numpy()
    return Rows(rows, right)


def solve_rows(
    layout: Layout, normal: Rows, damping: Float[np.ndarray, "B n"]
) -> tuple[Float[np.ndarray, "B n"], Bool[np.ndarray, "B"]]:
    """Solve damped normal equations; zero where a matrix is not positive definite.

    Returns:
        The step of every column, and which problems were sound.
    """
    delta = np.empty_like(normal.right)
    sound = np.empty(len(delta), np.bool_)
    work = np.empty(layout.num_entries, delta.dtype)
    solve_kernel(
        normal.rows,
        normal.right,
        damping.astype(delta.dtype, copy=False),
        layout.path,
        layout.offset,
        layout.depth,
        work,
        delta,
        sound,
    )
    return delta, sound


def expand(layout: Layout, normal: Rows) -> Float[np.ndarray, "B n n"]:
    """Return the stored rows as full symmetric matrices."""
    n = layout.num_columns
    dense = np.zeros((len(normal.rows), n, n), normal.rows.dtype)
    row, column = layout.entry
    dense[:, row, column] = normal.rows
    dense[:, column, row] = normal.rows
    return dense


def dense_normal(
    layout: Layout, placed: Placed, forces: Forces
) -> tuple[Float[Tensor, "B n n"], Float[Tensor, "B n"]]:
    """Return the same normal equations as plain sums over a dense Jacobian."""
    chain = layout.chain
    by_pose = pose_jacobian(chain, placed)
    num_turns = 3 * len(chain.joints)
    turns = [3 * joint + axis for joint in layout.joints for axis in range(3)]
    parts = [by_pose[..., turns]]
    if layout.travels:
        parts.insert(0, by_pose[..., num_turns:])
    own = torch.cat(parts, -1)
    shift = own.new_zeros(*own.shape[:3], 3 * layout.num_groups)
    for group in range(layout.num_groups):
        shift[:, :, :, 3 * group : 3 * group + 3] = -torch.eye(
            3, dtype=own.dtype, device=own.device
        )
        shift[:, forces.group != group, :, 3 * group : 3 * group + 3] = 0.0
    own = torch.cat([shift, own], -1)
    if layout.num_shape:
        own = torch.cat([shape_jacobian(chain, placed), own], -1)
    plain = own.clone()
    plain[..., layout.shifts] = 0.0
    absolute = forces.full_hessian() - torch.diag_embed(forces.relative)
    hessian = torch.einsum("bkip,bkij,bkjq->bpq", plain, absolute, plain)
    hessian = hessian + torch.einsum("bkip,bki,bkiq->bpq", own, forces.relative, own)
    gradient = torch.einsum("bkip,bki->bp", plain, forces.gradient)
    gradient[:, layout.shifts] = forces.shift.flatten(1)
    return hessian, gradient


def _array(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().numpy())
