"""Just enough of ONNX's protobuf wire format to see whether a model is one, and self-contained.

The walk touches field headers only and skips payloads, so a model of 100 MB takes milliseconds.
Field numbers are those of onnx.proto: ModelProto.graph 7 and .functions 25; GraphProto.node 1,
.initializer 5, .sparse_initializer 15; NodeProto.attribute 5; FunctionProto.node 7;
AttributeProto.t 5, .g 6, .tensors 10, .graphs 11, .sparse_tensor 22, .sparse_tensors 23;
SparseTensorProto.values 1, .indices 2; TensorProto.external_data 13 and .data_location 14.
"""

from collections.abc import Iterator

from marey.core.errors import FormatError

_MAX_DEPTH = 32
"""Graphs nest (If, Loop) a few levels at most; more is an attack on the recursion."""

# Which fields of which message lead to a tensor, and the message found there.
_CHILDREN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_FIELDS = (13, 14)
_EXTERNAL_LOCATION = 1


def refers_to_external_data(content: bytes, *, name: str) -> bool:
    """Tell whether any tensor of an ONNX model lives outside of the file.

    Args:
        content: The file's bytes.
        name: What to call the file in messages.

    Raises:
        FormatError: If the bytes are not an ONNX model.
    """
    try:
        fields = {number for number, _ in _read_fields(memoryview(content))}
        if 7 not in fields:
            raise _NotProtobuf
        return _search(memoryview(content), "model", 0)
    except _NotProtobuf:
        raise FormatError(
            f"{name} is not an ONNX model; marey runs networks in ONNX form (one .onnx file)"
        ) from None


class _NotProtobuf(Exception):
    pass


def _search(message: memoryview, kind: str, depth: int) -> bool:
    if depth > _MAX_DEPTH:
        raise _NotProtobuf
    children = _CHILDREN[kind]
    for number, value in _read_fields(message):
        if kind == "tensor" and number in _EXTERNAL_FIELDS:
            if number == 13 or value == _EXTERNAL_LOCATION:
                return True
        elif number in children:
            if isinstance(value, int):
                raise _NotProtobuf
            if _search(value, children[number], depth + 1):
                return True
    return False


def _read_fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (field number, integer or payload) of one message, skipping nothing."""
    position, end = 0, len(message)
    while position < end:
        tag, position = _read_varint(message, position)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            raise _NotProtobuf
        if wire == 0:
            value, position = _read_varint(message, position)
            yield number, value
            continue
        if wire == 2:
            length, position = _read_varint(message, position)
        else:
            length = {1: 8, 5: 4}.get(wire, -1)
        if length < 0 or position + length > end:
            raise _NotProtobuf
        yield number, message[position : position + length]
        position += length


def _read_varint(message: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(message) and shift < 64:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise _NotProtobuf
