"""Acclaim: a skeleton one can compute by hand, CMU's files in two formats, damaged files."""

import gzip

import numpy as np
import pytest

from marey.core.errors import FormatError, InputError, NothingFoundError
from marey.datasets import acclaim, cmu_bvh
from marey.datasets._figure import CMU_UNIT_M
from tests.datasets.figures import joint_positions

SKELETON = """# a comment
:version 1.10
:name VICON
:units
  mass 1.0
  length 0.45
  angle deg
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 0 0
   orientation 0 0 0
:bonedata
  begin
     id 1
     name thigh
     direction 0 -1 0
     length 8
     axis 0 0 20 XYZ
    dof rx ry rz
    limits (-160.0 20.0)
           (-70.0 70.0)
           (-60.0 70.0)
  end
  begin
     id 2
     name shin
     direction 0 -1 0
     length 7
     axis 0 0 20 XYZ
    dof rx
  end
:hierarchy
  begin
    root thigh
    thigh shin
  end
"""
MOTION = """#!OML:ASF
:FULLY-SPECIFIED
:DEGREES
7
root 1 20 3 0 90 0
thigh 0 0 0
shin 90
8
root 1 20 3 0 0 0
thigh 0 0 0
shin 0
"""


@pytest.fixture
def trial(tmp_path):
    (tmp_path / "02.asf").write_text(SKELETON)
    (tmp_path / "02_01.amc").write_text(MOTION)
    return tmp_path / "02_01.amc"


def test_a_leg_stands_where_its_angles_say(trial):
    motion = acclaim.read_sequence(trial)
    place = joint_positions(motion)
    unit = CMU_UNIT_M
    # Frame 8 is the rest: +Y up there is +Z up here, Z there is -Y here.
    np.testing.assert_allclose(place["root"][1] / unit, [1, -3, 20], rtol=1e-6)
    np.testing.assert_allclose(place["shin_end"][1] / unit, [1, -3, 5], rtol=1e-6)
    # The shin bends about the X of its own frame, which is turned 20 degrees about Z: its end goes
    # from (0, -7, 0) to 7 (-sin 20 cos 20 + sin 20 cos 20, ...), computed here without the reader.
    c, s = np.cos(np.radians(20)), np.sin(np.radians(20))
    frame = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    end = frame @ about_x @ frame.T @ [0, -7, 0]
    # The root is turned by 90 degrees about +Y, which takes Z to X and X to -Z.
    expected = np.add([end[2], end[1], -end[0]], [1, 20 - 8, 3])
    np.testing.assert_allclose(
        place["shin_end"][0] / unit, expected[[0, 2, 1]] * [1, -1, 1], rtol=1e-5
    )


def test_clock_and_names(trial):
    motion = acclaim.read_sequence(trial, frame_rate=60)
    np.testing.assert_allclose(motion.time, [0.1, 7 / 60])
    assert motion.people == ("02_01",)
    assert motion.body.joints == ("thigh", "shin", "shin_end")
    assert list(acclaim.sequences(trial.parent)) == [trial]


def test_packed_files_are_the_same(trial):
    plain = acclaim.read_sequence(trial)
    for name in ("02.asf", "02_01.amc"):
        path = trial.parent / name
        path.with_name(name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    packed = acclaim.read_sequence(trial.with_name("02_01.amc.gz"))
    np.testing.assert_array_equal(plain.R_parent_joint, packed.R_parent_joint)


def test_bones_may_come_before_their_parents(tmp_path, trial):
    blocks = SKELETON.split("  begin\n     id")
    swapped = blocks[0] + "  begin\n     id" + blocks[2].split(":hierarchy")[0]
    swapped += "  begin\n     id" + blocks[1] + ":hierarchy" + blocks[2].split(":hierarchy")[1]
    other = tmp_path / "other.asf"
    other.write_text(swapped)
    one = joint_positions(acclaim.read_sequence(trial))
    two = joint_positions(acclaim.read_sequence(trial, other))
    np.testing.assert_allclose(one["shin_end"], two["shin_end"], atol=1e-6)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("shin 90\n", "", "shin too"),
        ("shin 90\n", "shin 90\nshin 90\n", "shin too"),
        ("shin 90", "shin 90 1", "1 numbers for shin"),
        ("shin 90", "tail 90", "known bone"),
        ("shin 90", "shin ninety", "numbers after shin"),
        ("shin 90", "shin nan", "not finite"),
        ("\n8\n", "\n10\n", "frame 8"),
        ("root 1 20 3 0 90 0", "root 1 20 3", "6 numbers for root"),
    ],
)
def test_damaged_motion_is_refused(trial, old, new, said):
    trial.write_text(MOTION.replace(old, new, 1))
    with pytest.raises(FormatError, match=said):
        acclaim.read_sequence(trial)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("length 8", "length eight", "length of thigh"),
        ("length 8", "length 1e12", "length of thigh"),
        ("direction 0 -1 0", "direction 0 -1", "direction of thigh"),
        ("name shin", "name thigh", "a name of its own"),
        ("thigh shin\n", "thigh shin\n    root shin\n", "one parent"),
        ("root thigh", "shin thigh", "hang on the root"),
        ("    thigh shin\n", "", "a hierarchy of all bones"),
        ("dof rx\n", "dof rx tx\n", "turn about x, y and z only"),
        ("dof rx ry rz", "dof rx rx rz", "each axis"),
        ("position 0 0 0", "position 0 1 0", "at rest is 0 0 0"),
        ("order TX TY TZ", "order TX TX TZ", "turns and moves"),
        ("length 0.45", "length 0", "above 0"),
    ],
)
def test_damaged_skeleton_is_refused(trial, old, new, said):
    trial.with_name("02.asf").write_text(SKELETON.replace(old, new, 1))
    with pytest.raises(FormatError, match=said):
        acclaim.read_sequence(trial)


def test_what_is_missing_is_said(tmp_path, trial):
    (tmp_path / "05_01.amc").write_text(MOTION)
    with pytest.raises(InputError, match=r"no skeleton 05\.asf"):
        acclaim.read_sequence(tmp_path / "05_01.amc")
    trial.write_text("#!OML:ASF\n:DEGREES\n")
    with pytest.raises(NothingFoundError, match="no frames"):
        acclaim.read_sequence(trial)
    with pytest.raises(NothingFoundError, match="no trials"):
        list(acclaim.sequences(tmp_path.joinpath("empty").mkdir() or tmp_path / "empty"))
    with pytest.raises(InputError, match="not a folder"):
        list(acclaim.sequences(tmp_path / "absent"))


def test_two_formats_of_one_recording_agree(shared):
    amc = acclaim.read_sequence(shared / "data/cmu_asfamc/02_01.amc.gz")
    bvh = cmu_bvh.read_sequence(shared / "data/cmu_bvh/02_01.bvh.gz")
    one, other = joint_positions(amc), joint_positions(bvh)
    # The BVH has a frame more in front, which its reader leaves out; its joints have other names.
    assert len(amc.time) == len(bvh.time)
    for name, twin in (("lfoot", "LeftFoot"), ("rtibia", "RightLeg"), ("thorax", "Spine1")):
        assert np.abs(one[name] - other[twin]).max() < 1e-5, name
    # The BVH lacks the thorax's length; seen from the collar, the wrist is at the same place.
    ours, theirs = one["rwrist"] - one["rclavicle"], other["RightHand"] - other["RightShoulder"]
    assert np.abs(ours - theirs).max() < 0.01
    lost = np.linalg.norm(one["rclavicle"] - other["RightShoulder"], axis=1)
    assert np.ptp(lost) < 0.01
    assert lost[0] == pytest.approx(0.117, abs=0.005)


def test_every_trial_stands_on_a_floor(shared):
    paths = list(acclaim.sequences(shared / "data/cmu_amc"))
    assert len(paths) == 42
    for path in paths[::6]:
        place = joint_positions(acclaim.read_sequence(path))
        low = min(place[name][:, 2].min() for name in ("ltoes", "rtoes"))
        assert -0.1 < low < 0.15, path
        assert 1.2 < np.median(place["head"][:, 2]) < 1.8, path
