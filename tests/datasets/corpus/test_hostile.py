"""Corpora from strangers: nothing in them runs, and what is wrong is said in a sentence."""

import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

import marey
from marey.core.errors import FormatError, NothingFoundError
from marey.datasets.corpus.cameras import GLASSES, read_similarity
from marey.datasets.corpus.manifest import read_manifest
from marey.datasets.corpus.object_files import encode_object
from marey.datasets.corpus.read import read_take
from marey.datasets.corpus.sheet_measure import measure_sequence
from marey.jobs.dataset.write import export_corpus
from tests.datasets.corpus.scene import make_take_of


class Runs:
    """Pickles as a call of the shell."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    marey.write(make_take_of(), folder / "hug.take")
    export_corpus(folder / "hug.take", folder / "001_hug", layout="harmony4d")
    return folder / "001_hug"


@pytest.fixture
def corpus(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "001_hug")
    return tmp_path / "001_hug"


PLACES = (
    "smpl/00002.npy",
    "bbox/cam02/rgb/00002.npy",
    "poses2d/cam02/rgb/00002.npy",
)


@pytest.mark.parametrize("place", PLACES)
def test_a_pickle_that_calls_the_shell_is_refused(corpus, tmp_path, place):
    path, mark = corpus / "processed_data" / place, tmp_path / "ran"
    np.save(path, np.array({"aria01": Runs(mark)}, dtype=object), allow_pickle=True)
    for read in (read_take, measure_sequence) if "bbox" not in place else (read_take,):
        with pytest.raises(FormatError, match=r"00002\.npy.*not plain data"):
            read(corpus)
    assert not mark.exists()
    np.load(path, allow_pickle=True)
    assert mark.exists(), "guards the test: an ordinary reader would have run it"


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("smpl/00002.npy", {"aria01": {"betas": np.zeros(10)}}, "global_orient"),
        ("smpl/00002.npy", [1, 2], "dictionary"),
        ("bbox/cam02/rgb/00002.npy", {"aria01": np.zeros(5)}, "expected numbers \\(4\\)"),
        ("poses2d/cam02/rgb/00002.npy", [{"human_name": "aria01"}], "no 'keypoints'"),
        (
            "poses2d/cam02/rgb/00002.npy",
            [{"human_name": "a", "keypoints": np.zeros((16, 3))}],
            "expected numbers \\(17, 3\\)",
        ),
        ("poses2d/cam02/rgb/00002.npy", [3], "a person"),
        ("poses2d/cam02/rgb/00002.npy", [{}] * 65, "more than 64 people"),
        ("smpl/00002.npy", {f"h{k}": {} for k in range(2)}, "global_orient"),
    ],
)
def test_wrong_counts_and_kinds(corpus, place, value, said):
    (corpus / "processed_data" / place).write_bytes(encode_object(value))
    with pytest.raises(FormatError, match=said):
        read_take(corpus)


@pytest.mark.parametrize("cut", [0, 1, 40, 200, 700])
def test_files_cut_short(corpus, cut):
    path = corpus / "processed_data/smpl/00002.npy"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(FormatError, match=r"00002\.npy"):
        read_take(corpus)


def test_files_that_are_missing_leave_gaps(corpus):
    for place in PLACES:
        (corpus / "processed_data" / place).unlink()
    take = read_take(corpus)
    assert len(take.time) == 5
    np.testing.assert_allclose(np.diff(take.time), [0.1, 0.05, 0.05, 0.05])
    shutil.rmtree(corpus / "processed_data/poses2d")
    shutil.rmtree(corpus / "processed_data/bbox")
    shutil.rmtree(corpus / "colmap")
    (corpus / "marey.json").unlink()
    take = read_take(corpus)
    assert take.cameras is None and take.tracks == () and take.people[0].keypoints2d == ()
    assert [person.name for person in take.people] == ["aria01", "aria02"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "other"}, "does not say"),
        ({"version": 9}, "update marey"),
        ({"people": 3}, "not as marey writes"),
        ({"people": {"aria01": 3}}, "not as marey writes"),
        ({"frame_rate": 0}, "not as marey writes"),
        ({"frame_rate": None}, "not as marey writes"),
        ({"surprise": 1}, "incomplete"),
    ],
)
def test_damaged_manifests(corpus, change, said):
    path = corpus / "marey.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(FormatError, match=said):
        read_manifest(corpus)


def test_a_manifest_that_is_no_json(corpus):
    (corpus / "marey.json").write_text("[" * 100_000)
    with pytest.raises(FormatError, match="JSON"):
        read_manifest(corpus)


def test_glasses_of_egohumans(corpus, tmp_path):
    """EgoHumans has a similarity per pair of glasses; the first pair's world is the corpus's."""
    folder = corpus / "colmap/workplace"
    before = read_take(corpus).cameras
    (folder / "scale.npy").unlink()
    matrix = np.eye(4)
    matrix[:3, :3] *= 2.5
    matrix[:3, 3] = [1, 2, 3]
    glasses = {"aria02": np.eye(4), "aria01": matrix}
    (folder / GLASSES).write_bytes(pickle.dumps(glasses))
    np.testing.assert_array_equal(read_similarity(folder), matrix)
    after = read_take(corpus).cameras
    # A metric point goes to COLMAP's world, and from there to the camera, in metres again.
    place = before.T_cam_world[..., 4:]
    np.testing.assert_allclose(after.T_cam_world[..., :4], before.T_cam_world[..., :4], atol=1e-9)
    assert np.abs(after.T_cam_world[..., 4:] - place).max() > 0.1
    (folder / GLASSES).write_bytes(pickle.dumps({"aria01": Runs(tmp_path / "ran")}))
    with pytest.raises(FormatError, match="not plain data"):
        read_take(corpus)
    assert not (tmp_path / "ran").exists()
    for bad, said in (({}, "no glasses"), ({"aria01": np.ones((4, 4))}, "no similarity")):
        (folder / GLASSES).write_bytes(pickle.dumps(bad))
        with pytest.raises(FormatError, match=said):
            read_similarity(folder)


def test_a_folder_without_sequences(tmp_path):
    from marey.datasets.corpus.sheet import write_sheet

    with pytest.raises(NothingFoundError, match="no sequences"):
        write_sheet(tmp_path)
