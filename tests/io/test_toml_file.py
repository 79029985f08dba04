"""TOML that people write, and what is said when it is none."""

from pathlib import Path

import pytest

from marey.core.errors import FormatError, InputError
from marey.io.toml_file import read_toml


def test_what_the_file_says_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('title = "ä"\n[part]\nnumber = 3\n', encoding="utf-8")
    assert read_toml(path) == {"title": "ä", "part": {"number": 3}}


@pytest.mark.parametrize(
    ("bytes_", "fault"),
    [
        (b"number = ", "is not TOML"),
        (b"a = " + b"[" * 10_000, "is not TOML"),
        (b"\xff\xfe", "is no text file"),
    ],
    ids=["unfinished", "nested without end", "not UTF-8"],
)
def test_other_bytes_are_refused_with_the_name_of_the_file(
    tmp_path: Path, bytes_: bytes, fault: str
) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(bytes_)
    with pytest.raises(FormatError, match=rf"a\.toml {fault}"):
        read_toml(path)


def test_a_file_of_another_size_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("# " + "x" * 5000)
    with pytest.raises(FormatError, match="larger than 4 kB"):
        read_toml(path, max_bytes=4000)
    assert read_toml(path, max_bytes=6000) == {}


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*check the path"):
        read_toml(tmp_path / "none.toml")
