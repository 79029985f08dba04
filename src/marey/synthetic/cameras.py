"""Cameras of synthetic scenes: one in front, or a ring around."""

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.core import Cameras
from marey.geometry.projection import select_viewpoint


def make_cameras(
    num_views: int = 1,
    *,
    target: tuple[float, float, float] = (0.0, 0.0, 0.9),
    distance: float = 5.0,
    height: float = 1.4,
    size: tuple[int, int] = (1280, 720),
    focal_px: float = 1000.0,
    first_angle: float = -np.pi / 2,
) -> Cameras:
    """Place static pinhole cameras on a circle, all looking at one point.

    Args:
        num_views: Number of cameras, evenly spread; a single one stands at `first_angle`.
        target: Point they look at, m.
        distance: Radius of the circle, m.
        height: Height of the cameras above the floor, m.
        size: Width and height of the pictures, px.
        focal_px: Focal length, px.
        first_angle: Angle of the first camera seen from the target, rad; the default stands on the
            -Y side, which a person at rest faces.
    """
    angles = first_angle + 2 * np.pi * np.arange(num_views) / num_views
    centre = np.stack(
        [
            target[0] + distance * np.cos(angles),
            target[1] + distance * np.sin(angles),
            np.full(num_views, height),
        ],
        -1,
    )
    K = np.array([[focal_px, 0, size[0] / 2], [0, focal_px, size[1] / 2], [0, 0, 1]])
    return Cameras(
        names=tuple(f"camera{view + 1}" for view in range(num_views)),
        model="pinhole",
        K=np.tile(K, (num_views, 1, 1)),
        distortion=np.zeros((num_views, 0)),
        T_cam_world=np.stack([look_at(place, np.array(target)) for place in centre])[:, None],
        size=np.tile(np.array(size), (num_views, 1)),
        time_offset=np.zeros(num_views),
    )


def look_at(
    centre: Float[np.ndarray, "3"], target: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "7"]:
    """Return the pose (wxyz and translation, m) of an upright camera that looks at a point.

    Args:
        centre: Position of the camera in the world, m.
        target: Point on its optical axis, m; not straight above or below.
    """
    forward = (target - centre) / np.linalg.norm(target - centre)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    R_cam_world = np.stack([right, np.cross(forward, right), forward])
    quaternion = Rotation.from_matrix(R_cam_world).as_quat(scalar_first=True)
    return np.concatenate([quaternion, -R_cam_world @ centre])


def world_to_cameras(
    cameras: Cameras, position: Float[np.ndarray, "N T K 3"]
) -> Float[np.ndarray, "C N T K 3"]:
    """Express world points in the axes of static cameras, m."""
    views = [select_viewpoint(cameras, view=view) for view in range(len(cameras.names))]
    return np.stack([view.transform(position) for view in views])


def project_to_cameras(
    cameras: Cameras, position: Float[np.ndarray, "N T K 3"]
) -> Float[np.ndarray, "C N T K 2"]:
    """Project world points through static cameras, px; NaN where a camera cannot see them."""
    views = [select_viewpoint(cameras, view=view) for view in range(len(cameras.names))]
    return np.stack([view.project(view.transform(position)) for view in views])
