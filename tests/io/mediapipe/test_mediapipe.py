"""MediaPipe arrays: the layouts accepted, what is refused, and nothing hostile passes."""

import io
import zipfile

import numpy as np
import pytest

from marey.core import load_skeleton
from marey.core.errors import FormatError, InputError, MareyError, NothingFoundError
from marey.io.mediapipe import is_mediapipe, read_mediapipe
from marey.io.take import write_take
from tests.io.mutations import mutate

SKELETON = load_skeleton("blazepose-33")


def make_image(frames=5):
    """Landmarks in px: x, y, z, visibility."""
    k = np.arange(33)
    points = np.stack([100 + 3 * k, 50 + 7 * k, -k, 0.5 + k / 100], -1).astype(np.float32)
    return np.tile(points, (frames, 1, 1)) + np.arange(frames)[:, None, None] * [1, 0, 0, 0]


def make_world(frames=5):
    """Landmarks in m around the hips."""
    points = np.random.default_rng(0).normal(0, 0.3, (frames, 33, 3))
    hips = points[:, [SKELETON.index("left_hip"), SKELETON.index("right_hip")]].mean(1)
    return points - hips[:, None]


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_pixels_are_pixels(tmp_path):
    """MediaPipe's share 0 is the edge of the picture, so px need no half."""
    path = save(tmp_path / "a.npz", kp=make_image(), world=make_world(), wh=[640, 480], fps=25.0)
    take = read_mediapipe(path)
    points, space = take.people[0].keypoints2d[0], take.people[0].keypoints3d
    np.testing.assert_allclose(points.position[0], make_image()[..., :2])
    np.testing.assert_allclose(points.confidence[0], make_image()[..., 3])
    assert space is not None
    np.testing.assert_allclose(space.position[0], make_world(), atol=1e-6)
    assert space.frame == "root"
    assert take.clips[0].size == (640, 480)
    np.testing.assert_allclose(take.time, np.arange(5) / 25)
    write_take(take, tmp_path / "a.take")


def test_shares_are_scaled_by_the_size_of_the_picture(tmp_path):
    shares = make_image() / [640, 480, 640, 1]
    path = save(tmp_path / "a.npz", landmarks=shares)
    with pytest.raises(InputError, match="--video, or --size WIDTH HEIGHT"):
        read_mediapipe(path)
    points = read_mediapipe(path, size=(640, 480)).people[0].keypoints2d[0]
    np.testing.assert_allclose(points.position[0], make_image()[..., :2], rtol=1e-6)


@pytest.mark.parametrize("columns", [2, 3, 4, 5])
def test_columns_may_end_early(tmp_path, columns):
    image = np.concatenate([make_image(), np.full((5, 33, 1), 0.1)], -1)[..., :columns]
    points = read_mediapipe(save(tmp_path / "a.npz", landmarks=image)).people[0].keypoints2d[0]
    expected = make_image()[..., 3] if columns > 3 else np.ones((5, 33))
    np.testing.assert_allclose(points.confidence[0], expected)


def test_frames_without_a_person_are_missing(tmp_path):
    image = make_image()
    image[0], image[2], image[4] = np.nan, np.nan, 0
    world = np.where(np.isfinite(image[..., :1]), make_world(), np.nan)
    take = read_mediapipe(save(tmp_path / "a.npz", landmarks=image, world_landmarks=world))
    (person,) = take.people
    assert (person.start, person.num_frames) == (1, 3)
    assert person.keypoints2d[0].valid[0].any(-1).tolist() == [True, False, True]
    write_take(take, tmp_path / "a.take")


def test_world_landmarks_alone_make_a_person_too(tmp_path):
    triangulated = make_world() + np.array([0.5, 1.0, 3.0])
    path = save(tmp_path / "a.npz", world_landmarks=triangulated)
    take = read_mediapipe(path, frame_rate=10)
    space = take.people[0].keypoints3d
    assert space is not None
    assert space.frame == "camera"
    np.testing.assert_allclose(space.position[0], triangulated, atol=1e-6)
    assert take.people[0].keypoints2d == ()
    write_take(take, tmp_path / "a.take")


def test_a_bare_array_must_say_what_it_is_by_its_numbers(tmp_path):
    np.save(tmp_path / "px.npy", make_image())
    np.testing.assert_allclose(
        read_mediapipe(tmp_path / "px.npy").people[0].keypoints2d[0].position[0],
        make_image()[..., :2],
    )
    np.save(tmp_path / "cm.npy", make_world() * 100)
    with pytest.raises(FormatError, match=r"whether its .* numbers are px or lengths"):
        read_mediapipe(tmp_path / "cm.npy")


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"poses": np.zeros((3, 72))}, "holds no landmarks of MediaPipe"),
        ({"landmarks": np.zeros((3, 34, 3))}, "expected numbers"),
        ({"landmarks": np.zeros((3, 2, 33, 3))}, "one person per file"),
        ({"landmarks": np.full((3, 33, 3), "a")}, "expected numbers"),
        ({"landmarks": np.full((3, 33, 3), np.inf)}, "numbers that no landmark has"),
        ({"landmarks": make_image(), "world": make_world(4)}, "5 frames in the image and 4"),
        ({"landmarks": make_image(), "wh": [0, 5]}, "no size of a picture"),
        ({"landmarks": make_image(), "fps": -3.0}, "-3 frames per second"),
        ({"landmarks": make_image(), "time": np.zeros(5)}, "increasing seconds"),
        ({"landmarks": make_image(), "time": np.zeros(4)}, "expected (5,)"),
        ({"world": make_world() * 1000}, "no metres"),
    ],
)
def test_other_arrays_are_refused_in_a_sentence(tmp_path, arrays, sentence):
    with pytest.raises(FormatError) as caught:
        read_mediapipe(save(tmp_path / "a.npz", **arrays))
    assert sentence in str(caught.value)


def test_nobody_in_any_frame_is_nothing(tmp_path):
    for image in (np.full((4, 33, 4), np.nan), np.zeros((4, 33, 4)), np.zeros((0, 33, 4))):
        with pytest.raises(NothingFoundError):
            read_mediapipe(save(tmp_path / "a.npz", landmarks=image))


def test_a_frame_rate_that_is_stated_is_not_given_again(tmp_path):
    path = save(tmp_path / "a.npz", landmarks=make_image(), fps=25)
    with pytest.raises(InputError, match="states 25 frames per second"):
        read_mediapipe(path, frame_rate=30)


def test_nothing_is_unpickled(tmp_path):
    np.savez(tmp_path / "a.npz", landmarks=np.array([{"a": 1}], dtype=object))
    with pytest.raises(FormatError, match="is not a sound"):
        read_mediapipe(tmp_path / "a.npz")


def test_a_header_cannot_promise_more_than_its_file_holds(tmp_path):
    """A few bytes that claim an array of a terabyte must not make anyone allocate it."""
    content = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**9, 33, 4)}
    np.lib.format.write_array_header_1_0(content, header)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("landmarks.npy", content.getvalue())
    (tmp_path / "a.npy").write_bytes(content.getvalue())
    for name in ("a.npz", "a.npy"):
        with pytest.raises(FormatError, match="does not fit into its file"):
            read_mediapipe(tmp_path / name)


def test_amass_and_mediapipe_are_told_apart_by_the_names_inside(tmp_path):
    assert is_mediapipe(save(tmp_path / "a.npz", kp=make_image()))
    assert not is_mediapipe(save(tmp_path / "b.npz", poses=np.zeros((3, 72))))


@pytest.mark.parametrize("seed", range(10))
def test_mutations(tmp_path, seed):
    check_mutation(tmp_path, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 210))
def test_many_mutations(tmp_path, seed):
    check_mutation(tmp_path, seed)


def check_mutation(folder, seed):
    save(folder / "a.npz", landmarks=make_image(), world=make_world(), wh=[640, 480], fps=25.0)
    np.savez_compressed(folder / "b.npz", landmarks=make_image(), fps=25.0)
    np.save(folder / "c.npy", make_image())
    for path in sorted(folder.glob("?.np?")):
        path.write_bytes(mutate(path.read_bytes(), seed=seed))
        try:
            take = read_mediapipe(path)
        except MareyError as error:
            assert "\n" not in str(error)
        else:
            write_take(take, folder / f"{path.stem}.take")


def test_real_detections(shared):
    take = read_mediapipe(shared / "data/blazepose_detections/cliff_dance_single.npz")
    assert len(take.time) == 343
    # Nobody is there in the first three frames.
    assert (take.people[0].start, take.people[0].num_frames) == (3, 340)
    assert take.clips[0].size == (720, 1264)


def test_triangulated_landmarks_are_read_once_they_are_metres(shared, tmp_path):
    (source, *_) = sorted((shared / "data/panoptic_mediapipe").glob("*9_cams*.npy"))
    with pytest.raises(FormatError, match="px or lengths"):
        read_mediapipe(source)
    path = save(tmp_path / "a.npz", world_landmarks=np.load(source) / 100)
    space = read_mediapipe(path).people[0].keypoints3d
    assert space is not None
    hip, knee = (space.position[0, :, SKELETON.index(f"left_{part}")] for part in ("hip", "knee"))
    assert 0.3 < np.median(np.linalg.norm(hip - knee, axis=-1)) < 0.55
