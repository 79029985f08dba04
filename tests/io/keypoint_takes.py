"""Takes of image keypoints whose every number follows from a formula."""

from pathlib import Path

import numpy as np

from marey.core import Clip, Keypoints2D, Person, Take, Track, Tracks, load_skeleton

SIZE = (640, 480)


def make_person(
    name: str, *, start: int, length: int, time: np.ndarray, skeleton: str, left: float
) -> tuple[Person, Track]:
    """Return somebody who walks to the right; one frame and one point are missing."""
    points = load_skeleton(skeleton)
    column = np.arange(len(points))
    place = np.stack([left + 3.25 * column % 90, 100 + 2.125 * column], -1)
    walk = np.arange(length)[:, None, None] * np.array([2.0, 0.25])
    position = (place + walk).astype(np.float32)[None]
    confidence = (0.2 + 0.75 * (column % 7) / 7).astype(np.float32)
    confidence = np.broadcast_to(confidence, (1, length, len(points))).copy()
    # One frame without anybody, and one point that is never seen.
    for missing in (np.s_[0, length // 2], np.s_[0, :, 3]):
        position[missing], confidence[missing] = np.nan, 0
    block = Keypoints2D(
        skeleton=points, people=(name,), time=time[start : start + length], position=position,
        confidence=confidence,
    )  # fmt: skip
    box = np.tile(np.array([left - 5, 90, left + 100, 460], np.float32), (length, 1))
    score = np.full(length, 0.875, np.float32)
    box[length // 2], score[length // 2] = np.nan, 0
    person = Person(name=name, start=start, num_frames=length, keypoints2d=(block,))
    return person, Track(person=name, start=start, box=box, confidence=score)


def make_take(skeleton: str = "coco-wholebody-133", *, people: tuple[str, ...] = ("01", "02")):
    """Return a take of people who come and go, on an uneven clock."""
    time = np.array([0.0, 0.04, 0.08, 0.13, 0.16, 0.2, 0.24])
    rows = [
        make_person(
            name, start=k, length=7 - k, time=time, skeleton=skeleton, left=60.0 + 250 * k
        )
        for k, name in enumerate(people)
    ]  # fmt: skip
    return Take(
        time=time,
        clips=(Clip(path=Path("dance.mp4"), size=SIZE, time=time),),
        tracks=(Tracks(time=time, tracks=tuple(track for _, track in rows)),),
        people=tuple(person for person, _ in rows),
    )


def same_keypoints(one: Take, other: Take, *, pixel: float = 0.0006, sure: float = 6e-5) -> None:
    """Compare people, spans, what is missing, and numbers within the formats' rounding."""
    assert [p.name for p in one.people] == [p.name for p in other.people]
    for a, b in zip(one.people, other.people, strict=True):
        assert (a.start, a.num_frames) == (b.start, b.num_frames)
        points, again = a.keypoints2d[0], b.keypoints2d[0]
        assert points.skeleton.keypoints == again.skeleton.keypoints
        np.testing.assert_array_equal(points.valid, again.valid)
        np.testing.assert_allclose(points.position, again.position, atol=pixel)
        np.testing.assert_allclose(points.confidence, again.confidence, atol=sure)
