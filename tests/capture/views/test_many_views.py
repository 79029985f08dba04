"""From what several cameras saw to a take."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from marey.body import Body, load_body
from marey.capture.pipeline import Seen
from marey.capture.views.limbs import RIGID_SIGMA_M, find_limbs, limb_sigma
from marey.capture.views.many_views import solve_views
from marey.core import BodyMotion, Clip, Keypoints2D, Person, Take, Track, Tracks
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
            # Bones far better than their sigma; a back within its own.
            sigma = limb_sigma((first, second))
            allowed = 0.004 if sigma == RIGID_SIGMA_M else sigma
            assert np.nanstd(np.linalg.norm(apart, axis=-1)) < allowed
    assert [tracks.people for tracks in take.tracks] == [("01", "02")] * 4
    write_take(take, tmp_path / "ring.take")
    again = read_take(tmp_path / "ring.take")
    np.testing.assert_array_equal(
        again.people[1].keypoints2d[3].position, take.people[1].keypoints2d[3].position
    )


def cut_person(seen: Seen, row: int, frames: slice) -> Seen:
    """Let a tracker follow one of a view's people in some frames only."""
    person, track = seen.people[row], seen.tracks.tracks[row]
    block = person.keypoints2d[0]
    part = replace(
        block,
        time=block.time[frames],
        position=block.position[:, frames],
        confidence=block.confidence[:, frames],
    )
    length = len(part.time)
    shorter = replace(person, start=frames.start, num_frames=length, keypoints2d=(part,))
    boxes = replace(
        track, start=frames.start, box=track.box[frames], confidence=track.confidence[frames]
    )
    people, tracks = list(seen.people), list(seen.tracks.tracks)
    people[row], tracks[row] = shorter, boxes
    return replace(seen, people=tuple(people), tracks=replace(seen.tracks, tracks=tuple(tracks)))


def _errors(body: Body, scene: SyntheticScene, take: Take) -> np.ndarray:
    """Return each person's mean error to each of the scene's, m."""
    table = []
    for person in take.people:
        assert person.motion is not None
        span = slice(person.start, person.stop)
        own = _joints(body, person.motion)
        truths = [_joints(body, scene.motion, row)[span] for row in range(len(scene.motion.people))]
        table.append([float(np.nanmean(np.linalg.norm(own - t, axis=-1))) for t in truths])
    return np.array(table)


def test_who_is_who_is_found(body: Body, scene: SyntheticScene):
    orders = [(0, 1), (1, 0), (1, 0), (0, 1)]
    views = [make_seen(scene, view, order) for view, order in enumerate(orders)]
    take = solve_views(views, scene.cameras, body=body).take
    assert len(take.people) == 2
    errors = _errors(body, scene, take)
    assert sorted(errors.argmin(1).tolist()) == [0, 1]
    assert errors.min(1).max() < 0.03
    # Boxes follow their people, whatever the views called them.
    first = int(errors[0].argmin())
    for tracks, order, seen in zip(take.tracks, orders, views, strict=True):
        assert tracks.people == ("01", "02")
        own = seen.tracks.tracks[order.index(first)].box
        np.testing.assert_array_equal(tracks.tracks[0].box, own)


def test_who_leaves_has_a_span_and_tracks_may_be_in_pieces(body: Body, scene: SyntheticScene):
    views = []
    for view in range(4):
        seen = cut_person(make_seen(scene, view), 1, slice(0, 18))
        if view == 2:
            # The tracker of this view lost the first person and found them again.
            late = make_seen(scene, view)
            both = cut_person(late, 0, slice(14, 30))
            early = cut_person(seen, 0, slice(0, 10))
            tracks = (*early.tracks.tracks, both.tracks.tracks[0])
            seen = replace(
                early,
                people=(*early.people, both.people[0]),
                tracks=replace(early.tracks, tracks=tracks),
            )
        views.append(seen)
    take = solve_views(views, scene.cameras, body=body).take
    spans = sorted((person.start, person.stop) for person in take.people)
    assert spans == [(0, 18), (0, 30)]
    errors = _errors(body, scene, take)
    assert errors.min(1).max() < 0.03
    whole = next(person for person in take.people if person.stop == 30)
    seen_again = whole.keypoints2d[2].valid[0].any(1)
    assert seen_again[:10].all() and seen_again[14:].all() and not seen_again[10:14].any()
    for person in take.people:
        assert person.motion is not None and person.keypoints3d is not None
        assert len(person.motion.time) == person.num_frames == len(person.keypoints3d.time)


def test_one_person_detected_twice_is_one(body: Body, scene: SyntheticScene):
    views = []
    for view in range(4):
        seen = make_seen(scene, view)
        twin = seen.people[0]
        shifted = replace(
            twin.keypoints2d[0],
            position=twin.keypoints2d[0].position + 1.0,
            confidence=0.8 * twin.keypoints2d[0].confidence,
        )
        views.append(
            replace(
                seen,
                people=(*seen.people, replace(twin, keypoints2d=(shifted,))),
                tracks=replace(seen.tracks, tracks=(*seen.tracks.tracks, seen.tracks.tracks[0])),
            )
        )
    assert len(solve_views(views, scene.cameras, body=body).take.people) == 2


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
    with pytest.raises(NothingFoundError, match="nobody was found"):
        solve_views(nobody, scene.cameras, body=body)
    elsewhere = make_cameras(4, target=(40.0, 0.0, 30.0))
    with pytest.raises(NothingFoundError, match="two cameras agree on anybody"):
        solve_views(views, elsewhere, body=body)
    with pytest.raises(NothingFoundError, match="two cameras that agree"):
        solve_views(views, elsewhere, association=((0, 1),) * 4, body=body)
    late = [
        replace(seen, clip=replace(seen.clip, time=seen.clip.time + 100 * view))
        for view, seen in enumerate(views)
    ]
    with pytest.raises(NothingFoundError, match="overlap in time"):
        solve_views(late, scene.cameras, association=((0, 1),) * 4, body=body)


def test_a_second_look_may_add_what_a_view_missed(body: Body, scene: SyntheticScene):
    views = [make_seen(scene, view) for view in range(4)]
    lacking = replace(views[2], people=views[2].people[:1], tracks=replace(
        views[2].tracks, tracks=views[2].tracks.tracks[:1]
    ))  # fmt: skip
    asked = []

    def look(keypoints: Keypoints2D) -> Keypoints2D:
        asked.append(np.isfinite(keypoints.position[..., 0]).any((2, 3)))
        position, confidence = keypoints.position.copy(), keypoints.confidence.copy()
        row = int(np.flatnonzero(~asked[0][2])[0])
        position[2, row] = scene.keypoints2d.position[2, 1]
        confidence[2, row] = scene.keypoints2d.confidence[2, 1]
        return replace(keypoints, position=position, confidence=confidence)

    seen = [*views[:2], lacking, views[3]]
    take = solve_views(seen, scene.cameras, body=body, second_look=look).take
    assert asked[0].sum() == 7
    for person in take.people:
        assert all(block.valid.any() for block in person.keypoints2d)
