"""GLB files read by an independent reader: glTF's own equations must give marey's own meshes."""

import json
import os
import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation, Slerp

from marey.body.load import load_body
from marey.core import BodyMotion, Rig
from marey.core.errors import FormatError, InputError
from marey.io.gltf import read_gltf, write_gltf

NUM_FRAMES = 12
ABSENT = slice(4, 8)
DTYPES = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}
FROM_WORLD = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])


def smooth_rotations(rng: np.random.Generator, *shape: int, size: float) -> np.ndarray:
    """Rotations that swing over time, sampled at NUM_FRAMES; quaternions wxyz (shape, T, 4)."""
    phase = np.linspace(0, 2, NUM_FRAMES)[:, None]
    start, width = rng.uniform(0, 6, (*shape, 1, 3)), rng.normal(size=(*shape, 1, 3)) * size
    swing = np.sin(phase + start) * width
    quaternions = Rotation.from_rotvec(swing.reshape(-1, 3)).as_quat(scalar_first=True)
    return quaternions.reshape(*shape, NUM_FRAMES, 4)


def random_motion(
    seed: int = 0, *, num_joints: int = 51, body: str | Rig = "marey-h"
) -> BodyMotion:
    rng = np.random.default_rng(seed)
    pose = np.moveaxis(smooth_rotations(rng, 2, num_joints, size=0.4), 1, 2)
    pose[:, :, 20] = (1, 0, 0, 0)  # one joint never turns
    root = np.concatenate(
        [smooth_rotations(rng, 2, size=2.0), rng.normal(size=(2, NUM_FRAMES, 3))], -1
    )
    root[0, ::2, :4] *= -1  # the same rotations, written with jumping signs
    root[1, ABSENT], pose[1, ABSENT] = np.nan, np.nan
    return BodyMotion(
        body=body,
        people=("Ada", "Bo"),
        time=5.0 + np.arange(NUM_FRAMES) / 30,
        shape=rng.normal(size=(2, 10 if isinstance(body, str) else 0)).astype(np.float32),
        T_world_root=root.astype(np.float32),
        R_parent_joint=pose.astype(np.float32),
        confidence=np.isfinite(root).all(-1).astype(np.float32),
    )


def small_rig() -> Rig:
    names = [f"joint{i}" for i in range(30)]
    rng = np.random.default_rng(4)
    parents = tuple(int(rng.integers(-1, i)) for i in range(30))
    offset = rng.normal(size=(30, 3)).astype(np.float32) * 0.2
    return Rig(name="small", root="base", joints=tuple(names), parents=parents, offset=offset)


class PlainReader:
    """A glTF reader that shares nothing with the writer."""

    def __init__(self, path: Path):
        data = path.read_bytes()
        assert data[:4] == b"glTF"
        version, total, length = struct.unpack("<III", data[4:16])
        assert (version, total) == (2, len(data))
        self.doc: dict[str, Any] = json.loads(data[20 : 20 + length])
        self.blob = data[28 + length :]
        self.parent = {
            child: index
            for index, node in enumerate(self.doc["nodes"])
            for child in node.get("children", ())
        }

    def array(self, index: int) -> np.ndarray:
        accessor = self.doc["accessors"][index]
        view = self.doc["bufferViews"][accessor["bufferView"]]
        width, start = WIDTHS[accessor["type"]], view["byteOffset"]
        values = np.frombuffer(
            self.blob, DTYPES[accessor["componentType"]], accessor["count"] * width, start
        )
        return values.reshape(-1, width) if width > 1 else values

    def local(self, node: int, time: float | None) -> np.ndarray:
        """The node's own matrix at a time; at rest without one."""
        parts = {"translation": [0, 0, 0], "rotation": [0, 0, 0, 1], "scale": [1, 1, 1]}
        parts |= {k: v for k, v in self.doc["nodes"][node].items() if k in parts}
        if time is not None:
            for animation in self.doc.get("animations", ()):
                for channel in animation["channels"]:
                    if channel["target"]["node"] == node:
                        sampler = animation["samplers"][channel["sampler"]]
                        path = channel["target"]["path"]
                        parts[path] = self.sample(sampler, path, time)
        matrix = np.eye(4)
        rotation = Rotation.from_quat(parts["rotation"]).as_matrix()
        matrix[:3, :3] = rotation * np.asarray(parts["scale"])
        matrix[:3, 3] = parts["translation"]
        return matrix

    def sample(self, sampler: dict[str, Any], path: str, time: float) -> np.ndarray:
        times, values = self.array(sampler["input"]), self.array(sampler["output"])
        time = np.float32(time)
        if sampler["interpolation"] == "STEP" or len(times) == 1:
            return values[max(np.searchsorted(times, time, "right") - 1, 0)]
        time = np.clip(time, times[0], times[-1])
        if path == "rotation":
            return Slerp(times, Rotation.from_quat(values))(time).as_quat()
        return np.stack([np.interp(time, times, column) for column in values.T], -1)

    def globals(self, time: float | None) -> list[np.ndarray]:
        matrices: list[np.ndarray] = []
        for node in range(len(self.doc["nodes"])):
            matrix = self.local(node, time)
            # Parents come first in our files; a reader of any file would recurse.
            assert self.parent.get(node, -1) < node
            matrices.append(matrices[self.parent[node]] @ matrix if node in self.parent else matrix)
        return matrices

    def vertices(self, person: str, time: float | None) -> np.ndarray:
        """glTF's skinning: sum of weight times global joint matrix times inverse bind matrix."""
        node = next(n for n in self.doc["nodes"] if n["name"] == person and "mesh" in n)
        skin = self.doc["skins"][node["skin"]]
        attributes = self.doc["meshes"][node["mesh"]]["primitives"][0]["attributes"]
        inverse = self.array(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
        poses = self.globals(time)
        joints = np.stack([poses[j] @ b for j, b in zip(skin["joints"], inverse, strict=True)])
        positions = self.array(attributes["POSITION"])
        points = np.c_[positions, np.ones(len(positions))]
        index, weight = self.array(attributes["JOINTS_0"]), self.array(attributes["WEIGHTS_0"])
        return np.einsum("vk,vkij,vj->vi", weight, joints[index], points)[:, :3]


def marey_vertices(motion: BodyMotion, person: int, frame: int, mesh: str = "light") -> np.ndarray:
    """Marey's own mesh in glTF's axes."""
    body = load_body("marey-h", mesh=mesh)
    posed = body.pose(
        *(
            torch.from_numpy(values)
            for values in (
                motion.shape[person],
                motion.T_world_root[person, frame],
                motion.R_parent_joint[person, frame],
            )
        )
    )
    return body.vertices(posed).numpy() @ FROM_WORLD.T


@pytest.fixture(scope="module")
def motion() -> BodyMotion:
    return random_motion()


@pytest.fixture(scope="module")
def glb(motion, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("gltf") / "two.glb"
    write_gltf(motion, path, provenance={"stage": "fit", "config": "abc"})
    return path


@pytest.mark.parametrize("frame", [0, 3, 9, 11])
def test_gltf_skinning_gives_mareys_vertices(motion, glb, frame):
    reader = PlainReader(glb)
    time = motion.time[frame] - motion.time[0]
    for person, name in enumerate(motion.people):
        ours = marey_vertices(motion, person, frame)
        # Two metres in float32 with quaternions rounded to 6e-8.
        np.testing.assert_allclose(reader.vertices(name, time), ours, atol=1e-5)


def test_full_mesh(motion, tmp_path):
    path = tmp_path / "full.glb"
    write_gltf(motion, path, mesh="full")
    ours = marey_vertices(motion, 0, 5, mesh="full")
    there = PlainReader(path).vertices("Ada", motion.time[5] - motion.time[0])
    np.testing.assert_allclose(there, ours, atol=1e-5)


def test_between_frames_limbs_turn_the_short_way(motion, glb):
    """Half-way between two frames lies the half-way rotation although the signs jumped."""
    reader = PlainReader(glb)
    root = next(i for i, n in enumerate(reader.doc["nodes"]) if n["name"] == "Ada_pelvis")
    middle = (motion.time[2] + motion.time[3]) / 2 - motion.time[0]
    before, after = (
        Rotation.from_quat(motion.T_world_root[0, t, :4], scalar_first=True) for t in (2, 3)
    )
    halfway = before * Rotation.from_rotvec((before.inv() * after).as_rotvec() / 2)
    expected = FROM_WORLD @ halfway.as_matrix()
    np.testing.assert_allclose(reader.local(root, middle)[:3, :3], expected, atol=1e-5)
    for animation in reader.doc["animations"]:
        for channel in animation["channels"]:
            if channel["target"]["path"] == "rotation":
                values = reader.array(animation["samplers"][channel["sampler"]]["output"])
                np.testing.assert_allclose(np.linalg.norm(values, axis=1), 1, atol=1e-6)
                assert ((values[1:] * values[:-1]).sum(1) > 0).all()


def test_absent_people_vanish_and_nothing_is_nan(motion, glb):
    reader = PlainReader(glb)
    for frame in range(NUM_FRAMES):
        points = reader.vertices("Bo", motion.time[frame] - motion.time[0])
        extent = np.ptp(points, 0).max()
        assert (extent < 1e-6) == (ABSENT.start <= frame < ABSENT.stop), frame
    floats = [i for i, a in enumerate(reader.doc["accessors"]) if a["componentType"] == 5126]
    assert all(np.isfinite(reader.array(i)).all() for i in floats)
    assert "NaN" not in json.dumps(reader.doc)


def test_rest_pose_stands_upright_on_the_floor_where_the_person_starts(motion, glb):
    """Without its animation the file shows T-poses: +Y up, facing +Z, soles at y = 0."""
    reader = PlainReader(glb)
    for person, name in enumerate(motion.people):
        points = reader.vertices(name, None)
        assert points[:, 1].min() == pytest.approx(0, abs=1e-5)
        assert 1.3 < points[:, 1].max() < 2.2
        pelvis = reader.globals(None)[_root(reader, name)][:3, 3]
        start = FROM_WORLD @ motion.T_world_root[person, 0, 4:]
        np.testing.assert_allclose(pelvis[[0, 2]], start[[0, 2]], atol=1e-6)
        toes = reader.globals(None)[_root(reader, name, "left_foot")][:3, 3]
        assert toes[2] > pelvis[2] and toes[0] > pelvis[0]


def _root(reader: PlainReader, person: str, joint: str = "pelvis") -> int:
    return [node["name"] for node in reader.doc["nodes"]].index(f"{person}_{joint}")


def test_attributes_keep_the_rules_of_the_format(glb):
    reader = PlainReader(glb)
    for mesh in reader.doc["meshes"]:
        primitive = mesh["primitives"][0]
        arrays = {name: reader.array(i) for name, i in primitive["attributes"].items()}
        weights, joints = arrays["WEIGHTS_0"], arrays["JOINTS_0"]
        np.testing.assert_allclose(weights.sum(1, dtype=np.float64), 1, atol=2e-7)
        assert (joints[weights == 0] == 0).all() and joints.dtype == np.uint8
        np.testing.assert_allclose(np.linalg.norm(arrays["NORMAL"], axis=1), 1, atol=1e-6)
        accessor = reader.doc["accessors"][primitive["attributes"]["POSITION"]]
        np.testing.assert_array_equal(accessor["min"], arrays["POSITION"].min(0).astype(float))
        # Normals point outwards: a closed body's volume by its faces is positive, and the
        # normals agree with the faces they belong to.
        faces = reader.array(primitive["indices"]).reshape(-1, 3)
        a, b, c = np.moveaxis(arrays["POSITION"][faces].astype(np.float64), 1, 0)
        assert np.einsum("fi,fi->", a, np.cross(b, c)) / 6 > 0.03
        agree = (np.cross(b - a, c - a) * arrays["NORMAL"][faces[:, 0]]).sum(1)
        assert (agree > 0).mean() > 0.99


def test_people_of_one_body_share_what_is_equal(glb):
    meshes = PlainReader(glb).doc["meshes"]
    first, second = (mesh["primitives"][0] for mesh in meshes)
    assert first["indices"] == second["indices"]
    assert first["attributes"]["WEIGHTS_0"] == second["attributes"]["WEIGHTS_0"]
    assert first["attributes"]["POSITION"] != second["attributes"]["POSITION"]
    assert first["material"] != second["material"]


def test_round_trip(motion, glb):
    back = read_gltf(glb)
    assert (back.body, back.people) == (motion.body, motion.people)
    np.testing.assert_allclose(back.time, motion.time, atol=1e-6)
    np.testing.assert_array_equal(back.shape, motion.shape)
    np.testing.assert_allclose(back.T_world_root[..., 4:], motion.T_world_root[..., 4:], atol=1e-6)
    np.testing.assert_array_equal(back.confidence, motion.confidence)
    for ours, theirs in (
        (back.T_world_root[..., :4], motion.T_world_root[..., :4]),
        (back.R_parent_joint, motion.R_parent_joint),
    ):
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
        # q and -q are the same rotation.
        sign = np.sign((ours * theirs).sum(-1, keepdims=True))
        np.testing.assert_allclose(ours * sign, theirs, atol=1e-6)


def test_bytes_are_the_same_every_time(motion, glb, tmp_path):
    again = tmp_path / "again.glb"
    write_gltf(motion, again, provenance={"stage": "fit", "config": "abc"})
    assert again.read_bytes() == glb.read_bytes()


def test_a_rig_without_a_mesh_becomes_a_stick_figure(tmp_path):
    rig = small_rig()
    motion = random_motion(2, num_joints=30, body=rig)
    path = tmp_path / "rig.glb"
    write_gltf(motion, path)
    reader = PlainReader(path)
    frame, time = 9, motion.time[9] - motion.time[0]
    # Forward kinematics by hand, in marey's world.
    pose = Rotation.from_quat(motion.R_parent_joint[1, frame], scalar_first=True)
    rotations = [Rotation.from_quat(motion.T_world_root[1, frame, :4], scalar_first=True)]
    positions = [motion.T_world_root[1, frame, 4:]]
    for joint, parent in enumerate(rig.parents):
        positions.append(positions[parent + 1] + rotations[parent + 1].apply(rig.offset[joint]))
        rotations.append(rotations[parent + 1] * pose[joint])
    nodes = [_root(reader, "Bo", name) for name in (rig.root, *rig.joints)]
    there = np.stack([reader.globals(time)[node][:3, 3] for node in nodes])
    np.testing.assert_allclose(there, np.stack(positions) @ FROM_WORLD.T, atol=1e-5)
    assert np.ptp(reader.vertices("Bo", time), 0).min() > 0.05
    back = read_gltf(path)
    assert isinstance(back.body, Rig)
    assert (back.body.joints, back.body.parents) == (rig.joints, rig.parents)
    np.testing.assert_array_equal(back.body.offset, rig.offset)


def test_mixamo_names(tmp_path):
    motion = random_motion()
    one = replace(
        motion,
        people=motion.people[:1],
        shape=motion.shape[:1],
        T_world_root=motion.T_world_root[:1],
        R_parent_joint=motion.R_parent_joint[:1],
        confidence=motion.confidence[:1],
    )
    write_gltf(one, tmp_path / "m.glb", names="mixamo", mesh="none")
    bearer, *joints = PlainReader(tmp_path / "m.glb").doc["nodes"]
    names = [node["name"] for node in joints]
    assert (bearer["name"], names[0]) == ("Ada_rig", "mixamorig:Hips")
    assert len(set(names)) == len(names) == 52 and "mixamorig:RightHandThumb3" in names
    with pytest.raises(InputError, match="Mixamo has no name for the joint 'base'"):
        rig = random_motion(2, num_joints=30, body=small_rig())
        write_gltf(rig, tmp_path / "no.glb", names="mixamo")
    assert not (tmp_path / "no.glb").exists()


def test_mixamo_names_of_several_people(motion, tmp_path):
    """From the second on the prefix is numbered, as Mixamo does it; only the names differ."""
    paths = tmp_path / "mixamo.glb", tmp_path / "marey.glb"
    write_gltf(motion, paths[0], names="mixamo", mesh="none")
    write_gltf(motion, paths[1], mesh="none")
    mixamo, marey = (PlainReader(path) for path in paths)
    names = [node["name"] for node in mixamo.doc["nodes"]]
    assert len(set(names)) == len(names) and names.count("mixamorig1:Hips") == 1
    assert names.index("mixamorig1:LeftForeArm") == _root(marey, "Bo", "left_elbow")
    assert mixamo.blob == marey.blob
    assert read_gltf(paths[0]).people == motion.people


def test_each_person_has_a_node_of_their_own(motion, glb):
    """Above the root and still; Blender otherwise makes one armature of all people."""
    reader = PlainReader(glb)
    for person in motion.people:
        bearer = reader.parent[_root(reader, person)]
        assert reader.doc["nodes"][bearer]["name"] == f"{person}_rig"
        assert bearer in reader.doc["scenes"][0]["nodes"]
        np.testing.assert_array_equal(reader.local(bearer, 0.1), np.eye(4))


def test_faults_are_named(motion, glb, tmp_path):
    with pytest.raises(InputError, match=r"must end in \.glb"):
        write_gltf(motion, tmp_path / "a.gltf")
    with pytest.raises(InputError, match="times that increase"):
        write_gltf(replace(motion, time=np.zeros(NUM_FRAMES)), tmp_path / "a.glb")
    with pytest.raises(InputError, match="cannot read"):
        read_gltf(tmp_path / "absent.glb")
    damaged = tmp_path / "damaged.glb"
    damaged.write_bytes(b"PK" + glb.read_bytes()[2:])
    with pytest.raises(FormatError, match="not a GLB file"):
        read_gltf(damaged)
    damaged.write_bytes(glb.read_bytes()[:-2000])
    with pytest.raises(FormatError, match="cut short"):
        read_gltf(damaged)
    damaged.write_bytes(glb.read_bytes()[:200])
    with pytest.raises(FormatError, match="cut short"):
        read_gltf(damaged)
    foreign = glb.read_bytes().replace(b"marey-gltf", b"other-gltf")
    damaged.write_bytes(foreign)
    with pytest.raises(FormatError, match="not written by marey"):
        read_gltf(damaged)


def test_nobody_there_at_all(motion, tmp_path):
    empty = replace(
        motion,
        T_world_root=np.full_like(motion.T_world_root, np.nan),
        R_parent_joint=np.full_like(motion.R_parent_joint, np.nan),
    )
    write_gltf(empty, tmp_path / "empty.glb")
    back = read_gltf(tmp_path / "empty.glb")
    assert np.isnan(back.T_world_root).all() and back.T_world_root.shape == (2, NUM_FRAMES, 7)
    assert np.ptp(PlainReader(tmp_path / "empty.glb").vertices("Ada", 0.1), 0).max() < 1e-6


VALIDATE = """
const validator = require(process.argv[1] + "/node_modules/gltf-validator");
const bytes = new Uint8Array(require("fs").readFileSync(process.argv[2]));
validator.validateBytes(bytes).then((report) => console.log(JSON.stringify(report.issues)));
"""


@pytest.mark.parametrize("mesh", ["light", "full", "bones"])
def test_khronos_validator_finds_nothing(mesh, motion, tmp_path):
    """Set MAREY_GLTF_VALIDATOR to a folder in which `npm install gltf-validator` was run."""
    folder, node = os.environ.get("MAREY_GLTF_VALIDATOR"), shutil.which("node")
    if folder is None or node is None:
        pytest.skip("needs node and MAREY_GLTF_VALIDATOR")
    path = tmp_path / f"{mesh}.glb"
    write_gltf(motion, path, mesh=mesh)
    command = [node, "-e", VALIDATE, folder, str(path)]
    issues = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert issues["messages"] == []
