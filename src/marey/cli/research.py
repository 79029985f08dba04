"""Networks trained, poses measured, corpora made."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from marey.cli.talk import Answer, Output
from marey.jobs import commands
from marey.jobs.dataset.commands import CorpusChoices, export_corpus_of, write_sheet_of
from marey.jobs.refine.commands import train_network


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
