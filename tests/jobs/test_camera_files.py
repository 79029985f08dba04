"""Calibrations meet videos: order, names, sizes."""

from pathlib import Path

import numpy as np
import pytest

from marey.core import Clip
from marey.core.errors import InputError
from marey.jobs.camera_files import match_cameras, read_cameras
from marey.synthetic import make_cameras


def _clip(name: str, size: tuple[int, int] = (1280, 720)) -> Clip:
    return Clip(path=Path(name), size=size, time=np.arange(3) / 20)


def test_names_decide_and_else_the_order():
    cameras = make_cameras(3)
    named = match_cameras(cameras, [_clip("camera3.mp4"), _clip("Camera1.mp4")])
    assert named.names == ("camera3", "camera1")
    np.testing.assert_array_equal(named.T_cam_world, cameras.T_cam_world[[2, 0]])
    plain = match_cameras(cameras, [_clip(f"GOPR{n}.mp4") for n in range(3)])
    assert plain.names == cameras.names
    with pytest.raises(InputError, match=r"3 cameras .* 2 videos"):
        match_cameras(cameras, [_clip("a.mp4"), _clip("b.mp4")])


def test_pictures_of_another_size():
    cameras, said = make_cameras(3), []
    clips = [_clip("a.mp4", (640, 360)), _clip("b.mp4", (1272, 720)), _clip("c.mp4")]
    matched = match_cameras(cameras, clips, said.append)
    np.testing.assert_allclose(matched.K[0, :2], 0.5 * cameras.K[0, :2])
    np.testing.assert_array_equal(matched.K[1:], cameras.K[1:])
    assert matched.size.tolist() == [[640, 360], [1272, 720], [1280, 720]]
    assert len(said) == 2
    assert "scaled" in said[0] and "cut off" in said[1]
    with pytest.raises(InputError, match="calibrate again"):
        match_cameras(cameras, [_clip("a.mp4", (720, 1280)), *clips[1:]])


def test_kinds_of_files(tmp_path: Path):
    with pytest.raises(InputError, match="no calibration that is known"):
        read_cameras(tmp_path / "cameras.doc")
    with pytest.raises(InputError, match="cannot read"):
        read_cameras(tmp_path / "none.toml")
