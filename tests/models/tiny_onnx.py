"""Writes tiny ONNX files by hand, so that tests need neither the onnx package nor downloads.

Protobuf's wire format: a field is a varint tag (number * 8 + type) and a varint (type 0) or a
length and that many bytes (type 2).
"""

import numpy as np

FLOAT, INT64, UINT8 = 1, 7, 2
_KINDS = {np.dtype("float32"): FLOAT, np.dtype("int64"): INT64, np.dtype("uint8"): UINT8}


def varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(name: str, array: np.ndarray, *, external: str | None = None) -> bytes:
    out = b"".join(field(1, n) for n in array.shape) + field(2, _KINDS[array.dtype])
    out += field(8, name)
    if external is None:
        return out + field(9, array.tobytes())
    return out + field(13, field(1, "location") + field(2, external)) + field(14, 1)


def node(op: str, inputs: list[str], outputs: list[str], **attributes: int | list[int]) -> bytes:
    out = b"".join(field(1, name) for name in inputs)
    out += b"".join(field(2, name) for name in outputs) + field(4, op)
    for name, value in attributes.items():
        if isinstance(value, int):
            out += field(5, field(1, name) + field(3, value) + field(20, 2))
        else:
            many = b"".join(field(8, n) for n in value)
            out += field(5, field(1, name) + many + field(20, 7))
    return out


def value(name: str, shape: list[int | str], kind: int = FLOAT) -> bytes:
    axes = b"".join(field(1, field(1 if isinstance(n, int) else 2, n)) for n in shape)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, axes)))


def model(
    *,
    nodes: list[bytes],
    inputs: list[bytes],
    outputs: list[bytes],
    tensors: list[bytes],
) -> bytes:
    graph = b"".join(field(1, n) for n in nodes) + field(2, "tiny")
    graph += b"".join(field(5, t) for t in tensors)
    graph += b"".join(field(11, v) for v in inputs) + b"".join(field(12, v) for v in outputs)
    return field(1, 8) + field(8, field(2, 13)) + field(7, graph)


def constant_model(
    image_shape: list[int | str], outputs: dict[str, np.ndarray], input_name: str = "input"
) -> bytes:
    """A network that ignores its picture and says what the test wants it to say."""
    return model(
        nodes=[node("Identity", [f"{name}_value"], [name]) for name in outputs],
        inputs=[value(input_name, image_shape)],
        outputs=[
            value(name, list(array.shape), _KINDS[array.dtype]) for name, array in outputs.items()
        ],
        tensors=[tensor(f"{name}_value", array) for name, array in outputs.items()],
    )
