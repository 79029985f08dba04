"""The command line: every command is a short call of a public function.

Errors become one sentence on the standard error and the exit code of their branch
(`marey.core.errors`, `marey.jobs.last_words`); `--debug` shows where they came from.
"""

import os
import sys
import traceback
from typing import Annotated, get_args

import tyro

from marey import __version__
from marey.arguments import parse
from marey.cli.cameras import Calibrate
from marey.cli.files import Convert, Doctor, Export, Import, Info, Report
from marey.cli.motion import Demo, Refine, Solve
from marey.cli.research import Dataset, Evaluate, Train
from marey.jobs.last_words import explain_error, explain_interrupt

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

COMMANDS = tuple(get_args(kind)[0].__name__.lower() for kind in get_args(Command))


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
