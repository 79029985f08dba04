"""Cameras of programs that state a focal length and nothing else."""

import numpy as np
from jaxtyping import Float

from marey.core import Cameras
from marey.datasets.outputs.people import FROM_CAMERA


def level_camera(
    K: Float[np.ndarray, "3 3"], size: tuple[int, int], name: str = "camera"
) -> Cameras:
    """Return a still camera at the world's origin that looks along +Y."""
    pose = np.zeros((1, 1, 7))
    pose[0, 0, :4] = FROM_CAMERA.inv().as_quat(scalar_first=True)
    return make_camera(K, size, pose, name)


def make_camera(
    K: Float[np.ndarray, "3 3"],
    size: tuple[int, int],
    T_cam_world: Float[np.ndarray, "1 M 7"],
    name: str = "camera",
) -> Cameras:
    """Return one pinhole camera."""
    return Cameras(
        names=(name,),
        model="pinhole",
        K=np.asarray(K, np.float64)[None],
        distortion=np.zeros((1, 0)),
        T_cam_world=T_cam_world,
        size=np.array([size], np.int64),
        time_offset=np.zeros(1),
    )


def central_K(focal: float, size: tuple[int, int]) -> Float[np.ndarray, "3 3"]:
    """Return the matrix of a camera whose axis meets the middle of the picture."""
    return np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1.0]])
