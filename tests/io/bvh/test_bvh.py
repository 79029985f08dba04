"""BVH files: hand-written ones with known answers, an independent reader, real recordings."""

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from marey.body.load import load_body
from marey.core import BodyMotion, Rig
from marey.core.errors import InputError, NothingFoundError, OutputExistsError
from marey.io.bvh import read_bvh, write_bvh
from tests.io.bvh.oracle import read_positions

SHARED = Path(__file__).parents[4] / "shared" / "data"
CMU_UNIT_M = 0.0254 / 0.45
MM = 1e-3


def to_world(points: np.ndarray, unit_m: float = 0.01) -> np.ndarray:
    """From a file with +Y up to marey's world, as the module's first line says."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], -1) * unit_m


def joints_in_world(motion: BodyMotion, frames: slice = slice(None)) -> dict[str, np.ndarray]:
    """Forward kinematics of a single person's rig."""
    rig = motion.body
    assert isinstance(rig, Rig)
    root, pose = motion.T_world_root[0, frames], motion.R_parent_joint[0, frames]
    positions = [root[:, 4:].astype(np.float64)]
    rotations = [Rotation.from_quat(root[:, :4], scalar_first=True)]
    for joint, parent in enumerate(rig.parents):
        own = Rotation.from_quat(pose[:, joint], scalar_first=True)
        positions.append(positions[parent + 1] + rotations[parent + 1].apply(rig.offset[joint]))
        rotations.append(rotations[parent + 1] * own)
    return dict(zip((rig.root, *rig.joints), positions, strict=True))


def largest_gap(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> float:
    assert ours.keys() == theirs.keys()
    return max(float(np.abs(ours[name] - theirs[name]).max()) for name in ours)


def random_motion(seed: int, num_frames: int, body: str | Rig = "marey-h") -> BodyMotion:
    rng = np.random.default_rng(seed)
    num_joints = 51 if isinstance(body, str) else len(body.joints)
    turns = rng.normal(size=((num_joints + 1) * num_frames, 3)) * 2
    pose = Rotation.from_rotvec(turns).as_quat(scalar_first=True)
    pose = pose.reshape(1, num_frames, num_joints + 1, 4)
    root = np.concatenate([pose[:, :, 0], rng.normal(size=(1, num_frames, 3))], -1)
    return BodyMotion(
        body=body,
        people=("Ada",),
        time=np.arange(num_frames) / 30,
        shape=rng.normal(size=(1, 10 if isinstance(body, str) else 0)).astype(np.float32),
        T_world_root=root.astype(np.float32),
        R_parent_joint=pose[:, :, 1:].astype(np.float32),
        confidence=np.ones((1, num_frames), np.float32),
    )


# Hand-written files: a hip of 1 m above the floor, a leg straight down, an arm to the left.

SMALL = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Leg
  {
    OFFSET 0 -50 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 -40 0
    }
  }
  JOINT Arm
  {
    OFFSET 30 60 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 60 0 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.0333333
10 90 20  0 0 0   0 0 0    0 0 0
10 90 20  0 0 90  0 90 0  -90 0 0
"""


def read_text(tmp_path: Path, text: str, **options) -> BodyMotion:
    path = tmp_path / "small.bvh"
    path.write_bytes(text.encode())
    return read_bvh(path, **options)


def test_known_answers(tmp_path):
    motion = read_text(tmp_path, SMALL)
    assert isinstance(motion.body, Rig)
    assert motion.body.joints == ("Leg", "Leg_end", "Arm", "Arm_end")
    assert (motion.people, motion.shape.shape) == (("small",), (1, 0))
    np.testing.assert_allclose(motion.time, [0, 1 / 30], atol=1e-12)
    joints = joints_in_world(motion)
    # At rest: x stays, the file's 20 cm towards +Z are 20 cm towards -Y, its height is z.
    np.testing.assert_allclose(joints["Hips"][0], [0.1, -0.2, 0.9], atol=1e-6)
    np.testing.assert_allclose(joints["Leg_end"][0], [0.1, -0.2, 0.0], atol=1e-6)
    np.testing.assert_allclose(joints["Arm_end"][0], [1.0, -0.2, 1.5], atol=1e-6)
    # A quarter turn about the vertical brings the left arm to the file's -Z, marey's +Y;
    np.testing.assert_allclose(joints["Arm"][1], [0.1, 0.1, 1.5], atol=1e-6)
    # there the arm hangs down,
    np.testing.assert_allclose(joints["Arm_end"][1], [0.1, 0.1, 0.9], atol=1e-6)
    # and the lower leg points backwards: -Z of the body, by the quarter turn the file's -X.
    np.testing.assert_allclose(joints["Leg_end"][1], [-0.3, -0.2, 0.4], atol=1e-6)


def test_rest_pose_and_root_of_an_upright_person(tmp_path):
    """The rig rests with +Y up as in the file; the root's rotation alone makes it stand."""
    motion = read_text(tmp_path, SMALL)
    assert isinstance(motion.body, Rig)
    np.testing.assert_allclose(motion.body.offset[0], [0, -0.5, 0], atol=1e-7)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(motion.T_world_root[0, 0, :4], [half, half, 0, 0], atol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.replace("\n", "\n\n"),
        lambda text: text.replace("  ", "\t\t "),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n  {", " {").replace("\n{", "{"),
        lambda text: text.replace("Frames: ", "frames:\t").replace(
            "Frame Time: 0", "Frame Time:\t"
        ),
        lambda text: text.upper(),
        lambda text: text.replace("rotation", "Rotation").replace("End Site", "END SITE"),
        lambda text: text.rstrip(),
    ],
)
def test_dialects(change, tmp_path):
    plain = joints_in_world(read_text(tmp_path, SMALL))
    other = joints_in_world(read_text(tmp_path, change(SMALL)))
    for ours, theirs in zip(plain.values(), other.values(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_gzip(tmp_path):
    path = tmp_path / "small.bvh.gz"
    path.write_bytes(gzip.compress(SMALL.encode()))
    motion = read_bvh(path)
    assert motion.people == ("small",)
    assert largest_gap(joints_in_world(motion), joints_in_world(read_text(tmp_path, SMALL))) == 0


@pytest.mark.parametrize(
    "order", ["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX", "ZXZ", "ZZX", "YY", "YZ", "X", ""]
)
def test_every_order_of_rotations(order, tmp_path):
    """Channels act from the outermost inwards, also where an axis is missing or comes twice."""
    channels = "".join(f" {axis}rotation" for axis in order)
    angles = [70.0, -130.0, 25.0][: len(order)]
    text = SMALL.replace(
        "60 0\n    CHANNELS 3 Zrotation Xrotation Yrotation",
        f"60 0\n    CHANNELS {len(order)}{channels}",
    )
    text = text.replace("   0 0 0    0 0 0", "   0 0 0 " + " ".join(map(str, angles)))
    text = text.replace("0 90 0  -90 0 0", "0 90 0 " + " ".join(["0"] * len(order)))
    arm = joints_in_world(read_text(tmp_path, text))
    expected = Rotation.identity()
    for axis, angle in zip(order, angles, strict=True):
        expected = expected * Rotation.from_euler(axis.lower(), angle, degrees=True)
    hand = to_world(expected.apply([60.0, 0, 0]))
    np.testing.assert_allclose(arm["Arm_end"][0] - arm["Arm"][0], hand, atol=1e-6)


def test_positions_replace_the_offset_and_may_be_missing(tmp_path):
    text = SMALL.replace("30 60 0\n    CHANNELS 3", "30 60 0\n    CHANNELS 5 Zposition Xposition")
    text = text.replace("0 0 0    0 0 0", "0 0 0  7 20 0 0 0").replace("0  -90", "0  7 20 -90")
    motion = read_text(tmp_path, text)
    assert isinstance(motion.body, Rig)
    np.testing.assert_allclose(motion.body.offset[2], [0.2, 0.6, 0.07], atol=1e-7)


def test_root_without_positions_stays_at_its_offset(tmp_path):
    text = SMALL.replace("OFFSET 0 0 0", "OFFSET 1 2 3")
    text = text.replace("6 Xposition Yposition Zposition", "4 Yposition")
    text = text.replace("10 90 20", "90")
    motion = read_text(tmp_path, text)
    np.testing.assert_allclose(motion.T_world_root[0, 1, 4:], [0.01, -0.03, 0.9], atol=1e-7)


FLOOR = """HIERARCHY
ROOT Floor
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
"""


def test_a_root_that_only_carries_the_hips_gives_way_to_them(tmp_path):
    """As in files whose root stays on the floor; positions are those of the whole chain."""
    text = FLOOR + SMALL.partition("\n")[2].replace("ROOT", "JOINT").replace("MOTION", "}\nMOTION")
    text = text.replace("\n10 90", "\n5 0 0 0 0 90 10 90")
    text = text.replace("10 90 20  0 0 90", "10 95 20  0 0 90")
    motion = read_text(tmp_path, text)
    assert isinstance(motion.body, Rig)
    assert (motion.body.root, motion.body.joints[0]) == ("Hips", "Leg")
    oracle, _ = read_positions(tmp_path / "small.bvh")
    joints = joints_in_world(motion)
    for name in ("Hips", "Leg", "Arm", "Arm_end"):
        np.testing.assert_allclose(joints[name], to_world(oracle[name]), atol=1e-6)


def test_bones_that_stretch(tmp_path):
    text = SMALL.replace("30 60 0\n    CHANNELS 3", "30 60 0\n    CHANNELS 4 Xposition")
    text = text.replace("0 0 0    0 0 0", "0 0 0  29 0 0 0").replace("0  -90", "0  37 -90")
    with pytest.raises(InputError, match=r"moves the joint Arm by 0\.040 m against its parent"):
        read_text(tmp_path, text)
    motion = read_text(tmp_path, text, stretch_m=0.05)
    assert isinstance(motion.body, Rig)
    np.testing.assert_allclose(motion.body.offset[2], [0.33, 0.6, 0], atol=1e-7)


def change_numbers(text: str, lengths, angles=lambda values: values) -> str:
    """Apply functions to each three lengths and to each three angles of the small file."""
    lines = []
    for line in text.split("\n"):
        words = line.split()
        if words[:1] == ["OFFSET"]:
            numbers = ["OFFSET", *lengths([float(word) for word in words[1:]])]
        elif len(words) == 12:
            values = np.array(words, float).reshape(4, 3).tolist()
            numbers = [*lengths(values[0]), *(a for three in values[1:] for a in angles(three))]
        else:
            numbers = [line]
        lines.append(" ".join(map(str, numbers)))
    return "\n".join(lines)


def scale_lengths(text: str, factor: float) -> str:
    return change_numbers(text, lambda values: [value * factor for value in values])


@pytest.mark.parametrize("unit_m", [1.0, 0.01, 0.001, 0.0254, CMU_UNIT_M])
@pytest.mark.parametrize("height", [0.75, 1.0, 1.2])
def test_unit_is_guessed_from_the_size(unit_m, height, tmp_path):
    """From a child to a giant; the small figure's leg and arm make 2.17 m."""
    text = scale_lengths(SMALL, 0.01 * height / unit_m)
    motion = read_text(tmp_path, text)
    assert isinstance(motion.body, Rig)
    np.testing.assert_allclose(motion.body.offset[0], [0, -0.5 * height, 0], rtol=1e-5)
    np.testing.assert_allclose(motion.T_world_root[0, 0, 6], 0.9 * height, rtol=1e-5)


def test_unit_by_convention_or_by_hand(tmp_path):
    crane = read_text(tmp_path, scale_lengths(SMALL, 20))
    assert isinstance(crane.body, Rig)
    np.testing.assert_allclose(crane.body.offset[0], [0, -10, 0], rtol=1e-6)
    given = read_text(tmp_path, SMALL, unit_m=0.5)
    np.testing.assert_allclose(given.T_world_root[0, 0, 4:], [5, -10, 45], rtol=1e-6)
    for unit in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="a unit is between 0 and 1000 m"):
            read_text(tmp_path, SMALL, unit_m=unit)


def test_z_up_files_give_the_same_motion(tmp_path):
    """(x, y, z) with +Y up is (x, -z, y) with +Z up; a turn about Y is one about Z and so on."""
    plain = read_text(tmp_path, SMALL)
    text = change_numbers(
        SMALL,
        lambda values: [values[0], -values[2], values[1]],
        lambda values: [-values[0], values[1], values[2]],
    )
    text = text.replace("Zrotation Xrotation Yrotation", "Yrotation Xrotation Zrotation")
    turned = read_text(tmp_path, text, up="z")
    assert largest_gap(joints_in_world(plain), joints_in_world(turned)) < 1e-6
    assert isinstance(turned.body, Rig) and isinstance(plain.body, Rig)
    np.testing.assert_allclose(turned.body.offset, plain.body.offset, atol=1e-7)
    np.testing.assert_allclose(turned.T_world_root, plain.T_world_root, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "rate"),
    [(".0083333", 120), ("0.008333", 120), ("0.033333", 30), ("0.04", 25), ("0.0416667", 24),
     ("0.0417083", 1 / 0.0417083), ("0.033366700", 1 / 0.0333667), ("3.3e-2", 1 / 0.033)],
)  # fmt: skip
def test_frame_times_are_rounded_whole_rates(text, rate, tmp_path):
    motion = read_text(tmp_path, SMALL.replace("0.0333333", text))
    assert motion.time[1] == pytest.approx(1 / rate, rel=1e-12)


def test_names_that_come_twice_or_have_blanks(tmp_path):
    text = SMALL.replace("JOINT Leg", "JOINT Left Arm").replace("JOINT Arm", "JOINT Left_Arm")
    motion = read_text(tmp_path, text)
    assert isinstance(motion.body, Rig)
    assert motion.body.joints[::2] == ("Left_Arm", "Left_Arm_2")


# What marey writes, read by the independent reader.


def test_bodies_are_written_with_their_own_shape(tmp_path):
    motion = random_motion(1, 6)
    (path,) = write_bvh(motion, tmp_path / "ada.bvh")
    there, frame_time = read_positions(path)
    body = load_body("marey-h")
    posed = body.pose(
        *(
            torch.from_numpy(values)
            for values in (motion.shape[0], motion.T_world_root[0], motion.R_parent_joint[0])
        )
    )
    assert frame_time == pytest.approx(1 / 30, abs=1e-9)
    for k, name in enumerate(body.joint_names):
        np.testing.assert_allclose(
            to_world(there[name]), posed.joints[:, k].numpy(), atol=0.02 * MM, err_msg=name
        )
    tips = {"head_end": "head_top", "left_foot_end": "left_big_toe"} | {
        f"right_{finger}3_end": f"right_{finger}4" for finger in ("thumb", "pinky")
    }
    marks = body.landmark_positions(posed, list(tips.values())).numpy()
    for k, name in enumerate(tips):
        np.testing.assert_allclose(to_world(there[name]), marks[:, k], atol=0.02 * MM)


def test_text_is_what_other_readers_expect(tmp_path):
    (path,) = write_bvh(random_motion(1, 3), tmp_path / "ada.bvh")
    lines = path.read_text().split("\n")
    assert lines[:5] == [
        "HIERARCHY",
        "ROOT pelvis",
        "{",
        "\tOFFSET 0.000000 0.000000 0.000000",
        "\tCHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation",
    ]
    assert lines.count("MOTION") == 1 and lines[-1] == ""
    assert lines.count("\tJOINT left_hip") == 1
    assert {line.strip() for line in lines if "CHANNELS 3" in line} == {
        "CHANNELS 3 Zrotation Xrotation Yrotation"
    }
    # Thirteen limbs end: crown, toes and fingers.
    assert sum(line.strip() == "End Site" for line in lines) == 13
    start = lines.index("MOTION")
    assert lines[start + 1 : start + 3] == ["Frames: 3", "Frame Time: 0.033333333"]
    assert {len(line.split()) for line in lines[start + 3 : -1]} == {3 + 3 * 52}
    assert "-0.0000 " not in path.read_text()


@st.composite
def trees(draw) -> list[tuple[int, tuple[float, float, float]]]:
    """Parent and offset of up to twelve joints."""
    length = st.floats(-2, 2, width=32)
    count = draw(st.integers(0, 12))
    return [
        (draw(st.integers(-1, joint - 1)), draw(st.tuples(length, length, length)))
        for joint in range(count)
    ]


@settings(max_examples=40, deadline=None)
@given(tree=trees(), seed=st.integers(0, 2**32 - 1), num_frames=st.integers(1, 5))
def test_any_rig_comes_back(tree, seed, num_frames, tmp_path_factory):
    rig = Rig(
        name="any",
        root="root",
        joints=tuple(f"joint{k}" for k in range(len(tree))),
        parents=tuple(parent for parent, _ in tree),
        offset=np.array([offset for _, offset in tree], np.float32).reshape(-1, 3),
    )
    motion = random_motion(seed, num_frames, rig)
    (path,) = write_bvh(motion, tmp_path_factory.mktemp("any") / "any.bvh")
    ours, back = joints_in_world(motion), read_bvh(path, unit_m=0.01)
    assert largest_gap(ours, joints_in_world(back)) < 0.1 * MM
    there, _ = read_positions(path)
    for name, points in ours.items():
        np.testing.assert_allclose(to_world(there[name]), points, atol=0.1 * MM)


@pytest.mark.parametrize("lock", [90.0, -90.0, 89.9999999, 90.0000001])
def test_locked_angles(lock, tmp_path):
    """Where the middle angle is a right one, the outer two turn about the same axis."""
    rng = np.random.default_rng(0)
    rig = Rig(name="r", root="a", joints=("b",), parents=(-1,), offset=np.ones((1, 3), np.float32))
    motion = random_motion(0, 200, rig)
    angles = np.column_stack([rng.uniform(-180, 180, 200), np.full(200, lock), np.zeros(200)])
    turn = Rotation.from_euler("ZXY", angles, degrees=True).as_quat(scalar_first=True)
    upright = Rotation.from_euler("x", 90, degrees=True)
    root = (upright * Rotation.from_quat(turn, scalar_first=True)).as_quat(scalar_first=True)
    motion.T_world_root[0, :, :4] = root
    (path,) = write_bvh(motion, tmp_path / "locked.bvh")
    there, _ = read_positions(path)
    np.testing.assert_allclose(to_world(there["b"]), joints_in_world(motion)["b"], atol=0.01 * MM)


def test_curves_do_not_jump(tmp_path):
    """A knee that bends to 150 degrees and back, and a body that spins five times."""
    num_frames = 240
    rig = Rig(name="r", root="a", joints=("b",), parents=(-1,), offset=np.ones((1, 3), np.float32))
    motion = random_motion(0, num_frames, rig)
    bend = 75 - 75 * np.cos(np.linspace(0, 4 * np.pi, num_frames))
    spin = np.linspace(0, 5 * 360, num_frames)
    tilt = 5 * np.sin(np.linspace(0, 9, num_frames))
    knee = Rotation.from_euler("ZXY", np.column_stack([tilt, bend, tilt]), degrees=True)
    root = Rotation.from_euler("XY", np.column_stack([np.full(num_frames, 90), spin]), degrees=True)
    motion.R_parent_joint[0, :, 0] = knee.as_quat(scalar_first=True)
    motion.T_world_root[0, :, :4] = root.as_quat(scalar_first=True)
    (path,) = write_bvh(motion, tmp_path / "curves.bvh")
    rows = np.array([line.split() for line in path.read_text().split("\n")[-num_frames - 1 : -1]])
    values = rows.astype(float)
    np.testing.assert_allclose(values[:, 6:], np.column_stack([tilt, bend, tilt]), atol=1e-3)
    np.testing.assert_allclose(values[:, 5] - values[0, 5], spin, atol=1e-3)


def test_people_and_gaps_become_files(tmp_path):
    motion = random_motion(2, 20)
    two = replace(
        motion,
        people=("Ada", "Bo"),
        shape=np.repeat(motion.shape, 2, 0),
        T_world_root=np.repeat(motion.T_world_root, 2, 0),
        R_parent_joint=np.repeat(motion.R_parent_joint, 2, 0),
        confidence=np.ones((2, 20), np.float32),
    )
    for values in (two.T_world_root, two.R_parent_joint):
        values[1, 7:10] = np.nan
    two.confidence[1, 7:10] = 0
    written = write_bvh(two, tmp_path / "duo.bvh")
    assert [path.name for path in written] == [
        "duo_Ada.bvh",
        "duo_Bo_part1.bvh",
        "duo_Bo_part2.bvh",
    ]
    assert [len(read_bvh(path).time) for path in written] == [20, 7, 10]
    last = read_bvh(written[2])
    np.testing.assert_allclose(last.T_world_root[0, :, 4:], two.T_world_root[1, 10:, 4:], atol=1e-5)
    with pytest.raises(NothingFoundError, match="nobody is present"):
        write_bvh(replace(two, T_world_root=two.T_world_root * np.nan), tmp_path / "none.bvh")


def test_a_clock_that_wavers_is_made_even(tmp_path):
    """A steady turn and a steady walk keep their speed when frames are spaced unevenly."""
    rig = Rig(name="r", root="a", joints=("b",), parents=(-1,), offset=np.ones((1, 3), np.float32))
    time = np.cumsum(np.random.default_rng(0).choice([0.03, 0.04, 0.05], 50, p=[0.2, 0.6, 0.2]))
    motion = replace(random_motion(0, 50, rig), time=time)
    turn = Rotation.from_euler("z", 40 * time[:, None], degrees=True)
    motion.T_world_root[0, :, :4] = turn.as_quat(scalar_first=True)
    motion.T_world_root[0, :, 4:] = time[:, None] * [1, 2, 0]
    motion.R_parent_joint[0] = (1, 0, 0, 0)
    back = read_bvh(write_bvh(motion, tmp_path / "even.bvh")[0], unit_m=0.01)
    assert back.time[1] == pytest.approx(0.04)
    assert back.time[-1] == pytest.approx(time[-1] - time[0], abs=0.04)
    expected = (back.time + time[0])[:, None] * [1, 2, 0]
    np.testing.assert_allclose(back.T_world_root[0, :, 4:], expected, atol=1e-5)
    angle = Rotation.from_euler("z", 40 * (back.time + time[0])[:, None], degrees=True)
    off = angle.inv() * Rotation.from_quat(back.T_world_root[0, :, :4], scalar_first=True)
    assert off.magnitude().max() < 1e-5


def test_nothing_is_overwritten_by_chance(tmp_path):
    motion = random_motion(2, 2)
    (path,) = write_bvh(motion, tmp_path / "a.bvh")
    before = path.read_bytes()
    with pytest.raises(OutputExistsError, match="exists already"):
        write_bvh(random_motion(3, 2), path)
    assert path.read_bytes() == before
    write_bvh(random_motion(3, 2), path, overwrite=True)
    assert path.read_bytes() != before
    with pytest.raises(InputError, match=r"must end in \.bvh"):
        write_bvh(motion, tmp_path / "a.txt")


def test_bytes_are_the_same_every_time(tmp_path):
    for name in ("one", "two"):
        write_bvh(random_motion(5, 30), tmp_path / f"{name}.bvh")
    assert (tmp_path / "one.bvh").read_bytes() == (tmp_path / "two.bvh").read_bytes()


def test_ends_stay_ends(tmp_path):
    """Read, written and read again, a file keeps its tree, with no joints for its End Sites."""
    motion = read_text(tmp_path, SMALL)
    (path,) = write_bvh(motion, tmp_path / "again.bvh")
    assert path.read_text().count("End Site") == 2 and "Leg_end" not in path.read_text()
    again = read_bvh(path)
    assert isinstance(motion.body, Rig) and isinstance(again.body, Rig)
    assert again.body.joints == motion.body.joints
    # An end that turns was a joint after all.
    motion.R_parent_joint[0, 1, 1] = (0, 1, 0, 0)
    (path,) = write_bvh(motion, tmp_path / "again.bvh", overwrite=True)
    assert "JOINT Leg_end" in path.read_text() and "JOINT Arm_end" not in path.read_text()


# Mixamo's names.


def test_mixamo_names_there_and_back(tmp_path):
    motion = random_motion(4, 3)
    (path,) = write_bvh(motion, tmp_path / "m.bvh", names="mixamo")
    text = path.read_text()
    assert "ROOT mixamorig:Hips\n" in text and "JOINT mixamorig:LeftHandThumb1\n" in text
    plain = write_bvh(motion, tmp_path / "p.bvh")[0]
    assert text.partition("MOTION")[2] == plain.read_text().partition("MOTION")[2]
    back, ours = read_bvh(path), read_bvh(plain)
    assert isinstance(back.body, Rig) and isinstance(ours.body, Rig)
    assert back.body.joints == ours.body.joints
    assert set(load_body("marey-h").joint_names) < {back.body.root, *back.body.joints}


def test_mixamo_names_of_other_programs(tmp_path):
    def names(text: str) -> tuple[str, ...]:
        body = read_text(tmp_path, text).body
        assert isinstance(body, Rig)
        return (body.root, *body.joints)

    text = SMALL.replace("Hips", "mixamorig1:Hips").replace("Leg", "mixamorig1:LeftUpLeg")
    known = text.replace("JOINT Arm", "JOINT mixamorig1:LeftToe_End")
    assert names(known)[:4] == ("pelvis", "left_hip", "left_hip_end", "left_foot_end")
    # One unknown joint, and all keep the names they have.
    assert names(text) == (
        "mixamorig1:Hips",
        "mixamorig1:LeftUpLeg",
        "mixamorig1:LeftUpLeg_end",
        "Arm",
        "Arm_end",
    )
    with pytest.raises(InputError, match="Mixamo has no name for the joint 'Hips'"):
        write_bvh(read_text(tmp_path, SMALL), tmp_path / "m.bvh", names="mixamo")


# Real recordings.


def every_tenth(motion: BodyMotion) -> BodyMotion:
    return replace(
        motion,
        time=motion.time[::10],
        T_world_root=motion.T_world_root[:, ::10],
        R_parent_joint=motion.R_parent_joint[:, ::10],
        confidence=motion.confidence[:, ::10],
    )


CLIPS = sorted((SHARED / "cmu_bvh").glob("*.bvh.gz")) if SHARED.is_dir() else []


@pytest.mark.skipif(not CLIPS, reason="needs ../shared/data/cmu_bvh")
@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.name)
def test_cmu_round_trip(clip, tmp_path):
    """What is read agrees with the independent reader, and so does what is written of it."""
    motion = every_tenth(read_bvh(clip))
    plain = tmp_path / "plain.bvh"
    plain.write_bytes(gzip.decompress(clip.read_bytes()))
    unit = 1.0 if clip.name.startswith("scaled") else CMU_UNIT_M
    source, frame_time = read_positions(plain, slice(None, None, 10))
    ours = joints_in_world(motion)
    assert frame_time == pytest.approx(1 / 120, rel=1e-4)
    assert motion.time[1] == pytest.approx(10 / 120)
    (path,) = write_bvh(motion, tmp_path / "again.bvh")
    again, _ = read_positions(path)
    back = joints_in_world(read_bvh(path))
    assert source.keys() == ours.keys() == again.keys()
    assert largest_gap(ours, {k: to_world(v, unit) for k, v in source.items()}) < 0.02 * MM
    assert largest_gap(ours, {k: to_world(v) for k, v in again.items()}) < 0.02 * MM
    assert largest_gap(ours, back) < 0.02 * MM


OTHERS = {
    "cmu_bvh_misc/18_01_30fps.bvh.gz": (37, 303, 30, CMU_UNIT_M),
    "bandai_namco/dataset-1_walk_normal_001.bvh": (20, 195, 30, 0.01),
    "bandai_namco/dataset-1_run_normal_001.bvh": (25, 24, 30, 0.01),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_dialects(name, tmp_path):
    if not (SHARED / name).is_file():
        pytest.skip(f"needs ../shared/data/{name}")
    num_joints, num_frames, rate, unit = OTHERS[name]
    data = (SHARED / name).read_bytes()
    plain = tmp_path / "plain.bvh"
    plain.write_bytes(gzip.decompress(data) if name.endswith("gz") else data)
    source, _ = read_positions(plain, slice(None, None, 10))
    motion = read_bvh(SHARED / name)
    assert motion.R_parent_joint.shape == (1, num_frames, num_joints, 4)
    assert motion.time[1] == pytest.approx(1 / rate)
    for joint, points in joints_in_world(motion, slice(None, None, 10)).items():
        np.testing.assert_allclose(points, to_world(source[joint], unit), atol=0.02 * MM)
