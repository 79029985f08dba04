"""The command line: bad input is one sentence and a stable exit code, and leaves nothing behind."""

import errno
import json
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import get_args

import av
import numpy as np
import pytest

from marey import cli
from marey.assets import demo_clip
from marey.core import Take
from marey.core.errors import (
    EnvironmentFault,
    FormatError,
    InputError,
    MareyError,
    MissingAssetError,
    MissingExtraError,
    NothingFoundError,
    OutputExistsError,
    ShapeError,
)
from marey.io.take import read_take, write_take
from marey.io.video import write_video
from tests.fixtures.golden_take import TIME, make_anna

KINDS = tuple(get_args(kind)[0] for kind in get_args(cli.Command))
"""The class of every command."""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def noise_video(folder) -> Path:
    """Ten small frames of noise: a sound video without people."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (10, 64, 96, 3), np.uint8)
    write_video(folder / "noise.mp4", frames, frame_rate=10)
    return folder / "noise.mp4"


def refuse(capsys, *arguments: str | Path, code: int = 2) -> str:
    """Run a command that must fail and return its one sentence."""
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert stop.value.code == code, captured.err
    lines = [line for line in captured.err.splitlines() if line.startswith("marey: ")]
    assert len(lines) == 1, captured.err
    assert captured.err.endswith(lines[0] + "\n")
    assert "Traceback" not in captured.err
    return lines[0]


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def write_small_take(path: Path) -> None:
    write_take(Take(time=TIME, people=(make_anna(),)), path)


def write_empty(folder: Path) -> Path:
    (folder / "clip.mp4").touch()
    return folder / "clip.mp4"


def write_text(folder: Path) -> Path:
    (folder / "clip.mp4").write_text("These are words and not pictures.\n" * 100)
    return folder / "clip.mp4"


def write_audio(folder: Path) -> Path:
    with av.open(str(folder / "clip.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 8000, 0, Fraction(1, 8000)
        for packet in (*stream.encode(frame), *stream.encode()):
            container.mux(packet)
    return folder / "clip.mp4"


def make_empty_folder(folder: Path) -> Path:
    (folder / "clip").mkdir()
    (folder / "clip" / "notes.txt").write_text("no pictures here")
    return folder / "clip"


def name_nothing(folder: Path) -> Path:
    return folder / "clip.mp4"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (name_nothing, "clip.mp4"),
        (write_empty, "clip.mp4"),
        (write_text, "clip.mp4"),
        (write_audio, "clip.mp4"),
        (make_empty_folder, "clip"),
    ],
)
def test_unusable_videos_are_refused(folder, capsys, make, sentence):
    source = make(folder)
    before = listing(folder)
    assert sentence in refuse(capsys, "solve", source, "-o", "out.take")
    assert listing(folder) == before


def test_a_video_without_people_leaves_nothing_behind(noise_video, capsys):
    before = listing(noise_video.parent)
    message = refuse(capsys, "solve", noise_video, "-o", "out.take", "--export", "out.glb")
    assert "no people were found in noise.mp4" in message
    assert listing(noise_video.parent) == before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--fov", "60", "--focal-px", "900"], "not both"),
        (["--fov", "400"], "between 1 and 170 degrees, got 400"),
        (["--fov", "nan"], "between 1 and 170 degrees"),
        (["--focal-px", "0.5"], "focal length of 0.5 px"),
        (["--focal-px", "-900"], "focal length of -900 px"),
        (["--body", "smpl"], "unknown body 'smpl'"),
        (["--body", "nowhere.npz"], "there is no body file nowhere.npz"),
        (["--detect-every", "0"], "--detect-every must be at least 1, got 0"),
        (["--min-height", "-4"], "--min-height must be at least 1 px, got -4"),
    ],
)
def test_impossible_options_are_refused(noise_video, capsys, options, sentence):
    assert sentence in refuse(capsys, "solve", noise_video, *options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["-o", "out.zip"], "a take is a folder whose name ends in .take, got 'out.zip'"),
        (["-o", "nowhere/out.take"], "the folder nowhere does not exist"),
        (["--export", "out.docx"], "choose a name that ends in .glb, .bvh, .npz"),
        (["--export", "nowhere/out.glb"], "the folder nowhere does not exist"),
        (["--export", "taken.glb"], "taken.glb exists already"),
        (["-o", "taken.take"], "taken.take exists already"),
        (["-o", "taken.take", "--overwrite"], "is no take, so it is not replaced"),
        (["--export", "noise.mp4", "--overwrite"], "noise.mp4 is what the take was made of"),
    ],
)
def test_outputs_are_checked_before_any_work(noise_video, capsys, options, sentence):
    (noise_video.parent / "taken.glb").write_bytes(b"precious")
    (noise_video.parent / "taken.take").mkdir()
    (noise_video.parent / "taken.take" / "diary.txt").write_text("precious")
    before, video = listing(noise_video.parent), noise_video.read_bytes()
    # The noise would be refused for its lack of people if it were looked at first.
    assert sentence in refuse(capsys, "solve", noise_video, *options)
    assert listing(noise_video.parent) == before
    assert noise_video.read_bytes() == video
    assert (noise_video.parent / "taken.glb").read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("gold.take", "gold.take is a take, not a video: it is solved already; use marey export"),
        ("renamed", "renamed is a take, not a video"),
        ("seen.json", "seen.json holds keypoints, not a video; fit bodies to them by marey solve"),
        ("walk.bvh", "a file that marey import makes a take of: marey import walk.bvh"),
        ("nothing", "the folder nothing holds no images"),
    ],
)
def test_solve_sends_other_files_to_their_command(folder, capsys, name, sentence):
    write_small_take(folder / "gold.take")
    shutil.copytree(folder / "gold.take", folder / "renamed")
    (folder / "seen.json").write_text("{}")
    (folder / "walk.bvh").write_text("HIERARCHY")
    (folder / "nothing").mkdir()
    assert sentence in refuse(capsys, "solve", name)


def test_export_refuses_what_is_no_take(folder, capsys):
    assert "nothing.take" in refuse(capsys, "export", "nothing.take", "out.glb")
    (folder / "empty.take").mkdir()
    assert "empty.take" in refuse(capsys, "export", "empty.take", "out.glb")
    assert listing(folder) == ["empty.take"]


def test_export_checks_its_suffix_and_its_target(folder, capsys):
    write_small_take(folder / "gold.take")
    assert "cannot export to 'out.bvh2'" in refuse(capsys, "export", "gold.take", "out.bvh2")
    (folder / "out.glb").write_bytes(b"precious")
    assert "out.glb exists already" in refuse(capsys, "export", "gold.take", "out.glb")
    assert (folder / "out.glb").read_bytes() == b"precious"


def test_debug_shows_where_an_error_came_from(folder, capsys):
    """Before the sentence, and with the same exit code."""
    with pytest.raises(SystemExit) as stop:
        cli.main(["solve", "nothing.mp4", "--debug"])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert said.splitlines()[-1].startswith("marey: nothing.mp4")


def test_progress_and_result_are_json_lines(noise_video, capsys):
    refuse(capsys, "solve", noise_video, "--quiet")
    with pytest.raises(SystemExit):
        cli.main(["solve", str(noise_video), "--json"])
    captured = capsys.readouterr()
    lines = [json.loads(line) for line in captured.out.splitlines()]
    assert lines[-1] == {"stage": "people", "done": 10, "total": 10}


def test_quiet_prints_nothing_but_the_error(noise_video, capsys):
    with pytest.raises(SystemExit):
        cli.main(["solve", str(noise_video), "--quiet"])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help_shows_an_example(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"])
    assert stop.value.code == 0
    assert f"Example: marey {command}" in capsys.readouterr().out


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    printed = capsys.readouterr().out
    assert all(f"Example: marey {command}" in printed for command in cli.COMMANDS)


def test_examples_in_the_help_are_valid_commands(noise_video, capsys, monkeypatch):
    ran = []
    for kind in KINDS:
        monkeypatch.setattr(kind, "run", lambda command: ran.append(type(command)))
        example = (kind.__doc__ or "").split("Example: marey ")[1].strip()
        cli.main(example.split())
    assert tuple(ran) == KINDS


def test_the_tests_know_every_command():
    """Guards the tests above, which take the commands from the code."""
    assert {"solve", "export", "import", "report", "demo", "info", "doctor"} <= set(cli.COMMANDS)


def test_exit_codes_follow_the_tree_of_errors():
    for kind in (InputError, FormatError, ShapeError, OutputExistsError, NothingFoundError):
        assert kind.exit_code == 2
        assert issubclass(kind, ValueError)
    for kind in (EnvironmentFault, MissingExtraError, MissingAssetError):
        assert kind.exit_code == 3
    assert MareyError.exit_code == 1


def test_environment_faults_end_with_their_own_code(folder, capsys, monkeypatch):
    def fail(command):
        raise MissingExtraError("viser", "view", "the viewer")

    monkeypatch.setattr(cli.Solve, "run", fail)
    assert "pip install 'marey[view]'" in refuse(capsys, "solve", "clip.mp4", code=3)


@pytest.mark.parametrize(
    ("error", "sentence", "code"),
    [
        (IndexError("index 5 is out of\nbounds"), "a mistake in marey (IndexError: index 5 is ", 1),
        (AssertionError(), "a mistake in marey (AssertionError); please report it", 1),
        (ValueError("x" * 9999), "xxx...)", 1),
        (OSError(errno.ENOSPC, "No space left", "a.glb"), "the disk of a.glb is full; free", 3),
        (OSError(errno.EDQUOT, "Quota exceeded"), "the disk is full; free some space", 3),
        (PermissionError(errno.EACCES, "Permission denied", "a.glb"), "cannot use a.glb: Per", 2),
        (MemoryError(), "the memory of this machine is not enough", 3),
    ],
)
def test_unexpected_errors_are_one_sentence_too(folder, capsys, monkeypatch, error, sentence, code):
    def fail(command):
        raise error

    monkeypatch.setattr(cli.Solve, "run", fail)
    printed = refuse(capsys, "solve", "clip.mp4", code=code)
    assert sentence in printed
    assert len(printed) < 400
    assert ("--debug" in printed) == (code == 1)
    with pytest.raises(SystemExit) as stop:
        cli.main(["solve", "clip.mp4", "--debug"])
    assert stop.value.code == code
    assert type(error).__name__ in capsys.readouterr().err


def test_a_reader_who_has_had_enough_is_no_error(folder):
    command = f"{sys.executable} -m marey info {demo_clip()} | head -n 1"
    run = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert run.stdout.count("\n") == 1
    assert run.stderr == ""


def test_interrupting_is_no_crash(folder, capsys, monkeypatch):
    def interrupt(command):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.Solve, "run", interrupt)
    assert "interrupted" in refuse(capsys, "solve", "clip.mp4", code=130)


def test_the_installed_command_says_it_in_one_line(folder):
    run = subprocess.run(
        [sys.executable, "-m", "marey", "solve", "nothing.mp4"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.startswith("marey: ")
    assert run.stderr.count("\n") == 1


def test_a_written_take_survives_export(folder, capsys):
    """The happy path of `export`, from a take on disk to a file a viewer opens."""
    write_small_take(folder / "gold.take")
    take = read_take(folder / "gold.take")
    cli.main(["export", "gold.take", "out.glb", "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{"written": ["out.glb"]}]
    assert (folder / "out.glb").read_bytes()[:4] == b"glTF"
    assert take.people
