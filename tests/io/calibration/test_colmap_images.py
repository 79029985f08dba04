"""Cameras that move, through COLMAP's models: a pose per frame out and in."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marey.core import Cameras
from marey.core.errors import FormatError, InputError
from marey.io.calibration.colmap import read_colmap, write_colmap
from marey.io.calibration.colmap_images import read_colmap_images
from tests.io.calibration.test_all import make
from tests.io.calibration.test_colmap import in_order, similarity

FRAMES = (10, 11, 12, 13, 20)


def walk() -> Cameras:
    """Return two cameras that stand still and one that is carried about."""
    cameras = in_order(make(fisheye=True))
    pose = np.repeat(cameras.T_cam_world, len(FRAMES), 1)
    turn = Rotation.from_rotvec(np.linspace([0, 0, 0], [0.2, 0.1, 0.5], len(FRAMES)))
    pose[1, :, :4] = turn.as_quat(canonical=True, scalar_first=True)
    pose[1, :, 4:] += np.linspace([0, 0, 0], [1.0, 2.0, 0.5], len(FRAMES))
    return replace(cameras, T_cam_world=pose)


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("scaled", [False, True])
def test_poses_of_frames_come_back(binary: bool, scaled: bool, tmp_path: Path):
    cameras, world = walk(), similarity() if scaled else None
    write_colmap(cameras, tmp_path / "m", binary=binary, similarity=world, frames=FRAMES)
    images = read_colmap_images(tmp_path / "m")
    assert images.moving == (cameras.names[1],)
    assert len(images.frame) == 2 + len(FRAMES)
    found = images.at_frames(FRAMES)
    np.testing.assert_allclose(found.T_cam_world, cameras.T_cam_world, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.K, cameras.K, rtol=1e-12)
    # Who asks for cameras that stand still gets the first image of each.
    first = read_colmap(tmp_path / "m").T_cam_world[1, 0]
    np.testing.assert_allclose(first, cameras.T_cam_world[1, 0], rtol=1e-8, atol=1e-10)


def test_short_gaps_are_bridged_and_long_ones_are_not(tmp_path: Path):
    cameras = walk()
    write_colmap(cameras, tmp_path / "m", frames=(10, 12, 13, 14, 30))
    found = read_colmap_images(tmp_path / "m").at_frames((9, 10, 11, 20, 30, 31))
    known = np.isfinite(found.T_cam_world[1]).all(-1)
    assert known.tolist() == [False, True, True, False, True, False]
    # Half-way in time is half-way in space.
    turn = Rotation.from_quat(cameras.T_cam_world[1, :2, :4], scalar_first=True)
    centre = -turn.inv().apply(cameras.T_cam_world[1, :2, 4:]).mean(0) * 1.0
    pose = found.T_cam_world[1, 2]
    now = -Rotation.from_quat(pose[:4], scalar_first=True).inv().apply(pose[4:])
    assert now == pytest.approx(centre)
    with pytest.raises(InputError, match="frames 10 to 30"):
        read_colmap_images(tmp_path / "m").at_frames((100, 101))


def test_a_frame_without_a_pose_is_left_out(tmp_path: Path):
    cameras = walk()
    pose = cameras.T_cam_world.copy()
    pose[1, 2] = np.nan
    write_colmap(replace(cameras, T_cam_world=pose), tmp_path / "m", frames=FRAMES)
    assert len(read_colmap_images(tmp_path / "m").frame) == 1 + len(FRAMES)
    pose[1] = np.nan
    with pytest.raises(InputError, match="no pose"):
        write_colmap(replace(cameras, T_cam_world=pose), tmp_path / "n")


def test_names_without_numbers_and_damage(tmp_path: Path):
    (tmp_path / "cameras.txt").write_text("1 PINHOLE 640 480 500 500 320 240\n", encoding="utf-8")
    lines = ["1 1 0 0 0 1 2 3 1 head/first.jpg", "", "2 1 0 0 0 2 2 3 1 head/x9y.jpg", ""]
    (tmp_path / "images.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert sorted(read_colmap_images(tmp_path).frame) == [-1, 9]
    for bad in ("2 3 0 0 0 1 2 3 1 head/2.jpg", "2 1 0 0 0 nan 2 3 1 head/2.jpg"):
        lines[2] = bad
        (tmp_path / "images.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        with pytest.raises(FormatError):
            read_colmap_images(tmp_path)
