"""The recording marey ships."""

import hashlib
from importlib.resources import files
from pathlib import Path

from marey.io.video import probe_clip, read_frames

DEMO = Path(str(files("marey") / "assets" / "demo"))


def test_the_demo_clip_is_what_its_card_says():
    path = DEMO / "balance.mp4"
    card = (DEMO / "card.md").read_text(encoding="utf-8")
    assert hashlib.sha256(path.read_bytes()).hexdigest() in card
    assert "BSD 3-Clause License" in card and "perfanalytics" in card
    clip = probe_clip(path)
    assert (clip.warnings, clip.size, clip.num_frames) == ((), (720, 936), 100)
    assert [frame.index for frame in read_frames(clip)] == list(range(100))
