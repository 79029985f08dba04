"""Whether the camera moves although the take holds a static one: the background tells.

Corners outside of the people's boxes are followed from one frame to another a moment later
(pyramidal Lucas-Kanade). A few frames of the whole video are looked at, so that this is a
suspicion, not a proof.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
from jaxtyping import Float, UInt8

WIDTH = 640
"""Pictures are looked at in this width, px."""
MOVES = 0.003
"""Median shift of the background between the two frames, as a share of the width."""
FEWEST = 30
"""Corners that must be followed."""
MARGIN = 0.15
"""How much larger than a person's box the area is that does not count, as a share of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two frames a moment apart."""

    first: UInt8[np.ndarray, "H W 3"]
    second: UInt8[np.ndarray, "H W 3"]
    boxes: Float[np.ndarray, "N 4"] | None = None
    """People in the first frame, px; NaN where absent."""


@dataclass(slots=True)
class CameraCheck:
    """Collects how far the background shifts at each moment looked at."""

    shifts: list[float] = field(default_factory=list)

    def look(self, pair: Pair) -> None:
        """Measure one pair; without enough background it does not count."""
        shift = background_shift(pair)
        if shift is not None:
            self.shifts.append(shift)

    @property
    def suspected(self) -> bool:
        """Whether the background moved at half of the moments or more."""
        return bool(self.shifts) and float(np.mean([s > MOVES for s in self.shifts])) >= 0.5


def background_shift(pair: Pair) -> float | None:
    """Return the median shift of the background as a share of the picture's width.

    None where too few corners can be followed.
    """
    scale = min(WIDTH / pair.first.shape[1], 1.0)
    first, second = _small(pair.first, scale), _small(pair.second, scale)
    mask = _background(first.shape, pair.boxes, scale)
    corners = cv2.goodFeaturesToTrack(first, 300, 0.01, 7, mask=mask)
    if corners is None or len(corners) < FEWEST:
        return None
    # OpenCV's stubs ask for the results' arrays; None lets it make them.
    moved, status, _ = cv2.calcOpticalFlowPyrLK(first, second, corners, None)  # type: ignore[call-overload]
    shift = np.linalg.norm((moved - corners).reshape(-1, 2), axis=-1)[status.ravel() == 1]
    return float(np.median(shift)) / first.shape[1] if len(shift) >= FEWEST else None


def _small(image: UInt8[np.ndarray, "H W 3"], scale: float) -> UInt8[np.ndarray, "h w"]:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _background(
    shape: tuple[int, ...], boxes: Float[np.ndarray, "N 4"] | None, scale: float
) -> UInt8[np.ndarray, "h w"]:
    mask = np.full(shape, 255, np.uint8)
    for box in [] if boxes is None else boxes[np.isfinite(boxes).all(-1)]:
        x0, y0, x1, y1 = box * scale
        wide, high = MARGIN * (x1 - x0), MARGIN * (y1 - y0)
        low = np.clip([x0 - wide, y0 - high], 0, shape[::-1]).astype(int)
        top = np.clip([x1 + wide + 1, y1 + high + 1], 0, shape[::-1]).astype(int)
        mask[low[1] : top[1], low[0] : top[0]] = 0
    return mask
