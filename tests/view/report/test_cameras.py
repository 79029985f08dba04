"""Several cameras in the report: what is wrong with a camera is found and said in its units."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marey.core import Take
from marey.view.report import Report, make_report, render_page
from marey.view.report.camera_figures import measure_cameras
from marey.view.report.camera_words import (
    describe_cameras,
    find_in_cameras,
    judge_camera,
)
from marey.view.report.rig_drawing import draw_rig
from tests.view.ring import make_ring, write_clock

from .test_page import Page

NUM = 40
BAD = 2
"""The camera that something is done to."""


@pytest.fixture(scope="module")
def ring() -> Take:
    take = make_ring(5, num_frames=NUM, size=(1280, 720), motion="walk")
    rng = np.random.default_rng(1)
    return _change(take, lambda p, view: p + rng.normal(0, 1.5, p.shape).astype(np.float32))


def _change(take: Take, change, *, only: int | None = None) -> Take:
    """Return the take with what cameras see changed: of a function of pixels and the camera."""
    people = []
    for person in take.people:
        blocks = [
            block
            if only not in (None, view)
            else replace(block, position=change(block.position, view))
            for view, block in enumerate(person.keypoints2d)
        ]
        people.append(replace(person, keypoints2d=tuple(blocks)))
    return replace(take, people=tuple(people))


def _turn(take: Take, axis: str, degrees: float) -> Take:
    """Return the take with a calibration that has one camera turned."""
    assert take.cameras is not None
    pose = take.cameras.T_cam_world.copy()
    turn = Rotation.from_euler(axis, degrees, degrees=True)
    own = Rotation.from_quat(pose[BAD, 0, :4], scalar_first=True)
    pose[BAD, 0, :4] = (turn * own).as_quat(scalar_first=True)
    pose[BAD, 0, 4:] = turn.apply(pose[BAD, 0, 4:])
    return replace(take, cameras=replace(take.cameras, T_cam_world=pose))


def test_sound_cameras_are_off_by_what_the_detector_is(ring):
    found = measure_cameras(ring)
    # Rayleigh's median of 1.5 px to a side; the points are the true ones.
    np.testing.assert_allclose(found.median_px, 1.5 * np.sqrt(2 * np.log(2)), rtol=0.05)
    np.testing.assert_allclose(found.high_px, 1.5 * np.sqrt(2 * np.log(20)), rtol=0.06)
    assert (found.agreeing > 0.999).all() and (found.frames_seen == 1).all()
    # 5 m away at 1344 px: 3.7 mm to a pixel.
    np.testing.assert_allclose(found.median_m, 1.77 * 5 / 1344, rtol=0.15)
    np.testing.assert_allclose(np.nanmean(found.error_px), 1.5 * np.sqrt(np.pi / 2), rtol=0.03)
    assert found.doubtful == [] and find_in_cameras(found) == ()
    assert describe_cameras(found).startswith("Very good") and "No camera stands out" in (
        describe_cameras(found)
    )
    assert all(judge_camera(found, view) == "It agrees with the others." for view in range(5))


def test_a_turned_camera(ring):
    found = measure_cameras(_turn(ring, "y", 1.2))
    assert found.doubtful == [BAD]
    fault = found.faults[BAD]
    assert fault.shift_deg == pytest.approx(1.2, rel=0.1)
    assert fault.after_px < 0.2 * fault.before_px
    # The calibration turned to the left: what is seen lies to the right of where it should.
    assert abs(fault.shift_px[0]) > 5 * abs(fault.shift_px[1])
    text = judge_camera(found, BAD)
    assert "as if it had been turned by 1.2°" in text and "clock" not in text
    assert "Doubtful: camera3" in describe_cameras(found)
    (finding,) = find_in_cameras(found)
    assert finding.who == "camera3" and finding.text == text
    assert "turned" not in judge_camera(found, 0)


def test_both_errors_are_named_and_told_apart(ring):
    """What is left out pulls no points; with true points it is larger by what the others lack."""
    found = measure_cameras(ring)
    text = describe_cameras(found)
    assert "from the points that all make together" in text and "(residual, median)" in text
    assert "From points made without it" in text and "(left out)" in text
    for view, fault in enumerate(found.faults):
        assert found.median_px[view] < fault.before_px < 2 * found.median_px[view]
    report = Report(name="rig", take=ring, people=(), findings=(), cameras=found)
    page = Page(render_page(report))
    lines = [line for line in page.text.split("\n") if line]
    for word in ("residual, px", "left out, px", "Residual of each camera over time"):
        assert word in lines
    assert lines[lines.index("Residual") + 1].startswith("Reprojection error: how far")
    assert lines[lines.index("Left out") + 1].startswith("Leave-one-out reprojection error")


def test_a_rolled_camera(ring):
    found = measure_cameras(_turn(ring, "z", 4.0))
    assert found.faults[BAD].roll_deg == pytest.approx(-4.0, rel=0.1)
    assert "rolled by 4.0° counter-clockwise" in judge_camera(found, BAD)


def test_a_wrong_focal_length(ring):
    K = ring.cameras.K.copy()
    K[BAD, [0, 1], [0, 1]] *= 0.9
    found = measure_cameras(replace(ring, cameras=replace(ring.cameras, K=K)))
    assert found.faults[BAD].growth == pytest.approx(1 / 0.9 - 1, rel=0.12)
    assert "focal length or its distance is wrong" in judge_camera(found, BAD)


def test_a_late_clock(ring):
    late = 4  # frames
    moved = _change(
        ring, lambda p, view: np.concatenate([p[:, :1]] * late + [p[:, :-late]], 1), only=BAD
    )
    found = measure_cameras(moved)
    rate = 1 / float(np.median(np.diff(ring.time)))
    assert found.faults[BAD].late_s == pytest.approx(late / rate, rel=0.25)
    assert "ms too late: its clock is off" in judge_camera(found, BAD)


def test_a_camera_of_another_place(ring):
    """Two videos in the wrong order: both are named, the others are not."""
    order = [0, 1, 3, 2, 4]
    people = tuple(
        replace(p, keypoints2d=tuple(p.keypoints2d[view] for view in order)) for p in ring.people
    )
    found = measure_cameras(replace(ring, people=people))
    assert found.doubtful == [2, 3]
    assert "the order of the videos seems wrong" in judge_camera(found, 2)


def test_a_blind_camera_and_only_two(ring):
    def blind(take, view):
        people = []
        for person in take.people:
            blocks = list(person.keypoints2d)
            blocks[view] = replace(
                blocks[view],
                position=np.full_like(blocks[view].position, np.nan),
                confidence=np.zeros_like(blocks[view].confidence),
            )
            people.append(replace(person, keypoints2d=tuple(blocks)))
        return replace(take, people=tuple(people))

    found = measure_cameras(blind(ring, BAD))
    assert found.num_seen[BAD] == 0 and np.isnan(found.error_px[BAD]).all()
    assert judge_camera(found, BAD) == "It sees nobody: is it dark, or turned away?"
    assert found.doubtful == [BAD]
    # Four cameras are left: nothing is agreed on by five.
    assert found.agreed_by[:, 5].max() == 0 and found.agreed_by[:, 4].mean() > 0.9
    two = make_ring(2, num_frames=6, size=(1280, 720))
    assert measure_cameras(two).faults == (None, None)


def test_a_single_moment_is_enough(ring):
    take = make_ring(4, num_frames=1, num_people=1, size=(1280, 720))
    found = measure_cameras(take)
    assert found.num_seen.max() < 50 and found.doubtful == []


def test_one_camera_has_no_such_section():
    take = make_ring(1, num_frames=4)
    assert measure_cameras(take) is None
    assert "<h2>Cameras</h2>" not in render_page(make_report(take, "one"))


def test_agreement_is_a_share_of_the_moments(ring):
    found = measure_cameras(ring)
    np.testing.assert_allclose(found.agreed_by.sum(1), 1)
    column = found.keypoints.index("left_wrist")
    hidden = 10
    people = []
    for person in ring.people:
        blocks = [
            replace(block, confidence=block.confidence.copy()) for block in person.keypoints2d
        ]
        for block in blocks[:4]:
            block.confidence[0, :hidden, block.skeleton.index("left_wrist")] = 0
        people.append(replace(person, keypoints2d=tuple(blocks)))
    found = measure_cameras(replace(ring, people=tuple(people)))
    assert found.agreed_by[column, 1] == pytest.approx(hidden / NUM)


def test_the_rig_shows_every_camera_by_name_and_marks_the_doubtful(ring):
    for drawing in draw_rig(ring, frame=3, doubtful=[BAD]):
        page = Page(drawing)
        assert all(name in page.text for name in ring.cameras.names)
        doubtful = [a for _, a in page.tags if "doubt" in (a.get("class") or "")]
        assert len(doubtful) == 8 + 1  # a pyramid has eight edges, and there is the name
        for line in page.find("polyline"):
            xy = [float(v) for pair in line["points"].split() for v in pair.split(",")]
            assert np.isfinite(xy).all()
        # Both people in their own colours, as everywhere.
        strokes = {a["stroke"] for _, a in page.tags if a.get("stroke")}
        assert len(strokes) == 2


def test_moving_cameras_have_a_path(ring):
    pose = np.repeat(ring.cameras.T_cam_world, NUM, 1)
    pose[0, :, 4] += np.linspace(0, 1, NUM)
    moving = replace(ring, cameras=replace(ring.cameras, T_cam_world=pose))
    (drawing, _) = draw_rig(moving, frame=5)
    assert drawing.count('class="quietly"') == 5
    assert measure_cameras(moving).names == ring.cameras.names


def test_the_page_of_several_cameras(tmp_path):
    size = (160, 120)
    times = np.arange(6) / 30
    clips = [write_clock(tmp_path / f"{n}.mp4", times, size=size) for n in range(3)]
    take = make_ring(3, num_frames=6, size=size, clips=clips)
    page = Page(render_page(make_report(take, "rig")))
    assert "Cameras" in page.text and "All cameras at" in page.text
    assert "How many cameras agree on each joint" in page.text
    pictures = [image["alt"] for image in page.find("img")]
    assert sum("What camera" in alt for alt in pictures) == 3
    assert not [a for _, a in page.tags if "style" in a]
    for drawing in page.find("svg"):
        assert drawing.get("aria-label") or drawing.get("aria-hidden") == "true"
    # A video that is gone costs its picture only.
    clips[1].path.unlink()
    page = Page(render_page(make_report(take, "rig")))
    assert sum("What camera" in image["alt"] for image in page.find("img")) == 2
