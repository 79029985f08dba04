"""Who is who, against scenes in which that is known."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marey.body import load_body
from marey.capture.views.associate import (
    Associated,
    associate_candidates,
    associate_poses,
    vote_for_tracks,
)
from marey.core import Cameras, Candidates2D, Keypoints2D, convert_keypoints, load_skeleton
from marey.core.errors import InputError, ShapeError
from marey.synthetic import make_cameras, synthetic_scene

COCO = load_skeleton("coco-17")
NUM_FRAMES = 26


@pytest.fixture(scope="module")
def seen() -> tuple[Keypoints2D, Cameras]:
    """Three people a metre apart who walk, seen by five cameras with a detector's errors."""
    cameras = make_cameras(5, distance=6.0)
    scene = synthetic_scene(
        load_body(), "walk", num_frames=NUM_FRAMES, num_people=3, cameras=cameras, seed=11
    )
    points = scene.keypoints2d
    return (
        replace(
            points,
            skeleton=COCO,
            position=convert_keypoints(points.position, points.skeleton, COCO),
            confidence=convert_keypoints(
                points.confidence, points.skeleton, COCO, axis=-1, missing=0.0
            ),
        ),
        cameras,
    )


def shuffle_people(points: Keypoints2D, rng: np.random.Generator) -> tuple[list, np.ndarray]:
    """Give each view its people in an order of its own in every frame; return that order too."""
    num_views, num_people, num_frames = points.position.shape[:3]
    order = np.stack(
        [
            np.stack([rng.permutation(num_people) for _ in range(num_frames)], 1)
            for _ in range(num_views)
        ]
    )
    frame = np.arange(num_frames)
    views = [
        replace(
            points,
            position=points.position[view][order[view], frame],
            confidence=points.confidence[view][order[view], frame],
        )
        for view in range(num_views)
    ]
    return views, order


def true_people(found: Associated, truth: Keypoints2D) -> np.ndarray:
    """Return whose each assigned keypoint is (C N T K), -1 where it is nobody's or missing."""
    given, true = found.keypoints.position[:, :, None], truth.position[:, None]
    same = (given == true).all(-1)
    return np.where(same.any(2), same.argmax(2), -1)


def share_of_right(found: Associated, truth: Keypoints2D) -> tuple[float, float]:
    """Return the shares of assigned points that are right and of true points that are assigned."""
    whose = true_people(found, truth)
    right = 0
    for person in range(whose.shape[1]):
        right += np.bincount(whose[:, person][whose[:, person] >= 0]).max()
    return right / (whose >= 0).sum(), right / truth.valid.sum()


def test_identities_are_constant_though_views_shuffle_their_people(
    seen: tuple[Keypoints2D, Cameras],
):
    points, cameras = seen
    views, order = shuffle_people(points, np.random.default_rng(0))
    found = associate_poses(views, cameras)
    assert len(found.keypoints.people) == 3
    precision, recall = share_of_right(found, points)
    assert precision > 0.999
    assert recall > 0.98
    view, person, frame = np.nonzero(found.row >= 0)
    whose = order[view, found.row[view, person, frame], frame]
    for number in range(3):
        assert len(set(whose[person == number].tolist())) == 1


def test_tracks_vote_for_the_person_they_mostly_are(seen: tuple[Keypoints2D, Cameras]):
    points, cameras = seen
    orders = [(0, 1, 2), (2, 0, 1), (1, 0, 2), (0, 2, 1), (2, 1, 0)]
    views = [
        replace(
            points,
            position=points.position[view][list(order)],
            confidence=points.confidence[view][list(order)],
        )
        for view, order in enumerate(orders)
    ]
    votes = vote_for_tracks(associate_poses(views, cameras), [3] * 5)
    # The same person of the scene is the same number in every view.
    people = [
        dict(zip(order, vote, strict=True)) for order, vote in zip(orders, votes, strict=True)
    ]
    assert all(row == people[0] for row in people)
    assert sorted(people[0].values()) == [0, 1, 2]


def to_candidates(points: Keypoints2D, view: int, rng: np.random.Generator) -> Candidates2D:
    """Pool everyone's points, in any order, with affinities that are right nine times in ten."""
    valid = points.valid[view]
    person, frame, keypoint = np.nonzero(valid)
    order = np.lexsort((rng.random(len(frame)), frame))
    person, frame, keypoint = person[order], frame[order], keypoint[order]
    links, strength = [], []
    for moment in range(len(points.time)):
        here = np.flatnonzero(frame == moment)
        for a, b in COCO.edges:
            for one in here[keypoint[here] == a]:
                for other in here[keypoint[here] == b]:
                    right = (person[one] == person[other]) == (rng.random() < 0.9)
                    links.append((one, other))
                    strength.append(0.8 if right else 0.1)
    return Candidates2D(
        skeleton=COCO,
        time=points.time,
        frame=frame,
        keypoint=keypoint,
        position=points.position[view][person, frame, keypoint].astype(float),
        score=points.confidence[view][person, frame, keypoint].astype(float),
        link=np.array(links).reshape(-1, 2),
        affinity=np.array(strength),
    )


def test_candidates_that_belong_to_nobody_become_people(seen: tuple[Keypoints2D, Cameras]):
    points, cameras = seen
    rng = np.random.default_rng(3)
    found = associate_candidates([to_candidates(points, view, rng) for view in range(5)], cameras)
    assert len(found.keypoints.people) == 3
    precision, recall = share_of_right(found, points)
    assert precision > 0.98
    # Points off by a burst of the detector are nobody's.
    assert recall > 0.9


def leave_out(points: Keypoints2D, person: int, frames: slice) -> Keypoints2D:
    position, confidence = points.position.copy(), points.confidence.copy()
    position[:, person, frames], confidence[:, person, frames] = np.nan, 0
    return replace(points, position=position, confidence=confidence)


def split_views(points: Keypoints2D) -> list[Keypoints2D]:
    return [
        replace(points, position=place, confidence=sure)
        for place, sure in zip(points.position, points.confidence, strict=True)
    ]


def test_people_enter_and_leave(seen: tuple[Keypoints2D, Cameras]):
    points, cameras = seen
    points = leave_out(leave_out(points, 1, slice(0, 9)), 2, slice(17, None))
    found = associate_poses(split_views(points), cameras)
    present = np.asarray(found.keypoints.valid.any((0, 3)))
    spans = sorted((int(t[0]), int(t[-1])) for t in map(np.flatnonzero, present))
    assert spans == [(0, 16), (0, 25), (9, 25)]


def test_a_person_whom_all_lose_for_a_moment_stays_the_same(seen: tuple[Keypoints2D, Cameras]):
    points, cameras = seen
    found = associate_poses(split_views(leave_out(points, 0, slice(7, 20))), cameras)
    assert len(found.keypoints.people) == 3


def test_what_one_view_alone_claims_starts_nobody(seen: tuple[Keypoints2D, Cameras]):
    points, cameras = seen
    # The third person is seen by the first camera alone.
    position, confidence = points.position.copy(), points.confidence.copy()
    position[1:, 2], confidence[1:, 2] = np.nan, 0
    alone = replace(points, position=position, confidence=confidence)
    found = associate_poses(split_views(alone), cameras)
    assert len(found.keypoints.people) == 2


@pytest.mark.parametrize("kept", [(0, 1), (0, 2, 3)])
def test_few_cameras_are_enough(seen: tuple[Keypoints2D, Cameras], kept: Sequence[int]):
    points, cameras = seen
    rows = list(kept)
    some = replace(
        cameras,
        names=tuple(cameras.names[row] for row in rows),
        K=cameras.K[rows],
        distortion=cameras.distortion[rows],
        T_cam_world=cameras.T_cam_world[rows],
        size=cameras.size[rows],
        time_offset=cameras.time_offset[rows],
    )
    own = replace(points, position=points.position[rows], confidence=points.confidence[rows])
    found = associate_poses(split_views(own), some)
    assert len(found.keypoints.people) == 3
    precision, recall = share_of_right(found, own)
    assert precision > 0.99
    assert recall > 0.9


def test_nobody_at_all(seen: tuple[Keypoints2D, Cameras]):
    points, cameras = seen
    empty = leave_out(leave_out(leave_out(points, 0, slice(None)), 1, slice(None)), 2, slice(None))
    assert associate_poses(split_views(empty), cameras).keypoints.people == ()


def test_views_have_to_fit_the_cameras(seen: tuple[Keypoints2D, Cameras]):
    points, cameras = seen
    views = split_views(points)
    with pytest.raises(InputError, match="4 views came with 5 cameras"):
        associate_poses(views[:4], cameras)
    later = replace(views[0], time=views[0].time + 1)
    with pytest.raises(InputError, match="one clock"):
        associate_poses([later, *views[1:]], cameras)


def test_candidates_are_checked():
    def make(frame: list[int], link: list[list[int]]) -> Candidates2D:
        return Candidates2D(
            skeleton=COCO,
            time=np.arange(2.0),
            frame=np.array(frame),
            keypoint=np.array([0, 1]),
            position=np.zeros((2, 2)),
            score=np.ones(2),
            link=np.array(link, int).reshape(-1, 2),
            affinity=np.ones(len(link), float),
        )

    assert len(make([0, 0], [[0, 1]]).frame) == 2
    for frame, link, what in (
        ([1, 0], [], "sorted"),
        ([0, 2], [], "`frame`"),
        ([0, 0], [[0, 5]], "`link`"),
        ([0, 1], [[0, 1]], "two frames"),
    ):
        with pytest.raises(ShapeError, match=what):
            make(frame, link)


def test_actors_of_shelf_from_loose_candidates(shared: Path):
    from marey.capture.views.triangulate import KeypointOptions, triangulate_keypoints
    from marey.datasets.shelf import read_candidates, read_sequence
    from marey.geometry.triangulation import TriangulationOptions

    labels = read_sequence(shared / "data" / "shelf" / "gt_shelf15.npz")
    assert labels.cameras is not None and labels.keypoints3d is not None
    views = [
        cut_candidates(view, 20)
        for view in read_candidates(shared / "data" / "shelf" / "detections_body25.json")
    ]
    found = associate_candidates(views, labels.cameras)
    options = KeypointOptions(
        views=TriangulationOptions(min_confidence=0.1, in_front=True, strict=True)
    )
    points = triangulate_keypoints(found.keypoints, labels.cameras, options=options).keypoints
    truth = labels.keypoints3d
    own = convert_keypoints(points.position, points.skeleton, truth.skeleton)
    for actor in (0, 2):
        apart = np.linalg.norm(own - truth.position[actor, :20], axis=-1)
        near = np.nanmedian(apart[..., :12], -1)
        best = np.nanargmin(near, 0)
        assert len(set(best.tolist())) == 1
        assert np.nanmedian(near[best[0]]) < 0.1


def cut_candidates(view: Candidates2D, num_frames: int) -> Candidates2D:
    kept = int((view.frame < num_frames).sum())
    inside = (view.link < kept).all(1)
    return Candidates2D(
        skeleton=view.skeleton,
        time=view.time[:num_frames],
        frame=view.frame[:kept],
        keypoint=view.keypoint[:kept],
        position=view.position[:kept],
        score=view.score[:kept],
        link=view.link[inside],
        affinity=view.affinity[inside],
    )


@pytest.mark.parametrize("black", [(2,), (0, 1, 2, 3, 4)])
def test_views_without_people(seen: tuple[Keypoints2D, Cameras], black: tuple[int, ...]):
    points, cameras = seen
    views = split_views(points)
    for view in black:
        nobody = views[view]
        views[view] = replace(
            nobody, people=(), position=nobody.position[:0], confidence=nobody.confidence[:0]
        )
    found = associate_poses(views, cameras)
    assert len(found.keypoints.people) == (3 if len(black) == 1 else 0)
    num_tracks = [len(view.people) for view in views]
    assert [len(votes) for votes in vote_for_tracks(found, num_tracks)] == num_tracks


def test_damaged_candidates_of_shelf_are_refused(tmp_path: Path):
    import json

    from marey.core.errors import FormatError
    from marey.datasets.shelf import read_candidates

    def write(joints: list, pafs: list) -> Path:
        frames = [[{"joints": joints, "pafs": pafs}]]
        content = {"image_size": [1032, 776], "paf_pairs": [[1, 8]], "cameras": frames}
        (tmp_path / "detections_body25.json").write_text(json.dumps(content), encoding="utf-8")
        return tmp_path / "detections_body25.json"

    empty: list = [[] for _ in range(25)]
    one = [[[0.5, 0.5, 0.9]] if key in (1, 8) else [] for key in range(25)]
    (view,) = read_candidates(write(one, [[[0.7]]]))
    assert view.position[0] == pytest.approx([516, 388])
    assert view.affinity == pytest.approx([0.7])
    assert len(read_candidates(write(empty, [[]]))[0].frame) == 0
    for joints, pafs in ((one, [[[0.7, 1]]]), (one, []), ([5] * 25, [[]]), (empty[1:], [[]])):
        with pytest.raises(FormatError):
            read_candidates(write(joints, pafs))
