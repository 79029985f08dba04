"""`write_report`: from a take on disk to one file, whole or not at all."""

import json

import numpy as np
import pytest

from marey import cli
from marey.core import Clip
from marey.core.errors import FormatError, InputError, OutputExistsError
from marey.io.take import write_take
from marey.io.video import write_video
from marey.jobs.report import write_report
from tests.view.report.scenes import standing_motion, standing_take


@pytest.fixture
def take(tmp_path):
    clip = Clip(path=tmp_path / "gone.mp4", size=(1280, 720), time=np.arange(12) / 30)
    run = {"seconds": {"fit": 3.0}, "total_seconds": 3.0}
    path = tmp_path / "dance.take"
    write_take(standing_take(standing_motion(12), clips=(clip,)), path, run=run)
    return path


def test_a_report_stands_beside_its_take(take):
    path = write_report(take)
    assert path == take.with_name("dance.html")
    page = path.read_text(encoding="utf-8")
    assert "<title>dance" in page and "Anna" in page and "3.0 s" in page
    assert "gone.mp4 is not where it was" in page
    assert sorted(p.name for p in take.parent.iterdir()) == ["dance.html", "dance.take"]


def test_equal_takes_have_equal_reports(take, tmp_path):
    one, other = (write_report(take, tmp_path / name) for name in ("a.html", "b.html"))
    assert one.read_bytes() == other.read_bytes()


def test_a_moved_video(take, tmp_path):
    video = tmp_path / "moved.mp4"
    grey = np.full((720, 1280, 3), 90, np.uint8)
    write_video(video, (grey for _ in range(12)), frame_rate=30)
    page = write_report(take, video=video).read_text(encoding="utf-8")
    assert "data:image/jpeg" in page


@pytest.mark.parametrize(
    "notes",
    ['{"seconds": [], "host": 3, "finished": 7}',
     '{"seconds": {"a": -1, "b": 1e999, "c": true, "d": "x"}, "total_seconds": "long"}',
     '{"seconds": {"\\ud800": 1}, "finished": "\\ud800", "host": {"a": "<b>"}}',
     '{"seconds": {"a": 1' + "0" * 400 + '}, "frames_per_second": NaN}'],
)  # fmt: skip
def test_strange_notes_of_a_run_do_no_harm(take, notes):
    (take / "run.json").write_text(notes)
    page = write_report(take).read_text(encoding="utf-8")
    assert page.endswith("</html>\n") and "<b>&lt;" not in page and "<b>\n" not in page


@pytest.mark.parametrize("notes", ["[1, 2]", "null", "{", "[" * 100_000, " " * 2**21])
def test_notes_that_are_none_are_refused(take, notes):
    (take / "run.json").write_text(notes)
    with pytest.raises(FormatError, match=r"run\.json"):
        write_report(take)


def test_the_command(take, capsys):
    cli.main(["report", str(take), "--json"])
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {
        "written": [str(take.with_name("dance.html"))]
    }
    with pytest.raises(SystemExit) as stop:
        cli.main(["report", str(take)])
    assert stop.value.code == 2 and "exists already" in capsys.readouterr().err
    cli.main(["report", str(take), "-o", str(take.with_name("other.html"))])
    assert capsys.readouterr().out == f"wrote {take.with_name('other.html')}\n"


def test_a_video_of_another_size_is_another_video(take, tmp_path):
    video = tmp_path / "other.mp4"
    write_video(video, (np.zeros((48, 64, 3), np.uint8) for _ in range(12)), frame_rate=30)
    with pytest.raises(
        InputError, match="64x48 px, but the take was made from pictures of 1280x720"
    ):
        write_report(take, video=video)


def test_a_video_that_was_named_must_be_there(take, tmp_path):
    with pytest.raises(InputError):
        write_report(take, video=tmp_path / "nowhere.mp4")
    assert not take.with_name("dance.html").exists()


def test_an_existing_file_is_kept(take):
    path = take.with_name("dance.html")
    path.write_text("mine")
    with pytest.raises(OutputExistsError):
        write_report(take)
    assert path.read_text() == "mine"
    write_report(take, overwrite=True)
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("name", ["report.pdf", "nowhere/report.html"])
def test_impossible_targets(take, tmp_path, name):
    with pytest.raises(InputError):
        write_report(take, tmp_path / name)


def test_a_folder_is_no_target(take, tmp_path):
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(InputError, match="folder"):
        write_report(take, tmp_path / "folder.html", overwrite=True)


def test_no_take(tmp_path):
    with pytest.raises(InputError):
        write_report(tmp_path / "nothing.take")
    (tmp_path / "empty.take").mkdir()
    with pytest.raises(FormatError):
        write_report(tmp_path / "empty.take")
