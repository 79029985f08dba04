"""Which points of a person are the ends of a limb, which limbs mirror each other, which are rigid.

The 19 limbs and 8 pairs of Harmony4D's authors, by name, so that they hold for every set of
keypoints that contains COCO's 17. Not all of them are bones: between ear and shoulder lies the
neck, between shoulder and hip the spine, and shoulders ride on collarbones.
"""

from marey.core import Skeleton

_SIDED = (
    ("knee", "ankle"),
    ("hip", "knee"),
    ("shoulder", "hip"),
    ("shoulder", "elbow"),
    ("elbow", "wrist"),
    ("nose", "eye"),
    ("eye", "ear"),
    ("ear", "shoulder"),
)
_ACROSS = ("hip", "shoulder", "eye")

Limb = tuple[str, str]
Names = Skeleton | tuple[str, ...]
"""A set of keypoints, or names of points in order."""


def _one_side(limb: tuple[str, str], side: str) -> Limb:
    first, second = (part if part == "nose" else f"{side}_{part}" for part in limb)
    return first, second


LIMB_PAIRS: tuple[tuple[Limb, Limb], ...] = tuple(
    (_one_side(limb, "left"), _one_side(limb, "right")) for limb in _SIDED
)
"""Limbs of the left side and their counterparts."""

LIMBS: tuple[Limb, ...] = (
    *(limb for pair in LIMB_PAIRS for limb in pair),
    *((f"left_{part}", f"right_{part}") for part in _ACROSS),
)

RIGID_SIGMA_M = 0.005
"""How far a bone's keypoints change their distance: a detector does not see joints, and what it
marks slides over them as they bend."""
BENDING_SIGMA_M = {
    frozenset(("ear", "shoulder")): 0.025,
    frozenset(("shoulder", "hip")): 0.025,
    frozenset(("shoulder",)): 0.02,
}
"""The same of limbs that bend: over 20 clips of motion capture ear to shoulder and shoulder to hip
change by 24 to 28 mm (`python -m benchmarks.refinement`). Between the shoulders it is a guess: that
skeleton's collarbones do not move."""


def limb_sigma(limb: Limb) -> float:
    """Return how far a limb's length is expected to be from its usual one, m."""
    ends = frozenset(end.removeprefix("left_").removeprefix("right_") for end in limb)
    return BENDING_SIGMA_M.get(ends, RIGID_SIGMA_M)


def find_limbs(names: Names) -> tuple[Limb, ...]:
    """Return the limbs whose ends a set of keypoints has."""
    known = names.keypoints if isinstance(names, Skeleton) else names
    return tuple(limb for limb in LIMBS if all(end in known for end in limb))


def find_limb_pairs(names: Names) -> tuple[tuple[Limb, Limb], ...]:
    """Return the mirrored limbs whose ends a set of keypoints has."""
    limbs = find_limbs(names)
    return tuple(pair for pair in LIMB_PAIRS if pair[0] in limbs and pair[1] in limbs)
