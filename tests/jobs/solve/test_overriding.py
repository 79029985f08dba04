"""Overrides of one camera: which stages they change, and that the take keeps what was found."""

from dataclasses import replace

import numpy as np
import pytest

from marey.body import load_body
from marey.capture.observe import PinholeView
from marey.capture.pipeline import Seen
from marey.core import Keypoints3D, Take, Tracks
from marey.core.errors import InputError
from marey.io.overrides import Override
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.overriding import choose_overrides, override_seen, restore_keypoints
from marey.jobs.solve.stages import describe_stages, find_changes
from tests.io.keypoint_takes import make_take

TEXT = '[[override]]\nframes = 1\njoints = ["nose"]\n'


def test_the_file_beside_the_take_or_the_one_that_is_named(tmp_path):
    take, said = tmp_path / "dance.take", []
    assert choose_overrides(SolveOptions(), take, said.append) == ()
    assert said == []
    (tmp_path / "dance.overrides.toml").write_text(TEXT)
    (tmp_path / "other.toml").write_text(TEXT * 2)
    assert len(choose_overrides(SolveOptions(), take, said.append)) == 1
    named = SolveOptions(override=tmp_path / "other.toml")
    assert len(choose_overrides(named, take, said.append)) == 2
    assert len(choose_overrides(named, None)) == 2
    assert [sentence.split(": ")[1] for sentence in said] == ["1 override", "2 overrides"]


def test_a_change_fits_again_and_finds_nobody_anew():
    view, body = PinholeView(1000.0, (320.0, 240.0)), load_body("marey-h", mesh="light")
    nose = (Override(joints=("nose",)),)
    told = (replace(nose[0], why="hidden"),)
    none, one, other, noted = (
        describe_stages(SolveOptions(), view, body, overrides)
        for overrides in ((), nose, (Override(joints=("left_eye",)),), told)
    )
    for before, after in ((none, one), (one, other), (one, none)):
        assert find_changes(before, after, "people") == []
        assert find_changes(before, after, "fit") == ["the overrides"]
    assert find_changes(one, noted, "fit") == []


def seen_people() -> Seen:
    take = make_take()
    person = take.people[0]
    block = person.keypoints2d[0]
    space = Keypoints3D(
        skeleton=block.skeleton,
        people=block.people,
        time=block.time,
        position=np.ones((*block.confidence.shape, 3), np.float32),
        frame="root",
        confidence=np.ones(block.confidence.shape, np.float32),
    )
    person = replace(person, keypoints3d=space)
    clip = replace(take.clips[0], time=take.time)
    return Seen(clip=clip, tracks=Tracks(time=take.time, tracks=()), people=(person,))


def test_the_fit_does_not_see_what_is_taken_away_but_the_take_does():
    seen = seen_people()
    person = seen.people[0]
    column = person.keypoints2d[0].skeleton.index("left_wrist")
    forced = override_seen(seen, [Override(joints=("left_wrist",))])
    view, space = forced.people[0].keypoints2d[0], forced.people[0].keypoints3d
    assert not view.valid[..., column].any() and not space.valid[..., column].any()
    others = [k for k in range(len(view.skeleton)) if k != column]
    assert np.array_equal(
        view.confidence[..., others], person.keypoints2d[0].confidence[..., others]
    )
    take = restore_keypoints(Take(time=seen.clip.time, people=forced.people), seen)
    assert take.people[0].keypoints2d is person.keypoints2d
    assert take.people[0].keypoints3d is person.keypoints3d


def test_nothing_is_done_without_overrides():
    seen = seen_people()
    assert override_seen(seen, ()) is seen


def test_what_there_is_not_is_refused():
    with pytest.raises(InputError, match="names the person 'nobody'"):
        override_seen(seen_people(), [Override(person="nobody")])
