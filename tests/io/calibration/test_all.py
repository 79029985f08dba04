"""Calibrations of other programs: what is written comes back, and files in their own words."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marey.core import Cameras
from marey.core.errors import FormatError, InputError, OutputExistsError
from marey.geometry.projection import select_viewpoint
from marey.io.calibration.anipose import read_anipose, write_anipose
from marey.io.calibration.opencv import (
    read_easymocap,
    read_opencv,
    write_easymocap,
    write_opencv,
)
from marey.io.calibration.pose2sim import read_pose2sim, read_qualisys, write_qualisys


def make(fisheye: bool = False) -> Cameras:
    rng = np.random.default_rng(1)
    turn = Rotation.random(3, rng=np.random.default_rng(1)).as_quat(
        canonical=True, scalar_first=True
    )
    K = np.tile(np.eye(3), (3, 1, 1))
    K[:, 0, 0], K[:, 1, 1] = rng.uniform(900, 1500, (2, 3))
    K[:, :2, 2] = rng.uniform(400, 700, (3, 2))
    return Cameras(
        names=("left", "middle", "cam 3"),
        model="fisheye" if fisheye else "pinhole",
        K=K,
        distortion=rng.normal(0, 0.05, (3, 4 if fisheye else 5)),
        T_cam_world=np.concatenate([turn, rng.normal(0, 2, (3, 3))], 1)[:, None],
        size=np.array([[1280, 720], [1920, 1080], [640, 480]]),
        time_offset=np.zeros(3),
    )


def assert_same(found: Cameras, wanted: Cameras) -> None:
    assert found.names == wanted.names
    assert found.model == wanted.model
    assert (found.size == wanted.size).all()
    np.testing.assert_allclose(found.K, wanted.K, rtol=1e-12)
    np.testing.assert_allclose(found.distortion, wanted.distortion, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.T_cam_world, wanted.T_cam_world, rtol=1e-9, atol=1e-12)


def anipose(cameras: Cameras, folder: Path) -> Cameras:
    write_anipose(cameras, folder / "calibration.toml")
    return read_anipose(folder / "calibration.toml")


def easymocap(cameras: Cameras, folder: Path) -> Cameras:
    write_easymocap(cameras, folder / "rig")
    return read_easymocap(folder / "rig")


def opencv(cameras: Cameras, folder: Path) -> Cameras:
    return read_opencv(write_opencv(cameras, folder))


def test_qualisys_comes_back_and_refuses_what_it_cannot_hold(tmp_path: Path):
    path, cameras = tmp_path / "calib.qca.txt", replace(make(), distortion=make().distortion[:, :4])
    write_qualisys(cameras, path)
    assert_same(read_qualisys(path), cameras)
    for other in (make(), make(fisheye=True)):
        with pytest.raises(InputError, match=r"write \.toml"):
            write_qualisys(other, tmp_path / "other.qca.txt")


@pytest.mark.parametrize("travel", [anipose, easymocap, opencv])
def test_what_is_written_comes_back(travel: Callable, tmp_path: Path):
    assert_same(travel(make(), tmp_path), make())


@pytest.mark.parametrize("travel", [anipose, opencv])
def test_fisheye_lenses_come_back(travel: Callable, tmp_path: Path):
    assert_same(travel(make(fisheye=True), tmp_path), make(fisheye=True))


def test_opencv_itself_reads_and_projects_the_same(tmp_path: Path):
    cameras = make()
    write_easymocap(cameras, tmp_path / "rig")
    point = np.array([[0.1, 0.2, 0.3]])
    for view, name in enumerate(cameras.names):
        if " " in name:
            continue
        values = {}
        for file in ("intri.yml", "extri.yml"):
            storage = cv2.FileStorage(str(tmp_path / "rig" / file), cv2.FILE_STORAGE_READ)
            for key in (f"K_{name}", f"dist_{name}", f"R_{name}", f"T_{name}"):
                node = storage.getNode(key)
                if not node.empty():
                    values[key[0]] = node.mat()
        viewpoint = select_viewpoint(cameras, view=view)
        local = viewpoint.transform(point)
        seen, _ = cv2.projectPoints(point, values["R"], values["T"], values["K"], values["d"])
        if local[0, 2] > 0.1:
            np.testing.assert_allclose(viewpoint.project(local), seen[0] + 0.5, atol=1e-6)


CALISCOPE = """
[cam_1]
port = 1
size = [1280, 720]
rotation_count = 0
error = 0.3
matrix = [[1000.0, 0.0, 639.5], [0.0, 1001.0, 359.5], [0.0, 0.0, 1.0]]
distortions = [0.1, -0.2, 0.001, 0.002, 0.05]
translation = [100.0, -200.0, 3000.0]
rotation = [0.0, 1.5707963267948966, 0.0]

[metadata]
adjusted = false
"""


def test_a_file_in_millimetres(tmp_path: Path):
    (tmp_path / "calibration.toml").write_text(CALISCOPE, encoding="utf-8")
    cameras = read_anipose(tmp_path / "calibration.toml", unit_m=0.001)
    assert cameras.names == ("1",)
    assert cameras.K[0, :2, 2] == pytest.approx([640, 360])
    half = 2**-0.5
    assert cameras.T_cam_world[0, 0] == pytest.approx([half, 0, half, 0, 0.1, -0.2, 3.0])
    # Pose2Sim's reader takes the file for one of its own, without the last coefficient.
    assert read_pose2sim(tmp_path / "calibration.toml").distortion.shape == (1, 4)


def test_easymocap_without_sizes(tmp_path: Path):
    write_easymocap(make(), tmp_path / "rig")
    text = (tmp_path / "rig" / "intri.yml").read_text()
    kept = [line for line in text.splitlines() if not line.startswith(("W_", "H_"))]
    (tmp_path / "rig" / "intri.yml").write_text("\n".join(kept) + "\n")
    with pytest.raises(FormatError, match="size"):
        read_easymocap(tmp_path / "rig")
    assert (read_easymocap(tmp_path / "rig", size=(1280, 720)).size == [1280, 720]).all()


@pytest.mark.parametrize(
    "text",
    ["", "hello", "K_1: !!opencv-matrix\n   rows: 3\n   cols: 3\n   dt: d\n   data: [ 1, 2 ]\n"],
)
def test_damaged_files_are_refused(text: str, tmp_path: Path):
    for name in ("intri.yml", "extri.yml", "c.toml"):
        (tmp_path / name).write_text(text)
    with pytest.raises(FormatError):
        read_easymocap(tmp_path)
    with pytest.raises(FormatError):
        read_anipose(tmp_path / "c.toml")
    with pytest.raises(FormatError):
        read_opencv([tmp_path / "intri.yml"])
    with pytest.raises(InputError):
        read_easymocap(tmp_path / "nowhere")


def test_nothing_is_overwritten_unasked(tmp_path: Path):
    write_anipose(make(), tmp_path / "c.toml")
    with pytest.raises(OutputExistsError):
        write_anipose(make(), tmp_path / "c.toml")
    write_anipose(make(), tmp_path / "c.toml", overwrite=True)
