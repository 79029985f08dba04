"""Ranges set by hand, where the motion capture is blind. Degrees, left side.

CMU's skeleton holds knees and elbows to one hinge, gives collars two axes that hardly move, and its
subjects rarely point their toes. A body fitted to a moving person needs the other axes too: the lower
leg turns about itself in a bent knee, hinges are a little oblique, shoulders shrug. Anatomical ranges,
rounded outwards, and on the oblique axes of hinges about what fits of SMPL-like bodies need, since
thigh and upper arm can stand a little twisted.

The three angles are those of R = R_1(a) R_2(b) R_3(c) about the axes in `order`.
"""

# ruff: noqa: E501 - prose wrapped a little wider

import numpy as np
from scipy.spatial.transform import Rotation

RANGES: dict[str, tuple[str, tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    # flexion (-) and extension, legs apart (+), turn of the thigh in (-) and out
    "hip": ("XZY", (-140, 45), (-35, 65), (-85, 75)),
    # flexion (about +X), knock-kneed (+) and bow-legged (-), turn of the lower leg
    "knee": ("XZY", (-12, 168), (-28, 25), (-60, 45)),
    # flexion (about -Y), sideways, turn of the forearm
    "elbow": ("YZX", (-160, 10), (-50, 50), (-105, 105)),
    # toes up (-) and down (+), sole in and out, toes in and out
    "ankle": ("XZY", (-75, 75), (-40, 45), (-45, 55)),
    # raised (+), to the front (-), turn of the upper arm
    "shoulder": ("ZYX", (-95, 88), (-120, 40), (-80, 70)),
    "collar": ("XYZ", (-40, 40), (-65, 45), (-60, 65)),
    # turn, sideways, back (+) and palm (-); the turn may lie here or in the elbow
    "wrist": ("XYZ", (-90, 90), (-35, 35), (-80, 80)),
    "neck": ("YXZ", (-40, 40), (-40, 45), (-30, 30)),
    "head": ("YXZ", (-45, 45), (-45, 40), (-30, 30)),
}

WIDEST_DEG = {"knee": 8.0, "elbow": 8.0, "neck": 12.0, "head": 12.0}
"""Largest dilation of the recordings where a range is set by hand as well."""

WIDEST_OTHER_DEG = 28.0

FLOOR_DEG: dict[str, tuple[float, float, float]] = {
    "knee": (5, 8, 6),
    "elbow": (15, 5, 6),
    "collar": (8, 12, 12),
}
"""Least spread of the pull about the joint's own axes, where the rigs of the recordings have none."""

FLOOR_OTHER_DEG = 5.0


def sample_range(joint: str, rng: np.random.Generator, count: int = 4000) -> np.ndarray:
    """Return rotations (N, 3, 3) that fill a joint's range: its corners, edges and inside."""
    order, *spans = RANGES[joint]
    low, high = np.array(spans, float).T
    part = rng.uniform(-0.3, 1.3, size=(count, 3)).clip(0, 1)
    return Rotation.from_euler(order, low + part * (high - low), degrees=True).as_matrix()


HINGES: dict[str, tuple[int, tuple[float, float], float, float]] = {
    # axis, span about it, most about the next axis, most about the one after; rad
    "left_foot": (0, (-1.25, 1.2), 0.5, 0.75),
    "jaw": (0, (-0.1, 0.6), 0.1, 0.1),
    **{
        f"left_{finger}{k}": (2, (-1.75, 0.4), 0.2, 0.35 if k == 1 else 0.1)
        for finger in ("index", "middle", "ring", "pinky")
        for k in (1, 2, 3)
    },
}
"""Wide ranges of what no recording has: toes, jaw, fingers."""

BALLS = {"left_thumb1": 1.2, "left_thumb2": 1.3, "left_thumb3": 1.5}
"""Most that a thumb's joint turns about any axis, rad."""

HAND_PULL: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "left_foot": ((0, 0, 0), (0.25, 0.05, 0.05)),
    "jaw": ((0, 0, 0), (0.1, 0.02, 0.02)),
    "left_thumb1": ((0, 0, 0), (0.35, 0.35, 0.35)),
    "left_thumb2": ((0, 0, 0), (0.3, 0.3, 0.3)),
    "left_thumb3": ((0, 0, 0), (0.3, 0.3, 0.3)),
    **{
        f"left_{finger}{k}": ((0, 0, -0.35), (0.1, 0.15, 0.5) if k == 1 else (0.05, 0.05, 0.5))
        for finger in ("index", "middle", "ring", "pinky")
        for k in (1, 2, 3)
    },
}
"""Mean rotation vector and sigma of the same joints, rad."""


def hand_limits(joint: str) -> tuple[np.ndarray, np.ndarray]:
    """Return half-spaces (H, 3, 3) and bounds (H,) of a joint of `HINGES` or `BALLS`.

    A hinge's span is one half-space, cos(a - middle) >= cos(half); its other turns are numbers in
    the row of the axis.
    """
    if joint in BALLS:
        angle = BALLS[joint]
        scale = 2 * np.sin(angle)
        return -np.eye(3)[None] / scale, np.array([-(1 + 2 * np.cos(angle)) / scale])
    axis, (low, high), after, last = HINGES[joint]
    b, c = (axis + 1) % 3, (axis + 2) % 3
    middle, half = (low + high) / 2, (high - low) / 2
    normal = np.zeros((5, 3, 3))
    normal[0, b, b], normal[0, c, b] = -np.cos(middle), -np.sin(middle)
    normal[0] /= np.sin(half)
    # Turning about b moves the axis towards c, and about c towards b.
    normal[1, axis, c], normal[2, axis, c] = 1, -1
    normal[3, axis, b], normal[4, axis, b] = 1, -1
    sides = np.sin([after, after, last, last])
    return normal, np.concatenate([[-np.cos(half) / np.sin(half)], sides])
