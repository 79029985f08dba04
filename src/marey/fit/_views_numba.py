"""The compiled half of `views`: image points of many cameras to forces on points."""

import math

import numpy as np

from marey.geometry._compile import compile_kernel

NONE, HUBER, GEMAN_MCCLURE = 0, 1, 2


@compile_kernel
def _bend_pinhole(x, y, d, out):
    """Write the distorted point and the derivative of the distortion: u v uu uv vu vv."""
    s = x * x + y * y
    numerator = 1.0 + s * (d[0] + s * (d[1] + s * d[4]))
    denominator = 1.0 + s * (d[5] + s * (d[6] + s * d[7]))
    g = numerator / denominator
    slope = (d[0] + s * (2.0 * d[1] + s * 3.0 * d[4])) - g * (
        d[5] + s * (2.0 * d[6] + s * 3.0 * d[7])
    )
    dg = slope / denominator
    out[0] = x * g + 2.0 * d[2] * x * y + d[3] * (s + 2.0 * x * x)
    out[1] = y * g + d[2] * (s + 2.0 * y * y) + 2.0 * d[3] * x * y
    out[2] = g + 2.0 * x * x * dg + 2.0 * d[2] * y + 6.0 * d[3] * x
    out[3] = 2.0 * x * y * dg + 2.0 * d[2] * x + 2.0 * d[3] * y
    out[4] = out[3]
    out[5] = g + 2.0 * y * y * dg + 6.0 * d[2] * y + 2.0 * d[3] * x


@compile_kernel
def _bend_fisheye(x, y, d, out):
    """Write the distorted point and the derivative of the distortion: u v uu uv vu vv."""
    radius = math.sqrt(x * x + y * y + 1e-30)
    theta = math.atan(radius)
    s = theta * theta
    h = theta * (1.0 + s * (d[0] + s * (d[1] + s * (d[2] + s * d[3])))) / radius
    slope = 1.0 + s * (3.0 * d[0] + s * (5.0 * d[1] + s * (7.0 * d[2] + s * 9.0 * d[3])))
    along = slope / (1.0 + radius * radius)
    ux, uy = x / radius, y / radius
    out[0], out[1] = x * h, y * h
    out[2] = h + (along - h) * ux * ux
    out[3] = (along - h) * ux * uy
    out[4] = out[3]
    out[5] = h + (along - h) * uy * uy


@compile_kernel
def _robust(squared, width, kernel):
    """Return the cost of a squared residual and its weight."""
    if kernel == GEMAN_MCCLURE:
        # By way of reciprocals where the square is large, as it may overflow.
        share = 1.0 / (1.0 + squared / (width * width))
        if squared > 1.0:
            return 1.0 / (1.0 / squared + 1.0 / (width * width)), share * share
        return squared * share, share * share
    if kernel == HUBER and squared > width * width:
        root = math.sqrt(squared)
        return 2.0 * width * root - width * width, width / root
    return squared, 1.0


@compile_kernel
def views_kernel(
    points,
    observed,
    weight,
    rotation,
    translation,
    intrinsics,
    distortion,
    fisheye,
    near,
    kernel,
    width,
    loss,
    gradient,
    hessian,
):
    """Sum what every view says about every point; unseen points are not even read.

    Args:
        points: B K 3.
        observed: px, B C K 2.
        weight: 1 / sigma, B C K.
        rotation: M C 3 3; M is 1 or B.
        translation: M C 3.
        intrinsics: C 3 3.
        distortion: C 8 (pinhole) or C 4 (fisheye); of no columns for none.
        fisheye: Whether it is a fisheye's.
        near: Depth below which a point is held in front, m.
        kernel: Number of the robust kernel.
        width: Its width.
        loss: Result, B.
        gradient: Result, B K 3.
        hessian: Result, B K 6.
    """
    num_views, num_points = weight.shape[1], weight.shape[2]
    bend = np.empty(6)
    bends = distortion.shape[1] > 0
    loss[:] = 0.0
    gradient[:] = 0.0
    hessian[:] = 0.0
    for b in range(points.shape[0]):
        m = b if rotation.shape[0] > 1 else 0
        total = 0.0
        for c in range(num_views):
            R, t, K = rotation[m, c], translation[m, c], intrinsics[c]
            for k in range(num_points):
                w = weight[b, c, k]
                if w == 0.0:
                    continue
                px, py, pz = points[b, k, 0], points[b, k, 1], points[b, k, 2]
                X = R[0, 0] * px + R[0, 1] * py + R[0, 2] * pz + t[0]
                Y = R[1, 0] * px + R[1, 1] * py + R[1, 2] * pz + t[1]
                Z = R[2, 0] * px + R[2, 1] * py + R[2, 2] * pz + t[2]
                # A comparison with NaN is false, so that NaN stays NaN.
                held = near >= Z
                inverse = 1.0 / near if held else 1.0 / Z
                x, y = X * inverse, Y * inverse
                if bends or fisheye:
                    if fisheye:
                        _bend_fisheye(x, y, distortion[c], bend)
                    else:
                        _bend_pinhole(x, y, distortion[c], bend)
                else:
                    bend[0], bend[1], bend[2], bend[3] = x, y, 1.0, 0.0
                    bend[4], bend[5] = 0.0, 1.0
                u = (K[0, 0] * bend[0] + K[0, 1] * bend[1] + K[0, 2] - observed[b, c, k, 0]) * w
                v = (K[1, 0] * bend[0] + K[1, 1] * bend[1] + K[1, 2] - observed[b, c, k, 1]) * w
                cost, share = _robust(u * u + v * v, width, kernel)
                total += cost
                # By camera axes: the lens, then the division by the depth.
                scale = w * inverse
                a00 = scale * (K[0, 0] * bend[2] + K[0, 1] * bend[4])
                a01 = scale * (K[0, 0] * bend[3] + K[0, 1] * bend[5])
                a10 = scale * (K[1, 0] * bend[2] + K[1, 1] * bend[4])
                a11 = scale * (K[1, 0] * bend[3] + K[1, 1] * bend[5])
                a02 = 0.0 if held else -(a00 * x + a01 * y)
                a12 = 0.0 if held else -(a10 * x + a11 * y)
                g0 = a00 * R[0, 0] + a01 * R[1, 0] + a02 * R[2, 0]
                g1 = a00 * R[0, 1] + a01 * R[1, 1] + a02 * R[2, 1]
                g2 = a00 * R[0, 2] + a01 * R[1, 2] + a02 * R[2, 2]
                h0 = a10 * R[0, 0] + a11 * R[1, 0] + a12 * R[2, 0]
                h1 = a10 * R[0, 1] + a11 * R[1, 1] + a12 * R[2, 1]
                h2 = a10 * R[0, 2] + a11 * R[1, 2] + a12 * R[2, 2]
                gradient[b, k, 0] += share * (g0 * u + h0 * v)
                gradient[b, k, 1] += share * (g1 * u + h1 * v)
                gradient[b, k, 2] += share * (g2 * u + h2 * v)
                hessian[b, k, 0] += share * (g0 * g0 + h0 * h0)
                hessian[b, k, 1] += share * (g0 * g1 + h0 * h1)
                hessian[b, k, 2] += share * (g0 * g2 + h0 * h2)
                hessian[b, k, 3] += share * (g1 * g1 + h1 * h1)
                hessian[b, k, 4] += share * (g1 * g2 + h1 * h2)
                hessian[b, k, 5] += share * (g2 * g2 + h2 * h2)
        loss[b] = total
