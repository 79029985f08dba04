"""Keypoints and loose candidates of other programs become motion."""

from dataclasses import replace

import numpy as np
import pytest

from marey.body import Body, load_body
from marey.capture.seen_keypoints import see_candidates, see_keypoints
from marey.capture.views.many_views import solve_views
from marey.core import Candidates2D
from marey.core.errors import NothingFoundError
from marey.synthetic import make_cameras
from tests.capture.views.test_associate import to_candidates
from tests.capture.views.test_many_views_bad_input import film, mean_error


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


def test_keypoints_of_a_detector_are_what_cameras_saw(body: Body):
    scene = film(body, make_cameras(4, target=(0.6, 0.4, 0.9)))
    points = scene.keypoints2d
    confidence = points.confidence.copy()
    confidence[0, 0, :3] = confidence[1, 0, 5, 2] = 0.0
    views = [
        see_keypoints(
            replace(points, position=points.position[view], confidence=confidence[view]),
            (1280, 720),
        )
        for view in range(4)
    ]
    person, track = views[0].people[0], views[0].tracks.tracks[0]
    assert (person.start, track.start, person.num_frames) == (3, 3, len(points.time) - 3)
    known = points.valid[0, 0, 3]
    np.testing.assert_allclose(track.box[0, :2], points.position[0, 0, 3][known].min(0))
    assert np.isnan(views[1].people[0].keypoints2d[0].position[0, 5, 2]).all()
    solved = solve_views(views, scene.cameras, body=body)
    assert mean_error(solved, scene) < 0.02
    nobody = replace(points, position=points.position[0], confidence=0 * points.confidence[0])
    assert see_keypoints(nobody, (1280, 720)).people == ()


def test_candidates_that_are_nobodys_become_bodies(body: Body):
    scene = film(body, make_cameras(5, distance=6.0), num_people=2)
    rng = np.random.default_rng(1)
    views = [to_candidates(scene.keypoints2d, view, rng) for view in range(5)]
    seen, who = see_candidates(views, scene.cameras)
    solved = solve_views(seen, scene.cameras, association=who, body=body)
    assert len(solved.take.people) == 2
    assert all(fit is not None and np.nanmean(fit.residual) < 0.05 for fit in solved.fits)
    none = [
        Candidates2D(
            skeleton=view.skeleton,
            time=view.time,
            frame=view.frame[:0],
            keypoint=view.keypoint[:0],
            position=view.position[:0],
            score=view.score[:0],
            link=view.link[:0],
            affinity=view.affinity[:0],
        )
        for view in views
    ]
    with pytest.raises(NothingFoundError, match="no two cameras agree"):
        see_candidates(none, scene.cameras)
