"""From what several cameras saw to a take."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from marey.body import Body, load_body
from marey.capture.limbs import find_limbs
from marey.capture.many_views import associate_one_person, solve_views
from marey.capture.pipeline import Seen
from marey.core import BodyMotion, Clip, Keypoints2D, Person, Track, Tracks
from marey.core.errors import InputError, NothingFoundError
from marey.io.take import read_take, write_take
from marey.synthetic import SyntheticScene, make_cameras, synthetic_scene


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


@pytest.fixture(scope="module")
def scene(body: Body) -> SyntheticScene:
    return synthetic_scene(
        body, "walk", num_frames=30, num_people=2, cameras=make_cameras(4), seed=4
    )


def make_seen(scene: SyntheticScene, view: int, order: tuple[int, ...] = (0, 1)) -> Seen:
    """Return what a tracker makes of one view, people in some order."""
    time, points = scene.keypoints2d.time, scene.keypoints2d
    people, tracks = [], []
    for number, row in enumerate(order):
        name = f"{number + 1:02d}"
        position = points.position[view, row : row + 1]
        block = Keypoints2D(
            skeleton=points.skeleton,
            people=(name,),
            time=time,
            position=position,
            confidence=points.confidence[view, row : row + 1],
        )
        people.append(Person(name=name, start=0, num_frames=len(time), keypoints2d=(block,)))
        low, high = np.nanmin(position[0], 1), np.nanmax(position[0], 1)
        tracks.append(
            Track(
                person=name,
                start=0,
                box=np.concatenate([low, high], 1),
                confidence=np.ones(len(time), np.float32),
            )
        )
    clip = Clip(path=Path(f"camera{view + 1}.mp4"), size=(1280, 720), time=time)
    return Seen(clip=clip, tracks=Tracks(time=time, tracks=tuple(tracks)), people=tuple(people))


def _joints(body: Body, motion: BodyMotion, row: int = 0) -> np.ndarray:
    posed = body.pose(
        torch.tensor(motion.shape[row]),
        torch.tensor(motion.T_world_root[row]),
        torch.tensor(motion.R_parent_joint[row]),
    )
    return body.landmark_positions(posed, body.joint_names[:22]).numpy()


def test_two_people_by_a_given_association(body: Body, scene: SyntheticScene, tmp_path: Path):
    orders = [(0, 1), (1, 0), (0, 1), (1, 0)]
    views = [make_seen(scene, view, order) for view, order in enumerate(orders)]
    solved = solve_views(views, scene.cameras, association=tuple(orders), body=body)
    take = solved.take
    assert [person.name for person in take.people] == ["01", "02"]
    for row, person in enumerate(take.people):
        assert len(person.keypoints2d) == 4
        assert person.motion is not None
        truth = _joints(body, scene.motion, row)
        off = np.linalg.norm(_joints(body, person.motion) - truth, axis=-1)
        assert off.mean() < 0.025
        assert person.keypoints3d is not None
        points, names = person.keypoints3d.position[0], person.keypoints3d.skeleton
        for first, second in find_limbs(names):
            apart = points[:, names.index(first)] - points[:, names.index(second)]
            assert np.nanstd(np.linalg.norm(apart, axis=-1)) < 0.008
    assert [tracks.people for tracks in take.tracks] == [("01", "02")] * 4
    write_take(take, tmp_path / "ring.take")
    again = read_take(tmp_path / "ring.take")
    np.testing.assert_array_equal(
        again.people[1].keypoints2d[3].position, take.people[1].keypoints2d[3].position
    )


def test_the_largest_person_of_every_view_is_the_one(scene: SyntheticScene):
    seen = make_seen(scene, 0)
    small = seen.tracks.tracks[1]
    middle = small.box.mean(1, keepdims=True)
    shrunk = replace(small, box=middle + 0.2 * (small.box - middle))
    late = Track(person="03", start=30, box=shrunk.box[:5], confidence=small.confidence[:5])
    tracks = Tracks(time=np.arange(40) / 30, tracks=(shrunk, seen.tracks.tracks[0], late))
    clip = replace(seen.clip, time=np.arange(40) / 30)
    people = (seen.people[1], seen.people[0], seen.people[1])
    crowd = replace(seen, clip=clip, tracks=tracks, people=people)
    assert associate_one_person([crowd]) == ((-1, 0, 0),)


def test_views_and_cameras_must_agree(body: Body, scene: SyntheticScene):
    views = [make_seen(scene, view) for view in range(3)]
    with pytest.raises(InputError, match="3 videos came with 4 cameras"):
        solve_views(views, scene.cameras, association=((0, 1),) * 3, body=body)


def test_wrong_cameras_and_empty_views_are_said(body: Body, scene: SyntheticScene):
    views = [make_seen(scene, view) for view in range(4)]
    nobody = [
        replace(seen, people=(), tracks=Tracks(time=seen.clip.time, tracks=())) for seen in views
    ]
    with pytest.raises(NothingFoundError, match="nobody was found"):
        solve_views(nobody, scene.cameras, association=((),) * 4, body=body)
    elsewhere = make_cameras(4, target=(40.0, 0.0, 30.0))
    with pytest.raises(NothingFoundError, match="two cameras that agree"):
        solve_views(views, elsewhere, association=((0, 1),) * 4, body=body)
    late = [
        replace(seen, clip=replace(seen.clip, time=seen.clip.time + 100 * view))
        for view, seen in enumerate(views)
    ]
    with pytest.raises(NothingFoundError, match="overlap in time"):
        solve_views(late, scene.cameras, association=((0, 1),) * 4, body=body)
