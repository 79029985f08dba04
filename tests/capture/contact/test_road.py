"""Several cameras and two people in contact, from tracks to a take: the road is taken by itself."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marey.body import load_body
from marey.capture.pipeline import Seen
from marey.capture.views.many_views import ManyViewsOptions, solve_views
from marey.capture.views.triangulate import triangulate_keypoints
from marey.core import Clip, Person, Track, Tracks
from tests.capture.crowds import exchange, make_crowd

FRAMES, VIEWS = 10, 5
BOTH = ((0, 1),) * VIEWS


def see(keypoints, view):
    """Return one view as a tracker hands it on, people in their order."""
    time, people, tracks = keypoints.time, [], []
    for row, name in enumerate(keypoints.people):
        points = keypoints.position[view, row]
        block = replace(
            keypoints,
            people=(name,),
            position=points[None],
            confidence=keypoints.confidence[view, row][None],
        )
        people.append(Person(name=name, start=0, num_frames=len(time), keypoints2d=(block,)))
        box = np.concatenate([points.min(1), points.max(1)], 1)
        tracks.append(
            Track(person=name, start=0, box=box, confidence=np.ones(len(time), np.float32))
        )
    clip = Clip(path=Path(f"camera{view + 1}.mp4"), size=(1280, 720), time=time)
    return Seen(clip=clip, tracks=Tracks(time=time, tracks=tuple(tracks)), people=tuple(people))


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
        [see(swapped, view) for view in range(VIEWS)],
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
