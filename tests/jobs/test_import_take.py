"""Files of other kinds become takes, and takes become them again with nothing moved."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import marey
from marey.core import BodyMotion, Person, Take
from marey.core.errors import FormatError, InputError, NothingFoundError
from marey.io.take import read_take, write_take
from marey.io.video import write_video
from marey.jobs.export.doors import points_in_space
from marey.jobs.import_take import import_take
from tests.io.keypoint_takes import make_take, same_keypoints


@pytest.fixture(scope="module")
def moving() -> Take:
    """Two people of marey's body; the second comes later."""
    time = np.arange(12) / 25
    return Take(time=time, people=(make_mover("01", 0, time), make_mover("02", 4, time)))


def make_mover(name: str, start: int, time: np.ndarray) -> Person:
    """Return somebody who turns at every joint on the way along +X."""
    length = len(time) - start
    rng = np.random.default_rng(start)
    axis = rng.normal(size=(1, 1, 51, 3)) * 0.4
    vectors = axis * np.sin(np.arange(length) / 5)[None, :, None, None]
    poses = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_quat(scalar_first=True)
    turn = Rotation.from_rotvec([np.pi / 2, 0, 0]).as_quat(scalar_first=True)
    place = np.stack([np.arange(length) * 0.05, np.full(length, start), np.ones(length)], -1)
    root = np.concatenate([np.tile(turn, (length, 1)), place], -1)
    motion = BodyMotion(
        body="marey-h", people=(name,), time=time[start:],
        shape=rng.normal(size=(1, 10)).astype(np.float32),
        T_world_root=root[None].astype(np.float32),
        R_parent_joint=poses.reshape(1, length, 51, 4).astype(np.float32),
        confidence=np.ones((1, length), np.float32),
    )  # fmt: skip
    return Person(name=name, start=start, num_frames=length, motion=motion)


def positions(take: Take) -> dict[str, np.ndarray]:
    """Places of the joints that all formats keep, by name."""
    points = points_in_space(take)
    return {name: points.position[:, :, k] for k, name in enumerate(points.skeleton.keypoints)}


@pytest.mark.parametrize("suffix", [".glb", ".npz", ".bvh", ".trc", ".c3d", ".csv"])
def test_joints_stay_where_they_are(moving, tmp_path, suffix):
    """Within a millimetre, which is 50 times coarser than any of these formats."""
    (written, *_) = marey.export(moving, tmp_path / f"a{suffix}")
    back = import_take(written)
    write_take(back, tmp_path / "a.take")
    there, again = positions(moving), positions(read_take(tmp_path / "a.take"))
    common = there.keys() & again.keys()
    assert {"pelvis", "left_knee", "right_index3"} <= common
    for name in common:
        # Formats of one person a file hold the first, from the first to the last frame.
        first = there[name][0][np.isfinite(there[name][0]).all(-1)]
        second = again[name][0][np.isfinite(again[name][0]).all(-1)]
        np.testing.assert_allclose(first, second, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("suffix", [".glb", ".bvh", ".trc", ".c3d", ".csv"])
def test_what_was_imported_can_be_exported_again(moving, tmp_path, suffix):
    (written, *_) = marey.export(moving, tmp_path / f"a{suffix}")
    (again, *_) = marey.export(import_take(written), tmp_path / f"b{suffix}")
    one, other = positions(import_take(written)), positions(import_take(again))
    for name in one:
        np.testing.assert_allclose(one[name], other[name], atol=1e-4, err_msg=name)


@pytest.mark.parametrize("name", ["a.json", "a.openpose"])
def test_keypoints_in_images_go_there_and_back(tmp_path, name):
    take = make_take()
    marey.export(take, tmp_path / name)
    same_keypoints(take, import_take(tmp_path / name))


def test_people_are_cut_to_where_they_are(moving, tmp_path):
    marey.export(moving, tmp_path / "a.glb")
    back = import_take(tmp_path / "a.glb")
    spans = [(person.start, person.stop) for person in moving.people]
    assert [(person.start, person.stop) for person in back.people] == spans


def test_a_video_lends_its_clock_and_size(tmp_path):
    marey.export(make_take(), tmp_path / "a.openpose")
    frames = np.zeros((9, 48, 64, 3), np.uint8)
    write_video(tmp_path / "a.mp4", frames, frame_rate=12.5)
    take = import_take(tmp_path / "a.openpose", video=tmp_path / "a.mp4")
    np.testing.assert_allclose(np.diff(take.time), 0.08)
    assert take.clips[0].size == (64, 48)
    for person in take.people:
        own = take.time[person.start : person.stop]
        np.testing.assert_array_equal(person.keypoints2d[0].time, own)
    write_take(take, tmp_path / "a.take")


def test_a_shorter_video_is_another_one(tmp_path):
    marey.export(make_take(), tmp_path / "a.openpose")
    write_video(tmp_path / "a.mp4", np.zeros((3, 48, 64, 3), np.uint8), frame_rate=12.5)
    with pytest.raises(InputError, match=r"7 frames in the file, but a\.mp4 has only 3"):
        import_take(tmp_path / "a.openpose", video=tmp_path / "a.mp4")


def test_an_assumed_clock_is_written_down(tmp_path):
    marey.export(make_take(), tmp_path / "a.openpose")
    assumed, given = (
        import_take(tmp_path / "a.openpose", frame_rate=rate).provenance["import"]["clock"]
        for rate in (None, 50)
    )
    assert assumed == "30 frames per second, assumed"
    assert given == "50 frames per second, as given"


def test_amass_without_its_body_is_written_as_it_was(moving, tmp_path):
    """SMPL's file may not be shipped, but its angles can pass through."""
    one = marey.export(moving, tmp_path / "a.npz")[0]
    content = dict(np.load(one))
    del content["marey_body"], content["marey_shape"]
    np.savez(tmp_path / "foreign.npz", **content)
    take = import_take(tmp_path / "foreign.npz")
    again = dict(np.load(marey.export(take, tmp_path / "b.npz")[0]))
    for key in ("trans", "poses", "betas"):
        np.testing.assert_allclose(again[key], content[key], atol=1e-5)
    with pytest.raises(InputError, match="import the motion again with --body"):
        marey.export(take, tmp_path / "b.bvh")
    bodily = import_take(tmp_path / "foreign.npz", body="marey-h")
    assert marey.export(bodily, tmp_path / "b.bvh")


def test_files_of_one_suffix_are_told_apart_by_content(tmp_path):
    image = np.random.default_rng(0).uniform(100, 400, (4, 33, 4))
    np.savez(tmp_path / "mediapipe.npz", landmarks=image)
    assert import_take(tmp_path / "mediapipe.npz").people[0].keypoints2d
    np.savez(tmp_path / "other.npz", apples=image)
    with pytest.raises(FormatError, match="no 'poses'"):
        import_take(tmp_path / "other.npz")


def test_hints_a_file_has_no_use_for_are_refused(moving, tmp_path):
    marey.export(moving, tmp_path / "a.glb")
    for hint in ({"frame_rate": 30.0}, {"size": (64, 48)}, {"up": "z"}, {"body": "marey-h"}):
        with pytest.raises(InputError, match="leave it out"):
            import_take(tmp_path / "a.glb", **hint)


def test_nobody_is_nothing(tmp_path):
    (tmp_path / "a.json").write_text('{"images": [{"id": 1}], "annotations": []}')
    with pytest.raises(NothingFoundError, match="no keypoints of any person"):
        import_take(tmp_path / "a.json")
