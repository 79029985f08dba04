"""joblib's files come back as plain data; hostile ones do nothing but fail, within limits."""

import bz2
import io
import lzma
import os
import pickle
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from marey.core import _bounded_source, restricted_joblib
from marey.core.errors import FormatError, InputError
from marey.core.restricted_joblib import is_joblib, read_joblib

RESULTS = {
    "frame 1": {
        "pose": np.arange(6.0).reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
        "empty": np.zeros((0, 3)),
        "nothing": np.zeros((3, 0, 2), order="F"),
        "scalar": np.array(3.5),
        "big endian": np.array([1, -2], dtype=">i4"),
        "names": np.array(["one", "zwölf"]),
        "flags": np.array([True, False]),
        "objects": np.array([{"rotation": np.eye(3)}, None, "text"], dtype=object),
        "long": np.repeat(np.arange(15.0), 10_000),
        "number": np.float32(1.5),
    },
    3: [1, -2.5, True, None, 10**30, "Étienne", b"\x00\xff", (1, ("a", "b"))],
    np.int64(7): np.ones(3)[::-1],
    "strided": np.arange(24).reshape(2, 3, 4)[:, ::2],
}


def write(value: object, path: Path, **how: Any) -> Path:
    joblib.dump(value, path, **how)
    return path


def check(a: Any, b: Any) -> None:
    """The same structure, types and values."""
    if isinstance(b, np.ndarray) and b.dtype == object:
        assert a.shape == b.shape
        for one, other in zip(a.ravel(), b.ravel(), strict=True):
            check(one, other)
    elif isinstance(b, np.ndarray):
        assert a.dtype == b.dtype.newbyteorder("=")
        np.testing.assert_array_equal(a, b)
    elif isinstance(b, dict):
        assert list(a) == list(b)
        for key in b:
            check(a[key], b[key])
    else:
        assert a == b


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("compress", [0, 3, "gzip", "bz2", "lzma", "xz", ("zlib", 9)])
def test_what_joblib_wrote_is_read(tmp_path: Path, protocol: int, compress: Any) -> None:
    path = write(RESULTS, tmp_path / "a.pkl", protocol=protocol, compress=compress)
    check(read_joblib(path), RESULTS)
    assert is_joblib(path)


def test_arrays_can_be_written_to(tmp_path: Path) -> None:
    """As arrays made otherwise; small and long ones go different ways."""
    back = read_joblib(write(RESULTS, tmp_path / "a.pkl"))
    back["frame 1"]["pose"][0, 0] = back["frame 1"]["long"][0] = 5


@settings(max_examples=60, deadline=None)
@given(
    array=hnp.arrays(
        st.sampled_from(["f4", "f8", "i2", "u1", "?", "c8", "U3", ">f4"]),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    ),
    fortran=st.booleans(),
    compress=st.sampled_from([0, 1]),
)
def test_any_array(array: np.ndarray, fortran: bool, compress: int) -> None:
    value = {"x": np.asfortranarray(array) if fortran else array, "after": "it"}
    file = io.BytesIO()
    joblib.dump(value, file, compress=compress)
    check(read_bytes(file.getvalue()), value)


def read_bytes(data: bytes) -> Any:
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return read_joblib(file.name)


def test_layout_before_padding_was_written(tmp_path: Path) -> None:
    """Until joblib 1.1 the description says nothing of alignment, and bytes follow at once."""
    data = write({"x": np.arange(3.0)}, tmp_path / "a.pkl").read_bytes()
    key = b"\x8c\x1bnumpy_array_alignment_bytes\x94K\x10"
    before, after = data.split(key)
    padding = 1 + after[2]
    frame = int.from_bytes(before[3:11], "little") - len(key)
    old = before[:3] + frame.to_bytes(8, "little") + before[11:] + b"ub" + after[2 + padding :]
    np.testing.assert_array_equal(read_bytes(old)["x"], [0, 1, 2])


def test_plain_pickles_are_read_and_are_not_joblibs(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps(RESULTS, protocol))
        check(read_joblib(path), RESULTS)
        assert not is_joblib(path)


def test_other_files_are_not_joblibs(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for content in (b"", b"joblib", b"\x1f\x8b damaged", b"ZF0x10", zlib.compress(b"numpy" * 99)):
        path.write_bytes(content)
        assert not is_joblib(path)
    with pytest.raises(InputError, match="cannot read"):
        is_joblib(tmp_path / "absent")


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # of matrices, by numpy
def test_subclasses_and_records(tmp_path: Path) -> None:
    """A matrix is an array of numbers; records and dates have no meaning here and are passed."""
    value = {
        "matrix": np.matrix([[1.0, 2.0]]),
        "records": np.zeros(3, [("a", "f8"), ("b", "i4")]),
        "dates": np.array(["2020-01-01"], "M8[D]"),
        "after": 1,
    }
    back = read_joblib(write(value, tmp_path / "a.pkl"))
    np.testing.assert_array_equal(back["matrix"], [[1, 2]])
    assert [repr(back["records"])[:6], repr(back["dates"])[:6], back["after"]] == ["Opaque"] * 2 + [
        1
    ]


# ------------------------------------------------------------------ hostile


class Call:
    """Pickles as a call of anything."""

    def __init__(self, function: object, *arguments: object):
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple:
        return self.function, self.arguments


@pytest.mark.parametrize("compress", [0, 3])
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("where", ["top", "value", "key", "object array"])
def test_calls_are_refused_and_not_made(
    tmp_path: Path, protocol: int, compress: int, where: str
) -> None:
    trace = tmp_path / "executed"
    call = Call(os.system, f"touch {trace}")
    value = {
        "top": call,
        "value": {"a": np.zeros(3), "b": call},
        "key": {(1, call): np.zeros(3)},
        "object array": np.array([call], dtype=object),
    }[where]
    path = write(value, tmp_path / "a.pkl", protocol=protocol, compress=compress)
    with pytest.raises(FormatError, match="refers to"):
        read_joblib(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    "name",
    [
        "posix system",
        "builtins eval",
        "builtins getattr",
        "joblib load",
        "joblib.memory Memory",
        "joblib.parallel Parallel",
        "pickle loads",
        "numpy load",
        "numpy.f2py.crackfortran myeval",
        "torch load",
        "marey.core.restricted_joblib read_joblib",
        "functools partial",
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_every_other_name_is_refused(name: str, inside: bool, tmp_path: Path) -> None:
    module, attribute = name.split()
    bad = f"c{module}\n{attribute}\n.".encode()
    if inside:  # as the content of an array of objects
        good = write(np.array([None]), tmp_path / "a.pkl").read_bytes()
        bad = good[: good.index(b"ub\x80") + 2] + bad
    with pytest.raises(FormatError, match="refers to"):
        read_bytes(bad)


@pytest.mark.parametrize("name", ["NDArrayWrapper", "ZNDArrayWrapper"])
def test_arrays_in_files_beside_are_refused_with_words(name: str) -> None:
    for module in ("joblib.numpy_pickle", "joblib.numpy_pickle_compat"):
        with pytest.raises(FormatError, match=r"older than 0\.10"):
            read_bytes(f"c{module}\n{name}\n.".encode())


def test_old_and_foreign_packings_are_refused_with_words() -> None:
    with pytest.raises(FormatError, match="z-file"):
        read_bytes(b"ZF0x12             " + zlib.compress(pickle.dumps(1)))
    with pytest.raises(FormatError, match="lz4"):
        read_bytes(b"\x04\x22\x4d\x18 and so on")


@pytest.mark.parametrize("opcode", [b"Pid\n", b"K\x01Q", b"\x82\x01", b"\x97", b"K\x01\x98"])
def test_opcodes_that_data_never_needs(opcode: bytes) -> None:
    with pytest.raises(FormatError, match="never needs"):
        read_bytes(b"\x80\x05" + opcode + b".")


HUGE = [
    b"\x80\x04\x8e" + (2**40).to_bytes(8, "little") + b"x.",  # bytes of a tebibyte
    b"\x80\x04\x8d" + (2**62).to_bytes(8, "little") + b"x.",  # text of four exbibytes
    b"\x80\x05\x96" + (2**33).to_bytes(8, "little") + b"x.",  # a byte array of 8 GB
    b"\x80\x02T\xff\xff\xff\x7fx.",
    b"\x80\x02K\x01r\xff\xff\xff\x7f.",  # memo of two thousand million entries
    b"\x80\x04\x95" + (2**40).to_bytes(8, "little") + b"K\x01.",  # frame
    b"\x80\x02\x8b\xff\xff\xff\x7f\x01.",  # integer of 2 GB
    b"I" + b"9" * 100_000 + b"\n.",  # a number of many digits
    b"cos\n" + b"a" * 20_000_000,  # a name without an end
]


@pytest.mark.parametrize("pack", [bytes, zlib.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("number", range(len(HUGE)))
def test_huge_claims_do_not_allocate(number: int, pack: Any) -> None:
    data = pack(HUGE[number])
    tracemalloc.start()
    try:
        if b"K\x01r" in HUGE[number]:
            assert read_bytes(data) == 1  # a memo is a dictionary here
        else:
            with pytest.raises(FormatError):
                read_bytes(data)
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("shape", [(2**31, 2**31), (2**40,), (10**9, 0, 10**9), (-1,), ("a",)])
@pytest.mark.parametrize("compress", [0, 3])
def test_shapes_that_cannot_be_true(shape: tuple, compress: int, tmp_path: Path) -> None:
    """An array described by the real thing, with another shape."""
    wrapper = joblib.numpy_pickle.NumpyArrayWrapper(
        np.ndarray, shape, "C", np.dtype("f8"), allow_mmap=True
    )
    data = pickle.dumps(wrapper, 2)[:-1] + b"\x00" * (1 if 0 in shape else 25) + b"."
    tracemalloc.start()
    try:
        if 0 in shape:
            assert read_bytes(data).size == 0
        else:
            with pytest.raises(FormatError):
                read_bytes(zlib.compress(data) if compress else data)
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["zlib", "bz2", "xz", "lzma"])
def test_bombs_stop_at_the_limit(name: str, tmp_path: Path) -> None:
    """A file of some kilobytes that holds 80 MB of zeros, where 50 MB are allowed."""
    path = write(np.zeros(10_000_000), tmp_path / "a.pkl", compress=(name, 6))
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="promises"):
            read_joblib(path, max_bytes=50_000_000)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


def test_xz_that_wants_gigabytes_to_unpack() -> None:
    """The old lzma header states the dictionary's size: here 4 GB."""
    data = bytearray(lzma.compress(pickle.dumps(1), lzma.FORMAT_ALONE))
    data[1:5] = b"\x00\x00\xff\xff"
    with pytest.raises(FormatError):
        read_bytes(bytes(data))


@pytest.mark.parametrize("step", [b"}", b"]", b"G" + bytes(8), b"\x94", b"N", b"K\x01\x85"])
def test_steps_are_limited(step: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restricted_joblib, "MAX_STEPS", 100_000)
    monkeypatch.setattr(restricted_joblib, "MAX_PARTS", 50_000)
    with pytest.raises(FormatError, match="far more parts"):
        read_bytes(zlib.compress(b"\x80\x04N" + step * 200_000 + b"."))


def test_few_bytes_may_not_be_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand steps in every byte of the file; a real one has few."""
    monkeypatch.setattr(restricted_joblib, "FREE_STEPS", 1000)
    data = b"\x80\x04N" + b"N0" * 100_000 + b"."
    with pytest.raises(FormatError, match="far more parts"):
        read_bytes(zlib.compress(data))
    assert read_bytes(data) is None


@pytest.mark.parametrize("data", [b"}" + b"N" + b"\x85" * 100_000 + b"K\x01s.", b"\x8f(]\x90."])
def test_keys_are_plain(data: bytes) -> None:
    with pytest.raises(FormatError, match="key"):
        read_bytes(b"\x80\x04" + data)


def test_deep_nesting_and_shared_parts() -> None:
    with pytest.raises(FormatError, match="nested"):
        read_bytes(b"\x80\x02" + b"]" * 9000 + b"a" * 8999 + b".")
    value: list = [1]
    for _ in range(60):
        value = [value, value]  # 2^60 leaves if written out
    assert isinstance(read_bytes(pickle.dumps(value)), list)


@pytest.mark.parametrize("state", [b"}U\x04evilK\x01s", b"N}U\x04evilK\x01s\x86"])
@pytest.mark.parametrize(
    "target",
    [b"c_codecs\nencode\n", b"cnumpy\nndarray\n", b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n"],
)
def test_build_cannot_change_what_we_hand_out(target: bytes, state: bytes) -> None:
    with pytest.raises(FormatError):
        read_bytes(b"\x80\x02" + target + state + b"b.")
    assert not hasattr(restricted_joblib._Wrapper, "evil")


@pytest.mark.parametrize("compress", [0, 3, "gzip", "bz2", "xz"])
def test_every_truncation(compress: Any, tmp_path: Path) -> None:
    value = {"a": np.arange(5.0), "o": np.array([None, "x"]), "b": [1, "two"]}
    data = write(value, tmp_path / "a.pkl", compress=compress).read_bytes()
    # The last bytes of a packed stream are its checksum, which nothing asks for.
    spare = {0: 0, 3: 4, "gzip": 8, "bz2": 10, "xz": 40}[compress]
    for length in range(0, len(data) - spare - 1, 3):
        with pytest.raises(FormatError):
            read_bytes(data[:length])


def damage(good: bytes, rounds: int, seed: int) -> None:
    rng, outcomes = np.random.default_rng(seed), set()
    for _ in range(rounds):
        bad = bytearray(good)
        for k in rng.integers(0, len(bad), rng.integers(1, 4)):
            bad[k] = rng.integers(0, 256)
        try:
            read_bytes(bytes(bad))
            outcomes.add("data")
        except FormatError:
            outcomes.add("refused")
    assert "refused" in outcomes


SMALL = {"a": np.arange(3.0), "n": [np.float64(1), "x"], "o": np.array([None])}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # escapes in damaged strings
@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("compress", [0, 1, "bz2"])
def test_damage_never_escapes_the_error(protocol: int, compress: Any, tmp_path: Path) -> None:
    path = write(SMALL, tmp_path / "a.pkl", protocol=protocol, compress=compress)
    damage(path.read_bytes(), 100, seed=protocol)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("compress", [0, 1, "gzip", "bz2", "xz", "lzma"])
def test_much_damage_never_escapes_the_error(compress: Any, tmp_path: Path) -> None:
    path = write(RESULTS, tmp_path / "a.pkl", compress=compress)
    damage(path.read_bytes()[:6000], 1000, seed=1)


def test_files_beyond_the_limit_and_absent(tmp_path: Path) -> None:
    path = write(np.zeros(1000), tmp_path / "large.pkl")
    with pytest.raises(FormatError, match=r"large\.pkl.*larger than 100 bytes"):
        read_joblib(path, max_bytes=100)
    with pytest.raises(InputError, match="cannot read"):
        read_joblib(tmp_path / "absent.pkl")
    with pytest.raises(InputError, match="cannot read"):
        read_joblib(tmp_path)


def test_lines_are_read_to_a_limit() -> None:
    long = _bounded_source.LONGEST_LINE
    source = _bounded_source.BoundedSource(io.BytesIO(b"a\n" + b"b" * long), 2 * long)
    assert source.readline() == b"a\n"
    with pytest.raises(FormatError, match="line"):
        source.readline()
