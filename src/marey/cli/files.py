"""Files in and out, and what is in them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from marey.cli.talk import Answer, Output
from marey.io.joint_names import JointNames
from marey.jobs import commands
from marey.jobs.readers import Axis

Videos = Annotated[tuple[Path, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="PATH")]


@dataclass(frozen=True, kw_only=True)
class Export:
    """Write a take in another format; the suffix chooses it.

    Example: marey export dance.take dance.glb
    """

    take: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="TAKE")]
    """The take to read."""
    file: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FILE")]
    """The file to write: .glb, .bvh, .npz (AMASS), .trc or .c3d (joints over time), .csv or
    .parquet (tables), .touch.csv or .touch.json (which parts touch), .json
    (COCO-WholeBody), .openpose (folder of JSON files), .mp4 (overlay)."""
    names: JointNames = "marey"
    """What joints are called in .glb and .bvh."""
    video: Videos = ()
    """Where the video lies now, for an overlay, if it has moved since; of several cameras, the
    folder of their videos, named as they were or like the cameras (or --video once per camera)."""
    camera: str | None = None
    """Which of several cameras; unless said, .mp4 shows all of them, and .json and .openpose become
    one per camera: NAME_CAMERA.json."""
    talk: Annotated[Output, tyro.conf.arg(name="")] = field(default_factory=Output)

    def run(self) -> None:
        """Run the command."""
        commands.export_take(
            self.take,
            self.file,
            names=self.names,
            video=self.video or None,
            camera=self.camera,
            talk=self.talk,
        )


@dataclass(frozen=True, kw_only=True)
class Import:
    """Make a take of a file of another kind: motion, points in space or keypoints in images.

    Example: marey import walk.bvh -o walk.take
    """

    file: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FILE")]
    """The file to read: .bvh, .glb (of marey), .npz (AMASS or MediaPipe), .npy (MediaPipe), .trc,
    .c3d, .csv or .parquet (of marey), .json (COCO), a folder of OpenPose's JSON files, or results
    of other programs (.pkl, .pt, .npz, .json): PHALP, WHAM, GVHMR, ROMP, VIBE and more."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """The take to write (default: NAME.take in the current folder)."""
    video: Path | None = None
    """The video the keypoints were found in: gives clock and size, and the overlay needs it."""
    fps: float | None = None
    """Frames per second, for keypoints that state none (30 unless said)."""
    size: tuple[int, int] | None = None
    """Width and height of the pictures in px, for keypoints that state none."""
    up: Axis | None = None
    """Which axis of a .bvh (y unless said) or .c3d (z unless said) points up."""
    body: str | None = None
    """The body an AMASS .npz moves: your own SMPL-H (SMPL, SMPL-X) file, or marey-h."""
    format: str | None = None
    """The program that wrote the file, where its content does not tell: phalp, wham, wham-camera,
    gvhmr, gvhmr-camera, romp, vibe, glamr, sam3d-body, mmpose, alphapose, detectron2, ..."""
    talk: Annotated[Output, tyro.conf.arg(name="")] = field(default_factory=Output)

    def run(self) -> None:
        """Run the command."""
        commands.import_file(
            self.file,
            self.output,
            video=self.video,
            frame_rate=self.fps,
            size=self.size,
            up=self.up,
            body=self.body,
            format=self.format,
            talk=self.talk,
        )


@dataclass(frozen=True, kw_only=True)
class Convert:
    """Put the motion of a take on another body or rig.

    Example: marey convert walk.take -o mine.take --body SMPLX_NEUTRAL.npz
    """

    take: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="TAKE")]
    """The take to read."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """The take to write."""
    body: str = "marey-h"
    """marey-h, your own SMPL, SMPL-H or SMPL-X file, or a .bvh file whose rig is wanted."""
    talk: Annotated[Output, tyro.conf.arg(name="")] = field(default_factory=Output)

    def run(self) -> None:
        """Run the command."""
        commands.convert_take(self.take, self.output, body=self.body, talk=self.talk)


@dataclass(frozen=True, kw_only=True)
class Report:
    """Write a page about a take: pictures, how good it seems, what to look at; one HTML file.

    Example: marey report dance.take
    """

    take: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="TAKE")]
    """The take to read."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """The .html file to write (default: the take's name beside it)."""
    video: Videos = ()
    """Where the video lies now, if it has moved since; of several cameras, the folder of their
    videos, named as they were or like the cameras (or --video once per camera)."""
    talk: Annotated[Output, tyro.conf.arg(name="")] = field(default_factory=Output)

    def run(self) -> None:
        """Run the command."""
        commands.report_take(self.take, self.output, video=self.video or None, talk=self.talk)


@dataclass(frozen=True, kw_only=True)
class Info:
    """Say what is in a file: a recording, a take, motion, keypoints, a body or a network.

    Example: marey info dance.mp4
    """

    file: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FILE")]
    """A file of any kind that marey reads, or a folder of images, of OpenPose or of a take."""
    talk: Annotated[Answer, tyro.conf.arg(name="")] = field(default_factory=Answer)

    def run(self) -> None:
        """Run the command."""
        commands.describe(self.file, as_json=self.talk.json)


@dataclass(frozen=True, kw_only=True)
class Doctor:
    """Check this machine and this installation, and say how to mend each fault.

    Example: marey doctor
    """

    talk: Annotated[Answer, tyro.conf.arg(name="")] = field(default_factory=Answer)

    def run(self) -> None:
        """Run the command."""
        commands.diagnose(as_json=self.talk.json)
