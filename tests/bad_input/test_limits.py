"""Headers that promise gigabytes, and Ctrl-C, in a process of its own: memory, time, exit code."""

import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from marey.assets import demo_clip
from tests.peak import run_program

pytestmark = pytest.mark.skipif(os.name == "nt", reason="measures processes as Unix does")

SIDE = 16384
MAX_BYTES = 1 << 30

SCRIPT = """
import sys
from marey import cli
from tests.peak import peak_bytes
for path in sys.argv[1:]:
    try:
        cli.main(["solve", path, "-o", "out.take"])
    except SystemExit as stop:
        print(stop.code)
print(peak_bytes())
"""


COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # In the background it is ignored.
from marey.__main__ import main
main()
"""


def write_png(path: Path) -> None:
    size = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + size + bytes(4 + 64))


def write_bmp(path: Path) -> None:
    header = struct.pack("<IiiHHIIiiII", 40, SIDE, SIDE, 1, 24, 0, 0, 0, 0, 0, 0)
    path.write_bytes(b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header + bytes(64))


def write_jpeg(path: Path) -> None:
    frame = struct.pack(">HBHHB", 17, 8, SIDE, SIDE, 3) + b"\1\x22\0\2\x11\1\3\x11\1"
    path.write_bytes(b"\xff\xd8\xff\xc0" + frame + b"\xff\xd9")


def write_webp(path: Path) -> None:
    size = (SIDE - 2).to_bytes(3, "little")
    chunk = b"VP8X" + struct.pack("<I", 10) + bytes(4) + size + size
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk)


def write_y4m(path: Path) -> None:
    path.write_bytes(f"YUV4MPEG2 W{SIDE} H{SIDE} F30:1 C420\nFRAME\n".encode() + bytes(64))


def write_ivf(path: Path) -> None:
    """VP8 whose container states a small picture and whose first frame a large one."""
    frame = b"\x10\x02\0\x9d\x01\x2a" + struct.pack("<HH", SIDE - 1, SIDE - 1) + bytes(64)
    header = b"DKIF" + struct.pack("<HH4sHHIIII", 0, 32, b"VP80", 64, 64, 30, 1, 1, 0)
    path.write_bytes(header + struct.pack("<IQ", len(frame), 0) + frame)


def write_mjpeg(path: Path) -> None:
    """A small mjpeg video, each of whose pictures says that it is large."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame(64, 48, "yuvj420p")))
        container.mux(stream.encode())
    data = path.read_bytes()
    small, large = struct.pack(">HH", 48, 64), struct.pack(">HH", SIDE, SIDE)
    marker = b"\xff\xc0\0\x11\x08"
    assert data.count(marker + small) == 3
    path.write_bytes(data.replace(marker + small, marker + large))


GIANTS = {
    "giant.png": write_png,
    "giant.bmp": write_bmp,
    "giant.jpg": write_jpeg,
    "giant.webp": write_webp,
    "giant.y4m": write_y4m,
    "giant.ivf": write_ivf,
    "giant.avi": write_mjpeg,
}


def test_giant_pictures_are_refused_from_the_header(tmp_path):
    for name, write in GIANTS.items():
        write(tmp_path / name)
    begin = time.monotonic()
    run = run_program(SCRIPT, *GIANTS, folder=tmp_path)
    assert time.monotonic() - begin < 20
    *codes, peak = run.stdout.split()
    said = run.stderr
    assert int(peak) < MAX_BYTES
    lines = said.splitlines()
    assert codes == ["2"] * len(GIANTS), said
    assert len(lines) == len(GIANTS), said
    for name, line in zip(GIANTS, lines, strict=True):
        assert line.startswith("marey: ")
        assert name in line
    stated = [line for line in lines if "px, more than the 16384 px a side and 134 megapix" in line]
    assert len(stated) >= 4, said
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(GIANTS)


def test_ctrl_c_ends_a_solve_and_keeps_what_is_done(tmp_path):
    """The true command on the true clip, interrupted while it looks for people."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "solve", str(demo_clip()), "-o", "out.take"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    journal, deadline = tmp_path / "out.take.part" / "people.journal", time.monotonic() + 60
    while not (journal.is_file() and journal.stat().st_size > 1000):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert time.monotonic() - begin < 10
    assert process.returncode == 130
    assert "Traceback" not in said
    assert said == (
        "marey: interrupted; what is done is kept in out.take.part, and the same command goes on "
        "from there\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["out.take.part"]
