"""Which vertices of one skin lie in another one, or nearly, and which way out is."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from marey.fit.contact.closest import face_areas
from marey.fit.contact.mesh_distance import Boxes, Parts
from marey.fit.contact.skin import Skin

_FACING = 0.7
"""Least cosine between the way out and the face's own normal; less is beyond a part's rim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """R vertices of one skin that lie in another, or nearly."""

    row: Int[np.ndarray, "R"]
    """Which of the frames."""
    vertex: Int[np.ndarray, "R"]
    face: Int[np.ndarray, "R"]
    corner: Float[np.ndarray, "R 3"]
    distance: Float[np.ndarray, "R"]
    """m; negative inside."""
    normal: Float[np.ndarray, "R 3"]
    """Out of the other skin."""

    @classmethod
    def none(cls) -> "Near":
        """Return nothing found."""
        whole, three = np.zeros(0, np.int64), np.zeros((0, 3))
        return cls(
            row=whole, vertex=whole, face=whole, corner=three, distance=np.zeros(0), normal=three
        )

    @classmethod
    def join(cls, parts: "Sequence[Near]") -> "Near":
        """Return what several searches found."""
        whole = [cls.none(), *parts]
        return cls(
            **{
                field.name: np.concatenate([getattr(part, field.name) for part in whole])
                for field in fields(cls)
            }
        )

    def shift(self, rows: int) -> "Near":
        """Return the same, its frames counted from an earlier one."""
        return replace(self, row=self.row + rows)


def find_near(
    skin: Skin,
    points: Float[np.ndarray, "M V 3"],
    other: Skin,
    meshes: Float[np.ndarray, "M V 3"],
    *,
    within: float,
    reach: float = 0.08,
    itself: bool = False,
) -> Near:
    """Find the vertices of one body that are less than `within` outside another's skin.

    Args:
        skin: Whose vertices are asked for.
        points: They, frame by frame, m.
        other: In whose skin they may lie.
        meshes: It, in the same frames.
        within: Widest gap that counts, m.
        reach: Vertices farther than this from the surface are not found, however deep, m.
        itself: Whether both are one body, whose neighbouring parts always touch.
    """
    found = []
    for row, (own, mesh) in enumerate(zip(points, meshes, strict=True)):
        boxes = other.tree.pose(mesh)
        parts = other.parts if itself else None
        chosen = _choose_groups(skin, own, other, boxes, within, reach, parts)
        if not len(chosen):
            continue
        met = other.tree.measure(boxes, own, chosen=chosen, reach=reach, parts=parts)
        kept = np.flatnonzero(met.distance < within)
        if itself:
            kept = kept[_faces_out(boxes.vertices, other, met.face[kept], met.normal[kept])]
        found.append(
            Near(
                row=np.full(len(kept), row),
                vertex=chosen[kept],
                face=met.face[kept],
                corner=met.corner[kept],
                distance=met.distance[kept],
                normal=met.normal[kept],
            )
        )
    return Near.join(found)


def _choose_groups(
    skin: Skin,
    points: Float[np.ndarray, "V 3"],
    other: Skin,
    boxes: Boxes,
    within: float,
    reach: float,
    parts: Parts | None,
) -> Int[np.ndarray, "A"]:
    """Return the vertices of groups of which one may be in or near the other skin."""
    low, high = boxes.low[0] - within, boxes.high[0] + within
    heads = points[skin.group_head]
    size = np.diff(np.append(skin.group_start, len(skin.order)))
    away = ((points[skin.order] - np.repeat(heads, size, 0)) ** 2).sum(1)
    radius = np.sqrt(np.maximum.reduceat(away, skin.group_start))
    inside = ((heads >= low - radius[:, None]) & (heads <= high + radius[:, None])).all(1)
    asked = np.flatnonzero(inside)
    if parts is not None:  # Groups may reach over several parts.
        near = asked
    else:
        met = other.tree.measure(boxes, points, chosen=skin.group_head[asked], reach=reach)
        near = asked[met.distance < within + radius[asked]]
    wanted = np.zeros(len(size), bool)
    wanted[near] = True
    return skin.order[np.repeat(wanted, size)]


def _faces_out(
    vertices: Float[np.ndarray, "V 3"],
    skin: Skin,
    face: Int[np.ndarray, "R"],
    normal: Float[np.ndarray, "R 3"],
) -> Bool[np.ndarray, "R"]:
    area = face_areas(vertices[skin.tree.faces[face]])
    size = np.maximum(np.linalg.norm(area, axis=1), 1e-30)
    return (area * normal).sum(1) > _FACING * size
