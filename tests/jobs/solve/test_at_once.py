"""Solves in one go: after an interruption the same call knows its take, and no other's."""

from pathlib import Path

import pytest

from marey.core import Take
from marey.core.errors import InputError, NothingFoundError, OutputExistsError
from marey.core.progress import silent
from marey.io.take import read_take, write_take
from marey.jobs.export import stage as export_stage
from marey.jobs.solve import at_once as solve_at_once
from marey.jobs.solve.into import SolvedTake
from marey.jobs.solve.video import Solved
from tests.fixtures.golden_take import TIME, make_anna

TAKE = Take(time=TIME, people=(make_anna(),))
RUN = {"frames": 6, "total_seconds": 1.0, "frames_per_second": 6.0}


class Solves:
    """Counts how often it is solved, and ends as it is told to."""

    def __init__(self, error: BaseException | None = None):
        self.count, self.error = 0, error

    def __call__(self) -> Solved:
        self.count += 1
        if self.error is not None:
            raise self.error
        return Solved(take=TAKE, run=RUN)


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "keypoints.json").write_text("{}")
    return tmp_path


def run(
    folder: Path,
    solve: Solves,
    *,
    fov: float = 50.0,
    overwrite: bool = False,
    resumes: bool = False,
) -> tuple[SolvedTake, list[str]]:
    notes: list[str] = []
    done = solve_at_once.solve_at_once(
        solve,
        folder / "one.take",
        sources=[folder / "keypoints.json"],
        settings={"fov": fov},
        exports=[folder / "one.csv"],
        overwrite=overwrite,
        progress=silent,
        note=notes.append,
        resumes=resumes,
    )
    return done, notes


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def interrupted(folder, monkeypatch) -> Path:
    """Leave a take without its export."""
    with monkeypatch.context() as patch:
        patch.setattr(export_stage, "export", interrupt)
        with pytest.raises(KeyboardInterrupt, match=r"one\.take stands, and the same command"):
            run(folder, Solves())
    assert names(folder) == ["keypoints.json", "one.take", "one.take.part"]
    return folder


def interrupt(*args, **rest):
    raise KeyboardInterrupt


def test_an_undisturbed_run(folder):
    done, notes = run(folder, Solves())
    assert (done.solved, done.exported.written, notes) == (True, (folder / "one.csv",), [])
    assert names(folder) == ["keypoints.json", "one.csv", "one.take"]


def test_an_interrupted_run_goes_on(interrupted):
    solve = Solves()
    done, notes = run(interrupted, solve)
    assert (solve.count, done.solved, done.people) == (0, False, ("Anna Ü",))
    assert notes == [f"{interrupted / 'one.take'} stands from the interrupted run"]
    assert names(interrupted) == ["keypoints.json", "one.csv", "one.take"]
    with pytest.raises(OutputExistsError, match=r"one\.take exists already"):
        run(interrupted, solve)


def test_other_settings_or_files_are_another_run(interrupted):
    with pytest.raises(OutputExistsError, match=r"one\.take exists already"):
        run(interrupted, Solves(), fov=60.0)
    (interrupted / "keypoints.json").write_text("[]")
    with pytest.raises(OutputExistsError, match=r"one\.take exists already"):
        run(interrupted, Solves())


def test_a_solve_that_resumes_finds_its_workspace_again(folder):
    with pytest.raises(KeyboardInterrupt, match=r"is kept in .*one\.take\.part"):
        run(folder, Solves(KeyboardInterrupt()), resumes=True)
    assert names(folder) == ["keypoints.json", "one.take.part"]
    with pytest.raises(NothingFoundError):
        run(folder, Solves(NothingFoundError("nobody")), resumes=True)
    assert names(folder) == ["keypoints.json"]
    with pytest.raises(KeyboardInterrupt):
        run(folder, Solves(KeyboardInterrupt()))
    assert names(folder) == ["keypoints.json"]


def test_a_take_that_is_yet_to_be_replaced_is_not_the_runs_own(folder, monkeypatch):
    old = Take(time=TIME + 1, people=())
    write_take(old, folder / "one.take")
    with monkeypatch.context() as patch:
        # A death before the new take is written leaves the workspace.
        patch.setattr(solve_at_once, "_stands", lambda *args: False)
        patch.setattr(solve_at_once.Workspace, "remove", lambda self: None)
        with pytest.raises(InputError, match="ended"):
            run(folder, Solves(InputError("ended")), overwrite=True)
    assert names(folder) == ["keypoints.json", "one.take", "one.take.part"]
    with pytest.raises(OutputExistsError):
        run(folder, Solves())
    solve = Solves()
    run(folder, solve, overwrite=True)
    assert solve.count == 1
    assert len(read_take(folder / "one.take").people) == 1


def test_a_failure_leaves_nothing(folder):
    with pytest.raises(NothingFoundError):
        run(folder, Solves(NothingFoundError("nobody")))
    assert names(folder) == ["keypoints.json"]
