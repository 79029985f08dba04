"""Clips to measure on: real people at 720p, and the same played on and on."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from marey.assets import demo_clip
from marey.io.video import open_video_writer, probe_clip, read_frames
from marey.jobs.solve.options import SolveOptions

SHORT_SIDE = 720
MAX_FRAMES = 120
SHARED = Path(__file__).resolve().parents[2] / "shared"
"""Samples that may lie beside the checkout; nothing is measured on them where they do not."""
_SHARED_CLIP = SHARED / "data" / "videos" / "dancer_pirouette.mp4"


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchClip:
    """A 720p clip made for a measurement."""

    name: str
    path: Path
    num_frames: int
    size: tuple[int, int]
    origin: str
    options: SolveOptions
    """What makes it a clip of one person."""


def make_clips(folder: Path, *, max_frames: int = MAX_FRAMES) -> list[BenchClip]:
    """Make the clips to measure on: the bundled one and, where there is one, a shared one."""
    # A bystander stands at the back of the bundled clip, 270 px tall; one person is measured.
    one = SolveOptions(min_height=350)
    clips = [make_clip(demo_clip(), folder, name="demo", max_frames=max_frames, options=one)]
    if _SHARED_CLIP.is_file():
        clips.append(
            make_clip(
                _SHARED_CLIP,
                folder,
                name="pirouette",
                max_frames=max_frames,
                options=SolveOptions(),
            )
        )
    return clips


def make_clip(
    source: Path, folder: Path, *, name: str, max_frames: int, options: SolveOptions
) -> BenchClip:
    """Re-encode the beginning of a video with its shorter side at 720 px."""
    clip = probe_clip(source)
    factor = SHORT_SIDE / min(clip.size)
    width, height = (round(side * factor / 2) * 2 for side in clip.size)
    images = [
        cv2.resize(frame.image, (width, height), interpolation=cv2.INTER_AREA)
        for frame in read_frames(clip, stop=max_frames)
    ]
    path = folder / f"{name}.mp4"
    _encode(path, images, frame_rate=clip.frame_rate, rounds=1)
    return BenchClip(
        name=name,
        path=path,
        num_frames=len(images),
        size=(width, height),
        origin=source.name,
        options=options,
    )


def repeat_clip(clip: BenchClip, rounds: int) -> BenchClip:
    """Play a clip forth and back again until it is `rounds` times as long.

    Turning round at the ends keeps the person in place: a jump would be a cut, and a cut makes new
    people.
    """
    images = [frame.image for frame in read_frames(clip.path)]
    path = clip.path.with_name(f"{clip.name}-{rounds}.mp4")
    _encode(path, images, frame_rate=probe_clip(clip.path).frame_rate, rounds=rounds)
    return BenchClip(
        name=f"{clip.name} x {rounds}",
        path=path,
        num_frames=len(images) * rounds,
        size=clip.size,
        origin=clip.origin,
        options=clip.options,
    )


def _encode(
    path: Path, images: list[UInt8[np.ndarray, "H W 3"]], *, frame_rate: float, rounds: int
) -> None:
    with open_video_writer(path, frame_rate=frame_rate) as writer:
        for turn in range(rounds):
            for image in images if turn % 2 == 0 else reversed(images):
                writer.write(image)
