"""COCO JSON: exact to the rounding, in the layouts the field writes, and nothing hostile passes."""

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
from marey.io.coco import read_coco, write_coco
from marey.io.json_file import MAX_JSON_BYTES
from marey.io.take import write_take
from tests.io.keypoint_takes import SIZE, make_take, same_keypoints
from tests.io.mutations import mutate, mutate_numbers

COCO, WHOLE = load_skeleton("coco-17"), load_skeleton("coco-wholebody-133")


def write_json(path, value):
    path.write_text(json.dumps(value))
    return path


def dataset(*keypoints, images=2, **more):
    """A data set with an annotation for each list of keypoints, all of the first image."""
    return {
        "images": [{"id": 5 + k, "width": 640, "height": 480} for k in range(images)],
        "annotations": [
            {"id": k, "image_id": 5, "track_id": k, "keypoints": points, **more}
            for k, points in enumerate(keypoints)
        ],
    }


@pytest.mark.parametrize("skeleton", ["coco-wholebody-133", "coco-17"])
def test_a_take_goes_there_and_back(tmp_path, skeleton):
    take = make_take(skeleton, people=("Anna Ü", "02"))
    back = read_coco(write_coco(take, tmp_path / "a.json")[0])
    same_keypoints(take, back)
    np.testing.assert_array_equal(take.time, back.time)
    assert back.clips[0].size == SIZE
    for track, again in zip(take.tracks[0].tracks, back.tracks[0].tracks, strict=True):
        assert track.person == again.person
        np.testing.assert_allclose(track.box, again.box, atol=0.001)
        np.testing.assert_allclose(track.confidence, again.confidence, atol=1e-4)
    write_take(back, tmp_path / "a.take")


def test_the_middle_of_the_first_pixel_is_index_zero(tmp_path):
    """marey's (0.5, 0.5) is COCO's (0, 0); a box has the same edges in both."""
    path = write_json(
        tmp_path / "a.json", dataset([0, 0, 2] + [10, 20.25, 2] * 16, bbox=[0, 0, 10, 20.25])
    )
    take = read_coco(path)
    points = take.people[0].keypoints2d[0].position[0, 0]
    np.testing.assert_array_equal(points[0], [0.5, 0.5])
    np.testing.assert_array_equal(points[1], [10.5, 20.75])
    np.testing.assert_array_equal(take.tracks[0].tracks[0].box[0], [0, 0, 10, 20.25])
    written = json.loads(write_coco(take, tmp_path / "b.json")[0].read_text())
    assert written["annotations"][0]["keypoints"][:6] == [0, 0, 2, 10, 20.25, 2]


def test_what_is_missing_is_never_a_zero_coordinate(tmp_path):
    path = write_json(tmp_path / "a.json", dataset([0, 0, 0] * 8 + [3, 4, 2] * 9))
    points = read_coco(path).people[0].keypoints2d[0]
    assert np.isnan(points.position[0, 0, :8]).all()
    assert (points.confidence[0, 0, :8] == 0).all()
    assert np.isfinite(points.position[0, 0, 8:]).all()


def test_flags_are_confidences_where_nothing_else_is_said(tmp_path):
    path = write_json(tmp_path / "a.json", dataset([1, 1, 1] + [1, 1, 2] + [1, 1, 0] * 15))
    confidence = read_coco(path).people[0].keypoints2d[0].confidence[0, 0]
    assert confidence[:3].tolist() == [0.5, 1.0, 0.0]


def test_a_third_value_that_is_no_flag_is_the_confidence(tmp_path):
    path = write_json(tmp_path / "a.json", dataset([1, 1, 1] + [1, 1, 0.25] + [1, 1, 0] * 15))
    confidence = read_coco(path).people[0].keypoints2d[0].confidence[0, 0]
    assert confidence[:3].tolist() == [1.0, 0.25, 0.0]


def test_the_whole_body_may_come_in_parts(tmp_path):
    hand = {"lefthand_kpts": [7, 8, 0.5] * 21}
    take = read_coco(write_json(tmp_path / "a.json", dataset([1, 2, 2] * 17, **hand)))
    points = take.people[0].keypoints2d[0]
    assert points.skeleton == WHOLE
    seen = [name for name, ok in zip(WHOLE.keypoints, points.valid[0, 0], strict=True) if ok]
    assert len(seen) == 17 + 21
    assert all(name.startswith("left_") for name in seen[17:])
    np.testing.assert_array_equal(points.position[0, 0, WHOLE.index("left_pinky4")], [7.5, 8.5])


def test_results_of_a_detector_are_linked_over_frames(tmp_path):
    """Two people who walk past each other's start in a list without identities."""
    rows = []
    for frame in range(12):
        for left, speed in ((50, 8), (300, -8)):
            x = left + speed * frame
            points = [v for k in range(17) for v in (x + 3 * k % 20, 100 + 10 * k + left / 3, 0.9)]
            rows.append({"image_id": 100 + frame, "keypoints": points, "score": 0.8})
    # The order within a frame says nothing.
    rows[4], rows[5] = rows[5], rows[4]
    take = read_coco(write_json(tmp_path / "a.json", rows), frame_rate=10)
    assert [p.num_frames for p in take.people] == [12, 12]
    speeds = [np.diff(p.keypoints2d[0].position[0, :, 0, 0]) for p in take.people]
    np.testing.assert_allclose(speeds, [[8] * 11, [-8] * 11])
    np.testing.assert_allclose(take.time, np.arange(12) / 10)


def test_images_may_be_named_as_alphapose_does(tmp_path):
    rows = [{"image_id": f"{k}.jpg", "keypoints": [k, 1, 0.9] * 17, "idx": 3} for k in (2, 0, 1)]
    take = read_coco(write_json(tmp_path / "a.json", rows))
    assert [p.name for p in take.people] == ["03"]
    np.testing.assert_allclose(take.people[0].keypoints2d[0].position[0, :, 0, 0], [0.5, 1.5, 2.5])


def test_middles_and_foot_points_of_other_skeletons_are_converted_by_name(tmp_path):
    take = make_take("blazepose-33", people=("01",))
    back = read_coco(write_coco(take, tmp_path / "a.json")[0])
    points, again = take.people[0].keypoints2d[0], back.people[0].keypoints2d[0]
    assert again.skeleton == WHOLE
    for name, old in (("left_knee", "left_knee"), ("right_big_toe", "right_foot_index")):
        np.testing.assert_allclose(
            again.position[0, :, WHOLE.index(name)],
            points.position[0, :, points.skeleton.index(old)],
            atol=0.001,
        )


def test_a_take_without_keypoints_has_nothing_to_write(tmp_path):
    with pytest.raises(NothingFoundError, match="no image keypoints"):
        write_coco(Take(time=np.arange(3.0)), tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_replaced_unasked(tmp_path):
    write_coco(make_take(), tmp_path / "a.json")
    with pytest.raises(OutputExistsError):
        write_coco(make_take(), tmp_path / "a.json")
    write_coco(make_take(), tmp_path / "a.json", overwrite=True)


def test_a_clock_of_its_own_needs_no_frame_rate(tmp_path):
    write_coco(make_take(), tmp_path / "a.json")
    with pytest.raises(InputError, match="states 25 frames per second; leave out --fps"):
        read_coco(tmp_path / "a.json", frame_rate=31)
    read_coco(tmp_path / "a.json", frame_rate=25)


BROKEN = {
    "annotation of no image": lambda d: d["annotations"][0].update(image_id=9),
    "image twice": lambda d: d["images"][1].update(id=5),
    "annotation twice": lambda d: d["annotations"][1].update(id=0),
    "person twice in a frame": lambda d: d["annotations"][1].update(track_id=0),
    "words for numbers": lambda d: d["annotations"][0].update(keypoints=["1"] * 51),
    "truth for numbers": lambda d: d["annotations"][0].update(keypoints=[True] * 51),
    "too few numbers": lambda d: d["annotations"][0].update(keypoints=[1] * 50),
    "unknown number of points": lambda d: [a.update(keypoints=[1] * 30) for a in d["annotations"]],
    "beyond every picture": lambda d: d["annotations"][0].update(keypoints=[1e30] * 51),
    "a gigantic picture": lambda d: [i.update(width=10**9) for i in d["images"]],
    "no name": lambda d: d["annotations"][0].update(person="a\nb"),
    "two videos": lambda d: [i.update(vid_id=k) for k, i in enumerate(d["images"])],
    "times that stand": lambda d: [i.update(time=1.0) for i in d["images"]],
    "a lattice of lists": lambda d: d.update(annotations=[[]]),
    "scores that are none": lambda d: d["annotations"][0].update(scores=["a"] * 17),
    "a box of three": lambda d: d["annotations"][0].update(bbox=[1, 2, 3]),
}


@pytest.mark.parametrize("damage", BROKEN)
def test_broken_data_sets_are_refused_in_a_sentence(tmp_path, damage):
    content = dataset([1, 2, 2] * 17, [3, 4, 2] * 17)
    read_coco(write_json(tmp_path / "a.json", content))
    BROKEN[damage](content)
    with pytest.raises(FormatError, match=r"a\.json") as caught:
        read_coco(write_json(tmp_path / "a.json", content))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "", "nothing", "[1, 2]", "3", '{"images": []}', "[" * 100_000, '{"a":1,"a":2}',
        '{"images": [], "annotations": [{"keypoints": [NaN]}]}', "[" + "9" * 4000 + "]",
        '[{"image_id": 1}]', '{"people": []}', '{"data": [{"frame_index": 0, "skeleton": 3}]}',
    ],
)  # fmt: skip
def test_other_json_is_refused_in_a_sentence(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(FormatError, match=r"a\.json"):
        read_coco(tmp_path / "a.json")


def test_files_beyond_the_limit_are_not_opened(tmp_path):
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(MAX_JSON_BYTES + 1)
    with pytest.raises(FormatError, match="split it by time"):
        read_coco(tmp_path / "a.json")


def test_a_person_over_a_million_frames_does_not_fill_the_memory(tmp_path):
    person = {"pose": [[1, 2]] * 133, "track_id": 1}
    frames = [{"frame_index": k, "skeleton": [person]} for k in (0, 999_999)]
    with pytest.raises(FormatError, match="133 million keypoints"):
        read_coco(write_json(tmp_path / "a.json", {"data": frames}))


def survive(path):
    """Read a file and write what it gives; only errors of marey's may come of it."""
    try:
        take = read_coco(path)
    except MareyError as error:
        assert "\n" not in str(error)
        return False
    write_take(replace(take, clips=()), path.with_suffix(".take"), overwrite=True)
    return True


@pytest.mark.parametrize("seed", range(10))
def test_mutations(tmp_path, seed):
    check_mutation(tmp_path, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 210))
def test_many_mutations(tmp_path, seed):
    check_mutation(tmp_path, seed)


def check_mutation(folder, seed):
    data = write_coco(make_take("coco-17"), folder / "a.json")[0].read_bytes()
    (folder / "b.json").write_bytes(mutate(data, seed=seed))
    survive(folder / "b.json")
    (folder / "c.json").write_text(mutate_numbers(data.decode(), seed=seed))
    survive(folder / "c.json")


def test_real_labels_of_whole_bodies(shared):
    take = read_coco(shared / "data/coco_wholebody/test_coco_wholebody.json")
    assert (len(take.time), len(take.people)) == (4, 12)
    assert take.people[0].keypoints2d[0].skeleton == WHOLE
    truth = json.loads((shared / "data/coco_wholebody/test_coco_wholebody.json").read_text())
    face = np.array(truth["annotations"][0]["face_kpts"]).reshape(-1, 3)[:, :2]
    np.testing.assert_allclose(
        take.people[0].keypoints2d[0].position[0, 0, 23:91], face + 0.5, atol=1e-4
    )


@pytest.mark.parametrize(
    ("name", "skeleton", "frames", "people"),
    [
        ("coco_wholebody/test_coco.json", "coco-17", 4, 12),
        ("coco_wholebody/test_halpe.json", "halpe-136", 4, 12),
        ("coco_wholebody/test_keypoint_partition_metric.json", "coco-wholebody-133", 4, 12),
        ("posetrack18/val/012834_mpii_test.json", "posetrack-17", 1, 11),
        ("baseball_wholebody/baseball_wholebody.json", "coco-wholebody-133", 277, 1),
        ("baseball_wholebody/baseball_coco17.json", "coco-17", 277, 1),
    ],
)
def test_real_files(shared, name, skeleton, frames, people):
    take = read_coco(shared / "data" / name)
    assert (len(take.time), len(take.people)) == (frames, people)
    assert {p.keypoints2d[0].skeleton.name for p in take.people} == {skeleton}
