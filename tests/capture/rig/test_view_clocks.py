"""Clocks are put right where what the videos show is sure, and else left alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marey.capture.pipeline import Seen
from marey.capture.rig.view_clocks import ViewClock, describe_clocks, find_clocks, set_clocks
from marey.core import Cameras, Clip, Keypoints2D, Person, Tracks
from marey.synthetic import make_cameras
from tests.capture.rig.test_synchronise import RATE, film


def see(views: list[Keypoints2D]) -> list[Seen]:
    """Return what trackers make of filmed keypoints."""
    result = []
    for number, view in enumerate(views):
        people = []
        for row, name in enumerate(view.people):
            block = replace(
                view,
                people=(name,),
                position=view.position[row : row + 1],
                confidence=view.confidence[row : row + 1],
            )
            people.append(
                Person(name=name, start=0, num_frames=len(view.time), keypoints2d=(block,))
            )
        clip = Clip(path=Path(f"camera{number + 1}.mp4"), size=(1280, 720), time=view.time)
        tracks = Tracks(time=view.time, tracks=())
        result.append(Seen(clip=clip, tracks=tracks, people=tuple(people)))
    return result


@pytest.fixture(scope="module")
def filmed() -> tuple[list[Seen], Cameras]:
    """Four views, one of them ten frames late and one of nobody."""
    cameras = make_cameras(4)
    seen = see(film(cameras, np.array([0.0, 10 / RATE, 0.0, 0.0])))
    return [*seen[:3], replace(seen[3], people=())], cameras


def test_who_is_late_is_shifted_and_who_says_nothing_is_trusted(
    filmed: tuple[list[Seen], Cameras],
):
    views, cameras = filmed
    clocks = find_clocks(views, cameras)
    assert [clock.verdict for clock in clocks] == ["reference", "shifted", "right", "unknown"]
    assert clocks[1].applied * RATE == pytest.approx(10.0, abs=0.3)
    assert clocks[2].applied == clocks[3].applied == 0.0
    straight, on_time = set_clocks(views, cameras, clocks)
    np.testing.assert_allclose(on_time.time_offset, [0.0, clocks[1].offset, 0.0, 0.0])
    # Nothing drifts, so the views stay as they are.
    for before, after in zip(views, straight, strict=True):
        np.testing.assert_array_equal(before.clip.time, after.clip.time)
    said = describe_clocks(clocks)
    assert "camera2 by +0.33" in said and "of camera4 are trusted" in said


def test_offsets_that_are_known_count(filmed: tuple[list[Seen], Cameras]):
    views, cameras = filmed
    known = replace(cameras, time_offset=np.array([0.0, 10 / RATE, 0.0, 0.0]))
    clocks = find_clocks(views, known)
    assert [clock.verdict for clock in clocks] == ["reference", "right", "right", "unknown"]
    assert describe_clocks(clocks).startswith("clocks agree")


def test_other_cameras_tell_nothing(filmed: tuple[list[Seen], Cameras]):
    views, cameras = filmed
    swapped = replace(cameras, T_cam_world=cameras.T_cam_world[[0, 2, 1, 3]] + 0.0)
    elsewhere = make_cameras(4, distance=9.0, target=(3.0, 5.0, 2.0))
    for wrong in (swapped, elsewhere):
        assert all(clock.applied == 0 for clock in find_clocks(views, wrong))


def test_motion_that_repeats_itself_tells_nothing():
    cameras = make_cameras(3)
    views = film(cameras, np.array([0.0, 0.2, 0.0]), noise_px=0.5)
    period = 20
    # Everybody does the same two thirds of a second over and over, in place.
    again = [
        replace(view, position=np.take(view.position, np.arange(90) % period + 40, axis=1))
        for view in views
    ]
    clocks = find_clocks(see(again), cameras)
    assert {clock.verdict for clock in clocks} == {"unknown"}
    assert "trusted" in describe_clocks(clocks)


def test_drift_is_taken_out(filmed: tuple[list[Seen], Cameras]):
    views, cameras = filmed
    drifting = ViewClock(
        name="camera2", verdict="shifted", offset=0.5, sigma=0.01, drift=0.01, frame=1 / RATE
    )
    still = replace(drifting, verdict="right", offset=0.0, drift=0.0)
    straight, on_time = set_clocks(views, cameras, [still, drifting, still, still])
    own = views[1].clip.time
    common = straight[1].clip.time + on_time.time_offset[1]
    np.testing.assert_allclose(common[[0, -1]], own[[0, -1]] * 1.01 + 0.5 - 0.005 * own[-1])
