"""The conventions of RTMPose and DWPose (mmpose): the box crop going in, SimCC coming out.

The crop is upright: the box's centre, its size times 1.25, grown on one axis to the input's aspect.
Pixels are RGB minus mean over deviation. A SimCC network (Li et al., ECCV 2022) classifies x and y
apart, with two bins per input pixel; bin b stands for b / 2. Its coordinates count pixel centres
from 0, and so does its crop: the centre of the box falls on coordinate size / 2.

These conventions follow the family's documentation; the networks themselves were not at hand.
"""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

_PADDING = 1.25
_SPLIT = 2.0
_MEAN = np.array([123.675, 116.28, 103.53], np.float32)
_DEVIATION = np.array([58.395, 57.12, 57.375], np.float32)


def fit_window(
    box: Float[np.ndarray, "4"], *, size: tuple[int, int]
) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
    """Return centre and size (both x y, in px of the image) of the window around a person box.

    Args:
        box: x0 y0 x1 y1 in px.
        size: Height and width of the network's input.
    """
    box = np.asarray(box, np.float64)
    extent = (box[2:] - box[:2]) * _PADDING
    aspect = size[1] / size[0]
    extent = np.maximum(extent, [extent[1] * aspect, extent[0] / aspect])
    return (box[:2] + box[2:]) / 2, extent


def cut_window(
    image: UInt8[np.ndarray, "H W 3"],
    center: Float[np.ndarray, "2"],
    extent: Float[np.ndarray, "2"],
    *,
    size: tuple[int, int],
) -> Float[np.ndarray, "1 3 h w"]:
    """Cut the window out of an RGB image and normalise it; outside of the image is black."""
    height, width = size
    step = extent / [width, height]
    offset = center - 0.5 - extent / 2
    matrix = np.array([[step[0], 0, offset[0]], [0, step[1], offset[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    picture = cv2.warpAffine(image, matrix, (width, height), flags=flags)
    picture = (picture.astype(np.float32) - _MEAN) / _DEVIATION
    return np.ascontiguousarray(picture.transpose(2, 0, 1)[None])


def decode_simcc(
    simcc_x: Float[np.ndarray, "K X"],
    simcc_y: Float[np.ndarray, "K Y"],
    center: Float[np.ndarray, "2"],
    extent: Float[np.ndarray, "2"],
) -> tuple[Float[np.ndarray, "K 2"], Float[np.ndarray, "K"]]:
    """Read the likeliest bins and map them into the image.

    Returns:
        Positions in px of the image, and the lower of the two peaks as confidence, within 0 to 1.
    """
    bins = np.stack([simcc_x.argmax(1), simcc_y.argmax(1)], 1)
    size = np.array([simcc_x.shape[1], simcc_y.shape[1]]) / _SPLIT
    position = (bins / _SPLIT / size - 0.5) * extent + center
    return position, np.clip(np.minimum(simcc_x.max(1), simcc_y.max(1)), 0, 1)
