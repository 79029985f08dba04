"""Files of corpora: recognised by `marey info`, and taken as truth by `marey evaluate`."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from marey.core import convert_keypoints, load_skeleton
from marey.core.errors import InputError
from marey.datasets import jhmdb
from marey.evaluate import PoseSequence, PoseSet, write_poses
from marey.jobs.evaluate.corpora import find_corpus
from marey.jobs.evaluate.corpus_poses import read_corpus_poses
from marey.jobs.evaluate.files import evaluate_files, read_side
from marey.jobs.info import describe_file
from tests.datasets.harmony import write_cameras, write_harmony4d

KINDS = {
    "cmu_amc/10_04.amc.gz": "acclaim",
    "cmu_fbx/85_04.fbx": "cmu_fbx",
    "cmu_salsa_pairs/60_04_scaled.bvh.gz": "cmu_salsa",
    "deepmimic/humanoid3d_run.txt": "deepmimic",
    "cmu_expmap/test__running__running_1.txt.gz": "cmu_expmap",
    "cmu_amp_humanoid/amp_humanoid_hop.npy": "amp_humanoid",
    "humanml3d_sample/new_joints_012314.npy": "humanml3d",
    "jhmdb/annotated/joint_positions.mat": "jhmdb",
    "jhmdb/annotated/mmpose/test_jhmdb_sub1.json": "jhmdb",
    "shelf/gt_shelf15.npz": "shelf",
    "h36m_mmpose/h36m_coco.json": "h36m",
    "h36m_mmpose/test_h36m.npz": "spin_npz",
    "posetrack18/val/012834_mpii_test.json": "posetrack",
    "panoptic_views/160906_band1/hdPose3d_stage1_coco19": "panoptic",
    "humaneva15/humaneva15.npz": "humaneva",
    "lsp_spin/lsp_dataset_original_train.npz": "spin_npz",
    "h36m_expmap/h36m_expmap_50hz.npz": "h36m_expmap",
}


@pytest.mark.parametrize(("file", "module"), KINDS.items())
def test_info_says_what_it_is(shared, file, module):
    path = shared / "data" / file
    corpus = find_corpus(path)
    assert corpus is not None
    assert corpus.module == module
    described = describe_file(path).to_plain()
    assert described["kind"] == corpus.title
    assert described["reader"] == f"marey.datasets.{module}"


@pytest.mark.parametrize(
    "file",
    [
        "cmu_bvh/02_01.bvh.gz",
        "amass_samples/amass_sample.npz",
        "amass_samples/test_mosh.npz",
        "coco_wholebody/test_coco_wholebody.json",
        "blazepose_detections/phalp_run.npz",
        "smpl_aux/gmm_08.pkl",
        "flickrci3d/girls_250416_bev.npz",
        "network_outputs/romp_output.npz",
        "videos/phalp_run.mp4",
        "pose2sim_single",
    ],
)
def test_files_with_a_door_of_their_own_keep_it(shared, file):
    assert find_corpus(shared / "data" / file) is None


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("sequenceFiles/test/downtown_00.pkl", "threedpw"),
        ("test/wham_output.pkl", None),
        ("P0/09_outdoor_walk/P0_09_outdoor_walk_data.pkl", "emdb"),
        ("my_data.pkl", None),
        ("3dpw_test_db.pt", "tcmr"),
        ("S1/Seq1/annot.mat", "mpi_inf_3dhp"),
        ("TS1/annot_data.mat", "mpi_inf_3dhp"),
        ("lsp/joints.mat", "lsp"),
        ("Campus/actorsGT.mat", "shelf"),
        ("notes.txt", None),
    ],
)
def test_names_that_show_a_corpus_and_names_that_do_not(tmp_path, file, module):
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"content")
    corpus = find_corpus(path)
    assert (corpus and corpus.module) == module


@pytest.mark.parametrize(
    ("inside", "module"),
    [
        ("processed_data/smpl/00001.npy", "harmony4d"),
        ("000001_1.pyd", "hardmo"),
        ("motions/a.pkl", None),
    ],
)
def test_folders_that_show_a_corpus(tmp_path, inside, module):
    path = tmp_path / inside
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"content")
    corpus = find_corpus(tmp_path)
    assert (corpus and corpus.module) == module


def test_a_folder_of_label_files_is_all_of_them(shared, tmp_path):
    folder = shared / "data" / "posetrack18" / "val"
    corpus = find_corpus(folder)
    assert corpus is not None and corpus.module == "posetrack"
    whole = read_side(folder, unit="px")
    parts = [read_side(file, unit="px") for file in sorted(folder.glob("*.json"))]
    assert [each.name for each in whole.sequences] == [
        each.name for part in parts for each in part.sequences
    ]
    assert describe_file(folder).to_plain()["sequences_in_it"] == len(parts)
    mixed = tmp_path / "val"
    mixed.mkdir()
    for name in ("003418_mpii_test.json", "notes.json"):
        (mixed / name).write_bytes((folder / "003418_mpii_test.json").read_bytes())
    assert find_corpus(mixed) is None


def test_folders_and_files_that_are_nothing(tmp_path):
    assert find_corpus(tmp_path) is None
    assert find_corpus(tmp_path / "absent.amc") is None
    (tmp_path / "broken.npz").write_bytes(b"PK nothing")
    assert find_corpus(tmp_path / "broken.npz") is None


def save_like(truth: PoseSet, path: Path, change) -> Path:
    """Save predictions that are the truth after a change."""
    sequences = tuple(
        PoseSequence(
            name=each.name,
            frame=each.frame,
            position=change(each.position),
            box=each.box,
            frame_rate=each.frame_rate,
        )
        for each in truth.sequences
    )
    poses = PoseSet(skeleton=truth.skeleton, unit=truth.unit, sequences=sequences)
    write_poses(poses, path)
    return path


def score(
    predictions: Path, truth: Path, folder: Path, protocol: str, *, allow_missing: bool = False
) -> dict[str, float]:
    done = evaluate_files(
        predictions, truth, folder, protocol=protocol, allow_missing=allow_missing
    )
    return {row.name: row.score.value for row in done.measured.result.rows}


def interpolate(step: int):
    def change(position: np.ndarray) -> np.ndarray:
        time = np.arange(position.shape[1])
        kept = time[::step]
        flat = position[0].reshape(len(time), -1)
        columns = [np.interp(time, kept, flat[kept, c]) for c in range(flat.shape[1])]
        return np.stack(columns, -1).reshape(position.shape)

    return change


def as_j14(raw, points: np.ndarray, skeleton: str, path: Path) -> Path:
    """Save keypoints (N, K, 3) found in the images of a file of SPIN's layout as 14 joints."""
    source, target = load_skeleton(skeleton), load_skeleton("j14")
    found = convert_keypoints(points.astype(float), source, target, substitute=True)
    side = 200 * raw["scale"][:, None]
    box = np.concatenate([raw["center"] - side / 2, raw["center"] + side / 2], 1) + 0.5
    sequences = [
        PoseSequence(
            name=Path(str(name)).stem,
            frame=np.zeros(1, np.int64),
            position=np.where(point[:, 2:] > 0, point[:, :2] + 0.5, np.nan)[None, None],
            box=edges[None, None],
        )
        for name, point, edges in zip(raw["imgname"], found, box, strict=True)
        if (point[:, 2] > 0).any()
    ]
    write_poses(PoseSet(skeleton="j14", unit="px", sequences=tuple(sequences)), path)
    return path


def test_openpose_on_lsp(shared, tmp_path):
    """Detections that the file holds beside LSP's labels, a thousand photographs."""
    path = shared / "data/lsp_spin/lsp_dataset_original_train.npz"
    raw = np.load(path)
    predictions = as_j14(raw, raw["openpose"], "openpose-25", tmp_path / "openpose.npz")
    values = score(predictions, path, tmp_path / "o", "lsp-extended", allow_missing=True)
    # OpenPose has no top of the head, one joint of 14; it finds most of the rest.
    assert 0.5 < values["PCK@0.05"] < values["PCK@0.1"] < 13 / 14


def test_detections_on_human36m(shared, tmp_path):
    folder = shared / "data/h36m_mmpose"
    raw = np.load(folder / "test_h36m.npz")
    found = np.load(folder / "test_h36m_2d_detection.npy")
    predictions = as_j14(raw, found, "h36m-17", tmp_path / "p.npz")
    values = score(predictions, folder / "test_h36m.npz", tmp_path / "a", "lsp-extended")
    assert 0.9 < values["PCK@0.05"] <= values["PCK@0.1"] == 1.0
    noise = np.random.default_rng(0)
    shaken = save_like(
        read_side(folder / "h36m_coco.json", unit="m"),
        tmp_path / "q.npz",
        lambda position: position + noise.normal(0, 0.01, position.shape),
    )
    values = score(shaken, folder / "h36m_coco.json", tmp_path / "b", "h36m-p1-draft")
    # A joint's and the root's own noise of 10 mm on three axes: 22.6 mm, less for the root itself.
    assert 17 < values["MPJPE"] < 26


def test_interpolation_on_jhmdb_and_humaneva(shared, tmp_path):
    clip = shared / "data/jhmdb/annotated/joint_positions.mat"
    with pytest.raises(InputError, match="joints in space"):
        read_corpus_poses(clip, find_corpus(clip), unit="m")
    # The release's layout, in which a clip's mask gives the box of the protocol.
    placed = tmp_path / "joint_positions/catch/goal/joint_positions.mat"
    placed.parent.mkdir(parents=True)
    placed.write_bytes(clip.read_bytes())
    mask = tmp_path / "puppet_mask/catch/goal/puppet_mask.mat"
    mask.parent.mkdir(parents=True)
    joints = jhmdb.read_sequence(clip).keypoints2d.position[0]
    inside = np.zeros((240, 320, len(joints)), np.uint8)
    for row, (low, high) in enumerate(zip(joints.min(1), joints.max(1), strict=True)):
        (x0, y0), (x1, y1) = np.int64(low), np.int64(high)
        inside[y0:y1, x0:x1, row] = 1
    savemat(mask, {"part_mask": inside}, do_compression=True)
    predictions = save_like(read_side(placed, unit="px"), tmp_path / "j.npz", interpolate(5))
    values = score(predictions, placed, tmp_path / "j", "sub-jhmdb")
    assert 50 < values["PCK@0.05"] < values["PCK@0.1"] <= values["PCK@0.2"] <= 100
    chunks = shared / "data/humaneva15/humaneva15.npz"
    truth = read_side(chunks, unit="m")
    predictions = save_like(truth, tmp_path / "h.npz", interpolate(5))
    values = score(predictions, chunks, tmp_path / "h", "humaneva-draft")
    assert 1.0 < values["PA-MPJPE"] < values["MPJPE"] < 5.0


def test_people_of_shelf_and_posetrack(shared, tmp_path):
    labels = shared / "data/shelf/gt_shelf15.npz"
    truth = read_side(labels, unit="m")
    predictions = save_like(truth, tmp_path / "s.npz", lambda position: position[[2, 3, 0, 1]])
    assert score(predictions, labels, tmp_path / "s", "shelf")["PCP"] == 100.0
    pytest.importorskip("motmetrics")
    video = shared / "data/posetrack18/val/012834_mpii_test.json"
    same = save_like(read_side(video, unit="px"), tmp_path / "v.npz", lambda position: position)
    values = score(same, video, tmp_path / "v", "posetrack-draft")
    assert values["mAP (OKS)"] == pytest.approx(1.0)


def test_motion_capture_is_no_truth_of_joints(shared):
    path = shared / "data/cmu_amc/10_04.amc.gz"
    with pytest.raises(InputError, match="no joints in space"):
        read_side(path, unit="m")


def test_harmony4d_is_measured_camera_by_camera(tmp_path):
    folder = write_harmony4d(tmp_path / "001_hugging")
    write_cameras(folder)
    truth = read_side(folder, unit="m")
    assert [each.name for each in truth.sequences] == ["001_hugging/cam01", "001_hugging/cam02"]
    sequences = tuple(
        PoseSequence(
            name=each.name,
            frame=each.frame,
            # In another order, and 5 cm farther away, which the root takes out.
            position=np.add(each.position[::-1], [0, 0, 0.05]),
            image=each.image[::-1],
        )
        for each in truth.sequences
    )
    predictions = tmp_path / "p.npz"
    write_poses(PoseSet(skeleton="smpl-45", unit="m", sequences=sequences), predictions)
    values = score(predictions, folder, tmp_path / "out", "harmony4d")
    assert values["MPJPE"] == pytest.approx(0.0, abs=1e-6)
    assert values["F1"] == pytest.approx(1.0)
