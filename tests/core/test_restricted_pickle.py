"""Friendly pickles come back as plain data; hostile ones do nothing but fail."""

import io
import os
import pickle
import pickletools
import sys
import tracemalloc
import types
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

from marey.core import restricted_pickle as rp
from marey.core.errors import FormatError


def read(data: object, protocol: int = 2) -> object:
    return rp.read_pickle_bytes(pickle.dumps(data, protocol))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_survives_every_protocol(protocol: int) -> None:
    data = {
        "numbers": [1, -2.5, True, None, 10**30],
        "text": "Étienne",
        "bytes": b"\x00\xff",
        "pair": (1, ("a", "b")),
        "ordered": OrderedDict(a=1),
    }
    assert read(data, protocol) == {**data, "ordered": {"a": 1}}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=np.uint32).reshape(2, 3)),
        np.zeros((0, 3)),
        np.array(3.5),
        np.array([1, 2], dtype=">i4"),
        np.array(["neutral", "female"]),
        np.array([True, False]),
    ],
)
def test_arrays_survive_every_protocol(array: np.ndarray, protocol: int) -> None:
    back = read({"x": array}, protocol)
    assert isinstance(back, dict)
    np.testing.assert_array_equal(back["x"], array)
    assert back["x"].dtype == array.dtype.newbyteorder("=")


def test_numpy_scalars() -> None:
    assert read([np.float32(1.5), np.int64(-3)]) == [1.5, -3]


def test_numpy_numbers_as_keys() -> None:
    """People are numbered by whatever a tracker returned."""
    assert read({np.int64(3): "a", np.float32(0.5): "b", np.str_("c"): 1}) == {
        3: "a",
        0.5: "b",
        "c": 1,
    }


@pytest.mark.parametrize("form", ["csc_matrix", "csr_matrix", "csc_array"])
def test_sparse_matrices_become_dense(form: str) -> None:
    dense = np.array([[0, 1.5, 0], [2, 0, 0], [0, 0, 0], [0, 0, -1]])
    np.testing.assert_array_equal(read(getattr(scipy.sparse, form)(dense)), dense)


@pytest.fixture
def chumpy(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A stand-in for the package, only so that the test can write such pickles."""
    module = types.ModuleType("chumpy.ch")
    for name in ("Ch", "Select", "add"):
        kind = type(
            name,
            (),
            {"__module__": "chumpy.ch", "__init__": lambda self, **k: vars(self).update(k)},
        )
        setattr(module, name, kind)
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)
    return module


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
def test_chumpy_variables_become_arrays(chumpy: types.ModuleType, protocol: int) -> None:
    x = np.arange(12.0).reshape(4, 3)
    whole = chumpy.Ch(x=x, dterms=("x",), _itr=0)
    part = chumpy.Select(a=whole, idxs=np.array([0, 2, 4, 6]), preferred_shape=(2, 2))
    back = read({"whole": whole, "part": part, "sum": chumpy.add(a=whole, b=whole)}, protocol)
    assert isinstance(back, dict)
    np.testing.assert_array_equal(back["whole"], x)
    np.testing.assert_array_equal(back["part"], [[0, 2], [4, 6]])
    assert isinstance(back["sum"], rp.Opaque)


def test_python_2_pickle_with_latin1_strings() -> None:
    """The opcodes Python 2 wrote for {'f8': array([1., 2.]), 's': 'caf\\xe9'}, protocol 2."""
    raw = np.array([1.0, -2.0]).tobytes()
    data = (
        b"\x80\x02}(U\x02f8cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89U" + bytes([len(raw)]) + raw + b"tbU\x01sU\x04caf\xe9u."
    )
    back = rp.read_pickle_bytes(data)
    np.testing.assert_array_equal(back["f8"], [1.0, -2.0])
    assert back["s"] == "café"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (rb"'\x92\x01abc'", "\x92\x01abc"),
        (b"'caf\xe9'", "caf\xe9"),
        (rb"'a\n\'b\\'", "a\n'b\\"),
        (b'""', ""),
    ],
)
def test_python_2_strings_of_protocol_0(line: bytes, text: str) -> None:
    """STRING holds the bytes as `repr` writes them; SMPL v1.0.0's own files are of this kind."""
    data = b"(lp0\nS" + line + b"\np1\na."
    assert rp.read_pickle_bytes(data) == [text] == pickle.loads(data, encoding="latin1")


def test_python_2_array_of_protocol_0() -> None:
    """A float64 whose sign and exponent are bytes beyond ASCII, as Python 2 writes it."""
    raw = repr(np.array([-1.0]).tobytes())[1:].encode()
    data = (
        b"cnumpy.core.multiarray\n_reconstruct\np0\n(cnumpy\nndarray\np1\n(I0\ntp2\nS'b'\np3\n"
        b"tp4\nRp5\n(I1\n(I1\ntp6\ncnumpy\ndtype\np7\n(S'f8'\np8\nI0\nI1\ntp9\nRp10\n"
        b"(I3\nS'<'\np11\nNNNI-1\nI-1\nI0\ntp12\nbI00\nS" + raw + b"\np13\ntp14\nb."
    )
    assert rb"\xf0\xbf" in data
    np.testing.assert_array_equal(rp.read_pickle_bytes(data), [-1.0])


def test_a_real_file_of_python_2(shared: Path) -> None:
    prior = rp.read_pickle(shared / "data/smpl_aux/gmm_08.pkl")
    assert {key: value.shape for key, value in prior.items()} == {
        "covars": (8, 69, 69),
        "means": (8, 69),
        "weights": (8,),
    }
    np.testing.assert_allclose(prior["weights"].sum(), 1)


def test_python_2_new_style_object() -> None:
    data = (
        b"\x80\x02ccopy_reg\n_reconstructor\ncchumpy.ch\nCh\nc__builtin__\nobject\nN\x87R"
        b"}U\x06dtermsU\x01xsb."
    )
    assert isinstance(rp.read_pickle_bytes(data), rp.Opaque)


# ------------------------------------------------------------------ hostile


class Call:
    """Pickles as a call of anything."""

    def __init__(self, function: object, *arguments: object):
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple:
        return self.function, self.arguments


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("where", ["top", "value", "key", "array state", "chumpy state"])
def test_calls_are_refused_and_not_made(
    tmp_path: Path, protocol: int, where: str, chumpy: types.ModuleType
) -> None:
    trace = tmp_path / "executed"
    call = Call(os.system, f"touch {trace}")
    data = {
        "top": call,
        "value": {"v_template": call},
        "key": [(1, call)],
        "array state": np.array([call], dtype=object),
        "chumpy state": chumpy.Ch(x=call),
    }[where]
    with pytest.raises(FormatError, match="refers to"):
        read(data, protocol)
    assert not trace.exists()


@pytest.mark.parametrize(
    "name",
    [
        "posix system",
        "os system",
        "builtins eval",
        "builtins exec",
        "builtins getattr",
        "__builtin__ apply",
        "builtins __import__",
        "operator attrgetter",
        "functools partial",
        "subprocess Popen",
        "types FunctionType",
        "pickle loads",
        "numpy load",
        "numpy.testing._private.utils runstring",
        "numpy.core.multiarray fromfile",
        "numpy.lib.npyio load",
        "numpy.f2py.crackfortran myeval",
        "scipy.sparse load_npz",
        "scipy.sparse._matrix_io load_npz",
        "marey.core.restricted_pickle read_pickle",
        "marey.core.restricted_pickle _KNOWN.clear",
        "codecs decode",
    ],
)
@pytest.mark.parametrize("stack", [False, True])
def test_every_other_name_is_refused(name: str, stack: bool) -> None:
    module, attribute = name.split()
    if stack:  # STACK_GLOBAL of protocol 4, which also allows dotted names
        data = (
            b"\x80\x04"
            + b"".join(b"\x8c" + bytes([len(x)]) + x for x in (module.encode(), attribute.encode()))
            + b"\x93."
        )
    else:
        data = f"c{module}\n{attribute}\n.".encode()
    with pytest.raises(FormatError, match="refers to"):
        rp.read_pickle_bytes(data)


@pytest.mark.parametrize(
    "path", ["ndarray.__class__", "dtype.__init__.__globals__", "ndarray.tofile"]
)
def test_dotted_names_do_not_reach_attributes(path: str) -> None:
    name = path.encode()
    data = b"\x80\x04\x8c\x05numpy\x8c" + bytes([len(name)]) + name + b"\x93."
    with pytest.raises(FormatError, match="refers to"):
        rp.read_pickle_bytes(data)


@pytest.mark.parametrize(
    "target",
    [
        b"c_codecs\nencode\n",
        b"cnumpy\nndarray\n",
        b"cchumpy.ch\nCh\n",
        b"ccollections\nOrderedDict\n",
    ],
)
@pytest.mark.parametrize("state", [b"}U\x04evilK\x01s", b"N}U\x04evilK\x01s\x86"])
def test_build_cannot_change_what_we_hand_out(target: bytes, state: bytes) -> None:
    """BUILD sets attributes on anything on the stack, also on a class or a function."""
    with pytest.raises(FormatError):
        rp.read_pickle_bytes(b"\x80\x02" + target + state + b"b.")
    assert not any(hasattr(value, "evil") for value in rp._KNOWN.values())


def test_codec_gadget() -> None:
    with pytest.raises(FormatError, match="encoding"):
        rp.read_pickle_bytes(b"c_codecs\nencode\n(Vtext\nVzip\ntR.")


@pytest.mark.parametrize("opcode", [b"Pid\n", b"K\x01Q", b"\x82\x01", b"\x97", b"K\x01\x98"])
def test_opcodes_that_data_never_needs(opcode: bytes) -> None:
    with pytest.raises(FormatError):
        rp.read_pickle_bytes(b"\x80\x05" + opcode + b".")


def _array_with_state(state: bytes) -> bytes:
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
        + state
        + b"b."
    )


DTYPE = b"cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R"


@pytest.mark.parametrize(
    "state",
    [
        b"K\x05",
        b"(K\x01tb",
        b"(K\x01J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86" + DTYPE + b"\x89U\x00t",  # 2^62 elements
        b"(K\x01J\xff\xff\xff\xff\x85" + DTYPE + b"\x89U\x00t",  # -1 elements
        b"(K\x01K\x01\x85" + DTYPE + b"\x89U\x04abcdt",  # too few bytes
        b"(K\x01K\x01\x85K\x07\x89U\x04abcdt",  # no dtype
        b"(K\x01U\x01x" + DTYPE + b"\x89U\x04abcdt",  # shape is text
    ],
)
def test_arrays_that_contradict_themselves(state: bytes) -> None:
    with pytest.raises(FormatError):
        rp.read_pickle_bytes(_array_with_state(state))


def test_object_arrays_are_opaque() -> None:
    back = read({"a": np.array([{"x": 1}, None], dtype=object), "b": 1})
    assert isinstance(back, dict)
    assert isinstance(back["a"], rp.Opaque)
    assert back["b"] == 1


def test_object_arrays_hold_plain_data_where_they_are_asked_for() -> None:
    inner = np.arange(6.0).reshape(2, 3)
    array = np.empty((2, 2), object)
    array[0, 0], array[0, 1], array[1, 0], array[1, 1] = {"x": inner}, "name", None, [1, 2]
    for value in (array, np.asfortranarray(array)):
        back = rp.read_pickle_bytes(pickle.dumps(value, 4), object_arrays=True)
        assert back.dtype == object
        np.testing.assert_array_equal(back[0, 0]["x"], inner)
        assert [back[0, 1], back[1, 0], back[1, 1]] == ["name", None, [1, 2]]


def test_object_arrays_of_another_size_than_they_say_are_refused() -> None:
    data = _array_with_state(b"(K\x01K\x03\x85" + DTYPE + b"\x89](K\x01K\x02et")
    with pytest.raises(FormatError, match="2 objects"):
        rp.read_pickle_bytes(data, object_arrays=True)


def test_object_arrays_cannot_smuggle_code() -> None:
    array = np.empty(1, object)
    array[0] = Call(os.system, "true")
    with pytest.raises(FormatError, match="not plain data"):
        rp.read_pickle_bytes(pickle.dumps(array), object_arrays=True)


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04\x8e" + (2**40).to_bytes(8, "little") + b"x.",  # bytes of a tebibyte
        b"\x80\x04\x8d" + (2**62).to_bytes(8, "little") + b"x.",  # text of four exbibytes
        b"\x80\x02T\xff\xff\xff\x7fx.",
        b"\x80\x02K\x01r\xff\xff\xff\x7f.",  # memo of two thousand million entries
        b"\x80\x02K\x01p2000000000\n.",
        b"\x80\x04\x95" + (2**40).to_bytes(8, "little") + b"K\x01.",  # frame
        b"\x80\x02\x8b\xff\xff\xff\x7f\x01.",  # integer of 2 GB
    ],
)
def test_huge_claims_do_not_allocate(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            rp.read_pickle_bytes(data)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_sparse_matrix_of_huge_shape() -> None:
    matrix = scipy.sparse.csr_matrix((2, 10**9))
    with pytest.raises(FormatError, match="too large"):
        read(matrix)


def test_sparse_matrix_with_indices_outside() -> None:
    matrix = scipy.sparse.csc_matrix(np.eye(3))
    matrix.indices = np.array([0, 1, 7])
    with pytest.raises(FormatError):
        read(matrix)


def test_shared_parts_do_not_multiply() -> None:
    value: list = [1]
    for _ in range(60):
        value = [value, value]  # 2^60 leaves if written out
    assert isinstance(read(value), list)


def test_self_reference_and_deep_nesting() -> None:
    loop: list = []
    loop.append(loop)
    back = read(loop)
    assert isinstance(back, list)
    assert isinstance(back[0], rp.Opaque)
    with pytest.raises(FormatError, match="nested"):
        rp.read_pickle_bytes(b"\x80\x02N" + b"\x85" * 9000 + b".")
    with pytest.raises(FormatError, match="parts"):
        rp.read_pickle_bytes(b"\x80\x02}N" + b"\x85" * 100_000 + b"K\x01s.")


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'touch \xff'\ntR.",
        b"S'\xff'\n0cos\nsystem\n(S'\x2e'\ntR.",
        b"S'no end of \xff line",
        b"S'no closing quote\xff\n.",
        b"S\xff\n.",
        b"S'\xff'\nP0\n.",
    ],
)
def test_strings_of_protocol_0_hide_nothing(data: bytes) -> None:
    with pytest.raises(FormatError):
        rp.read_pickle_bytes(data)


@pytest.mark.parametrize("data", [b"", b".", b"garbage", b"\x80\x63.", b"(lp0\n", b"\x80\x02K\x01"])
def test_damaged_files(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "body.pkl"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"body\.pkl"):
        rp.read_pickle(path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # escapes in damaged strings
@pytest.mark.parametrize("protocol", [0, 2])
def test_random_damage_never_escapes_the_error(protocol: int) -> None:
    """Flip bytes of a real pickle: whatever happens is data or a FormatError."""
    good = pickle.dumps({"v": np.arange(4.0), "n": [np.float64(1), "x", (1, 2)]}, protocol)
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(3000):
        bad = bytearray(good)
        for k in rng.integers(0, len(bad), rng.integers(1, 4)):
            bad[k] = rng.integers(0, 256)
        try:
            rp.read_pickle_bytes(bytes(bad))
            outcomes.add("data")
        except FormatError:
            outcomes.add("refused")
    assert outcomes == {"data", "refused"}


def test_files_beyond_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "large.pkl"
    path.write_bytes(pickle.dumps([0] * 1000))
    with pytest.raises(FormatError, match="larger than 100 bytes"):
        rp.read_pickle(path, max_bytes=100)


def test_the_hand_written_pickles_are_wellformed() -> None:
    """Guards the tests above: a hostile pickle that does not parse would prove nothing."""
    pickletools.dis(
        _array_with_state(b"(K\x01K\x01\x85" + DTYPE + b"\x89U\x04abcdt"), io.StringIO()
    )
