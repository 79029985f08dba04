"""`marey refine`: what is written, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from marey.cli import main
from marey.core import BodyMotion, Person, Take
from marey.core.errors import InputError, NothingFoundError
from marey.io.take import read_take, write_take
from marey.jobs.refine.notes import describe_refined
from marey.jobs.refine.take import refine


def shaking(frames: int = 60) -> Take:
    rng = np.random.default_rng(0)
    q = rng.normal(0, 0.05, (1, frames, 52, 4)) + np.array([1.0, 0, 0, 0])
    q /= np.linalg.norm(q, axis=-1, keepdims=True)
    time = np.arange(frames) / 30
    motion = BodyMotion(
        body="marey-h",
        people=("person1",),
        time=time,
        shape=np.zeros((1, 10), np.float32),
        T_world_root=np.concatenate([q[:, :, 0], np.ones((1, frames, 3))], -1).astype(np.float32),
        R_parent_joint=q[:, :, 1:].astype(np.float32),
        confidence=np.ones((1, frames), np.float32),
    )
    person = Person(name="person1", start=0, num_frames=frames, motion=motion)
    return Take(time=time, people=(person,))


@pytest.mark.parametrize("method", ["hanet", "savgol"])
def test_rotations_shake_less_and_the_provenance_says_how(method):
    take = shaking()
    done = refine(take, method=method)
    before, after = (
        np.abs(np.diff(x.motion.R_parent_joint, n=2, axis=1)).mean() for x in (take, done.take)
    )
    assert after < 0.5 * before
    told = done.take.provenance["refine"]
    assert told["method"] == method
    assert told["people"]["person1"]["what"] == "motion"


def test_refining_twice_is_refused():
    once = refine(shaking(), method="gaussian").take
    with pytest.raises(InputError, match="refined before \\(gaussian\\)"):
        refine(once)


def test_takes_without_motion_are_refused():
    take = shaking()
    empty = replace(take, people=(replace(take.people[0], motion=None),))
    with pytest.raises(NothingFoundError, match="no motion"):
        refine(empty)


def test_the_command_writes_a_take(tmp_path, capsys):
    write_take(shaking(), tmp_path / "walk.take")
    main(["refine", str(tmp_path / "walk.take"), "--method", "gaussian"])
    assert "walk.refined.take" in capsys.readouterr().out
    assert read_take(tmp_path / "walk.refined.take").provenance["refine"]["method"] == "gaussian"


def test_the_command_does_not_overwrite(tmp_path, capsys):
    write_take(shaking(), tmp_path / "walk.take")
    with pytest.raises(SystemExit):
        main(["refine", str(tmp_path / "walk.take"), "-o", str(tmp_path / "walk.take")])
    assert "would be replaced" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("notes", "sentence"),
    [
        ({"what": "nothing"}, "01 has no motion and no points in space to refine"),
        ({"what": "motion", "method": "none"}, "01: motion left as it is"),
        ({"what": "points", "method": "savgol"}, "01: points refined by savgol"),
        (
            {
                "what": "motion",
                "method": "hanet",
                "network": "hanet-rotations",
                "filter": "gaussian",
                "filtered": "root position and joints below the wrists",
                "resampled": "from 60 to 30 and back",
            },
            "01: motion refined by hanet-rotations, root position and joints below the wrists "
            "smoothed by gaussian, frame rate brought from 60 to 30 and back",
        ),
        (
            {
                "what": "points",
                "method": "hanet",
                "network": "hanet-joints",
                "filter": "savgol",
                "filtered": ["mid_hip", "left_index4"],
                "resampled": "no",
            },
            "01: points refined by hanet-joints, 2 points smoothed by savgol",
        ),
    ],
)
def test_what_was_done_to_a_person_is_told_in_a_sentence(notes, sentence):
    assert describe_refined("01", notes) == sentence


@pytest.mark.parametrize("notes", [{}, {"what": 3, "method": ["savgol"]}, {"filter": "savgol"}])
def test_strange_notes_of_a_foreign_take_are_no_trouble(notes):
    assert describe_refined("01", notes).startswith("01")


def test_info_tells_how_everyone_was_refined(tmp_path, capsys):
    write_take(refine(shaking(), method="savgol").take, tmp_path / "walk.take")
    main(["info", str(tmp_path / "walk.take")])
    assert "person1: motion refined by savgol" in " ".join(capsys.readouterr().out.split())
