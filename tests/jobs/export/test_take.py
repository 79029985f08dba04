"""Which pictures an overlay is drawn on."""

from dataclasses import replace

import numpy as np
import pytest

import marey
from marey.core import Take
from marey.core.errors import InputError, NothingFoundError, OutputExistsError
from marey.io.video import probe_clip, read_frames, select_frames, write_video
from marey.jobs.export.moved_videos import moved_clip
from tests.io.keypoint_takes import make_take
from tests.view.ring import make_ring, write_clock

TIMES = np.arange(4) / 30


def test_a_moved_video_is_cut_to_the_part_the_take_was_made_from(tmp_path):
    video = tmp_path / "moved.mp4"
    frames = (np.full((48, 64, 3), 10 * n, np.uint8) for n in range(20))
    write_video(video, frames, frame_rate=20)
    whole = probe_clip(video)
    part = select_frames(whole, start=0.25, end=0.75, every=2)
    take = Take(time=part.time, clips=(replace(part, path=tmp_path / "gone.mp4"),))
    clip = moved_clip(take.clips[0], video)
    assert (clip.path, clip.first, clip.step) == (video, part.first, 2)
    np.testing.assert_array_equal(clip.time, part.time)
    assert moved_clip(whole, video).num_frames == 20


def test_a_take_may_be_given_by_its_place(tmp_path):
    take = replace(make_take(), clips=())
    marey.write(take, tmp_path / "a.take")
    (by_place,) = marey.export(tmp_path / "a.take", tmp_path / "place.json")
    (by_value,) = marey.export(take, tmp_path / "value.json")
    assert by_place.read_bytes() == by_value.read_bytes()


@pytest.fixture(scope="module")
def ring(tmp_path_factory) -> Take:
    folder = tmp_path_factory.mktemp("cameras")
    clips = [write_clock(folder / f"{n}.mp4", TIMES, size=(320, 240)) for n in (1, 2)]
    return make_ring(2, num_frames=len(TIMES), clips=clips)


def test_an_overlay_shows_all_cameras_or_the_one_that_is_named(ring, tmp_path):
    marey.export(ring, tmp_path / "all.mp4")
    marey.export(ring, tmp_path / "one.mp4", camera="camera2")
    assert probe_clip(tmp_path / "one.mp4").size == (320, 240)
    both = next(read_frames(tmp_path / "all.mp4")).image
    assert both.shape[0] * both.shape[1] >= 2 * 320 * 240
    with pytest.raises(InputError, match=r"no camera 'left'; it has camera1, camera2"):
        marey.export(ring, tmp_path / "left.mp4", camera="left")
    with pytest.raises(InputError, match=r"a\.glb is about the world"):
        marey.export(ring, tmp_path / "a.glb", camera="camera1")


def test_keypoints_of_one_camera(ring, tmp_path):
    for view, name in enumerate(("camera1", "camera2")):
        marey.export(ring, tmp_path / f"{name}.json", camera=name)
        back = marey.read(tmp_path / f"{name}.json")
        expected = ring.people[0].keypoints2d[view]
        shown = back.people[0].keypoints2d[0]
        column = shown.skeleton.index("left_hip")
        own = expected.position[0, 0, expected.skeleton.index("left_hip")]
        np.testing.assert_allclose(shown.position[0, 0, column], own, atol=0.01)


def test_keypoints_of_all_cameras_become_a_file_each(ring, tmp_path):
    expected = {}
    for name in ("camera1", "camera2"):
        marey.export(ring, tmp_path / f"{name}.json", camera=name)
        expected[tmp_path / f"all_{name}.json"] = (tmp_path / f"{name}.json").read_bytes()
    written = marey.export(ring, tmp_path / "all.json")
    assert {path: path.read_bytes() for path in written} == expected
    folders = marey.export(ring, tmp_path / "all.openpose")
    assert [folder.name for folder in folders] == ["all_camera1.openpose", "all_camera2.openpose"]
    # One that is there keeps all of them from being written.
    (tmp_path / "all_camera1.json").unlink()
    with pytest.raises(OutputExistsError, match="all_camera2"):
        marey.export(ring, tmp_path / "all.json")
    assert not (tmp_path / "all_camera1.json").exists()
    (tmp_path / "b_camera2.openpose").mkdir()
    (tmp_path / "b_camera2.openpose" / "mine.txt").touch()
    with pytest.raises(InputError, match="no OpenPose folder"):
        marey.export(ring, tmp_path / "b.openpose", overwrite=True)


def test_cameras_are_known_by_name_where_a_take_knows_no_videos(ring, tmp_path):
    """As in a take that was imported from a corpus."""
    blind = replace(ring, clips=tuple(replace(clip, path=None) for clip in ring.clips))
    for number, clip in enumerate(ring.clips, start=1):
        (tmp_path / f"camera{number}.mp4").write_bytes(clip.video.read_bytes())
    with pytest.raises(NothingFoundError, match=r"in which folder .* named like them: camera1"):
        marey.export(blind, tmp_path / "a.mp4")
    marey.export(blind, tmp_path / "a.mp4", video=tmp_path)
    marey.export(ring, tmp_path / "b.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    marey.export(blind, tmp_path / "c.mp4", video=tmp_path, camera="camera2")
    assert probe_clip(tmp_path / "c.mp4").size == (320, 240)
    with pytest.raises(InputError, match=r"--video is for \.mp4"):
        marey.export(ring, tmp_path / "a.glb", video=tmp_path)


def test_videos_of_all_cameras_may_have_moved(ring, tmp_path):
    gone = tuple(replace(clip, path=tmp_path / "gone" / clip.path.name) for clip in ring.clips)
    moved = replace(ring, clips=gone)
    folder = ring.clips[0].path.parent
    with pytest.raises(InputError, match="say in which folder they all are"):
        marey.export(moved, tmp_path / "a.mp4")
    with pytest.raises(InputError, match=r"2 cameras, and .* is one video; name its camera"):
        marey.export(moved, tmp_path / "a.mp4", video=ring.clips[0].path)
    marey.export(moved, tmp_path / "a.mp4", video=folder)
    marey.export(moved, tmp_path / "b.mp4", video=ring.clips[1].path, camera="camera2")
    assert probe_clip(tmp_path / "b.mp4").num_frames == len(TIMES)
