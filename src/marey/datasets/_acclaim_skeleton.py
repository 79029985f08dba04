"""Acclaim's skeletons (ASF): sections that begin with a colon, bones between `begin` and `end`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.io.bvh._lines import LineReader, open_lines

MAX_BONES = 2048
MAX_NUMBER = 1e7
INCH_M = 0.0254

_ROTATIONS = ("rx", "ry", "rz")
_POSITIONS = ("tx", "ty", "tz")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bone:
    """A bone below the root."""

    name: str
    parent: int
    """Number of the joint it hangs on: 0 is the root, k the joint of the k-th bone."""
    vector: Float[np.ndarray, "3"]
    """From its start to its end at rest, in the file's unit."""
    frame: Float[np.ndarray, "3 3"]
    """Rotation of the frame its angles are given in."""
    axes: str
    """The axes it turns about, in the order they are applied; may be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A subject's skeleton."""

    unit_m: float
    degrees: bool
    position_columns: tuple[int, ...]
    """Where x, y and z are among the root's six numbers."""
    rotation_columns: tuple[int, ...]
    rotation_axes: str
    bones: tuple[Bone, ...]
    """Parents before children."""

    @property
    def columns(self) -> dict[str, int]:
        """How many numbers a frame holds for the root and each bone that moves."""
        return {"root": 6} | {bone.name: len(bone.axes) for bone in self.bones if bone.axes}


def turn_about(
    axes: str, angles: Float[np.ndarray, "*T n"], degrees: bool
) -> Float[np.ndarray, "*T 3 3"]:
    """Return rotations by angles about fixed axes, the first applied first."""
    if not axes:
        return np.broadcast_to(np.eye(3), (*angles.shape[:-1], 3, 3))
    return Rotation.from_euler(axes, angles, degrees=degrees).as_matrix()


def read_skeleton(path: Path) -> Figure:
    """Read an .asf file, which may be gzipped.

    Raises:
        InputError: If it cannot be read.
        FormatError: If it is no skeleton, or uses what is not supported (bones that stretch).
    """
    with open_lines(path) as lines:
        return _Parser(lines).read()


class _Parser:
    def __init__(self, lines: LineReader):
        self._lines = lines
        self._length, self._degrees = 1.0, True
        self._order: tuple[str, ...] = ()
        self._fields: dict[str, dict[str, list[str]]] = {}
        self._parent: dict[str, str] = {}

    def read(self) -> Figure:
        section = ""
        readers = {
            ":units": self._take_unit,
            ":root": self._take_root,
            ":bonedata": self._take_bone,
            ":hierarchy": self._take_children,
        }
        for words in self._words():
            if words[0].startswith(":"):
                section = words[0].lower()
            elif section in readers:
                readers[section](words)
        return self._finish()

    def _words(self) -> Iterator[list[str]]:
        while (words := self._lines.read_words()) is not None:
            if not words[0].startswith("#"):
                yield words

    def _numbers(self, words: Sequence[str], count: int, what: str) -> Float[np.ndarray, "n"]:
        try:
            values = np.array([float(word) for word in words[:count]])
        except ValueError:
            values = np.zeros(0)
        if len(values) != count or not (np.abs(values) <= MAX_NUMBER).all():
            found = f"'{' '.join(words)}'"
            raise self._lines.fault(f"{count} numbers of at most 1e7 after {what}", found)
        return values

    def _take_unit(self, words: list[str]) -> None:
        if words[0].lower() == "length":
            self._length = float(self._numbers(words[1:], 1, "length")[0])
            if self._length <= 0:
                raise self._lines.fault("a length above 0", words[1])
        elif words[0].lower() == "angle":
            self._degrees = words[-1].lower() != "rad"

    def _take_root(self, words: list[str]) -> None:
        key = words[0].lower()
        if key == "order":
            self._order = tuple(word.lower() for word in words[1:])
        elif key in ("position", "orientation") and self._numbers(words[1:], 3, key).any():
            raise self._lines.fault(f"a root whose {key} at rest is 0 0 0", " ".join(words))

    def _take_bone(self, words: list[str]) -> None:
        if words[0].lower() != "begin":
            raise self._lines.fault("begin, with which a bone starts", f"'{' '.join(words)}'")
        fields: dict[str, list[str]] = {}
        for inner in self._words():
            if inner[0].lower() == "end":
                break
            fields[inner[0].lower()] = inner[1:]
        name = fields.get("name", [""])[0]
        if not name or name == "root" or name in self._fields or len(self._fields) >= MAX_BONES:
            found = f"'{name}' after {len(self._fields)} bones"
            raise self._lines.fault(f"a name of its own for each of {MAX_BONES} bones", found)
        self._fields[name] = fields

    def _take_children(self, words: list[str]) -> None:
        if words[0].lower() in ("begin", "end") and len(words) == 1:
            return
        for child in words[1:]:
            if child in self._parent:
                raise self._lines.fault("one parent for each bone", f"a second for {child}")
            self._parent[child] = words[0]

    def _finish(self) -> Figure:
        if set(self._parent) != set(self._fields) or not self._fields:
            found = f"{len(self._fields)} bones and a hierarchy of {len(self._parent)}"
            raise self._lines.fault("a hierarchy of all bones", found)
        order = self._order or (*_POSITIONS, *_ROTATIONS)
        if sorted(order) != sorted((*_POSITIONS, *_ROTATIONS)):
            raise self._lines.fault("a root that turns and moves in x, y and z", " ".join(order))
        turns = [name for name in order if name in _ROTATIONS]
        names = self._sort()
        return Figure(
            unit_m=INCH_M / self._length,
            degrees=self._degrees,
            position_columns=tuple(order.index(name) for name in _POSITIONS),
            rotation_columns=tuple(order.index(name) for name in turns),
            rotation_axes="".join(name[1] for name in turns),
            bones=tuple(self._make_bone(name, names) for name in names[1:]),
        )

    def _sort(self) -> list[str]:
        """Return root and bones, parents first, otherwise in the order of the file."""
        names, waiting = ["root"], list(self._fields)
        while waiting:
            ready = [name for name in waiting if self._parent[name] in names]
            if not ready:
                raise self._lines.fault("bones that all hang on the root", f"{waiting[0]} alone")
            # One at a time keeps the file's order wherever it has parents first already.
            names.append(ready[0])
            waiting.remove(ready[0])
        return names

    def _make_bone(self, name: str, names: list[str]) -> Bone:
        fields = self._fields[name]
        direction = self._numbers(fields.get("direction", []), 3, f"direction of {name}")
        length = self._numbers(fields.get("length", []), 1, f"length of {name}")[0]
        axis = fields.get("axis", ["0", "0", "0", "XYZ"])
        angles = self._numbers(axis, 3, f"axis of {name}")
        order = axis[3].lower() if len(axis) > 3 else "xyz"
        moves = [word.lower() for word in fields.get("dof", [])]
        if sorted(order) != ["x", "y", "z"] or not set(moves) <= set(_ROTATIONS):
            found = f"axis {order}, dof {' '.join(moves)}"
            raise self._lines.fault(f"{name} to turn about x, y and z only", found)
        if len(set(moves)) < len(moves):
            raise self._lines.fault(f"each axis of {name} once", " ".join(moves))
        return Bone(
            name=name,
            parent=names.index(self._parent[name]),
            vector=direction * length,
            frame=turn_about(order, angles, self._degrees),
            axes="".join(move[1] for move in moves),
        )
