"""The compiled half of `tree`: forward kinematics, and forces on points to normal equations.

Loops instead of matrix products, because a body is a tree: a joint's turn moves only what hangs
below it, so its row of the normal matrix has entries for its ancestors alone. Rows are stored one
after the other, each in the order of the path from the root to its own column; the row of an
ancestor then is a prefix of it, which `_elimination_numba` makes use of.
"""

import numpy as np

from marey.geometry._compile import compile_kernel


@compile_kernel
def _move_bones(rotation, parents, bone_shapedirs, moved):
    """Derivative of every joint's place by the shape, from the root outwards."""
    moved[0] = 0.0
    for j in range(1, len(moved)):
        p = parents[j]
        for i in range(3):
            for s in range(moved.shape[2]):
                moved[j, i, s] = (
                    moved[p, i, s]
                    + rotation[p, i, 0] * bone_shapedirs[j, 0, s]
                    + rotation[p, i, 1] * bone_shapedirs[j, 1, s]
                    + rotation[p, i, 2] * bone_shapedirs[j, 2, s]
                )


@compile_kernel
def _add_wrench(place, gradient, wrench):
    """Add a force at a place: its moment about the origin, then itself."""
    x, y, z = place
    wrench[0] += y * gradient[2] - z * gradient[1]
    wrench[1] += z * gradient[0] - x * gradient[2]
    wrench[2] += x * gradient[1] - y * gradient[0]
    wrench[3] += gradient[0]
    wrench[4] += gradient[1]
    wrench[5] += gradient[2]


@compile_kernel
def _add_inertia(place, stiffness, m):
    """Add a point's stiffness W to the upper triangle of its joint's inertia.

    With Phi = (-[x] I), which turns a twist into the point's velocity, it is Phi^T W Phi.
    """
    x, y, z = place
    xx, xy, xz, yy, yz, zz = stiffness
    # C = [x] W is the upper right block, -C [x] the upper left one.
    c00, c01, c02 = y * xz - z * xy, y * yz - z * yy, y * zz - z * yz
    c10, c11, c12 = z * xx - x * xz, z * xy - x * yz, z * xz - x * zz
    c20, c21, c22 = x * xy - y * xx, x * yy - y * xy, x * yz - y * xz
    m[0, 0] += c02 * y - c01 * z
    m[0, 1] += c00 * z - c02 * x
    m[0, 2] += c01 * x - c00 * y
    m[1, 1] += c10 * z - c12 * x
    m[1, 2] += c11 * x - c10 * y
    m[2, 2] += c21 * x - c20 * y
    m[0, 3] += c00
    m[0, 4] += c01
    m[0, 5] += c02
    m[1, 3] += c10
    m[1, 4] += c11
    m[1, 5] += c12
    m[2, 3] += c20
    m[2, 4] += c21
    m[2, 5] += c22
    m[3, 3] += xx
    m[3, 4] += xy
    m[3, 5] += xz
    m[4, 4] += yy
    m[4, 5] += yz
    m[5, 5] += zz


@compile_kernel
def _add_shift(place, share, shifted):
    """Add -Phi^T diag(share): the shift of a group takes away from each of its points."""
    x, y, z = place
    u, v, w = share[0], share[1], share[2]
    shifted[0, 1] += z * v
    shifted[0, 2] -= y * w
    shifted[1, 0] -= z * u
    shifted[1, 2] += x * w
    shifted[2, 0] += y * u
    shifted[2, 1] -= x * v
    shifted[3, 0] -= u
    shifted[4, 1] -= v
    shifted[5, 2] -= w


@compile_kernel
def _add_shape(place, stiffness, gradient, change, weighed, shaped, offset, out, pull):
    """Add a point's part to the shape's own rows and to what couples it with its joint.

    `change` is the derivative of the point by the shape, 3 S; `weighed` is scratch of that size.
    """
    x, y, z = place
    xx, xy, xz, yy, yz, zz = stiffness
    for s in range(change.shape[1]):
        dx, dy, dz = change[0, s], change[1, s], change[2, s]
        wx = xx * dx + xy * dy + xz * dz
        wy = xy * dx + yy * dy + yz * dz
        wz = xz * dx + yz * dy + zz * dz
        weighed[0, s], weighed[1, s], weighed[2, s] = wx, wy, wz
        pull[s] += gradient[0] * dx + gradient[1] * dy + gradient[2] * dz
        shaped[0, s] += y * wz - z * wy
        shaped[1, s] += z * wx - x * wz
        shaped[2, s] += x * wy - y * wx
        shaped[3, s] += wx
        shaped[4, s] += wy
        shaped[5, s] += wz
    for r in range(change.shape[1]):
        dx, dy, dz = change[0, r], change[1, r], change[2, r]
        at = offset[r]
        for s in range(r + 1):
            out[at + s] += dx * weighed[0, s] + dy * weighed[1, s] + dz * weighed[2, s]


@compile_kernel
def _climb(parents, wrench, inertia, shaped, shifted):
    """Sum from the leaves to the root, then fill the lower triangles."""
    for j in range(len(parents) - 1, 0, -1):
        p = parents[j]
        for i in range(6):
            wrench[p, i] += wrench[j, i]
            for k in range(i, 6):
                inertia[p, i, k] += inertia[j, i, k]
            for s in range(shaped.shape[2]):
                shaped[p, i, s] += shaped[j, i, s]
            for c in range(shifted.shape[1]):
                for k in range(3):
                    shifted[p, c, i, k] += shifted[j, c, i, k]
    for j in range(len(parents)):
        for i in range(6):
            for k in range(i):
                inertia[j, i, k] = inertia[j, k, i]


@compile_kernel
def _fill_travel(wrench, inertia, shaped, shifted, first, offset, out, pull):
    """Write the rows of the translation, whose twist is a plain push at the root."""
    num_shape, num_groups = shaped.shape[1], shifted.shape[0]
    for i in range(3):
        at = offset[first + i]
        pull[first + i] = wrench[3 + i]
        for s in range(num_shape):
            out[at + s] = shaped[3 + i, s]
        for c in range(num_groups):
            for k in range(3):
                out[at + num_shape + 3 * c + k] = shifted[c, 3 + i, k]
        for k in range(i + 1):
            out[at + first + k] = inertia[3 + k, 3 + i]


@compile_kernel
def _fill_base(twist, push, wrench, shaped, shifted, travels, column, offset, out, pull):
    """Write what a joint's rows share with the columns before all joints."""
    num_shape, num_groups = shaped.shape[1], shifted.shape[0]
    first = num_shape + 3 * num_groups
    for i in range(3):
        at = offset[column + i]
        for q in range(6):
            weight = twist[i, q]
            pull[column + i] += weight * wrench[q]
            for s in range(num_shape):
                out[at + s] += weight * shaped[q, s]
            for c in range(num_groups):
                for k in range(3):
                    out[at + num_shape + 3 * c + k] += weight * shifted[c, q, k]
        if travels:
            for k in range(3):
                out[at + first + k] = push[i, 3 + k]


@compile_kernel
def _twist_of(rotation, place, twist):
    """Write the three twists of a joint: about its own axes, through its place."""
    x, y, z = place
    for i in range(3):
        wx, wy, wz = rotation[0, i], rotation[1, i], rotation[2, i]
        twist[i, 0], twist[i, 1], twist[i, 2] = wx, wy, wz
        twist[i, 3] = y * wz - z * wy
        twist[i, 4] = z * wx - x * wz
        twist[i, 5] = x * wy - y * wx


@compile_kernel
def _fill_ancestors(j, twists, push, parents, column, offset, depth, out):
    """Write a joint's own block and those it shares with every ancestor that may turn."""
    above = j
    place = depth[column[j]]
    while above >= 0:
        if column[above] >= 0:
            for i in range(3):
                at = offset[column[j] + i] + place
                # Of the joint's own block only the lower triangle is stored.
                for k in range(i + 1 if above == j else 3):
                    total = twists[above, k, 0] * push[i, 0]
                    for q in range(1, 6):
                        total += twists[above, k, q] * push[i, q]
                    out[at + k] = total
            place -= 3
        above = parents[above]


@compile_kernel
def accumulate_kernel(
    rotation,
    joints,
    points,
    gradient,
    hessian,
    relative,
    parents,
    point_joint,
    group,
    point_shapedirs,
    bone_shapedirs,
    num_shape,
    num_groups,
    travels,
    column,
    offset,
    depth,
    rows,
    right,
):
    """Sum the forces on points into rows of the normal matrix and the gradient.

    The 6 x 6 inertias of the points are summed up the tree (the composite-rigid-body algorithm,
    Featherstone, section 6.2), so that a joint meets its ancestors once, however many points hang
    below. Twists are taken about the root joint, which keeps numbers small for people far away.

    Args:
        rotation: World rotations, B J 3 3.
        joints: B J 3.
        points: B K 3.
        gradient: Derivative of half the cost by each point, B K 3.
        hessian: Its Gauss-Newton second derivative, B K 6 (xx xy xz yy yz zz).
        relative: Part of it (a diagonal) that ignores a common shift of its group, B K 3.
        parents: Parent of each joint, J; -1 for the root.
        point_joint: Joint that carries each point, K.
        group: Group of points with a common shift, K; -1 for none.
        point_shapedirs: Change of a point's offset in its joint's axes per shape parameter, K 3 S.
        bone_shapedirs: Change of a joint's offset in its parent's axes, J 3 S.
        num_shape: Shape columns, 0 if the shape is fixed.
        num_groups: Groups of points.
        travels: Whether the translation has columns.
        column: First column of each joint's three, J; -1 where it may not turn.
        offset: Start of each column's row, n.
        depth: Entries left of the diagonal of each column's row, n.
        rows: Result, B R.
        right: Result: the gradient of half the cost by every column, B n.
    """
    num_problems, num_joints = rotation.shape[0], rotation.shape[1]
    dtype = rotation.dtype
    inertia = np.empty((num_joints, 6, 6), dtype)
    wrench = np.empty((num_joints, 6), dtype)
    shaped = np.empty((num_joints, 6, num_shape), dtype)
    shifted = np.empty((num_joints, num_groups, 6, 3), dtype)
    moved = np.empty((num_joints, 3, num_shape), dtype)
    change = np.empty((3, num_shape), dtype)
    weighed = np.empty((3, num_shape), dtype)
    twists = np.empty((num_joints, 3, 6), dtype)
    push = np.empty((3, 6), dtype)
    for b in range(num_problems):
        out, pull = rows[b], right[b]
        out[:] = 0.0
        pull[:] = 0.0
        inertia[:] = 0.0
        wrench[:] = 0.0
        shaped[:] = 0.0
        shifted[:] = 0.0
        cx, cy, cz = joints[b, 0, 0], joints[b, 0, 1], joints[b, 0, 2]
        if num_shape > 0:
            _move_bones(rotation[b], parents, bone_shapedirs, moved)
        for k in range(points.shape[1]):
            w = hessian[b, k]
            if w[0] + w[3] + w[5] == 0.0:
                continue
            stiffness = (w[0], w[1], w[2], w[3], w[4], w[5])
            place = (points[b, k, 0] - cx, points[b, k, 1] - cy, points[b, k, 2] - cz)
            j, c = point_joint[k], group[k]
            _add_wrench(place, gradient[b, k], wrench[j])
            _add_inertia(place, stiffness, inertia[j])
            if c >= 0:
                _add_shift(place, relative[b, k], shifted[j, c])
                for i in range(3):
                    row = num_shape + 3 * c + i
                    out[offset[row] + depth[row]] += relative[b, k, i]
            if num_shape == 0:
                continue
            for i in range(3):
                for s in range(num_shape):
                    change[i, s] = (
                        moved[j, i, s]
                        + rotation[b, j, i, 0] * point_shapedirs[k, 0, s]
                        + rotation[b, j, i, 1] * point_shapedirs[k, 1, s]
                        + rotation[b, j, i, 2] * point_shapedirs[k, 2, s]
                    )
            _add_shape(
                place, stiffness, gradient[b, k], change, weighed, shaped[j], offset, out, pull
            )
            if c >= 0:
                for i in range(3):
                    at = offset[num_shape + 3 * c + i]
                    for s in range(num_shape):
                        out[at + s] -= relative[b, k, i] * change[i, s]
        _climb(parents, wrench, inertia, shaped, shifted)
        if travels:
            first = num_shape + 3 * num_groups
            _fill_travel(wrench[0], inertia[0], shaped[0], shifted[0], first, offset, out, pull)
        for j in range(num_joints):
            place = (joints[b, j, 0] - cx, joints[b, j, 1] - cy, joints[b, j, 2] - cz)
            _twist_of(rotation[b, j], place, twists[j])
            if column[j] < 0:
                continue
            for i in range(3):
                for q in range(6):
                    total = twists[j, i, 0] * inertia[j, 0, q]
                    for k in range(1, 6):
                        total += twists[j, i, k] * inertia[j, k, q]
                    push[i, q] = total
            _fill_base(
                twists[j],
                push,
                wrench[j],
                shaped[j],
                shifted[j],
                travels,
                column[j],
                offset,
                out,
                pull,
            )
            _fill_ancestors(j, twists, push, parents, column, offset, depth, out)


@compile_kernel
def place_kernel(
    rotation,
    translation,
    shape,
    parents,
    template,
    shapedirs,
    point_joint,
    point_offset,
    point_shapedirs,
    world,
    joints,
    points,
):
    """Run forward kinematics: local rotations to world rotations, joints and points."""
    num_problems, num_joints = rotation.shape[0], rotation.shape[1]
    num_shape = shape.shape[1]
    rest = np.empty((num_joints, 3), rotation.dtype)
    for b in range(num_problems):
        for j in range(num_joints):
            for i in range(3):
                total = template[j, i]
                for s in range(num_shape):
                    total += shapedirs[j, i, s] * shape[b, s]
                rest[j, i] = total
        for j in range(num_joints):
            p = parents[j]
            if p < 0:
                for i in range(3):
                    joints[b, j, i] = translation[b, i]
                    for k in range(3):
                        world[b, j, i, k] = rotation[b, j, i, k]
                continue
            x, y, z = rest[j, 0] - rest[p, 0], rest[j, 1] - rest[p, 1], rest[j, 2] - rest[p, 2]
            for i in range(3):
                r0, r1, r2 = world[b, p, i, 0], world[b, p, i, 1], world[b, p, i, 2]
                joints[b, j, i] = joints[b, p, i] + r0 * x + r1 * y + r2 * z
                for k in range(3):
                    world[b, j, i, k] = (
                        r0 * rotation[b, j, 0, k]
                        + r1 * rotation[b, j, 1, k]
                        + r2 * rotation[b, j, 2, k]
                    )
        for k in range(point_joint.shape[0]):
            j = point_joint[k]
            x, y, z = point_offset[k, 0], point_offset[k, 1], point_offset[k, 2]
            for s in range(num_shape):
                value = shape[b, s]
                x += point_shapedirs[k, 0, s] * value
                y += point_shapedirs[k, 1, s] * value
                z += point_shapedirs[k, 2, s] * value
            for i in range(3):
                points[b, k, i] = (
                    joints[b, j, i]
                    + world[b, j, i, 0] * x
                    + world[b, j, i, 1] * y
                    + world[b, j, i, 2] * z
                )
