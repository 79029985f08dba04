"""Body to body: what must be the same afterwards, and what truth a synthetic body gives."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from marey.body import Body, load_body
from marey.core import BodyMotion, Rig
from marey.core.errors import InputError, ShapeError
from marey.fit.convert import convert_motion
from marey.fit.match_bodies import has_same_mesh
from tests.body.files import random_body, write_npz
from tests.fit.bodies import smpl_like, with_pose_blend_shapes

FRAMES = 12


@pytest.fixture(scope="module")
def marey_h() -> Body:
    return load_body("marey-h")


@pytest.fixture(scope="module")
def other() -> Body:
    return smpl_like()


def make_motion(body: Body, *, seed: int = 0, frames: int = FRAMES, turn: float = 0.35):
    """One person of random shape in random poses, far from the origin, with open hands."""
    rng = np.random.default_rng(seed)
    vectors = turn * rng.normal(size=(1, frames, body.num_joints, 3))
    for row, name in enumerate(body.rig.joints):
        if name[-1].isdigit() and "spine" not in name:
            vectors[:, :, row] = 0.0
    for name in {"left_hand", "right_hand"} & set(body.rig.joints):
        vectors[:, :, body.rig.index(name)] = 0.0
    quaternion = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_quat(scalar_first=True)
    root = Rotation.random(frames, random_state=seed).as_quat(scalar_first=True)
    place = rng.normal(size=(frames, 3)) + np.array([30.0, -20.0, 1.0])
    return BodyMotion(
        body=body.name,
        people=("anna",),
        time=np.arange(frames) / 30,
        shape=0.8 * rng.normal(size=(1, body.num_shape)).astype(np.float32),
        T_world_root=np.concatenate([root, place], 1)[None].astype(np.float32),
        R_parent_joint=quaternion.reshape(1, frames, -1, 4).astype(np.float32),
        confidence=np.linspace(0.3, 1, frames, dtype=np.float32)[None],
    )


def pose(body: Body, motion: BodyMotion):
    parts = (motion.shape[0], motion.T_world_root[0], motion.R_parent_joint[0])
    posed = body.pose(*(torch.from_numpy(part) for part in parts))
    return posed.joints.numpy(), body.vertices(posed).numpy()


def test_a_body_is_itself(marey_h):
    motion = make_motion(marey_h)
    converted = convert_motion(motion, marey_h, marey_h)
    joints, skin = pose(marey_h, motion)
    same_joints, same_skin = pose(marey_h, converted.motion)
    # A tenth of a millimetre: single precision at 35 m from the origin is 0.004 mm.
    np.testing.assert_allclose(same_joints, joints, atol=1e-4)
    np.testing.assert_allclose(same_skin, skin, atol=1e-4)
    assert converted.skin.max() < 1e-4
    assert converted.rest.max() < 1e-4


def test_the_surface_of_another_body_lies_on_the_original(marey_h, other):
    """The other body's mesh is a coarse copy of ours, so the true distance of skins is known."""
    assert not has_same_mesh(marey_h, other)
    motion = make_motion(marey_h)
    converted = convert_motion(motion, marey_h, other)
    light = load_body("marey-h", mesh="light")
    _, wanted = pose(light, motion)
    _, found = pose(other, converted.motion)
    distance = np.linalg.norm(found - wanted, axis=-1)
    # Joints that lie 8 mm elsewhere (per axis) bend the skin elsewhere: millimetres are left.
    assert distance.mean() < 0.008
    assert np.quantile(distance, 0.99) < 0.035
    assert converted.skin.max() < 0.006
    assert converted.rest.max() < 0.002
    assert 0.005 < converted.joints.mean() < 0.02
    assert converted.motion.body == "smpl"


def test_with_joints_in_the_same_places_little_is_left(marey_h):
    """Another mesh, rest pose and shape space alone lose next to nothing."""
    other = smpl_like(shift_m=0.0)
    converted = convert_motion(make_motion(marey_h), marey_h, other)
    assert converted.joints.mean() < 0.005
    assert converted.skin.mean() < 0.002


def test_there_and_back(marey_h, other):
    motion = make_motion(other, seed=4)
    there = convert_motion(motion, other, marey_h)
    back = convert_motion(there.motion, marey_h, other)
    joints, skin = pose(other, motion)
    same_joints, same_skin = pose(other, back.motion)
    assert np.linalg.norm(same_joints - joints, axis=-1).mean() < 0.006
    assert np.linalg.norm(same_skin - skin, axis=-1).mean() < 0.006


def test_twists_arrive(marey_h, other):
    """A forearm turned about itself moves no joint but the hand's skin."""
    motion = make_motion(marey_h, turn=0.0)
    pose_array = motion.R_parent_joint.copy()
    twist = np.linspace(-1.2, 1.2, FRAMES)
    turns = Rotation.from_rotvec(np.outer(twist, [1.0, 0, 0])).as_quat(scalar_first=True)
    pose_array[0, :, marey_h.rig.index("left_elbow")] = turns
    converted = convert_motion(replace(motion, R_parent_joint=pose_array), marey_h, other).motion
    world = pose_world(other, converted, "left_wrist")
    change = (world[0].inv() * world).as_rotvec()
    np.testing.assert_allclose(np.linalg.norm(change, axis=1), twist - twist[0], atol=0.05)


def pose_world(body: Body, motion: BodyMotion, joint: str) -> Rotation:
    parts = (motion.shape[0], motion.T_world_root[0], motion.R_parent_joint[0])
    posed = body.pose(*(torch.from_numpy(part) for part in parts))
    root = Rotation.from_quat(motion.T_world_root[0, :, :4], scalar_first=True)
    matrix = posed.R_world_joint[:, body.joint_names.index(joint)].numpy()
    return root.inv() * Rotation.from_matrix(matrix)


def test_on_one_mesh_vertices_are_used_as_they_are(other):
    """As SMPL and SMPL-H share theirs; pose blend shapes are heeded on both sides."""
    swelling = with_pose_blend_shapes(other, size_m=0.001)
    moved = replace(swelling, joint_template=other.joint_template + 0.004)
    assert has_same_mesh(swelling, moved)
    motion = make_motion(swelling, seed=2)
    converted = convert_motion(motion, swelling, moved)
    _, skin = pose(swelling, motion)
    _, found = pose(moved, converted.motion)
    assert np.linalg.norm(found - skin, axis=-1).mean() < 0.004
    assert converted.rest.max() < 1e-4


def test_what_is_missing_stays_missing_and_hurts_nobody(marey_h, other):
    whole = make_motion(marey_h)
    root, joints = whole.T_world_root.copy(), whole.R_parent_joint.copy()
    confidence = whole.confidence.copy()
    root[0, 2] = np.nan
    joints[0, 5, 7, 1] = np.inf
    joints[0, 6, 3] = 0.0
    confidence[0, 9] = 0.0
    contact = np.random.default_rng(0).random((1, FRAMES, 2)).astype(np.float32)
    motion = replace(
        whole,
        T_world_root=root,
        R_parent_joint=joints,
        confidence=confidence,
        contact=contact,
        contact_names=("left_heel", "right_heel"),
    )
    converted, clean = (convert_motion(m, marey_h, other) for m in (motion, whole))
    gone = [2, 5, 6, 9]
    kept = [k for k in range(FRAMES) if k not in gone]
    found = converted.motion
    assert np.isnan(found.T_world_root[0, gone]).all()
    assert np.isnan(found.R_parent_joint[0, gone]).all()
    assert np.isnan(converted.skin[0, gone]).all()
    assert (found.confidence[0, gone] == 0).all()
    np.testing.assert_array_equal(found.confidence[0, kept], whole.confidence[0, kept])
    np.testing.assert_allclose(
        found.T_world_root[0, kept], clean.motion.T_world_root[0, kept], atol=1e-5
    )
    np.testing.assert_array_equal(found.contact, contact)
    assert found.contact_names == ("left_heel", "right_heel")


def test_a_person_who_is_never_there(marey_h, other):
    motion = make_motion(marey_h)
    nobody = replace(
        motion,
        T_world_root=np.full_like(motion.T_world_root, np.nan),
        R_parent_joint=np.full_like(motion.R_parent_joint, np.nan),
        confidence=np.zeros_like(motion.confidence),
    )
    converted = convert_motion(nobody, marey_h, other)
    assert np.isnan(converted.motion.T_world_root).all()
    assert not converted.motion.confidence.any()


def test_fingers_follow_the_hand_of_a_body_without_them(marey_h, other):
    """SMPL's hand joint turns all fingers; what it cannot do is left at rest."""
    motion = make_motion(other, turn=0.0)
    joints = motion.R_parent_joint.copy()
    curl = Rotation.from_rotvec([0.0, 0.0, -0.8]).as_quat(scalar_first=True)
    joints[0, :, other.rig.index("left_hand")] = curl
    converted = convert_motion(replace(motion, R_parent_joint=joints), other, marey_h).motion
    for finger in ("index1", "middle1", "ring1"):
        local = converted.R_parent_joint[0, :, marey_h.rig.index(f"left_{finger}")]
        turn = Rotation.from_quat(local, scalar_first=True).as_rotvec()
        assert (turn[:, 2] < -0.5).all()
        opposite = converted.R_parent_joint[0, :, marey_h.rig.index(f"right_{finger}")]
        assert (Rotation.from_quat(opposite, scalar_first=True).magnitude() < 0.3).all()


@pytest.mark.parametrize("kind", ["smpl", "smplh", "smplx"])
def test_official_layouts_are_accepted_whatever_their_content(kind, marey_h, tmp_path):
    """Random content has no skin to match: the answer is poor but finite, and says how poor."""
    noise = load_body(write_npz(tmp_path / "body.npz", random_body(kind)))
    converted = convert_motion(make_motion(marey_h, frames=3), marey_h, noise)
    assert np.isfinite(converted.motion.R_parent_joint).all()
    assert converted.motion.R_parent_joint.shape[2] == noise.num_joints
    assert (converted.joints > 0.05).all()


def test_what_cannot_be_converted(marey_h, other):
    motion = make_motion(marey_h)
    with pytest.raises(ShapeError, match="51 joints"):
        convert_motion(motion, other, marey_h)
    rig = Rig(name="robot", root="a", joints=(), parents=(), offset=np.zeros((0, 3), np.float32))
    with pytest.raises(InputError, match="retarget_motion"):
        convert_motion(replace(motion, body=rig), marey_h, other)
    with pytest.raises(InputError, match="not finite"):
        convert_motion(replace(motion, shape=np.full_like(motion.shape, np.nan)), marey_h, other)


def test_nothing_grows_or_changes_with_the_length(marey_h, other, monkeypatch):
    """Chunks are solved on their own, in whatever thread; the frames do not know of it."""
    motion = make_motion(marey_h, frames=20)
    whole = convert_motion(motion, marey_h, other, workers=1).motion
    monkeypatch.setattr("marey.fit.convert.CHUNK", 3)
    parts = convert_motion(motion, marey_h, other, workers=3).motion
    np.testing.assert_allclose(parts.R_parent_joint, whole.R_parent_joint, atol=1e-5)
    np.testing.assert_allclose(parts.T_world_root, whole.T_world_root, atol=1e-5)


def test_nobody_and_no_frames(marey_h, other):
    motion = make_motion(marey_h)
    empty = replace(
        motion,
        time=motion.time[:0],
        T_world_root=motion.T_world_root[:, :0],
        R_parent_joint=motion.R_parent_joint[:, :0],
        confidence=motion.confidence[:, :0],
    )
    assert convert_motion(empty, marey_h, other).motion.R_parent_joint.shape == (1, 0, 23, 4)
