"""The compiled half of `sequence`: accelerations, and the block-banded system of coupled frames.

Frames meet the next one and the one after. Eliminating frame t from a system of blocks

    S_t x_t + M_t^T x_{t+1} + F_t x_{t+2} = -r_t     (F_t diagonal)

leaves, with P = S_t^-1 and N = M_t P,

    S_{t+1} -= N M_t^T,   M_{t+1} -= F_t N^T,   S_{t+2} -= F_t P F_t,

so a frame costs one symmetric inversion and two matrix products, and the body's tree is of no help
any more: S_1 is full already.
"""

import math

import numpy as np

from marey.fit._prior_numba import log_kernel
from marey.geometry._compile import compile_kernel


@compile_kernel
def accelerate_kernel(rotation, translation, interval, sigma, width, spin, whitened, weight, loss):
    """Measure the accelerations of a sequence.

    Args:
        rotation: Local rotations, B J 3 3.
        translation: Positions of the root, m, B 3.
        interval: Time between neighbours, s, B - 1.
        sigma: Expected acceleration of every joint and of the root's travel, J + 1.
        width: Of the pseudo-Huber kernel, in sigmas.
        spin: Scratch, B - 1 by J + 1 by 3.
        whitened: Result: accelerations in sigmas, B - 2 by J + 1 by 3.
        weight: Result: what the kernel leaves of each, B - 2 by J + 1.
        loss: Result: robust cost of every frame, B; the first and the last have none.
    """
    num_joints = rotation.shape[1]
    relative = np.empty((3, 3))
    for t in range(len(interval)):
        for j in range(num_joints):
            a, b = rotation[t, j], rotation[t + 1, j]
            for i in range(3):
                for k in range(3):
                    relative[i, k] = a[0, i] * b[0, k] + a[1, i] * b[1, k] + a[2, i] * b[2, k]
            log_kernel(relative, spin[t, j])
            for i in range(3):
                spin[t, j, i] /= interval[t]
        for i in range(3):
            spin[t, num_joints, i] = (translation[t + 1, i] - translation[t, i]) / interval[t]
    loss[:] = 0.0
    for t in range(len(whitened)):
        middle = 0.5 * (interval[t] + interval[t + 1])
        for j in range(num_joints + 1):
            squared = 0.0
            for i in range(3):
                value = (spin[t + 1, j, i] - spin[t, j, i]) / (middle * sigma[j])
                whitened[t, j, i] = value
                squared += value * value
            root = math.sqrt(1.0 + squared / (width * width))
            weight[t, j] = 1.0 / root
            loss[t + 1] += 2.0 * width * width * (root - 1.0)


@compile_kernel
def _invert(p, work):
    """Turn a symmetric matrix into minus its inverse, three pivots at a time (the sweep operator).

    `work` is scratch, 6 n. The work is done in the lower triangle.

    Returns:
        Whether every pivot was positive.
    """
    n = len(p)
    for k in range(0, n, 3):
        a, b, c = p[k, k], p[k + 1, k], p[k + 2, k]
        d, e, f = p[k + 1, k + 1], p[k + 2, k + 1], p[k + 2, k + 2]
        m00, m01, m02 = d * f - e * e, c * e - b * f, b * e - c * d
        determinant = a * m00 + b * m01 + c * m02
        # A comparison with NaN is false too.
        if not (a > 0.0 and m00 > 0.0 and determinant > 0.0):
            return False
        w = 1.0 / determinant
        i00, i01, i02 = m00 * w, m01 * w, m02 * w
        i11, i12, i22 = (a * f - c * c) * w, (b * c - a * e) * w, (a * d - b * b) * w
        for j in range(k):
            work[0, j], work[1, j], work[2, j] = p[k, j], p[k + 1, j], p[k + 2, j]
        for i in range(3):
            for j in range(3):
                work[i, k + j] = 0.0
        for j in range(k + 3, n):
            work[0, j], work[1, j], work[2, j] = p[j, k], p[j, k + 1], p[j, k + 2]
        for j in range(n):
            x, y, z = work[0, j], work[1, j], work[2, j]
            work[3, j] = i00 * x + i01 * y + i02 * z
            work[4, j] = i01 * x + i11 * y + i12 * z
            work[5, j] = i02 * x + i12 * y + i22 * z
        for i in range(n):
            x, y, z, row = work[0, i], work[1, i], work[2, i], p[i]
            for j in range(i + 1):
                row[j] -= x * work[3, j] + y * work[4, j] + z * work[5, j]
        for i in range(3):
            for j in range(k):
                p[k + i, j] = work[3 + i, j]
            for j in range(k + 3, n):
                p[j, k + i] = work[3 + i, j]
        p[k, k], p[k + 1, k], p[k + 2, k] = -i00, -i01, -i02
        p[k + 1, k + 1], p[k + 2, k + 1], p[k + 2, k + 2] = -i11, -i12, -i22
    for i in range(n):
        for j in range(i):
            p[j, i] = p[i, j]
    return True


@compile_kernel
def _fill_block(rows, right, entry, offset, depth, num_shifts, shift_damping, shares, block, pull):
    """Write one frame's equations as a full matrix, the shifts of its points eliminated.

    `shares` is scratch, 6 n.
    """
    n = len(block)
    block[:] = 0.0
    for e in range(len(rows)):
        i, j = entry[0, e] - num_shifts, entry[1, e] - num_shifts
        if i >= 0 and j >= 0:
            block[i, j] = rows[e]
            block[j, i] = rows[e]
    for i in range(n):
        pull[i] = right[num_shifts + i]
    # Groups share no points and axes do not mix: the shifts do not meet each other. The three of
    # one group go together.
    for c in range(0, num_shifts, 3):
        for k in range(3):
            inverse = 1.0 / (rows[offset[c + k] + depth[c + k]] + shift_damping)
            for i in range(n):
                value = rows[offset[num_shifts + i] + c + k]
                shares[k, i], shares[3 + k, i] = value, value * inverse
                pull[i] -= value * inverse * right[c + k]
        for i in range(n):
            x, y, z, row = shares[0, i], shares[1, i], shares[2, i], block[i]
            for j in range(n):
                row[j] -= x * shares[3, j] + y * shares[4, j] + z * shares[5, j]


@compile_kernel
def band_kernel(
    rows,
    right,
    entry,
    offset,
    depth,
    num_shifts,
    shift_damping,
    diagonal,
    near,
    far,
    push,
    held,
    inverse,
    link,
    step,
):
    """Solve the coupled equations of a sequence for one step.

    Args:
        rows: Rows of every frame's own matrix as `tree.Layout` stores them, B R.
        right: Gradients of half the cost, B n, shifts included.
        entry: Row and column of each stored entry, 2 R.
        offset: Start of each row, n.
        depth: Entries left of the diagonal, n.
        num_shifts: How many columns are shifts of groups; they come first.
        shift_damping: Added to their diagonal.
        diagonal: Added to the diagonal of the other Q columns, B Q.
        near: Coupling of a frame with the next, B Q.
        far: Coupling of a frame with the one after, B Q.
        push: Added to the gradient, B Q.
        held: Frames that do not move, B.
        inverse: Scratch, B Q Q.
        link: Scratch, B Q Q.
        step: Result: the step of every column, B n.

    Returns:
        Whether the matrix was positive definite.
    """
    num_frames, n = diagonal.shape
    work = np.empty((6, n))
    border = np.zeros((n, n))
    change = np.empty((n, n))
    force = np.empty((num_frames, n))
    for t in range(-2, num_frames):
        # Two frames ahead of the elimination, which is when a block is first added to.
        if t + 2 < num_frames:
            block, pull = inverse[t + 2], force[t + 2]
            if held[t + 2]:
                block[:] = 0.0
                pull[:] = 0.0
                for i in range(n):
                    block[i, i] = 1.0
            else:
                _fill_block(
                    rows[t + 2],
                    right[t + 2],
                    entry,
                    offset,
                    depth,
                    num_shifts,
                    shift_damping,
                    work,
                    block,
                    pull,
                )
                for i in range(n):
                    block[i, i] += diagonal[t + 2, i]
                    pull[i] += push[t + 2, i]
        if t < 0:
            continue
        if t + 1 < num_frames and not (held[t] or held[t + 1]):
            for i in range(n):
                border[i, i] += near[t, i]
        # From here on p is -P, and the link is -N^T.
        p = inverse[t]
        if not _invert(p, work):
            return False
        if t + 1 == num_frames:
            break
        np.dot(p, border.T, link[t])
        np.dot(link[t].T, border.T, change)
        for i in range(n):
            for j in range(n):
                inverse[t + 1, i, j] += change[i, j]
        force[t + 1] += np.dot(link[t].T, force[t])
        if t + 2 < num_frames and not (held[t] or held[t + 2]):
            eased = np.dot(p, force[t])
            for i in range(n):
                own = far[t, i]
                force[t + 2, i] += own * eased[i]
                for j in range(n):
                    border[i, j] = own * link[t, i, j]
                    inverse[t + 2, i, j] += own * p[i, j] * far[t, j]
        else:
            border[:] = 0.0
    _substitute_back(inverse, link, far, held, force, step[:, num_shifts:])
    _follow_shifts(rows, right, offset, depth, num_shifts, shift_damping, step)
    return True


@compile_kernel
def _substitute_back(inverse, link, far, held, force, step):
    num_frames = len(force)
    for t in range(num_frames - 1, -1, -1):
        if t + 2 < num_frames and not (held[t] or held[t + 2]):
            force[t] += far[t] * step[t + 2]
        step[t] = np.dot(inverse[t], force[t])
        if t + 1 < num_frames:
            step[t] += np.dot(link[t], np.ascontiguousarray(step[t + 1]))


@compile_kernel
def _follow_shifts(rows, right, offset, depth, num_shifts, shift_damping, step):
    """Write how the shifts follow what the other columns do."""
    for t in range(len(step)):
        for c in range(num_shifts):
            total = right[t, c]
            for k in range(num_shifts, step.shape[1]):
                total += rows[t, offset[k] + c] * step[t, k]
            step[t, c] = -total / (rows[t, offset[c] + depth[c]] + shift_damping)
