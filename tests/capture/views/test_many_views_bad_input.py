"""What several cameras may get wrong: each ends in a take, or in a sentence that says why not."""

from dataclasses import replace

import numpy as np
import pytest

from marey.body import Body, load_body
from marey.capture.pipeline import Seen
from marey.capture.views.many_views import SolvedViews, solve_views
from marey.capture.views.triangulate import triangulate_keypoints
from marey.core import Cameras, Keypoints2D, Tracks, convert_keypoints, load_skeleton
from marey.core.errors import InputError, NothingFoundError
from marey.synthetic import PERFECT, SyntheticScene, make_cameras, synthetic_scene
from marey.synthetic.cameras import project_to_cameras
from tests.capture.views.test_many_views import make_seen

COCO = load_skeleton("coco-17")
NUM_FRAMES = 12


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


def film(body: Body, cameras: Cameras, num_people: int = 1) -> SyntheticScene:
    """Film walking people, 17 points each."""
    scene = synthetic_scene(
        body,
        "walk",
        num_frames=NUM_FRAMES,
        num_people=num_people,
        cameras=cameras,
        noise=PERFECT,
        seed=4,
    )
    return replace(scene, keypoints2d=to_coco(scene.keypoints2d))


def to_coco(points: Keypoints2D) -> Keypoints2D:
    return replace(
        points,
        skeleton=COCO,
        position=convert_keypoints(points.position, points.skeleton, COCO),
        confidence=convert_keypoints(
            points.confidence, points.skeleton, COCO, axis=-1, missing=0.0
        ),
    )


@pytest.fixture(scope="module")
def scene(body: Body) -> SyntheticScene:
    # Off the middle of the ring, from where all its cameras see the same.
    return film(body, make_cameras(5, target=(0.6, 0.4, 0.9)))


def see(scene: SyntheticScene) -> list[Seen]:
    people = tuple(range(len(scene.keypoints2d.people)))
    return [make_seen(scene, view, people) for view in range(len(scene.cameras.names))]


def empty(seen: Seen) -> Seen:
    return replace(seen, people=(), tracks=Tracks(time=seen.clip.time, tracks=()))


def mean_error(solved: SolvedViews, scene: SyntheticScene) -> float:
    points = solved.take.people[0].keypoints3d
    assert points is not None
    span = slice(solved.take.people[0].start, solved.take.people[0].stop)
    truth = convert_keypoints(scene.keypoints3d.position, scene.keypoints3d.skeleton, COCO)
    return float(np.nanmean(np.linalg.norm(points.position[0] - truth[0, span], axis=-1)))


def complaints(solved: SolvedViews) -> list[str]:
    return [view.complaint for view in solved.quality if view.complaint is not None]


def test_a_dark_camera_is_named_and_not_missed(body: Body, scene: SyntheticScene):
    views = see(scene)
    views[2] = empty(views[2])
    solved = solve_views(views, scene.cameras, body=body)
    assert len(solved.take.people) == 1 and mean_error(solved, scene) < 0.02
    assert len(complaints(solved)) == 1 and "camera3 hardly sees anybody" in complaints(solved)[0]


def swap(cameras: Cameras) -> Cameras:
    return replace(cameras, T_cam_world=cameras.T_cam_world[[1, 0, 2, 3, 4]])


def move_one(cameras: Cameras) -> Cameras:
    pose = cameras.T_cam_world.copy()
    pose[0] = make_cameras(7, distance=3.0).T_cam_world[3]
    return replace(cameras, T_cam_world=pose)


def named(solved: SolvedViews) -> list[str]:
    """Return the cameras whose calibration is complained of."""
    assert all("calibration" in sentence for sentence in complaints(solved))
    return [view.name for view in solved.quality if view.complaint is not None]


def test_a_wrong_camera_is_named_and_the_others_go_on(body: Body, scene: SyntheticScene):
    solved = solve_views(see(scene), move_one(scene.cameras), body=body)
    assert mean_error(solved, scene) < 0.02
    assert named(solved) == ["camera1"]


def test_two_exchanged_videos_are_named_and_leave_no_ghost(body: Body, scene: SyntheticScene):
    """Exchanged neighbours agree on somebody where nobody is."""
    solved = solve_views(see(scene), swap(scene.cameras), body=body)
    assert len(solved.take.people) == 1 and mean_error(solved, scene) < 0.02
    assert len(set(complaints(solved))) == 1
    assert "videos of camera1 and camera2 look exchanged" in complaints(solved)[0]
    assert [view.name for view in solved.quality if view.complaint] == ["camera1", "camera2"]


@pytest.mark.parametrize("order", [[1, 0, 2], [0, 2, 1]])
def test_two_of_three_exchanged_videos_leave_too_few(order: list[int], body: Body):
    """As they are, two or three of them agree on somebody in the wrong place."""
    cameras = make_cameras(3, target=(0.6, 0.4, 0.9))
    pose = cameras.T_cam_world.copy()
    pose[1] = make_cameras(8, target=(0.6, 0.4, 0.9)).T_cam_world[1]
    scene = film(body, replace(cameras, T_cam_world=pose))
    wrong = replace(cameras, T_cam_world=pose[order])
    one, other = (cameras.names[row] for row in range(3) if order[row] != row)
    with pytest.raises(NothingFoundError, match=f"{one} and {other} look exchanged"):
        solve_views(see(scene), wrong, body=body)


def test_a_mirrored_video_is_named(body: Body, scene: SyntheticScene):
    position, confidence = scene.keypoints2d.position.copy(), scene.keypoints2d.confidence.copy()
    other = list(COCO.mirror)
    position[3], confidence[3] = position[3][..., other, :], confidence[3][..., other]
    position[3, ..., 0] = 1280 - position[3, ..., 0]
    keypoints = replace(scene.keypoints2d, position=position, confidence=confidence)
    solved = solve_views(see(replace(scene, keypoints2d=keypoints)), scene.cameras, body=body)
    assert len(solved.take.people) == 1 and mean_error(solved, scene) < 0.02
    assert len(complaints(solved)) == 1
    assert "video of camera4 looks mirrored" in complaints(solved)[0]


def test_nobody_where_the_views_overlap(body: Body, scene: SyntheticScene):
    views = [empty(seen) for seen in see(scene)]
    with pytest.raises(NothingFoundError, match="nobody was found in any of the videos"):
        solve_views(views, scene.cameras, body=body)
    alone = [see(scene)[0], *views[1:]]
    with pytest.raises(NothingFoundError, match="no two cameras agree on anybody"):
        solve_views(alone, scene.cameras, body=body)


def test_two_cameras_are_enough(body: Body):
    cameras = make_cameras(8)
    pair = replace(
        cameras,
        names=cameras.names[:2],
        K=cameras.K[:2],
        distortion=cameras.distortion[:2],
        T_cam_world=cameras.T_cam_world[:2],
        size=cameras.size[:2],
        time_offset=cameras.time_offset[:2],
    )
    scene = film(body, pair)
    solved = solve_views(see(scene), scene.cameras, body=body)
    assert mean_error(solved, scene) < 0.03
    one = replace(pair, names=pair.names[:1])
    with pytest.raises(InputError, match="two at least"):
        solve_views(see(scene)[:1], one, body=body)


def test_sixty_four_cameras(body: Body):
    scene = film(body, make_cameras(64, target=(0.6, 0.4, 0.9)))
    solved = solve_views(see(scene), scene.cameras, body=body)
    assert len(solved.take.people) == 1 and mean_error(solved, scene) < 0.02
    assert not complaints(solved)


def test_recordings_of_other_lengths_and_rates(body: Body, scene: SyntheticScene):
    views = see(scene)
    every = slice(0, NUM_FRAMES, 2)
    views[1] = take_frames(views[1], every)
    views[3] = take_frames(views[3], slice(0, 7))
    solved = solve_views(views, scene.cameras, body=body)
    assert len(solved.take.time) == NUM_FRAMES and mean_error(solved, scene) < 0.02
    seen = [block.valid[0].any(1) for block in solved.take.people[0].keypoints2d]
    # The slow view is read between its frames up to its last; the short one ends.
    assert seen[1][:11].all() and not seen[1][11:].any()
    assert seen[3][:7].all() and not seen[3][7:].any()


def take_frames(seen: Seen, frames: slice) -> Seen:
    time = seen.clip.time[frames]
    people = []
    for person in seen.people:
        block = person.keypoints2d[0]
        part = replace(
            block,
            time=time,
            position=block.position[:, frames],
            confidence=block.confidence[:, frames],
        )
        people.append(replace(person, num_frames=len(time), keypoints2d=(part,)))
    tracks = tuple(
        replace(track, box=track.box[frames], confidence=track.confidence[frames])
        for track in seen.tracks.tracks
    )
    return Seen(
        clip=replace(seen.clip, time=time),
        tracks=Tracks(time=time, tracks=tracks),
        people=tuple(people),
    )


def test_a_head_mounted_camera_is_one_more_view(body: Body, scene: SyntheticScene):
    """Everything from association to fit takes a pose per moment."""
    num = len(scene.cameras.names)
    pose = np.repeat(scene.cameras.T_cam_world, NUM_FRAMES, 1)
    for frame in range(NUM_FRAMES):
        ring = make_cameras(num, distance=3.0, height=1.7, first_angle=0.4 + 0.05 * frame)
        pose[0, frame] = ring.T_cam_world[0, 0]
    moving = replace(scene.cameras, T_cam_world=pose)
    position = scene.keypoints2d.position.copy()
    truth = convert_keypoints(scene.keypoints3d.position, scene.keypoints3d.skeleton, COCO)
    for frame in range(NUM_FRAMES):
        now = replace(moving, T_cam_world=pose[:, frame : frame + 1])
        position[:, :, frame] = project_to_cameras(now, truth[:, [frame]].astype(float))[:, :, 0]
    confidence = np.isfinite(position).all(-1).astype(np.float32)
    keypoints = replace(scene.keypoints2d, position=position, confidence=confidence)
    filmed = replace(scene, keypoints2d=keypoints, cameras=moving)
    solved = solve_views(see(filmed), moving, body=body)
    assert mean_error(solved, scene) < 0.01
    assert not complaints(solved)
    assert solved.quality[0].agreeing > 0.99 and solved.quality[0].error_px < 0.5
    fit = solved.fits[0]
    assert fit is not None and np.nanmean(fit.residual) < 0.03
    with pytest.raises(InputError, match="one pose per moment"):
        short = replace(moving, T_cam_world=pose[:, :5])
        solve_views(see(filmed), short, body=body)


@pytest.mark.parametrize("people", [0, 1])
def test_nothing_to_triangulate_is_nothing(scene: SyntheticScene, people: int):
    keypoints = scene.keypoints2d
    none = replace(
        keypoints,
        people=keypoints.people[:people],
        time=keypoints.time[: 5 * (1 - people)],
        position=keypoints.position[:, :people, : 5 * (1 - people)],
        confidence=keypoints.confidence[:, :people, : 5 * (1 - people)],
    )
    found = triangulate_keypoints(none, scene.cameras)
    assert found.keypoints.position.shape == (people, len(none.time), 17, 3)
