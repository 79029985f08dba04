"""Forced confidences reach exactly the keypoints that are named."""

from dataclasses import replace

import numpy as np
import pytest

from marey.body import load_body
from marey.capture.overrides import apply_overrides, override_person
from marey.capture.views.many_views import ManyViewsOptions, solve_views
from marey.core import Keypoints2D, Person, load_skeleton
from marey.core.errors import InputError
from marey.io.overrides import Override
from marey.synthetic import make_cameras, synthetic_scene
from tests.capture.views.test_many_views import make_seen

SKELETON = load_skeleton("coco-17")
CAMERAS = ("cam01", "cam02", "cam03")
T, WRIST = 20, SKELETON.index("left_wrist")


@pytest.fixture
def keypoints():
    shape = (3, 2, T, 17)
    random = np.random.default_rng(0)
    position = random.uniform(0, 900, (*shape, 2)).astype(np.float32)
    confidence = random.uniform(0.2, 0.9, shape).astype(np.float32)
    position[0, 0, 3], confidence[0, 0, 3] = np.nan, 0
    return Keypoints2D(
        skeleton=SKELETON,
        people=("01", "02"),
        time=np.arange(T) / 20,
        position=position,
        confidence=confidence,
    )


def test_exactly_what_is_named(keypoints):
    override = Override(
        frames=((5, 7), (9, 9)), person="02", cameras=("cam03",), joints=("left_wrist",)
    )
    done = apply_overrides(keypoints, [override], cameras=CAMERAS)
    expected = np.zeros(keypoints.confidence.shape, bool)
    expected[2, 1, [5, 6, 7, 9], WRIST] = True
    assert np.array_equal(done.confidence != keypoints.confidence, expected)
    assert np.isnan(done.position[expected]).all()
    assert np.array_equal(done.position[~expected], keypoints.position[~expected], equal_nan=True)
    assert keypoints.confidence[2, 1, 5, WRIST] > 0


def test_what_is_left_out_means_all(keypoints):
    done = apply_overrides(keypoints, [Override()], cameras=CAMERAS)
    assert not done.valid.any()


def test_later_entries_win_and_nothing_is_made_of_nothing(keypoints):
    overrides = [Override(confidence=0), Override(cameras=("cam01",), confidence=0.7)]
    done = apply_overrides(keypoints, overrides, cameras=CAMERAS)
    assert not done.valid[1:].any()
    seen = keypoints.valid[0]
    assert np.array_equal(done.valid[0], seen) and not seen.all()
    assert np.unique(done.confidence[0][seen]) == pytest.approx([0.7])


def test_seconds_are_of_the_clock(keypoints):
    done = apply_overrides(keypoints, [Override(seconds=(0.25, 0.35))], cameras=CAMERAS)
    lost = np.flatnonzero(~done.valid[1, 1].any(-1))
    assert lost.tolist() == [5, 6, 7]


def test_one_view_has_no_axis_of_its_own(keypoints):
    one = replace(keypoints, position=keypoints.position[1], confidence=keypoints.confidence[1])
    done = apply_overrides(one, [Override(person="01")], cameras=["video"])
    assert done.confidence.shape == one.confidence.shape
    assert not done.valid[0].any() and done.valid[1].all()


def test_no_overrides_change_nothing(keypoints):
    assert apply_overrides(keypoints, (), cameras=CAMERAS) is keypoints


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (Override(person="03"), "override 1 names the person '03'; there is 01, 02"),
        (Override(cameras=("cam01", "cam9")), "camera 'cam9'; there is cam01, cam02, cam03"),
        (Override(joints=("left_wirst",)), "keypoint 'left_wirst'; there is nose"),
        (Override(frames=((5, T),)), f"means frame {T}, but the take has {T} frames, 0 to {T - 1}"),
    ],
)
def test_what_there_is_not_is_refused(keypoints, override, said):
    with pytest.raises(InputError, match=said):
        apply_overrides(keypoints, [override], cameras=CAMERAS)


def test_a_person_covers_a_part_of_the_clock(keypoints):
    span = slice(4, 12)
    view = replace(
        keypoints,
        people=("02",),
        time=keypoints.time[span],
        position=keypoints.position[1, 1:, span],
        confidence=keypoints.confidence[1, 1:, span],
    )
    person = Person(name="02", start=4, num_frames=8, keypoints2d=(view,))
    overrides = [Override(frames=((0, 5),)), Override(person="01"), Override(cameras=("other",))]
    done = override_person(person, overrides, time=keypoints.time, cameras=["video"])
    lost = np.flatnonzero(~done.keypoints2d[0].valid[0].any(-1))
    assert lost.tolist() == [0, 1]
    whole = apply_overrides(keypoints, overrides[:2], cameras=CAMERAS)
    np.testing.assert_array_equal(done.keypoints2d[0].confidence[0], whole.confidence[1, 1, span])


def test_several_cameras_leave_out_what_is_forced():
    """A wrist that one camera moved by 60 px is taken away, and its place found from the others."""
    body = load_body()
    scene = synthetic_scene(body, "walk", num_frames=6, cameras=make_cameras(4), seed=4)
    views = [make_seen(scene, view, (0,)) for view in range(4)]
    skeleton = scene.keypoints2d.skeleton
    wrist = skeleton.index("left_wrist")
    views[1].people[0].keypoints2d[0].position[0, 2:4, wrist] += 60
    overrides = (Override(frames=((2, 3),), cameras=("camera2",), joints=("left_wrist",)),)
    options = ManyViewsOptions(settle=None, contact=None)
    seen, used = {}, {}
    for name, given in (("as seen", ()), ("forced", overrides)):
        solved = solve_views(
            views, scene.cameras, body=body, options=replace(options, overrides=given)
        )
        used[name] = solved.triangulated.inlier[:, 0, 2:4, wrist]
        seen[name] = [view.valid[0] for view in solved.take.people[0].keypoints2d]
    changed = np.array(seen["as seen"]) & ~np.array(seen["forced"])
    assert not used["forced"][1].any() and used["forced"][[0, 2, 3]].any(0).all()
    assert np.argwhere(changed).tolist() == [[1, 2, wrist], [1, 3, wrist]]
    with pytest.raises(InputError, match="names the camera 'cam9'"):
        solve_views(
            views,
            scene.cameras,
            body=body,
            options=replace(options, overrides=(Override(cameras=("cam9",)),)),
        )
