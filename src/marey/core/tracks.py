"""Where people are in one view: loose boxes per frame, and boxes linked over time."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections:
    """Person boxes found in the frames of one view, not yet linked."""

    frame: Int[np.ndarray, "D"]
    box: Float[np.ndarray, "D 4"]
    """x0 y0 x1 y1 in px of the full image; the centre of the first pixel is (0.5, 0.5)."""
    confidence: Float[np.ndarray, "D"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One person's boxes over the span of L frames in which the person is followed."""

    person: str
    start: int
    """First frame of the span, as an index into the clip's time."""
    box: Float[np.ndarray, "L 4"]
    """x0 y0 x1 y1 in px; NaN where the person is lost for a moment."""
    confidence: Float[np.ndarray, "L"]

    @property
    def stop(self) -> int:
        """One past the last frame of the span."""
        return self.start + len(self.box)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracks:
    """All tracks of one view. People are spans; memory grows with presence, not with N times T."""

    time: Float[np.ndarray, "T"]
    tracks: tuple[Track, ...]

    @property
    def people(self) -> tuple[str, ...]:
        """Names of the people, in order of first appearance."""
        return tuple(track.person for track in self.tracks)

    @property
    def box(self) -> Float[np.ndarray, "N T 4"]:
        """Boxes on the common clock, NaN outside each span (made on demand)."""
        dense = np.full((len(self.tracks), len(self.time), 4), np.nan, np.float32)
        for row, track in zip(dense, self.tracks, strict=True):
            row[track.start : track.stop] = track.box
        return dense

    @property
    def confidence(self) -> Float[np.ndarray, "N T"]:
        """Confidences on the common clock, 0 outside each span (made on demand)."""
        dense = np.zeros((len(self.tracks), len(self.time)), np.float32)
        for row, track in zip(dense, self.tracks, strict=True):
            row[track.start : track.stop] = track.confidence
        return dense
