"""Opening networks: the border where files of unknown origin come in."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marey.core.errors import FormatError, InputError
from marey.models.onnx_structure import refers_to_external_data
from marey.models.session import open_network, run_network
from tests.models import tiny_onnx as tiny

DOUBLE = tiny.model(
    nodes=[tiny.node("Add", ["x", "x"], ["y"])],
    inputs=[tiny.value("x", ["N", 2])],
    outputs=[tiny.value("y", ["N", 2])],
    tensors=[],
)


def external_model() -> bytes:
    weights = np.ones((1, 2), np.float32)
    return tiny.model(
        nodes=[tiny.node("Add", ["x", "w"], ["y"])],
        inputs=[tiny.value("x", ["N", 2])],
        outputs=[tiny.value("y", ["N", 2])],
        tensors=[tiny.tensor("w", weights, external="/etc/passwd")],
    )


def test_a_sound_model_runs(tmp_path):
    path = tmp_path / "double.onnx"
    path.write_bytes(DOUBLE)
    (y,) = run_network(open_network(path), ["y"], x=np.float32([[1, 2], [3, 4], [5, 6]]))
    np.testing.assert_array_equal(y, [[2, 4], [6, 8], [10, 12]])


@pytest.mark.parametrize("content", [b"", b"hello, this is no network", b"\x89PNG\r\n\x1a\n" * 9])
def test_other_files_are_named_as_such(tmp_path, content):
    path = tmp_path / "wrong.onnx"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"not an ONNX model.*ONNX form"):
        open_network(path)


def test_a_truncated_model_is_refused(tmp_path):
    path = tmp_path / "short.onnx"
    path.write_bytes(DOUBLE[: len(DOUBLE) // 2])
    with pytest.raises(FormatError):
        open_network(path)


def test_a_model_this_runtime_cannot_run_is_refused(tmp_path):
    path = tmp_path / "odd.onnx"
    path.write_bytes(DOUBLE.replace(b"Add", b"Bad"))
    with pytest.raises(FormatError, match="can run"):
        open_network(path)


def test_external_data_is_refused(tmp_path):
    path = tmp_path / "external.onnx"
    path.write_bytes(external_model())
    with pytest.raises(FormatError, match="external data"):
        open_network(path)


def test_external_data_is_found_in_attributes_of_nodes():
    hidden = tiny.tensor("w", np.ones(1, np.float32), external="elsewhere.bin")
    constant = tiny.field(2, "y") + tiny.field(4, "Constant")
    constant += tiny.field(5, tiny.field(1, "value") + tiny.field(5, hidden) + tiny.field(20, 4))
    content = tiny.model(nodes=[constant], inputs=[], outputs=[tiny.value("y", [1])], tensors=[])
    assert refers_to_external_data(content, name="it")
    assert not refers_to_external_data(DOUBLE, name="it")


@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_escape_as_another_error(content):
    with contextlib.suppress(FormatError):
        refers_to_external_data(content, name="noise")


def test_missing_file_and_unknown_provider_say_what_to_do(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        open_network(tmp_path / "none.onnx")
    path = tmp_path / "double.onnx"
    path.write_bytes(DOUBLE)
    with pytest.raises(InputError, match="CPUExecutionProvider"):
        open_network(path, providers=["NoSuchProvider"])


def test_too_large_a_file_is_not_read(tmp_path):
    path = tmp_path / "huge.onnx"
    with path.open("wb") as file:
        file.truncate(2**30 + 1)  # sparse: takes no room
    with pytest.raises(InputError, match="more than"):
        open_network(path)
