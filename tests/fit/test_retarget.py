"""Motions carried over between rigs: the same person in other clothes must move alike."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from marey.body import load_body
from marey.core import BodyMotion, Rig
from marey.core.errors import InputError, ShapeError
from marey.fit.retarget import retarget_motion
from marey.fit.rig_frames import pose_rig
from marey.fit.rig_names import NAMINGS, name_joints_of
from marey.io.bvh import read_bvh
from marey.io.joint_names import name_joints
from marey.synthetic.scene import synthetic_scene

BODY = load_body("marey-h", mesh="light")
LIMBS = tuple(
    f"{side}_{part}"
    for side in ("left", "right")
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
)


def walk(frames: int = 60) -> BodyMotion:
    return synthetic_scene(BODY, "walk", num_frames=frames, seed=0).motion


def on_rig(motion: BodyMotion) -> BodyMotion:
    rig = BODY.rig_of_shape(torch.from_numpy(motion.shape[0]))
    return replace(motion, body=rig, shape=np.zeros((1, 0), np.float32))


def positions(motion: BodyMotion, rig: Rig | None = None) -> dict[str, np.ndarray]:
    rig = rig or motion.body
    places = name_joints_of(rig)
    posed = pose_rig(motion, 0, np.arange(len(motion.time)), rig, places)
    return {name: posed.position[:, place] for name, place in places.items()}


def turned_rest(motion: BodyMotion, turns: dict[str, Rotation]) -> BodyMotion:
    """Return the same movement on a rig that rests in another pose.

    Below each joint named, the rest pose is turned; rotations are changed so that every joint stays
    where it was at all times.
    """
    rig = motion.body
    total = [Rotation.identity()]
    for joint, parent in enumerate(rig.parents, start=1):
        total.append(total[parent + 1] * turns.get(rig.joints[joint - 1], Rotation.identity()))
    offset = np.stack([total[p + 1].apply(o) for p, o in zip(rig.parents, rig.offset, strict=True)])
    pose = motion.R_parent_joint.copy()
    for joint, parent in enumerate(rig.parents, start=1):
        local = Rotation.from_quat(pose[0, :, joint - 1], scalar_first=True)
        # World rotations become R T^-1 with T the turn of the rest pose.
        pose[0, :, joint - 1] = (total[parent + 1] * local * total[joint].inv()).as_quat(
            scalar_first=True
        )
    turned = replace(rig, offset=offset.astype(np.float32))
    return replace(motion, body=turned, R_parent_joint=pose)


def scaled(motion: BodyMotion, factor: float) -> BodyMotion:
    root = motion.T_world_root.copy()
    root[..., 4:] *= factor
    return replace(
        motion, body=replace(motion.body, offset=motion.body.offset * factor), T_world_root=root
    )


def test_a_rig_on_itself_moves_the_same():
    motion = on_rig(walk())
    found = retarget_motion(motion, motion.body)
    np.testing.assert_allclose(found.scale, 1, atol=1e-6)
    before, after = positions(motion), positions(found.motion)
    for name in before:
        np.testing.assert_allclose(after[name], before[name], atol=1e-3)
    assert found.feet.max() < 1e-3


@pytest.mark.parametrize(
    "turns",
    [
        {"left_shoulder": (0, 0, -1.4), "right_shoulder": (0, 0, 1.4)},
        {"left_hip": (0, 0, 0.35), "right_hip": (0, 0, -0.35)},
        {"left_elbow": (0, 0, -0.5), "left_knee": (0.3, 0, 0), "right_ankle": (0.4, 0, 0)},
    ],
    ids=["hanging arms", "splayed legs", "bent limbs"],
)
def test_the_rest_pose_of_a_rig_does_not_matter(turns):
    turned = turned_rest(
        on_rig(walk()), {name: Rotation.from_rotvec(v) for name, v in turns.items()}
    )
    for name, place in positions(on_rig(walk())).items():
        np.testing.assert_allclose(positions(turned)[name], place, atol=1e-4)
    found = retarget_motion(turned, BODY, shape=walk().shape[0])
    truth = positions(on_rig(walk()))
    ours = positions(found.motion, BODY.rig_of_shape(torch.from_numpy(found.motion.shape[0])))
    for name in LIMBS:
        assert np.linalg.norm(ours[name] - truth[name], axis=-1).max() < 0.01, name


def test_a_child_walks_in_a_grown_ups_steps_scaled():
    child = scaled(on_rig(walk()), 0.6)
    found = retarget_motion(child, BODY, shape=walk().shape[0])
    np.testing.assert_allclose(found.scale, 1 / 0.6, rtol=1e-3)
    truth = positions(on_rig(walk()))
    ours = positions(found.motion, BODY.rig_of_shape(torch.from_numpy(found.motion.shape[0])))
    shift = truth["pelvis"][0] - ours["pelvis"][0]
    assert abs(shift[2]) < 0.02
    for name in LIMBS:
        np.testing.assert_allclose(ours[name] + shift, truth[name], atol=0.02)


def test_feet_slide_no_more_than_before():
    """Another person's proportions; the slowest ankle and toe of each frame stand or nearly."""
    source = on_rig(walk(90))
    shape = np.array([-2.0, 0.5, 2.0, 0, 1.5, 0, 0, -2.0, 0, 0], np.float32)
    found = retarget_motion(source, BODY, shape=shape)
    before = positions(source)
    after = positions(found.motion, BODY.rig_of_shape(torch.from_numpy(shape)))

    def slowest(points: dict[str, np.ndarray], part: str) -> np.ndarray:
        speed = [
            np.linalg.norm(np.diff(points[f"{side}_{part}"], axis=0), axis=-1)
            for side in ("left", "right")
        ]
        return np.min(speed, 0)

    scale = float(found.scale[0])
    for part in ("ankle", "foot"):
        assert slowest(after, part).mean() < 1.1 * scale * slowest(before, part).mean() + 1e-4
    assert found.feet.max() < 0.005


def test_names_of_mixamo_and_prefixes_are_known():
    rig = BODY.rig
    given = name_joints(rig, "mixamo")
    places = name_joints_of(replace(rig, root=given[0], joints=given[1:]))
    assert places == {name: row for row, name in enumerate((rig.root, *rig.joints))}


@pytest.mark.parametrize("table", NAMINGS.values(), ids=NAMINGS)
def test_no_table_gives_two_joints_one_name(table):
    told = [name for joint, names in table.items() if joint != "spine" for name in names.split()]
    assert len(told) == len(set(told))


def test_a_rig_of_unknown_names_is_refused():
    rig = Rig(
        name="robot",
        root="base",
        joints=("arm", "tool"),
        parents=(-1, 0),
        offset=np.ones((2, 3), np.float32),
    )
    with pytest.raises(InputError, match=r"robot has no joints known as pelvis.*docs/bodies"):
        name_joints_of(rig)


def test_missing_frames_stay_missing_and_everything_else_is_kept():
    motion = on_rig(walk(20))
    root = motion.T_world_root.copy()
    root[0, 4] = np.nan
    contact = np.ones((1, 20, 1), np.float32)
    motion = replace(motion, T_world_root=root, contact=contact, contact_names=("left_heel",))
    found = retarget_motion(motion, BODY).motion
    assert np.isnan(found.R_parent_joint[0, 4]).all()
    assert found.confidence[0, 4] == 0
    assert np.isfinite(np.delete(found.R_parent_joint[0], 4, 0)).all()
    np.testing.assert_array_equal(found.contact, contact)
    assert found.contact_names == ("left_heel",)


def test_what_cannot_be_retargeted():
    motion = walk(5)
    with pytest.raises(InputError, match="source"):
        retarget_motion(motion, BODY)
    with pytest.raises(ShapeError, match="coefficients"):
        retarget_motion(on_rig(motion), BODY, shape=np.zeros(99))
    short = replace(on_rig(motion), R_parent_joint=motion.R_parent_joint[:, :, :9])
    with pytest.raises(ShapeError, match="9 joints"):
        retarget_motion(short, BODY)


@pytest.mark.parametrize(
    "name",
    [
        "cmu_bvh/02_01.bvh.gz",
        "cmu_bvh/scaled_131_02.bvh.gz",
        "cmu_bvh_misc/18_01_30fps.bvh.gz",
        "bandai_namco/dataset-1_punch_normal_001.bvh",
    ],
)
def test_real_clips_keep_their_directions_and_stand_on_the_floor(shared, name):
    motion = read_bvh(shared / "data" / name)
    rows = slice(1, 200)
    motion = replace(
        motion,
        time=motion.time[rows],
        T_world_root=motion.T_world_root[:, rows],
        R_parent_joint=motion.R_parent_joint[:, rows],
        confidence=motion.confidence[:, rows],
    )
    found = retarget_motion(motion, BODY)
    before = positions(motion)
    after = positions(found.motion, BODY.rig)
    for side in ("left", "right"):
        for start, end in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee")):
            bones = [p[f"{side}_{end}"] - p[f"{side}_{start}"] for p in (before, after)]
            unit = [b / np.linalg.norm(b, axis=-1, keepdims=True) for b in bones]
            # Legs give way a little so that feet keep to their paths.
            assert (unit[0] * unit[1]).sum(-1).min() > 0.98
    lowest = min(after[f"{side}_foot"][:, 2].min() for side in ("left", "right"))
    assert -0.06 < lowest < 0.12
    back = positions(retarget_motion(found.motion, motion.body, source=BODY, example=motion).motion)
    for joint, place in before.items():
        apart = (back[joint] - back["pelvis"]) - (place - before["pelvis"])
        # A neck of two joints becomes one and gives the head away by centimetres.
        assert np.linalg.norm(apart, axis=-1).mean() < (
            0.05 if joint in ("neck", "head") else 0.015
        ), joint
