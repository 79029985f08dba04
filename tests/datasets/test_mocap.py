"""Motion capture of other kinds: real people stand on a floor, written ones go where they say."""

import gzip
import json
import struct
import zlib

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marey.core.errors import FormatError, InputError, NothingFoundError
from marey.datasets import (
    amp_humanoid,
    bandai_namco,
    cmu_bvh,
    cmu_expmap,
    cmu_fbx,
    cmu_salsa,
    deepmimic,
    h36m_expmap,
    humanml3d,
)
from marey.datasets._fbx_records import parse_records
from tests.datasets.figures import joint_positions

REAL = [
    (cmu_expmap, "cmu_expmap", 26, ("ltoes", "rtoes"), "head_end", (1.45, 1.7)),
    (cmu_fbx, "cmu_fbx", 6, None, None, None),
    (deepmimic, "deepmimic", 15, ("left_ankle", "right_ankle"), "neck", (0.3, 1.5)),
    (amp_humanoid, "cmu_amp_humanoid", 6, ("left_foot", "right_foot"), "head", (0.5, 1.5)),
    (cmu_bvh, "cmu_bvh", 20, None, None, None),
    (cmu_salsa, "cmu_salsa_pairs", 11, ("lFoot", "rFoot"), "head", (1.3, 1.7)),
    (bandai_namco, "bandai_namco", 8, None, None, None),
]


@pytest.mark.parametrize(("corpus", "folder", "count", "feet", "head", "height"), REAL)
def test_real_people_stand_upright_on_a_floor(shared, corpus, folder, count, feet, head, height):
    paths = list(corpus.sequences(shared / "data" / folder))
    assert len(paths) == count
    motion = corpus.read_sequence(paths[-1])
    place = joint_positions(motion)
    lowest = min(np.nanmin(points[:, 2]) for points in place.values())
    assert -0.15 < lowest < 0.15
    assert (motion.confidence > 0).any()
    assert (np.diff(motion.time) > 0).all()
    if feet:
        assert height[0] < np.nanmedian(place[head][:, 2]) < height[1]
        assert max(np.nanmedian(place[foot][:, 2]) for foot in feet) < 0.35


def test_left_is_left_in_every_kind(shared):
    """Left minus right hip, seen along the way people look, points to their left."""
    sides = [
        (cmu_expmap, "cmu_expmap", "lfemur", "rfemur"),
        (cmu_fbx, "cmu_fbx", "LeftUpLeg", "RightUpLeg"),
        (deepmimic, "deepmimic", "left_hip", "right_hip"),
        (amp_humanoid, "cmu_amp_humanoid", "left_thigh", "right_thigh"),
        (cmu_salsa, "cmu_salsa_pairs", "lThigh", "rThigh"),
    ]
    for corpus, folder, left, right in sides:
        motion = corpus.read_sequence(next(iter(corpus.sequences(shared / "data" / folder))))
        place = joint_positions(motion)
        known = motion.confidence[0] > 0
        root = Rotation.from_quat(motion.T_world_root[0, known, :4], scalar_first=True)
        across = root.inv().apply((place[left] - place[right])[known])
        # +X of the rest is the person's left.
        assert np.median(across[:, 0]) > 0.05, folder


def test_people_walk_the_way_they_look(shared):
    walks = [
        cmu_bvh.read_sequence(shared / "data/cmu_bvh/08_01.bvh.gz"),
        deepmimic.read_sequence(shared / "data/deepmimic/humanoid3d_walk.txt"),
        amp_humanoid.read_sequence(shared / "data/cmu_amp_humanoid/amp_humanoid_walk.npy"),
        cmu_expmap.read_sequence(shared / "data/cmu_expmap/test__walking_extra__walking_6.txt.gz"),
        h36m_expmap.read_sequence(shared / "data/h36m_expmap/h36m_expmap_50hz.npz", "S1_walking_1"),
    ]
    for motion in walks:
        root = Rotation.from_quat(motion.T_world_root[0, :-1, :4], scalar_first=True)
        step = root.inv().apply(np.diff(motion.T_world_root[0, :, 4:], axis=0))
        # +Z of the rest is forward.
        assert step[:, 2].mean() > 3 * abs(step[:, 0].mean()), motion.people


# ------------------------------------------------------------------ exponential maps


def _write_expmap(path, rows):
    path.write_text("\n".join(",".join(f"{x:.9f}" for x in row) for row in rows))
    return path


def test_expmap_turns_row_vectors(tmp_path):
    rows = np.zeros((3, 117))
    rows[:, 1] = 17
    rows[1:, 3:6] = [0, 0.3, 0]
    rows[2, 3 + 3 * 2] = np.pi / 2  # left femur about X
    motion = cmu_expmap.read_sequence(_write_expmap(tmp_path / "walking_1.txt", rows))
    # The first line is a rest pose in front of the motion.
    np.testing.assert_allclose(motion.time, [1 / 120, 2 / 120])
    place = joint_positions(motion)
    thigh = (place["ltibia"] - place["lfemur"]) / cmu_expmap.CMU_UNIT_M
    root = Rotation.from_rotvec([0, -0.3, 0])
    for row, bend in enumerate((0, -np.pi / 2)):
        expected = (root * Rotation.from_rotvec([bend, 0, 0])).apply([2.5972, -7.13576, 0])
        np.testing.assert_allclose(thigh[row], expected[[0, 2, 1]] * [1, -1, 1], atol=1e-4)


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("1,2,3\n", FormatError, "117 numbers"),
        (",".join(["0"] * 116) + ",x\n", FormatError, "numbers"),
        (",".join(["0"] * 116) + ",nan\n", FormatError, "frame 0"),
        ("", NothingFoundError, "no frames"),
    ],
)
def test_damaged_tables_are_refused(tmp_path, text, error, said):
    path = tmp_path / "walking_1.txt"
    path.write_text(text)
    with pytest.raises(error, match=said):
        cmu_expmap.read_sequence(path)


def test_h36m_steps_and_turns_add_up(tmp_path):
    rows = np.zeros((5, 99))
    rows[1:, 2] = 100.0  # a step of 10 cm forward in its own axes
    rows[1:, 4] = -np.pi / 2  # and a quarter turn after it
    (tmp_path / "S1").mkdir()
    _write_expmap(tmp_path / "S1/walking_1.txt", rows)
    assert list(h36m_expmap.sequences(tmp_path)) == ["S1/walking_1"]
    motion = h36m_expmap.read_sequence(tmp_path, "S1/walking_1")
    # Four steps around a square end where they began.
    path = motion.T_world_root[0, :, 4:]
    np.testing.assert_allclose(path[4], path[0], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(np.diff(path, axis=0), axis=1), 0.1, atol=1e-6)
    np.testing.assert_allclose(path[1], [0, -0.1, 0], atol=1e-6)


def test_h36m_floor_is_flat(shared):
    """The lowest foot of someone who walks about for 70 s lies in one plane: steps add up right."""
    motion = h36m_expmap.read_sequence(
        shared / "data/h36m_expmap/h36m_expmap_50hz.npz", "S1_walking_1"
    )
    place = joint_positions(motion)
    feet = np.stack([place[f"{side}_toe"] for side in ("left", "right")], 1)
    low = feet[np.arange(len(feet)), feet[..., 2].argmin(1)]
    basis = np.column_stack([low[:, :2], np.ones(len(low))])
    plane = np.linalg.lstsq(basis, low[:, 2], rcond=None)[0]
    assert np.std(low[:, 2] - basis @ plane) < 0.04


def test_h36m_unknown_names_and_shapes(tmp_path):
    path = tmp_path / "h36m.npz"
    np.savez(path, S1_a_1=np.zeros((4, 98), np.float32))
    with pytest.raises(FormatError, match="S1_a_1"):
        h36m_expmap.read_sequence(path, "S1_a_1")
    with pytest.raises(InputError, match="no sequence 'S9'"):
        h36m_expmap.read_sequence(path, "S9")


# ------------------------------------------------------------------ humanoids


def _write_deepmimic(folder, frames):
    names = ["root", *(name for name, _ in deepmimic.ORDER), "left_wrist"]
    joints = [
        {"Name": name, "Parent": k - 1, "AttachX": 0.0, "AttachY": 0.0, "AttachZ": 0.1}
        for k, name in enumerate(names)
    ]
    (folder / "humanoid3d.txt").write_text(json.dumps({"Skeleton": {"Joints": joints}}))
    path = folder / "humanoid3d_jump.txt"
    path.write_text(json.dumps({"Loop": "wrap", "Frames": frames}))
    return path


def _frame(duration=0.5):
    row = [duration, 1.0, 2.0, 3.0, 1.0, 0, 0, 0]
    for _, size in deepmimic.ORDER:
        row += [1.0, 0, 0, 0] if size == 4 else [0.0]
    return row


def test_deepmimic_axes_and_clock(tmp_path):
    motion = deepmimic.read_sequence(_write_deepmimic(tmp_path, [_frame(0.5), _frame(0.0)]))
    np.testing.assert_allclose(motion.time, [0, 0.5])
    # Its +X (forward) is -Y of the world here, its +Y up is +Z, its +Z (right) is -X.
    np.testing.assert_allclose(motion.T_world_root[0, 0, 4:], [-3, -1, 2], atol=1e-6)
    np.testing.assert_allclose(motion.body.offset[0], [-0.1, 0, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ([_frame()[:-1]], "43 numbers; expected 44"),
        ([_frame(0.0), _frame()], "lasts no time"),
        ([[*_frame()[:4], 0.1, 0, 0, 0, *_frame()[8:]]], "the root is no unit quaternion"),
        (["text"], "not a list of numbers"),
        ("text", "no list 'Frames'"),
    ],
)
def test_damaged_deepmimic_is_refused(tmp_path, frames, said):
    with pytest.raises(FormatError, match=said):
        deepmimic.read_sequence(_write_deepmimic(tmp_path, frames))


def _poselib(**changes):
    data = {
        "rotation": {"arr": np.tile([0, 0, 0, 1.0], (3, 2, 1)).astype(np.float32)},
        "root_translation": {"arr": np.array([[1, 2, 3.0]] * 3, np.float32)},
        "skeleton_tree": {
            "node_names": ["pelvis", "torso"],
            "parent_indices": {"arr": np.array([-1, 0])},
            "local_translation": {"arr": np.array([[0, 0, 0], [0.1, 0.2, 0.3]], np.float32)},
        },
        "fps": 60,
    }
    return data | changes


def _write_object(path, value):
    np.save(path, np.array(value, dtype=object), allow_pickle=True)
    return path


def test_amp_humanoid_axes(tmp_path):
    motion = amp_humanoid.read_sequence(_write_object(tmp_path / "a.npy", _poselib()))
    # Its +X is forward: -Y of the world, +Z of the body.
    np.testing.assert_allclose(motion.T_world_root[0, 0, 4:], [2, -1, 3], atol=1e-6)
    np.testing.assert_allclose(motion.body.offset[0], [0.2, 0.3, 0.1], atol=1e-6)
    np.testing.assert_allclose(motion.time, [0, 1 / 60, 2 / 60])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fps": 0}, "'fps' is 0"),
        ({"fps": "fast"}, "'fps'"),
        ({"rotation": {"arr": np.zeros((3, 2, 4))}}, "unit quaternions"),
        ({"rotation": {"arr": np.zeros((3, 2, 3))}}, "rotation.arr"),
        ({"rotation": {}}, "rotation.arr"),
        ({"root_translation": {"arr": np.full((3, 3), np.inf)}}, "not finite"),
        ({"root_translation": {"arr": np.full((2, 3), 1.0)}}, "root_translation.arr"),
        ({"skeleton_tree": None}, "skeleton_tree"),
    ],
)
def test_damaged_poselib_is_refused(tmp_path, changes, said):
    path = _write_object(tmp_path / "a.npy", _poselib(**changes))
    with pytest.raises(FormatError, match=said):
        amp_humanoid.read_sequence(path)


class _Call:
    def __reduce__(self):
        return print, ("this ran",)


def test_pickled_code_is_refused(tmp_path, capsys):
    path = _write_object(tmp_path / "a.npy", {"rotation": _Call()})
    with pytest.raises(FormatError, match="not plain data"):
        amp_humanoid.read_sequence(path)
    assert capsys.readouterr().out == ""


# ------------------------------------------------------------------ pairs, BVH, joints


def test_bad_frames_of_a_leader_are_missing(shared):
    motion = cmu_salsa.read_sequence(shared / "data/cmu_salsa_pairs/60_04_scaled.bvh.gz")
    assert motion.people == ("lead", "follow")
    frame = np.rint(motion.time * 120).astype(int)
    bad = np.isin(frame, [*range(262, 269), *range(342, 353)])
    np.testing.assert_array_equal(motion.confidence[0] == 0, bad)
    assert np.isnan(motion.T_world_root[0, bad]).all()
    assert (motion.confidence[1] == 1).all()
    speed = np.linalg.norm(np.diff(motion.T_world_root[0, :, 4:], axis=0), axis=1) * 120
    assert np.nanmax(speed) < 5
    apart = np.linalg.norm(motion.T_world_root[0, :, 4:6] - motion.T_world_root[1, :, 4:6], axis=1)
    assert 0.2 < np.nanmin(apart) < np.nanmedian(apart) < 1.0


def test_a_dancer_without_partner_is_said(tmp_path, shared):
    path = tmp_path / "60_04_scaled.bvh.gz"
    path.write_bytes((shared / "data/cmu_salsa_pairs/60_04_scaled.bvh.gz").read_bytes())
    with pytest.raises(InputError, match="61_04_scaled"):
        cmu_salsa.read_sequence(path)


def test_inserted_rest_is_left_out_of_bvh(shared):
    motion = cmu_bvh.read_sequence(shared / "data/cmu_bvh/02_01.bvh.gz")
    assert motion.time[0] == pytest.approx(1 / 120, rel=1e-4)
    scaled = cmu_bvh.read_sequence(shared / "data/cmu_bvh/scaled_131_01.bvh.gz")
    assert scaled.time[0] == 0


def test_humanml3d_is_a_person_of_22_joints(shared):
    (path,) = humanml3d.sequences(shared / "data/humanml3d_sample")
    recording = humanml3d.read_sequence(path)
    points = recording.keypoints3d
    assert points is not None
    assert (recording.name, points.position.shape) == ("012314", (1, 170, 24, 3))
    assert (points.confidence[..., :22] == 1).all()
    assert (points.confidence[..., 22:] == 0).all()
    names = points.skeleton.keypoints
    height = points.position[0, :, names.index("head"), 2]
    foot = points.position[0, :, names.index("left_foot"), 2]
    assert 0.5 < np.median(height - foot) < 1.8


def test_humanml3d_of_other_shapes_is_refused(tmp_path):
    path = tmp_path / "new_joints_1.npy"
    np.save(path, np.zeros((10, 21, 3)))
    with pytest.raises(FormatError, match="22, 3"):
        humanml3d.read_sequence(path)
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(FormatError):
        humanml3d.read_sequence(path)


# ------------------------------------------------------------------ FBX


def _property(value):
    if isinstance(value, str):
        raw = value.encode()
        return b"S" + struct.pack("<I", len(raw)) + raw
    if isinstance(value, float):
        return b"D" + struct.pack("<d", value)
    if isinstance(value, int):
        return b"L" + struct.pack("<q", value)
    raw = zlib.compress(value.tobytes())
    kind = {"f": b"f", "i": b"l"}[value.dtype.kind]
    return kind + struct.pack("<III", len(value), 1, len(raw)) + raw


def _record(name, values=(), children=()):
    """A record as bytes that still lacks its place: a function of where it begins."""

    def write(start):
        body = b"".join(map(_property, values))
        head = start + 13 + len(name)
        data = body
        for child in children:
            data += child(head + len(data))
        if children:
            data += bytes(13)
        stop = head + len(data)
        return struct.pack("<IIIB", stop, len(values), len(body), len(name)) + name.encode() + data

    return write


def _setting(name, *values):
    return _record("P", (name, "", "", "", *values))


def _model(key, name, *settings):
    return _record(
        "Model", (key, f"{name}\x00\x01Model", "LimbNode"), [_record("Properties70", (), settings)]
    )


def _curve(key, times, values):
    ticks = np.rint(np.asarray(times) * 46186158000).astype(np.int64)
    keys = [
        _record("KeyTime", (ticks,)),
        _record("KeyValueFloat", (np.asarray(values, np.float32),)),
    ]
    return _record("AnimationCurve", (key, "", ""), keys)


def _link(kind, child, owner, *more):
    return _record("C", (kind, child, owner, *more))


def _write_fbx(path, records):
    data = b"Kaydara FBX Binary  \x00\x1a\x00" + struct.pack("<I", 7400)
    for record in records:
        data += record(len(data))
    path.write_bytes(data + bytes(13))
    return path


def _leg(angle=(0.0, 90.0)):
    objects = [
        _model(1, "Hips", _setting("Lcl Translation", 0.0, 90.0, 0.0)),
        _model(
            2,
            "Leg",
            _setting("Lcl Translation", 0.0, -90.0, 0.0),
            _setting("PreRotation", 0.0, 90.0, 0.0),
        ),
        _model(3, "Foot", _setting("Lcl Translation", 0.0, 0.0, 20.0)),
        _record("AnimationCurveNode", (10, "R", "")),
        _record("AnimationCurveNode", (11, "T", "")),
        _curve(20, [1.0, 1.5, 2.0], [angle[0], angle[1] / 2, angle[1]]),
        _curve(21, [1.0, 1.5, 2.0], [0.0, 50.0, 100.0]),
    ]
    links = [
        *(_link("OO", 2, 1), _link("OO", 3, 2), _link("OP", 10, 2, "Lcl Rotation")),
        *(_link("OP", 11, 1, "Lcl Translation"), _link("OP", 20, 10, "d|Z")),
        _link("OP", 21, 11, "d|X"),
    ]
    return [_record("Objects", (), objects), _record("Connections", (), links)]


def test_fbx_curves_and_pre_rotations(tmp_path):
    motion = cmu_fbx.read_sequence(_write_fbx(tmp_path / "a.fbx", _leg()))
    np.testing.assert_allclose(motion.time, [1.0, 1.5, 2.0])
    assert (motion.body.root, motion.body.joints) == ("Hips", ("Leg", "Foot"))
    np.testing.assert_allclose(
        motion.T_world_root[0, :, 4:], [[0, 0, 0.9], [0.5, 0, 0.9], [1, 0, 0.9]], atol=1e-6
    )
    place = joint_positions(motion)
    foot = place["Foot"] - place["Leg"]
    # Pre-rotation about Y brings Z to X; the curve's 90 degrees about Z act inside it.
    for row, angle in enumerate((0, np.pi / 4, np.pi / 2)):
        inside = Rotation.from_euler("z", angle).apply([0, 0, 0.2])
        expected = Rotation.from_euler("y", np.pi / 2).apply(inside)
        np.testing.assert_allclose(foot[row], expected[[0, 2, 1]] * [1, -1, 1], atol=1e-6)


def test_fbx_without_motion_or_of_another_kind(tmp_path):
    objects = [_record("Objects", (), [_model(1, "Hips")]), _record("Connections")]
    with pytest.raises(FormatError, match="moves no bone"):
        cmu_fbx.read_sequence(_write_fbx(tmp_path / "a.fbx", objects))
    with pytest.raises(FormatError, match="1 to 2048"):
        cmu_fbx.read_sequence(
            _write_fbx(tmp_path / "b.fbx", [_record("Objects"), _record("Connections")])
        )
    (tmp_path / "c.fbx").write_text("; FBX 7.3.0 project file")
    with pytest.raises(FormatError, match="binary FBX"):
        cmu_fbx.read_sequence(tmp_path / "c.fbx")


def test_fbx_in_a_circle_and_several_people(tmp_path):
    circle = _leg()
    circle[1] = _record(
        "Connections", (), [_link("OO", 1, 2), _link("OO", 2, 1), _link("OO", 3, 1)]
    )
    with pytest.raises(FormatError, match="circle"):
        cmu_fbx.read_sequence(_write_fbx(tmp_path / "a.fbx", circle))
    apart = _leg()
    apart[1] = _record("Connections", (), [_link("OO", 2, 1)])
    with pytest.raises(FormatError, match="several skeletons"):
        cmu_fbx.read_sequence(_write_fbx(tmp_path / "a.fbx", apart))


def test_damaged_fbx_never_escapes(tmp_path, shared):
    data = bytearray((shared / "data/cmu_fbx/85_04.fbx").read_bytes())
    random = np.random.default_rng(0)
    path = tmp_path / "a.fbx"
    for _ in range(40):
        spoiled = data.copy()
        for place in random.integers(20, len(data), 30):
            spoiled[place] = random.integers(256)
        path.write_bytes(bytes(spoiled[: random.integers(100, len(data))]))
        with pytest.raises(InputError):
            cmu_fbx.read_sequence(path)


def test_fbx_arrays_unpack_to_what_they_announce():
    bomb = zlib.compress(bytes(50_000_000))
    data = b"Kaydara FBX Binary  \x00\x1a\x00" + struct.pack("<I", 7400)
    body = b"d" + struct.pack("<III", 10, 1, len(bomb)) + bomb
    data += struct.pack("<IIIB", 27 + 13 + 1 + len(body), 1, len(body), 1) + b"A" + body + bytes(13)
    (record,) = parse_records(data).children
    assert record.values[0].shape == (10,)
    huge = data.replace(
        struct.pack("<III", 10, 1, len(bomb)), struct.pack("<III", 2**31, 1, len(bomb))
    )
    with pytest.raises(FormatError, match="more than"):
        parse_records(huge)


def test_gzip_of_a_table(tmp_path):
    rows = np.zeros((2, 117))
    path = tmp_path / "walking_1.txt.gz"
    path.write_bytes(gzip.compress("\n".join(",".join(map(str, row)) for row in rows).encode()))
    assert cmu_expmap.read_sequence(path).people == ("walking_1",)
    assert list(cmu_expmap.sequences(tmp_path)) == [path]
