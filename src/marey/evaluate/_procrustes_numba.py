"""Errors after the best similarity of every frame: the fast twin of `geometry.align_points`.

Per frame, one pass gathers the 3 x 3 cross-covariance, whose singular vectors come from one-sided
Jacobi rotations (Hestenes 1958). The third pair of vectors is the cross product of the first two,
so that the result is a rotation even where all points lie in a plane or on a line.
"""

import numpy as np

from marey.geometry._compile import compile_kernel


def _align_residuals(predicted, truth, counts, with_scale, errors):
    # predicted, truth: [T, K, 3]; counts: [T, K]; errors: [T, K], NaN on entry.
    num_frames, num_joints = counts.shape
    matrix = np.empty((3, 3))
    basis = np.empty((3, 3))
    left = np.empty((3, 3))
    rotation = np.empty((3, 3))
    mean_p = np.empty(3)
    mean_t = np.empty(3)
    size = np.empty(3)
    for frame in range(num_frames):
        count = 0
        mean_p[:] = 0.0
        mean_t[:] = 0.0
        for joint in range(num_joints):
            if counts[frame, joint]:
                count += 1
                for axis in range(3):
                    mean_p[axis] += predicted[frame, joint, axis]
                    mean_t[axis] += truth[frame, joint, axis]
        if count < 3:
            continue
        for axis in range(3):
            mean_p[axis] /= count
            mean_t[axis] /= count
        matrix[:] = 0.0
        variance = 0.0
        for joint in range(num_joints):
            if counts[frame, joint]:
                p0 = predicted[frame, joint, 0] - mean_p[0]
                p1 = predicted[frame, joint, 1] - mean_p[1]
                p2 = predicted[frame, joint, 2] - mean_p[2]
                variance += p0 * p0 + p1 * p1 + p2 * p2
                for row in range(3):
                    t = truth[frame, joint, row] - mean_t[row]
                    matrix[row, 0] += t * p0
                    matrix[row, 1] += t * p1
                    matrix[row, 2] += t * p2
        determinant = (
            matrix[0, 0] * (matrix[1, 1] * matrix[2, 2] - matrix[1, 2] * matrix[2, 1])
            - matrix[0, 1] * (matrix[1, 0] * matrix[2, 2] - matrix[1, 2] * matrix[2, 0])
            + matrix[0, 2] * (matrix[1, 0] * matrix[2, 1] - matrix[1, 1] * matrix[2, 0])
        )
        # Rotate columns of `matrix` until they are orthogonal: matrix V = U S.
        for row in range(3):
            for column in range(3):
                basis[row, column] = 1.0 if row == column else 0.0
        for _ in range(30):
            largest = 0.0
            for i in range(2):
                for j in range(i + 1, 3):
                    alpha = 0.0
                    beta = 0.0
                    gamma = 0.0
                    for row in range(3):
                        alpha += matrix[row, i] * matrix[row, i]
                        beta += matrix[row, j] * matrix[row, j]
                        gamma += matrix[row, i] * matrix[row, j]
                    limit = np.sqrt(alpha * beta)
                    if abs(gamma) <= 1e-15 * limit or limit == 0.0:
                        continue
                    largest = max(largest, abs(gamma) / limit)
                    zeta = (beta - alpha) / (2.0 * gamma)
                    tangent = 1.0 / (abs(zeta) + np.sqrt(1.0 + zeta * zeta))
                    if zeta < 0.0:
                        tangent = -tangent
                    cosine = 1.0 / np.sqrt(1.0 + tangent * tangent)
                    sine = cosine * tangent
                    for row in range(3):
                        a = matrix[row, i]
                        b = matrix[row, j]
                        matrix[row, i] = cosine * a - sine * b
                        matrix[row, j] = sine * a + cosine * b
                        a = basis[row, i]
                        b = basis[row, j]
                        basis[row, i] = cosine * a - sine * b
                        basis[row, j] = sine * a + cosine * b
            if largest < 1e-14:
                break
        for column in range(3):
            size[column] = np.sqrt(
                matrix[0, column] * matrix[0, column]
                + matrix[1, column] * matrix[1, column]
                + matrix[2, column] * matrix[2, column]
            )
        first = 0
        for column in range(1, 3):
            if size[column] > size[first]:
                first = column
        second = (first + 1) % 3
        third = (first + 2) % 3
        if size[third] > size[second]:
            second, third = third, second
        if size[first] > 0.0:
            for row in range(3):
                left[row, 0] = matrix[row, first] / size[first]
        else:
            left[0, 0] = 1.0
            left[1, 0] = 0.0
            left[2, 0] = 0.0
        if size[second] > 1e-14 * size[first]:
            for row in range(3):
                left[row, 1] = matrix[row, second] / size[second]
        else:
            # A line: any direction across the first serves; the axis it leans on least is safe.
            axis = 0
            for row in range(1, 3):
                if abs(left[row, 0]) < abs(left[axis, 0]):
                    axis = row
            dot = left[axis, 0]
            length = np.sqrt(1.0 - dot * dot)
            for row in range(3):
                unit = 1.0 if row == axis else 0.0
                left[row, 1] = (unit - dot * left[row, 0]) / length
        for row in range(3):
            a = (row + 1) % 3
            b = (row + 2) % 3
            left[row, 2] = left[a, 0] * left[b, 1] - left[b, 0] * left[a, 1]
        for row in range(3):
            for column in range(3):
                a = (column + 1) % 3
                b = (column + 2) % 3
                cross = basis[a, first] * basis[b, second] - basis[b, first] * basis[a, second]
                rotation[row, column] = (
                    left[row, 0] * basis[column, first]
                    + left[row, 1] * basis[column, second]
                    + left[row, 2] * cross
                )
        scale = 1.0
        if with_scale:
            if variance == 0.0:
                continue
            last = size[third] if determinant >= 0.0 else -size[third]
            scale = (size[first] + size[second] + last) / variance
        for joint in range(num_joints):
            if counts[frame, joint]:
                total = 0.0
                p0 = predicted[frame, joint, 0] - mean_p[0]
                p1 = predicted[frame, joint, 1] - mean_p[1]
                p2 = predicted[frame, joint, 2] - mean_p[2]
                for row in range(3):
                    moved = rotation[row, 0] * p0 + rotation[row, 1] * p1 + rotation[row, 2] * p2
                    gap = scale * moved - (truth[frame, joint, row] - mean_t[row])
                    total += gap * gap
                errors[frame, joint] = np.sqrt(total)


align_residuals = compile_kernel(_align_residuals)
