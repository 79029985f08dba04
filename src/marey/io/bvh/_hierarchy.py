"""The first half of a BVH file: a tree of joints, their offsets and what moves them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from marey.io.bvh._lines import LineReader

POSITIONS = ("Xposition", "Yposition", "Zposition")
ROTATIONS = ("Zrotation", "Xrotation", "Yrotation")
"""In the order marey writes: the outermost rotation first."""

MAX_NODES = 2048
MAX_DEPTH = 256
MAX_OFFSET = 1e7
MAX_NAME = 256

_CHANNELS = {name.lower(): name for name in (*POSITIONS, *ROTATIONS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A root, a joint or the end of a limb (`End Site`)."""

    name: str
    parent: int
    """Index into the list of nodes, in which parents come first; -1 for the root."""
    offset: tuple[float, float, float]
    """From the parent, in the file's axes and unit."""
    channels: tuple[str, ...] = ()
    is_end: bool = False


def parse_hierarchy(lines: LineReader) -> list[Node]:
    """Read everything from HIERARCHY up to and including MOTION.

    Returns:
        The nodes in the order of the file, which is also that of the channels.

    Raises:
        FormatError: If the text is not a hierarchy of one root, or is beyond the limits.
    """
    words = lines.read_words()
    if words is None or words[0].upper() != "HIERARCHY":
        raise lines.fault("HIERARCHY, with which BVH files begin", _quote(words))
    parser, words = _Parser(lines), words[1:]
    while True:
        # Some programs leave out the blank before a brace.
        words = " ".join(words or ()).replace("{", " { ").replace("}", " } ").split()
        if words and words[0].upper() == "MOTION":
            return parser.finish()
        while words:
            words = parser.take(words)
        words = lines.read_words()
        if words is None:
            raise lines.fault("MOTION", "the end of the file")


def format_hierarchy(nodes: Sequence[Node]) -> str:
    """Return nodes as text, up to and including MOTION; each subtree must be in one piece."""
    text, depth = ["HIERARCHY\n"], []
    for node in nodes:
        level = depth[node.parent] + 1 if node.parent >= 0 else 0
        text += _close(depth[-1] if depth else -1, level)
        depth.append(level)
        indent = "\t" * level
        title = f"ROOT {node.name}" if level == 0 else f"JOINT {node.name}"
        text.append(f"{indent}{'End Site' if node.is_end else title}\n{indent}{{\n")
        # Adding zero turns -0.0 into 0.0.
        x, y, z = (round(value, 6) + 0.0 for value in node.offset)
        text.append(f"{indent}\tOFFSET {x:.6f} {y:.6f} {z:.6f}\n")
        if not node.is_end:
            channels = " ".join(node.channels)
            text.append(f"{indent}\tCHANNELS {len(node.channels)} {channels}\n")
    return "".join([*text, *_close(depth[-1], 0), "MOTION\n"])


def _close(last: int, level: int) -> list[str]:
    """Return the closing braces between a node at depth `last` and the next at `level`."""
    return ["\t" * k + "}\n" for k in range(last, level - 1, -1)]


class _Parser:
    """Takes words from the left of each line; what is open is kept in a list, not on the stack."""

    def __init__(self, lines: LineReader):
        self._lines = lines
        self._nodes: list[Node] = []
        self._offsets: dict[int, tuple[float, float, float]] = {}
        self._channels: dict[int, tuple[str, ...]] = {}
        self._open: list[int] = []
        self._awaits_brace = False

    def take(self, words: list[str]) -> list[str]:
        """Handle the statement at the front and return the words after it."""
        keyword = words[0].upper()
        if self._awaits_brace and keyword != "{":
            raise self._lines.fault("{", _quote(words))
        if keyword == "{" and self._awaits_brace:
            self._awaits_brace = False
            return words[1:]
        if keyword == "ROOT" and not self._nodes:
            return self._begin(words)
        if not self._open:
            wanted = "MOTION after the one skeleton" if self._nodes else "ROOT"
            raise self._lines.fault(wanted, _quote(words))
        if keyword == "}":
            return self._end(words)
        if keyword == "OFFSET":
            return self._take_offset(words)
        if self._nodes[self._open[-1]].is_end:
            raise self._lines.fault("OFFSET or } in an End Site", _quote(words))
        if keyword == "CHANNELS":
            return self._take_channels(words)
        if keyword in ("JOINT", "END"):
            return self._begin(words)
        raise self._lines.fault("JOINT, End Site, OFFSET, CHANNELS or }", _quote(words))

    def finish(self) -> list[Node]:
        """Return the nodes once MOTION is reached."""
        if self._open or self._awaits_brace or not self._nodes:
            wanted = "} for each {" if self._nodes else "ROOT"
            raise self._lines.fault(f"{wanted} before the motion", "MOTION")
        return [
            Node(
                name=node.name,
                parent=node.parent,
                offset=self._offsets[k],
                channels=self._channels.get(k, ()),
                is_end=node.is_end,
            )
            for k, node in enumerate(self._nodes)
        ]

    def _begin(self, words: list[str]) -> list[str]:
        stop = words.index("{") if "{" in words else len(words)
        # Names are one word for most readers; Blender joins several in the same way.
        name = "_".join(words[1:stop])
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise self._lines.fault(f"a name after {words[0]}", repr(name))
        if len(self._nodes) == MAX_NODES or len(self._open) == MAX_DEPTH:
            limit = f"at most {MAX_NODES} joints and {MAX_DEPTH} inside each other"
            raise self._lines.fault(limit, "more")
        parent = self._open[-1] if self._open else -1
        is_end = words[0].upper() == "END"
        self._open.append(len(self._nodes))
        self._nodes.append(Node(name=name, parent=parent, offset=(0, 0, 0), is_end=is_end))
        self._awaits_brace = True
        return words[stop:]

    def _end(self, words: list[str]) -> list[str]:
        node = self._open.pop()
        if node not in self._offsets:
            raise self._lines.fault(f"the OFFSET of {self._nodes[node].name}", "none before }")
        return words[1:]

    def _take_offset(self, words: list[str]) -> list[str]:
        node = self._open[-1]
        try:
            x, y, z = (float(word) for word in words[1:4])
        except ValueError as error:
            raise self._lines.fault("three numbers after OFFSET", _quote(words)) from error
        if math.isnan(x + y + z) or max(abs(x), abs(y), abs(z)) > MAX_OFFSET:
            raise self._lines.fault(f"offsets of at most {MAX_OFFSET:.0e}", _quote(words))
        if node in self._offsets:
            raise self._lines.fault("one OFFSET for each joint", "a second")
        self._offsets[node] = (x, y, z)
        return words[4:]

    def _take_channels(self, words: list[str]) -> list[str]:
        node = self._open[-1]
        count = int(words[1]) if len(words) > 1 and words[1] in tuple("0123456") else -1
        channels = tuple(_CHANNELS.get(word.lower(), "") for word in words[2 : 2 + count])
        if count < 0 or len(channels) != count or "" in channels:
            raise self._lines.fault(
                "CHANNELS, their number up to 6 and names such as Xposition or Zrotation",
                _quote(words),
            )
        if node in self._channels:
            raise self._lines.fault("CHANNELS once for each joint", _quote(words))
        positions = [channel for channel in channels if channel in POSITIONS]
        if len(set(positions)) < len(positions) or count - len(positions) > 3:
            raise self._lines.fault("each position once and at most 3 rotations", _quote(words))
        self._channels[node] = channels
        return words[2 + count :]


def _quote(words: Sequence[str] | None) -> str:
    return "the end of the file" if words is None else f"'{' '.join(words)}'"
