"""What commands say they did, and how soon they refuse."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from marey.cli.talk import Output
from marey.core import Take
from marey.io.take import write_take
from marey.jobs.export.stage import NOTHING, Exported
from marey.jobs.solve import commands as solving
from marey.jobs.solve import into as solve_into
from marey.jobs.solve.options import SolveOptions
from tests.fixtures.golden_take import TIME, make_anna

RUN = {"frames": 6, "total_seconds": 5.9, "frames_per_second": 1.02, "seconds": {"fit": 4.0}}


@pytest.fixture
def target(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "video.mp4").write_bytes(b"not looked at here")
    write_take(Take(time=TIME, people=(make_anna(),)), Path("one.take"))
    return Path("one.take")


def tell(monkeypatch, capsys, *, solved: bool, exported: Exported, as_json: bool = False) -> str:
    """Return what a solve says that ends in a certain way."""
    done = solve_into.SolvedTake(
        path=Path("one.take"), people=("01",), run=RUN, solved=solved, exported=exported
    )
    monkeypatch.setattr(solve_into, "solve_into", lambda *args, **rest: done)
    solving.solve_video(
        Path("video.mp4"),
        Path("one.take"),
        exports=[],
        options=SolveOptions(),
        talk=Output(overwrite=True, json=as_json),
    )
    return capsys.readouterr().out


def test_a_solve_says_how_long_all_of_it_took(target, monkeypatch, capsys):
    exported = Exported(written=(Path("b.glb"),), kept=(), seconds=17.84)
    assert tell(monkeypatch, capsys, solved=True, exported=exported) == (
        "1 person in 6 frames, solved in 5.9 s (1.02 frames per second), exported in 17.8 s\n"
        "wrote one.take\n"
        "wrote b.glb\n"
    )
    assert tell(monkeypatch, capsys, solved=True, exported=NOTHING) == (
        "1 person in 6 frames, solved in 5.9 s (1.02 frames per second)\nwrote one.take\n"
    )


def test_what_stood_is_not_claimed(target, monkeypatch, capsys):
    said = tell(monkeypatch, capsys, solved=False, exported=NOTHING)
    assert said == "1 person in 6 frames\nkept one.take\n"
    exported = Exported(written=(Path("o.mp4"),), kept=(Path("b.glb"),), seconds=3.0)
    said = tell(monkeypatch, capsys, solved=False, exported=exported)
    assert said == (
        "1 person in 6 frames, exported in 3 s\nkept one.take\nkept b.glb\nwrote o.mp4\n"
    )
    told = json.loads(tell(monkeypatch, capsys, solved=False, exported=exported, as_json=True))
    assert told == {
        "written": ["o.mp4"],
        "kept": ["one.take", "b.glb"],
        "people": ["01"],
        "frames": 6,
        "export_seconds": 3.0,
    }


REFUSED = """
import sys
from marey.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    heavy = [name for name in ("torch", "onnxruntime", "scipy", "numba") if name in sys.modules]
    print(end.code, *heavy)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["video.mp4", "-o", "one.take"],
        ["video.mp4", "-o", "two.take", "--export", "a.glb", "a.glb"],
        ["video.mp4", "-o", "two.take", "--export", "a.xyz"],
        ["--keypoints", "one.take", "-o", "one.take"],
    ],
)
def test_a_refusal_loads_nothing_that_takes_seconds(target, arguments):
    code = [sys.executable, "-c", REFUSED, "solve", *arguments]
    run = subprocess.run(code, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["2"], run.stderr
