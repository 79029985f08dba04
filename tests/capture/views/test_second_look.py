"""The second pass over the views: what one view missed is found where the others say it is."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from marey.body.load import load_body
from marey.capture.views.second_look import SecondLook, find_missed
from marey.core import Cameras, Keypoints2D, Skeleton, convert_keypoints, load_skeleton
from marey.core.errors import InputError
from marey.models.protocols import PersonLandmarks
from marey.synthetic import make_cameras, synthetic_scene

NUM_VIEWS, NUM_FRAMES = 4, 6


@dataclass
class Painted:
    """An estimator that reads from the picture which view and frame it is, and knows the truth.

    It finds the person whose middle is nearest to the middle of the box.
    """

    truth: Keypoints2D
    off: float = 0.0
    calls: list[tuple[int, int]] = field(default_factory=list)

    @property
    def skeleton(self) -> Skeleton:
        return self.truth.skeleton

    def locate(self, image, box, previous=None) -> PersonLandmarks:
        view, frame = int(image[0, 0, 0]), int(image[0, 0, 1])
        self.calls.append((view, frame))
        people = self.truth.position[view, :, frame].astype(float)
        middle = (box[:2] + box[2:]) / 2
        row = np.linalg.norm(np.nanmean(people, 1) - middle, axis=-1).argmin()
        num = len(self.skeleton)
        return PersonLandmarks(
            position=people[row] + self.off,
            confidence=np.full(num, 0.9),
            sigma=np.full(num, 2.0),
            world=np.full((num, 3), np.nan),
            score=1.0,
            box=np.zeros(4, np.float32),
        )

    def complete(self, image, located, previous=None) -> PersonLandmarks:
        return located


@pytest.fixture(scope="module")
def scene() -> tuple[Keypoints2D, Cameras]:
    cameras = make_cameras(NUM_VIEWS)
    scene = synthetic_scene(
        load_body("marey-h", mesh="light"), num_frames=NUM_FRAMES, num_people=2, cameras=cameras
    )
    source, body = scene.truth2d.skeleton, load_skeleton("coco-17")
    truth = replace(
        scene.truth2d,
        skeleton=body,
        position=convert_keypoints(scene.truth2d.position, source, body),
        confidence=convert_keypoints(scene.truth2d.confidence, source, body, axis=-1, missing=0.0),
        sigma=None,
    )
    return truth, cameras


def pictures(view: int, frames):
    for frame in frames:
        picture = np.zeros((720, 1280, 3), np.uint8)
        picture[0, 0, :2] = view, frame
        yield frame, picture


def lose(truth: Keypoints2D, *places) -> Keypoints2D:
    position, confidence = truth.position.copy(), truth.confidence.copy()
    for place in places:
        position[place], confidence[place] = np.nan, 0.0
    return replace(truth, position=position, confidence=confidence)


def test_what_a_view_missed_is_found_and_nothing_else_is_touched(scene):
    truth, cameras = scene
    lost = (2, 1, slice(1, 4))
    estimator = Painted(truth)
    found = find_missed(lose(truth, lost), cameras, pictures, estimator)
    known = truth.valid
    np.testing.assert_allclose(found.position[lost], truth.position[lost], atol=1e-4)
    np.testing.assert_array_equal(found.position[known], truth.position[known])
    # Only where somebody was missed.
    assert set(estimator.calls) == {(2, 1), (2, 2), (2, 3)}


def test_what_the_others_deny_is_not_taken(scene):
    truth, cameras = scene
    lost = lose(truth, (2, 1))
    found = find_missed(lost, cameras, pictures, Painted(truth, off=200.0))
    np.testing.assert_array_equal(found.position, lost.position)


def test_one_find_makes_the_next(scene):
    """Two views see half a body each, so a third finds it whole, and then the fourth."""
    truth, cameras = scene
    half = lose(truth, (2, 1), (3, 1))
    position, confidence = half.position.copy(), half.confidence.copy()
    legs = [half.skeleton.index(f"{s}_{p}") for s in ("left", "right") for p in ("knee", "ankle")]
    for view in (0, 1):
        position[view, 1][:, legs], confidence[view, 1][:, legs] = np.nan, 0.0
    half = replace(half, position=position, confidence=confidence)
    found = find_missed(half, cameras, pictures, Painted(truth))
    assert (found.confidence[2:, 1] > 0).mean() > 0.95


def test_nobody_is_looked_for_for_ever(scene):
    truth, cameras = scene
    vain = Painted(truth, off=300.0)
    options = SecondLook(rounds=1, patience=2)
    find_missed(lose(truth, (2, 1)), cameras, pictures, vain, options=options)
    assert {frame for _, frame in vain.calls} == {0, 1}


def test_whom_enough_views_see_is_not_looked_for(scene):
    truth, cameras = scene
    estimator = Painted(truth)
    lost = lose(truth, (2, 1))
    found = find_missed(lost, cameras, pictures, estimator, options=SecondLook(plenty=3))
    assert estimator.calls == []
    np.testing.assert_array_equal(found.position, lost.position)


def test_pictures_that_cannot_show_anybody_are_not_read(scene):
    truth, cameras = scene
    pose = cameras.T_cam_world.copy()
    pose[3, 0, 4:] -= (0, 0, 100)  # everybody far behind it
    away = replace(cameras, T_cam_world=pose)
    read = []
    find_missed(
        lose(truth, (2, 1, 3), (3,)),
        away,
        lambda view, frames: read.append((view, list(frames))) or pictures(view, frames),
        Painted(truth),
    )
    assert read == [(2, [3])]


def test_another_skeleton_is_refused(scene):
    truth, cameras = scene
    other = replace(truth, skeleton=load_skeleton("openpose-25"))
    with pytest.raises(InputError, match="give both one skeleton"):
        find_missed(truth, cameras, pictures, Painted(other))
