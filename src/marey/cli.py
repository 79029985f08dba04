"""The command line: every command is a short call of a public function.

Errors become one sentence on the standard error and the exit code of their branch
(`marey.core.errors`, `marey.jobs.last_words`); `--debug` shows where they came from.
"""

import os
import sys
import traceback
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from marey import __version__
from marey.arguments import parse
from marey.core.errors import InputError
from marey.io._joint_names import JointNames
from marey.jobs import commands
from marey.jobs.calibrate_commands import CalibrateTask, calibrate
from marey.jobs.dataset_commands import CorpusChoices, export_corpus_of, write_sheet_of
from marey.jobs.keypoint_networks import choose_network, name_network
from marey.jobs.last_words import explain_error, explain_interrupt
from marey.jobs.options import SolveOptions
from marey.jobs.readers import Axis, KeypointHints
from marey.jobs.refine_commands import refine_take, train_network
from marey.jobs.views_commands import ManyVideos


@dataclass(frozen=True, kw_only=True)
class Output:
    """How the command talks."""

    overwrite: bool = False
    """Replace existing outputs."""
    quiet: bool = False
    """Print nothing but errors."""
    json: bool = False
    """Print progress and the result as JSON lines."""
    debug: bool = False
    """Show the traceback of an error."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a command that only answers talks."""

    json: bool = False
    """Print the answer as one JSON object."""
    debug: bool = False
    """Show the traceback of an error."""


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
        if len(self.keypoints) == 1 and name_network(self.keypoints[0]) is not None:
            options = choose_network(self.options, self.keypoints[0])
            replace(self, keypoints=(), options=options).run()
            return
        video = next(iter(self.video), None)
        if self.keypoints and self.cameras is not None:
            commands.solve_from_keypoint_views(
                ManyVideos(
                    videos=self.video,
                    cameras=self.cameras,
                    output=self.output,
                    exports=self.export,
                    sync=self.sync,
                ),
                self.keypoints,
                hints=KeypointHints(frame_rate=self.fps, size=self.size),
                options=self.options,
                talk=self.talk,
            )
            return
        if self.keypoints:
            keypoints, *others = self.keypoints
            if len(self.video) > 1 or others:
                raise InputError(
                    "--keypoints of several cameras need their calibration: add --cameras; without "
                    "it give those of one camera, and its video alone or none"
                )
            commands.solve_from_keypoints(
                keypoints,
                self.output,
                hints=KeypointHints(video=video, frame_rate=self.fps, size=self.size),
                exports=self.export,
                options=self.options,
                talk=self.talk,
            )
            return
        if video is None:
            raise InputError("give a video, or --keypoints FILE")
        if self.fps is not None or self.size is not None:
            option = "--size" if self.fps is None else "--fps"
            raise InputError(f"{option} is for --keypoints; a video states it, so leave it out")
        if len(self.video) > 1 or self.cameras is not None:
            task = ManyVideos(
                videos=self.video,
                cameras=self.cameras,
                output=self.output,
                exports=self.export,
                sync=self.sync,
            )
            commands.solve_many_videos(task, options=self.options, talk=self.talk)
            return
        commands.solve_video(
            video, self.output, exports=self.export, options=self.options, talk=self.talk
        )


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
    video: Path | None = None
    """Where the video lies now, for an overlay, if it has moved since; of several cameras, the
    folder of their videos."""
    camera: str | None = None
    """Which of several cameras, for .mp4 (all of them unless said), .json and .openpose."""
    talk: Annotated[Output, tyro.conf.arg(name="")] = field(default_factory=Output)

    def run(self) -> None:
        """Run the command."""
        commands.export_take(
            self.take,
            self.file,
            names=self.names,
            video=self.video,
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
class Train:
    """Train a HANet on files of estimated and true poses (DeciWatch's layout), by a named recipe.

    Example: marey train pw3d-3d pw3d_spin_train.npz pw3d_gt_train.npz -o run
    """

    recipe: tyro.conf.Positional[str]
    """jhmdb, h36m-fcn, h36m-mhformer, aist-3d, pw3d-3d, pw3d-smpl or aist-smpl."""
    detected: tyro.conf.Positional[Path]
    """Estimated poses, .npz."""
    truth: tyro.conf.Positional[Path]
    """True poses of the same sequences, .npz."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder for state, log and network; the same command goes on where one was stopped."""
    epochs: int = 70
    """How often to go through the data."""
    tensorboard: bool = False
    """Write figures for TensorBoard too."""
    talk: Annotated[Answer, tyro.conf.arg(name="")] = field(default_factory=Answer)

    def run(self) -> None:
        """Run the command."""
        train_network(
            self.recipe,
            self.detected,
            self.truth,
            self.output,
            epochs=self.epochs,
            tensorboard=self.tensorboard,
            as_json=self.talk.json,
        )


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


@dataclass(frozen=True, kw_only=True)
class Report:
    """Write a page about a take: pictures, how good it seems, what to look at; one HTML file.

    Example: marey report dance.take
    """

    take: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="TAKE")]
    """The take to read."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """The .html file to write (default: the take's name beside it)."""
    video: Path | None = None
    """Where the video lies now, if it has moved since."""
    talk: Annotated[Output, tyro.conf.arg(name="")] = field(default_factory=Output)

    def run(self) -> None:
        """Run the command."""
        commands.report_take(self.take, self.output, video=self.video, talk=self.talk)


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Measure predicted poses against true ones by a named protocol: metrics.json and a page.

    Example: marey evaluate predictions.npz truth.npz --protocol 3dpw -o result
    """

    predictions: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="PREDICTIONS")]
    """A file of poses (.npz of marey.evaluate.write_poses), a folder of such files, a take, or
    another program's results (see import); joints of their own are measured as they are."""
    truth: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="TRUTH")]
    """The true poses, in a file of one of these kinds."""
    protocol: str
    """What to measure: 3dpw, harmony4d, sub-jhmdb, ...; see docs/protocols.md."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder for metrics.json and report.html (default: NAME.PROTOCOL in the current folder)."""
    without: tuple[str, ...] = ()
    """Switches of the protocol to turn off; the result's name says so."""
    smpl_dir: Path | None = None
    """Folder of the licensed J_regressor_*.npy that some protocols need."""
    allow_missing: bool = False
    """Measure incomplete predictions too, and say how much is missing."""
    compare: Path | None = None
    """An earlier metrics.json to show beside the new one."""
    force: bool = False
    """Compare even results of different protocols."""
    format: str | None = None
    """The program that wrote the predictions, where their content does not tell, see import."""
    talk: Annotated[Output, tyro.conf.arg(name="")] = field(default_factory=Output)

    def run(self) -> None:
        """Run the command."""
        commands.evaluate_poses(
            self.predictions,
            self.truth,
            self.output,
            protocol=self.protocol,
            without=self.without,
            smpl_dir=self.smpl_dir,
            allow_missing=self.allow_missing,
            against=self.compare,
            force=self.force,
            format=self.format,
            talk=self.talk,
        )


@dataclass(frozen=True, kw_only=True)
class DatasetExport:
    """Write a take as a sequence of a corpus, in a layout that other programs read.

    Example: marey dataset export hug.take -o 001_hugging --layout harmony4d
    """

    take: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="TAKE")]
    """The take to read; with cameras and motion."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """The sequence's folder to make."""
    choices: Annotated[CorpusChoices, tyro.conf.arg(name="")]
    talk: Annotated[Output, tyro.conf.arg(name="")] = field(default_factory=Output)

    def run(self) -> None:
        """Run the command."""
        export_corpus_of(self.take, self.output, choices=self.choices, talk=self.talk)


@dataclass(frozen=True, kw_only=True)
class DatasetSheet:
    """Write the datasheet of a corpus: what is in it, measured, and what its makers state.

    Example: marey dataset sheet corpus
    """

    folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DIR")]
    """A sequence in Harmony4D's layout, or a folder of them."""
    sheet: Path | None = None
    """A .toml of answers (default: DIR/datasheet.toml, which is made if it is not there)."""
    talk: Annotated[Output, tyro.conf.arg(name="")] = field(default_factory=Output)

    def run(self) -> None:
        """Run the command."""
        write_sheet_of(self.folder, facts=self.sheet, talk=self.talk)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Write corpora that others can use: a take in a released layout, and its datasheet.

    Example: marey dataset export hug.take -o 001_hugging --layout harmony4d
    """

    action: Annotated[
        Annotated[DatasetExport, tyro.conf.subcommand("export", prefix_name=False)]
        | Annotated[DatasetSheet, tyro.conf.subcommand("sheet", prefix_name=False)],
        tyro.conf.arg(name=""),
    ]

    def run(self) -> None:
        """Run the command."""
        self.action.run()


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
        commands.solve_demo(self.output, talk=self.talk)


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


Command = (
    Annotated[Solve, tyro.conf.subcommand("solve", prefix_name=False)]
    | Annotated[Export, tyro.conf.subcommand("export", prefix_name=False)]
    | Annotated[Import, tyro.conf.subcommand("import", prefix_name=False)]
    | Annotated[Convert, tyro.conf.subcommand("convert", prefix_name=False)]
    | Annotated[Refine, tyro.conf.subcommand("refine", prefix_name=False)]
    | Annotated[Train, tyro.conf.subcommand("train", prefix_name=False)]
    | Annotated[Calibrate, tyro.conf.subcommand("calibrate", prefix_name=False)]
    | Annotated[Report, tyro.conf.subcommand("report", prefix_name=False)]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate", prefix_name=False)]
    | Annotated[Dataset, tyro.conf.subcommand("dataset", prefix_name=False)]
    | Annotated[Demo, tyro.conf.subcommand("demo", prefix_name=False)]
    | Annotated[Info, tyro.conf.subcommand("info", prefix_name=False)]
    | Annotated[Doctor, tyro.conf.subcommand("doctor", prefix_name=False)]
)


COMMANDS = (
    "solve",
    "export",
    "import",
    "convert",
    "refine",
    "calibrate",
    "report",
    "evaluate",
    "dataset",
    "demo",
    "info",
    "doctor",
)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    given = sys.argv[1:] if arguments is None else arguments
    if given == ["--version"]:
        sys.stdout.write(f"marey {__version__}\n")
        return
    try:
        read(given).run()
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads our output (`marey info dance.mp4 | head -1`) has had enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if "--debug" in given:
            traceback.print_exc()
        sentence, code = explain_error(error)
        sys.stderr.write(f"marey: {sentence}\n")
        sys.exit(code)
    except KeyboardInterrupt as interrupt:
        sys.stderr.write(f"marey: {explain_interrupt(interrupt)}\n")
        sys.exit(130)


def read(arguments: list[str]) -> Command:
    """Return the command that was typed.

    Raises:
        InputError: If the arguments cannot be understood.
        SystemExit: After --help.
    """
    return parse(
        lambda: tyro.cli(
            Command,
            prog="marey",
            args=arguments,
            description=f"3D motion from video. Version {__version__} (marey --version).",
            config=(tyro.conf.FlagCreatePairsOff,),
        ),
        arguments,
        COMMANDS,
        lists=("--export", "--without"),
    )


if __name__ == "__main__":
    main()
