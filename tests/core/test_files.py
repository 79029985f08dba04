"""Writing whole files or none: what a death leaves is removed, what lives is left alone."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from marey.core.errors import OutputExistsError
from marey.core.files import atomic_folder, atomic_path, move_into_place

WRITE = """
import sys
from marey.core.files import atomic_folder, atomic_path, move_into_place
place = atomic_folder if sys.argv[2] == "folder" else atomic_path
with place(sys.argv[1], overwrite=True) as temporary:
    (temporary / "part" if sys.argv[2] == "folder" else temporary).write_text("half")
    print(temporary, flush=True)
    sys.stdin.read()
"""
needs_kill = pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL and locks of folders")


def start(target: Path, kind: str) -> subprocess.Popen:
    """Start a process that writes half and waits."""
    command = [sys.executable, "-c", WRITE, str(target), kind]
    run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    assert "tmp" in run.stdout.readline()
    return run


def kill(run: subprocess.Popen) -> None:
    run.send_signal(signal.SIGKILL)
    run.communicate()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write(target: Path, kind: str) -> None:
    if kind == "folder":
        with atomic_folder(target, overwrite=True) as folder:
            (folder / "whole").write_text("whole")
    else:
        with atomic_path(target) as path:
            path.write_text("whole")


@needs_kill
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path, kind):
    target = tmp_path / "o[1].mp4"
    kill(start(target, kind))
    assert len(names(tmp_path)) == 1
    write(target, kind)
    assert names(tmp_path) == [target.name]


@needs_kill
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_writer_that_lives_is_left_alone(tmp_path, kind):
    target = tmp_path / "o.mp4"
    run = start(target, kind)
    write(target, kind)
    assert len(names(tmp_path)) == 2
    run.communicate("")
    assert run.returncode == 0
    assert names(tmp_path) == [target.name]
    written = target / "part" if kind == "folder" else target
    assert written.read_text() == "half"


@needs_kill
def test_other_peoples_files_are_left_alone(tmp_path):
    others = [".o.mp4.tmp", ".o.mp4.abcdefgh.tmp.mov", ".p.mp4.abcdefgh.tmp.mp4", ".o.mp4.mine"]
    for name in others:
        (tmp_path / name).write_text("")
    write(tmp_path / "o.mp4", "file")
    assert names(tmp_path) == sorted([*others, "o.mp4"])


@needs_kill
def test_a_folder_put_aside_comes_back_if_its_successor_never_came(tmp_path):
    target, aside = tmp_path / "one.take", tmp_path / ".one.take.abcdefgh.old"
    (aside / target.name).mkdir(parents=True)
    (aside / target.name / "take.toml").write_text("old")
    with pytest.raises(OutputExistsError), atomic_folder(target):
        pass
    assert names(tmp_path) == ["one.take"]
    assert (target / "take.toml").read_text() == "old"


@needs_kill
@pytest.mark.slow
def test_many_writers_of_one_target_at_once(tmp_path):
    target = tmp_path / "o.txt"
    code = (
        "import sys\nfrom marey.core.files import atomic_path\n"
        "for n in range(200):\n"
        "    with atomic_path(sys.argv[1]) as path:\n        path.write_text('whole')\n"
    )
    runs = [subprocess.Popen([sys.executable, "-c", code, str(target)]) for _ in range(4)]
    assert [run.wait() for run in runs] == [0] * 4
    assert names(tmp_path) == ["o.txt"]
    assert target.read_text() == "whole"


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("other_disk", [False, True])
def test_a_finished_place_gets_its_name(tmp_path, monkeypatch, kind, other_disk):
    source, target = tmp_path / "part" / "o.x", tmp_path / "o.x"
    source.parent.mkdir()
    for place in (source, target):
        write(place, kind)
    (target / "old" if kind == "folder" else target).write_text("old")
    work = os.replace

    def replace(one, other):
        if other_disk and Path(one) == source:
            raise OSError(errno.EXDEV, "on another disk")
        work(one, other)

    monkeypatch.setattr(os, "replace", replace)
    move_into_place(source, target)
    assert names(source.parent) == []
    assert names(tmp_path) == ["o.x", "part"]
    if kind == "folder":
        assert names(target) == ["whole"]
    else:
        assert target.read_text() == "whole"
