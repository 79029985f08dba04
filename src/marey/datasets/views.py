"""What each camera of a recording sees: joints in its axes and in its image."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float

from marey.core import Cameras
from marey.core.errors import InputError
from marey.datasets._labels import make_keypoints2d, make_keypoints3d
from marey.datasets.recording import Recording
from marey.geometry.projection import project_points, transform_points

NEAREST_M = 0.05
"""Points nearer to a camera, or behind it, have no place in its image."""


def see_from_cameras(recording: Recording) -> Iterator[Recording]:
    """Yield a recording for each camera, named `<name>/<camera>`, as benchmarks of images want it.

    Args:
        recording: Joints (and maybe meshes) in the world, and cameras.

    Yields:
        Joints and meshes in the camera's axes, and the joints in its image (px); the motion, which
        is in the world, is left out.

    Raises:
        InputError: If there are no cameras or no joints in the world.
    """
    points, cameras = recording.keypoints3d, recording.cameras
    if cameras is None or points is None or points.frame != "world":
        raise InputError(f"{recording.name} has no cameras, or no joints in the world to be seen")
    for view, name in enumerate(cameras.names):
        near = _to_camera(cameras, view, points.position)
        image = _project(cameras, view, near)
        mesh = recording.vertices
        yield replace(
            recording,
            name=f"{recording.name}/{name}",
            keypoints2d=make_keypoints2d(
                points.skeleton.name, points.people, points.time, image, points.confidence
            ),
            keypoints3d=make_keypoints3d(
                points.skeleton.name,
                points.people,
                points.time,
                near,
                points.confidence,
                frame="camera",
            ),
            vertices=None if mesh is None else _to_camera(cameras, view, mesh).astype(mesh.dtype),
            motion=None,
            size=(int(cameras.size[view, 0]), int(cameras.size[view, 1])),
            cameras=_take_one(cameras, view),
        )


def _to_camera(
    cameras: Cameras, view: int, points: Float[np.ndarray, "N T K 3"]
) -> Float[np.ndarray, "N T K 3"]:
    # One pose for all frames, or one for each.
    # Copied, as arrays of a take that was read may not be written to.
    pose = torch.from_numpy(np.array(cameras.T_cam_world[view], np.float64))[None, :, None]
    moved = transform_points(pose, torch.from_numpy(points.astype(np.float64)))
    return moved.numpy()


def _project(
    cameras: Cameras, view: int, near: Float[np.ndarray, "N T K 3"]
) -> Float[np.ndarray, "N T K 2"]:
    visible = np.where(near[..., 2:] > NEAREST_M, near, np.nan)
    pixels = project_points(
        torch.from_numpy(visible),
        torch.from_numpy(np.array(cameras.K[view], np.float64)),
        torch.from_numpy(np.array(cameras.distortion[view], np.float64)),
        model=cameras.model,
    )
    return pixels.numpy()


def _take_one(cameras: Cameras, view: int) -> Cameras:
    one = slice(view, view + 1)
    return Cameras(
        names=cameras.names[one],
        model=cameras.model,
        K=cameras.K[one],
        distortion=cameras.distortion[one],
        T_cam_world=cameras.T_cam_world[one],
        size=cameras.size[one],
        time_offset=cameras.time_offset[one],
    )
