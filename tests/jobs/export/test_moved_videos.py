"""Which video is of which camera, when all that is known is names."""

from dataclasses import replace

import numpy as np
import pytest

from marey.core import Take
from marey.core.clip import Clip
from marey.core.errors import InputError
from marey.jobs.export.moved_videos import locate_videos, moved_clip, name_views
from marey.synthetic import make_cameras


def make_take(*paths, names=("left", "right")) -> Take:
    cameras = replace(make_cameras(2, size=(64, 48), focal_px=60.0), names=names)
    clips = tuple(Clip(path=path, size=(64, 48), time=np.arange(3) / 25) for path in paths)
    return Take(time=np.arange(3) / 25, cameras=cameras, clips=clips)


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    "files",
    [("left.mp4", "right.mkv"),
     ("take3_left.mp4", "take3_right.mp4"),
     ("Left.MP4", "right.mp4", "all.mp4", "notes.txt"),
     ("left/1.jpg", "right/1.jpg"),
     ("left/images/1.png", "right/images/1.png")],
)  # fmt: skip
def test_videos_named_like_cameras(tmp_path, files):
    """A take of a corpus knows its cameras, and no videos."""
    for take in (make_take(None, None), make_take()):
        left, right = locate_videos(take, touch(tmp_path, *files))
        assert "left" in str(left.relative_to(tmp_path)).lower()
        assert "right" in str(right.relative_to(tmp_path)).lower()


def test_the_name_a_video_had_comes_first(tmp_path):
    take = make_take(tmp_path / "gone" / "GX01.mp4", tmp_path / "gone" / "GX02.mp4")
    folder = touch(tmp_path / "now", "GX02.mp4", "GX01.mp4", "left.mp4")
    assert [path.name for path in locate_videos(take, folder)] == ["GX01.mp4", "GX02.mp4"]
    # Cameras that all call their files alike are known by their folders.
    take = make_take(tmp_path / "a" / "0001.mp4", tmp_path / "b" / "0001.mp4")
    folder = touch(tmp_path / "then", "right.mp4", "left.mp4", "0001.mp4")
    assert [path.name for path in locate_videos(take, folder)] == ["left.mp4", "right.mp4"]


def test_files_may_be_given_one_by_one(tmp_path):
    touch(tmp_path, "right.mp4", "left.mp4", "x.mp4", "y.mp4")
    take = make_take(None, None)

    def named(*names):
        found = locate_videos(take, [tmp_path / name for name in names])
        return [path.name for path in found]

    assert named("right.mp4", "left.mp4") == ["left.mp4", "right.mp4"]
    # Names that say nothing leave the order.
    assert named("y.mp4", "x.mp4") == ["y.mp4", "x.mp4"]
    with pytest.raises(InputError, match=r"2 cameras \(left, right\), and 3 videos were given"):
        named("y.mp4", "x.mp4", "x.mp4")


@pytest.mark.parametrize(
    ("given", "told"),
    [(".", r"no video of right in .*named like its camera \(left\.mp4.* cameras are left, right"),
     ("left.mp4", r"2 cameras, and .*left\.mp4 is one video; name its camera with --camera"),
     ("nowhere", r"nowhere is not there; .* named like the cameras: left, right")],
)  # fmt: skip
def test_what_is_missing_is_named(tmp_path, given, told):
    touch(tmp_path, "left.mp4", "front_right.mp4", "back_right.mp4")
    with pytest.raises(InputError, match=told):
        locate_videos(make_take(None, None), tmp_path / given)


def test_views_are_called_as_the_calibration_has_them(tmp_path):
    take = make_take(tmp_path / "a.mp4", None)
    assert name_views(take) == ("left", "right")
    assert name_views(replace(take, cameras=None)) == ("a", "the pictures of the keypoints")


def test_images_keep_the_clock_of_the_take(tmp_path):
    import cv2

    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((48, 64, 3), np.uint8))
    own = make_take(None).clips[0]
    np.testing.assert_array_equal(moved_clip(own, tmp_path).time, own.time)
