"""From the world to a camera to pixels and back, for pinhole and fisheye lenses as OpenCV has them.

Transforms are `T_<to>_<from>`: a quaternion wxyz and a translation in m along the last axis (7).
Camera axes are OpenCV's (+X right, +Y down, +Z forward). Pixels follow `marey.core.Cameras`: the
centre of the first pixel is (0.5, 0.5), so the results are OpenCV's if K is, and OpenCV's plus 0.5
if K's principal point gained 0.5 on its way in.

Distortion of a pinhole camera has 0, 4, 5 or 8 coefficients (k1 k2 p1 p2, k3, k4 k5 k6), of a
fisheye camera 0 or 4 (k1 k2 k3 k4); OpenCV's documentation of `calib3d` gives both models.

Everything is batched torch with plain broadcasting over leading axes and differentiable; a
`Viewpoint` is one camera at one moment in numpy, for those who draw.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from marey.core.cameras import CameraModel, Cameras
from marey.core.errors import ShapeError
from marey.geometry.rotation import quaternion_inverse, quaternion_multiply, quaternion_rotate

MIN_DEPTH_M = 1e-6
NUM_NEWTON_STEPS = 20


def transform_points(
    T_b_a: Float[Tensor, "*#batch 7"], points: Float[Tensor, "*#batch 3"]
) -> Float[Tensor, "*batch 3"]:
    """Carry points from frame a to frame b.

    Args:
        T_b_a: Quaternion wxyz (unit) and translation in m; leading axes broadcast against the
            points', so one transform per point, or `T[..., None, :]` for one per cloud.
        points: Positions in frame a, m.

    Returns:
        Positions in frame b, m.
    """
    return quaternion_rotate(T_b_a[..., :4], points) + T_b_a[..., 4:]


def compose_transforms(
    T_c_b: Float[Tensor, "*#batch 7"], T_b_a: Float[Tensor, "*#batch 7"]
) -> Float[Tensor, "*batch 7"]:
    """Return T_c_a, which carries points first from a to b, then from b to c."""
    rotation = quaternion_multiply(T_c_b[..., :4], T_b_a[..., :4])
    position = transform_points(T_c_b, T_b_a[..., 4:])
    return torch.cat([rotation, position], -1)


def invert_transform(T_b_a: Float[Tensor, "*batch 7"]) -> Float[Tensor, "*batch 7"]:
    """Return T_a_b."""
    q = quaternion_inverse(T_b_a[..., :4])
    return torch.cat([q, -quaternion_rotate(q, T_b_a[..., 4:])], -1)


def project_points(
    points_cam: Float[Tensor, "*#batch 3"],
    K: Float[Tensor, "*#batch 3 3"],
    distortion: Float[Tensor, "*#batch P"],
    *,
    model: CameraModel = "pinhole",
) -> Float[Tensor, "*batch 2"]:
    """Project points in camera axes to pixels.

    Args:
        points_cam: Positions in camera axes, m.
        K: Intrinsic matrices, px; leading axes broadcast against the points'.
        distortion: Coefficients in OpenCV's order.
        model: The lens.

    Returns:
        Pixels; NaN (with zero gradient) for points that are not in front of the camera.
    """
    depth = points_cam[..., 2:]
    front = depth > MIN_DEPTH_M
    plane = points_cam[..., :2] / torch.where(front, depth, 1.0)
    pixels = apply_intrinsics(distort(plane, distortion, model=model), K)
    return torch.where(front, pixels, torch.nan)


def unproject_pixels(
    pixels: Float[Tensor, "*#batch 2"],
    K: Float[Tensor, "*#batch 3 3"],
    distortion: Float[Tensor, "*#batch P"],
    *,
    model: CameraModel = "pinhole",
) -> Float[Tensor, "*batch 2"]:
    """Return where pixels' rays meet the plane one metre in front of the camera (x / z, y / z)."""
    y = (pixels[..., 1] - K[..., 1, 2]) / K[..., 1, 1]
    x = (pixels[..., 0] - K[..., 0, 2] - K[..., 0, 1] * y) / K[..., 0, 0]
    return undistort(torch.stack([x, y], -1), distortion, model=model)


def apply_intrinsics(
    plane: Float[Tensor, "*#batch 2"], K: Float[Tensor, "*#batch 3 3"]
) -> Float[Tensor, "*batch 2"]:
    """Carry points of the plane one metre in front of the camera to pixels."""
    x, y = plane[..., 0], plane[..., 1]
    u = K[..., 0, 0] * x + K[..., 0, 1] * y + K[..., 0, 2]
    v = K[..., 1, 1] * y + K[..., 1, 2]
    return torch.stack([u, v], -1)


def distort(
    plane: Float[Tensor, "*#batch 2"], distortion: Float[Tensor, "*#batch P"], *, model: CameraModel
) -> Float[Tensor, "*batch 2"]:
    """Move points of the plane one metre in front of the camera to where the lens shows them.

    Raises:
        ShapeError: If the lens has no form with this number of coefficients.
    """
    if model == "fisheye":
        return _distort_fisheye(plane, distortion)
    if distortion.shape[-1] == 0:
        return plane
    return _distort_pinhole(plane, _pad_pinhole(distortion))[0]


def distort_with_derivative(
    plane: Float[Tensor, "*#batch 2"], distortion: Float[Tensor, "*#batch P"], *, model: CameraModel
) -> tuple[Float[Tensor, "*batch 2"], Float[Tensor, "*batch 2 2"]]:
    """Do what `distort` does and return its derivative by the plane's coordinates too.

    Raises:
        ShapeError: If the lens has no form with this number of coefficients.
    """
    if model == "fisheye":
        return _bend_fisheye(plane, distortion)
    if distortion.shape[-1] == 0:
        return plane, torch.eye(2, dtype=plane.dtype).expand(*plane.shape, 2)
    return _distort_pinhole(plane, _pad_pinhole(distortion))


def undistort(
    plane: Float[Tensor, "*#batch 2"], distortion: Float[Tensor, "*#batch P"], *, model: CameraModel
) -> Float[Tensor, "*batch 2"]:
    """Undo `distort` by Newton's method (converged far below 1e-6 px for lenses in use)."""
    if model == "fisheye":
        return _undistort_fisheye(plane, distortion)
    if distortion.shape[-1] == 0:
        return plane
    coefficients = _pad_pinhole(distortion)
    guess = plane
    for _ in range(NUM_NEWTON_STEPS):
        image, jacobian = _distort_pinhole(guess, coefficients)
        # The 2 x 2 systems in closed form: a batched solver costs a hundred times as much.
        x, y = (image - plane).unbind(-1)
        (xx, xy), (yx, yy) = (row.unbind(-1) for row in jacobian.unbind(-2))
        step = torch.stack([yy * x - xy * y, xx * y - yx * x], -1) / (xx * yy - xy * yx)[..., None]
        guess = guess - step
    return guess


def find_distortion_limit(distortion: Float[np.ndarray, "P"], *, model: CameraModel) -> float:
    """Return the radius on the plane one metre ahead within which the lens model holds.

    Beyond the first radius at which the radial polynomial stops growing the model folds the image
    back on itself; what lies there is outside the picture although its formula may land inside.

    Args:
        distortion: Coefficients in OpenCV's order.
        model: The lens.

    Returns:
        A tangent of the angle from the optical axis; infinite if the polynomial always grows.
    """
    if len(distortion) == 0:
        return np.inf
    # Half a degree apart up to 89.5 degrees: finer than the fold matters.
    angle = np.radians(np.arange(0, 90, 0.5))
    axis = np.stack([np.tan(angle), np.zeros_like(angle)], -1)
    radial = torch.as_tensor(np.array(distortion, np.float64))
    if model == "pinhole":
        radial = _pad_pinhole(radial).clone()
        radial[2:4] = 0
    radius = distort(torch.as_tensor(axis), radial, model=model)[:, 0].numpy()
    falling = np.flatnonzero(np.diff(radius) <= 0)
    return float(axis[falling[0], 0]) if len(falling) else np.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewpoint:
    """One camera at one moment."""

    model: CameraModel
    K: Float[np.ndarray, "3 3"]
    distortion: Float[np.ndarray, "P"]
    T_cam_world: Float[np.ndarray, "7"]
    size: tuple[int, int]
    """Width and height, px."""

    def transform(self, points_world: Float[np.ndarray, "*P 3"]) -> Float[np.ndarray, "*P 3"]:
        """Carry points from the world into camera axes, m."""
        T_cam_world = torch.as_tensor(self.T_cam_world, dtype=torch.float64)
        points = torch.as_tensor(points_world, dtype=torch.float64)
        return transform_points(T_cam_world, points).numpy()

    def project(self, points_cam: Float[np.ndarray, "*P 3"]) -> Float[np.ndarray, "*P 2"]:
        """Project points in camera axes to px; NaN where the camera cannot see them."""
        points = torch.as_tensor(points_cam, dtype=torch.float64)
        K = torch.as_tensor(self.K, dtype=torch.float64)
        distortion = torch.as_tensor(self.distortion, dtype=torch.float64)
        pixels = project_points(points, K, distortion, model=self.model).numpy()
        limit = find_distortion_limit(self.distortion, model=self.model)
        if np.isfinite(limit):
            outside = np.hypot(points_cam[..., 0], points_cam[..., 1]) > limit * points_cam[..., 2]
            pixels[outside] = np.nan
        return pixels

    def camera_position(self) -> Float[np.ndarray, "3"]:
        """Return where the camera is in the world, m."""
        T_cam_world = torch.as_tensor(self.T_cam_world, dtype=torch.float64)
        return invert_transform(T_cam_world)[4:].numpy()

    def direction_to_world(self, direction: Float[np.ndarray, "*P 3"]) -> Float[np.ndarray, "*P 3"]:
        """Return unit directions given in camera axes in the world's axes."""
        T_cam_world = torch.as_tensor(self.T_cam_world, dtype=torch.float64)
        unit = torch.as_tensor(direction / np.linalg.norm(direction, axis=-1, keepdims=True))
        return quaternion_rotate(quaternion_inverse(T_cam_world[:4]), unit).numpy()


def select_viewpoint(cameras: Cameras, *, view: int = 0, frame: int = 0) -> Viewpoint:
    """Return one of the cameras as it stands in one frame (static cameras: in any frame)."""
    poses = cameras.T_cam_world[view]
    width, height = cameras.size[view].tolist()
    return Viewpoint(
        model=cameras.model,
        K=cameras.K[view],
        distortion=cameras.distortion[view],
        # A copy: poses of a take are read-only, which torch does not like.
        T_cam_world=np.array(poses[0 if len(poses) == 1 else frame]),
        size=(width, height),
    )


def _pad_pinhole(distortion: Float[Tensor, "*B P"]) -> Float[Tensor, "*B 8"]:
    count = distortion.shape[-1]
    if count not in (0, 4, 5, 8):
        raise ShapeError(
            f"a pinhole camera has 0, 4, 5 or 8 distortion coefficients, not {count}; "
            "drop the thin-prism and tilt terms or calibrate without them"
        )
    return torch.nn.functional.pad(distortion, (0, 8 - count))


def _distort_pinhole(
    plane: Float[Tensor, "*#batch 2"], coefficients: Float[Tensor, "*#batch 8"]
) -> tuple[Float[Tensor, "*batch 2"], Float[Tensor, "*batch 2 2"]]:
    """Return the distorted points and the derivative of the distortion."""
    k1, k2, p1, p2, k3, k4, k5, k6 = coefficients.unbind(-1)
    x, y = plane.unbind(-1)
    s = x * x + y * y
    numerator = 1 + s * (k1 + s * (k2 + s * k3))
    denominator = 1 + s * (k4 + s * (k5 + s * k6))
    g = numerator / denominator
    slope = (k1 + s * (2 * k2 + s * 3 * k3)) - g * (k4 + s * (2 * k5 + s * 3 * k6))
    dg = slope / denominator
    image = torch.stack(
        [
            x * g + 2 * p1 * x * y + p2 * (s + 2 * x * x),
            y * g + p1 * (s + 2 * y * y) + 2 * p2 * x * y,
        ],
        -1,
    )
    xx = g + 2 * x * x * dg + 2 * p1 * y + 6 * p2 * x
    xy = 2 * x * y * dg + 2 * p1 * x + 2 * p2 * y
    yy = g + 2 * y * y * dg + 6 * p1 * y + 2 * p2 * x
    return image, torch.stack([xx, xy, xy, yy], -1).unflatten(-1, (2, 2))


def _pad_fisheye(distortion: Float[Tensor, "*B P"]) -> Float[Tensor, "*B 4"]:
    count = distortion.shape[-1]
    if count not in (0, 4):
        raise ShapeError(f"a fisheye camera has 0 or 4 distortion coefficients, not {count}")
    return torch.nn.functional.pad(distortion, (0, 4 - count))


def _distort_fisheye(
    plane: Float[Tensor, "*#batch 2"], distortion: Float[Tensor, "*#batch P"]
) -> Float[Tensor, "*batch 2"]:
    return _bend_fisheye(plane, distortion)[0]


def _bend_fisheye(
    plane: Float[Tensor, "*#batch 2"], distortion: Float[Tensor, "*#batch P"]
) -> tuple[Float[Tensor, "*batch 2"], Float[Tensor, "*batch 2 2"]]:
    """Return the distorted points and the derivative of the distortion."""
    k1, k2, k3, k4 = _pad_fisheye(distortion).unbind(-1)
    radius = _safe_norm(plane)
    theta = torch.atan(radius)
    s = theta * theta
    bent = theta * (1 + s * (k1 + s * (k2 + s * (k3 + s * k4))))
    slope = 1 + s * (3 * k1 + s * (5 * k2 + s * (7 * k3 + s * 9 * k4)))
    # image = plane h(r) with h = bent / r; its slope along the radius is d bent / d r.
    h, along = bent / radius, slope / (1 + radius * radius)
    unit = plane / radius.unsqueeze(-1)
    outward = unit.unsqueeze(-1) * unit.unsqueeze(-2)
    eye = torch.eye(2, dtype=plane.dtype, device=plane.device)
    derivative = h[..., None, None] * eye + (along - h)[..., None, None] * outward
    return plane * h.unsqueeze(-1), derivative


def _undistort_fisheye(
    plane: Float[Tensor, "*#batch 2"], distortion: Float[Tensor, "*#batch P"]
) -> Float[Tensor, "*batch 2"]:
    k1, k2, k3, k4 = _pad_fisheye(distortion).unbind(-1)
    bent = _safe_norm(plane)
    theta = bent
    for _ in range(NUM_NEWTON_STEPS):
        s = theta * theta
        value = theta * (1 + s * (k1 + s * (k2 + s * (k3 + s * k4)))) - bent
        slope = 1 + s * (3 * k1 + s * (5 * k2 + s * (7 * k3 + s * 9 * k4)))
        theta = theta - value / slope
    return plane * (torch.tan(theta) / bent)[..., None]


def _safe_norm(plane: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch"]:
    # On the optical axis the norm has no derivative; a radius far below any pixel avoids it there.
    tiny = torch.finfo(plane.dtype).tiny ** 0.5
    return (plane.square().sum(-1) + tiny).sqrt()
