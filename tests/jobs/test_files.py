"""`read`, `write` and `export`: the suffix chooses the door, and nothing is replaced unasked."""

import numpy as np
import pytest

import marey
from marey.core import BodyMotion, Take
from marey.core.errors import InputError, NothingFoundError, OutputExistsError
from tests.fixtures.golden_take import TIME, make_anna


@pytest.fixture
def take() -> Take:
    return Take(time=TIME, people=(make_anna(),))


def same_where_present(one: BodyMotion, other: BodyMotion) -> None:
    # Within what float32 keeps of a position in m; a missing frame is missing on both sides.
    np.testing.assert_allclose(one.T_world_root[..., 4:], other.T_world_root[..., 4:], atol=1e-5)


def test_a_take_goes_there_and_back(take, tmp_path):
    marey.write(take, tmp_path / "gold.take")
    back = marey.read(tmp_path / "gold.take")
    assert isinstance(back, Take)
    assert [person.name for person in back.people] == ["Anna Ü"]
    same_where_present(back.motion, take.motion)


def test_a_motion_goes_to_glb_and_back(take, tmp_path):
    marey.write(take.motion, tmp_path / "gold.glb")
    back = marey.read(tmp_path / "gold.glb")
    assert isinstance(back, BodyMotion)
    same_where_present(back, take.motion)


def test_a_motion_goes_to_amass_in_unbroken_runs(take, tmp_path):
    # Anna is present in frames 1, 3 and 4 of the clock: two runs.
    marey.write(take.motion, tmp_path / "gold.npz")
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == ["gold_part1.npz", "gold_part2.npz"]
    back = marey.read(tmp_path / "gold_part2.npz")
    assert isinstance(back, BodyMotion)
    assert len(back.time) == 2


@pytest.mark.parametrize("name", ["gold.take", "gold.glb", "gold.npz"])
def test_nothing_is_replaced_unasked(take, tmp_path, name):
    value = take if name.endswith(".take") else take.motion
    marey.write(value, tmp_path / name)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(OutputExistsError, match="exists already"):
        marey.write(value, tmp_path / name)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    marey.write(value, tmp_path / name, overwrite=True)


def test_export_says_all_that_it_wrote_and_keeps_what_was_there(take, tmp_path):
    written = marey.export(take, tmp_path / "gold.npz")
    assert [path.name for path in written] == ["gold_part1.npz", "gold_part2.npz"]
    with pytest.raises(OutputExistsError):
        marey.export(take, tmp_path / "gold.npz")


@pytest.mark.parametrize("name", ["gold.txt", "gold", "gold.bvh2"])
def test_unknown_suffixes_are_refused(take, tmp_path, name):
    for call in (
        lambda: marey.read(tmp_path / name),
        lambda: marey.write(take, tmp_path / name),
        lambda: marey.write(take.motion, tmp_path / name),
        lambda: marey.export(take, tmp_path / name),
    ):
        with pytest.raises(InputError, match="gold"):
            call()


def test_a_take_without_motion_has_nothing_to_export(tmp_path):
    with pytest.raises(NothingFoundError, match="needs motion, which this take has not"):
        marey.export(Take(time=TIME), tmp_path / "gold.glb")
    assert list(tmp_path.iterdir()) == []


def test_the_video_is_never_replaced_by_an_export(take, tmp_path):
    video = tmp_path / "dance.mp4"
    video.write_bytes(b"the original")
    clip = marey.Clip(path=video, size=(64, 64), time=TIME)
    filmed = Take(time=TIME, clips=(clip,), people=take.people)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="what the take was made of"):
        marey.export(filmed, tmp_path / "folder" / ".." / "dance.mp4", overwrite=True)
    assert video.read_bytes() == b"the original"
