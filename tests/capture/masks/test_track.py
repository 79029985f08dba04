"""Following people by masks: newcomers, exchanges, one mask only; with networks made for it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest

from marey.capture.followed import TrackOptions
from marey.capture.masks.track import MaskedPeopleTracker
from marey.capture.track import PeopleTracker
from marey.core import load_skeleton
from marey.io.masks import FrameMasks
from marey.models.keypoints import bound_points
from marey.models.protocols import PersonBoxes, PersonLandmarks

COCO = load_skeleton("coco-wholebody-133")
SIZE = (160, 240)
"""Height and width."""


def place(person: int, frame: int) -> np.ndarray:
    """Where somebody's middle is: two people stand beside one another and sway."""
    return np.array([90.0 + 50 * person + 3 * np.sin(frame / 3), 80.0])


def paint(frame: int) -> np.ndarray:
    """A picture in which each person is a bar of their own grey."""
    image = np.zeros((*SIZE, 3), np.uint8)
    for person, grey in ((0, 200), (1, 250)):
        x, _ = place(person, frame).astype(int)
        image[20:140, x - 20 : x + 20] = grey
    return image


def cut_out(person: int, frame: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    x, _ = place(person, frame).astype(int)
    mask[20:140, x - 20 : x + 20] = True
    return mask


def spread(center: np.ndarray) -> np.ndarray:
    """Points of a body around its middle, the same for everybody."""
    rng = np.random.default_rng(0)
    points = np.full((133, 2), np.nan, np.float32)
    points[:17] = center + rng.uniform((-17, -55), (17, 55), (17, 2))
    return points


@dataclass
class Nearest:
    """Finds the middle of whatever is bright where it looks: of both people, if both are there."""

    skeleton = COCO
    shown: list = field(default_factory=list)

    def locate(self, image, box, previous=None):
        x0, y0, x1, y1 = (previous.box if box is None else box).astype(int)
        near = np.zeros(image.shape[:2], bool)
        near[max(y0 - 8, 0) : y1 + 8, max(x0 - 8, 0) : x1 + 8] = True
        bright = np.all(image >= 199, axis=-1) & near
        self.shown.append(int(bright.sum()))
        rows, columns = np.nonzero(bright)
        points = spread(np.array([columns.mean(), rows.mean()]))
        known = np.isfinite(points).all(-1)
        confidence = known.astype(np.float32) * np.float32(0.9)
        return PersonLandmarks(
            position=points,
            confidence=confidence,
            sigma=np.where(known, 2.0, np.nan).astype(np.float32),
            world=np.full((133, 3), np.nan, np.float32),
            score=0.9,
            box=bound_points(points, confidence).astype(np.float32),
        )

    def complete(self, image, located, previous=None):
        return located


class OneBox:
    """Sees one person around both, as detectors do in a hug."""

    def detect(self, images):
        box = np.array([[80.0, 22, 150, 138]])
        return [PersonBoxes(box=box, confidence=np.array([0.9])) for _ in images]


def follow(masks, frames: int = 12, tracker=MaskedPeopleTracker):
    options = TrackOptions(min_height=30)
    with ThreadPoolExecutor(2) as pool:
        if masks is None:
            followed = PeopleTracker(OneBox(), Nearest(), pool, options)
        else:
            followed = tracker(OneBox(), Nearest(), pool, options, masks=masks)
        for frame in range(frames):
            followed.push(frame, frame / 30, paint(frame))
        people = followed.finish(30.0)
    return people, followed.complain(people, [f"{row:02d}" for row in range(1, len(people) + 1)])


def middles(person, frame: int) -> np.ndarray:
    return np.nanmean(
        person.results[frame - person.start].position[:17] - spread(np.zeros(2))[:17], 0
    )


def test_without_masks_both_are_one():
    people, _ = follow(None)
    assert len(people) == 1


def test_masks_find_and_keep_both():
    def read(frame: int) -> FrameMasks:
        return FrameMasks(people=("a", "b"), mask=np.stack([cut_out(0, frame), cut_out(1, frame)]))

    people, complaints = follow(read)
    assert len(people) == 2 and not complaints
    for frame in range(12):
        for number, person in enumerate(people):
            np.testing.assert_allclose(middles(person, frame), place(number, frame), atol=1.5)


def test_exchanged_masks_exchange_nobody_and_are_said():
    def read(frame: int) -> FrameMasks:
        rows = [1, 0] if 5 <= frame < 8 else [0, 1]
        masks = np.stack([cut_out(row, frame) for row in rows])
        return FrameMasks(people=("a", "b"), mask=masks)

    people, complaints = follow(read)
    assert len(people) == 2
    for frame in range(12):
        for number, person in enumerate(people):
            np.testing.assert_allclose(middles(person, frame), place(number, frame), atol=1.5)
    assert complaints == (
        "the mask 'a' of 01 shows 02 in frames 5 to 7; it is used for 02 there",
        "the mask 'b' of 02 shows 01 in frames 5 to 7; it is used for 01 there",
    )


@pytest.mark.parametrize("given", [0, 1])
def test_one_mask_of_one_person_follows_that_person(given):
    def read(frame: int) -> FrameMasks | None:
        if frame == 3:
            return None
        return FrameMasks(people=("only",), mask=cut_out(given, frame)[None])

    people, complaints = follow(read)
    assert not complaints
    best = min(
        people,
        key=lambda person: abs(middles(person, person.start)[0] - place(given, person.start)[0]),
    )
    # The other has no mask, and is painted over only roughly.
    assert abs(middles(best, 11)[0] - place(given, 11)[0]) < 15
    assert len(people) <= 2
