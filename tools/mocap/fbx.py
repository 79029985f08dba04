"""Binary FBX, as little of it as the rotation curves of a skeleton need.

The container is a tree of records (end offset, property count, name, typed properties; arrays may be
zlib-compressed). Of the objects we use LimbNode models (`Lcl Rotation`, `PreRotation`,
`PostRotation`, `RotationOrder`), and animation curves tied to them by the connections. A local
rotation is pre * euler * post^-1.
"""

# ruff: noqa: E501 - prose wrapped a little wider

import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

TICKS = 46186158000
"""Time units per second."""
ORDERS = ("xyz", "xzy", "yzx", "yxz", "zxy", "zyx")
"""RotationOrder; the first axis is applied first (scipy's lower case: fixed axes)."""


@dataclass
class Record:
    """A node of the file."""

    name: str
    values: list
    children: list["Record"] = field(default_factory=list)

    def find(self, name: str) -> "Record":
        """Return the first child of a name."""
        return next(child for child in self.children if child.name == name)


@dataclass
class Bone:
    """A model and its channels over the sampled times."""

    name: str
    parent: str | None
    offset: np.ndarray
    rest: np.ndarray
    """(3, 3) local rotation where nothing is animated."""
    local: np.ndarray
    """(T, 3, 3)."""
    position: np.ndarray
    """(T, 3)."""


def read_bones(path: Path, rate: float) -> list[Bone]:
    """Return the limb nodes, parents first, sampled at a rate."""
    data = path.read_bytes()
    wide = struct.unpack_from("<I", data, 23)[0] >= 7500
    root = Record("", [])
    position = 27
    while True:
        record, position = _read(data, position, wide)
        if record is None:
            break
        root.children.append(record)
    objects, links = root.find("Objects"), root.find("Connections")
    models = {r.values[0]: r for r in objects.children if r.name == "Model"}
    nodes = {r.values[0]: r for r in objects.children if r.name == "AnimationCurveNode"}
    curves = {r.values[0]: r for r in objects.children if r.name == "AnimationCurve"}
    parent, channel, axis = {}, {}, {}
    for link in links.children:
        kind, child, owner = link.values[:3]
        if kind == "OO" and child in models:
            parent[child] = owner if owner in models else None
        elif kind == "OP" and child in nodes and owner in models:
            channel[owner, link.values[3]] = child
        elif kind == "OP" and child in curves and owner in nodes:
            axis[owner, link.values[3][-1].lower()] = curves[child]
    spans = [_keys(curve)[0] for curve in curves.values()] or [np.zeros(1)]
    start = min(span[0] for span in spans)
    stop = max(span[-1] for span in spans)
    times = np.arange(start, stop + 1e-6, 1 / rate)
    bones, waiting = [], [key for key in models if parent.get(key) is None]
    while waiting:
        key = waiting.pop(0)
        waiting += [child for child, owner in parent.items() if owner == key]
        bones.append(_bone(models, key, parent.get(key), channel, axis, times))
    return bones


def _bone(models, key, owner, channel, axis, times) -> Bone:
    name = _name(models[key])
    settings = {p.values[0]: p.values[4:] for p in models[key].find("Properties70").children}

    def triple(label: str) -> np.ndarray:
        return np.array(settings.get(label, [0.0, 0.0, 0.0])[:3], float)

    def animate(label: str) -> np.ndarray:
        base = np.tile(triple(label), (len(times), 1))
        if (key, label) in channel:
            for column, letter in enumerate("xyz"):
                curve = axis.get((channel[key, label], letter))
                if curve is not None:
                    base[:, column] = np.interp(times, *_keys(curve))
        return base

    order = ORDERS[int(settings.get("RotationOrder", [0])[0])]
    before = Rotation.from_euler("xyz", triple("PreRotation"), degrees=True)
    after = Rotation.from_euler("xyz", triple("PostRotation"), degrees=True).inv()

    def turn(angles: np.ndarray) -> np.ndarray:
        return (before * Rotation.from_euler(order, angles, degrees=True) * after).as_matrix()

    return Bone(
        name=name,
        parent=None if owner is None else _name(models[owner]),
        offset=triple("Lcl Translation"),
        rest=turn(triple("Lcl Rotation")),
        local=turn(animate("Lcl Rotation")),
        position=animate("Lcl Translation"),
    )


def _name(model: Record) -> str:
    return model.values[1].split("\x00")[0].removeprefix("Model::")


def _keys(curve: Record) -> tuple[np.ndarray, np.ndarray]:
    time = np.asarray(curve.find("KeyTime").values[0]) / TICKS
    return time, np.asarray(curve.find("KeyValueFloat").values[0], float)


def _read(data: bytes, position: int, wide: bool) -> tuple[Record | None, int]:
    layout = "<QQQB" if wide else "<IIIB"
    stop, count, _, length = struct.unpack_from(layout, data, position)
    position += struct.calcsize(layout)
    if stop == 0:
        return None, position
    name = data[position : position + length].decode()
    position += length
    record = Record(name, [])
    for _ in range(count):
        value, position = _value(data, position)
        record.values.append(value)
    while position < stop:
        child, position = _read(data, position, wide)
        if child is None:
            break
        record.children.append(child)
    return record, stop


def _value(data: bytes, position: int):
    kind = chr(data[position])
    position += 1
    plain = {"Y": "<h", "C": "<?", "I": "<i", "F": "<f", "D": "<d", "L": "<q"}
    if kind in plain:
        return struct.unpack_from(plain[kind], data, position)[0], position + struct.calcsize(
            plain[kind]
        )
    if kind in "SR":
        size = struct.unpack_from("<I", data, position)[0]
        raw = data[position + 4 : position + 4 + size]
        return raw.decode("latin1") if kind == "S" else raw, position + 4 + size
    count, packed, size = struct.unpack_from("<III", data, position)
    raw = data[position + 12 : position + 12 + size]
    number = {"f": "<f4", "d": "<f8", "l": "<i8", "i": "<i4", "b": "?"}[kind]
    values = np.frombuffer(zlib.decompress(raw) if packed else raw, number, count)
    return values, position + 12 + size
