"""What people who touch may do to several cameras, from tracks to a take.

Each ends in a take in which nobody is anybody else, and who is not known has no confidence.
"""

import numpy as np
import pytest

from marey.body import Body, load_body
from marey.capture.views.many_views import ManyViewsOptions, solve_views
from marey.core import Take
from tests.capture.crowds import Crowd, drop, exchange, make_crowd, see_crowd

FRAMES, VIEWS = 24, 5


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body(mesh="light")


def solve(body: Body, crowd: Crowd, keypoints) -> Take:
    options = ManyViewsOptions(settle=None)
    return solve_views(see_crowd(keypoints), crowd.cameras, body=body, options=options).take


def check(take: Take, truth: np.ndarray) -> list[int]:
    """Return who each person of the take is, having checked that they are so in all frames."""
    whom = []
    for person in take.people:
        points, motion = person.keypoints3d, person.motion
        assert points is not None and motion is not None
        known = np.isfinite(points.position[0, :, :, 0])
        np.testing.assert_array_equal(known, points.confidence[0] > 0)
        span = slice(person.start, person.start + person.num_frames)
        apart = np.linalg.norm(points.position[0] - truth[:, span], axis=-1)
        apart = np.where(known & (known.sum(-1) >= 6)[:, None], apart, np.nan)
        mean = np.nanmean(apart, -1)[:, ~np.isnan(apart[0]).all(-1)]
        number = int(np.nanmean(mean, -1).argmin())
        # Frame by frame they are nearest to one and the same person, and near.
        assert (mean.argmin(0) == number).all()
        assert np.nanmean(mean[number]) < 0.03
        unknown = np.isnan(motion.T_world_root[0, :, 0])
        np.testing.assert_array_equal(unknown, motion.confidence[0] == 0)
        whom.append(number)
    return whom


def test_one_who_leaves(body):
    crowd = make_crowd(views=VIEWS, frames=FRAMES)
    left = FRAMES // 2
    take = solve(body, crowd, drop(crowd.keypoints, np.s_[:, 1, left:]))
    assert sorted(check(take, crowd.truth)) == [0, 1]
    gone = take.people[check(take, crowd.truth).index(1)]
    assert gone.start + gone.num_frames <= left + 1


def test_people_in_step_and_alike_whom_views_take_for_each_other(body):
    """Two of five views exchange them in the middle, for good."""
    crowd = make_crowd(views=VIEWS, frames=FRAMES, alike=True, apart=0.5)
    chosen = np.zeros((VIEWS, FRAMES, 17), bool)
    chosen[1, FRAMES // 2 :] = chosen[3, FRAMES // 3 :] = True
    take = solve(body, crowd, exchange(crowd.keypoints, chosen))
    assert sorted(check(take, crowd.truth)) == [0, 1]


def test_two_seconds_hidden_from_everyone(body):
    crowd = make_crowd(views=VIEWS, frames=42, rate=10.0, apart=0.5)
    take = solve(body, crowd, drop(crowd.keypoints, np.s_[:, 1, 11:31]))
    whom = check(take, crowd.truth)
    assert whom.count(0) == 1 and whom.count(1) >= 1
    # Whatever is said of the hidden person in between has no confidence.
    for person, number in zip(take.people, whom, strict=True):
        points = person.keypoints3d
        assert points is not None
        frames = person.start + np.arange(person.num_frames)
        hidden = (number == 1) & (frames >= 17) & (frames < 25)
        assert (points.confidence[0, hidden] == 0).all()


def test_three_people_in_a_heap(body):
    crowd = make_crowd(3, views=7, frames=FRAMES, apart=0.3)
    rng = np.random.default_rng(3)
    chosen = (rng.random((7, FRAMES, 17)) < 0.08) & (np.arange(17) >= 7)
    mixed = exchange(exchange(crowd.keypoints, chosen), np.roll(chosen, 5, 1), 1, 2)
    take = solve(body, crowd, mixed)
    assert sorted(check(take, crowd.truth)) == [0, 1, 2]
