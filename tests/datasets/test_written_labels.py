"""Readers of corpora that were not at hand: files written in the documented layouts."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from scipy.spatial.transform import Rotation

from marey.core.errors import FormatError, InputError, NothingFoundError
from marey.datasets import (
    aist,
    emdb,
    hardmo,
    harmony4d,
    lsp,
    mpi_inf_3dhp,
    posetrack,
    shelf,
    tcmr,
    threedpw,
)
from tests.datasets.harmony import TURN, body, write_harmony4d

T = 6


class Call:
    """Pickles as a call of `print`."""

    def __reduce__(self):
        return print, ("this ran",)


def save(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol=2))
    return path


def camera_poses() -> np.ndarray:
    """World to camera, moving sideways by 10 cm a frame."""
    poses = np.tile(np.eye(4), (T, 1, 1))
    poses[:, :3, :3] = TURN.as_matrix()
    poses[:, 0, 3] = 0.1 * np.arange(T)
    poses[:, 2, 3] = 4.0
    return poses


# ------------------------------------------------------------------ 3DPW


def threedpw_file(**changes):
    random = np.random.default_rng(0)
    joints = [random.normal(size=(T, 72)) for _ in range(2)]
    points = random.uniform(1, 900, (T, 3, 18))
    points[:, 2] = 0.8
    points[2, :, 4] = 0.0
    valid = [np.ones(T, int), np.array([1, 1, 0, 1, 1, 1])]
    return {
        "sequence": "downtown_walk_00",
        "poses": [np.full((T, 72), 0.1 * k) for k in range(2)],
        "trans": [np.full((T, 3), 1.0 + k) for k in range(2)],
        "betas": [np.arange(10.0), np.arange(300.0)],
        "poses2d": [points, points],
        "jointPositions": joints,
        "campose_valid": valid,
        "genders": ["m", "f"],
        "cam_poses": camera_poses(),
        "cam_intrinsics": np.array([[1961.0, 0, 540], [0, 1969, 960], [0, 0, 1]]),
    } | changes


def test_3dpw_in_the_camera(tmp_path):
    data = threedpw_file()
    path = save(tmp_path / "sequenceFiles/test/downtown_walk_00.pkl", data)
    assert list(threedpw.sequences(tmp_path, "test")) == [path]
    assert list(threedpw.sequences(tmp_path / "sequenceFiles")) == [path]
    recording = threedpw.read_sequence(path)
    assert (recording.name, recording.people) == ("downtown_walk_00", ("00", "01"))
    joints = recording.keypoints3d
    world = data["jointPositions"][1][3].reshape(24, 3)
    expected = np.add(TURN.apply(world), [0.3, 0, 4])
    np.testing.assert_allclose(joints.position[1, 3], expected, atol=1e-6)
    assert joints.frame == "camera"
    # The camera of frame 2 is not known for the second person.
    assert (joints.confidence[1, 2] == 0).all()
    assert (recording.motion.confidence == [[1] * 6, [1, 1, 0, 1, 1, 1]]).all()
    image = recording.keypoints2d
    wrist = image.skeleton.index("right_wrist")
    assert image.confidence[0, 2, wrist] == 0
    np.testing.assert_allclose(image.position[0, 0, wrist], data["poses2d"][0][0, :2, 4] + 0.5)
    np.testing.assert_allclose(recording.motion.shape[1], np.arange(10))
    assert "m, f" in recording.notes[0]


def test_3dpw_with_arrays_over_people(tmp_path):
    data = threedpw_file()
    for key in ("poses", "trans", "jointPositions", "campose_valid"):
        data[key] = np.stack(data[key])
    path = save(tmp_path / "a.pkl", data)
    assert threedpw.read_sequence(path).motion.confidence.sum() == 11


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"poses": []}, "'poses' is of 0 people"),
        ({"poses": "text"}, "'poses'"),
        ({"poses": [np.zeros((T, 72)), np.zeros((T + 1, 72))]}, r"poses\[1\]"),
        ({"trans": [np.zeros((T, 3))]}, "'trans'"),
        ({"trans": [np.zeros((T, 3)), np.full((T, 3), np.nan)]}, r"trans\[1\].*not finite"),
        ({"betas": [np.zeros(10), np.zeros(3)]}, r"betas\[1\]"),
        ({"cam_poses": np.zeros((T, 4, 4))}, "no rotation"),
        ({"cam_intrinsics": np.eye(4)}, "cam_intrinsics"),
        ({"jointPositions": [np.zeros((T, 72))] * 3}, "jointPositions"),
        ({"poses": Call()}, "not plain data"),
    ],
)
def test_damaged_3dpw_is_refused(tmp_path, capsys, changes, said):
    path = save(tmp_path / "a.pkl", threedpw_file(**changes))
    with pytest.raises(FormatError, match=said):
        threedpw.read_sequence(path)
    assert capsys.readouterr().out == ""


# ------------------------------------------------------------------ EMDB


def emdb_file(**changes):
    return {
        "name": "P0_00",
        "gender": "female",
        "emdb1": False,
        "emdb2": True,
        "n_frames": T,
        "good_frames_mask": np.array([1, 1, 1, 0, 1, 1], bool),
        "camera": {
            "intrinsics": np.array([[1400.0, 0, 720], [0, 1400, 960], [0, 0, 1]]),
            "extrinsics": camera_poses(),
            "width": 1440,
            "height": 1920,
        },
        "smpl": {
            "poses_root": np.tile(TURN.as_rotvec(), (T, 1)),
            "poses_body": np.zeros((T, 69)),
            "trans": np.tile([1.0, 2, 3], (T, 1)),
            "betas": np.arange(10.0),
        },
        "kp2d": np.full((T, 24, 2), 100.0),
        "bboxes": {"bboxes": np.tile([10.0, 20, 30, 40], (T, 1)), "invalid_idxs": np.array([3])},
    } | changes


def test_emdb(tmp_path):
    path = save(tmp_path / "P0/00_walk/P0_00_walk_data.pkl", emdb_file())
    assert list(emdb.sequences(tmp_path)) == [path]
    recording = emdb.read_sequence(path)
    assert (recording.name, recording.size) == ("P0_00", (1440, 1920))
    assert emdb.parts(recording) == (2,)
    np.testing.assert_array_equal(recording.motion.confidence[0], [1, 1, 1, 0, 1, 1])
    assert np.isnan(recording.motion.T_world_root[0, 3]).all()
    root = Rotation.from_quat(recording.motion.T_world_root[0, 0, :4], scalar_first=True)
    np.testing.assert_allclose(root.as_rotvec(), TURN.as_rotvec(), atol=1e-6)
    assert not recording.keypoints2d.valid[0, 3].any()
    np.testing.assert_allclose(recording.cameras.K[0, :2, 2], [720.5, 960.5])
    np.testing.assert_allclose(recording.cameras.T_cam_world[0, :, 4], 0.1 * np.arange(T))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"smpl": None}, "smpl"),
        ({"smpl": emdb_file()["smpl"] | {"poses_body": np.zeros((T, 72))}}, "smpl.poses_body"),
        ({"camera": {}}, "camera.intrinsics"),
        ({"good_frames_mask": np.ones(T + 1)}, "good_frames_mask"),
        ({"kp2d": np.zeros((T, 17, 2))}, "kp2d"),
        ({"bboxes": [1]}, "bboxes"),
        ({"gender": Call()}, "not plain data"),
    ],
)
def test_damaged_emdb_is_refused(tmp_path, changes, said):
    path = save(tmp_path / "a_data.pkl", emdb_file(**changes))
    with pytest.raises(FormatError, match=said):
        emdb.read_sequence(path)


# ------------------------------------------------------------------ AIST++


def write_aist(folder, **changes):
    motion = {
        "smpl_poses": np.zeros((T, 72)),
        "smpl_trans": np.tile([90.0, 180.0, 270.0], (T, 1)),
        "smpl_scaling": np.array([90.0]),
    } | changes
    save(folder / "motions/gBR_sBM.pkl", motion)
    save(folder / "keypoints3d/gBR_sBM.pkl", {"keypoints3d_optim": np.full((T, 17, 3), 100.0)})
    (folder / "cameras").mkdir()
    (folder / "cameras/mapping.txt").write_text("gBR_other setting2\ngBR_sBM setting1\n")
    camera = {
        "name": "c01",
        "size": [1920, 1080],
        "matrix": [[1500, 0, 960], [0, 1500, 540], [0, 0, 1]],
        "rotation": [np.pi, 0, 0],
        "translation": [0, 160, 500],
        "distortions": [0.0] * 5,
    }
    (folder / "cameras/setting1.json").write_text(json.dumps([camera]))


def test_aist_stands_upright_in_metres(tmp_path):
    write_aist(tmp_path)
    assert list(aist.sequences(tmp_path)) == ["gBR_sBM"]
    recording = aist.read_sequence(tmp_path, "gBR_sBM")
    # (1, 2, 3) m with +Y up is (1, -3, 2) with +Z up.
    np.testing.assert_allclose(recording.motion.T_world_root[0, 0, 4:], [1, -3, 2], atol=1e-6)
    body_up = Rotation.from_quat(recording.motion.T_world_root[0, 0, :4], scalar_first=True)
    np.testing.assert_allclose(body_up.apply([0, 1, 0]), [0, 0, 1], atol=1e-6)
    np.testing.assert_allclose(recording.keypoints3d.position[0, 0, 0], [1, -1, 1], atol=1e-6)
    # A camera that looks along -Z of its world, upright, 5 m away and at a height of 1.6 m.
    pose = recording.cameras.T_cam_world[0, 0]
    seen = Rotation.from_quat(pose[:4], scalar_first=True).apply([[0, 0, 1.6]]) + pose[4:]
    np.testing.assert_allclose(seen, [[0, 0, 5]], atol=1e-6)


def test_damaged_aist_is_refused(tmp_path):
    write_aist(tmp_path, smpl_scaling=np.array([0.0]))
    with pytest.raises(FormatError, match="smpl_scaling"):
        aist.read_sequence(tmp_path, "gBR_sBM")
    with pytest.raises(InputError, match="not a file"):
        aist.read_sequence(tmp_path, "absent")
    save(tmp_path / "motions/gBR_new.pkl", {"smpl_poses": Call()})
    with pytest.raises(FormatError, match="not plain data"):
        aist.read_sequence(tmp_path, "gBR_new")
    (tmp_path / "cameras/mapping.txt").write_text("gBR_sBM ../../secret\n")
    write = {"smpl_poses": np.zeros((T, 72)), "smpl_trans": np.zeros((T, 3))}
    save(tmp_path / "motions/gBR_sBM.pkl", write | {"smpl_scaling": np.ones(1)})
    with pytest.raises(InputError, match="names no cameras"):
        aist.read_sequence(tmp_path, "gBR_sBM")


# ------------------------------------------------------------------ MPI-INF-3DHP


def write_3dhp(path, frames=T, cameras=2):
    cells = {}
    for key, width in (("annot2", 56), ("annot3", 84), ("univ_annot3", 84)):
        cells[key] = np.empty((cameras, 1), object)
        for camera in range(cameras):
            cells[key][camera, 0] = np.arange(frames * width, dtype=float).reshape(frames, width)
            cells[key][camera, 0] += 10_000 * camera
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, cells, do_compression=True)
    return path


def test_3dhp_training(tmp_path):
    path = write_3dhp(tmp_path / "S1/Seq2/annot.mat")
    assert list(mpi_inf_3dhp.sequences(tmp_path)) == [path]
    recording = mpi_inf_3dhp.read_sequence(path, camera=1)
    assert recording.name == "S1/Seq2 camera 1"
    np.testing.assert_allclose(recording.keypoints3d.position[0, 0, 1], [10.003, 10.004, 10.005])
    np.testing.assert_allclose(recording.keypoints2d.position[0, 0, 1], [10002.5, 10003.5])
    with pytest.raises(InputError, match="cameras 0 to 1"):
        mpi_inf_3dhp.read_sequence(path, camera=5)
    savemat(path, {"annot2": np.zeros((2, 2))})
    with pytest.raises(FormatError, match="annot3"):
        mpi_inf_3dhp.read_sequence(path)


def test_3dhp_test_frames_that_are_not_valid(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "TS1/annot_data.mat"
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        file["annot2"] = np.full((T, 1, 17, 2), 500.0)
        file["annot3"] = np.full((T, 1, 17, 3), 2000.0)
        file["univ_annot3"] = np.full((T, 1, 17, 3), 1000.0)
        file["valid_frame"] = np.array([[1], [1], [0], [1], [1], [0]])
    recording = mpi_inf_3dhp.read_sequence(path)
    assert recording.keypoints3d.skeleton.name == "mpi-inf-3dhp-17"
    assert recording.keypoints3d.valid.all(-1).tolist() == [[True, True, False, True, True, False]]
    np.testing.assert_allclose(recording.keypoints3d.position[0, 0], 2.0)
    universal = mpi_inf_3dhp.read_sequence(path, universal=True)
    np.testing.assert_allclose(universal.keypoints3d.position[0, 0], 1.0)


def test_hdf5_does_not_lead_out_of_the_file(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["annot3"] = np.zeros((T, 1, 17, 3))
    path = tmp_path / "annot_data.mat"
    with h5py.File(path, "w") as file:
        file["annot3"] = h5py.ExternalLink("other.h5", "annot3")
        file["annot2"] = np.full((T, 1, 17, 2), 500.0)
        file["valid_frame"] = np.ones((T, 1))
    with pytest.raises(FormatError, match="does not lie in this file"):
        mpi_inf_3dhp.read_sequence(path)
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(FormatError, match="HDF5"):
        mpi_inf_3dhp.read_sequence(path)


# ------------------------------------------------------------------ TCMR


def tcmr_rows(count=5):
    joints = np.random.default_rng(0).uniform(1, 200, (count, 49, 3))
    return {
        "vid_name": np.array(["walk"] * 3 + ["run"] * (count - 3)),
        "frame_id": np.array(["000003", "000004", "000005", "000001", "000002"][:count]),
        "joints3D": joints,
        "joints2D": joints,
        "shape": np.zeros((count, 10), np.float16),
        "pose": np.zeros((count, 72), np.float16),
        "bbox": np.tile([100.0, 100, 40, 40], (count, 1)),
        "features": np.zeros((count, 8)),
        "valid": np.array([1, 0, 1, 1, 1][:count]),
    }


def test_tcmr_videos(tmp_path):
    # A file of joblib without arrays of its own kind is a plain pickle.
    path = save(tmp_path / "3dpw_test_db.pt", tcmr_rows())
    assert list(tcmr.sequences(tmp_path)) == [path]
    walk, run = tcmr.read_sequences(path)
    assert (walk.name, run.name) == ("walk", "run")
    assert walk.frame.tolist() == [3, 4, 5]
    assert walk.keypoints3d.skeleton.name == "spin-49"
    assert walk.keypoints3d.valid.all(-1).tolist() == [[True, False, True]]
    np.testing.assert_allclose(run.box[0, 0], [80.5, 80.5, 120.5, 120.5])


def test_tcmr_in_hdf5(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "insta_train_db.h5"
    rows = tcmr_rows()
    with h5py.File(path, "w") as file:
        for key in ("joints2D", "bbox", "features"):
            file[key] = rows[key]
        for key in ("vid_name", "frame_id"):
            file[key] = rows[key].astype("S")
    walk, run = tcmr.read_sequences(path)
    assert (walk.name, run.name, run.frame.tolist()) == ("walk", "run", [1, 2])
    assert walk.keypoints3d is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"vid_name": np.arange(5.0)}, "vid_name"),
        ({"pose": np.zeros((4, 72))}, "'pose'"),
        ({"joints3D": np.zeros((5, 23, 3))}, "23 joints"),
        ({"vid_name": Call()}, "plain data|refers"),
    ],
)
def test_damaged_tcmr_is_refused(tmp_path, changes, said):
    path = save(tmp_path / "3dpw_test_db.pt", tcmr_rows() | changes)
    with pytest.raises(FormatError, match=said):
        list(tcmr.read_sequences(path))


# ------------------------------------------------------------------ HardMo


def hardmo_record(**changes):
    points = np.full((44, 3), 50.0)
    points[:, 2] = 0.9
    return {
        "keypoints_2d": points,
        "keypoints_3d": np.ones((44, 4)),
        "center": np.array([100.0, 120.0]),
        "scale": np.array([0.5, 0.5]),
        "body_pose": np.full(72, 0.1),
        "betas": np.full(10, 0.5),
        "has_body_pose": np.float32(1),
        "has_betas": np.float32(0),
    } | changes


def test_hardmo_clips(tmp_path):
    clip = tmp_path / "ballet/0007"
    save(clip / "000001_1.pyd", hardmo_record())
    save(clip / "000003_1.pyd", hardmo_record(has_body_pose=np.float32(0)))
    save(clip / "000003_2.pyd", hardmo_record())
    assert list(hardmo.sequences(tmp_path)) == [clip]
    recording = hardmo.read_sequence(clip)
    assert (recording.name, recording.people) == ("ballet/0007", ("1", "2"))
    assert recording.frame.tolist() == [1, 3]
    np.testing.assert_allclose(recording.box[0, 0], [50.5, 70.5, 150.5, 170.5])
    assert recording.motion.confidence.tolist() == [[1, 0], [0, 1]]
    assert not recording.keypoints2d.valid[1, 0].any()
    assert recording.images == ("000001.jpeg", "000003.jpeg")


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("000001_1.pyd", {"keypoints_2d": np.zeros((25, 3))}, "keypoints_2d"),
        ("000001_1.pyd", {"keypoints_3d": np.zeros((44, 5))}, "keypoints_3d"),
        ("000001_1.pyd", {"scale": np.zeros(3)}, "scale"),
        ("first.pyd", {}, "not named"),
        ("000001_1.pyd", {"betas": Call()}, "not plain data"),
    ],
)
def test_damaged_hardmo_is_refused(tmp_path, name, changes, said):
    save(tmp_path / "clip" / name, hardmo_record(**changes))
    with pytest.raises(FormatError, match=said):
        hardmo.read_sequence(tmp_path / "clip")


# ------------------------------------------------------------------ Harmony4D


def test_harmony4d_people_and_meshes(tmp_path):
    folder = write_harmony4d(tmp_path / "test/01_hugging/001_hugging")
    assert list(harmony4d.sequences(tmp_path)) == [folder]
    recording = harmony4d.read_sequence(folder, vertices=True)
    assert (recording.name, recording.people) == ("001_hugging", ("aria01", "aria02"))
    assert recording.frame.tolist() == [1, 2, 3]
    assert recording.vertices.shape == (2, 3, 6890, 3)
    assert recording.keypoints3d.valid.all(-1).tolist() == [[True] * 3, [True, False, True]]
    assert recording.motion.confidence.tolist() == [[1, 1, 1], [1, 0, 1]]
    np.testing.assert_allclose(recording.motion.shape, np.array([[0.5], [1.5]]) * np.ones(10))
    joints = harmony4d.read_sequence(folder, part="poses3d")
    assert joints.keypoints3d.skeleton.name == "coco-17"
    assert joints.motion is None


def test_harmony4d_bodies_without_collisions_come_first(tmp_path):
    folder = write_harmony4d(tmp_path / "001_hugging")
    better = folder / "processed_data/smpl_collision"
    better.mkdir()
    np.save(better / "00001.npy", np.array({"aria01": body(9.0)}, dtype=object))
    recording = harmony4d.read_sequence(folder)
    assert recording.people == ("aria01",)
    assert recording.keypoints3d.position[0, 0, :, 0].mean() == pytest.approx(9.0, abs=0.01)


def test_harmony4d_cameras_in_the_metric_world(tmp_path):
    folder = write_harmony4d(tmp_path / "001_hugging")
    colmap = folder / "colmap/workplace"
    colmap.mkdir(parents=True)
    (colmap / "cameras.txt").write_text(
        "# a comment\n1 OPENCV_FISHEYE 3840 2160 1800 1801 1920 1080 0.1 0.01 0 0\n"
    )
    q = TURN.as_quat(scalar_first=True)
    pose = " ".join(f"{x:.12f}" for x in (*q, 0.5, 0.25, 2.0))
    (colmap / "images.txt").write_text(
        f"# a comment\n1 {pose} 1 cam01/00001.jpg\n10 20 -1 30 40 5\n2 {pose} 1 cam01/00002.jpg\n\n"
    )
    # COLMAP's world is the metric one turned, a quarter its size, and moved.
    world = Rotation.from_rotvec([0, 0, 0.7])
    similarity = np.eye(4)
    similarity[:3, :3] = 0.25 * world.as_matrix()
    similarity[:3, 3] = [1, 2, 3]
    np.save(colmap / "scale.npy", similarity)
    cameras = harmony4d.read_sequence(folder).cameras
    assert (cameras.names, cameras.model) == (("cam01",), "fisheye")
    np.testing.assert_allclose(cameras.K[0], [[1800, 0, 1920], [0, 1801, 1080], [0, 0, 1]])
    point = np.array([0.3, -0.4, 5.0])
    in_colmap = 0.25 * world.apply(point) + [1, 2, 3]
    expected = np.add(TURN.apply(in_colmap), [0.5, 0.25, 2.0]) / 0.25
    got = cameras.T_cam_world[0, 0]
    seen = Rotation.from_quat(got[:4], scalar_first=True).apply(point) + got[4:]
    np.testing.assert_allclose(seen, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("people", "said"),
    [
        ({"aria01": body(1.0) | {"joints": np.zeros((24, 3))}}, "aria01.joints"),
        ({"aria01": [1, 2]}, "expected a body"),
        ({"aria01": body(1.0) | {"betas": np.full(10, np.nan)}}, "not finite"),
        ({"aria01": Call()}, "not plain data"),
        ([1], "dictionary"),
        ({f"h{k}": body(1.0) for k in range(70)}, "64 people"),
    ],
)
def test_damaged_harmony4d_is_refused(tmp_path, people, said):
    folder = write_harmony4d(tmp_path / "001_hugging")
    path = folder / "processed_data/smpl/00001.npy"
    np.save(path, np.array(people, dtype=object), allow_pickle=True)
    with pytest.raises(FormatError, match=said):
        harmony4d.read_sequence(folder)


def test_harmony4d_without_frames(tmp_path):
    with pytest.raises(InputError, match="has no frames"):
        harmony4d.read_sequence(tmp_path)
    folder = tmp_path / "a/processed_data/smpl"
    folder.mkdir(parents=True)
    np.save(folder / "00001.npy", np.array({}, dtype=object))
    with pytest.raises(NothingFoundError, match="nobody"):
        harmony4d.read_sequence(tmp_path / "a")


# ------------------------------------------------------------------ Shelf, LSP, PoseTrack


def test_actors_in_cells(tmp_path):
    actors = np.empty((1, 3), object)
    for person in range(3):
        frames = np.empty((4, 1), object)
        for frame in range(4):
            seen = person != 1 or frame == 2
            frames[frame, 0] = np.full((14, 3), person + 0.1 * frame) if seen else np.zeros((0, 0))
        actors[0, person] = frames
    outer = np.empty((1, 1), object)
    outer[0, 0] = actors
    path = tmp_path / "Campus/actorsGT.mat"
    path.parent.mkdir()
    savemat(path, {"actor3D": outer})
    assert list(shelf.sequences(tmp_path)) == [path]
    recording = shelf.read_sequence(path)
    assert recording.name == "Campus"
    assert recording.keypoints3d.skeleton.name == "shelf-14"
    assert recording.keypoints3d.valid.all(-1).sum(1).tolist() == [4, 1, 4]
    np.testing.assert_allclose(recording.keypoints3d.position[2, 3], 2.3)
    savemat(path, {"actor3D": np.zeros((3, 3))})
    with pytest.raises(FormatError, match="cells"):
        shelf.read_sequence(path)


def test_lsp_in_both_layouts(tmp_path):
    joints = np.random.default_rng(0).uniform(1, 100, (14, 3, 5))
    joints[:, 2] = [[1, 1, 0, 1, 1]] * 14
    savemat(tmp_path / "joints.mat", {"joints": joints})
    recordings = list(lsp.read_sequences(tmp_path / "joints.mat"))
    assert recordings[2].images == ("images/im00003.jpg",)
    assert not recordings[2].keypoints2d.valid.any()
    np.testing.assert_allclose(recordings[4].keypoints2d.position[0, 0], joints[:, :2, 4] + 0.5)
    savemat(tmp_path / "joints.mat", {"joints": joints.transpose(1, 0, 2)})
    hidden = list(lsp.read_sequences(tmp_path / "joints.mat"))
    assert hidden[0].images == ("images/im0001.jpg",)
    assert (hidden[0].keypoints2d.confidence == 0.5).all()
    assert (hidden[2].keypoints2d.confidence == 1).all()
    savemat(tmp_path / "joints.mat", {"joints": np.zeros((13, 3, 5))})
    with pytest.raises(FormatError, match="joints"):
        list(lsp.read_sequences(tmp_path / "joints.mat"))


def test_posetrack_tracks_over_labelled_images(tmp_path):
    images = [
        {"id": 10 + k, "file_name": f"images/val/a/{k:06d}.jpg", "is_labeled": k != 1}
        for k in range(4)
    ]
    person = {"keypoints": [5.0, 6.0, 1] * 17, "bbox": [1, 2, 3, 4]}
    annotations = [
        person | {"id": 1, "image_id": 10, "track_id": 7},
        person | {"id": 2, "image_id": 12, "track_id": 3},
        person | {"id": 3, "image_id": 12, "track_id": 7},
    ]
    path = tmp_path / "val/1_mpii_test.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    recording = posetrack.read_sequence(path)
    assert recording.people == ("3", "7")
    assert recording.frame.tolist() == [0, 2, 3]
    seen = recording.keypoints2d.valid.any(-1).tolist()
    assert seen == [[False, True, False], [True, True, False]]
    np.testing.assert_allclose(recording.box[1, 0], [1, 2, 4, 6])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image_id": 99}, "image 99"),
        ({"keypoints": [1.0] * 5}, "'keypoints' holds 5"),
        ({"bbox": [1, 2]}, "'bbox' holds 2"),
        ({"image_id": None}, "image_id"),
    ],
)
def test_damaged_labels_are_refused(tmp_path, change, said):
    row = {"id": 1, "image_id": 1, "keypoints": [1.0] * 51, "bbox": [1, 2, 3, 4]} | change
    path = tmp_path / "a_mpii.json"
    path.write_text(json.dumps({"images": [{"id": 1}], "annotations": [row]}))
    with pytest.raises(FormatError, match=said):
        posetrack.read_sequence(path)
