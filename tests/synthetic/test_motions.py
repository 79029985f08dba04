"""Motions: people stand on the floor, move as fast as people do, and travel by their feet."""

import numpy as np
import pytest

from marey.body import load_body
from marey.synthetic import MovedBody, move_body
from marey.synthetic.motions import SOLE_POINTS

RATE = 60
MOTIONS = ("walk", "wave", "kick", "dance")


def _move(motion: str, seed: int = 0, seconds: float = 4.0) -> MovedBody:
    time = np.arange(int(seconds * RATE)) / RATE
    rng = np.random.default_rng(seed)
    return move_body(load_body(), motion, time, shape=np.zeros(10), rng=rng)


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("seed", [0, 1])
class TestEveryMotion:
    def test_stands_on_the_floor(self, motion, seed):
        lowest = _move(motion, seed).select(SOLE_POINTS)[..., 2].min(1)
        # The floor is soft by a centimetre so that the change of foot is smooth.
        assert (lowest > -0.015).all()
        assert (lowest < 0.002).all()

    def test_is_continuous_and_of_human_speed(self, motion, seed):
        moved = _move(motion, seed)
        speed = np.linalg.norm(np.diff(moved.position, axis=0), axis=-1) * RATE
        assert speed.max() < 16
        assert speed.max() > 1
        # No frame is out of line: twice the frame rate halves the largest step.
        change = np.linalg.norm(np.diff(moved.position, n=2, axis=0), axis=-1)
        assert change.max() < 0.06

    def test_rotations_are_rotations(self, motion, seed):
        moved = _move(motion, seed)
        for R in (moved.R_world_root, moved.R_parent_joint):
            np.testing.assert_allclose(
                R @ R.swapaxes(-1, -2), np.broadcast_to(np.eye(3), R.shape), atol=1e-12
            )
            np.testing.assert_allclose(np.linalg.det(R), 1, atol=1e-12)

    def test_bones_keep_their_length(self, motion, seed):
        moved, body = _move(motion, seed), load_body()
        joints = moved.select(body.rig.joints)
        for joint, parent in enumerate(body.rig.parents):
            if parent >= 0:
                length = np.linalg.norm(joints[:, joint] - joints[:, parent], axis=-1)
                expected = np.linalg.norm(body.rig.offset[joint])
                np.testing.assert_allclose(length, expected, atol=1e-6)


def test_a_walk_goes_forward_step_by_step():
    moved = _move("walk")
    travel = moved.t_world_root[-1] - moved.t_world_root[0]
    # A person at rest faces -Y; strolling speed.
    assert 0.5 < -travel[1] / 4.0 < 1.6
    assert abs(travel[0]) < 0.3
    left, right = np.moveaxis(moved.select(("left_ankle", "right_ankle"))[..., 1], 1, 0)
    crossings = (np.diff(np.sign(left - right)) != 0).sum()
    assert 5 <= crossings <= 10


def test_feet_of_a_walk_do_not_slide_while_they_carry():
    moved = _move("walk")
    sole = moved.select(SOLE_POINTS)
    speed = np.linalg.norm(np.diff(sole[..., :2], axis=0), axis=-1) * RATE
    carrying = (sole[:-1, :, 2] < 0.0) & (sole[1:, :, 2] < 0.0)
    assert carrying.any()
    assert np.median(speed[carrying]) < 0.15
    assert speed[~carrying].mean() > 4 * np.median(speed[carrying])


def test_a_kick_lifts_the_right_foot_and_stands_on_the_left():
    moved = _move("kick")
    left, right = np.moveaxis(moved.select(("left_big_toe", "right_big_toe")), 1, 0)
    assert right[:, 2].max() > 0.7
    assert left[:, 2].max() < 0.1


def test_only_the_right_hand_waves():
    moved = _move("wave")
    left, right = np.moveaxis(moved.select(("left_wrist", "right_wrist")), 1, 0)
    assert right[:, 2].min() > left[:, 2].max()
    assert np.ptp(right, axis=0).max() > 3 * np.ptp(left, axis=0).max()


def test_a_point_the_body_lacks_is_missing():
    assert np.isnan(_move("wave", seconds=0.1).select(("tail",))).all()
