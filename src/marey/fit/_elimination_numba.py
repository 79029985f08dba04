"""The compiled half of `tree`'s solution: elimination from the leaves to the root, without fill.

Rows are stored as `_tree_numba` fills them: each in the order of the path from the root to its own
column, so that the row of an ancestor is a prefix of it (LTDL; Featherstone, Rigid Body Dynamics
Algorithms, section 6.5).
"""

import numpy as np

from marey.geometry._compile import compile_kernel


@compile_kernel
def _eliminate_one(work, path, offset, depth, k):
    """Eliminate column k; False if its pivot is not positive."""
    at, size = offset[k], depth[k]
    pivot = work[at + size]
    # A comparison with NaN is false too.
    if not pivot > 0.0:
        return False
    inverse = 1.0 / pivot
    for p in range(size - 1, -1, -1):
        factor = work[at + p] * inverse
        other = offset[path[k, p]]
        for q in range(p + 1):
            work[other + q] -= factor * work[at + q]
        work[at + p] = factor
    return True


@compile_kernel
def _eliminate_three(work, path, offset, depth, k, near):
    """Eliminate columns k, k - 1 and k - 2, whose paths differ by themselves alone."""
    size = depth[k] - 2
    for i in range(3):
        at = offset[k - i]
        for q in range(size):
            near[i, q] = work[at + q]
    at0, at1, at2 = offset[k - 2], offset[k - 1], offset[k]
    pivot2 = work[at2 + size + 2]
    if not pivot2 > 0.0:
        return False
    low21 = work[at2 + size + 1] / pivot2
    low20 = work[at2 + size] / pivot2
    pivot1 = work[at1 + size + 1] - low21 * work[at2 + size + 1]
    if not pivot1 > 0.0:
        return False
    low10 = (work[at1 + size] - low21 * work[at2 + size]) / pivot1
    pivot0 = work[at0 + size] - low20 * work[at2 + size] - low10 * low10 * pivot1
    if not pivot0 > 0.0:
        return False
    for q in range(size):
        near[1, q] -= low21 * near[0, q]
        near[2, q] -= low20 * near[0, q] + low10 * near[1, q]
    inverse0, inverse1, inverse2 = 1.0 / pivot0, 1.0 / pivot1, 1.0 / pivot2
    for p in range(size - 1, -1, -1):
        a, b, c = near[0, p] * inverse2, near[1, p] * inverse1, near[2, p] * inverse0
        other = work[offset[path[k, p]] : offset[path[k, p]] + p + 1]
        for q in range(p + 1):
            other[q] -= a * near[0, q] + b * near[1, q] + c * near[2, q]
        work[at2 + p], work[at1 + p], work[at0 + p] = a, b, c
    work[at2 + size + 1], work[at2 + size], work[at1 + size] = low21, low20, low10
    work[at1 + size + 1], work[at0 + size] = pivot1, pivot0
    return True


@compile_kernel
def solve_kernel(rows, right, damping, path, offset, depth, work, delta, sound):
    """Solve the damped normal equations of every problem; `rows` stays as it is.

    Args:
        rows: Rows of the normal matrices, B R.
        right: Gradients, B n.
        damping: Added to the diagonal, B n.
        path: Columns of each row in order, n D; the first `depth` of a row count.
        offset: Start of each row, n.
        depth: Entries left of the diagonal, n.
        work: Scratch, R.
        delta: Result: minus the solution, B n.
        sound: Result: whether the matrix was positive definite, B.
    """
    num_problems, width = right.shape
    near = np.empty((3, width), work.dtype)
    for b in range(num_problems):
        for i in range(work.shape[0]):
            work[i] = rows[b, i]
        for k in range(width):
            work[offset[k] + depth[k]] += damping[b, k]
        good = True
        k = width - 1
        while k >= 0 and good:
            # Columns of one joint have all but the same path: three rows at a time, which makes
            # the short loops below a third as many.
            three = k >= 2 and depth[k - 2] == depth[k] - 2
            if not three:
                good = _eliminate_one(work, path, offset, depth, k)
                k -= 1
            else:
                good = _eliminate_three(work, path, offset, depth, k, near)
                k -= 3
        sound[b] = good
        x = delta[b]
        if not good:
            x[:] = 0.0
            continue
        for k in range(width):
            x[k] = -right[b, k]
        for k in range(width - 1, -1, -1):
            at, value = offset[k], x[k]
            for p in range(depth[k]):
                x[path[k, p]] -= work[at + p] * value
        for k in range(width):
            x[k] /= work[offset[k] + depth[k]]
        for k in range(width):
            at, total = offset[k], x[k]
            for p in range(depth[k]):
                total -= work[at + p] * x[path[k, p]]
            x[k] = total
