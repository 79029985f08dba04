"""Files of overrides: what they mean, and that nothing in them is passed over in silence."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marey.core.errors import FormatError, InputError
from marey.io.overrides import (
    Override,
    describe_overrides,
    find_overrides,
    hash_overrides,
    read_overrides,
)

EXAMPLE = """
# The wrist was taken for the other's.
[[override]]
frames = ["120-135", 140]
person = "01"
cameras = ["cam03"]
joints = ["left_wrist"]
why = "the other's hand"

[[override]]
seconds = [4.0, 4.5]
cameras = "cam01"
confidence = 0.9
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "a.overrides.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_a_file_means(tmp_path):
    first, second = read_overrides(write(tmp_path, EXAMPLE))
    assert first == Override(
        frames=((120, 135), (140, 140)),
        person="01",
        cameras=("cam03",),
        joints=("left_wrist",),
        confidence=0.0,
        why="the other's hand",
    )
    assert second == Override(seconds=(4.0, 4.5), cameras=("cam01",), confidence=0.9)


def test_an_empty_file_overrides_nothing(tmp_path):
    assert read_overrides(write(tmp_path, "")) == ()


def test_the_file_beside_a_take(tmp_path):
    assert find_overrides(tmp_path / "dance.take") is None
    path = tmp_path / "dance.overrides.toml"
    path.touch()
    assert find_overrides(tmp_path / "dance.take") == path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[override]\n", "not TOML"),
        ("[[overide]]\n", "did you mean override"),
        ("override = 3", r"below a line \[\[override\]\]"),
        ("[[override]]\njoint = ['nose']", "override 1: 'joint' means nothing here; did you mean"),
        ("[[override]]\nframes = '12-'", "is no frame"),
        ("[[override]]\nframes = -3", "is no frame"),
        ("[[override]]\nframes = true", "is no frame"),
        ("[[override]]\nframes = 1.5", "is no frame"),
        ("[[override]]\nframes = []", "leave it out"),
        ("[[override]]\nframes = '9-3'", "ends before it begins"),
        ("[[override]]\nseconds = [2, 1]", "two numbers"),
        ("[[override]]\nseconds = 2", "two numbers"),
        ("[[override]]\nseconds = [0, 1]\nframes = 1", "either frames or seconds"),
        ("[[override]]\nconfidence = 2", "from 0 to 1"),
        ("[[override]]\nconfidence = nan", "from 0 to 1"),
        ("[[override]]\nconfidence = '0'", "from 0 to 1"),
        ("[[override]]\nperson = 1", "in quotes"),
        ("[[override]]\njoints = [1]", "in quotes"),
        ("[[override]]\njoints = []", "leave it out"),
        ("a = " + "[" * 3000, "not TOML"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path, text, said):
    with pytest.raises(FormatError, match=said):
        read_overrides(write(tmp_path, text))


def test_files_that_are_not_there_or_too_large(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        read_overrides(tmp_path / "none.toml")
    with pytest.raises(FormatError, match="larger than"):
        read_overrides(write(tmp_path, "#" * 1_000_001))
    with pytest.raises(FormatError, match="at most 10000"):
        read_overrides(write(tmp_path, "[[override]]\n" * 10_001))


@given(st.integers(0, 10**6), st.integers(0, 1000))
def test_a_range_is_read_as_it_is_written(tmp_path_factory, first, length):
    path = write(tmp_path_factory.mktemp("o"), f"[[override]]\nframes = '{first}-{first + length}'")
    assert read_overrides(path)[0].frames == ((first, first + length),)


def test_the_digest_is_of_what_they_do(tmp_path):
    overrides = read_overrides(write(tmp_path, EXAMPLE))
    same = read_overrides(write(tmp_path, EXAMPLE.replace("the other's hand", "hidden")))
    other = read_overrides(write(tmp_path, EXAMPLE.replace("left_wrist", "right_wrist")))
    assert hash_overrides(overrides) == hash_overrides(same) != hash_overrides(other)
    assert describe_overrides(overrides)[0]["frames"] == [[120, 135], [140, 140]]
    assert "frames" not in describe_overrides(overrides)[1]
