"""Where one shot ends and the next begins, found frame by frame.

A cut changes both what is where (the correlation of small grey pictures) and which colours there
are (a coarse colour histogram). Motion of people or camera changes the first and hardly the second,
changing light the second and hardly the first. Both are measured against their own recent medians,
so that a restless scene raises the bar.

Flashes are no cuts: a frame without structure (white, black) and a frame that is the frame before
with light added are passed over, and the next is compared with the last one before them. A fade
through black thus ends with a cut only if another scene follows it.
"""

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

THUMB = 32
"""Side of the pictures compared, px; small enough that a person's motion is a small change."""

SAMPLES = 128
"""Pixels along the shorter side that are looked at at all."""

COLOUR_BINS = 6

MIN_STRUCTURE = 6.0
"""Standard deviation of brightness (of 255) below which a picture shows nothing."""

MIN_FLASH = 12.0
"""Added brightness (of 255) from which a frame may be a flash."""

MAX_FLASH_FRAMES = 6
"""Light that stays longer was switched on."""

MEMORY = 15
"""Frames that the medians run over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotThresholds:
    """How different two frames must be for a cut.

    On spliced real clips two scenes differ by at least 0.34 in structure and 0.13 in colour, while
    neighbouring frames of one shot stay below 0.09 and 0.10.
    """

    structure: float = 0.2
    """One minus the correlation of brightness, 0..2."""
    colour: float = 0.1
    """Share of pixels whose colour moved to another bin, 0..1."""
    structure_medians: float = 3.0
    """How many recent medians are added to the structure threshold."""
    colour_medians: float = 2.0
    """How many recent medians are added to the colour threshold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What is kept of a frame."""

    grey: Float[np.ndarray, "H W"]
    """Brightness 0..255, slightly blurred."""
    colours: Float[np.ndarray, "B"]
    """Share of pixels in each colour bin."""

    @property
    def has_structure(self) -> bool:
        return float(self.grey.std()) >= MIN_STRUCTURE


class ShotCutFinder:
    """Tells for each frame of a video, given in order, whether a new shot begins with it."""

    def __init__(self, thresholds: ShotThresholds | None = None):
        self._thresholds = thresholds or ShotThresholds()
        self._reference: _Look | None = None
        self._structure: deque[float] = deque(maxlen=MEMORY)
        self._colour: deque[float] = deque(maxlen=MEMORY)
        self._flash_frames = 0

    def push(self, image: UInt8[np.ndarray, "H W 3"]) -> bool:
        """Take the next frame.

        Args:
            image: RGB picture.

        Returns:
            Whether a new shot begins with this frame; never for the first one.
        """
        look = _look_at(image)
        if not look.has_structure:
            return False
        if self._reference is None:
            self._reference = look
            return False
        structure = _compare_structure(self._reference, look)
        colour = 0.5 * float(np.abs(self._reference.colours - look.colours).sum())
        is_cut = self._exceeds(structure, colour)
        if is_cut and self._flash_frames < MAX_FLASH_FRAMES and _adds_light(self._reference, look):
            self._flash_frames += 1
            return False
        self._flash_frames = 0
        self._reference = look
        if is_cut:
            self._structure.clear()
            self._colour.clear()
        else:
            self._structure.append(structure)
            self._colour.append(colour)
        return is_cut

    def _exceeds(self, structure: float, colour: float) -> bool:
        limits = self._thresholds
        restless = float(np.median(self._structure)) if self._structure else 0.0
        colourful = float(np.median(self._colour)) if self._colour else 0.0
        return (
            structure > limits.structure + limits.structure_medians * restless
            and colour > limits.colour + limits.colour_medians * colourful
        )


def _adds_light(before: _Look, now: _Look) -> bool:
    """Whether a frame may be the frame before with light added."""
    added = now.grey - before.grey
    # A picture of something else is darker somewhere; noise and motion darken 2 % at most.
    return float(added.mean()) > MIN_FLASH and float((added < -MIN_FLASH).mean()) < 0.02


def _look_at(image: UInt8[np.ndarray, "H W 3"]) -> _Look:
    # Skipping pixels before averaging keeps the cost independent of the resolution.
    step = max(1, min(image.shape[:2]) // SAMPLES)
    small = cv2.resize(image[::step, ::step], (2 * THUMB, 2 * THUMB), interpolation=cv2.INTER_AREA)
    bins = [COLOUR_BINS] * 3
    colours = (
        cv2.calcHist([small], [0, 1, 2], None, bins, [0, 256] * 3).ravel() / small[..., 0].size
    )
    thumb = cv2.resize(small, (THUMB, THUMB), interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(thumb.mean(-1, dtype=np.float32), (0, 0), 1.0)
    return _Look(grey=grey, colours=colours)


def _compare_structure(a: _Look, b: _Look) -> float:
    """Return one minus the correlation of two grey pictures."""
    x, y = a.grey - a.grey.mean(), b.grey - b.grey.mean()
    return 1.0 - float((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()))
