"""Torch files are read as data: nothing in them runs, and none takes more than it may."""

import io
import zipfile
from pathlib import Path

import pytest
import torch

from marey.core.errors import FormatError, InputError
from marey.io.torch_file import read_torch


def saved(path: Path, content: object, **options: object) -> Path:
    torch.save(content, path, **options)  # pyright: ignore[reportArgumentType]
    return path


class Malicious:
    """Asks its reader to make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.mkdir, (self.folder,)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("mapped", [True, False])
def test_tensors_and_plain_containers_come_back(tmp_path: Path, zipped: bool, mapped: bool) -> None:
    content = {"weight": torch.arange(6.0).view(2, 3), "epochs": [1, 2], "name": "last"}
    path = saved(tmp_path / "a.pt", content, _use_new_zipfile_serialization=zipped)
    found = read_torch(path, mapped=mapped)
    assert torch.equal(found.pop("weight"), content.pop("weight"))
    assert found == content


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_in_the_file_runs(tmp_path: Path, zipped: bool) -> None:
    victim = tmp_path / "made by the file"
    path = saved(tmp_path / "a.pt", Malicious(victim), _use_new_zipfile_serialization=zipped)
    with pytest.raises(FormatError, match="no torch file of plain weights"):
        read_torch(path)
    assert not victim.exists()


def test_a_callable_is_read_only_where_the_caller_names_it(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pt", {"folder": Path("runs")})
    with pytest.raises(FormatError, match="plain weights"):
        read_torch(path)
    kind = type(Path("runs"))
    assert read_torch(path, harmless=[kind, (kind, f"pathlib.{kind.__name__}")])


@pytest.mark.parametrize("zipped", [True, False])
def test_content_above_the_limit_is_refused(tmp_path: Path, zipped: bool) -> None:
    path = saved(tmp_path / "a.pt", torch.zeros(1000), _use_new_zipfile_serialization=zipped)
    with pytest.raises(FormatError, match="more than 3999 bytes"):
        read_torch(path, max_bytes=3999)
    assert read_torch(path, max_bytes=10_000).shape == (1000,)


def test_a_packed_archive_is_refused(tmp_path: Path) -> None:
    plain, packed = saved(tmp_path / "a.pt", torch.zeros(9)), tmp_path / "b.pt"
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(FormatError, match="compressed archive"):
        read_torch(packed)


def test_what_is_no_torch_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_torch(tmp_path / "absent.pt")
    (tmp_path / "text.pt").write_text("weights")
    with pytest.raises(FormatError, match="no torch file"):
        read_torch(tmp_path / "text.pt")
    whole = io.BytesIO()
    torch.save({"a": torch.zeros(50)}, whole)
    for length in range(4, len(whole.getvalue()), 97):
        (tmp_path / "cut.pt").write_bytes(whole.getvalue()[:length])
        with pytest.raises(FormatError, match="plain weights, or damaged"):
            read_torch(tmp_path / "cut.pt")
