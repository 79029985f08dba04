"""Stages for feet and hands: what they mend, what they leave alone, how sure they are."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from marey.body import load_body
from marey.core.errors import InputError, ShapeError
from marey.fit.convert import convert_motion
from marey.fit.hard_cases import refine_motion
from marey.fit.parts import BODY, FEET, HANDS, LEFT_FOOT, LEFT_HAND, make_part
from marey.synthetic import DetectorNoise, make_cameras, project_to_cameras, synthetic_scene
from tests.fit.bodies import smpl_like

BODY_H = load_body()
QUIET = DetectorNoise(level=0.1, burst_rate=0.0, swap_rate=0.0, hidden_rate=0.0)
LENGTH = 24


def at_rest(body, motion, endings):
    """The motion with some joints at rest, where a fit that does not look at them has them."""
    pose = motion.R_parent_joint.copy()
    for row, name in enumerate(body.rig.joints):
        if name.endswith(endings) and not name.startswith("spine"):
            pose[:, :, row] = (1.0, 0.0, 0.0, 0.0)
    return replace(motion, R_parent_joint=pose)


def points(body, motion, names):
    shape = torch.from_numpy(motion.shape[0]).expand(len(motion.time), -1)
    root, local = (torch.from_numpy(x[0]) for x in (motion.T_world_root, motion.R_parent_joint))
    return body.landmark_positions(body.pose(shape, root, local), names).numpy()


def error(body, found, truth, names):
    apart = points(body, found, names) - points(body, truth, names)
    return np.linalg.norm(apart, axis=-1).mean()


def scene_of(motion, num_views):
    cameras = make_cameras(num_views, distance=4.0)
    return synthetic_scene(BODY_H, motion, num_frames=LENGTH, noise=QUIET, seed=3, cameras=cameras)


@pytest.fixture(scope="module")
def kick():
    return scene_of("kick", 1)


@pytest.fixture(scope="module")
def dance():
    return scene_of("dance", 2)


TIPS = tuple(f"{side}_{digit}4" for side in ("left", "right") for digit in ("thumb", "middle"))
TOES = tuple(f"{s}_{p}" for s in ("left", "right") for p in ("heel", "big_toe", "small_toe"))


def lose(keypoints, share, seed=0):
    lost = np.random.default_rng(seed).random(keypoints.confidence.shape) < share
    return replace(
        keypoints,
        position=np.where(lost[..., None], np.nan, keypoints.position).astype(np.float32),
        confidence=np.where(lost, 0.0, keypoints.confidence).astype(np.float32),
    )


@pytest.mark.parametrize(("num_views", "bound"), [(1, 0.5), (2, 0.2)])
def test_feet_are_mended_with_a_fifth_of_the_points_missing(num_views, bound):
    scene = scene_of("kick", num_views)
    start = at_rest(BODY_H, scene.motion, ("ankle", "foot"))
    seen = lose(scene.keypoints2d, 0.2)
    found = refine_motion(BODY_H, start, seen, scene.cameras, stages=FEET)
    before, after = (error(BODY_H, m, scene.motion, TOES) for m in (start, found.motion))
    assert after < bound * before
    moved = {"left_ankle", "left_foot", "right_ankle", "right_foot"}
    for row, name in enumerate(BODY_H.rig.joints):
        same = np.array_equal(
            found.motion.R_parent_joint[:, :, row], start.R_parent_joint[:, :, row]
        )
        assert same == (name not in moved), name
        assert np.isfinite(found.sigma[:, :, row]).all() == (name in moved)
    np.testing.assert_array_equal(found.motion.T_world_root, start.T_world_root)


def test_hands_are_mended_in_two_stages_with_fingers(dance):
    endings = ("wrist", "1", "2", "3")
    start = at_rest(BODY_H, dance.motion, endings)
    seen = lose(dance.keypoints2d, 0.2)
    found = refine_motion(BODY_H, start, seen, dance.cameras, stages=(BODY, *HANDS))
    before, after = (error(BODY_H, m, dance.motion, TIPS) for m in (start, found.motion))
    assert after < 0.3 * before
    assert all(frames.all() for frames in found.seen.values())


def test_wrists_follow_finger_tips_where_there_are_no_fingers(dance):
    other = smpl_like()
    truth = convert_motion(dance.motion, BODY_H, other).motion
    names = dance.keypoints2d.skeleton.keypoints
    position = np.full((*dance.keypoints2d.position.shape[1:4], 3), np.nan)
    known = tuple(name for name in names if name in other.points)
    position[0][:, [names.index(name) for name in known]] = points(other, truth, known)
    image = project_to_cameras(dance.cameras, position).astype(np.float32)
    seen = replace(
        dance.keypoints2d,
        position=image,
        confidence=np.isfinite(image).all(-1).astype(np.float32),
    )
    start = at_rest(other, truth, ("wrist", "hand"))
    found = refine_motion(other, start, seen, dance.cameras, stages=HANDS)
    before, after = (error(other, m, truth, TIPS) for m in (start, found.motion))
    assert after < 0.2 * before
    part = make_part(other, LEFT_HAND)
    assert part is not None and part.chain.joints == ("left_elbow", "left_wrist", "left_hand")


def test_without_the_small_toe_the_foots_roll_is_less_certain(kick):
    """Heel and big toe lie near the axis about which the foot rolls: the prior has to hold it."""
    names = kick.keypoints2d.skeleton.keypoints
    fewer = kick.keypoints2d.confidence.copy()
    fewer[..., names.index("left_small_toe")] = 0.0
    ankle = BODY_H.rig.index("left_ankle")

    def refine(confidence):
        seen = replace(kick.keypoints2d, confidence=confidence, sigma=np.full_like(confidence, 1.0))
        return refine_motion(
            BODY_H, kick.motion, seen, kick.cameras, stages=FEET, in_sequence=False
        )

    full, part = refine(kick.keypoints2d.confidence), refine(fewer)
    growth = part.sigma[0, :, ankle] / full.sigma[0, :, ankle]
    # Axes of the foot: X to the left (pitch), Y up (yaw), Z towards the toes (roll).
    assert np.median(growth[:, 2]) > 1.1
    total = [np.linalg.norm(each.sigma[0, :, ankle], axis=-1) for each in (full, part)]
    assert total[1].mean() > 1.1 * total[0].mean()
    assert part.seen["left_foot"].all()
    right = BODY_H.rig.index("right_ankle")
    np.testing.assert_array_equal(part.sigma[:, :, right], full.sigma[:, :, right])


def test_frames_without_points_keep_their_pose_and_are_marked(kick):
    start = at_rest(BODY_H, kick.motion, ("ankle", "foot"))
    seen = replace(kick.keypoints2d, position=kick.keypoints2d.position.copy())
    feet = [seen.skeleton.index(name) for name in TOES if name.startswith("left")]
    seen.position[0, 0, 5:9, feet] = np.nan
    clean = refine_motion(
        BODY_H, start, kick.keypoints2d, kick.cameras, stages=FEET, in_sequence=False
    )
    found = refine_motion(BODY_H, start, seen, kick.cameras, stages=FEET, in_sequence=False)
    hidden = np.isin(np.arange(LENGTH), range(5, 9))
    np.testing.assert_array_equal(found.seen["left_foot"][0], ~hidden)
    row = BODY_H.rig.index("left_ankle")
    pose = found.motion.R_parent_joint[0, :, row]
    np.testing.assert_array_equal(pose[hidden], start.R_parent_joint[0, hidden, row])
    assert np.isnan(found.sigma[0, hidden, row]).all()
    np.testing.assert_allclose(
        pose[~hidden], clean.motion.R_parent_joint[0, ~hidden, row], atol=2e-3
    )
    joined = refine_motion(BODY_H, start, seen, kick.cameras, stages=FEET)
    bridged = joined.motion.R_parent_joint[0, hidden, row]
    assert (bridged != start.R_parent_joint[0, hidden, row]).any(-1).all()
    # What the neighbours know is not counted: a hidden foot is as uncertain as the prior.
    assert (joined.sigma[0, hidden, row] > joined.sigma[0, ~hidden, row].max(0)).all()


def test_absent_people_stay_absent_and_hurt_nobody(kick):
    start = at_rest(BODY_H, kick.motion, ("ankle", "foot"))
    for array in (start.R_parent_joint, root := start.T_world_root.copy()):
        array[0, 10:13] = np.nan
    confidence = start.confidence.copy()
    confidence[0, 10:13] = 0.0
    broken = replace(start, T_world_root=root, confidence=confidence)
    found = refine_motion(BODY_H, broken, kick.keypoints2d, kick.cameras, stages=FEET)
    absent = np.isin(np.arange(LENGTH), range(10, 13))
    assert np.isnan(found.motion.R_parent_joint[0, absent]).all()
    assert np.isfinite(found.motion.R_parent_joint[0, ~absent]).all()
    assert not found.seen["left_foot"][0, absent].any()


def test_ten_metre_outliers_and_infinite_values_are_survived(kick):
    seen = replace(kick.keypoints2d, position=kick.keypoints2d.position.copy())
    toe = seen.skeleton.index("left_big_toe")
    seen.position[0, 0, ::2, toe] = 4000.0
    seen.position[0, 0, 1::2, toe] = np.inf
    start = at_rest(BODY_H, kick.motion, ("ankle", "foot"))
    found = refine_motion(BODY_H, start, seen, kick.cameras, stages=FEET)
    assert np.isfinite(found.motion.R_parent_joint).all()
    before, after = (error(BODY_H, m, kick.motion, TOES) for m in (start, found.motion))
    assert after < before


def test_a_body_without_feet_leaves_the_stage_out():
    rig = BODY_H.rig
    for lacking in ("left_ankle", "left_knee"):
        joints = tuple(name.replace(lacking, "tail") for name in rig.joints)
        assert make_part(replace(BODY_H, rig=replace(rig, joints=joints)), LEFT_FOOT) is None


def test_what_does_not_go_together_is_refused(kick):
    motion, seen, cameras = kick.motion, kick.keypoints2d, kick.cameras
    with pytest.raises(ShapeError, match="cameras"):
        refine_motion(BODY_H, motion, seen, make_cameras(2))
    with pytest.raises(ShapeError, match="joints"):
        refine_motion(smpl_like(), motion, seen, cameras)
    with pytest.raises(InputError, match="twice"):
        refine_motion(BODY_H, motion, seen, cameras, stages=(LEFT_FOOT, LEFT_FOOT))


def test_broken_poses_come_out_marked(kick):
    pose = kick.motion.R_parent_joint.copy()
    pose[0, 4] = np.nan
    pose[0, 5] = 0.0  # A quaternion of length 0 is no rotation.
    broken = replace(kick.motion, R_parent_joint=pose)
    found = refine_motion(BODY_H, broken, kick.keypoints2d, kick.cameras, stages=FEET).motion
    absent = np.isin(np.arange(LENGTH), (4, 5))
    np.testing.assert_array_equal(found.confidence[0] == 0, absent)
    for array in (found.T_world_root, found.R_parent_joint):
        np.testing.assert_array_equal(np.isnan(array[0]).reshape(LENGTH, -1).any(1), absent)


def test_a_motion_without_frames_stays_one(kick):
    full = kick.motion
    empty = replace(
        full,
        time=full.time[:0],
        **{
            name: getattr(full, name)[:, :0]
            for name in ("T_world_root", "R_parent_joint", "confidence", "contact")
        },
    )
    seen = kick.keypoints2d
    seen = replace(
        seen,
        time=seen.time[:0],
        position=seen.position[:, :, :0],
        confidence=seen.confidence[:, :, :0],
        sigma=None,
    )
    found = refine_motion(BODY_H, empty, seen, kick.cameras)
    assert found.motion.confidence.shape == (1, 0)
    assert found.sigma.shape == (1, 0, BODY_H.num_joints, 3)


def test_numbers_nobody_could_mean_are_refused(kick):
    motion, seen, cameras = kick.motion, kick.keypoints2d, kick.cameras

    def refuse(match, motion=motion, seen=seen, cameras=cameras):
        with pytest.raises(InputError, match=match):
            refine_motion(BODY_H, motion, seen, cameras, stages=FEET)

    refuse("must not go back", motion=replace(motion, time=motion.time[::-1].copy()))
    refuse("shape coefficient", motion=replace(motion, shape=np.full_like(motion.shape, np.nan)))
    refuse("camera", cameras=replace(cameras, T_cam_world=cameras.T_cam_world * np.nan))
    for value in (0.0, -1.0):
        sigma = np.full_like(seen.confidence, value)
        refuse(f"sigma of a keypoint is {value:g}", seen=replace(seen, sigma=sigma))
