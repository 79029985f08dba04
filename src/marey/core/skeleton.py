"""Keypoint sets as data, and conversion between them by name.

Each set is a TOML file in `core/skeletons`: its name, its keypoints in order, its edges and, where
published, its OKS sigmas. Mirror partners follow from the names (`left_x`, `right_x`). Two sets
that call different points by one name would convert wrongly, so a point has one name everywhere
and different points have different names.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from jaxtyping import Float

from marey.core.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeleton:
    """A named, ordered set of K landmarks one can see."""

    name: str
    keypoints: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    """Pairs of keypoint indices to draw as limbs."""
    mirror: tuple[int, ...]
    """For each keypoint, the index of its left-right partner (itself on the midline)."""
    oks_sigmas: tuple[float, ...] | None = None
    """Per-keypoint sigmas of COCO's OKS, as a fraction of the person's scale; NaN if unknown."""

    def index(self, keypoint: str) -> int:
        """Return the position of a keypoint in `keypoints`."""
        return self.keypoints.index(keypoint)

    def __len__(self) -> int:
        return len(self.keypoints)


_LABELLINGS = ("_lsp", "_coco", "_mpii")
"""Suffixes of points a set holds twice, as another data set labels them (SPIN-49, J14)."""

_SAME_PLACE = (
    ("upper_neck", "thorax", "neck_3dhp"),
    ("mid_shoulder", "neck"),
    ("head_top", "head_h36m"),
    ("head_h36m", "head_3dhp"),
    ("left_big_toe", "left_foot_index"),
    ("right_big_toe", "right_foot_index"),
)
"""Points of different sets that published protocols take for each other, a few cm apart."""


def list_skeletons() -> tuple[str, ...]:
    """Return the names of all skeletons marey knows."""
    folder = files("marey.core") / "skeletons"
    names = (entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return tuple(sorted(name.removesuffix(".toml") for name in names))


@cache
def load_skeleton(name: str) -> Skeleton:
    """Load a skeleton by name, for example `coco-wholebody-133`.

    Raises:
        InputError: If no skeleton has this name.
    """
    known = list_skeletons()
    if name not in known:
        raise InputError(f"unknown skeleton '{name}'; choose one of {', '.join(known)}")
    text = (files("marey.core") / "skeletons" / f"{name}.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    keypoints = tuple(data["keypoints"])
    sigmas = data.get("oks_sigmas")
    return Skeleton(
        name=data["name"],
        keypoints=keypoints,
        edges=tuple((keypoints.index(a), keypoints.index(b)) for a, b in data["edges"]),
        mirror=tuple(keypoints.index(mirror_name(point)) for point in keypoints),
        oks_sigmas=None if sigmas is None else tuple(float(sigma) for sigma in sigmas),
    )


def mirror_name(name: str) -> str:
    """Return the name of the left-right partner of a keypoint or joint."""
    for side, other in (("left_", "right_"), ("right_", "left_")):
        if name.startswith(side):
            return other + name.removeprefix(side)
    return name


def convert_keypoints(
    values: Float[np.ndarray, "..."],
    source: Skeleton,
    target: Skeleton,
    *,
    axis: int = -2,
    missing: float = np.nan,
    substitute: bool = False,
) -> Float[np.ndarray, "..."]:
    """Reorder values from one skeleton to another by keypoint name.

    Args:
        values: Array whose `axis` runs over the source's keypoints.
        source: Skeleton of `values`.
        target: Skeleton wanted.
        axis: The keypoint axis; -2 for positions, -1 for confidences.
        missing: What keypoints without a counterpart receive: NaN for positions, 0 for confidence.
        substitute: Whether another labelling of the same place may stand in for a point that the
            source lacks, see `stand_ins`; published protocols need it, fits do not want it.

    Returns:
        Array of the same kind whose `axis` runs over the target's keypoints.
    """
    values = np.moveaxis(values, axis, 0)
    result = np.full((len(target), *values.shape[1:]), missing, values.dtype)
    for row, name in enumerate(target.keypoints):
        names = (name, *stand_ins(name)) if substitute else (name,)
        found = next((other for other in names if other in source.keypoints), None)
        if found is not None:
            result[row] = values[source.index(found)]
    return np.moveaxis(result, 0, axis)


def stand_ins(name: str) -> tuple[str, ...]:
    """Return the keypoints that may stand in for one that a set lacks, best first."""
    bare = name
    for suffix in _LABELLINGS:
        bare = bare.removesuffix(suffix)
    relabelled = (bare, *(bare + suffix for suffix in _LABELLINGS))
    near = (other for row in _SAME_PLACE if bare in row for other in row)
    return tuple(dict.fromkeys(other for other in (*relabelled, *near) if other != name))
