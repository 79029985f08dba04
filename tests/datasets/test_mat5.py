"""MATLAB's files: what SciPy writes comes back as SciPy reads it; damaged ones are refused."""

import struct
import zlib

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from marey.core.errors import FormatError, InputError
from marey.datasets import _mat5
from marey.datasets._mat5 import read_mat

CONTENT = {
    "double": np.arange(24.0).reshape(2, 3, 4),
    "single": np.float32([[1.5, -2]]),
    "bytes": np.uint8([[1, 2], [3, 250]]),
    "whole": np.int64([[2**40]]),
    "flag": np.array([[True, False]]),
    "empty": np.zeros((0, 3)),
    "text": "S1_Walking",
}


@pytest.mark.parametrize("packed", [False, True])
def test_what_scipy_writes(tmp_path, packed):
    path = tmp_path / "a.mat"
    cells = np.empty((1, 3), object)
    cells[0, :] = [np.ones((2, 2)), "word", np.zeros((0, 0))]
    savemat(
        path,
        CONTENT | {"cells": cells, "one": {"a": 1.0, "inner": {"b": "x"}}},
        do_compression=packed,
    )
    found = read_mat(path)
    expected = loadmat(path)
    for name in ("double", "single", "bytes", "whole", "empty"):
        np.testing.assert_array_equal(found[name], expected[name])
        assert found[name].shape == expected[name].shape
    np.testing.assert_array_equal(found["flag"], [[1, 0]])
    assert found["text"] == "S1_Walking"
    np.testing.assert_array_equal(found["cells"][0, 0], np.ones((2, 2)))
    assert found["cells"][0, 1] == "word"
    assert found["one"]["inner"]["b"] == "x"


def test_several_structures(tmp_path):
    rows = np.array([(1.0, "a"), (2.0, "b")], dtype=[("number", "O"), ("name", "O")])
    savemat(tmp_path / "a.mat", {"rows": rows})
    found = read_mat(tmp_path / "a.mat")["rows"]
    assert [row["name"] for row in found.ravel()] == ["a", "b"]


def test_only_what_is_wanted(tmp_path):
    savemat(tmp_path / "a.mat", CONTENT)
    assert list(read_mat(tmp_path / "a.mat", ["text"])) == ["text"]


def test_real_files(shared):
    path = shared / "data/jhmdb/annotated/joint_positions.mat"
    found, expected = read_mat(path), loadmat(path)
    for name in ("pos_img", "pos_world"):
        np.testing.assert_array_equal(found[name], expected[name])
    mask = next((shared / "data/jhmdb/walk").glob("*_mask.mat"))
    np.testing.assert_array_equal(read_mat(mask)["part_mask"], loadmat(mask)["part_mask"])


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "a.mat"
    for content, said in [
        (b"", "begin as"),
        (b"text" * 100, "begin as"),
        (b"MATLAB 7.3 MAT-file" + bytes(200), "7.3"),
        (b"\x89HDF\r\n\x1a\n" + bytes(200), "7.3"),
    ]:
        path.write_bytes(content)
        with pytest.raises(FormatError, match=said):
            read_mat(path)
    with pytest.raises(InputError, match="cannot read"):
        read_mat(tmp_path / "absent.mat")


def _header():
    return bytes(124) + b"\x00\x01IM"


def _matrix(kind, shape, body):
    parts = struct.pack("<IIII", 6, 8, kind, 0)
    dims = struct.pack(f"<{len(shape)}i", *shape)
    parts += struct.pack("<II", 5, len(dims)) + dims + bytes(-len(dims) % 8)
    parts += struct.pack("<HHI", 1, 1, ord("a")) + body
    return struct.pack("<II", 14, len(parts)) + parts


@pytest.mark.parametrize(
    ("element", "said"),
    [
        (_matrix(6, (2**30, 2**30), struct.pack("<IId", 9, 8, 1.0)), "does not fit"),
        (_matrix(1, (2**30, 1), b""), "does not fit"),
        (_matrix(6, (3, 1), struct.pack("<IId", 9, 8, 1.0)), "holds 1 values"),
        (_matrix(6, (-1, 1), b""), "does not fit"),
        (_matrix(17, (1, 1), b""), "no plain data"),
        (_matrix(5, (1, 1), b""), "no plain data"),
        (struct.pack("<II", 14, 1000), "beyond"),
        (_matrix(1, (1, 1), struct.pack("<II", 9, 0)), "where a matrix"),
        (struct.pack("<II", 15, 8) + b"notzlib!", "damaged"),
    ],
)
def test_hostile_elements_are_refused(tmp_path, element, said):
    path = tmp_path / "a.mat"
    path.write_bytes(_header() + element)
    with pytest.raises(FormatError, match=said):
        read_mat(path)


def test_nesting_has_a_bottom(tmp_path):
    element = _matrix(6, (1, 1), struct.pack("<IId", 9, 8, 1.0))
    for _ in range(40):
        element = _matrix(1, (1, 1), element)
    (tmp_path / "a.mat").write_bytes(_header() + element)
    with pytest.raises(FormatError, match="nested"):
        read_mat(tmp_path / "a.mat")


def test_packed_bombs_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_mat5, "MAX_BYTES", 1_000_000)
    bomb = zlib.compress(bytes(50_000_000))
    path = tmp_path / "a.mat"
    path.write_bytes(_header() + struct.pack("<II", 15, len(bomb)) + bomb)
    with pytest.raises(FormatError, match="unpacks"):
        read_mat(path)


def test_spoiled_files_never_escape(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, CONTENT)
    data = bytearray(path.read_bytes())
    random = np.random.default_rng(0)
    for _ in range(200):
        spoiled = data.copy()
        for place in random.integers(126, len(data), 5):
            spoiled[place] = random.integers(256)
        path.write_bytes(bytes(spoiled[: random.integers(100, len(data))]))
        try:
            read_mat(path)
        except FormatError:
            continue
