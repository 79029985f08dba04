"""Calibrations meet videos: order, names, sizes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marey.core import Cameras, Clip, Take
from marey.core.errors import InputError
from marey.geometry.projection import select_viewpoint
from marey.io.calibration.anipose import write_anipose
from marey.io.calibration.colmap import write_colmap
from marey.io.calibration.opencv import write_easymocap, write_opencv
from marey.io.take import write_take
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
    assert len(said) == 3
    assert "in their order: a.mp4 by " in said[0]
    assert "scaled" in said[1] and "cut off" in said[2]
    with pytest.raises(InputError, match="calibrate again"):
        match_cameras(cameras, [_clip("a.mp4", (720, 1280)), *clips[1:]])


def test_names_may_be_words_of_the_videos_names():
    cameras = replace(make_cameras(3), names=("0", "1", "2"))
    found = match_cameras(cameras, [_clip(f"port_{n}.mp4") for n in (2, 0, 1)])
    assert found.names == ("2", "0", "1")


def _write_qualisys(cameras: Cameras, folder: Path) -> Path:
    """Write the XML that Qualisys exports: mm, 1/64 px, rows the camera's axes, Y up, Z back."""
    nodes = []
    for row, name in enumerate(cameras.names):
        R = Rotation.from_quat(cameras.T_cam_world[row, 0, :4], scalar_first=True).as_matrix()
        centre = -1000 * R.T @ cameras.T_cam_world[row, 0, 4:]
        turn = np.diag([1.0, -1.0, -1.0]) @ R
        cells = " ".join(f'r{i + 1}{j + 1}="{turn[i, j]}"' for i in range(3) for j in range(3))
        place = " ".join(f'{axis}="{value}"' for axis, value in zip("xyz", centre, strict=True))
        (fx, fy), (cx, cy) = np.diag(cameras.K[row])[:2] * 64, (cameras.K[row, :2, 2] - 0.5) * 64
        width, height = cameras.size[row]
        nodes.append(
            f'<camera serial="{name}"><fov_video left="0" top="0" right="{width - 1}" '
            f'bottom="{height - 1}"/><transform {place} {cells}/><intrinsic focalLengthU="{fx}" '
            f'focalLengthV="{fy}" centerPointU="{cx}" centerPointV="{cy}" sensorMinU="0" '
            'sensorMinV="0" radialDistortion1="0" radialDistortion2="0" tangentalDistortion1="0" '
            'tangentalDistortion2="0"/></camera>'
        )
    file = folder / "rig.export"
    text = "<calibration><cameras>" + "".join(nodes) + "</cameras></calibration>"
    file.write_text(text)
    return file


def _write_anipose(cameras: Cameras, folder: Path) -> Path:
    write_anipose(cameras, folder / "calibration.toml")
    return folder / "calibration.toml"


def _write_easymocap(cameras: Cameras, folder: Path) -> Path:
    write_easymocap(cameras, folder / "rig")
    return folder / "rig"


def _write_opencv(cameras: Cameras, folder: Path) -> Path:
    (folder / "lenses").mkdir()
    write_opencv(cameras, folder / "lenses")
    return folder / "lenses"


def _write_colmap(cameras: Cameras, folder: Path) -> Path:
    write_colmap(cameras, folder / "sparse" / "0", binary=True)
    return folder


def _write_harmony4d(cameras: Cameras, folder: Path) -> Path:
    similarity = np.diag([3.0, 3.0, 3.0, 1.0])
    similarity[:3, 3] = 1.0, 2.0, -0.5
    write_colmap(cameras, folder / "colmap" / "workplace", similarity=similarity)
    return folder


def _write_take(cameras: Cameras, folder: Path) -> Path:
    write_take(Take(time=np.arange(3) / 30, cameras=cameras), folder / "rig.take")
    return folder / "rig.take"


@pytest.mark.parametrize(
    "write",
    [
        _write_qualisys,
        _write_anipose,
        _write_easymocap,
        _write_opencv,
        _write_colmap,
        _write_harmony4d,
        _write_take,
    ],
)
def test_every_kind_of_calibration_is_told_by_its_content(write: Callable, tmp_path: Path):
    cameras = make_cameras(3)
    for parent in (tmp_path / "sparse", tmp_path / "colmap"):
        parent.mkdir()
    found = read_cameras(write(cameras, tmp_path))
    assert found.names == cameras.names
    point = np.array([0.3, -0.2, 1.1])
    for view in range(3):
        one, other = (select_viewpoint(rig, view=view) for rig in (found, cameras))
        seen = one.transform(point), other.transform(point)
        np.testing.assert_allclose(seen[0], seen[1], atol=1e-5)
        np.testing.assert_allclose(one.project(seen[0]), other.project(seen[1]), atol=1e-2)


def test_millimetres_are_told_from_metres(tmp_path: Path):
    cameras, said = make_cameras(3), []
    pose = cameras.T_cam_world.copy()
    pose[..., 4:] *= 1000
    write_anipose(replace(cameras, T_cam_world=pose), tmp_path / "rig.toml")
    found = read_cameras(tmp_path / "rig.toml", note=said.append)
    np.testing.assert_allclose(found.T_cam_world[..., 4:], cameras.T_cam_world[..., 4:], atol=1e-9)
    assert len(said) == 1 and "millimetres" in said[0]


def test_files_of_a_folder_stand_for_it(tmp_path: Path):
    cameras = make_cameras(2)
    write_easymocap(cameras, tmp_path / "easy")
    write_colmap(cameras, tmp_path / "model")
    assert read_cameras(tmp_path / "easy" / "extri.yml").names == cameras.names
    assert read_cameras(tmp_path / "model" / "images.txt").names == cameras.names


def test_kinds_of_files(tmp_path: Path):
    with pytest.raises(InputError, match="no such file or folder"):
        read_cameras(tmp_path / "none.toml")
    (tmp_path / "cameras.doc").write_bytes(b"\x00\x01 word")
    with pytest.raises(InputError, match="no calibration that is known"):
        read_cameras(tmp_path / "cameras.doc")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no calibration"):
        read_cameras(tmp_path / "empty")
    write_take(Take(time=np.arange(3) / 30), tmp_path / "bare.take")
    with pytest.raises(InputError, match="a take without cameras"):
        read_cameras(tmp_path / "bare.take")
