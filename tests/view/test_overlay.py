"""A whole take drawn over its clip: every frame, the right people in it, in bounded memory."""

from dataclasses import replace

import numpy as np
import pytest

from marey.core import Keypoints2D, Rig
from marey.core.errors import InputError, ShapeError
from marey.io.video import probe_clip, read_frames, write_video
from marey.view.frames import TakeFrames
from marey.view.meshes import load_drawn_body, pose_meshes
from marey.view.overlay import OverlayStyle, render_overlay, write_overlay
from marey.view.posed_people import CHUNK

from .conftest import GREY, NUM_FRAMES, SIZE, SPAN

BARE = OverlayStyle(keypoints=False, names=False)


def grey() -> np.ndarray:
    return np.full((SIZE[1], SIZE[0], 3), GREY, np.uint8)


def changed_columns(image: np.ndarray) -> np.ndarray:
    # The encoder, even without loss in its own colours, rounds ours by a few steps.
    return (np.abs(image.astype(int) - GREY) > 12).any((0, 2))


def test_people_are_where_the_camera_sees_their_keypoints(sample):
    seen = TakeFrames(sample.take).seen(5)
    image = render_overlay(grey(), seen, style=BARE)
    for row in range(2):
        points = seen.position[row]
        body = points[[seen.skeleton.index(n) for n in ("left_hip", "right_hip", "left_knee")]]
        for x, y in body:
            assert (np.abs(image[int(y), int(x)].astype(int) - GREY) > 5).any()
    assert (image[:, :20] == GREY).all()


def test_the_input_is_not_painted_on(sample):
    image = grey()
    render_overlay(image, TakeFrames(sample.take).seen(5))
    assert (image == GREY).all()


def test_opacity(sample):
    seen = TakeFrames(sample.take).seen(5)
    glass = render_overlay(grey(), seen, style=replace(BARE, opacity=0.0))
    assert (glass == GREY).all()
    half, solid = (
        render_overlay(grey(), seen, style=replace(BARE, opacity=o)).astype(int) - GREY
        for o in (0.5, 1.0)
    )
    np.testing.assert_allclose(half, solid / 2, atol=1.01)  # both are rounded to whole numbers


def test_frames_pose_in_chunks_what_posing_at_once_gives(sample):
    body = load_drawn_body(sample.motion)
    at_once = pose_meshes(body, sample.motion, slice(0, NUM_FRAMES))
    frames = TakeFrames(sample.take)
    for frame in (0, 4, 11, 2):
        people = frames.people(frame)
        np.testing.assert_allclose(people.vertices[0], at_once[0, frame], atol=1e-6)
        inside = SPAN.start <= frame < SPAN.stop
        assert np.isfinite(people.vertices[1]).all() == inside
        if inside:
            np.testing.assert_allclose(people.vertices[1], at_once[1, frame], atol=1e-6)
        seen = frames.seen(frame)
        assert np.isfinite(seen.boxes[1]).all() == inside
        assert np.isfinite(seen.position[1]).any() == inside


def test_chunks_start_anew(sample):
    """A take longer than a chunk is posed rightly on both sides of the seam."""
    times = 3 * CHUNK // NUM_FRAMES
    motion = replace(
        sample.motion,
        time=np.arange(times * NUM_FRAMES) / 30,
        T_world_root=np.tile(sample.motion.T_world_root, (1, times, 1)),
        R_parent_joint=np.tile(sample.motion.R_parent_joint, (1, times, 1, 1)),
        confidence=np.tile(sample.motion.confidence, (1, times)),
        contact=None,
        contact_names=(),
    )
    person = replace(
        sample.take.people[0],
        start=2,
        num_frames=len(motion.time) - 2,
        keypoints2d=(),
        motion=replace(
            motion,
            people=motion.people[:1],
            time=motion.time[2:],
            shape=motion.shape[:1],
            T_world_root=motion.T_world_root[:1, 2:],
            R_parent_joint=motion.R_parent_joint[:1, 2:],
            confidence=motion.confidence[:1, 2:],
        ),
    )
    frames = TakeFrames(replace(sample.take, time=motion.time, people=(person,), tracks=()))
    at_once = pose_meshes(load_drawn_body(motion), motion, slice(0, CHUNK + 2))
    for frame in (2, CHUNK - 1, CHUNK, CHUNK + 1):
        np.testing.assert_allclose(frames.people(frame).vertices[0], at_once[0, frame], atol=1e-6)
    assert np.isnan(frames.people(1).vertices).all()


def test_time_finds_the_frame_on_the_common_clock(sample):
    cameras = replace(sample.take.cameras, time_offset=np.array([0.1]))
    frames = TakeFrames(replace(sample.take, cameras=cameras))
    assert frames.find(0.0) == 3 and frames.find(0.011) == 3
    assert frames.find(5.0) is None and frames.find(-0.2) is None


def test_a_video_of_the_take(sample, tmp_path):
    path, reports = tmp_path / "overlay.mp4", []
    write_overlay(sample.take, path, style=BARE, progress=lambda *report: reports.append(report))
    written = list(read_frames(path))
    assert len(written) == NUM_FRAMES
    np.testing.assert_allclose(
        [f.time - written[0].time for f in written], sample.take.time, atol=1e-4
    )
    assert reports[0] == ("overlay", 0, NUM_FRAMES)
    assert reports[-1] == ("overlay", NUM_FRAMES, NUM_FRAMES)
    # People stand at x = -0.5 and 0.5; the second one is there in some frames only.
    for frame in written:
        columns = changed_columns(frame.image)
        assert columns[: SIZE[0] // 2].any()
        assert columns[180:].any() == (SPAN.start <= frame.index < SPAN.stop), frame.index


@pytest.mark.parametrize("side", ["side", "top"])
def test_a_panel_beside_the_video(sample, tmp_path, side):
    path = tmp_path / "panel.mp4"
    write_overlay(sample.take, path, style=BARE, side=side)
    frames = [frame.image for frame in read_frames(path)]
    assert frames[0].shape == (240, 320 + 180, 3)
    panels = [image[:, 324:].astype(int) for image in frames]
    # With two people the panel shows more than with one.
    colorful = [(np.ptp(panel, axis=-1) > 60).sum() for panel in panels]
    assert min(colorful[SPAN]) > max(colorful[:3]) > 100


def test_a_take_without_motion_shows_keypoints(sample, tmp_path):
    people = tuple(replace(person, motion=None) for person in sample.take.people)
    take = replace(sample.take, people=people, cameras=None)
    write_overlay(take, tmp_path / "keypoints.mp4", side="side")
    frames = list(read_frames(tmp_path / "keypoints.mp4"))
    assert frames[0].image.shape == (240, 320, 3)
    assert changed_columns(frames[5].image).any()


def test_a_take_without_video_is_refused(sample, tmp_path):
    with pytest.raises(InputError, match="no video to draw on"):
        write_overlay(replace(sample.take, clips=()), tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())


def test_pictures_of_another_size_are_refused(sample, tmp_path):
    small = np.zeros((120, 160, 3), np.uint8)
    with pytest.raises(ShapeError, match="160x120 px, but its camera sees 320x240 px"):
        render_overlay(small, TakeFrames(sample.take).seen(0))
    write_video(tmp_path / "small.mp4", [small] * 3, frame_rate=30)
    clip, message = probe_clip(tmp_path / "small.mp4"), "was made from pictures of 320x240 px"
    for take in (sample.take, replace(sample.take, cameras=None)):
        with pytest.raises(InputError, match=message):
            write_overlay(take, tmp_path / "a.mp4", clip=clip)
    assert not (tmp_path / "a.mp4").exists()


def test_people_on_another_body_are_shown_by_their_keypoints(sample, tmp_path):
    first, second = sample.take.people
    rig = Rig(
        name="arm", root="base", joints=("a",), parents=(-1,), offset=np.zeros((1, 3), np.float32)
    )
    motion = second.motion
    bare = replace(motion, body=rig, R_parent_joint=motion.R_parent_joint[:, :, :1])
    take = replace(sample.take, people=(first, replace(second, motion=bare)))
    seen = TakeFrames(take).seen(SPAN.start)
    assert np.isfinite(seen.people.vertices[0]).all()
    assert np.isnan(seen.people.vertices[1]).all()
    assert changed_columns(render_overlay(grey(), seen, style=BARE))[: SIZE[0] // 2].any()


def test_a_bare_rig_has_no_mesh(sample):
    rig = Rig(name="small", root="base", joints=(), parents=(), offset=np.zeros((0, 3), np.float32))
    with pytest.raises(InputError, match="'small' has no mesh"):
        load_drawn_body(replace(sample.motion, body=rig))


def test_another_clip_can_be_named(sample, clip, tmp_path):
    take = replace(sample.take, clips=())
    write_overlay(take, tmp_path / "a.mp4", clip=clip, style=BARE)
    assert probe_clip(tmp_path / "a.mp4").num_frames == NUM_FRAMES


def test_names_stand_above_people(sample):
    seen = TakeFrames(sample.take).seen(0)
    bare, named = (
        render_overlay(grey(), seen, style=replace(BARE, names=n)).astype(int)
        for n in (False, True)
    )
    rows, columns = np.nonzero((bare != named).any(-1))
    body_rows, body_columns = np.nonzero((bare != GREY).any(-1))
    # A waving hand may be the highest point; the label stands above whatever is.
    top = body_rows.argmin()
    assert rows.max() <= body_rows[top] + 3
    assert columns.min() <= body_columns[top] <= columns.max()


def test_keypoints_only_where_they_are_known(sample):
    seen = TakeFrames(sample.take).seen(0)
    assert isinstance(sample.take.people[0].keypoints2d[0], Keypoints2D)
    image = render_overlay(grey(), seen, style=replace(BARE, mesh=False, keypoints=True))
    assert not (image[:, 180:] != GREY).any()
    assert (image[:, :180] != GREY).any()
