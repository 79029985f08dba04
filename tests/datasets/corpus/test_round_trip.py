"""What is written in Harmony4D's layout, and that it comes back."""

import hashlib
import io
import pickletools

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

import marey
from marey.body import load_body
from marey.body.trajectories import joint_trajectories
from marey.core import convert_keypoints, load_skeleton
from marey.core.errors import InputError, NothingFoundError, OutputExistsError
from marey.datasets.corpus import write as writing
from marey.datasets.corpus.object_files import encode_object
from marey.datasets.corpus.read import read_take
from marey.datasets.corpus.views import NEAREST_M
from marey.geometry.projection import project_points
from marey.jobs.dataset.write import CorpusOptions, export_corpus
from tests.body.files import random_body, write_npz
from tests.datasets.corpus.scene import PEOPLE, TIME, T, list_tree, make_take_of

VIEWS = ("cam01", "cam02", "cam03", "aria01")
SMPL_45 = load_skeleton("smpl-45")


@pytest.fixture(scope="module")
def smpl(tmp_path_factory):
    path = tmp_path_factory.mktemp("body") / "SMPL_NEUTRAL.npz"
    return write_npz(path, random_body("smpl", num_vertices=6890))


@pytest.fixture(scope="module", params=["marey-h", "smpl"])
def case(request, smpl, tmp_path_factory):
    """A take, and the folder of its corpus."""
    folder = tmp_path_factory.mktemp(request.param)
    own = request.param == "marey-h"
    take = make_take_of() if own else make_take_of(str(smpl), joints=23)
    marey.write(take, folder / "hug.take")
    done = export_corpus(folder / "hug.take", folder / "001_hug", layout="harmony4d")
    assert done.people == PEOPLE
    return take, folder / "001_hug"


def load(path):
    """Read a file as the programs of the field do."""
    return np.load(path, allow_pickle=True).item()


def test_every_file_is_where_the_layout_has_it(case):
    _, folder = case
    frames = [f"{number:05d}.npy" for number in range(1, T + 1)]
    parts = ("poses2d", "cam_smpl", "bbox", "smpl_2d_joints_24", "smpl_2d_joints_45")
    expected = {
        *(f"colmap/workplace/{name}.txt" for name in ("cameras", "images", "points3D")),
        "colmap/workplace/scale.npy",
        *("marey.json", "datasheet.md", "datasheet.json", "datasheet.toml"),
        *(f"processed_data/{part}/{name}" for part in ("poses3d", "smpl") for name in frames),
        *(
            f"processed_data/{part}/{view}/rgb/{name}"
            for part in parts
            for view in VIEWS
            for name in frames
        ),
    }
    assert set(list_tree(folder)) == expected


def test_bodies_are_as_the_layout_has_them(case):
    take, folder = case
    bodies = load(folder / "processed_data/smpl/00001.npy")
    assert list(bodies) == ["aria01", "aria02"]
    assert list(load(folder / "processed_data/smpl/00003.npy")) == ["aria01"]
    shapes = {k: np.shape(v) for k, v in bodies["aria01"].items()}
    common = {"global_orient": (3,), "transl": (3,), "body_pose": (69,), "betas": (10,)}
    assert shapes.items() >= {**common, "epoch_loss": (), "joints": (45, 3)}.items()
    if take.motion.body == "marey-h":
        assert bodies["aria01"]["body"] == "marey-h"
        assert not bodies["aria01"]["betas"].any()
        assert "vertices" not in bodies["aria01"]
    else:
        assert "body" not in bodies["aria01"]
        assert shapes["vertices"] == (6890, 3)
        np.testing.assert_allclose(bodies["aria02"]["betas"], take.motion.shape[1], atol=1e-6)


def test_parameters_pose_the_joints_and_vertices_beside_them(case, smpl):
    """A program with SMPL's own file gets from the parameters what stands in the file."""
    take, folder = case
    if take.motion.body == "marey-h":
        pytest.skip("marey-h has no SMPL file")
    body = load_body(smpl).to(dtype=torch.float64)
    entry = load(folder / "processed_data/smpl/00002.npy")["aria02"]
    vectors = np.concatenate([entry["global_orient"], entry["body_pose"]]).reshape(-1, 3)
    turn = torch.from_numpy(Rotation.from_rotvec(vectors).as_matrix())
    shape = torch.from_numpy(entry["betas"])
    root = body.root_position(shape, torch.from_numpy(entry["transl"]))
    posed = body.pose_matrices(shape, turn[0], turn[1:], position=root)
    np.testing.assert_allclose(body.vertices(posed).numpy(), entry["vertices"], atol=1e-5)
    marks = body.landmark_positions(posed, SMPL_45.keypoints).numpy()
    np.testing.assert_allclose(marks, entry["joints"], atol=1e-5)


@pytest.mark.parametrize("view", range(4))
def test_camera_frame_bodies_project_where_world_bodies_do(case, smpl, view):
    take, folder = case
    own = take.motion.body == "marey-h"
    body = load_body("marey-h", mesh="light") if own else load_body(smpl)
    body = body.to(dtype=torch.float64)
    for number in (1, 4, T):
        place = f"{VIEWS[view]}/rgb/{number:05d}.npy"
        for name, entry in load(folder / "processed_data/cam_smpl" / place).items():
            pose = entry["marey_h_pose"] if own else entry["body_pose"]
            vectors = np.concatenate([entry["global_orient"], pose.ravel()]).reshape(-1, 3)
            turn = torch.from_numpy(Rotation.from_rotvec(vectors).as_matrix())
            shape = torch.from_numpy(entry["marey_h_shape"] if own else entry["betas"])
            root = body.root_position(shape, torch.from_numpy(entry["transl"]))
            posed = body.pose_matrices(shape, turn[0], turn[1:], position=root)
            near = body.landmark_positions(posed, SMPL_45.keypoints)
            pixels = project_points(
                near,
                torch.from_numpy(take.cameras.K[view]),
                torch.from_numpy(take.cameras.distortion[view]),
            ).numpy()
            world = load(folder / "processed_data/smpl_2d_joints_45" / place)[name]
            front = near[:, 2].numpy() > NEAREST_M
            assert front.any() and np.isnan(world[~front]).all()
            # Far outside the picture a pixel is a hair.
            front &= np.abs(np.nan_to_num(world)).max(-1) < 5000
            np.testing.assert_allclose(pixels[front], world[front], atol=1e-3)
            few = load(folder / "processed_data/smpl_2d_joints_24" / place)[name]
            np.testing.assert_array_equal(few, world[:24])
            mesh = project_points(
                body.vertices(posed),
                torch.from_numpy(take.cameras.K[view]),
                torch.from_numpy(take.cameras.distortion[view]),
            ).numpy()
            mesh[(body.vertices(posed)[:, 2] < NEAREST_M).numpy()] = np.nan
            box = load(folder / "processed_data/bbox" / place)[name]
            size = take.cameras.size[view]
            low, high = np.nanmin(mesh, 0).clip(0, size), np.nanmax(mesh, 0).clip(0, size)
            np.testing.assert_allclose(box, [*low, *high], atol=0.51)


def test_detections_and_triangulated_joints(case):
    take, folder = case
    people = load(folder / "processed_data/poses2d/cam02/rgb/00001.npy")
    assert [p["human_name"] for p in people] == ["aria01", "aria02"]
    np.testing.assert_allclose(people[0]["bbox"], [10, 20, 110, 220, 0.9])
    expected = take.people[1].keypoints2d[1].position[0, 0]
    np.testing.assert_allclose(people[1]["keypoints"][:, :2], expected, atol=1e-3)
    joints = load(folder / "processed_data/poses3d/00001.npy")
    np.testing.assert_allclose(
        joints["aria02"][:, :3], take.people[1].keypoints3d.position[0, 0], atol=1e-6
    )
    assert (joints["aria02"][:, 3] == 1).all()
    assert list(load(folder / "processed_data/poses3d/00003.npy")) == ["aria01"]


def test_it_comes_back(case):
    take, folder = case
    back = read_take(folder)
    assert [person.name for person in back.people] == list(PEOPLE)
    np.testing.assert_allclose(back.time, TIME, atol=1e-9)
    before, after = take.cameras, back.cameras
    assert set(after.names) == set(before.names)
    order = [after.names.index(name) for name in before.names]
    np.testing.assert_allclose(after.K[order], before.K, atol=1e-9)
    np.testing.assert_allclose(after.distortion[order], before.distortion, atol=1e-12)
    # A quaternion and its opposite are the same rotation.
    poses = after.T_cam_world[order]
    sign = np.sign((poses[..., :4] * before.T_cam_world[..., :4]).sum(-1, keepdims=True))
    poses[..., :4] *= sign
    np.testing.assert_allclose(poses, before.T_cam_world, atol=1e-9)
    body = None if take.motion.body == "marey-h" else load_body(take.motion.body)
    joints = joint_trajectories(take.motion, body=body)
    joints = convert_keypoints(joints.position, joints.skeleton, SMPL_45)
    stated = np.stack([person.keypoints3d.position[0] for person in back.people])
    there = np.isfinite(joints)
    assert there[..., 0].sum() > 40 * 11
    np.testing.assert_allclose(stated[there], joints[there], atol=1e-4)
    for row in range(2):
        seen = back.people[row].keypoints2d[order[3]]
        expected = take.people[row].keypoints2d[3]
        np.testing.assert_allclose(seen.position, expected.position, atol=1e-2)
        np.testing.assert_allclose(seen.confidence, expected.confidence, atol=1e-6)


def test_the_motion_comes_back(case):
    take, folder = case
    own = take.motion.body == "marey-h"
    back = read_take(folder, body=None if own else take.motion.body)
    assert back.motion.body == take.motion.body
    body = load_body(take.motion.body, mesh="light") if own else load_body(take.motion.body)
    before = joint_trajectories(take.motion, body=body).position
    after = joint_trajectories(back.motion, body=body).position
    assert np.isnan(after[1, 2]).all() and np.isfinite(after[0]).all()
    np.testing.assert_allclose(after, before, atol=1e-4)


def test_boxes_come_back(case):
    _, folder = case
    back = read_take(folder)
    view = back.cameras.names.index("b")
    box = back.tracks[view].tracks[0].box
    stored = load(folder / "processed_data/bbox/cam02/rgb/00004.npy")["aria01"]
    np.testing.assert_array_equal(box[3], stored)


def test_files_name_nothing_but_arrays(case):
    """They load in every version of numpy, and by readers that allow only data."""
    _, folder = case
    for path in (folder / "processed_data").rglob("*.npy"):
        content = path.read_bytes()
        start = content.index(b"\n") + 1
        named = {arg for op, arg, _ in pickletools.genops(content[start:]) if op.name == "GLOBAL"}
        assert named <= {
            "numpy.core.multiarray _reconstruct",
            "numpy ndarray",
            "numpy dtype",
        }


def test_the_bytes_of_a_file_are_fixed():
    """Golden: equal bodies are equal files, on every machine and in every version."""
    content = encode_object({"aria01": {"betas": np.arange(3.0), "body": "marey-h"}})
    assert np.load(io.BytesIO(content), allow_pickle=True).item()["aria01"]["body"] == "marey-h"
    digest = hashlib.sha256(content).hexdigest()
    assert digest == "c9f7391c050215299af400149f7ca7706dd651bf019fc2a033c89bdd2cacf771"


def test_an_interrupted_export_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("marey.jobs.dataset.write.CHUNK", 2)
    take = tmp_path / "hug.take"
    marey.write(make_take_of(), take)
    export_corpus(take, tmp_path / "whole", layout="harmony4d")
    written, real = [], writing.CorpusWriter.write_frames

    def stop_in_the_middle(self, folder, start, stop):
        if start == 2 and not written[1:]:
            written.append("stopped")
            raise KeyboardInterrupt
        written.append(start)
        real(self, folder, start, stop)

    monkeypatch.setattr(writing.CorpusWriter, "write_frames", stop_in_the_middle)
    with pytest.raises(KeyboardInterrupt, match="goes on from there"):
        export_corpus(take, tmp_path / "parts", layout="harmony4d")
    assert not (tmp_path / "parts").exists()
    export_corpus(take, tmp_path / "parts", layout="harmony4d")
    assert written == [0, "stopped", 2, 4]
    assert not (tmp_path / "parts.part").exists()
    whole, parts = list_tree(tmp_path / "whole"), list_tree(tmp_path / "parts")
    named = {name for name in whole if whole[name] != parts[name]}
    assert named <= {"marey.json", "datasheet.md", "datasheet.json"}, "they name the sequence"


def test_other_options_begin_anew(tmp_path, monkeypatch):
    take, calls = tmp_path / "hug.take", []
    marey.write(make_take_of(), take)
    real = writing.CorpusWriter.write_frames

    def stop_once(self, folder, start, stop):
        calls.append(start)
        real(self, folder, start, stop)
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(writing.CorpusWriter, "write_frames", stop_once)
    with pytest.raises(KeyboardInterrupt):
        export_corpus(take, tmp_path / "a", layout="harmony4d")
    export_corpus(take, tmp_path / "a", layout="harmony4d", options=CorpusOptions(lean=True))
    assert calls == [0, 0]


def test_what_is_there_is_not_replaced_unless_asked(tmp_path):
    take = tmp_path / "hug.take"
    marey.write(make_take_of(), take)
    export_corpus(take, tmp_path / "a", layout="harmony4d")
    answers = tmp_path / "a" / "datasheet.toml"
    answers.write_text('[distribution]\nlicence = "CC BY 4.0"\n')
    with pytest.raises(OutputExistsError):
        export_corpus(take, tmp_path / "a", layout="harmony4d")
    export_corpus(take, tmp_path / "a", layout="harmony4d", overwrite=True)
    assert "CC BY 4.0" in (tmp_path / "a" / "datasheet.md").read_text()
    assert 'licence = "CC BY 4.0"' in answers.read_text(), "answers survive"
    (tmp_path / "diary").mkdir()
    with pytest.raises(InputError, match="no corpus of this layout"):
        export_corpus(take, tmp_path / "diary", layout="harmony4d", overwrite=True)


def test_takes_that_cannot_be_written(tmp_path):
    take = make_take_of()
    from dataclasses import replace

    for number, (bad, kind, said) in enumerate(
        [
            (replace(take, cameras=None), InputError, "has no cameras"),
            (
                replace(take, people=tuple(replace(p, motion=None) for p in take.people)),
                NothingFoundError,
                "no motion",
            ),
            (
                replace(
                    take,
                    people=tuple(
                        replace(p, motion=replace(p.motion, body="smplh")) for p in take.people
                    ),
                ),
                InputError,
                "name your own SMPL file with --body",
            ),
        ]
    ):
        path = tmp_path / f"{number}.take"
        marey.write(bad, path)
        with pytest.raises(kind, match=said):
            export_corpus(path, tmp_path / "out", layout="harmony4d")
        assert not (tmp_path / "out").exists()
    marey.write(take, tmp_path / "seen.take")
    with pytest.raises(InputError, match="pictures of"):
        export_corpus(
            tmp_path / "seen.take",
            tmp_path / "out",
            layout="harmony4d",
            options=CorpusOptions(images=True),
        )
