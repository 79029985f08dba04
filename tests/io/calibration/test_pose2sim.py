"""Calibrations of Pose2Sim and Qualisys."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from marey.core.errors import FormatError, InputError
from marey.io.calibration.pose2sim import read_pose2sim, read_qualisys

TOML = """\
[cam_01]
name = "cam_01"
size = [ 1088.0, 1920.0,]
matrix = [ [ 1681.2, 0.0, 532.9,], [ 0.0, 1681.1, 948.1,], [ 0.0, 0.0, 1.0,],]
distortions = [ -0.0007, 0.002, 9.5e-6, 1e-5,]
rotation = [ 1.2, -0.4, 0.3,]
translation = [ 0.32, 0.95, 2.89,]
fisheye = false

[metadata]
adjusted = false
error = 0.0
"""


def test_pose2sims_toml(tmp_path: Path):
    file = tmp_path / "Calib.toml"
    file.write_text(TOML)
    cameras = read_pose2sim(file)
    assert cameras.names == ("cam_01",)
    assert cameras.model == "pinhole"
    assert cameras.size.tolist() == [[1088, 1920]]
    # OpenCV's pixel centres are whole numbers, marey's lie at halves.
    np.testing.assert_allclose(cameras.K[0, :2, 2], [533.4, 948.6])
    np.testing.assert_allclose(cameras.K[0, [0, 1], [0, 1]], [1681.2, 1681.1])
    np.testing.assert_allclose(cameras.distortion, [[-0.0007, 0.002, 9.5e-6, 1e-5]])
    turn = Rotation.from_quat(cameras.T_cam_world[0, 0, :4], scalar_first=True)
    np.testing.assert_allclose(turn.as_rotvec(), [1.2, -0.4, 0.3])
    np.testing.assert_allclose(cameras.T_cam_world[0, 0, 4:], [0.32, 0.95, 2.89])


def test_qualisys_agrees_with_an_independent_conversion(shared: Path):
    folder = shared / "data" / "pose2sim_single"
    cameras = read_qualisys(folder / "Calib.qca.txt")
    other = json.loads((folder / "calibration_opencv.json").read_text())
    assert cameras.names == tuple(other)
    for row, expected in enumerate(other.values()):
        turn = Rotation.from_quat(cameras.T_cam_world[row, 0, :4], scalar_first=True)
        np.testing.assert_allclose(turn.as_matrix(), expected["R_world_to_cam"], atol=1e-9)
        np.testing.assert_allclose(cameras.T_cam_world[row, 0, 4:], expected["t_world_to_cam_m"])
        half = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
        np.testing.assert_allclose(cameras.K[row] - half, expected["K"])
        np.testing.assert_allclose(cameras.distortion[row], expected["dist_k1k2p1p2"])
        assert cameras.size[row].tolist() == expected["image_size_wh"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[ 1088.0, 1920.0,]", "[ 1088.0,]", "size has the shape"),
        ("[ 1088.0, 1920.0,]", "[ 1e9, 1920.0,]", "absurdly large"),
        ("1681.2", "nan", "not finite"),
        ("1681.2", "-5.0", "focal length of -5"),
        ("translation = [ 0.32, 0.95, 2.89,]", "", "'translation' is missing|translation is miss"),
        ("[ 1.2, -0.4, 0.3,]", '"turned"', "sound calibration"),
        ("matrix", "matrices", "holds 0 cameras"),
        ("[cam_01]", "[cam_01", "not TOML"),
    ],
)
def test_damaged_toml_is_one_sentence(tmp_path: Path, old: str, new: str, says: str):
    file = tmp_path / "Calib.toml"
    file.write_text(TOML.replace(old, new))
    with pytest.raises(FormatError, match=says):
        read_pose2sim(file)


def test_absent_and_strange_files(tmp_path: Path):
    with pytest.raises(InputError, match="cannot read"):
        read_pose2sim(tmp_path / "none.toml")
    (tmp_path / "picture.toml").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(FormatError, match="no text file"):
        read_pose2sim(tmp_path / "picture.toml")
    bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><calibration>&b;</calibration>'
    (tmp_path / "bomb.txt").write_text(bomb)
    with pytest.raises(FormatError, match="entities"):
        read_qualisys(tmp_path / "bomb.txt")
    (tmp_path / "other.txt").write_text("<calibration/>")
    with pytest.raises(FormatError, match="holds 0 cameras"):
        read_qualisys(tmp_path / "other.txt")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.integers(0, 2500), length=st.integers(0, 60), filling=st.text(max_size=8))
def test_mutilated_qualisys_never_escapes(
    shared: Path, tmp_path: Path, place: int, length: int, filling: str
):
    text = (shared / "data" / "pose2sim_single" / "Calib.qca.txt").read_text()
    file = tmp_path / "Calib.qca.txt"
    file.write_text(text[:place] + filling + text[place + length :], encoding="utf-8")
    try:
        cameras = read_qualisys(file)
    except InputError:
        return
    assert np.isfinite(cameras.K).all()
    assert np.isfinite(cameras.T_cam_world).all()
