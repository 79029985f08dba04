"""Videos and takes become motion."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from marey.cli.talk import Output
from marey.jobs.refine.commands import refine_take
from marey.jobs.solve.commands import solve_demo
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.task import SolveTask, solve


@dataclass(frozen=True, kw_only=True)
class Solve:
    """Turn a video, or those of several cameras, into the 3D motion of everyone in it.

    Example: marey solve dance.mp4 -o dance.take --export dance.glb overlay.mp4

    Example: marey solve cam1.mp4 cam2.mp4 cam3.mp4 --cameras Calib.toml -o dance.take
    """

    video: Annotated[
        tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="VIDEO ...")
    ] = ()
    """A video file, a folder of images or a single image; or one per camera, with --cameras."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """The take to write (default: NAME.take in the current folder)."""
    export: tuple[Path, ...] = ()
    """Also write these files, see marey export."""
    cameras: Path | None = None
    """The calibration of several cameras that filmed the same people at the same time: Pose2Sim's,
    Anipose's or Caliscope's .toml, Qualisys's .qca.txt, EasyMocap's folder, a folder of OpenCV's
    .yml, COLMAP's folder (Harmony4D: colmap/workplace), or a take. Videos are named like its
    cameras, or given in their order."""
    sync: bool = True
    """--no-sync trusts the clocks of several cameras, which are put right by what the videos show
    otherwise."""
    keypoints: Annotated[
        tuple[Path, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="PATH")
    ] = ()
    """Keypoints that another detector found in the video: COCO .json, a folder of OpenPose's files
    or MediaPipe's .npz; they alone are enough if they state the size of the pictures. With
    --cameras once per camera. Or segpose:WEIGHTS.pth, to find them by SegPose2D or ViTPose, as with
    --landmarks."""
    fps: float | None = None
    """Frames per second, for --keypoints that state none (30 unless said)."""
    size: tuple[int, int] | None = None
    """Width and height of the pictures in px, for --keypoints that state none."""
    options: Annotated[SolveOptions, tyro.conf.arg(name="")] = field(default_factory=SolveOptions)
    talk: Annotated[Output, tyro.conf.arg(name="")] = field(default_factory=Output)

    def run(self) -> None:
        """Run the command."""
        task = SolveTask(
            videos=self.video,
            output=self.output,
            exports=self.export,
            cameras=self.cameras,
            sync=self.sync,
            keypoints=self.keypoints,
            frame_rate=self.fps,
            size=self.size,
        )
        solve(task, options=self.options, talk=self.talk)


@dataclass(frozen=True, kw_only=True)
class Refine:
    """Refine the motion of a take by a network or a classical filter.

    Example: marey refine walk.take -o smooth.take --method hanet
    """

    take: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="TAKE")]
    """The take to read."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """The take to write (default: NAME.refined.take beside it)."""
    method: Literal["hanet", "savgol", "gaussian", "one-euro"] = "hanet"
    """HANet, or one of the filters; see docs/refine.md for what each is good at."""
    talk: Annotated[Output, tyro.conf.arg(name="")] = field(default_factory=Output)

    def run(self) -> None:
        """Run the command."""
        refine_take(self.take, self.output, method=self.method, talk=self.talk)


@dataclass(frozen=True, kw_only=True)
class Demo:
    """Solve the bundled clip and write a take, a GLB and an overlay video.

    Example: marey demo --output demo
    """

    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("demo")
    """Folder for the results."""
    talk: Annotated[Output, tyro.conf.arg(name="")] = field(default_factory=Output)

    def run(self) -> None:
        """Run the command."""
        solve_demo(self.output, talk=self.talk)
