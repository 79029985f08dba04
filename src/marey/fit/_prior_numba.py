"""The compiled half of `learned_prior`: cost and normal equations of every joint's prior."""

import math

import numpy as np

from marey.geometry._compile import compile_kernel


@compile_kernel
def log_kernel(m, vector):
    """Rotation matrix to rotation vector by way of the quaternion, stable up to half a turn."""
    trace = m[0, 0] + m[1, 1] + m[2, 2]
    if trace >= m[0, 0] and trace >= m[1, 1] and trace >= m[2, 2]:
        w, x = 1.0 + trace, m[2, 1] - m[1, 2]
        y, z = m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]
    elif m[0, 0] >= m[1, 1] and m[0, 0] >= m[2, 2]:
        w, x = m[2, 1] - m[1, 2], 1.0 - trace + 2.0 * m[0, 0]
        y, z = m[0, 1] + m[1, 0], m[0, 2] + m[2, 0]
    elif m[1, 1] >= m[2, 2]:
        w, x = m[0, 2] - m[2, 0], m[0, 1] + m[1, 0]
        y, z = 1.0 - trace + 2.0 * m[1, 1], m[1, 2] + m[2, 1]
    else:
        w, x = m[1, 0] - m[0, 1], m[0, 2] + m[2, 0]
        y, z = m[1, 2] + m[2, 1], 1.0 - trace + 2.0 * m[2, 2]
    norm = math.sqrt(w * w + x * x + y * y + z * z)
    if w < 0.0:
        norm = -norm
    w, x, y, z = w / norm, x / norm, y / norm, z / norm
    sine = math.sqrt(x * x + y * y + z * z)
    scale = 2.0 if sine < 1e-6 else 2.0 * math.atan2(sine, w) / sine
    vector[0], vector[1], vector[2] = scale * x, scale * y, scale * z


@compile_kernel
def _right_inverse(v, out):
    """Inverse right Jacobian of SO(3) at a rotation vector."""
    x, y, z = v[0], v[1], v[2]
    squared = x * x + y * y + z * z
    if squared > 1e-4:
        half = 0.5 * math.sqrt(squared)
        factor = (1.0 - half / math.tan(half)) / squared
    else:
        factor = 1.0 / 12.0 + squared / 720.0
    out[0, 0] = 1.0 - factor * (y * y + z * z)
    out[1, 1] = 1.0 - factor * (x * x + z * z)
    out[2, 2] = 1.0 - factor * (x * x + y * y)
    out[0, 1] = -0.5 * z + factor * x * y
    out[1, 0] = 0.5 * z + factor * x * y
    out[0, 2] = 0.5 * y + factor * x * z
    out[2, 0] = -0.5 * y + factor * x * z
    out[1, 2] = -0.5 * x + factor * y * z
    out[2, 1] = 0.5 * x + factor * y * z


@compile_kernel
def prior_kernel(
    rotation,
    mean,
    whiten,
    pull_joint,
    pull_weight,
    normal,
    bound,
    limit_joint,
    limit_sigma,
    loss,
    blocks,
    pulls,
):
    """Add up the squared residuals of every joint and their Gauss-Newton equations.

    Args:
        rotation: Local rotations, B J 3 3.
        mean: G 3 3.
        whiten: G 3 3.
        pull_joint: Joint of each pull, G.
        pull_weight: Factor of every pull.
        normal: Half-spaces, H 9.
        bound: Their bounds, H.
        limit_joint: Their joints, H.
        limit_sigma: rad.
        loss: Result: cost, B.
        blocks: Result: J^T J by each joint's increment, B J 3 3.
        pulls: Result: J^T r, B J 3.
    """
    relative = np.empty((3, 3), rotation.dtype)
    vector = np.empty(3, rotation.dtype)
    right = np.empty((3, 3), rotation.dtype)
    rows = np.empty((3, 3), rotation.dtype)
    axis = np.empty(3, rotation.dtype)
    for b in range(rotation.shape[0]):
        total = 0.0
        blocks[b] = 0.0
        pulls[b] = 0.0
        for g in range(len(pull_joint)):
            j = pull_joint[g]
            R = rotation[b, j]
            for i in range(3):
                for k in range(3):
                    relative[i, k] = (
                        mean[g, 0, i] * R[0, k] + mean[g, 1, i] * R[1, k] + mean[g, 2, i] * R[2, k]
                    )
            log_kernel(relative, vector)
            _right_inverse(vector, right)
            for i in range(3):
                w0, w1, w2 = whiten[g, i, 0], whiten[g, i, 1], whiten[g, i, 2]
                residual = pull_weight * (w0 * vector[0] + w1 * vector[1] + w2 * vector[2])
                total += residual * residual
                for k in range(3):
                    rows[i, k] = pull_weight * (
                        w0 * right[0, k] + w1 * right[1, k] + w2 * right[2, k]
                    )
                for k in range(3):
                    pulls[b, j, k] += rows[i, k] * residual
                    for q in range(3):
                        blocks[b, j, k, q] += rows[i, k] * rows[i, q]
        for h in range(len(limit_joint)):
            j = limit_joint[h]
            R, N = rotation[b, j], normal[h]
            excess = -bound[h]
            for i in range(3):
                for k in range(3):
                    excess += R[i, k] * N[3 * i + k]
            # A comparison with NaN is false: a joint that is not finite has no limits, but its
            # pull makes the cost NaN.
            if not excess > 0.0:
                continue
            residual = excess / limit_sigma
            total += residual * residual
            # The axial vector of A - A^T with A = R^T N.
            for i in range(3):
                a, c = (i + 2) % 3, (i + 1) % 3
                axis[i] = 0.0
                for q in range(3):
                    axis[i] += R[q, a] * N[3 * q + c] - R[q, c] * N[3 * q + a]
                axis[i] /= limit_sigma
            for k in range(3):
                pulls[b, j, k] += axis[k] * residual
                for q in range(3):
                    blocks[b, j, k, q] += axis[k] * axis[q]
        loss[b] = total
