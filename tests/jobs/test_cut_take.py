"""Parts of takes of keypoints: every number says which frame it is of, so none can slip."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marey.core import Clip, Keypoints2D, Person, Skeleton, Take, Track, Tracks
from marey.core.errors import InputError
from marey.io.take import write_take
from marey.jobs.cut_take import cut_take

TIME = 7.0 + np.arange(10) / 10
POINT = Skeleton(name="point", keypoints=("nose",), edges=(), mirror=(0,))


def make_person(name: str, start: int, stop: int) -> Person:
    """Return a person whose x is the frame's number."""
    position = np.zeros((1, stop - start, 1, 2), np.float32)
    position[0, :, 0, 0] = np.arange(start, stop)
    points = Keypoints2D(
        skeleton=POINT,
        people=(name,),
        time=TIME[start:stop],
        position=position,
        confidence=np.ones((1, stop - start, 1), np.float32),
    )
    return Person(name=name, start=start, num_frames=stop - start, keypoints2d=(points,))


def make_take() -> Take:
    people = (make_person("a", 0, 10), make_person("b", 3, 6), make_person("c", 8, 10))
    tracks = tuple(
        Track(
            person=person.name,
            start=person.start,
            box=np.arange(person.start, person.stop, dtype=np.float32)[:, None].repeat(4, 1),
            confidence=np.ones(person.num_frames, np.float32),
        )
        for person in people
    )
    clip = Clip(path=Path("clip.mp4"), size=(64, 48), time=TIME)
    return Take(time=TIME, clips=(clip,), people=people, tracks=(Tracks(time=TIME, tracks=tracks),))


def frames_of(person: Person, time: np.ndarray) -> list[int]:
    """Return the frames a person's numbers are of, and check that the clocks say the same."""
    (points,) = person.keypoints2d
    frames = points.position[0, :, 0, 0].astype(int).tolist()
    np.testing.assert_array_equal(points.time, TIME[frames])
    np.testing.assert_array_equal(time[person.start : person.stop], TIME[frames])
    return frames


@pytest.mark.parametrize(
    ("options", "frames", "of_b"),
    [
        ({}, range(10), [3, 4, 5]),
        ({"start": 0.2, "end": 0.8}, range(2, 8), [3, 4, 5]),
        ({"every": 2}, range(0, 10, 2), [4]),
        ({"start": 0.1, "every": 4}, range(1, 10, 4), [5]),
        ({"start": 0.4, "end": 0.5}, range(4, 5), [4]),
        ({"start": 0.6, "end": 1.0}, range(6, 10), None),
    ],
)
def test_frames_keep_what_they_have(tmp_path, options, frames, of_b):
    cut = cut_take(make_take(), **options)
    # The rules of takes hold.
    write_take(cut, tmp_path / "a.take")
    np.testing.assert_array_equal(cut.time, TIME[frames])
    people = {person.name: person for person in cut.people}
    assert frames_of(people["a"], cut.time) == list(frames)
    assert ("b" in people) == (of_b is not None)
    if of_b is not None:
        assert frames_of(people["b"], cut.time) == of_b
        track = next(track for track in cut.tracks[0].tracks if track.person == "b")
        assert track.start == people["b"].start
        assert track.box[:, 0].astype(int).tolist() == of_b
    (clip,) = cut.clips
    assert [clip.first + clip.step * k for k in range(clip.num_frames)] == list(frames)


def test_a_video_with_another_clock_stays_whole():
    take = make_take()
    other = replace(take.clips[0], time=np.arange(30) / 30)
    cut = cut_take(replace(take, clips=(other,)), start=7.2)
    assert cut.clips == (other,)
    np.testing.assert_array_equal(cut.time, TIME[2:])


def test_a_part_without_frames_is_refused():
    with pytest.raises(InputError, match="no frame of the keypoints lies between 5 s and"):
        cut_take(make_take(), start=5)
