"""The twin's pairs touch as they should, and the benchmark counts what it says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks._pairs import read_dance, read_grappling
from benchmarks.close_contact import count_swaps, deepest_mm, error_mm

from marey.body import load_body
from marey.capture.contact.find import find_mesh_contact
from marey.synthetic import make_cameras
from marey.synthetic.close import CloseNoise, close_scene, pose_motion

FRAMES = 16


@pytest.fixture(scope="module")
def body():
    return load_body(mesh="light")


def test_swaps_are_counted_for_people_and_joints():
    truth = np.zeros((2, 3, 4, 3))
    truth[1, ..., 0] = 1.0
    points = truth + 0.1
    assert count_swaps(points, truth) == (0, 0)
    points[0, 1, 2, 0] = 0.9  # One joint nearer to the other's.
    assert count_swaps(points, truth) == (0, 1)
    points[1, 2, :, 0] = -0.2  # A whole person.
    assert count_swaps(points, truth) == (1, 5)
    points[0, 0] = np.nan
    assert count_swaps(points, truth)[1] == 5
    assert error_mm(truth + np.array([0.003, 0, 0.004]), truth) == pytest.approx(5.0)


@pytest.mark.slow
def test_dancers_hold_hands_and_keep_their_bones(body, shared: Path):
    motion = read_dance(shared, body, "01", frames=FRAMES, step=4, first=240)
    posed = pose_motion(body, motion)
    names = ("left_middle1", "right_middle1", "left_elbow", "left_wrist")
    place = body.landmark_positions(posed, names).numpy()
    hands = place[:, :, :2]
    apart = np.linalg.norm(hands[0][:, :, None] - hands[1][:, None], axis=-1)
    # The salsa's own wrists stay some 30 cm apart; here one pair of hands meets at some time.
    assert apart.min() < 0.09
    forearm = np.linalg.norm(place[:, :, 2] - place[:, :, 3], axis=-1)
    np.testing.assert_allclose(forearm, forearm[:, :1] * np.ones(FRAMES), atol=1e-4)
    assert np.ptp(forearm.mean(1)) > 0.005  # Two different bodies.
    speed = np.linalg.norm(np.diff(place, axis=1), axis=-1) * 30
    assert speed.max() < 8.0


@pytest.mark.slow
def test_grapplers_touch_without_entering_each_other(body, shared: Path):
    clips = ("135_06-martialArts.amc.gz", "131_04-dance.amc.gz")
    motion = read_grappling(shared, body, clips, frames=FRAMES, step=4)
    assert find_mesh_contact(body, motion).touching.all()
    quiet = CloseNoise(sigma=0.0, swap=0.0, misses=False)
    scene = close_scene(body, motion, make_cameras(1), noise=quiet)
    deepest, mean = deepest_mm(scene, motion)
    # Taken out of each other as skins, but for what hands leave.
    assert deepest < 12 and mean < 3
    # Moved into each other they are deeper, so the measure can tell.
    inside = motion.T_world_root.copy()
    inside[1, :, 4:6] = inside[0, :, 4:6]
    assert deepest_mm(scene, replace(motion, T_world_root=inside))[0] > 80
    with torch.inference_mode():
        assert np.isfinite(body.vertices(pose_motion(body, motion)).numpy()).all()
