"""Which pictures an overlay is drawn on."""

from dataclasses import replace

import numpy as np

import marey
from marey.core import Take
from marey.io.video import probe_clip, select_frames, write_video
from marey.jobs.export import _moved_clip
from tests.io.keypoint_takes import make_take


def test_a_moved_video_is_cut_to_the_part_the_take_was_made_from(tmp_path):
    video = tmp_path / "moved.mp4"
    frames = (np.full((48, 64, 3), 10 * n, np.uint8) for n in range(20))
    write_video(video, frames, frame_rate=20)
    whole = probe_clip(video)
    part = select_frames(whole, start=0.25, end=0.75, every=2)
    take = Take(time=part.time, clips=(replace(part, path=tmp_path / "gone.mp4"),))
    clip = _moved_clip(take, video)
    assert (clip.path, clip.first, clip.step) == (video, part.first, 2)
    np.testing.assert_array_equal(clip.time, part.time)
    assert _moved_clip(replace(take, clips=(whole,)), video).num_frames == 20


def test_a_take_may_be_given_by_its_place(tmp_path):
    take = replace(make_take(), clips=())
    marey.write(take, tmp_path / "a.take")
    (by_place,) = marey.export(tmp_path / "a.take", tmp_path / "place.json")
    (by_value,) = marey.export(take, tmp_path / "value.json")
    assert by_place.read_bytes() == by_value.read_bytes()
