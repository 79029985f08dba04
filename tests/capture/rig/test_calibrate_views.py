"""Cameras from what their videos show, with nothing known of clocks and of who is who."""

from dataclasses import replace

import numpy as np
import pytest

from marey.body import load_body
from marey.capture.rig.anchor import choose_anchor, find_chains
from marey.capture.rig.calibrate_views import calibrate_views, refine_views
from marey.capture.rig.metric_scale import KnownSize, measure_stature
from marey.capture.rig.mirrored import flip_view
from marey.core import Cameras, Keypoints2D, convert_keypoints, load_skeleton
from marey.core.errors import InputError, NothingFoundError
from marey.synthetic import PERFECT, SyntheticScene, make_cameras, synthetic_scene
from tests.capture.rig.test_calibrate import compare, disturb, forget_poses
from tests.capture.seen_views import see_views

SIZE = (1280, 720)


def film(num_people: int = 1, num_frames: int = 75, motion: str = "walk") -> SyntheticScene:
    return synthetic_scene(
        load_body(),
        motion,
        num_frames=num_frames,
        num_people=num_people,
        cameras=make_cameras(3),
        noise=PERFECT,
        seed=3,
    )


def as_coco(keypoints: Keypoints2D) -> Keypoints2D:
    coco = load_skeleton("coco-17")
    return replace(
        keypoints,
        skeleton=coco,
        position=convert_keypoints(keypoints.position, keypoints.skeleton, coco),
        confidence=convert_keypoints(
            keypoints.confidence, keypoints.skeleton, coco, axis=-1, missing=0.0
        ),
    )


def tall(scene: SyntheticScene) -> KnownSize:
    return KnownSize(height=measure_stature(load_body(), scene.motion.shape[0]))


@pytest.fixture(scope="module")
def two() -> SyntheticScene:
    return film(2)


def check(found: Cameras, truth: Cameras, *, angle: float = 0.3, apart: float = 0.03) -> float:
    off = compare(found, truth)
    assert off[0] < angle
    assert off[1] < apart
    return off[2]


def test_people_in_another_order_in_every_view(two: SyntheticScene):
    views = see_views(as_coco(two.keypoints2d), SIZE)
    found = calibrate_views(
        views, forget_poses(two.cameras), size=KnownSize(height=1.7), sync=False
    )
    check(found.calibrated.cameras, two.cameras)
    assert len(found.keypoints.people) == 2
    assert min(view.agreeing for view in found.calibrated.quality) > 0.95


def test_clocks_that_are_off_are_put_right():
    scene = film(num_frames=90, motion="kick")
    shift = (0.0, 0.4, -0.2)
    views = see_views(as_coco(scene.keypoints2d), SIZE, shift)
    found = calibrate_views(views, forget_poses(scene.cameras), size=tall(scene))
    offset = found.calibrated.cameras.time_offset
    assert offset - offset[0] == pytest.approx(-np.array(shift), abs=0.02)
    scale = check(found.calibrated.cameras, scene.cameras, angle=1.0, apart=0.1)
    assert scale == pytest.approx(1, abs=0.02)


def test_a_field_of_view_that_was_assumed_far_off():
    scene = film()
    K = scene.cameras.K.copy()
    K[:, [0, 1], [0, 1]] *= 1.8
    views = see_views(as_coco(scene.keypoints2d), SIZE)
    guess = replace(forget_poses(scene.cameras), K=K)
    found = calibrate_views(views, guess, size=tall(scene), sync=False, focal="shared")
    check(found.calibrated.cameras, scene.cameras, angle=0.5, apart=0.05)
    assert found.calibrated.cameras.K[:, 0, 0] == pytest.approx(1000, rel=0.02)


def test_a_calibration_is_refined_with_people_unknown(two: SyntheticScene):
    views = see_views(as_coco(two.keypoints2d), SIZE)
    found = refine_views(views, disturb(two.cameras), sync=False)
    check(found.calibrated.cameras, two.cameras)


def test_a_mirrored_video_is_named():
    scene = film()
    flipped = flip_view(as_coco(scene.keypoints2d), scene.cameras, 1)
    cameras = replace(forget_poses(scene.cameras), names=("left", "middle", "right"))
    with pytest.raises(InputError, match="middle seems to be mirrored"):
        calibrate_views(see_views(flipped, SIZE), cameras, size=KnownSize(height=1.7), sync=False)


def test_a_still_person_is_too_little():
    scene = film(num_frames=20)
    still = replace(
        scene.keypoints2d, position=np.repeat(scene.keypoints2d.position[:, :, :1], 20, 2)
    )
    with pytest.raises(NothingFoundError, match="stands still"):
        calibrate_views(
            see_views(still, SIZE), forget_poses(scene.cameras), size=KnownSize(height=1.7)
        )


def test_cameras_that_see_different_people_share_nothing():
    cameras = make_cameras(2)
    scenes = [
        synthetic_scene(load_body(), motion, num_frames=40, cameras=cameras, seed=seed)
        for motion, seed in (("walk", 1), ("kick", 2))
    ]
    one, other = (scene.keypoints2d for scene in scenes)
    confidence = one.confidence.copy()
    # Never at the same moment.
    confidence[0, :, 20:] = 0
    confidence[1, :, :20] = 0
    mixed = replace(
        one, confidence=confidence, position=np.stack([one.position[0], other.position[1]])
    )
    with pytest.raises(NothingFoundError, match="no two cameras"):
        calibrate_views(
            see_views(mixed, SIZE), forget_poses(cameras), size=KnownSize(height=1.7), sync=False
        )


def test_views_without_people_are_named():
    scene = film(num_frames=10)
    views = see_views(scene.keypoints2d, SIZE)
    empty = replace(views[1], people=(), tracks=replace(views[1].tracks, tracks=()))
    lenses = forget_poses(scene.cameras)
    for given in ([views[0], empty, views[2]], [empty, empty, views[2]]):
        with pytest.raises(NothingFoundError, match="nobody was found"):
            calibrate_views(given, lenses, size=KnownSize(height=1.7))
    with pytest.raises(InputError, match="videos of two at least"):
        calibrate_views(views[:1], lenses, size=KnownSize(height=1.7))


def test_who_stands_still_is_not_the_anchor(two: SyntheticScene):
    coco = as_coco(two.keypoints2d)
    position = coco.position.copy()
    # The first person stops in every view: explained by any geometry, and in many frames.
    position[:, 0] = position[:, 0, :1]
    views = see_views(replace(coco, position=position), SIZE)
    chains = [find_chains(seen) for seen in views]
    rays = [
        np.stack([(seen.people[chain[0]].keypoints2d[0].position[0] - 500) / 1000 for chain in own])
        for seen, own in zip(views, chains, strict=True)
    ]
    own = choose_anchor(rays)
    people = [
        int(np.roll(np.arange(2), view)[chains[view][row][0]]) for view, row in enumerate(own)
    ]
    assert people == [1, 1, 1]
