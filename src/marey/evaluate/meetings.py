"""How two bodies meet in a frame: how deep they are in each other, and which parts touch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from marey.body import Body, load_body
from marey.core.errors import InputError, MareyError
from marey.evaluate.prepare import Pair
from marey.fit.contact.body_parts import vertex_parts
from marey.fit.contact.mesh_distance import MeshTree

TOUCH_M = 0.01
"""Skins nearer than this touch, as `marey.fit.contact.touch` has it."""
_DEEPEST_M = 0.3
_LICENSED = ("smpl_neutral", "smplh_neutral", "smplx_neutral", "basicmodel_neutral")

Touch = tuple[int, int, int, int, int]
"""Sequence, pair of people, frame, part of the first, part of the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """A body's triangles and the parts its vertices belong to."""

    faces: Int[np.ndarray, "F 3"]
    part: Int[np.ndarray, "V"]
    names: tuple[str, ...]
    """Of the parts."""

    @classmethod
    def of(cls, body: Body) -> "Surface":
        """Take a body's surface."""
        names, part = vertex_parts(body)
        return cls(faces=body.faces.numpy().astype(np.int64), part=part, names=names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meetings:
    """Pairs of people of one sequence, on one side of a comparison: P pairs in T frames."""

    there: Bool[np.ndarray, "P T"]
    """Both have a mesh."""
    depth: Float[np.ndarray, "P T"]
    """Of the deepest vertex of either below the other's surface, m; 0 if neither is in the other,
    NaN where somebody has no mesh."""
    touches: frozenset[Touch]


def find_surface(num_vertices: int, licensed: Path | None) -> Surface | None:
    """Return the surface of a body with so many vertices; None if no such body is at hand.

    Args:
        num_vertices: Of the meshes.
        licensed: Folder of licensed bodies.
    """
    for body in _bodies(licensed):
        if len(body.v_template) == num_vertices:
            return Surface.of(body)
    return None


def _bodies(licensed: Path | None) -> Iterator[Body]:
    yield load_body("marey-h")
    yield load_body("marey-h", mesh="light")
    if licensed is None:
        return
    for path in sorted(licensed.glob("*")) if licensed.is_dir() else ():
        if path.suffix in (".npz", ".pkl") and path.name.lower().startswith(_LICENSED):
            try:
                yield load_body(path)
            except MareyError:
                continue  # Of another kind; a body is looked for, not asked for by name.


def find_meetings(
    pairs: Sequence[Pair], surface: Surface
) -> tuple[tuple[Meetings, ...], tuple[Meetings, ...]]:
    """Return how predicted and true people meet, sequence by sequence.

    Args:
        pairs: Both sides, people in the same places.
        surface: Of all meshes.

    Raises:
        InputError: If a mesh has another number of vertices.
    """
    tree: list[MeshTree] = []
    sides = []
    for side in ("predicted", "truth"):
        found = []
        for number, pair in enumerate(pairs):
            meshes = getattr(pair, side).vertices
            assert meshes is not None
            if meshes.shape[2] != len(surface.part):
                raise InputError(
                    f"sequence '{pair.name}': meshes have {meshes.shape[2]} vertices, others "
                    f"{len(surface.part)}; all must be of one body model"
                )
            found.append(_meet(number, meshes, surface, tree))
        sides.append(tuple(found))
    return sides[0], sides[1]


def _meet(
    number: int,
    meshes: Float[np.ndarray, "N T V 3"],
    surface: Surface,
    tree: list[MeshTree],
) -> Meetings:
    known = np.asarray(np.isfinite(meshes).all((2, 3)))
    people = list(combinations(range(len(meshes)), 2))
    there = np.zeros((len(people), known.shape[1]), bool)
    for row, (a, b) in enumerate(people):
        there[row] = known[a] & known[b]
    depth = np.where(there, 0.0, np.nan)
    touches: set[Touch] = set()
    rows, frames = np.nonzero(there)
    for pair, frame in zip(rows.tolist(), frames.tolist(), strict=True):
        one, two = (meshes[person, frame].astype(np.float64) for person in people[pair])
        if not tree:  # Any pose will do; boxes are fitted to each.
            tree.append(MeshTree.of(one, surface.faces))
        depth[pair, frame], found = meet_meshes(one, two, surface, tree[0])
        touches |= {(number, pair, frame, *parts) for parts in found}
    return Meetings(there=there, depth=depth, touches=frozenset(touches))


def meet_meshes(
    first: Float[np.ndarray, "V 3"],
    second: Float[np.ndarray, "V 3"],
    surface: Surface,
    tree: MeshTree | None = None,
) -> tuple[float, set[tuple[int, int]]]:
    """Return how deep two meshes are in each other, m, and the pairs of their parts that touch.

    Depth is the distance of the deepest vertex of either from the other's surface. Two parts touch
    if a vertex of one is less than a centimetre outside the other's surface, or in it; a place of
    the surface is of its nearest corner's part.

    Args:
        first: Vertices of one body, m.
        second: Vertices of the other.
        surface: Of both.
        tree: Of its faces, in any pose.
    """
    tree = tree or MeshTree.of(first, surface.faces)
    deepest, touching = 0.0, set()
    for ours, theirs, turned in ((first, second, False), (second, first, True)):
        boxes = tree.pose(theirs)
        low, high = boxes.low[0] - TOUCH_M, boxes.high[0] + TOUCH_M
        near = np.flatnonzero(((ours >= low) & (ours <= high)).all(1))
        if not len(near):
            continue
        met = tree.measure(boxes, ours, chosen=near, reach=_DEEPEST_M)
        close = np.flatnonzero(met.distance < TOUCH_M)
        if not len(close):
            continue
        deepest = max(deepest, -float(met.distance[close].min()))
        corner = met.corner[close].argmax(1)
        own = surface.part[near[close]].tolist()
        other = surface.part[surface.faces[met.face[close], corner]].tolist()
        touching |= set(zip(other, own, strict=True) if turned else zip(own, other, strict=True))
    return deepest, touching
