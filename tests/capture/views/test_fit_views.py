"""A body fitted to a person seen by several cameras."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from marey.body import Body, load_body
from marey.capture.fit_body import FitOptions
from marey.capture.views.fit_views import fit_views, guess_poses
from marey.capture.views.triangulate import triangulate_keypoints
from marey.core import BodyMotion, load_skeleton
from marey.fit.chain import Pose
from marey.synthetic import PERFECT, SyntheticScene, make_cameras, synthetic_scene
from tests.capture.rings import person_of


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


@pytest.fixture(scope="module")
def scene(body: Body) -> SyntheticScene:
    return synthetic_scene(
        body, "dance", num_frames=40, num_people=2, cameras=make_cameras(6), seed=2
    )


def _joints(body: Body, motion: BodyMotion, person: int = 0) -> np.ndarray:
    return _points(body, motion, body.joint_names[:22], person)


def _points(body: Body, motion: BodyMotion, names: tuple[str, ...], person: int = 0) -> np.ndarray:
    posed = body.pose(
        torch.as_tensor(motion.shape[person]),
        torch.as_tensor(motion.T_world_root[person]),
        torch.as_tensor(motion.R_parent_joint[person]),
    )
    return body.landmark_positions(posed, names).numpy()


def test_perfect_views_give_the_motion(body: Body):
    scene = synthetic_scene(
        body, "walk", num_frames=12, cameras=make_cameras(4), noise=PERFECT, seed=5
    )
    found = triangulate_keypoints(scene.keypoints2d, scene.cameras)
    fit = fit_views(body, person_of(scene.keypoints2d, found), scene.cameras)
    assert fit is not None
    off = np.linalg.norm(_joints(body, fit.motion) - _joints(body, scene.motion), axis=-1)
    # What remains is the pose prior's say where keypoints leave a twist open.
    assert off.mean() < 0.008


def test_fingers_follow_their_keypoints(body: Body):
    scene = synthetic_scene(
        body, "walk", num_frames=8, cameras=make_cameras(6, distance=3.0), noise=PERFECT, seed=6
    )
    found = triangulate_keypoints(scene.keypoints2d, scene.cameras)
    fit = fit_views(body, person_of(scene.keypoints2d, found), scene.cameras)
    assert fit is not None
    tips = tuple(f"left_{finger}3" for finger in ("index", "middle", "ring", "pinky"))
    off = _points(body, fit.motion, tips) - _points(body, scene.motion, tips)
    curled = np.linalg.norm(off, axis=-1).mean()
    straight = fit.motion.R_parent_joint.copy()
    fingers = [body.rig.index(name) for name in body.rig.joints if name[-1] in "123"]
    fingers = [row for row in fingers if "spine" not in body.rig.joints[row]]
    straight[:, :, fingers] = [1.0, 0.0, 0.0, 0.0]
    unbent = replace(fit.motion, R_parent_joint=straight)
    off = _points(body, unbent, tips) - _points(body, scene.motion, tips)
    assert curled < 0.008
    assert curled < 0.6 * np.linalg.norm(off, axis=-1).mean()


def test_noisy_views_are_met_better_than_by_their_points(body: Body, scene: SyntheticScene):
    found = triangulate_keypoints(scene.keypoints2d, scene.cameras)
    coco = slice(0, 17)
    for person in range(2):
        fit = fit_views(body, person_of(scene.keypoints2d, found, person), scene.cameras)
        assert fit is not None
        assert (fit.motion.confidence > 0.5).all()
        truth = _joints(body, scene.motion, person)
        fitted = np.linalg.norm(_joints(body, fit.motion) - truth, axis=-1).mean()
        off = found.keypoints.position[person] - scene.keypoints3d.position[person]
        assert fitted < np.nanmean(np.linalg.norm(off[:, coco], axis=-1))
        assert np.nanmean(fit.residual[:, coco]) < 0.03
        assert np.ptp(fit.motion.shape, axis=0).max() == 0.0


def test_gaps_are_bridged_and_absence_stays_absent(body: Body, scene: SyntheticScene):
    found = triangulate_keypoints(scene.keypoints2d, scene.cameras)
    person = person_of(scene.keypoints2d, found)
    for frames in (slice(10, 14), slice(30, 40)):
        person.points[frames], person.image[:, frames] = np.nan, np.nan
    fit = fit_views(body, person, scene.cameras)
    assert fit is not None
    confidence = fit.motion.confidence[0]
    assert (confidence[10:14] == np.float32(0.1)).all()
    assert (confidence[30:] == 0).all()
    np.testing.assert_array_equal(np.isnan(fit.motion.T_world_root[0, :, 0]), confidence == 0)
    joints = _joints(body, fit.motion)[:30]
    off = np.linalg.norm(joints - _joints(body, scene.motion)[:30], axis=-1)
    assert off[10:14].mean() < 0.06


def test_nobody_to_fit(body: Body, scene: SyntheticScene):
    found = triangulate_keypoints(scene.keypoints2d, scene.cameras)
    person = person_of(scene.keypoints2d, found)
    person.points[:] = np.nan
    assert fit_views(body, person, scene.cameras) is None


def test_a_regressors_estimate_can_be_the_start(body: Body, scene: SyntheticScene):
    found = triangulate_keypoints(scene.keypoints2d, scene.cameras)
    person = person_of(scene.keypoints2d, found)
    asked = []

    def first(chain, points) -> Pose:
        asked.append(points.shape)
        return guess_poses(chain, points)

    started = fit_views(body, person, scene.cameras, first=first)
    plain = fit_views(body, person, scene.cameras)
    assert started is not None and plain is not None
    assert asked == [(40, 35, 3)]
    np.testing.assert_array_equal(started.motion.T_world_root, plain.motion.T_world_root)


def test_points_of_a_hidden_trunk_still_say_where_a_body_is(body: Body, scene: SyntheticScene):
    found = triangulate_keypoints(scene.keypoints2d, scene.cameras)
    person = person_of(scene.keypoints2d, found)
    hidden = person.skeleton.index("left_hip")
    person.points[:, hidden], person.image[:, :, hidden] = np.nan, np.nan
    fit = fit_views(body, person, scene.cameras)
    assert fit is not None
    off = np.linalg.norm(_joints(body, fit.motion) - _joints(body, scene.motion), axis=-1)
    assert off.mean() < 0.04


def test_feet_that_stand_are_held_and_nothing_else_moves(body: Body):
    scene = synthetic_scene(body, "wave", num_frames=40, cameras=make_cameras(4), seed=4)
    found = triangulate_keypoints(scene.keypoints2d, scene.cameras)
    sole = ("left_heel", "left_big_toe", "right_heel", "right_big_toe")
    truth = _joints(body, scene.motion)
    speed, error = [], []
    for held in (False, True):
        fit = fit_views(
            body,
            person_of(scene.keypoints2d, found),
            scene.cameras,
            options=FitOptions(hold_feet=held),
        )
        assert fit is not None
        feet = _points(body, fit.motion, sole)
        speed.append(np.linalg.norm(np.diff(feet, axis=0), axis=-1).mean() * 30)
        error.append(np.linalg.norm(_joints(body, fit.motion) - truth, axis=-1).mean())
    assert speed[1] < 0.6 * speed[0]
    assert error[1] < error[0]


def test_feet_without_keypoints_stand_where_their_ankles_do(body: Body):
    scene = synthetic_scene(body, "wave", num_frames=30, cameras=make_cameras(4), seed=4)
    coco, seen = load_skeleton("coco-17"), scene.keypoints2d
    few = replace(
        seen,
        skeleton=coco,
        position=seen.position[..., :17, :],
        confidence=seen.confidence[..., :17],
    )
    found = triangulate_keypoints(few, scene.cameras)
    fit = fit_views(body, person_of(few, found), scene.cameras)
    assert fit is not None
    assert fit.residual.shape == (30, 17)
    toes = _points(body, fit.motion, ("left_big_toe", "right_big_toe"))
    assert np.linalg.norm(np.diff(toes, axis=0), axis=-1).mean() * 30 < 0.08
