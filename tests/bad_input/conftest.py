"""What every test of bad input needs: a folder, a small real clip, and the verdict on a run."""

import re
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from marey import cli
from marey.assets import demo_clip
from marey.core import Take
from marey.io.take import read_take
from marey.io.video import read_frames, write_video
from marey.jobs.report import write_report
from marey.jobs.solve import people_stage

from .stand_ins import SameBox, SamePose

SECONDS = 10.0
"""Of processor time in which every run ends: what else the machine does shall not count."""

HANGS = 120.0
"""Seconds after which a run that waits for something counts as one that never ends."""


DECODERS = ("libpng ", "Corrupt JPEG data", "Premature end of JPEG", "Invalid SOS", "Inconsistent")
"""Lines that libraries in C write by themselves about damaged images; nobody can stop them."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    said: str
    """On the standard error."""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stand_ins(monkeypatch) -> None:
    """Networks that cost nothing and see somebody in every picture."""
    monkeypatch.setattr(people_stage, "open_networks", lambda options: (SameBox(), SamePose()))


@pytest.fixture(scope="session")
def images() -> list[np.ndarray]:
    """Twelve frames of the bundled clip at half its size."""
    frames = list(read_frames(demo_clip(), stop=24, every=2))
    return [cv2.resize(f.image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for f in frames]


@pytest.fixture(scope="session")
def clip(tmp_path_factory, images) -> bytes:
    """The same frames as an mp4."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_video(path, images, frame_rate=30, quality=30)
    return path.read_bytes()


@pytest.fixture(scope="session")
def compiled(tmp_path_factory, clip) -> None:
    """Whatever is compiled at the first solve is compiled."""
    folder = tmp_path_factory.mktemp("compiled")
    (folder / "clip.mp4").write_bytes(clip)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people_stage, "open_networks", lambda options: (SameBox(), SamePose()))
        cli.main(["solve", str(folder / "clip.mp4"), "-o", str(folder / "clip.take"), "--quiet"])


@pytest.fixture
def run(compiled, folder, capfd):
    """Return what runs a command and checks all that must be true of any end of it."""

    def run_command(*arguments: str | Path) -> Ended:
        before = listing(folder)
        begin, worked = time.monotonic(), time.process_time()
        try:
            cli.main([str(argument) for argument in arguments])
            code = 0
        except SystemExit as stop:
            assert isinstance(stop.code, int)
            code = stop.code
        assert time.process_time() - worked < SECONDS
        assert time.monotonic() - begin < HANGS
        said = capfd.readouterr().err
        assert "Traceback" not in said
        assert code in (0, 2, 3), said
        if code:
            check_refusal(said)
            assert listing(folder) == before
        return Ended(code, said)

    return run_command


def check_refusal(said: str) -> None:
    """One sentence that names no internals."""
    lines = said.splitlines(keepends=True)
    said = "".join(line for line in lines if not line.startswith(DECODERS))
    assert re.fullmatch(r"marey: [^\n]{20,400}\n", said), said
    assert "a mistake in marey" not in said


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def check_take(path: Path) -> Take:
    """Read a take back; what is missing in it is marked as missing, and its report can be made."""
    take = read_take(path, verify=True)
    assert (np.diff(take.time) > 0).all()
    for person in take.people:
        for points in person.keypoints2d:
            check_marked(points.position, points.confidence)
        if person.motion is not None:
            check_marked(person.motion.T_world_root, person.motion.confidence)
            pose = person.motion.R_parent_joint
            check_marked(pose.reshape(*pose.shape[:2], -1), person.motion.confidence)
    return take


def check_marked(values: np.ndarray, confidence: np.ndarray) -> None:
    """NaN exactly where the confidence is 0; nothing infinite."""
    assert not np.isinf(values).any()
    np.testing.assert_array_equal(np.isnan(values).any(-1), confidence == 0)
    assert np.isfinite(confidence).all()


def read_report(path: Path) -> str:
    """Make the report of a take and return it as text."""
    page = write_report(path, path.with_suffix(".html"), overwrite=True)
    text = page.read_text(encoding="utf-8")
    page.unlink()
    return text
