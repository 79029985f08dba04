"""Body files of every official layout, written by the test, read without executing anything."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from marey.body import load_body
from marey.core.errors import FormatError, InputError
from tests.body.files import KINDS, random_body, write_npz, write_pickle


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("write", [write_npz, write_pickle])
def test_official_layouts(tmp_path: Path, kind: str, write: Any) -> None:
    arrays = random_body(kind)
    path = write(tmp_path / ("body.npz" if write is write_npz else "body.pkl"), arrays)
    body = load_body(path)
    assert body.name == kind
    assert body.num_shape == 10
    assert len(body.joint_names) == KINDS[kind][0]
    assert body.joint_names[0] == "pelvis"
    np.testing.assert_allclose(body.v_template.numpy(), arrays["v_template"], rtol=1e-6)
    np.testing.assert_array_equal(body.faces.numpy(), arrays["f"])
    joints = arrays["J_regressor"] @ arrays["v_template"]
    np.testing.assert_allclose(body.joint_template.numpy(), joints, atol=1e-6)
    # The joints of a shape are the regressor times the vertices of that shape.
    beta = np.linspace(-2, 2, 10)
    shaped = arrays["v_template"] + arrays["shapedirs"][..., :10] @ beta
    rest = body.rest_joints(torch.tensor(beta, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(rest, arrays["J_regressor"] @ shaped, atol=1e-6)


def test_npz_and_pickle_of_one_body_are_the_same(tmp_path: Path) -> None:
    arrays = random_body("smplh")
    one = load_body(write_npz(tmp_path / "a.npz", arrays))
    two = load_body(write_pickle(tmp_path / "b.pkl", arrays))
    assert torch.equal(one.weights, two.weights)
    assert torch.equal(one.joint_shapedirs, two.joint_shapedirs)
    assert one.posedirs is not None and two.posedirs is not None
    assert torch.equal(one.posedirs, two.posedirs)
    assert one.version != two.version, "versions come from the file's checksum"


def test_smplx_keeps_expressions_out_of_the_shape(tmp_path: Path) -> None:
    arrays = random_body("smplx")
    path = write_npz(tmp_path / "x.npz", arrays)
    assert load_body(path, num_shape=300).num_shape == 300
    with pytest.raises(InputError, match="has 300 shape coefficients, num_shape=301"):
        load_body(path, num_shape=301)
    arrays["shapedirs"] = arrays["shapedirs"][..., :20]  # the older form: 10 shape, 10 expression
    with pytest.raises(InputError, match="has 10 shape"):
        load_body(write_npz(tmp_path / "old.npz", arrays), num_shape=11)


def test_jaw_and_eyes_stand_before_the_fingers(tmp_path: Path) -> None:
    body = load_body(write_npz(tmp_path / "x.npz", random_body("smplx")))
    names, parents = body.joint_names, body.parents
    assert names[22:26] == ("jaw", "left_eye_smplhf", "right_eye_smplhf", "left_index1")
    for name, parent in (
        ("jaw", "head"),
        ("left_index1", "left_wrist"),
        ("right_thumb3", "right_thumb2"),
    ):
        assert names[parents[names.index(name)]] == parent


def test_landmark_vertices_of_smpls_topology(tmp_path: Path) -> None:
    arrays = random_body("smpl", num_vertices=6890)
    body = load_body(write_npz(tmp_path / "smpl.npz", arrays))
    marks = body.landmarks
    nose = marks.template[marks.index("nose")]
    np.testing.assert_allclose(nose.numpy(), arrays["v_template"][332], rtol=1e-6)
    for name in ("left_pinky4", "right_heel", "head_top", "mid_hip", "left_hand_wrist"):
        assert name in marks.names
    other = load_body(write_npz(tmp_path / "other.npz", random_body("smpl", num_vertices=300)))
    assert "nose" not in other.landmarks.names, "vertex ids mean nothing on another mesh"


def damage(key: str, value: np.ndarray | None) -> dict[str, np.ndarray]:
    arrays = random_body("smpl")
    if value is None:
        del arrays[key]
    else:
        arrays[key] = value
    return arrays


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("weights", None, "no weights"),
        ("weights", np.ones((200, 23)), r"weights has shape \(200, 23\), expected \(200, 24\)"),
        ("J_regressor", np.ones((24, 199)), "J_regressor has shape"),
        ("shapedirs", np.ones((200, 10)), "shapedirs has shape"),
        ("posedirs", np.ones((200, 3, 206)), "posedirs has shape"),
        ("f", np.array([[0, 1, 200]]), "f is no list of triangles"),
        ("f", np.array([[0, 1, -1]]), "f is no list of triangles"),
        ("f", np.zeros((0, 3), np.int64), "f is no list of triangles"),
        ("kintree_table", np.zeros((2, 24), np.int64), "not SMPL's"),
        ("kintree_table", np.zeros((2, 17), np.int64), "has 17 joints"),
        ("kintree_table", np.zeros(24, np.int64), "kintree_table has shape"),
        ("v_template", np.array(3.0), "v_template"),
        ("v_template", np.full((200, 3), np.nan), "v_template"),
        ("v_template", np.array(["a"] * 600).reshape(200, 3), "v_template"),
    ],
)
def test_wrong_arrays_are_named(
    tmp_path: Path, key: str, value: np.ndarray | None, message: str
) -> None:
    for write, name in ((write_npz, "a.npz"), (write_pickle, "a.pkl")):
        if write is write_pickle and value is None:
            continue
        with pytest.raises(FormatError, match=message):
            load_body(write(tmp_path / name, damage(key, value)))


def test_files_that_are_no_bodies(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no body file"):
        load_body(tmp_path / "absent.npz")
    text = tmp_path / "notes.pkl"
    text.write_text("hello")
    with pytest.raises(FormatError, match=r"notes\.pkl"):
        load_body(text)
    motion = tmp_path / "motion.npz"
    np.savez(motion, poses=np.zeros((2, 156)))
    with pytest.raises(FormatError, match="no body model of the SMPL family"):
        load_body(motion)
    broken = tmp_path / "broken.npz"
    write_npz(broken, random_body("smpl"))
    broken.write_bytes(broken.read_bytes()[:2000])
    with pytest.raises(FormatError):
        load_body(broken)
    with pytest.raises(InputError, match="unknown body 'smpl'"):
        load_body("smpl")
    with pytest.raises(InputError, match="light"):
        load_body(write_npz(tmp_path / "s.npz", random_body("smpl")), mesh="light")


def test_object_arrays_in_npz_are_not_executed(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple:
            return os.system, (f"touch {tmp_path / 'executed'}",)

    arrays = random_body("smpl")
    path = tmp_path / "bomb.npz"
    np.savez(path, **{**arrays, "J_regressor": np.array([Bomb()], dtype=object)})
    with pytest.raises(FormatError, match="refers to"):
        load_body(path)
    assert not (tmp_path / "executed").exists()
