"""Recordings on other rigs become SMPL's joint rotations: limbs point the same way, hinges fold."""

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

from mocap.recording import Recording, chain_rotations, make_recording
from mocap.sources import read_folder
from mocap.to_smpl import JOINTS, LEG, align, bone_table, local_rotations, world_rotations

from marey.datasets import acclaim

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
CLIPS = {"cmu_bvh_misc": "94_01", "cmu_fbx": "85_04", "deepmimic": "spinkick"}


@cache
def read(folder: str, name: str) -> Recording:
    return next(clip for clip in read_folder(DATA / folder, 30) if clip.name == name)


def angles(recording: Recording, joint: str) -> np.ndarray:
    R = local_rotations(recording)[:, JOINTS.index(joint)]
    return Rotation.from_matrix(R).as_rotvec()


def test_align_turns_one_direction_into_another():
    a, b = np.array([1.0, 2.0, -0.5]), np.array([-0.2, 0.3, 1.0])
    turned = align(a, b) @ (a / np.linalg.norm(a))
    np.testing.assert_allclose(turned, b / np.linalg.norm(b), atol=1e-12)


def test_world_rotations_multiply_down_the_tree():
    local = Rotation.random(6, random_state=1).as_matrix().reshape(2, 3, 3, 3)
    world = chain_rotations(local, (-1, 0, 1))
    np.testing.assert_allclose(world[:, 2], local[:, 0] @ local[:, 1] @ local[:, 2])


@needs_data
@pytest.mark.parametrize("folder", CLIPS)
def test_limbs_point_where_the_recorded_ones_do(folder):
    clip = read(folder, CLIPS[folder])
    world, place, table = world_rotations(clip), clip.place(), bone_table(clip)
    index = clip.joints.index
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for joint, end, rest in (("hip", "knee", LEG), ("shoulder", "elbow", (1.0, 0.0, 0.0))):
            bone = (
                place[:, index(table[f"{side}_{end}"])] - place[:, index(table[f"{side}_{joint}"])]
            )
            bone /= np.linalg.norm(bone, axis=1, keepdims=True)
            direction = np.array(rest) * [sign, 1, 1] / np.linalg.norm(rest)
            cos = (world[f"{side}_{joint}"] @ direction * bone).sum(1)
            # The legs of one rig hang straight down where ours are 3 degrees apart.
            assert cos.min() > np.cos(np.radians(3.5))


@needs_data
@pytest.mark.parametrize("folder", CLIPS)
def test_hinges_fold_the_way_of_smpl(folder):
    clip = read(folder, CLIPS[folder])
    assert np.median(angles(clip, "left_knee")[:, 0]) > 0.1
    assert np.median(angles(clip, "right_knee")[:, 0]) > 0.1
    assert np.median(angles(clip, "left_elbow")[:, 1]) < -0.1
    assert np.median(angles(clip, "right_elbow")[:, 1]) > 0.1


@needs_data
def test_two_formats_of_one_recording_agree():
    amc = make_recording(
        acclaim.read_sequence(DATA / "cmu_asfamc" / "02_01.amc.gz"),
        name="02_01",
        subject="cmu_02",
        folder="cmu_asfamc",
        rig="cmu",
        rate=120,
    )
    bvh = next(clip for clip in read_folder(DATA / "cmu_bvh", 120) if clip.name == "02_01")
    one, other = local_rotations(amc), local_rotations(bvh)
    # The BVH file begins with a T-pose that was inserted; four frames are skipped there.
    one = one[3 : 3 + len(other)]
    apart = Rotation.from_matrix((one.swapaxes(-1, -2) @ other).reshape(-1, 3, 3)).magnitude()
    assert apart.max() < 1e-4
