"""All cameras in one video: who is where in which colour, and what is missing is said."""

from dataclasses import replace

import numpy as np
import pytest

from marey.core import Clip
from marey.core.errors import InputError
from marey.io.video import probe_clip, read_frames
from marey.view.grid import write_grid
from marey.view.grid_plan import plan_grid
from marey.view.overlay import OverlayStyle

from .ring import make_ring, read_clock, write_clock

SIZE = (320, 240)
BARE = OverlayStyle(keypoints=False, names=False)


def make_clips(folder, clocks, *, size=SIZE) -> list[Clip]:
    return [
        write_clock(folder / f"{row}.mp4", times, size=size) for row, times in enumerate(clocks)
    ]


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Three cameras: one as fast as the clock, one of half its rate, one that drops pictures."""
    folder = tmp_path_factory.mktemp("grid")
    times = np.arange(8) / 30
    clips = make_clips(folder, [times, np.arange(5) / 15, np.delete(times, [3, 4])])
    take = make_ring(3, num_frames=8, clips=clips)
    reports = []
    write_grid(take, folder / "all.mp4", style=BARE, progress=lambda *r: reports.append(r))
    assert reports[0] == ("overlay", 0, 8) and reports[-1] == ("overlay", 8, 8)
    return take, list(read_frames(folder / "all.mp4")), plan_grid([SIZE] * 3)


def test_one_picture_per_moment_of_the_take(frames):
    take, pictures, plan = frames
    assert len(pictures) == len(take.time)
    np.testing.assert_allclose([f.time - pictures[0].time for f in pictures], take.time, atol=1e-4)
    assert pictures[0].image.shape == (plan.size[1], plan.size[0], 3)


def test_everyone_has_one_colour_in_all_views_and_stands_where_the_camera_sees_them(frames):
    take, pictures, plan = frames
    hues: list[list[np.ndarray]] = [[], []]
    for view in range(3):
        place = plan.cut(pictures[0].image, view).astype(float)
        for row, person in enumerate(take.people):
            points = person.keypoints2d[view]
            hips = [points.skeleton.index(name) for name in ("left_hip", "right_hip")]
            x, y = points.position[0, 0, hips].mean(0).astype(int)
            patch = place[y - 3 : y + 4, x - 3 : x + 4].mean((0, 1))
            hues[row].append(patch / patch.sum())
    apart = np.linalg.norm(hues[0][0] - hues[1][0])
    for row in range(2):
        for other in hues[row][1:]:
            assert np.linalg.norm(other - hues[row][0]) < 0.4 * apart


def test_views_show_the_pictures_of_the_moment(frames):
    take, pictures, plan = frames
    for frame, time in zip(pictures, take.time, strict=True):
        assert read_clock(plan.cut(frame.image, 0)) == pytest.approx(time, abs=0.008)
        # Half as fast: never more than half of its own interval away.
        assert abs(read_clock(plan.cut(frame.image, 1)) - time) < 0.51 / 15 + 0.008


def test_what_is_missing_is_dark_and_said(frames):
    _, pictures, plan = frames
    light = [float(np.median(plan.cut(frame.image, 2))) for frame in pictures]
    assert light[3] < 0.7 * light[2] and light[4] < 0.7 * light[2]
    assert light[5] > light[2]
    caption = [plan.cut(frame.image, 2)[:24, :180].astype(int) for frame in pictures]
    # A longer label than the name alone.
    assert (caption[3] > 150).sum() > 1.5 * (caption[2] > 150).sum() > 0


def test_people_are_posed_once_for_all_views(frames, tmp_path, monkeypatch):
    from marey.view import posed_people

    calls = []
    real = posed_people.pose_meshes
    monkeypatch.setattr(posed_people, "pose_meshes", lambda *a: calls.append(a[2]) or real(*a))
    write_grid(frames[0], tmp_path / "again.mp4", style=BARE)
    assert len(calls) == 2  # one chunk for each of two people


def test_a_take_without_videos_is_refused(frames, tmp_path):
    with pytest.raises(InputError, match="no videos to draw on"):
        write_grid(replace(frames[0], clips=()), tmp_path / "a.mp4")
    other = make_clips(tmp_path, [[0, 0.1], [0, 0.1], [0, 0.1]], size=(64, 48))
    with pytest.raises(InputError, match="64x48 px, but the take was made from"):
        write_grid(frames[0], tmp_path / "a.mp4", clips=other)
    assert not (tmp_path / "a.mp4").exists()


def test_keypoints_alone_are_in_peoples_colours(frames, tmp_path):
    take = frames[0]
    people = tuple(replace(person, motion=None) for person in take.people)
    write_grid(replace(take, people=people), tmp_path / "k.mp4")
    image = next(read_frames(tmp_path / "k.mp4")).image.astype(int)
    assert probe_clip(tmp_path / "k.mp4").num_frames == len(take.time)
    assert (np.ptp(plan_grid([SIZE] * 3).cut(image, 1)[40:], axis=-1) > 40).sum() > 50
