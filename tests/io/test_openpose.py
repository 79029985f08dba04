"""OpenPose folders: there and back, with and without identities, and nothing hostile passes."""

import json
from dataclasses import replace

import numpy as np
import pytest

from marey.core import Take, load_skeleton
from marey.core.errors import (
    FormatError,
    InputError,
    MareyError,
    NothingFoundError,
    OutputExistsError,
)
from marey.io.openpose import read_openpose, write_openpose
from marey.io.take import write_take
from tests.io.keypoint_takes import make_take, same_keypoints
from tests.io.mutations import mutate, mutate_numbers

BODY, WHOLE = load_skeleton("openpose-25"), load_skeleton("coco-wholebody-133")


def make_folder(path, frames):
    """Write the people of each frame, given as dictionaries."""
    path.mkdir()
    for number, people in frames.items():
        text = json.dumps({"version": 1.3, "people": people})
        (path / f"clip_{number:012d}_keypoints.json").write_text(text)
    return path


def body(x, y, sure=0.9):
    return {"pose_keypoints_2d": [v for k in range(25) for v in (x + 2 * k, y + 5 * k, sure)]}


@pytest.mark.parametrize("skeleton", ["coco-wholebody-133", "openpose-25"])
def test_a_take_goes_there_and_back(tmp_path, skeleton):
    take = make_take(skeleton)
    back = read_openpose(write_openpose(take, tmp_path / "a.openpose")[0])
    same_keypoints(take, back)
    write_take(back, tmp_path / "a.take")


def test_files_are_named_and_filled_as_openpose_does(tmp_path):
    write_openpose(make_take(), tmp_path / "walk.openpose")
    first = tmp_path / "walk.openpose" / "walk_000000000000_keypoints.json"
    assert len(list((tmp_path / "walk.openpose").iterdir())) == 7
    (person,) = json.loads(first.read_text())["people"]
    assert person["person_id"] == [1]
    lengths = {key: len(value) for key, value in person.items()}
    assert lengths == {
        "person_id": 1, "pose_keypoints_2d": 75, "face_keypoints_2d": 210,
        "hand_left_keypoints_2d": 63, "hand_right_keypoints_2d": 63,
    }  # fmt: skip


def test_the_middle_of_the_first_pixel_is_index_zero(tmp_path):
    folder = make_folder(tmp_path / "a", {0: [body(0, 0.25)]})
    take = read_openpose(folder)
    points = take.people[0].keypoints2d[0]
    np.testing.assert_array_equal(points.position[0, 0, 0], [0.5, 0.75])
    write_openpose(take, tmp_path / "b.openpose")
    (file,) = (tmp_path / "b.openpose").iterdir()
    (person,) = json.loads(file.read_text())["people"]
    assert person["pose_keypoints_2d"][:3] == [0, 0.25, 0.9]


def test_middles_are_made_of_their_ends(tmp_path):
    """OpenPose's neck and mid-hip are middles by definition, as unsure as the less sure end."""
    take = make_take(people=("01",))
    write_openpose(take, tmp_path / "a.openpose")
    file = tmp_path / "a.openpose" / "a_000000000000_keypoints.json"
    numbers = json.loads(file.read_text())["people"][0]["pose_keypoints_2d"]
    written = np.array(numbers).reshape(-1, 3)[BODY.index("mid_shoulder")]
    points = take.people[0].keypoints2d[0]
    ends = [WHOLE.index("left_shoulder"), WHOLE.index("right_shoulder")]
    np.testing.assert_allclose(written[:2] + 0.5, points.position[0, 0, ends].mean(0), atol=1e-3)
    np.testing.assert_allclose(written[2], points.confidence[0, 0, ends].min(), atol=1e-4)


def test_zeros_are_missing_and_never_a_coordinate(tmp_path):
    person = body(10, 10)
    person["pose_keypoints_2d"][:6] = [0, 0, 0, 0, 0, 0.7]
    points = read_openpose(make_folder(tmp_path / "a", {0: [person]})).people[0].keypoints2d[0]
    assert not points.valid[0, 0, :2].any()
    assert np.isnan(points.position[0, 0, :2]).all()


def test_people_without_identities_are_linked(tmp_path):
    frames = {
        k: [body(100 + 4 * k, 50), body(400 - 4 * k, 80)][:: 1 if k % 2 else -1] for k in range(10)
    }
    take = read_openpose(make_folder(tmp_path / "a", frames), frame_rate=50)
    assert [p.num_frames for p in take.people] == [10, 10]
    for person in take.people:
        steps = np.diff(person.keypoints2d[0].position[0, :, 0, 0])
        np.testing.assert_allclose(np.abs(steps), 4)
    assert take.time[1] == 0.02


def test_identities_of_the_file_are_believed(tmp_path):
    frames = {
        k: [{**body(100 * k, 50), "person_id": [7]}, {**body(300, 50), "person_id": [-1]}]
        for k in range(4)
    }
    take = read_openpose(make_folder(tmp_path / "a", frames))
    assert sorted(p.name for p in take.people) == ["01", "07"]
    assert [p.num_frames for p in take.people] == [4, 4]


def test_frames_are_the_numbers_of_their_files(tmp_path):
    take = read_openpose(make_folder(tmp_path / "a", {3: [body(1, 1)], 4: [], 6: [body(2, 2)]}))
    assert len(take.time) == 4
    assert take.people[0].num_frames == 4
    assert take.people[0].keypoints2d[0].valid[0].any(-1).tolist() == [True, False, False, True]


def test_the_older_model_of_18_points_is_read(tmp_path):
    points = [v for k in range(18) for v in (10 + k, 20, 0.5)]
    person = {"pose_keypoints_2d": points}
    block = read_openpose(make_folder(tmp_path / "a", {0: [person]})).people[0].keypoints2d[0]
    names = ("neck", "r_hip", "l_ear")
    places = [BODY.index(name) for name in ("mid_shoulder", "right_hip", "left_ear")]
    found = dict(zip(names, block.position[0, 0, places, 0].tolist(), strict=True))
    assert found == {"neck": 11.5, "r_hip": 18.5, "l_ear": 27.5}
    assert not block.valid[0, 0, BODY.index("mid_hip")]


def test_only_openpose_folders_are_replaced(tmp_path):
    (tmp_path / "a.openpose").mkdir()
    (tmp_path / "a.openpose" / "diary.txt").write_text("precious")
    with pytest.raises(InputError, match="is no OpenPose folder"):
        write_openpose(make_take(), tmp_path / "a.openpose", overwrite=True)
    assert (tmp_path / "a.openpose" / "diary.txt").read_text() == "precious"
    write_openpose(make_take(), tmp_path / "b.openpose")
    with pytest.raises(OutputExistsError):
        write_openpose(make_take(), tmp_path / "b.openpose")
    write_openpose(make_take(), tmp_path / "b.openpose", overwrite=True)


def test_folders_without_anything_are_refused(tmp_path):
    with pytest.raises(InputError, match="is no folder"):
        read_openpose(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingFoundError, match="no keypoints"):
        read_openpose(tmp_path / "empty")
    with pytest.raises(NothingFoundError, match="no keypoints of any person"):
        read_openpose(make_folder(tmp_path / "nobody", {0: [], 1: []}))
    with pytest.raises(NothingFoundError, match="no image keypoints"):
        write_openpose(Take(time=np.arange(2.0)), tmp_path / "a.openpose")


@pytest.mark.parametrize(
    "person",
    [
        {"pose_keypoints_2d": [1] * 74},
        {"pose_keypoints_2d": [1] * 75, "hand_left_keypoints_2d": [1] * 60},
        {"pose_keypoints_2d": [1] * 75, "face_keypoints_2d": [1] * 63},
        {"pose_keypoints_2d": ["1"] * 75},
        {"pose_keypoints_2d": [1e300] * 75},
        {"pose_keypoints_2d": 3},
        {"pose_keypoints_2d": [None] * 75},
    ],
)
def test_broken_people_are_refused_in_a_sentence(tmp_path, person):
    with pytest.raises(FormatError, match=r"clip_0+_keypoints\.json is no frame of OpenPose"):
        read_openpose(make_folder(tmp_path / "a", {0: [person]}))


def test_one_person_cannot_be_twice_in_a_frame(tmp_path):
    people = [{**body(1, 1), "person_id": [2]}, {**body(9, 9), "person_id": [2]}]
    with pytest.raises(FormatError, match="person_id 02 occurs twice"):
        read_openpose(make_folder(tmp_path / "a", {0: people}))


@pytest.mark.parametrize("seed", range(10))
def test_mutations(tmp_path, seed):
    check_mutation(tmp_path, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 210))
def test_many_mutations(tmp_path, seed):
    check_mutation(tmp_path, seed)


def check_mutation(folder, seed):
    for kind in ("bytes", "values"):
        path = write_openpose(make_take("openpose-25"), folder / f"{kind}.openpose")[0]
        victim = sorted(path.iterdir())[seed % 7]
        data = victim.read_bytes()
        if kind == "bytes":
            victim.write_bytes(mutate(data, seed=seed))
        else:
            victim.write_text(mutate_numbers(data.decode(), seed=seed))
        try:
            take = read_openpose(path)
        except MareyError as error:
            assert "\n" not in str(error)
        else:
            write_take(replace(take, clips=()), folder / f"{kind}.take")
