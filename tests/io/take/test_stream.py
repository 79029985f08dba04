"""Takes written person by person are the bytes of takes written at once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marey.core import Clip, Take, Track, Tracks
from marey.core.cameras import Cameras
from marey.core.errors import FormatError, InputError, OutputExistsError
from marey.io.take import read_take, write_take
from marey.io.take.stream import TakeReader, add_motions, write_people
from tests.fixtures.golden_take import TIME, make_anna


def contents(folder: Path, *, without: str = "") -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != without)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def track_of(person) -> Track:
    boxes = np.tile(np.array([1, 2, 30, 40], np.float32), (person.num_frames, 1))
    return Track(
        person=person.name,
        start=person.start,
        box=boxes,
        confidence=np.ones(person.num_frames, np.float32),
    )


@pytest.fixture
def take(tmp_path) -> Take:
    video = tmp_path / "dance.mp4"
    video.write_bytes(b"pictures")
    anna = replace(make_anna(), keypoints2d=make_anna().keypoints2d[:1])
    people = (anna, *(_renamed(anna, name) for name in ("anna", "02")))
    # The last has no motion.
    people = (*people[:2], replace(people[2], motion=None))
    clip = Clip(path=video, size=(64, 48), time=TIME, cuts=(2,), first=7, step=3)
    return Take(
        time=TIME,
        clips=(clip,),
        cameras=Cameras(
            names=("dance",),
            model="pinhole",
            K=np.eye(3, dtype=np.float32)[None],
            distortion=np.zeros((1, 0), np.float32),
            T_cam_world=np.array([[[1, 0, 0, 0, 0, 0, 0]]], np.float32),
            size=np.array([[64, 48]]),
            time_offset=np.zeros(1),
        ),
        tracks=(Tracks(time=TIME, tracks=tuple(track_of(person) for person in people)),),
        people=people,
        provenance={"people": {"detect_every": 6}, "fit": {"focal_px": 50.0}},
    )


def _renamed(person, name):
    points, space, motion = person.keypoints2d[0], person.keypoints3d, person.motion
    own = {"people": (name,)}
    return replace(
        person,
        name=name,
        keypoints2d=(replace(points, **own),),
        keypoints3d=replace(space, **own),
        motion=replace(motion, **own),
    )


def seen_only(take: Take) -> Take:
    people = tuple(replace(person, motion=None) for person in take.people)
    return replace(take, people=people, cameras=None, provenance={"people": {"detect_every": 6}})


def stream_people(take: Take, path: Path) -> None:
    pairs = zip(take.people, take.tracks[0].tracks, strict=True)
    write_people(replace(take, people=(), tracks=()), path, people=pairs, home=path.parent)


def add_all(take: Take, source: Path, target: Path, *, overwrite: bool = False) -> None:
    assert take.cameras is not None
    add_motions(
        TakeReader(source),
        target,
        motions=lambda number: take.people[number].motion,
        cameras=take.cameras,
        provenance=take.provenance,
        overwrite=overwrite,
        run=lambda: {"seconds": 1},
    )


def test_people_one_by_one_make_the_bytes_of_a_take(take, tmp_path):
    write_take(seen_only(take), tmp_path / "whole.take")
    stream_people(seen_only(take), tmp_path / "stream.take")
    assert contents(tmp_path / "whole.take") == contents(tmp_path / "stream.take")


def test_adding_motions_makes_the_bytes_of_the_whole(take, tmp_path):
    write_take(take, tmp_path / "whole.take", run={"seconds": 1})
    stream_people(seen_only(take), tmp_path / "people.take")
    add_all(take, tmp_path / "people.take", tmp_path / "added.take")
    assert contents(tmp_path / "whole.take") == contents(tmp_path / "added.take")
    read_take(tmp_path / "added.take", verify=True)


def test_motions_of_a_finished_take_can_be_replaced(take, tmp_path):
    write_take(take, tmp_path / "whole.take", run={"seconds": 1})
    none = replace(take, people=tuple(replace(p, motion=None) for p in take.people))
    add_all(none, tmp_path / "whole.take", tmp_path / "whole.take", overwrite=True)
    assert all(person.motion is None for person in read_take(tmp_path / "whole.take").people)
    assert not list(tmp_path.rglob("*motion*"))
    add_all(take, tmp_path / "whole.take", tmp_path / "again.take")
    slower = [
        p.motion and replace(p.motion, T_world_root=p.motion.T_world_root * 2) for p in take.people
    ]
    people = zip(take.people, slower, strict=True)
    other = replace(take, people=tuple(replace(p, motion=motion) for p, motion in people))
    add_all(other, tmp_path / "again.take", tmp_path / "other.take")
    found = read_take(tmp_path / "other.take", verify=True)
    np.testing.assert_array_equal(found.people[0].motion.T_world_root, slower[0].T_world_root)
    write_take(take, tmp_path / "fresh.take", run={"seconds": 1})
    assert contents(tmp_path / "again.take") == contents(tmp_path / "fresh.take")


def test_people_are_read_one_by_one(take, tmp_path):
    write_take(take, tmp_path / "whole.take")
    reader = TakeReader(tmp_path / "whole.take")
    assert len(reader) == 3
    assert reader.take.people == ()
    assert reader.take.provenance == take.provenance
    assert (reader.take.clips[0].first, reader.take.clips[0].step) == (7, 3)
    person = reader.read_person(1)
    assert person.name == "anna"
    np.testing.assert_array_equal(
        person.keypoints2d[0].position, take.people[1].keypoints2d[0].position
    )


def test_damage_is_found_when_asked(take, tmp_path):
    write_take(take, tmp_path / "whole.take")
    array = next((tmp_path / "whole.take").rglob("*sigma.npy"))
    content = bytearray(array.read_bytes())
    content[-1] ^= 1
    array.write_bytes(content)
    with pytest.raises(FormatError, match="changed"):
        TakeReader(tmp_path / "whole.take", verify=True)


def test_what_does_not_fit_leaves_nothing_behind(take, tmp_path):
    stream_people(seen_only(take), tmp_path / "people.take")
    before = sorted(tmp_path.iterdir())
    sure = replace(take.people[0].motion, confidence=np.ones((1, 4), np.float32))
    wrong = replace(take, people=(replace(take.people[0], motion=sure), *take.people[1:]))
    with pytest.raises(InputError, match="missing"):
        add_all(wrong, tmp_path / "people.take", tmp_path / "new.take")
    with pytest.raises(OutputExistsError):
        add_all(take, tmp_path / "people.take", tmp_path / "people.take")
    assert sorted(tmp_path.iterdir()) == before
