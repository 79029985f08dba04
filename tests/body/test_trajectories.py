"""Trajectories of joints and markers: chains written out, mirrored people, bent knees."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marey.body import load_body, trajectories
from marey.body.trajectories import MARKERS, joint_angles, joint_trajectories
from marey.core import BodyMotion, Rig
from marey.core.errors import InputError, ShapeError

RIG = Rig(
    name="crane",
    root="base",
    joints=("boom", "left_hook", "right_hook"),
    parents=(-1, 0, 0),
    offset=np.array([[0, 1, 0], [0.5, 0.2, 0], [-0.5, 0.2, 0]], np.float32),
)


def make_motion(body, *, joints, people=("anna",), frames=10, seed=0):
    random = np.random.default_rng(seed)
    shape = (len(people), frames)

    def quaternions(*sizes):
        count = int(np.prod(sizes))
        return Rotation.random(count, rng=random).as_quat(scalar_first=True).reshape(*sizes, 4)

    root = np.concatenate([quaternions(*shape), random.normal(0, 1, (*shape, 3))], -1)
    return BodyMotion(
        body=body,
        people=people,
        time=np.arange(frames) / 30,
        shape=np.zeros((len(people), 0 if isinstance(body, Rig) else 10), np.float32),
        T_world_root=root.astype(np.float32),
        R_parent_joint=quaternions(*shape, joints).astype(np.float32),
        confidence=np.full(shape, 0.75, np.float32),
    )


def standing(*, turn="left_knee", rotvec_deg=(0, 0, 0)):
    """One frame of the shipped body upright in its rest pose but for one joint."""
    rig = load_body("marey-h", mesh="light").rig
    pose = np.tile(np.array([1, 0, 0, 0], np.float32), (1, 1, len(rig.joints), 1))
    vector = Rotation.from_rotvec(rotvec_deg, degrees=True)
    pose[0, 0, rig.index(turn)] = vector.as_quat(scalar_first=True)
    # Rest axes (Y up, facing Z) to the world's (Z up), looking along -Y: towards the camera.
    up = Rotation.from_euler("x", 90, degrees=True).as_quat(scalar_first=True)
    return BodyMotion(
        body="marey-h",
        people=("anna",),
        time=np.zeros(1),
        shape=np.zeros((1, 10), np.float32),
        T_world_root=np.float32([[[*up, 2, 3, 1]]]),
        R_parent_joint=pose,
        confidence=np.ones((1, 1), np.float32),
    )


def test_a_bare_rig_follows_the_chain_written_out():
    motion = make_motion(RIG, joints=3, people=("anna", "ben"))
    points = joint_trajectories(motion)
    assert points.skeleton.keypoints == ("base", "boom", "left_hook", "right_hook")
    assert points.skeleton.edges == ((0, 1), (1, 2), (1, 3))
    assert points.skeleton.mirror == (0, 1, 3, 2)
    assert (points.frame, points.people) == ("world", ("anna", "ben"))
    for person, frame in ((0, 0), (1, 9)):
        root = motion.T_world_root[person, frame]
        base = Rotation.from_quat(root[:4], scalar_first=True)
        boom = base * Rotation.from_quat(motion.R_parent_joint[person, frame, 0], scalar_first=True)
        at_boom = root[4:] + base.apply(RIG.offset[0])
        expected = [root[4:], at_boom, *(at_boom + boom.apply(RIG.offset[k]) for k in (1, 2))]
        np.testing.assert_allclose(points.position[person, frame], expected, atol=1e-6)


def test_blocks_join_without_a_seam(monkeypatch):
    motion = make_motion("marey-h", joints=51, frames=10)
    whole, angles = joint_trajectories(motion), joint_angles(motion)
    monkeypatch.setattr(trajectories, "CHUNK", 3)
    np.testing.assert_allclose(joint_trajectories(motion).position, whole.position, atol=1e-6)
    np.testing.assert_array_equal(joint_angles(motion), angles)


def test_where_a_person_is_absent_everything_is_missing():
    motion = make_motion(RIG, joints=3, people=("anna", "ben"))
    motion.T_world_root[1, 4:6] = np.nan
    motion.R_parent_joint[0, 8] = np.nan
    points, angles = joint_trajectories(motion), joint_angles(motion)
    absent = np.zeros((2, 10), bool)
    absent[1, 4:6], absent[0, 8] = True, True
    np.testing.assert_array_equal(np.isnan(points.position).all((-1, -2)), absent)
    np.testing.assert_array_equal(np.isnan(angles).all((-1, -2)), absent)
    np.testing.assert_array_equal(np.isnan(points.position).any((-1, -2)), absent)
    expected = np.where(absent, 0, 0.75)
    np.testing.assert_array_equal(points.confidence, np.repeat(expected[..., None], 4, -1))


def test_markers_sit_where_anatomy_says():
    points = joint_trajectories(standing())
    assert set(MARKERS) <= set(points.skeleton.keypoints)
    place = dict(zip(points.skeleton.keypoints, points.position[0, 0], strict=True))
    # The person looks along -Y, so their left is +X.
    for name in ("eye", "ear", "heel", "big_toe", "thumb4", "knee", "elbow"):
        assert place[f"left_{name}"][0] > 2 > place[f"right_{name}"][0]
    assert place["nose"][1] < place["left_ear"][1]
    assert place["left_big_toe"][1] < place["left_heel"][1] - 0.1
    assert place["left_small_toe"][0] > place["left_big_toe"][0]
    assert place["head_top"][2] > place["nose"][2] > place["pelvis"][2] > place["left_heel"][2]
    np.testing.assert_allclose(place["pelvis"], [2, 3, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("joint", "rotvec", "axis"),
    [("left_knee", (70, 0, 0), 0), ("left_elbow", (0, -90, 0), 1), ("right_elbow", (0, 120, 0), 1)],
)
def test_a_hinge_bent_about_its_axis_shows_that_angle(joint, rotvec, axis):
    motion = standing(turn=joint, rotvec_deg=rotvec)
    points, angles = joint_trajectories(motion), joint_angles(motion)
    row = points.skeleton.index(joint)
    np.testing.assert_allclose(angles[0, 0, row], rotvec, atol=1e-3)
    assert np.delete(angles[0, 0], [0, row], 0).max() < 1e-3
    # The signs are those of flexion: the ankle goes back, the wrist comes forward (-Y).
    end = points.skeleton.index(joint.replace("knee", "ankle").replace("elbow", "wrist"))
    rest = joint_trajectories(standing()).position[0, 0]
    forward = rest[end, 1] - points.position[0, 0, end, 1]
    assert forward < -0.1 if axis == 0 else forward > 0.1


def test_a_body_given_serves_a_motion_whose_name_stands_for_no_file():
    motion = make_motion("marey-h", joints=51, frames=2)
    renamed = replace(motion, body="smplh")
    with pytest.raises(InputError, match="unknown body 'smplh'"):
        joint_trajectories(renamed)
    found = joint_trajectories(renamed, body=load_body("marey-h", mesh="light"))
    np.testing.assert_array_equal(found.position, joint_trajectories(motion).position)


def test_a_motion_of_other_joints_is_refused():
    with pytest.raises(ShapeError, match="2 joints below its root, its body crane has 3"):
        joint_trajectories(make_motion(RIG, joints=2))
