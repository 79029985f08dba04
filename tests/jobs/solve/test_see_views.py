"""What networks said of several videos outlives an interruption; what is wrong is said before."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from marey.assets import demo_clip
from marey.cli import read
from marey.core.errors import InputError
from marey.io.calibration.anipose import write_anipose
from marey.io.video import read_frames, write_video
from marey.jobs.solve.journal import Journal
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.views import solve_many
from marey.synthetic import make_cameras


def test_an_interrupted_calibration_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    images = [
        cv2.resize(frame.image, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
        for frame in read_frames(demo_clip(), stop=4)
    ]
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, images, frame_rate=30)
    asked: list[bytes] = []
    keep, most = Journal.keep, 8

    def keep_some(self: Journal, key: bytes, answer: bytes) -> None:
        if len(asked) == most:
            raise KeyboardInterrupt
        asked.append(key)
        keep(self, key, answer)

    monkeypatch.setattr(Journal, "keep", keep_some)
    command = ["calibrate", "a.mp4", "b.mp4", "--height", "1.7", "-o", "c.toml", "--quiet"]
    with pytest.raises(KeyboardInterrupt, match="goes on from there"):
        read(command).run()
    assert (tmp_path / "c.toml.part" / "views" / "001.journal").is_file()
    first, most = list(asked), 10_000
    # One picture in two places is too little to calibrate by, which the second run comes to.
    with pytest.raises(InputError):
        read(command).run()
    assert len(set(asked)) < len(first) + len(asked) / 2
    assert not (tmp_path / "c.toml.part").exists() and not (tmp_path / "c.toml").exists()


def test_overrides_of_cameras_there_are_not_are_refused_before_the_networks(tmp_path: Path):
    videos = [tmp_path / name for name in ("left.mp4", "right.mp4")]
    for path in videos:
        write_video(path, iter(np.zeros((3, 48, 64, 3), np.uint8)), frame_rate=10)
    write_anipose(make_cameras(2, size=(64, 48)), tmp_path / "c.toml")
    entries = '[[override]]\nframes = [1]\ncameras = ["middle"]\n'
    (tmp_path / "o.toml").write_text(entries, encoding="utf-8")
    options = SolveOptions(override=tmp_path / "o.toml", detector=tmp_path / "none.onnx")
    with pytest.raises(InputError, match="the camera 'middle'; there is camera1, camera2"):
        solve_many(videos, tmp_path / "c.toml", options=options)
