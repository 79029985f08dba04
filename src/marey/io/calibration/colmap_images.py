"""COLMAP models with many images of a camera: those that move, such as cameras worn on heads.

EgoHumans and Harmony4D place the frames of head-mounted cameras beside those that stand still. The
number in an image's name is its frame: `aria01/00017.jpg` is frame 17 of camera aria01.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation, Slerp

from marey.core import Cameras
from marey.core.errors import InputError
from marey.io.calibration._colmap_model import ColmapImage
from marey.io.calibration._parts import OneCamera, collect_cameras
from marey.io.calibration.colmap import Model, name_camera, read_model, to_camera

_NUMBER = re.compile(r"(\d{1,9})(?!.*\d)")
_STILL_SHARE, _STILL_RAD = 0.02, 0.02
"""How far images of a camera that stands still are apart: a share of the rig's extent, and rad."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColmapImages:
    """All images of a model, in the metric world if the model knows it."""

    cameras: Cameras
    """One pose each, that of a camera's first image."""
    camera: Int[np.ndarray, "I"]
    """Which camera took each image."""
    frame: Int[np.ndarray, "I"]
    """The number in its name; -1 where there is none."""
    T_cam_world: Float[np.ndarray, "I 7"]

    @property
    def moving(self) -> tuple[str, ...]:
        """Names of the cameras whose images were taken from different places.

        Structure from motion places the images of a camera that stands still a little apart.
        """
        R = Rotation.from_quat(self.T_cam_world[:, :4], scalar_first=True).as_matrix()
        centre = -np.einsum("iba,ib->ia", R, self.T_cam_world[:, 4:])
        extent = float(np.linalg.norm(centre - np.median(centre, 0), axis=1).max(initial=0.0))
        names = []
        for row, name in enumerate(self.cameras.names):
            own = np.flatnonzero(self.camera == row)
            strayed = np.linalg.norm(centre[own] - np.median(centre[own], 0), axis=1).max()
            turned = Rotation.from_matrix(R[own] @ R[own[0]].T).magnitude().max()
            if strayed > _STILL_SHARE * extent or turned > _STILL_RAD:
                names.append(name)
        return tuple(names)

    def follow(
        self, name: str, frames: Sequence[int], *, max_gap: int = 5
    ) -> Float[np.ndarray, "T 7"]:
        """Return a camera's pose per frame; NaN where it is not known.

        Args:
            name: The camera.
            frames: Numbers as in the images' names.
            max_gap: Frames without an image over which a pose is interpolated.
        """
        own = np.flatnonzero(self.camera == self.cameras.names.index(name))
        wanted = np.asarray(frames, np.float64)
        return _interpolate(self.frame[own], self.T_cam_world[own], wanted, max_gap)

    def at_frames(self, frames: Sequence[int], *, max_gap: int = 5) -> Cameras:
        """Return cameras with a pose per frame; those with one image stand still.

        Args:
            frames: Numbers as in the images' names.
            max_gap: Frames without an image over which a pose is interpolated.

        Returns:
            Cameras whose pose is NaN where it is not known.

        Raises:
            InputError: If a moving camera has no image near any of these frames.
        """
        poses, moving = [], self.moving
        for row, name in enumerate(self.cameras.names):
            own = np.flatnonzero(self.camera == row)
            if name not in moving:
                poses.append(np.repeat(self.T_cam_world[own[:1]], len(frames), 0))
                continue
            poses.append(self.follow(name, frames, max_gap=max_gap))
            if not np.isfinite(poses[-1]).any():
                first, last = self.frame[own].min(), self.frame[own].max()
                raise InputError(
                    f"{name} has poses for frames {first} to {last}, and frames {frames[0]} to "
                    f"{frames[-1]} were asked for; choose frames that it has"
                )
        return replace(self.cameras, T_cam_world=np.stack(poses))


def read_colmap_images(folder: str | Path) -> ColmapImages:
    """Read all images of a COLMAP model.

    Args:
        folder: As for `read_colmap`.

    Raises:
        InputError: If there is no model.
        FormatError: If it is damaged, or of a lens that is not known here.
    """
    model = read_model(folder)
    images: dict[str, list[ColmapImage]] = {}
    for image in sorted(model.images, key=lambda image: image.name):
        images.setdefault(name_camera(image.name), []).append(image)
    names = sorted(images)
    cameras = collect_cameras(
        model.path, [lambda n=name: _one(n, images[n][0], model) for name in names]
    )
    # One at a time, so that a damaged image is refused in the same words.
    every = [(row, image) for row, name in enumerate(names) for image in images[name]]
    poses = [
        collect_cameras(model.path, [lambda n=names[row], i=image: _one(n, i, model)]).T_cam_world[
            0, 0
        ]
        for row, image in every
    ]
    return ColmapImages(
        cameras=cameras,
        camera=np.array([row for row, _ in every]),
        frame=np.array([find_frame(image.name) for _, image in every]),
        T_cam_world=np.stack(poses),
    )


def _one(name: str, image: ColmapImage, model: Model) -> OneCamera:
    return to_camera(name, image, model.lenses[image.lens], model.similarity)


def find_frame(name: str) -> int:
    """Return the number of the frame that an image is, by its name; -1 where there is none."""
    match = _NUMBER.search(Path(name.replace("\\", "/").split("/")[-1]).stem)
    return int(match[1]) if match else -1


def _interpolate(
    frame: Int[np.ndarray, "I"],
    pose: Float[np.ndarray, "I 7"],
    wanted: Float[np.ndarray, "T"],
    max_gap: int,
) -> Float[np.ndarray, "T 7"]:
    """Return poses between images: centres go straight, rotations the short way."""
    frame, first = np.unique(frame, return_index=True)
    pose, result = pose[first], np.full((len(wanted), 7), np.nan)
    if len(frame) < 2:
        result[wanted == frame[0]] = pose[0]
        return result
    after = np.clip(np.searchsorted(frame, wanted), 1, len(frame) - 1)
    gap = frame[after] - frame[after - 1]
    exact = (frame[after] == wanted) | (frame[after - 1] == wanted)
    inside = (wanted >= frame[0]) & (wanted <= frame[-1]) & (exact | (gap <= max_gap))
    turn = Rotation.from_quat(pose[:, :4], scalar_first=True)
    centre = -turn.inv().apply(pose[:, 4:])
    moved = Slerp(frame, turn)(np.clip(wanted, frame[0], frame[-1]))
    place = np.stack([np.interp(wanted, frame, axis) for axis in centre.T], 1)
    result[:, :4] = moved.as_quat(canonical=True, scalar_first=True)
    result[:, 4:] = -moved.apply(place)
    result[~inside] = np.nan
    return result
