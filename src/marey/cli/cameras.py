"""Where cameras stand."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from marey.cli.talk import Output
from marey.jobs.calibrate.commands import CalibrateTask, calibrate


@dataclass(frozen=True, kw_only=True)
class Calibrate:
    """Find where cameras stand, from the people in their videos; or from a board, or the scene.

    Example: marey calibrate cam1.mp4 cam2.mp4 cam3.mp4 --height 1.68 -o calib.toml

    Example: marey calibrate cam1.mp4 cam2.mp4 --refine calib.toml -o better.toml

    Example: marey calibrate --board charuco:7x5:0.04:0.03 cam1/ cam2.mp4 -o calib.toml
    """

    sources: Annotated[
        tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="VIDEO ...")
    ] = ()
    """A video per camera, of people who walk through the scene; for --board videos or folders of
    pictures of the board, one per camera."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("calib.toml")
    """The calibration to write: .toml (Pose2Sim, Anipose, Caliscope), .qca.txt (Qualisys), or a
    folder .colmap, .easymocap or .opencv. A page of the same name (.html) shows how good it is."""
    height: float | None = None
    """How tall the person is who is seen most, from sole to crown, m."""
    length: tuple[str, str, float] | None = None
    """Instead: two keypoints of theirs and how far they are apart, m: left_knee left_ankle 0.41."""
    lenses: Path | None = None
    """A calibration whose lenses are right; where cameras stand in it does not matter."""
    fov: float | None = None
    """Field of view along the longer side, degrees, to begin with where lenses are not known (53
    unless said); the focal length is then found too."""
    refine: Path | None = None
    """A calibration to adjust to what the people show."""
    board: str | None = None
    """A printed board: charuco:COLUMNSxROWS:SQUARE:MARKER[:DICTIONARY] or
    chessboard:COLUMNSxROWS:SQUARE, squares counted, sizes in m."""
    sfm: bool = False
    """Structure from motion of the scene itself (needs: pip install "marey[sfm]")."""
    fisheye: bool = False
    """The lenses are fisheye lenses (with --board or --sfm)."""
    no_sync: bool = False
    """Trust the clocks of the videos."""
    start: str | None = None
    """First moment of the videos to use: seconds or mm:ss."""
    end: str | None = None
    """Moment at which to stop, in the same way."""
    every: int = 1
    """Take each frame (1), every other one (2), and so on."""
    talk: Annotated[Output, tyro.conf.arg(name="")] = field(default_factory=Output)

    def run(self) -> None:
        """Run the command."""
        task = CalibrateTask(
            sources=self.sources,
            output=self.output,
            height=self.height,
            length=self.length,
            lenses=self.lenses,
            fov=self.fov,
            refine=self.refine,
            board=self.board,
            sfm=self.sfm,
            fisheye=self.fisheye,
            sync=not self.no_sync,
            start=self.start,
            end=self.end,
            every=self.every,
        )
        calibrate(task, talk=self.talk)
