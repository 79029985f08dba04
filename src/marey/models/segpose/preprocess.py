"""From a picture, a box and a mask to the network's input, and from heat maps back.

Unbiased data processing (UDP; Huang et al., 2020): a window of size s around c becomes w px wide so
that its ends lie on the centres of the first and the last px,

    x_out = (x - c + s / 2) (w - 1) / s,

in indices of px (marey's coordinates less a half). Heat maps sample the same window, so no shift
comes from their being coarser, nor from mirroring. Points are refined by a second-order expansion
of the heat map's logarithm, smoothed (DARK; Zhang et al., 2020).
"""

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)
"""Of ImageNet, RGB, for values from 0 to 1."""
BOX_PADDING = 1.25
_BLUR_PASSES = 5
_BLUR_SIZE = (5, 5)
_SMOOTHING = 11
"""Side of the kernel that smooths heat maps before points are refined."""
_FLOOR = 1e-3
_CAP = 50.0


def fit_window(
    box: Float[np.ndarray, "4"], size: tuple[int, int], *, padding: float = BOX_PADDING
) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
    """Return centre and extent (px) of the window of the input's shape around a box."""
    box = np.asarray(box, float)
    width, height = box[2:] - box[:2]
    ratio = size[0] / size[1]
    extent = np.array([max(width, height * ratio), max(height, width / ratio)])
    return (box[:2] + box[2:]) / 2, np.maximum(extent * padding, 2.0)


def warp_matrix(
    center: Float[np.ndarray, "2"],
    extent: Float[np.ndarray, "2"],
    size: tuple[int, int],
    *,
    angle: float = 0.0,
) -> Float[np.ndarray, "2 3"]:
    """Return the affine map from indices of the picture's px to those of the input's.

    Args:
        center: Of the window, px.
        extent: Width and height of the window, px.
        size: Width and height of the input, px.
        angle: By which the window is turned clockwise on screen, rad.
    """
    cos, sin = np.cos(angle), np.sin(angle)
    scale = (np.array(size) - 1) / extent
    linear = scale[:, None] * np.array([[cos, sin], [-sin, cos]])
    offset = (np.array(size) - 1) / 2 - linear @ (np.asarray(center) - 0.5)
    return np.column_stack([linear, offset])


def cut_picture(
    image: UInt8[np.ndarray, "H W 3"], matrix: Float[np.ndarray, "2 3"], size: tuple[int, int]
) -> Float32[np.ndarray, "3 h w"]:
    """Return the normalised window of an RGB picture."""
    window = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR)
    return ((window / np.float32(255) - _MEAN) / _STD).transpose(2, 0, 1)


def blur_mask(mask: Float32[np.ndarray, "H W"]) -> Float32[np.ndarray, "H W"]:
    """Return a mask blurred as the network expects it."""
    for _ in range(_BLUR_PASSES):
        mask = cv2.GaussianBlur(mask, _BLUR_SIZE, 0)
    return mask


def cut_mask(
    mask: Float32[np.ndarray, "H W"], matrix: Float[np.ndarray, "2 3"], size: tuple[int, int]
) -> Float32[np.ndarray, "1 h w"]:
    """Return the window of a mask (0 to 1), blurred."""
    return cv2.warpAffine(blur_mask(mask), matrix, size, flags=cv2.INTER_LINEAR)[None]


def decode_heatmaps(
    heatmaps: Float32[np.ndarray, "K h w"],
    center: Float[np.ndarray, "2"],
    extent: Float[np.ndarray, "2"],
) -> tuple[Float[np.ndarray, "K 2"], Float[np.ndarray, "K"]]:
    """Return keypoints in px of the picture and their confidences (the peaks, 0 to 1)."""
    size = np.array(heatmaps.shape[:0:-1])
    peak = heatmaps.reshape(len(heatmaps), -1).max(1)
    index = find_peaks(heatmaps)
    position = (index - (size - 1) / 2) * (extent / (size - 1)) + center
    return position, np.clip(peak, 0, 1).astype(float)


def find_peaks(heatmaps: Float32[np.ndarray, "K h w"]) -> Float[np.ndarray, "K 2"]:
    """Return the highest place of each heat map, column and row, between its cells."""
    count, width = len(heatmaps), heatmaps.shape[2]
    row, column = np.divmod(heatmaps.reshape(count, -1).argmax(1), width)
    smooth = np.stack([_smooth(one) for one in heatmaps])
    log = np.log(np.clip(smooth, _FLOOR, _CAP)).astype(float)
    padded = np.pad(log, ((0, 0), (1, 1), (1, 1)), mode="edge")

    def at(x: int, y: int) -> np.ndarray:
        return padded[np.arange(count), row + 1 + y, column + 1 + x]

    slope = np.stack([at(1, 0) - at(-1, 0), at(0, 1) - at(0, -1)], -1) / 2
    xx, yy = at(1, 0) - 2 * at(0, 0) + at(-1, 0), at(0, 1) - 2 * at(0, 0) + at(0, -1)
    xy = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4
    determinant = xx * yy - xy * xy
    sound = (determinant > 1e-9) & (xx < 0)
    divisor = np.where(sound, determinant, 1.0)
    step = np.stack([xy * slope[:, 1] - yy * slope[:, 0], xy * slope[:, 0] - xx * slope[:, 1]], -1)
    step = np.where(sound[:, None], step / divisor[:, None], 0.0)
    return np.stack([column, row], -1) + np.clip(step, -1, 1)


def _smooth(heatmap: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Smooth a heat map and keep its height."""
    highest = float(heatmap.max())
    smooth = cv2.GaussianBlur(heatmap, (_SMOOTHING, _SMOOTHING), 0, borderType=cv2.BORDER_CONSTANT)
    return smooth * np.float32(highest / max(float(smooth.max()), 1e-9))
