"""Long runs: whatever ends one, the same call goes on and gives the bytes of an undisturbed run."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from filelock import FileLock

from marey.assets import demo_clip
from marey.core.errors import EnvironmentFault, InputError, NothingFoundError, OutputExistsError
from marey.io.take import read_take, write_take
from marey.io.video import read_frames, write_video
from marey.jobs.solve.into import solve_into
from marey.jobs.solve.journal import Journal
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.video import solve
from marey.jobs.workspace import open_workspace
from tests.jobs.solve.remembered import remember_answers

NUM_FRAMES = 14
NUM_REPORTS = 30
"""Fewer than a solve of the clip makes: one per frame, then one per window of each person."""


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("video") / "short clip ü.mp4"
    images = (
        cv2.resize(frame.image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        for frame in read_frames(demo_clip(), stop=NUM_FRAMES)
    )
    write_video(path, images, frame_rate=60)
    return path


@pytest.fixture(scope="module")
def undisturbed(video) -> dict[str, bytes]:
    solve_into(video, video.parent / "whole.take")
    return contents(video.parent / "whole.take")


def contents(take: Path) -> dict[str, bytes]:
    files = (path for path in take.rglob("*") if path.is_file() and path.name != "run.json")
    return {path.relative_to(take).as_posix(): path.read_bytes() for path in files}


class Stop(Exception):
    """What ends a run in these tests."""


class Reports:
    """Counts reports of progress and ends the run at one of them."""

    def __init__(self, last: int | None = None, error: BaseException | None = None):
        self.last, self.error = last, error or Stop()
        self.stages: list[str] = []

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        self.stages.append(stage)
        if len(self.stages) == self.last:
            raise self.error

    def count(self, stage: str) -> int:
        return self.stages.count(stage)


def in_folder(video: Path) -> list[str]:
    return sorted(path.name for path in video.parent.glob("one.take*"))


@pytest.fixture(scope="module")
def remembered(undisturbed):
    """Networks and fits answer once; the runs before this one, and those that die, ask really."""
    with remember_answers():
        yield


@pytest.fixture
def target(video, remembered) -> Path:
    path = video.parent / "one.take"
    for left in video.parent.glob("one.take*"):
        shutil.rmtree(left)
    return path


def test_the_result_is_that_of_a_solve_in_memory(video, undisturbed, tmp_path):
    # Beside the video, since a take names the video from where it lies.
    path = video.parent / "memory.take"
    write_take(solve(video), path)
    assert contents(path) == undisturbed
    read_take(path, verify=True)


@pytest.mark.parametrize("last", [1, 5, NUM_FRAMES, NUM_FRAMES + 1, NUM_FRAMES + 4])
def test_an_interrupted_run_goes_on(video, undisturbed, target, last):
    with pytest.raises(Stop):
        solve_into(video, target, progress=Reports(last))
    assert in_folder(video) == ["one.take.part"]
    notes: list[str] = []
    solve_into(video, target, note=notes.append)
    assert contents(target) == undisturbed
    assert in_folder(video) == ["one.take"]
    assert ("taken from" if last > NUM_FRAMES else "going on") in notes[0]


def test_networks_are_not_asked_again(video, undisturbed, target, monkeypatch):
    with pytest.raises(Stop):
        solve_into(video, target, progress=Reports(NUM_FRAMES))
    asked: list[bytes] = []
    keep = Journal.keep
    monkeypatch.setattr(
        Journal,
        "keep",
        lambda self, key, answer: (asked.append(key), keep(self, key, answer))[1],
    )
    solve_into(video, target)
    assert contents(target) == undisturbed
    # Two people in three frames at the end, and the detector.
    assert len(asked) < 25


def test_people_who_are_fitted_stay_fitted(video, undisturbed, target):
    first = Reports()
    solve_into(video, target, progress=first)
    shutil.rmtree(target)
    with pytest.raises(Stop):
        solve_into(video, target, progress=Reports(len(first.stages) - 1))
    notes: list[str] = []
    solve_into(video, target, note=notes.append)
    assert any(note.startswith("fit: ") for note in notes)
    assert contents(target) == undisturbed


def test_damage_in_the_workspace_is_noticed(video, undisturbed, target):
    with pytest.raises(Stop):
        solve_into(video, target, progress=Reports(NUM_FRAMES + 2))
    array = next((target.with_name("one.take.part") / "people.take").rglob("*sigma.npy"))
    content = bytearray(array.read_bytes())
    content[-1] ^= 255
    array.write_bytes(content)
    solve_into(video, target)
    assert contents(target) == undisturbed


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.parametrize("last", [6, NUM_FRAMES + 2])
def test_kill_9(video, undisturbed, target, last):
    die(video, target, last)
    solve_into(video, target)
    assert contents(target) == undisturbed


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_kill_9_ten_times(video, undisturbed, target):
    rng = np.random.default_rng(11)
    for last in rng.integers(1, NUM_REPORTS, 10):
        die(video, target, int(last))
        if target.exists():
            # It was done before its death; the next run is one of its own.
            assert contents(target) == undisturbed
            shutil.rmtree(target)
    solve_into(video, target)
    assert contents(target) == undisturbed


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.parametrize("seed", range(10))
def test_kill_9_at_any_time(video, undisturbed, target, seed):
    """By the clock, so that writing files is hit as well."""
    rng = np.random.default_rng(seed)
    command = [sys.executable, "-m", "marey", "solve", str(video), "-o", str(target)]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        run.wait(timeout=float(rng.uniform(2, 12)))
    except subprocess.TimeoutExpired:
        run.kill()
        run.wait()
    if not target.exists():
        solve_into(video, target)
    assert contents(target) == undisturbed


def die(video: Path, target: Path, last: int) -> None:
    script = Path(__file__).with_name("solve_and_die.py")
    run = subprocess.run([sys.executable, script, video, target, str(last)], check=False)
    assert run.returncode in (-signal.SIGKILL, 0 if target.exists() else -signal.SIGKILL)


def stages_after(video: Path, target: Path, **options) -> tuple[set[str], list[str]]:
    reports, notes = Reports(), []
    solve_into(
        video,
        target,
        options=SolveOptions(**options),
        overwrite=True,
        progress=reports,
        note=notes.append,
    )
    ran = {stage for stage in reports.stages if reports.count(stage) > 1}
    return ran, notes


def test_a_changed_option_does_what_depends_on_it(video, undisturbed, target):
    solve_into(video, target)
    before = read_take(target)
    assert stages_after(video, target) == (
        set(),
        [f"{target} stands: the video and all options are the same"],
    )
    ran, notes = stages_after(video, target, fov_deg=60)
    assert ran == {"fit"}
    assert notes == ["--fov or --focal-px changed: fitting again; people are kept"]
    wider = read_take(target)
    assert wider.cameras is not None
    assert before.cameras is not None
    assert wider.cameras.K[0, 0, 0] < before.cameras.K[0, 0, 0]
    ran, notes = stages_after(video, target, fov_deg=60, collision=False)
    assert ran == {"fit"}
    assert notes == ["--no-collision changed: fitting again; people are kept"]
    assert read_take(target).provenance["collision"]["between_people"] is False
    # Another height asks networks and fits the same, so that they need not answer again.
    ran, notes = stages_after(video, target, min_height=60)
    assert ran == {"people", "fit"}
    assert "--min-height" in notes[0]
    assert "changed: finding people again" in notes[0]
    ran, _ = stages_after(video, target)
    assert ran == {"people", "fit"}
    assert contents(target) == undisturbed


def test_an_option_changed_after_an_interruption(video, undisturbed, target):
    with pytest.raises(Stop):
        solve_into(video, target, progress=Reports(NUM_FRAMES + 2))
    with pytest.raises(Stop):
        solve_into(
            video, target, options=SolveOptions(fov_deg=70), progress=Reports(5), overwrite=True
        )
    notes: list[str] = []
    solve_into(video, target, note=notes.append)
    assert notes[0] == "people: taken from the interrupted run"
    assert notes[1] == "--fov or --focal-px changed: fitting again; people are kept"
    assert contents(target) == undisturbed


def test_collisions_alone_keep_the_fit(video, undisturbed, target):
    last = Reports()
    solve_into(video, target, progress=last)
    shutil.rmtree(target)
    with pytest.raises(Stop):
        solve_into(
            video,
            target,
            options=SolveOptions(collision=False),
            progress=Reports(last.stages.index("contact") + 1),
        )
    notes: list[str] = []
    solve_into(video, target, note=notes.append)
    assert notes == [
        "people: taken from the interrupted run",
        "fit: 2 of 2 taken from the interrupted run",
    ]
    assert contents(target) == undisturbed


def test_another_video_of_the_same_name_begins_anew(video, target, tmp_path):
    own = tmp_path / "clip.mp4"
    shutil.copy(video, own)
    output = tmp_path / "clip.take"
    with pytest.raises(Stop):
        solve_into(own, output, progress=Reports(NUM_FRAMES + 2))
    images = (frame.image[:, ::-1] for frame in read_frames(video))
    write_video(own, images, frame_rate=60)
    notes: list[str] = []
    with pytest.raises(Stop):
        solve_into(own, output, note=notes.append, progress=Reports(2))
    assert notes == ["the video changed: finding people again"]


def test_a_part_of_the_video_keeps_its_times(video, target):
    options = SolveOptions(start="0.05", end="0:00.2", every=2)
    solve_into(video, target, options=options)
    take = read_take(target)
    clip = take.clips[0]
    assert (clip.first, clip.step) == (3, 2)
    np.testing.assert_allclose(take.time, np.array([3, 5, 7, 9, 11]) / 60, atol=1e-4)
    assert take.provenance["people"]["every"] == 2
    assert take.provenance["people"]["end_s"] == 0.2
    assert [frame.time for frame in read_frames(clip)] == take.time.tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": "soon"}, "--start must be seconds or mm:ss"),
        ({"end": "-1"}, "--end must be seconds or mm:ss"),
        ({"start": "9"}, "ends before 9 s"),
        ({"every": 0}, "--every must be at least 1"),
    ],
)
def test_impossible_parts_are_refused_before_anything_is_made(video, target, options, message):
    with pytest.raises(InputError, match=message):
        solve_into(video, target, options=SolveOptions(**options))
    assert in_folder(video) == []


def test_two_runs_into_one_output(video, target):
    part = target.with_name("one.take.part")
    part.mkdir()
    (part / "about.txt").write_text("")
    with (
        FileLock(part / "lock"),
        pytest.raises(InputError, match=r"another marey is working on .*one\.take"),
    ):
        solve_into(video, target)
    assert not target.exists()


def test_ctrl_c_says_how_to_go_on(video, target):
    with pytest.raises(KeyboardInterrupt) as caught:
        solve_into(video, target, progress=Reports(5, KeyboardInterrupt()))
    assert str(caught.value) == (
        f"what is done is kept in {target}.part, and the same command goes on from there"
    )


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.parametrize("step", ["workspace.Workspace.forget_stages", "export_stage.export"])
def test_kill_9_once_the_take_stands(video, undisturbed, target, step):
    """First with the take alone, then with one export of two."""
    exports = [target.with_name("one.csv"), target.with_name("one.json")]
    for left in exports:
        left.unlink(missing_ok=True)
    script = Path(__file__).with_name("export_and_die.py")
    run = subprocess.run([sys.executable, script, step, video, target, *exports], check=False)
    assert run.returncode == -signal.SIGKILL
    assert in_folder(video) == ["one.take", "one.take.part"]
    done = solve_into(video, target, exports=exports)
    assert not done.solved
    assert contents(target) == undisturbed
    assert in_folder(video) == ["one.take"]
    assert [*done.exported.kept, *done.exported.written] == exports
    assert all(path.is_file() for path in exports)


def test_a_foreign_take_beside_a_workspace_is_refused(video, undisturbed, target):
    with pytest.raises(Stop):
        solve_into(video, target, progress=Reports(5))
    solve_into(video, target.with_name("other.take"), options=SolveOptions(fov_deg=60))
    target.with_name("other.take").rename(target)
    with pytest.raises(OutputExistsError, match="exists already"):
        solve_into(video, target)


@pytest.mark.parametrize("last", [4, NUM_FRAMES + 3])
def test_a_full_disk_is_one_sentence_and_the_run_goes_on(video, undisturbed, target, last):
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(EnvironmentFault, match="full; free some space and run the same command"):
        solve_into(video, target, progress=Reports(last, full))
    solve_into(video, target)
    assert contents(target) == undisturbed


def test_strangers_in_the_way_are_left_alone(video, target):
    part = target.with_name("one.take.part")
    part.mkdir()
    (part / "diary.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        solve_into(video, target)
    assert (part / "diary.txt").read_text() == "mine"
    shutil.rmtree(part)
    part.write_text("mine")
    with pytest.raises(InputError, match="is a file"):
        solve_into(video, target)
    part.unlink()
    target.mkdir()
    with pytest.raises(OutputExistsError):
        solve_into(video, target)


def test_what_a_killed_write_leaves_is_cleared(tmp_path):
    target = tmp_path / "one.take"
    (tmp_path / ".one.take.abcdefgh.tmp").mkdir()
    old = tmp_path / ".one.take.d_f4567h.old"
    (old / "one.take").mkdir(parents=True)
    (old / "one.take" / "take.toml").write_text("the old take")
    other = tmp_path / ".another.take.abcdefgh.tmp"
    other.mkdir()
    with open_workspace(target) as workspace:
        workspace.remove()
    assert (target / "take.toml").read_text() == "the old take"
    assert sorted(path.name for path in tmp_path.iterdir()) == [other.name, "one.take"]


def test_nobody_leaves_nothing_behind(tmp_path):
    path = tmp_path / "empty.mp4"
    write_video(path, (np.full((64, 64, 3), 90, np.uint8) for _ in range(4)), frame_rate=30)
    with pytest.raises(NothingFoundError, match="no people"):
        solve_into(path, tmp_path / "empty.take")
    assert [item.name for item in tmp_path.iterdir()] == ["empty.mp4"]
