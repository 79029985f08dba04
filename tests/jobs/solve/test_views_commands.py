"""Several videos on the command line: what is refused before any work."""

from pathlib import Path

import pytest

from marey.core.errors import InputError, OutputExistsError
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.views_commands import ManyVideos, solve_videos


def _solve(folder: Path, *names: str, cameras: str | None = "Calib.toml") -> None:
    task = ManyVideos(
        videos=tuple(folder / name for name in names),
        cameras=None if cameras is None else folder / cameras,
        output=folder / "out.take",
        exports=(),
    )
    solve_videos(
        task,
        options=SolveOptions(),
        overwrite=False,
        quiet=True,
        as_json=False,
        note=lambda sentence: None,
    )


def test_what_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="need the calibration"):
        _solve(tmp_path, "a.mp4", "b.mp4", cameras=None)
    with pytest.raises(InputError, match="give two at least"):
        _solve(tmp_path, "a.mp4")
    with pytest.raises(InputError, match="given twice"):
        _solve(tmp_path, "a.mp4", "a.mp4")
    with pytest.raises(InputError, match="cannot read"):
        _solve(tmp_path, "a.mp4", "b.mp4")
    (tmp_path / "out.take").mkdir()
    with pytest.raises(OutputExistsError):
        _solve(tmp_path, "a.mp4", "b.mp4")


def test_the_take_is_named_after_the_first_video():
    task = ManyVideos(videos=(Path("x/cam1.mp4"),), cameras=None, output=None, exports=())
    assert task.target == Path("cam1.take")
