"""Refining takes: names, axes, gaps and frame rates around a network that does nothing."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from marey.capture import _refine_rotations as rotations
from marey.capture import refine as module
from marey.capture._absent_points import complete_points
from marey.capture.filters import filter_values
from marey.capture.refine import RefineSettings, refine_motion, refine_points
from marey.core import BodyMotion, Keypoints3D, Rig, load_skeleton
from marey.core.errors import InputError
from marey.models.hanet import HANet, HANetConfig
from marey.recipes.hanet_mocap import POINTS

COCO = load_skeleton("coco-wholebody-133")


def make_identity(representation, names) -> HANet:
    """Return a network that gives back what it sees: all frames sampled, nothing added."""
    config = HANetConfig(
        representation=representation,
        num_joints=len(names),
        joints=tuple(names),
        fps=30.0,
        interval=1,
        window=9,
        width=8,
        levels=1,
        decoder="interpolation",
    )
    network = HANet(config).eval()
    torch.nn.init.zeros_(network.encoder_joints_embed.weight)
    torch.nn.init.zeros_(network.encoder_joints_embed.bias)
    return network


class Spy:
    """Keeps what networks are shown."""

    def __init__(self, monkeypatch):
        self.seen: list[np.ndarray] = []
        joints = [f"joint{k}" for k in range(22)]
        networks = {
            "hanet-joints": make_identity("3d", POINTS),
            "hanet-rotations": make_identity("6d", joints),
        }
        real = module.refine_sequence

        def watched(network, sequence, **how):
            self.seen.append(sequence)
            return real(network, sequence, **how)

        monkeypatch.setattr(module, "_network", networks.__getitem__)
        for user in (module, rotations):
            monkeypatch.setattr(user, "refine_sequence", watched)


@pytest.fixture
def spy(monkeypatch):
    return Spy(monkeypatch)


def walker(frames=40, *, frame="world", rate=30.0, seed=0) -> Keypoints3D:
    rng = np.random.default_rng(seed)
    body = rng.normal(0, 0.4, (len(COCO), 3))
    wobble = 0.02 * rng.normal(size=(frames, len(COCO), 3))
    position = (body + wobble)[None] + np.arange(frames)[None, :, None, None] * [0.01, 0, 0]
    position[:, :, 23:91] = np.nan
    return Keypoints3D(
        skeleton=COCO,
        people=("person1",),
        time=np.arange(frames) / rate,
        position=position,
        frame=frame,
        confidence=np.isfinite(position[..., 0]).astype(np.float32),
    )


def test_the_network_sees_its_points_from_the_middle_of_the_hips(spy):
    points = walker()
    refine_points(points)
    hips = points.position[0][:, [COCO.index("left_hip"), COCO.index("right_hip")]].mean(1)
    expected = points.position[0, :, :23] - hips[:, None]
    assert np.allclose(spy.seen[0], expected)


def test_camera_axes_become_z_up(spy):
    refine_points(walker(frame="root"))
    turned = spy.seen[0]
    points = walker(frame="root").position[0]
    hips = points[:, [COCO.index("left_hip"), COCO.index("right_hip")]].mean(1)
    flat = points[:, :23] - hips[:, None]
    # Down (+y) is now -z, and along the view (+z) is +y.
    assert np.allclose(turned, np.stack([flat[..., 0], flat[..., 2], -flat[..., 1]], -1))


@pytest.mark.parametrize("frame", ["world", "root"])
def test_an_idle_network_moves_points_only_with_the_hips(spy, frame):
    points = walker(frame=frame)
    done = refine_points(points)
    hips = [COCO.index("left_hip"), COCO.index("right_hip")]
    before, after = points.position[0], done.points.position[0]
    moved = filter_values(before[:, hips].reshape(-1, 6), "gaussian", rate=30.0)
    shift = moved.reshape(-1, 2, 3).mean(1) - before[:, hips].mean(1)
    assert np.allclose(after[:, :23], before[:, :23] + shift[:, None], atol=1e-5)


def test_points_outside_the_set_are_filtered_and_named(spy):
    points = walker()
    done = refine_points(points)
    hand = COCO.index("left_index4")
    smooth = filter_values(points.position[0, :, hand], "gaussian", rate=30.0)
    assert np.allclose(done.points.position[0, :, hand], smooth)
    assert {"mid_hip", "left_index4"} <= set(done.notes["filtered"])
    assert "left_wrist" not in done.notes["filtered"]
    assert done.notes["filter"] == "gaussian"


def test_missing_points_stay_missing(spy):
    points = walker()
    wrist = COCO.index("left_wrist")
    position, confidence = points.position.copy(), points.confidence.copy()
    position[0, 10:14, wrist], confidence[0, 10:14, wrist] = np.nan, 0
    changed = module.replace(points, position=position, confidence=confidence)
    after = refine_points(changed).points.position
    assert np.array_equal(np.isnan(after), np.isnan(position))


def test_a_skeleton_that_is_no_body_is_filtered_alone(spy):
    points = walker()
    few = load_skeleton("j14")
    cut = module.replace(
        points,
        skeleton=few,
        position=points.position[:, :, :14],
        confidence=points.confidence[:, :, :14],
    )
    one = module.replace(
        cut,
        skeleton=module.replace(few, keypoints=tuple(f"point{k}" for k in range(14))),
    )
    done = refine_points(one)
    assert not spy.seen
    assert len(done.notes["filtered"]) == 15


def test_skeletons_map_by_name_and_feet_are_completed(spy):
    coco17 = load_skeleton("coco-17")
    points = walker()
    done = refine_points(
        module.replace(
            points,
            skeleton=coco17,
            position=points.position[:, :, :17],
            confidence=points.confidence[:, :, :17],
        )
    )
    assert done.points.position.shape == (1, 40, 17, 3)
    assert np.isfinite(spy.seen[0]).all()


def test_completed_feet_point_to_the_front():
    names = load_skeleton("coco-17").keypoints
    position = np.zeros((1, 17, 3))
    place = {
        **{"left_hip": (0.1, 0, 1), "right_hip": (-0.1, 0, 1)},
        **{"left_knee": (0.1, 0, 0.5), "left_ankle": (0.1, 0, 0.1)},
    }
    for name, where in place.items():
        position[0, names.index(name)] = where
    # Left is +X and up +Z, so the front is -Y.
    found, absent = complete_points(
        position, load_skeleton("coco-17"), ("left_ankle", "left_big_toe", "left_heel")
    )
    assert absent == ("left_big_toe", "left_heel")
    ankle, toe, heel = found[0]
    assert np.allclose(ankle, (0.1, 0, 0.1))
    assert toe[1] < ankle[1] - 0.1 and heel[1] > ankle[1] and toe[2] < ankle[2]


@pytest.mark.parametrize(("rate", "told"), [(30.0, "no"), (25.0, "no"), (60.0, "from 60 to 30")])
def test_other_frame_rates_are_resampled_and_said(spy, rate, told):
    done = refine_points(walker(frames=80, rate=rate))
    assert done.notes["resampled"].startswith(told)
    assert len(done.points.position[0]) == 80


def turner(frames=40, joints=51, body="marey-h") -> BodyMotion:
    rng = np.random.default_rng(1)
    q = rng.normal(size=(1, frames, joints + 1, 4)) * 0.1 + [1, 0, 0, 0]
    q /= np.linalg.norm(q, axis=-1, keepdims=True)
    return BodyMotion(
        body=body,
        people=("person1",),
        time=np.arange(frames) / 30,
        shape=np.zeros((1, 10), np.float32),
        T_world_root=np.concatenate([q[:, :, 0], rng.normal(size=(1, frames, 3))], -1),
        R_parent_joint=q[:, :, 1:],
        confidence=np.ones((1, frames), np.float32),
    )


def test_an_idle_network_leaves_body_rotations_and_filters_fingers(spy):
    motion = turner()
    done = refine_motion(motion).motion
    assert np.allclose(done.R_parent_joint[:, :, :21], motion.R_parent_joint[:, :, :21], atol=1e-5)
    assert np.allclose(done.T_world_root[..., :4], motion.T_world_root[..., :4], atol=1e-5)
    fingers = slice(21, None)
    before, after = (np.diff(m.R_parent_joint[:, :, fingers], axis=1) for m in (motion, done))
    assert np.abs(after).mean() < 0.5 * np.abs(before).mean()
    assert np.allclose(np.linalg.norm(done.R_parent_joint, axis=-1), 1, atol=1e-5)


def test_the_network_sees_rotations_in_the_world(spy):
    """The forearm's is the product of all from the root to it, along SMPL's tree."""
    motion = turner()
    refine_motion(motion)
    chain = [0, 3, 6, 9, 13, 16, 18]  # pelvis, spines, collar, shoulder, elbow of the left side
    local = np.concatenate([motion.T_world_root[0, :, None, :4], motion.R_parent_joint[0]], 1)
    expected = Rotation.identity(len(local))
    for joint in chain:
        expected = expected * Rotation.from_quat(local[:, joint, [1, 2, 3, 0]])
    found = spy.seen[0][:, 18].reshape(-1, 3, 2)
    assert np.allclose(found, expected.as_matrix()[:, :, :2], atol=1e-6)


def test_absent_frames_stay_absent(spy):
    motion = turner()
    root, pose = motion.T_world_root.copy(), motion.R_parent_joint.copy()
    root[:, 12:15], pose[:, 12:15] = np.nan, np.nan
    done = refine_motion(module.replace(motion, T_world_root=root, R_parent_joint=pose)).motion
    assert np.array_equal(np.isnan(done.T_world_root), np.isnan(root))
    assert np.array_equal(np.isnan(done.R_parent_joint), np.isnan(pose))


def test_long_motions_in_blocks_are_what_they_are_at_once(spy, monkeypatch):
    motion = turner(frames=100)
    settings = RefineSettings(method="gaussian")
    once = refine_motion(motion, settings).motion
    monkeypatch.setattr(module, "_BLOCK", 30)
    monkeypatch.setattr(module, "_MARGIN", 25)
    parts = refine_motion(motion, settings).motion
    assert np.allclose(once.R_parent_joint, parts.R_parent_joint, atol=1e-6)


def test_a_bare_rig_is_filtered_and_said(spy):
    rig = Rig(
        name="stick",
        root="root",
        joints=("a", "b"),
        parents=(-1, 0),
        offset=np.ones((2, 3), np.float32),
    )
    done = refine_motion(turner(joints=2, body=rig))
    assert not spy.seen
    assert done.notes["filtered"] == "everything"


def test_none_changes_nothing():
    motion = turner()
    assert refine_motion(motion, RefineSettings(method="none")).motion is motion


def test_unknown_methods_are_refused():
    with pytest.raises(InputError, match="unknown way to refine 'kalman'"):
        module.check_method("kalman")


@pytest.mark.parametrize(("spread", "told"), [(0.0, "0 %"), (0.01, "100 %")])
def test_the_notes_say_how_much_of_the_corrections_was_applied(spread, told):
    """By the shipped networks: clean points are filtered alone, noisy ones corrected as well."""
    points = walker(frames=60)
    smooth = points.position[:, :1] + np.linspace(0, 0.3, 60)[None, :, None, None]
    noise = spread * np.random.default_rng(0).normal(size=smooth.shape)
    done = refine_points(module.replace(points, position=smooth + noise))
    assert done.notes["corrections"] == told
    motion = turner(frames=60)
    still = np.repeat(motion.R_parent_joint[:, :1], 60, axis=1)
    root = np.repeat(motion.T_world_root[:, :1], 60, axis=1)
    changed = module.replace(motion, R_parent_joint=still, T_world_root=root)
    assert refine_motion(changed).notes["corrections"] == "0 %"
    assert refine_motion(motion).notes["corrections"] == "100 %"
