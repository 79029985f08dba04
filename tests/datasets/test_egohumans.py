"""EgoHumans differs from Harmony4D in its body and its metric world."""

import pickle

import numpy as np
import pytest

from marey.datasets import egohumans
from tests.datasets.harmony import write_cameras, write_harmony4d


@pytest.mark.parametrize(
    ("activity", "gender"),
    [
        ("01_tagging", "male"),
        ("03_fencing", "male"),
        ("04_basketball", "neutral"),
        ("0", "neutral"),
    ],
)
def test_which_body(tmp_path, activity, gender):
    folder = write_harmony4d(tmp_path / activity / "001_x")
    assert list(egohumans.sequences(tmp_path)) == [folder]
    recording = egohumans.read_sequence(folder)
    assert f"SMPL's {gender} one" in recording.notes[-1]


def test_worn_cameras_have_a_pose_per_frame(tmp_path):
    folder = write_harmony4d(tmp_path / "05_x" / "001_x", frames=4)
    write_cameras(folder)
    workplace = folder / "colmap/workplace"
    with (workplace / "images.txt").open("a") as images:
        # Frame 3 has no image: the nearest one's pose stands in.
        for row, frame in enumerate((1, 2, 4)):
            images.write(f"{row + 3} 1 0 0 0 {row} 0 6 1 aria01/{frame:05d}.jpg\n\n")
    similarity = np.diag([2.0, 2, 2, 1])
    (workplace / "colmap_from_aria_transforms.pkl").write_bytes(
        pickle.dumps({"aria01": similarity})
    )
    cameras = egohumans.read_sequence(folder).cameras
    assert cameras.names == ("aria01", "cam01", "cam02")
    assert cameras.T_cam_world.shape == (3, 4, 7)
    # COLMAP's unit is half a metre here.
    np.testing.assert_allclose(cameras.T_cam_world[0, :, 4], [0, 0.5, 0.5, 1.0])
    np.testing.assert_allclose(cameras.T_cam_world[1, :, 4:], [[-0.5, -0.5, 3.0]] * 4)
