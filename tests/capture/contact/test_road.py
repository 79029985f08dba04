"""Several cameras and two people in contact, from tracks to a take: the road is taken by itself."""

import numpy as np
import pytest

from marey.body import load_body
from marey.capture.views.many_views import ManyViewsOptions, solve_views
from marey.capture.views.triangulate import triangulate_keypoints
from tests.capture.crowds import exchange, make_crowd, see_crowd

FRAMES, VIEWS = 10, 5
BOTH = ((0, 1),) * VIEWS


@pytest.fixture(scope="module")
def crowd():
    return make_crowd(views=VIEWS, frames=FRAMES, apart=0.35)


@pytest.fixture(scope="module")
def swapped(crowd):
    rng = np.random.default_rng(1)
    chosen = (rng.random((VIEWS, FRAMES, 17)) < 0.25) & (np.arange(17) >= 7)
    chosen[:, :2] = False
    return exchange(crowd.keypoints, chosen)


def test_contact_is_found_and_limbs_go_back(crowd, swapped):
    solved = solve_views(
        see_crowd(swapped),
        crowd.cameras,
        association=BOTH,
        body=load_body(mesh="light"),
        options=ManyViewsOptions(settle=None),
    )
    plain = triangulate_keypoints(swapped, crowd.cameras).keypoints.position
    points = solved.triangulated.keypoints.position
    before, after = (np.linalg.norm(each - crowd.truth, axis=-1) for each in (plain, points))
    assert np.nanpercentile(before, 95) > 0.2  # Without the road it is wrong.
    assert np.nanpercentile(after, 95) < 0.05
    assert solved.contact is not None and solved.contact.frames.all()
    taken = solved.take.people[0].keypoints2d[0]
    assert len(solved.take.people) == 2 and taken.position.shape == (1, FRAMES, 17, 2)
    assert all(person.motion is not None for person in solved.take.people)
