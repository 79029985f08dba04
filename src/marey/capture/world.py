"""From camera axes to the world: which way is up, and where the floor is.

The camera is taken to stand still and to be held without roll beyond what people's bodies say. Up
is a compromise, in the sense of a weighted mean of directions: the camera's own up, which people
hold roughly level; the direction from the feet to the head of people who stand upright; and the
normal of the plane through the places where feet rest, as far as those places span a plane.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

_GATES = (0.5, 0.3, 0.2, 0.15)
"""Distances from the floor within which a resting point still belongs to it, m."""
_CAMERA_UP = np.array([0.0, -1.0, 0.0])


@dataclass(frozen=True, slots=True)
class World:
    """How camera axes lie in the world (+Z up, floor at z = 0 where it is known)."""

    R_world_cam: Float[np.ndarray, "3 3"]
    t_world_cam: Float[np.ndarray, "3"]
    floor_known: bool

    def T_cam_world(self) -> Float[np.ndarray, "7"]:
        """Pose of the world in camera axes: quaternion wxyz and translation, m."""
        inverse = self.R_world_cam.T
        quaternion = Rotation.from_matrix(inverse).as_quat(scalar_first=True)
        return np.concatenate([quaternion, -inverse @ self.t_world_cam]).astype(np.float32)

    def apply(self, points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        """Bring points from camera axes into the world."""
        return points @ self.R_world_cam.T + self.t_world_cam


def find_world(
    head: Float[np.ndarray, "M 3"],
    pelvis: Float[np.ndarray, "M 3"],
    feet: Float[np.ndarray, "M G 3"],
    resting: Bool[np.ndarray, "M G"],
) -> World:
    """Find up and the floor from people's bodies.

    Args:
        head: Head of every person and frame, camera axes, m.
        pelvis: Their pelvis.
        feet: Their foot points (heels, toes).
        resting: Which foot points rest on something.

    Returns:
        The world; its origin lies on the floor below the first pelvis.
    """
    up = _upright_direction(head, feet)
    points = feet[resting]
    if len(points) >= 3:
        up = _refine_by_plane(up, points)
    R_world_cam = _level(up)
    floor_known = len(points) > 0
    ground = points if floor_known else feet.reshape(-1, 3)
    height = (ground @ R_world_cam.T)[:, 2]
    # Of everything that rests, the lower half is the floor; a foot on a chair or a knee is not.
    floor = np.median(height[height <= np.median(height)]) if floor_known else height.min()
    below = pelvis[0] @ R_world_cam.T
    t_world_cam = np.array([-below[0], -below[1], -floor])
    return World(R_world_cam, t_world_cam, floor_known)


def _upright_direction(
    head: Float[np.ndarray, "M 3"], feet: Float[np.ndarray, "M G 3"]
) -> Float[np.ndarray, "3"]:
    axis = head - feet.mean(1)
    length = np.linalg.norm(axis, axis=-1, keepdims=True)
    axis = axis / np.maximum(length, 1e-6)
    # Stretched and near the camera's up: standing. Lying, bent and upside-down bodies say nothing.
    standing = (axis @ _CAMERA_UP > np.cos(np.deg2rad(35))) & (
        length[:, 0] > 0.85 * np.quantile(length, 0.95)
    )
    if standing.sum() < 3:
        return _CAMERA_UP
    mean = np.median(axis[standing], axis=0)
    # People lean and depth is uncertain; 30 standing frames weigh as much as the camera's own up.
    trust = standing.sum() / (standing.sum() + 30.0)
    return _unit(trust * mean + (1 - trust) * _CAMERA_UP)


def _refine_by_plane(
    up: Float[np.ndarray, "3"], points: Float[np.ndarray, "Q 3"]
) -> Float[np.ndarray, "3"]:
    """Tilt `up` towards the normal of a plane through resting feet.

    The height error along each horizontal direction is a ridge regression: directions in which the
    feet hardly spread (a person on the spot) leave `up` as it is.
    """
    R = _level(up)
    local = points @ R.T
    centred = local - np.median(local, axis=0)
    # From loose to strict: people at different distances are first brought onto one plane.
    for gate in _GATES:
        slope = _ridge_slope(centred)
        inlier = np.abs(centred[:, 2] - centred[:, :2] @ slope) < gate
        if inlier.sum() < 3:
            break
        centred = centred[inlier] - np.median(centred[inlier], axis=0)
    slope = _ridge_slope(centred)
    slope *= min(1.0, np.tan(np.deg2rad(25)) / max(np.linalg.norm(slope), 1e-9))
    return _unit(R.T @ np.array([-slope[0], -slope[1], 1.0]))


def _ridge_slope(centred: Float[np.ndarray, "Q 3"]) -> Float[np.ndarray, "2"]:
    # Slope prior 0.15 rad, height noise 0.05 m per point, and neighbours in time are not
    # independent: 100 resting points count as 10.
    flat, height = centred[:, :2], centred[:, 2]
    scale = 10.0 / max(len(centred), 10) / 0.05**2
    normal = scale * flat.T @ flat + np.eye(2) / 0.15**2
    return np.linalg.solve(normal, scale * flat.T @ height)


def _level(up: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """World axes in camera coordinates, as rows: X to the camera's right, Y away from it, Z up."""
    right = _unit(np.cross(np.array([0.0, 0.0, 1.0]), up))
    return np.stack([right, np.cross(up, right), up])


def _unit(vector: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    return vector / np.linalg.norm(vector)
