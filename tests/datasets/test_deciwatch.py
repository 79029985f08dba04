"""Files of noisy and true poses, written in the layout of the reference programs' loaders."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marey.core.errors import FormatError, InputError, NothingFoundError
from marey.datasets import _object_npy, deciwatch

LENGTHS = (5, 3)


def objects(*values):
    """An array of Python objects, as NumPy makes of sequences of unequal lengths."""
    array = np.empty(len(values), object)
    for k, value in enumerate(values):
        array[k] = value
    return array


def write_jhmdb(path, **changes):
    random = np.random.default_rng(0)
    fields = {
        "imgname": objects(
            *([f"clip{k}/{frame + 1:05d}.png" for frame in range(n)] for k, n in enumerate(LENGTHS))
        ),
        "joints_2d": objects(*(random.uniform(0, 200, (n, 15, 2)) for n in LENGTHS)),
        "imgshape": objects(*((240, 320, 3) for _ in LENGTHS)),
        "bbox": objects(*(np.tile([10.0, 20, 110, 220], (n, 1)) for n in LENGTHS)),
    }
    fields |= changes
    np.savez(path, **{k: v for k, v in fields.items() if v is not None})
    return fields


def test_sequences_of_images(tmp_path):
    path = tmp_path / "jhmdb_gt_test.npz"
    fields = write_jhmdb(path)
    first, second = deciwatch.read_sequences(path)
    assert (first.name, second.name) == ("clip0", "clip1")
    assert first.size == (320, 240)
    np.testing.assert_array_equal(first.frame, [1, 2, 3, 4, 5])
    assert first.images[0] == "clip0/00001.png"
    assert first.keypoints2d.skeleton.name == "jhmdb-15"
    np.testing.assert_allclose(first.keypoints2d.position[0], fields["joints_2d"][0] + 0.5)
    np.testing.assert_allclose(second.box[0, 0], [10.5, 20.5, 110.5, 220.5])
    assert deciwatch.read_sequence(path, "clip1").frame[-1] == 3
    assert list(deciwatch.sequences(tmp_path)) == [path]


def test_files_of_equal_lengths_are_plain_arrays(tmp_path):
    path = tmp_path / "pw3d_spin_test.npz"
    joints = np.random.default_rng(1).normal(size=(2, 4, 17 * 3))
    np.savez(path, joints_3d=joints)
    first, second = deciwatch.read_sequences(path)
    # Without names of images, sequences are numbered.
    assert (first.name, second.name) == ("sequence 0", "sequence 1")
    assert second.keypoints3d.skeleton.name == "h36m-17-regressor"
    np.testing.assert_allclose(second.keypoints3d.position[0], joints[1].reshape(4, 17, 3))


@pytest.mark.parametrize(
    ("name", "count", "skeleton"),
    [("h36m_fcn_test", 17, "h36m-17"), ("aist_spin_test", 14, "j14"), ("pw3d_gt_test", 14, "j14")],
)
def test_joints_by_set_and_number(tmp_path, name, count, skeleton):
    path = tmp_path / f"{name}.npz"
    np.savez(path, joints_3d=objects(np.zeros((4, count, 3)), np.zeros((2, count, 3))))
    for recording in deciwatch.read_sequences(path):
        assert recording.keypoints3d.skeleton.name == skeleton
    with pytest.raises(InputError, match="not known"):
        list(deciwatch.read_sequences(path, dataset="other"))


def test_two_people_of_one_video_have_names_of_their_own(tmp_path):
    path = tmp_path / "pw3d_gt_test.npz"
    names = [f"imageFiles/downtown/image_{k:05d}.jpg" for k in range(3)]
    pose = np.zeros((3, 72))
    pose[:, :3] = [0.0, 0.5, 0.0]
    betas = np.arange(30.0).reshape(3, 10)
    np.savez(
        path, imgname=objects(names, names), pose=objects(pose, pose), shape=objects(betas, betas)
    )
    first, second = deciwatch.read_sequences(path)
    assert (first.name, second.name) == ("downtown", "downtown (2)")
    turn = Rotation.from_quat(first.motion.T_world_root[0, 0, :4], scalar_first=True)
    np.testing.assert_allclose(turn.as_rotvec(), [0, 0.5, 0], atol=1e-6)
    np.testing.assert_allclose(first.motion.shape[0], betas.mean(0))
    assert first.motion.body == "smpl"
    assert first.frame_rate == 30.0


def test_missing_points_are_missing(tmp_path):
    joints = np.ones((4, 17, 3))
    joints[1, 2] = np.nan
    path = tmp_path / "h36m_gt_test.npz"
    np.savez(path, joints_3d=objects(joints))
    (recording,) = deciwatch.read_sequences(path)
    assert recording.keypoints3d.confidence[0, 1, 2] == 0
    assert recording.keypoints3d.confidence.sum() == 4 * 17 - 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"joints_2d": objects(np.zeros((5, 15, 2)))}, "different numbers of sequences"),
        ({"joints_2d": objects(np.zeros((5, 15, 3)), np.zeros((3, 15, 2)))}, r"joints_2d\[0\]"),
        ({"joints_2d": objects("text", np.zeros((3, 15, 2)))}, "text|4 frames"),
        ({"joints_2d": objects(np.zeros((4, 15, 2)), np.zeros((3, 15, 2)))}, r"imgname\[0\]"),
        ({"joints_2d": objects(np.full((5, 15, 2), 1e12), np.zeros((3, 15, 2)))}, "beyond"),
        ({"bbox": objects(np.zeros((5, 3)), np.zeros((3, 4)))}, r"bbox\[0\]"),
        ({"imgname": objects([1, 2, 3, 4, 5], ["a"] * 3)}, r"imgname\[0\]"),
        ({"imgshape": objects("wide", (1, 2, 3))}, r"imgshape\[0\]"),
        ({"joints_2d": None}, "neither"),
    ],
)
def test_damaged_files_are_refused(tmp_path, changes, said):
    path = tmp_path / "jhmdb_gt_test.npz"
    write_jhmdb(path, **changes)
    with pytest.raises(FormatError, match=said):
        list(deciwatch.read_sequences(path))


def test_empty_files_are_refused(tmp_path):
    path = tmp_path / "jhmdb_gt_test.npz"
    np.savez(path, joints_2d=np.empty(0, object))
    with pytest.raises(NothingFoundError, match="0 sequences"):
        list(deciwatch.read_sequences(path))


class _Call:
    def __reduce__(self):
        return print, ("this ran",)


def test_pickled_code_is_refused(tmp_path, capsys):
    path = tmp_path / "jhmdb_gt_test.npz"
    write_jhmdb(path, joints_2d=objects(_Call(), _Call()))
    with pytest.raises(FormatError, match=r"joints_2d.*not plain data"):
        list(deciwatch.read_sequences(path))
    assert capsys.readouterr().out == ""


def test_objects_that_nobody_reads_are_not_touched(tmp_path):
    path = tmp_path / "jhmdb_gt_test.npz"
    write_jhmdb(path, other=objects(_Call(), _Call()))
    assert len(list(deciwatch.read_sequences(path))) == 2


def test_archives_that_unpack_to_far_more_than_data_do_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_object_npy, "MAX_BYTES", 100_000)
    random = np.random.default_rng(0)
    path = tmp_path / "h36m_gt_test.npz"
    # A corpus may be larger than the limit for a single file, since poses hardly pack.
    np.savez_compressed(path, joints_3d=random.normal(size=(50, 40, 51)))
    assert len(list(deciwatch.read_sequences(path))) == 50
    np.savez_compressed(path, joints_3d=np.zeros((50, 40, 51)))
    with pytest.raises(FormatError, match="unpacks to"):
        list(deciwatch.read_sequences(path))
