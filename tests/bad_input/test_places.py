"""Paths that are no file, names nobody expects, outputs that cannot be written, full disks."""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from marey.core import files

from .conftest import check_take

pytestmark = pytest.mark.usefixtures("stand_ins")

PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.mp4\n#EXT-X-ENDLIST\n"
SESSION = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"


@pytest.fixture
def video(folder, clip) -> Path:
    Path("clip.mp4").write_bytes(clip)
    return Path("clip.mp4")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.m3u8", PLAYLIST),
        ("list.mp4", "ffconcat version 1.0\nfile secret.mp4\n"),
        ("list.txt", "file 'secret.mp4'\n"),
        ("camera.sdp", SESSION),
        ("list.mpd", '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>'),
    ],
)
def test_playlists(run, clip, name, content):
    Path("secret.mp4").write_bytes(clip)
    Path(name).write_text(content)
    ended = run("solve", name)
    assert ended.code == 2
    assert f"{name} is a playlist, which only names other files" in ended.said


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("gone.mp4", "gone.mp4 does not exist; check the spelling of the path"),
        ("clip.mp4/more.mp4", "does not exist"),
        ("http://127.0.0.1:9/a.mp4", "marey reads files only: download it first"),
        ("rtsp://camera/1", "marey reads files only: download it first"),
        ("concat:clip.mp4|clip.mp4", "does not exist"),
        ("file:clip.mp4", "does not exist"),
        ("pipe:0", "does not exist"),
        ("x" * 300 + ".mp4", "File name too long; choose another"),
        ("", "the folder . holds no images"),
    ],
)
def test_what_is_not_there(run, video, name, sentence):
    ended = run("solve", name, "-o", "out.take")
    assert ended.code == 2
    assert sentence in ended.said


@pytest.mark.skipif(os.name == "nt", reason="needs devices, pipes and links")
@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null", "pipe.mp4", "loop.mp4", "dangling.mp4"])
def test_devices_pipes_and_links(run, name):
    os.mkfifo("pipe.mp4")
    Path("loop.mp4").symlink_to("loop.mp4")
    Path("dangling.mp4").symlink_to("gone.mp4")
    ended = run("solve", name, "-o", "out.take")
    assert ended.code == 2
    assert "is not a plain file" in ended.said or "does not exist" in ended.said


@pytest.mark.parametrize(
    "name", ["my clip ü 日本 (1).mp4", 'it\'s "q" $HOME %s {x}.mp4', "a.b.mp4", "CLIP", "[b].mp4"]
)
def test_names_with_blanks_and_letters_of_the_world(run, clip, name):
    Path(name).write_bytes(clip)
    assert run("solve", name, "--export", "out.json").code == 0
    take = check_take(Path(Path(name).stem + ".take"))
    assert take.clips[0].path.name == name


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_name_that_is_no_text_is_refused_before_the_work(run, clip):
    name = os.fsdecode(b"cl\xffip.mp4")
    Path(name).write_bytes(clip)
    ended = run("solve", name)
    assert ended.code == 2
    assert "the name cl?ip.mp4 has letters that are not in UTF-8; rename" in ended.said


# ------------------------------------------------------------------ outputs


@pytest.fixture
def locked(folder) -> Iterator[Path]:
    """A folder that cannot be written to, by root neither."""
    place = folder / "locked"
    place.mkdir()
    place.chmod(0o555)
    if os.access(place, os.W_OK) and not mount(place, "ro"):
        pytest.skip("root may write everywhere, and nothing can be mounted here")
    yield place
    unmount(place)
    place.chmod(0o755)


def mount(place: Path, options: str) -> bool:
    if shutil.which("mount") is None:
        return False
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def unmount(place: Path) -> None:
    if place.is_mount():
        subprocess.run(["umount", "-l", str(place)], capture_output=True, check=False)


def test_outputs_that_cannot_be_written(run, video, locked):
    ended = run("solve", video, "-o", locked / "out.take")
    assert ended.code == 2
    assert "cannot write into" in ended.said
    assert run("solve", video, "-o", "out.take").code == 0
    for suffix in ("glb", "bvh", "npz", "trc", "c3d", "csv", "json", "openpose", "mp4"):
        ended = run("export", "out.take", locked / f"out.{suffix}")
        assert ended.code == 2, suffix
        assert "cannot write into" in ended.said
    assert run("report", "out.take", "-o", locked / "out.html").code == 2


@pytest.fixture
def disk(folder):
    """Return what mounts a small disk; what is on it is no matter of the other folders."""
    places: list[Path] = []

    def make(size: str) -> Path:
        place = folder / f"disk{len(places)}"
        place.mkdir()
        if not mount(place, f"size={size}"):
            pytest.skip("no disk can be mounted here")
        places.append(place)
        return place

    yield make
    for place in places:
        unmount(place)


@pytest.mark.parametrize("size", ["8k", "32k", "64k", "128k", "200k"])
def test_a_full_disk_during_a_solve(run, disk, clip, capfd, size):
    from marey import cli

    Path("clip.mp4").write_bytes(clip)
    place = disk(size)
    try:
        cli.main(["solve", "clip.mp4", "-o", str(place / "out.take")])
    except SystemExit as stop:
        said = capfd.readouterr().err
        assert stop.code == 3, said
        assert "is full; free some space and run the same command again" in said
        assert said.count("\n") == 1
        # The take is all there or not at all; what is done so far may stay.
        assert {path.name for path in place.iterdir()} <= {"out.take.part"}
    else:
        check_take(place / "out.take")


@pytest.mark.parametrize(
    "suffix", ["glb", "bvh", "npz", "trc", "c3d", "csv", "json", "mp4", "html"]
)
def test_a_full_disk_during_an_export(run, disk, video, capfd, suffix):
    from marey import cli

    assert run("solve", video, "-o", "out.take").code == 0
    capfd.readouterr()
    place = disk("64k")
    # One file may begin, and has no room at all.
    (place / "filler").write_bytes(bytes(64 << 10))
    command = "report" if suffix == "html" else "export"
    target = ["-o", str(place / "out.html")] if suffix == "html" else [str(place / f"out.{suffix}")]
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "out.take", *target])
    said = capfd.readouterr().err
    assert stop.value.code == 3, said
    assert "is full; free some space and run the same command again" in said
    assert said.count("\n") == 1
    assert [path.name for path in place.iterdir()] == ["filler"]


def test_a_disk_that_is_full_when_files_are_flushed(run, video, monkeypatch):
    """What network disks do, and a stand-in where nothing can be mounted."""

    def fail(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    assert run("solve", video, "-o", "out.take").code == 0
    monkeypatch.setattr(files.os, "fsync", fail)
    ended = run("export", "out.take", "out.glb")
    assert ended.code == 3
    assert "the disk is full; free some space and run the same command again" in ended.said


def test_two_runs_into_one_output(run, video):
    part = Path("out.take.part")
    part.mkdir()
    (part / "about.txt").write_text("")
    with FileLock(part / "lock"):
        ended = run("solve", video, "-o", "out.take")
    assert ended.code == 2
    assert "another marey is working on out.take; wait until it is done" in ended.said
