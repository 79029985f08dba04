"""What a report knows about one person: numbers and curves, no words.

Curves have one entry per frame of the person's span (L), NaN where something is unknown.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """When a person is there and how sure that is."""

    confidence: Float[np.ndarray, "L"]
    """Of the motion, or of the body's keypoints where there is no motion; 0 where absent."""
    bridged: Bool[np.ndarray, "L"]
    """Frames that were filled in between others."""
    has_motion: bool

    @property
    def present(self) -> Bool[np.ndarray, "L"]:
        """Frames in which the person is there, bridged or not."""
        return self.confidence > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reprojection:
    """Distances between the body in the picture and the keypoints that were seen."""

    error_px: Float[np.ndarray, "L"]
    """Mean over the body's keypoints (without hands) in each frame, px."""
    error_share: Float[np.ndarray, "L"]
    """The same as a share of the height of the person's box."""
    names: tuple[str, ...]
    """R keypoints, or groups of them (a hand)."""
    median_px: Float[np.ndarray, "R"]
    high_px: Float[np.ndarray, "R"]
    """95 % lie below."""
    median_share: Float[np.ndarray, "R"]
    high_share: Float[np.ndarray, "R"]
    total: tuple[float, float, float, float]
    """Median and 95 % in px, then as shares, of the whole body without hands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limbs:
    """Lengths of limbs between 3D keypoints, m."""

    names: tuple[str, ...]
    median: Float[np.ndarray, "E"]
    low: Float[np.ndarray, "E"]
    """5 % lie below."""
    high: Float[np.ndarray, "E"]
    """95 % lie below."""

    @property
    def spread(self) -> Float[np.ndarray, "E"]:
        """Width of the middle 90 % as a share of the median; 0 for a rigid limb."""
        return (self.high - self.low) / np.where(self.median > 0, self.median, np.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """Speeds of the body's joints (without fingers)."""

    fastest: Float[np.ndarray, "L"]
    """Speed of the fastest joint since the frame before, m/s."""
    root_speed: Float[np.ndarray, "L"]
    joints: tuple[str, ...]
    peak: Float[np.ndarray, "J"]
    """Highest speed of each joint, m/s; NaN if never known."""
    peak_frame: Int[np.ndarray, "J"]
    """When, in frames of the span; -1 if never known."""
    jitter: float
    """Mean length of the third derivative, m/s^3."""
    typical_jerk: float
    """Its median, m/s^3; far below the mean where few moments are jerky."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """How a person stands on the floor."""

    lowest: Float[np.ndarray, "L"]
    """Height of the lowest joint or landmark over the floor, m; below 0 under it."""
    depth: tuple[float, float]
    """How far below the floor the lowest point is: mean over all frames and 95 %, m."""
    names: tuple[str, ...] = ()
    """Contact points; none where the motion has no contacts."""
    contact_share: Float[np.ndarray, "G"]
    """Share of the frames in which each touches the floor."""
    slide: Float[np.ndarray, "G"]
    """Mean speed while touching, m/s; NaN if it never does."""
    high_slide: Float[np.ndarray, "G"]
    """95 % of these speeds lie below."""
    mean_slide: float
    """Over all points, m/s."""
    feet_low: float = float("nan")
    """How low the points of the feet come, m over z = 0; NaN if the body names none."""
    level: float = 0.0
    """Where the floor is, m over z = 0."""
    own: bool = False
    """Whether it is where this person's feet come down to, not z = 0 for everybody."""

    def on(self, level: float) -> "Floor":
        """Return the figures over a floor that is not at z = 0."""
        lowest = self.lowest - np.float32(level - self.level)
        return replace(self, lowest=lowest, depth=measure_depth(lowest), level=level, own=True)


def measure_depth(lowest: Float[np.ndarray, "L"]) -> tuple[float, float]:
    """Return how far below the floor the lowest point is: mean over all frames and 95 %, m."""
    depth = np.maximum(-lowest[np.isfinite(lowest)].astype(np.float64), 0.0)
    return float(depth.mean()), float(np.quantile(depth, 0.95))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """How a person is seen in the picture."""

    height_px: Float[np.ndarray, "L"]
    """Height of the person's box."""
    outside: Float[np.ndarray, "L"]
    """Share of the body outside of the picture."""
    exchanged: dict[str, Bool[np.ndarray, "L"]]
    """Arms and legs: frames in which left and right seem confused."""
    groups: tuple[str, ...]
    """Parts of the body."""
    coverage: Float[np.ndarray, "P"]
    """Share of the frames in which at least half of each part's keypoints were seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonFigures:
    """All that is known about one person; None for what the take does not tell."""

    name: str
    start: int
    num_frames: int
    presence: Presence
    reprojection: Reprojection | None = None
    limbs: Limbs | None = None
    movement: Movement | None = None
    floor: Floor | None = None
    sight: Sight | None = None
    view: int = 0
    """Of several cameras, the one whose pictures the figures are about."""
    problem: str = ""
    """Why the motion could not be posed, if it could not."""
