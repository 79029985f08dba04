"""COLMAP's models in text and binary, and with EgoHumans' and Harmony4D's similarity."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marey.core import Cameras
from marey.core.errors import FormatError, InputError
from marey.io.calibration.colmap import read_colmap, write_colmap
from tests.io.calibration.test_all import assert_same, make


def in_order(cameras: Cameras) -> Cameras:
    """Return cameras in the order of their names, which is a model's."""
    rows = np.argsort(cameras.names)
    return replace(
        cameras,
        names=tuple(cameras.names[row] for row in rows),
        K=cameras.K[rows],
        distortion=cameras.distortion[rows],
        T_cam_world=cameras.T_cam_world[rows],
        size=cameras.size[rows],
        time_offset=cameras.time_offset[rows],
    )


def similarity() -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = 2.5 * Rotation.from_rotvec([0.3, -1.0, 0.5]).as_matrix()
    matrix[:3, 3] = [4.0, -3.0, 1.0]
    return matrix


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("fisheye", [False, True])
@pytest.mark.parametrize("scaled", [False, True])
def test_what_is_written_comes_back(binary: bool, fisheye: bool, scaled: bool, tmp_path: Path):
    cameras = in_order(make(fisheye))
    if not fisheye:
        cameras = replace(cameras, distortion=np.pad(cameras.distortion, ((0, 0), (0, 3))))
    write_colmap(
        cameras, tmp_path / "model", binary=binary, similarity=similarity() if scaled else None
    )
    assert_same(read_colmap(tmp_path / "model"), cameras)


def test_a_model_in_its_own_words(tmp_path: Path):
    (tmp_path / "cameras.txt").write_text(
        "# Camera list\n7 SIMPLE_RADIAL 640 480 500 320 240 0.1\n", encoding="utf-8"
    )
    (tmp_path / "images.txt").write_text(
        "# Image list\n1 1 0 0 0 1 2 3 7 b.jpg\n10.5 20.5 -1\n2 0 1 0 0 0 0 0 7 a.jpg\n\n",
        encoding="utf-8",
    )
    cameras = read_colmap(tmp_path)
    assert cameras.names == ("a", "b")
    # COLMAP counts pixels as marey does.
    assert cameras.K[0, :2, 2] == pytest.approx([320, 240])
    assert cameras.distortion[0] == pytest.approx([0.1, 0, 0, 0])
    assert cameras.T_cam_world[1, 0] == pytest.approx([1, 0, 0, 0, 1, 2, 3])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cameras.txt", "1 THIN_PRISM_FISHEYE 640 480 1 2 3\n"),
        ("cameras.txt", "1 PINHOLE 640 480 500\n"),
        ("cameras.txt", "1 PINHOLE 640 480 nan 500 1 1\n"),
        ("images.txt", "1 1 0 0 0 1 2\n"),
        ("images.txt", "1 9 0 0 0 1 2 3 1 a.jpg\n\n"),
        ("images.txt", "1 1 0 0 0 1 2 3 99 a.jpg\n\n"),
        ("images.txt", ""),
    ],
)
def test_damaged_models_are_refused(name: str, text: str, tmp_path: Path):
    write_colmap(make(fisheye=True), tmp_path / "model")
    (tmp_path / "model" / name).write_text(text, encoding="utf-8")
    with pytest.raises(FormatError):
        read_colmap(tmp_path / "model")


@pytest.mark.parametrize("length", [0, 4, 30, 100])
def test_models_cut_off_are_refused(length: int, tmp_path: Path):
    write_colmap(make(fisheye=True), tmp_path / "model", binary=True)
    for name in ("cameras.bin", "images.bin"):
        whole = (tmp_path / "model" / name).read_bytes()
        (tmp_path / "model" / name).write_bytes(whole[:length])
        with pytest.raises(FormatError):
            read_colmap(tmp_path / "model")
        (tmp_path / "model" / name).write_bytes(whole)
    with pytest.raises(InputError):
        read_colmap(tmp_path / "nowhere")
