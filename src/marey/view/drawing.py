"""Keypoints, boxes and names drawn on pictures.

OpenCV draws with the centre of the first pixel at (0, 0); half a pixel is taken off here, and
coordinates are given to it in sixteenths of a pixel.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from marey.core import Skeleton
from marey.view.colors import MIDLINE, side_colors, to_rgb8

MIN_CONFIDENCE = 0.05
SHIFT_BITS = 4
DENSE = 40
"""Skeletons with more keypoints than this (faces, hands) get smaller dots."""


def draw_keypoints(
    image: UInt8[np.ndarray, "H W 3"],
    skeleton: Skeleton,
    position: Float[np.ndarray, "K 2"],
    confidence: Float[np.ndarray, "K"],
    *,
    width: float | None = None,
    color: Float[np.ndarray, "3"] | None = None,
) -> None:
    """Draw one person's keypoints and limbs on a picture, in place.

    Left is orange, right is blue, the middle white; what is uncertain is faint.

    Args:
        image: The picture.
        skeleton: Names and edges.
        position: px; NaN where missing.
        confidence: 0 to 1; a limb is as certain as its less certain end.
        width: Thickness of limbs in px; by the size of the picture if not given.
        color: Of all limbs, in place of one per side.
    """
    thick = max(image.shape[0] / 300, 1.5) if width is None else width
    seen = np.isfinite(position).all(-1) & (confidence > MIN_CONFIDENCE)
    # Far outside, OpenCV's whole numbers overflow.
    seen &= (np.abs(np.where(seen[:, None], position, 0)) < 1e5).all(-1)
    if not seen.any():
        return
    window = _window(position[seen], image.shape, margin=3 * thick + 2)
    if not image[window].size:
        return
    layer, colors = _Layer(image[window]), side_colors(skeleton)
    if color is not None:
        colors[:] = to_rgb8(color)
    points = np.where(seen[:, None], position - (window[1].start, window[0].start), 0)
    radius = thick * (0.55 if len(skeleton) > DENSE else 1.0)
    reach = np.zeros(len(skeleton))
    for a, b in skeleton.edges:
        if seen[a] and seen[b]:
            # Short limbs (fingers, the outline of a face) are thin, or they run together.
            length = float(np.linalg.norm(points[a] - points[b]))
            reach[[a, b]] = np.maximum(reach[[a, b]], length)
            width_here = thick * float(np.clip(length / (10 * thick), 0.4, 1))
            weight = (width_here, float(min(confidence[a], confidence[b])))
            layer.line(points[a], points[b], _limb_color(colors[a], colors[b]), weight)
    for k in np.flatnonzero(seen):
        # Dots of a small face would hide its lines; a point without limbs is all dot.
        size = float(np.clip(reach[k] / 5, 0.2 * thick, radius)) if reach[k] else radius
        layer.dot(points[k], colors[k], (size, float(confidence[k])))
    layer.blend()


def draw_boxes(
    image: UInt8[np.ndarray, "H W 3"],
    boxes: Float[np.ndarray, "N 4"],
    colors: Float[np.ndarray, "N 3"],
    *,
    width: int = 2,
) -> None:
    """Draw boxes (x0 y0 x1 y1 px; NaN where absent) on a picture, in place."""
    for box, color in zip(boxes, colors, strict=True):
        if np.isfinite(box).all() and (np.abs(box) < 1e5).all():
            a, b = _fixed(box[:2]), _fixed(box[2:])
            cv2.rectangle(image, a, b, to_rgb8(color), width, cv2.LINE_AA, SHIFT_BITS)


def draw_names(
    image: UInt8[np.ndarray, "H W 3"],
    names: Sequence[str],
    anchors: Float[np.ndarray, "N 2"],
    colors: Float[np.ndarray, "N 3"],
) -> None:
    """Write names on dark labels, in place.

    Args:
        image: The picture.
        names: The names.
        anchors: Each label is centred above this point (px), or higher where another label is;
            NaN for none.
        colors: A dot of this colour stands before each name.
    """
    taken: list[tuple[int, int, int, int]] = []
    for name, anchor, color in zip(names, anchors, colors, strict=True):
        if np.isfinite(anchor).all():
            taken.append(_draw_name(image, name, (anchor, color), taken))


def draw_caption(image: UInt8[np.ndarray, "H W 3"], text: str) -> None:
    """Write a line on a dark label in the upper left corner of a picture, in place."""
    size = int(np.clip(round(image.shape[0] / 28), 12, 22))
    pad = size // 2
    label = image[: size + 2 * pad, : _text_width(text, size) + 2 * pad]
    label[:] = (0.35 * label + 0.65 * 24).astype(np.uint8)
    _put_text(image, text, (pad, size + pad - size // 8), size)


class _Layer:
    """Strokes with their own opacity, laid over part of a picture at once."""

    def __init__(self, below: UInt8[np.ndarray, "H W 3"]):
        self._below = below
        self._color = np.zeros_like(below)
        self._alpha = np.zeros(below.shape[:2], np.uint8)

    def line(
        self,
        a: Float[np.ndarray, "2"],
        b: Float[np.ndarray, "2"],
        color: UInt8[np.ndarray, "3"],
        weight: tuple[float, float],
    ) -> None:
        """Draw a line of a width (px) and opacity."""
        width, ends = max(round(weight[0]), 1), (_fixed(a), _fixed(b))
        shade = tuple(int(v) for v in color)
        # Colour reaches beyond the smooth edge, which the opacity alone forms.
        cv2.line(self._color, *ends, shade, width + 2, cv2.LINE_8, SHIFT_BITS)
        cv2.line(self._alpha, *ends, _opacity(weight[1]), width, cv2.LINE_AA, SHIFT_BITS)

    def dot(
        self,
        centre: Float[np.ndarray, "2"],
        color: UInt8[np.ndarray, "3"],
        weight: tuple[float, float],
    ) -> None:
        """Draw a disc of a radius (px) and opacity."""
        point, shade = _fixed(centre), tuple(int(v) for v in color)
        radius, more = (round(r * 2**SHIFT_BITS) for r in (weight[0], weight[0] + 1.5))
        cv2.circle(self._color, point, more, shade, -1, cv2.LINE_8, SHIFT_BITS)
        cv2.circle(self._alpha, point, radius, _opacity(weight[1]), -1, cv2.LINE_AA, SHIFT_BITS)

    def blend(self) -> None:
        """Lay the strokes over the picture."""
        rows, columns = np.nonzero(self._alpha)
        alpha = self._alpha[rows, columns, None].astype(np.float32) / 255
        below, above = self._below[rows, columns], self._color[rows, columns]
        self._below[rows, columns] = (below + alpha * (above.astype(np.float32) - below)).round()


def _draw_name(
    image: UInt8[np.ndarray, "H W 3"],
    name: str,
    place: tuple[Float[np.ndarray, "2"], Float[np.ndarray, "3"]],
    taken: list[tuple[int, int, int, int]],
) -> tuple[int, int, int, int]:
    """Draw a label that overlaps none before it, and return its x, y, width and height."""
    anchor, color = place
    size = max(round(image.shape[0] / 40), 11)
    pad = size // 2
    width, height = _text_width(name, size) + 3 * pad + size // 2, size + pad
    x = int(np.clip(anchor[0] - width / 2, 0, max(image.shape[1] - width, 0)))
    y = int(np.clip(anchor[1] - height - pad, 0, max(image.shape[0] - height, 0)))
    for other_x, other_y, other_width, other_height in sorted(taken, key=lambda t: -t[1]):
        apart = x >= other_x + other_width or other_x >= x + width
        if not apart and y < other_y + other_height and other_y < y + height:
            y = max(other_y - height - 2, 0)
    label = image[y : y + height, x : x + width]
    label[:] = (0.35 * label + 0.65 * 24).astype(np.uint8)
    centre = (x + pad + size // 4, y + height // 2)
    cv2.circle(image, centre, size // 3, to_rgb8(color), -1, cv2.LINE_AA)
    _put_text(image, name, (x + 2 * pad + size // 4, y + height - pad // 2 - size // 5), size)
    return x, y, width, height


def _limb_color(a: UInt8[np.ndarray, "3"], b: UInt8[np.ndarray, "3"]) -> UInt8[np.ndarray, "3"]:
    """A limb has the side of its ends; from the middle to a side, that side; across, neither."""
    middle = np.array(MIDLINE, np.uint8)
    if (a == b).all() or (b == middle).all():
        return a
    return b if (a == middle).all() else middle


def _opacity(confidence: float) -> int:
    return round(255 * float(np.clip(0.12 + 0.88 * confidence, 0, 1)))


def _fixed(point: Float[np.ndarray, "2"]) -> tuple[int, int]:
    x, y = ((point - 0.5) * 2**SHIFT_BITS).round().astype(int).tolist()
    return x, y


def _window(
    points: Float[np.ndarray, "P 2"], shape: tuple[int, ...], *, margin: float
) -> tuple[slice, slice]:
    size = np.array([shape[1], shape[0]])
    low = np.clip(points.min(0) - margin, 0, size).astype(int)
    high = np.clip(points.max(0) + margin + 1, 0, size).astype(int)
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _text_width(text: str, size: int) -> int:
    if hasattr(cv2, "FontFace"):
        box = cv2.getTextSize((0, 0), text, (0, 0), cv2.FontFace("sans"), size)
        return int(box[2])
    return int(cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size / 30, 1)[0][0])


def _put_text(
    image: UInt8[np.ndarray, "H W 3"], text: str, corner: tuple[int, int], size: int
) -> None:
    # OpenCV 5 draws real fonts; OpenCV 4 has strokes and no accents.
    if hasattr(cv2, "FontFace"):
        cv2.putText(image, text, corner, (250, 250, 250), cv2.FontFace("sans"), size)
    else:
        font, thin = cv2.FONT_HERSHEY_SIMPLEX, cv2.LINE_AA
        cv2.putText(image, text, corner, font, size / 30, (250, 250, 250), 1, thin)
