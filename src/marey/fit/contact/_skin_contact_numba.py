"""The compiled half of `skin_contact`: places on two skins to wrenches and inertias of joints.

A place p of a skin moves with up to four joints, p = sum_k w_k (R_k l_k + t_k). A gap's pull n on
it is a pull w_k n on each joint, at that joint's own image of the place.
"""

import numpy as np

from marey.fit._tree_numba import (
    _add_inertia,
    _add_wrench,
    _climb,
    _fill_ancestors,
    _fill_base,
    _fill_travel,
    _twist_of,
)
from marey.geometry._compile import compile_kernel


@compile_kernel
def attach_kernel(frame, place, joint, rotation, position, local):
    """Write places in the axes of their joints.

    Args:
        frame: Frame of each place, R.
        place: In the world, R 3.
        joint: Joints that carry it, R 4.
        rotation: World rotations of the joints, L J 3 3.
        position: L J 3.
        local: Result, R 4 3.
    """
    for r in range(len(frame)):
        f = frame[r]
        for k in range(joint.shape[1]):
            j = joint[r, k]
            x = place[r, 0] - position[f, j, 0]
            y = place[r, 1] - position[f, j, 1]
            z = place[r, 2] - position[f, j, 2]
            for i in range(3):
                turn = rotation[f, j]
                local[r, k, i] = turn[0, i] * x + turn[1, i] * y + turn[2, i] * z


@compile_kernel
def _image(local, rotation, position, out):
    for i in range(3):
        out[i] = (
            position[i]
            + rotation[i, 0] * local[0]
            + rotation[i, 1] * local[1]
            + rotation[i, 2] * local[2]
        )


@compile_kernel
def _height(normal, joint, weight, local, rotation, position, out):
    """How far along the normal a place lies."""
    total = 0.0
    for k in range(len(joint)):
        if weight[k] > 0.0:
            _image(local[k], rotation[joint[k]], position[joint[k]], out)
            total += weight[k] * (normal[0] * out[0] + normal[1] * out[1] + normal[2] * out[2])
    return total


@compile_kernel
def depth_kernel(
    frame_a,
    frame_b,
    normal,
    start,
    joint_a,
    weight_a,
    local_a,
    joint_b,
    weight_b,
    local_b,
    rotation_a,
    position_a,
    rotation_b,
    position_b,
    depth,
):
    """Write how deep each place of the first lies below its plane of the second, R."""
    out = np.empty(3)
    for r in range(len(depth)):
        a, b = frame_a[r], frame_b[r]
        own = _height(
            normal[r], joint_a[r], weight_a[r], local_a[r], rotation_a[a], position_a[a], out
        )
        other = _height(
            normal[r], joint_b[r], weight_b[r], local_b[r], rotation_b[b], position_b[b], out
        )
        depth[r] = start[r] - own + other


@compile_kernel
def push_kernel(
    frame, pull, stiff, normal, joint, weight, local, rotation, position, wrench, inertia
):
    """Add what contacts do to one side's joints.

    Args:
        frame: Frame of each contact, R.
        pull: Derivative of half the cost by how far the place lies along the normal, R.
        stiff: Bound on its second derivative, R.
        normal: R 3.
        joint: R 4.
        weight: R 4.
        local: R 4 3.
        rotation: L J 3 3.
        position: L J 3.
        wrench: Added to, L J 6; about each frame's root.
        inertia: Added to, upper triangles, L J 6 6.
    """
    place, force = np.empty(3), np.empty(3)
    for r in range(len(frame)):
        if stiff[r] == 0.0:
            continue
        f, (nx, ny, nz) = frame[r], (normal[r, 0], normal[r, 1], normal[r, 2])
        centre = position[f, 0]
        for k in range(joint.shape[1]):
            w = weight[r, k]
            if w <= 0.0:
                continue
            j = joint[r, k]
            _image(local[r, k], rotation[f, j], position[f, j], place)
            at = (place[0] - centre[0], place[1] - centre[1], place[2] - centre[2])
            force[0], force[1], force[2] = w * pull[r] * nx, w * pull[r] * ny, w * pull[r] * nz
            _add_wrench(at, force, wrench[f, j])
            s = w * stiff[r]
            _add_inertia(
                at,
                (s * nx * nx, s * nx * ny, s * nx * nz, s * ny * ny, s * ny * nz, s * nz * nz),
                inertia[f, j],
            )


@compile_kernel
def wrench_rows_kernel(
    rotation, joints, wrench, inertia, parents, travels, column, offset, depth, rows, right
):
    """Write rows of the normal matrix as `accumulate_kernel` does, from wrenches of the joints.

    Args:
        rotation: World rotations, B J 3 3.
        joints: B J 3.
        wrench: About the root joint, B J 6; overwritten.
        inertia: Upper triangles, B J 6 6; overwritten.
        parents: J.
        travels: Whether the translation has columns.
        column: J.
        offset: n.
        depth: n.
        rows: Result, B R.
        right: Result, B n.
    """
    num_joints = rotation.shape[1]
    shaped, shifted = np.zeros((num_joints, 6, 0)), np.zeros((num_joints, 0, 6, 3))
    twists, push = np.empty((num_joints, 3, 6)), np.empty((3, 6))
    for b in range(len(rotation)):
        out, pull = rows[b], right[b]
        out[:] = 0.0
        pull[:] = 0.0
        cx, cy, cz = joints[b, 0, 0], joints[b, 0, 1], joints[b, 0, 2]
        _climb(parents, wrench[b], inertia[b], shaped, shifted)
        if travels:
            _fill_travel(wrench[b, 0], inertia[b, 0], shaped[0], shifted[0], 0, offset, out, pull)
        for j in range(num_joints):
            place = (joints[b, j, 0] - cx, joints[b, j, 1] - cy, joints[b, j, 2] - cz)
            _twist_of(rotation[b, j], place, twists[j])
            if column[j] < 0:
                continue
            for i in range(3):
                for q in range(6):
                    total = 0.0
                    for k in range(6):
                        total += twists[j, i, k] * inertia[b, j, k, q]
                    push[i, q] = total
            _fill_base(
                twists[j],
                push,
                wrench[b, j],
                shaped[j],
                shifted[j],
                travels,
                column[j],
                offset,
                out,
                pull,
            )
            _fill_ancestors(j, twists, push, parents, column, offset, depth, out)
