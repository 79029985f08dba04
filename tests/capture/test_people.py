"""Sightings laid out as arrays: missing is NaN in position and 0 in confidence."""

import numpy as np

from marey.capture.followed import FollowedPerson
from marey.capture.people import name_people, to_keypoints, to_track
from marey.capture.views.sightings import Sighting, Sightings
from marey.core import load_skeleton

SKELETON = load_skeleton("coco-17")
TIME = np.arange(20) / 25.0


def sighting(seed: int) -> Sighting:
    rng = np.random.default_rng(seed)
    return Sighting(
        position=rng.uniform(0, 500, (17, 2)).astype(np.float32),
        confidence=rng.uniform(0.1, 1, 17).astype(np.float32),
        sigma=rng.uniform(1, 4, 17).astype(np.float32),
        world=rng.normal(size=(17, 3)).astype(np.float32),
        box=np.array([1, 2, 30, 40 + seed], np.float32),
        score=0.5 + 0.1 * seed,
    )


def person() -> FollowedPerson:
    return FollowedPerson(start=6, results=Sightings(rows=[sighting(0), None, sighting(2)]))


def test_names_count_from_one_and_sort_in_order():
    assert name_people(3) == ("01", "02", "03")
    assert name_people(0) == ()
    many = name_people(120)
    assert many[0] == "001"
    assert list(many) == sorted(many)


def test_sightings_become_arrays_over_the_span():
    image, space = to_keypoints(person(), "07", SKELETON, TIME)
    assert image.people == space.people == ("07",)
    np.testing.assert_array_equal(image.time, TIME[6:9])
    for frame in (0, 2):
        expected = sighting(frame)
        np.testing.assert_array_equal(image.position[0, frame], expected.position)
        np.testing.assert_array_equal(image.confidence[0, frame], expected.confidence)
        np.testing.assert_array_equal(space.position[0, frame], expected.world)
        np.testing.assert_array_equal(space.confidence[0, frame], expected.confidence)
        assert image.sigma is not None
        np.testing.assert_array_equal(image.sigma[0, frame], expected.sigma)
    assert np.isnan(image.position[0, 1]).all()
    assert np.isnan(space.position[0, 1]).all()
    assert (image.confidence[0, 1] == 0).all()
    assert space.frame == "root"


def test_missing_keypoints_lose_their_confidence():
    one = person()
    first = one.results[0]
    assert first is not None
    first.position[3, 0] = np.nan
    first.world[5] = np.nan
    image, space = to_keypoints(one, "01", SKELETON, TIME)
    assert image.confidence[0, 0, 3] == 0
    assert space.confidence[0, 0, 3] == 0
    assert space.confidence[0, 0, 5] == 0
    assert image.confidence[0, 0, 5] > 0
    assert (image.valid == (image.confidence > 0)).all()


def test_the_tracker_keeps_its_sightings():
    before = sighting(0)
    one = person()
    to_keypoints(one, "01", SKELETON, TIME)
    assert one.results[0] is not None
    np.testing.assert_array_equal(one.results[0].confidence, before.confidence)


def test_boxes_of_a_track():
    track = to_track(person(), "02")
    assert (track.person, track.start) == ("02", 6)
    np.testing.assert_array_equal(track.box[[0, 2]], [[1, 2, 30, 40], [1, 2, 30, 42]])
    assert np.isnan(track.box[1]).all()
    np.testing.assert_allclose(track.confidence, [0.5, 0.0, 0.7])
