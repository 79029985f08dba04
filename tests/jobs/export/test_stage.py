"""Exports as stages of a run: whatever ends it, the same call finishes and gives the same bytes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marey.core import Take
from marey.core.errors import InputError, OutputExistsError
from marey.core.progress import silent
from marey.io.take import write_take
from marey.jobs.export import stage as export_stage
from marey.jobs.export.outputs import check_exports, check_target, digest_output
from marey.jobs.export.stage import Exported, write_exports
from marey.jobs.workspace import open_workspace
from tests.fixtures.golden_take import TIME, make_anna


class Killed(BaseException):
    """What ends a run in these tests."""


@pytest.fixture
def target(tmp_path) -> Path:
    """A take of two people, so that BVH becomes two files."""
    first = make_anna()
    people = tuple(rename(first, name) for name in ("1", "2"))
    write_take(Take(time=TIME, people=people), tmp_path / "one.take")
    return tmp_path / "one.take"


def rename(person, name):
    parts = {
        "keypoints2d": tuple(replace(part, people=(name,)) for part in person.keypoints2d),
        "keypoints3d": replace(person.keypoints3d, people=(name,)),
        "motion": replace(person.motion, people=(name,)),
    }
    return replace(person, name=name, **parts)


def run(target: Path, exports: list[Path], *, overwrite: bool = False) -> Exported:
    """Do what a solve does once its take stands."""
    check_target(target, overwrite=overwrite)
    check_exports(target, exports, overwrite=overwrite, sources=[])
    with open_workspace(target) as workspace:
        done = write_exports(
            target, exports, workspace=workspace, overwrite=overwrite, progress=silent
        )
        workspace.remove()
    return done


def outputs(folder: Path) -> dict[str, str]:
    places = (path for path in folder.iterdir() if path.name != "one.take")
    return {path.name: digest_output(path) for path in places}


def exports_of(target: Path) -> list[Path]:
    return [target.with_name(name) for name in ("b.bvh", "b.csv", "b.openpose")]


FILES = ["b.csv", "b.openpose", "b_1_part1.bvh", "b_1_part2.bvh", "b_2_part1.bvh", "b_2_part2.bvh"]


@pytest.fixture
def undisturbed(target) -> dict[str, str]:
    begin(target)
    run(target, exports_of(target))
    found = outputs(target.parent)
    assert sorted(found) == FILES
    for name in found:
        remove(target.with_name(name))
    return found


def begin(target: Path) -> None:
    """Leave the take as an interrupted run does: with its workspace."""
    with open_workspace(target):
        pass


def remove(path: Path) -> None:
    if path.is_dir():
        for inner in path.iterdir():
            inner.unlink()
        path.rmdir()
    else:
        path.unlink()


def die_at(monkeypatch, name: str, call: int, *, after: bool) -> None:
    """End the run at the n-th call of a function of the stage, before or after it."""
    work: Callable = getattr(export_stage, name)
    count = 0

    def dying(*args, **kwargs):
        nonlocal count
        count += 1
        if count == call and not after:
            raise Killed
        result = work(*args, **kwargs)
        if count == call:
            raise Killed
        return result

    monkeypatch.setattr(export_stage, name, dying)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("step", "call"),
    [
        ("export", 1),
        ("export", 3),
        ("write_record", 1),
        ("write_record", 2),
        ("move_into_place", 1),
        ("move_into_place", 3),
        ("move_into_place", 5),
        ("move_into_place", 6),
    ],
)
def test_a_run_that_died_goes_on(target, undisturbed, monkeypatch, step, call, after):
    begin(target)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        die_at(patch, step, call, after=after)
        run(target, exports_of(target))
    done = run(target, exports_of(target))
    assert outputs(target.parent) == undisturbed
    assert sorted(path.name for path in (*done.written, *done.kept)) == FILES
    if (step, call) == ("export", 3):
        assert len(done.kept) == 5


def test_what_stands_is_not_made_again(target, undisturbed, monkeypatch):
    begin(target)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        die_at(patch, "move_into_place", 5, after=False)
        run(target, exports_of(target))
    made: list[str] = []
    work = export_stage.export
    monkeypatch.setattr(
        export_stage,
        "export",
        lambda take, path, **rest: (made.append(path.name), work(take, path, **rest))[1],
    )
    run(target, exports_of(target))
    assert made == ["b.openpose"]


def test_after_a_run_that_ended_everything_is_refused(target, undisturbed):
    with pytest.raises(OutputExistsError, match=r"one\.take exists already"):
        run(target, exports_of(target))
    run(target, exports_of(target), overwrite=True)
    assert outputs(target.parent) == undisturbed


@pytest.mark.parametrize("name", ["b.csv", "b.openpose", "b.bvh", "b_1.bvh", "b_12_part3.bvh"])
def test_a_foreign_file_is_refused_before_any_work(target, name, monkeypatch):
    monkeypatch.setattr(export_stage, "export", None)
    begin(target)
    foreign = target.with_name(name)
    foreign.mkdir() if name.endswith("openpose") else foreign.write_text("mine")
    with pytest.raises(OutputExistsError, match=name):
        run(target, exports_of(target))
    assert foreign.exists()


def test_a_file_changed_since_is_foreign(target, undisturbed, monkeypatch):
    begin(target)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        die_at(patch, "export", 3, after=False)
        run(target, exports_of(target))
    own = target.with_name("b.csv")
    own.write_text("mine")
    with pytest.raises(OutputExistsError, match=r"b\.csv"):
        run(target, exports_of(target))
    own.unlink()
    run(target, exports_of(target))
    assert outputs(target.parent) == undisturbed


def test_a_person_with_a_foreign_name_is_met_in_the_end_and_the_run_can_finish(tmp_path):
    target = tmp_path / "one.take"
    anna = make_anna()
    people = (rename(anna, "Anna"), rename(anna, "Berta"))
    write_take(Take(time=TIME, people=people), target)
    begin(target)
    foreign = tmp_path / "b_Anna.trc"
    foreign.write_text("mine")
    exports = [tmp_path / "b.csv", tmp_path / "b.trc"]
    with pytest.raises(OutputExistsError, match=r"b_Anna\.trc exists"):
        run(target, exports)
    assert foreign.read_text() == "mine"
    foreign.unlink()
    done = run(target, exports)
    assert [path.name for path in done.kept] == ["b.csv"]
    assert [path.name for path in done.written] == ["b_Anna.trc", "b_Berta.trc"]


@pytest.mark.parametrize(
    "names",
    [
        ("a.glb", "a.glb"),
        ("a.glb", "./a.glb"),
        ("a.glb", "A.GLB"),
        ("a_1.bvh", "a.bvh"),
        # Of several cameras a.json becomes a_cam1.json and others.
        ("a.json", "a_cam1.json"),
    ],
)
def test_one_name_twice_is_refused(tmp_path, monkeypatch, names):
    monkeypatch.chdir(tmp_path)
    exports = [Path(name) for name in names]
    with pytest.raises(InputError, match="exports of one name"):
        check_exports(Path("one.take"), exports, overwrite=True, sources=[])


def test_equal_names_in_two_folders_are_two_files(target):
    begin(target)
    inner = target.with_name("inner")
    inner.mkdir()
    exports = [target.with_name("b.csv"), inner / "b.csv"]
    assert run(target, exports).written == tuple(exports)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"take": "x", "exports": [1]}', "\x00"])
def test_a_damaged_record_is_none(target, content):
    begin(target)
    target.with_name("one.take.part").joinpath("outputs.json").write_text(content)
    own = target.with_name("b.csv")
    own.write_text("mine")
    with pytest.raises(OutputExistsError, match=r"b\.csv"):
        run(target, [own])


def test_ctrl_c_says_what_stands(target, monkeypatch):
    begin(target)
    work = export_stage.export

    def interrupted(take, path, **rest):
        if path.suffix == ".openpose":
            raise KeyboardInterrupt
        return work(take, path, **rest)

    monkeypatch.setattr(export_stage, "export", interrupted)
    exports = [target.with_name("b.csv"), target.with_name("b.openpose")]
    with pytest.raises(KeyboardInterrupt) as caught:
        run(target, exports)
    assert str(caught.value) == (
        f"{target}, {exports[0]} stand, and the same command goes on with {exports[1]}"
    )


def test_exports_of_another_take_are_made_again(target, undisturbed, monkeypatch):
    begin(target)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        die_at(patch, "export", 3, after=False)
        run(target, exports_of(target))
    people = (rename(make_anna(), "1"),)
    write_take(Take(time=TIME + 1.0 * np.arange(6), people=people), target, overwrite=True)
    with pytest.raises(OutputExistsError), open_workspace(target) as workspace:
        write_exports(
            target,
            [target.with_name("b.csv")],
            workspace=workspace,
            overwrite=False,
            progress=silent,
        )


KILL = """
import os, signal, sys
from pathlib import Path
from marey.core.progress import silent
from marey.jobs.export import stage as export_stage
from marey.jobs.workspace import open_workspace
target, call = Path(sys.argv[1]), int(sys.argv[2])
work, count = export_stage.move_into_place, 0
def dying(*args):
    global count
    count += 1
    if count == call:
        os.kill(os.getpid(), signal.SIGKILL)
    work(*args)
export_stage.move_into_place = dying
exports = [target.with_name(name) for name in sys.argv[3:]]
with open_workspace(target) as workspace:
    export_stage.write_exports(
        target, exports, workspace=workspace, overwrite=False, progress=silent
    )
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_kill_9(target, undisturbed):
    begin(target)
    names = [path.name for path in exports_of(target)]
    code = subprocess.run([sys.executable, "-c", KILL, target, "3", *names], check=False).returncode
    assert code == -signal.SIGKILL
    run(target, exports_of(target))
    assert outputs(target.parent) == undisturbed
