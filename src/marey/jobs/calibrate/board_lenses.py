"""The lenses of cameras that saw a board: found by it, or given."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from marey.capture.rig.board import BoardView, Lens, calibrate_lens
from marey.core import Cameras
from marey.core.errors import InputError, NothingFoundError
from marey.jobs.calibrate.board_pictures import BoardPictures

_MOST_PICTURES = 60


def find_lenses(names: tuple[str, ...], seen: Sequence[BoardPictures], *, fisheye: bool) -> Cameras:
    """Find the lens of every camera; poses have no meaning.

    Raises:
        NothingFoundError: If a camera saw the board too seldom.
    """
    found = [
        _calibrate_one(name, own.views, own.size, fisheye)
        for name, own in zip(names, seen, strict=True)
    ]
    return _make_cameras(names, found, [own.size for own in seen], fisheye)


def _calibrate_one(
    name: str, views: Sequence[BoardView], size: tuple[int, int], fisheye: bool
) -> Lens:
    rows = np.linspace(0, len(views) - 1, min(len(views), _MOST_PICTURES)).astype(int)
    try:
        return calibrate_lens([views[row] for row in rows], size, fisheye=fisheye)
    except NothingFoundError as error:
        raise NothingFoundError(f"{name}: {error}") from error


def _make_cameras(
    names: tuple[str, ...],
    found: Sequence[Lens],
    sizes: Sequence[tuple[int, int]],
    fisheye: bool,
) -> Cameras:
    return Cameras(
        names=names,
        model="fisheye" if fisheye else "pinhole",
        K=np.stack([lens.K for lens in found]),
        distortion=np.stack([lens.distortion for lens in found]),
        T_cam_world=np.tile([1.0, 0, 0, 0, 0, 0, 0], (len(names), 1, 1)),
        size=np.array(sizes),
        time_offset=np.zeros(len(names)),
    )


def take_lenses(
    cameras: Cameras, names: tuple[str, ...], sizes: Sequence[tuple[int, int]]
) -> Cameras:
    """Return the lenses of a calibration for cameras of these names and sizes; poses are dropped.

    Raises:
        InputError: If they are too few, or of another size.
    """
    if len(cameras.names) != len(names):
        raise InputError(
            f"{len(cameras.names)} lenses came with {len(names)} videos; give one per camera"
        )
    order = [
        cameras.names.index(name) if set(names) == set(cameras.names) else row
        for row, name in enumerate(names)
    ]
    if (cameras.size[order] != np.array(sizes)).any():
        raise InputError(
            "the lenses were calibrated at another picture size than the videos have; calibrate "
            "them anew, without --lenses"
        )
    return replace(
        cameras,
        names=names,
        K=cameras.K[order],
        distortion=cameras.distortion[order],
        T_cam_world=np.tile([1.0, 0, 0, 0, 0, 0, 0], (len(names), 1, 1)),
        size=np.array(sizes),
        time_offset=np.zeros(len(names)),
    )
