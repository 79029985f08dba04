"""Arguments that cannot be understood: one sentence each, and where the help is."""

import subprocess
import sys

import pytest

from marey import cli

SAID = {
    "slove x": "there is no command 'slove'; did you mean solve; see marey --help",
    "solve --hepl": "--hepl is no option of this command; see marey solve --help",
    "solve x --size 3": "--size is given too few values; see marey solve --help",
    "solve x --every y": "--every cannot be 'y'; see marey solve --help",
    "solve x --fov=wide": "--fov cannot be 'wide'; see marey solve --help",
    "solve x --fps 30": "--fps is for --keypoints; a video states it, so leave it out",
    "solve x --export": "--export is given too few values; see marey solve --help",
    "solve x --export --json": "--export is given too few values; see marey solve --help",
    "export a": "FILE is missing; see marey export --help",
    "export a b --names foo": (
        "--names cannot be 'foo'; choose one of 'marey', 'mixamo'; see marey export --help"
    ),
    "evaluate a b": "--protocol is missing; see marey evaluate --help",
}


@pytest.mark.parametrize("typed", SAID)
def test_one_sentence(typed, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(typed.split())
    assert stop.value.code == 2
    assert capsys.readouterr().err == f"marey: {SAID[typed]}\n"


@pytest.mark.parametrize("typed", ["", "--hepl"])
def test_without_a_command_all_are_named(typed, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(typed.split())
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert all(command in said for command in cli.COMMANDS)


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help_speaks_of_values_not_of_types(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert "Example: marey" in shown
    for internal in ("None", "(default: )", "--no-quiet", "[bold]"):
        assert internal not in shown


def test_options_that_may_be_left_out_take_their_type():
    command = cli.read(["solve", "a b.mp4", "--fov", "60", "--size", "640", "480"])
    assert isinstance(command, cli.Solve)
    assert [path.name for path in command.video] == ["a b.mp4"]
    assert (command.options.fov_deg, command.size, command.fps) == (60.0, (640, 480), None)


SLOW_START = """
import builtins, os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # In the background it is ignored.
load = builtins.__import__
def interrupt(name, *rest):
    if name == "tyro":
        os.kill(os.getpid(), signal.SIGINT)
    return load(name, *rest)
from marey.__main__ import main
builtins.__import__ = interrupt
main(["info", "x"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals as Unix has them")
def test_an_interrupt_while_starting_is_no_traceback():
    program = [sys.executable, "-c", SLOW_START]
    ended = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (130, 1)
    assert ended.stderr.startswith("marey: interrupted")
