"""`solve --refine`: refining is a stage that an ended run goes on with, and can come later."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from marey.assets import demo_clip
from marey.io.take import read_take
from marey.io.video import read_frames, write_video
from marey.jobs.solve import into as module
from marey.jobs.solve.into import solve_into
from marey.jobs.solve.options import SolveOptions

OPTIONS = SolveOptions(refine="hanet")


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    images = (
        cv2.resize(frame.image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        for frame in read_frames(demo_clip(), stop=12)
    )
    write_video(path, images, frame_rate=30)
    return path


def contents(take: Path) -> dict[str, bytes]:
    files = (path for path in take.rglob("*") if path.is_file() and path.name != "run.json")
    return {path.relative_to(take).as_posix(): path.read_bytes() for path in files}


class Killed(BaseException):
    """Ends a run as a signal would: nothing may catch it to tidy up."""


def test_refining_goes_on_after_the_run_was_ended_in_it(video, monkeypatch):
    target = video.parent / "one.take"
    reports: list[str] = []

    def killing(motion, options):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(module, "refine_fitted", killing)
        with pytest.raises(Killed):
            solve_into(video, target, options=OPTIONS)
    assert not target.exists()
    notes: list[str] = []
    solve_into(
        video,
        target,
        options=OPTIONS,
        note=notes.append,
        progress=lambda stage, *_: reports.append(stage),
    )
    assert notes[0] == "people: taken from the interrupted run"
    assert any(note.startswith("fit: ") for note in notes)
    # Found and fitted before: neither is done again, window by window.
    assert reports.count("people") == 1
    assert read_take(target).provenance["refine"]["method"] == "hanet"

    # A take that was solved without it is refined as it stands, to the same bytes.
    later = video.parent / "later.take"
    solve_into(video, later)
    fitted = read_take(later).people[0].motion
    notes.clear()
    solve_into(video, later, options=OPTIONS, overwrite=True, note=notes.append)
    assert notes[-1] == "people and fit stand: refining"
    assert contents(later) == contents(target)
    refined = read_take(later).people[0].motion
    assert fitted is not None and refined is not None
    assert not np.allclose(fitted.R_parent_joint, refined.R_parent_joint, atol=1e-4)
