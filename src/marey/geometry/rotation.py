"""Rotations in torch: quaternions, matrices, rotation vectors and the 6D of networks.

Every function takes any leading batch axes, float32 or float64, keeps the dtype and has finite
gradients everywhere, also at the identity and at half a turn. Conventions: quaternions are wxyz
and of unit length, `q` and `-q` are the same rotation; a rotation vector is axis times angle in
radians; a product `a * b` rotates by `b` first.

The 6D form is the first two columns of the matrix (Zhou et al., CVPR 2019) and comes in two
layouts that differ silently, so every call names one:

- `columns`: first column, then second column (R11 R21 R31 R12 R22 R32);
- `interleaved`: the 3x2 block read row by row (R11 R12 R21 R22 R31 R32), as SPIN and HMR store it.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Layout6D = Literal["columns", "interleaved"]


def quaternion_multiply(
    a: Float[Tensor, "*#batch 4"], b: Float[Tensor, "*#batch 4"]
) -> Float[Tensor, "*batch 4"]:
    """Return the rotation that does `b` first and `a` after it."""
    aw, ax, ay, az = a.unbind(-1)
    bw, bx, by, bz = b.unbind(-1)
    return torch.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        dim=-1,
    )


def quaternion_inverse(q: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 4"]:
    """Return the inverse rotation of a unit quaternion."""
    return q * q.new_tensor([1.0, -1.0, -1.0, -1.0])


def quaternion_rotate(
    q: Float[Tensor, "*#batch 4"], v: Float[Tensor, "*#batch 3"]
) -> Float[Tensor, "*batch 3"]:
    """Rotate vectors by unit quaternions."""
    w, u = q[..., :1], q[..., 1:]
    u, v = torch.broadcast_tensors(u, v)
    t = 2 * torch.linalg.cross(u, v)
    return v + w * t + torch.linalg.cross(u, t)


def quaternion_to_matrix(q: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 3 3"]:
    """Return rotation matrices; quaternions of any length other than 0 are accepted."""
    w, x, y, z = q.unbind(-1)
    s = 2 / (q * q).sum(-1)
    rows = [
        1 - s * (y * y + z * z),
        s * (x * y - w * z),
        s * (x * z + w * y),
        s * (x * y + w * z),
        1 - s * (x * x + z * z),
        s * (y * z - w * x),
        s * (x * z - w * y),
        s * (y * z + w * x),
        1 - s * (x * x + y * y),
    ]
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def matrix_to_quaternion(R: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 4"]:
    """Return unit quaternions with w >= 0.

    Row i of the table below is 4 q_i times the quaternion (Shepperd, 1978); the row of the largest
    component is never shorter than 2, so normalising it is safe for values and gradients.
    """
    m00, m01, m02, m10, m11, m12, m20, m21, m22 = R.flatten(-2).unbind(-1)
    table = torch.stack(
        [
            torch.stack([1 + m00 + m11 + m22, m21 - m12, m02 - m20, m10 - m01], -1),
            torch.stack([m21 - m12, 1 + m00 - m11 - m22, m10 + m01, m02 + m20], -1),
            torch.stack([m02 - m20, m10 + m01, 1 - m00 + m11 - m22, m21 + m12], -1),
            torch.stack([m10 - m01, m02 + m20, m21 + m12, 1 - m00 - m11 + m22], -1),
        ],
        dim=-2,
    )
    largest = torch.diagonal(table, dim1=-2, dim2=-1).argmax(-1)
    index = largest[..., None, None].expand(*largest.shape, 1, 4)
    q = table.gather(-2, index).squeeze(-2)
    q = q / torch.linalg.vector_norm(q, dim=-1, keepdim=True)
    return torch.where(q[..., :1] < 0, -q, q)


def rotvec_to_quaternion(r: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 4"]:
    """Return the unit quaternions of rotation vectors (rad)."""
    square = (r * r).sum(-1, keepdim=True)
    small = square < _small(r)
    angle = torch.where(small, torch.ones_like(square), square).sqrt()
    scale = torch.where(small, 0.5 - square / 48, torch.sin(angle / 2) / angle)
    w = torch.where(small, 1 - square / 8 + square**2 / 384, torch.cos(angle / 2))
    return torch.cat([w, scale * r], dim=-1)


def quaternion_to_rotvec(q: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 3"]:
    """Return rotation vectors (rad) of length at most pi."""
    q = torch.where(q[..., :1] < 0, -q, q)
    w, u = q[..., :1], q[..., 1:]
    square = (u * u).sum(-1, keepdim=True)
    small = square < _small(q)
    sine = torch.where(small, torch.ones_like(square), square).sqrt()
    exact = 2 * torch.atan2(sine, torch.where(small, torch.ones_like(w), w)) / sine
    w = torch.where(small, w, torch.ones_like(w))
    ratio = square / (w * w)
    series = 2 / w * (1 - ratio / 3 + ratio * ratio / 5)
    return torch.where(small, series, exact) * u


def rotvec_to_matrix(r: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Return rotation matrices of rotation vectors (rad)."""
    return quaternion_to_matrix(rotvec_to_quaternion(r))


def matrix_to_rotvec(R: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3"]:
    """Return rotation vectors (rad) of length at most pi."""
    return quaternion_to_rotvec(matrix_to_quaternion(R))


def rotation6d_to_matrix(
    x: Float[Tensor, "*batch 6"], *, layout: Layout6D
) -> Float[Tensor, "*batch 3 3"]:
    """Return rotation matrices by Gram-Schmidt on two columns that need not be orthonormal."""
    pair = x.unflatten(-1, (2, 3)) if layout == "columns" else x.unflatten(-1, (3, 2)).mT
    a, b = pair.unbind(-2)
    first = torch.nn.functional.normalize(a, dim=-1)
    second = b - (first * b).sum(-1, keepdim=True) * first
    second = torch.nn.functional.normalize(second, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-1)


def matrix_to_rotation6d(
    R: Float[Tensor, "*batch 3 3"], *, layout: Layout6D
) -> Float[Tensor, "*batch 6"]:
    """Return the first two columns of rotation matrices in the named layout."""
    two = R[..., :2]
    return (two.mT if layout == "columns" else two).flatten(-2)


def geodesic_angle(
    a: Float[Tensor, "*#batch 3 3"], b: Float[Tensor, "*#batch 3 3"]
) -> Float[Tensor, "*batch"]:
    """Return the angle (rad, 0..pi) between rotation matrices, exact also near 0 and pi.

    The gradient at exactly 0 and pi, where none exists, is 0.
    """
    q = matrix_to_quaternion(a.mT @ b)
    square = (q[..., 1:] ** 2).sum(-1)
    zero = square == 0
    sine = torch.where(zero, torch.zeros_like(square), torch.where(zero, 1.0, square).sqrt())
    return 2 * torch.atan2(sine, q[..., 0])


def slerp(
    a: Float[Tensor, "*#batch 4"], b: Float[Tensor, "*#batch 4"], t: Float[Tensor, "*#batch"]
) -> Float[Tensor, "*batch 4"]:
    """Interpolate from `a` (t = 0) to `b` (t = 1) along the shorter arc at constant speed."""
    step = quaternion_to_rotvec(quaternion_multiply(quaternion_inverse(a), b))
    return quaternion_multiply(a, rotvec_to_quaternion(t[..., None] * step))


def left_jacobian(r: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Return J with exp(r + dr) = exp(J dr) exp(r) to first order (SO(3) left Jacobian)."""
    square = (r * r).sum(-1)[..., None, None]
    small = square < 0.25
    safe = torch.where(small, torch.ones_like(square), square)
    angle = safe.sqrt()
    first = torch.where(
        small,
        _series(square, (1 / 2, -1 / 24, 1 / 720, -1 / 40320, 1 / 3628800, -1 / 479001600)),
        2 * torch.sin(angle / 2) ** 2 / safe,
    )
    second = torch.where(
        small,
        _series(square, (1 / 6, -1 / 120, 1 / 5040, -1 / 362880, 1 / 39916800, -1 / 6227020800)),
        (angle - torch.sin(angle)) / (safe * angle),
    )
    K = skew(r)
    return torch.eye(3, dtype=r.dtype, device=r.device) + first * K + second * (K @ K)


def left_jacobian_inverse(r: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Return the inverse of `left_jacobian` for rotation vectors shorter than two pi."""
    square = (r * r).sum(-1)[..., None, None]
    small = square < 0.25
    safe = torch.where(small, torch.ones_like(square), square)
    half = safe.sqrt() / 2
    factor = torch.where(
        small,
        _series(
            square, (1 / 12, 1 / 720, 1 / 30240, 1 / 1209600, 1 / 47900160, 5.284190138687e-10)
        ),
        (1 - half * torch.cos(half) / torch.sin(half)) / safe,
    )
    K = skew(r)
    return torch.eye(3, dtype=r.dtype, device=r.device) - K / 2 + factor * (K @ K)


def skew(r: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Return the matrices K with K v = r x v."""
    x, y, z = r.unbind(-1)
    o = torch.zeros_like(x)
    return torch.stack([o, -z, y, z, o, -x, -y, x, o], dim=-1).unflatten(-1, (3, 3))


def _series(x: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    """Evaluate a polynomial by Horner's rule, lowest power first."""
    value = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = value * x + coefficient
    return value


def _small(x: Tensor) -> float:
    """Squared size below which two terms of a series are exact to rounding in this dtype."""
    return 1e-6 if x.dtype == torch.float64 else 1e-3
