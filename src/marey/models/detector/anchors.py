"""The reference boxes of the SSD detector, and how its numbers turn into boxes.

SSD (Liu et al., ECCV 2016) in the TensorFlow flavour: six feature maps, box sizes in fractions of
the picture's sides, codes divided by 10 (centre) and 5 (logarithm of size).
"""

import numpy as np
from jaxtyping import Float

_MAPS = (19, 10, 5, 3, 2, 1)
_SMALLEST, _LARGEST = 0.2, 0.95
_CENTER_SCALE, _SIZE_SCALE = 10.0, 5.0


def make_anchors() -> Float[np.ndarray, "A 4"]:
    """Return the 1917 anchors as centre y, centre x, height, width, in fractions of the picture."""
    steps = len(_MAPS) - 1
    scales = [_SMALLEST + (_LARGEST - _SMALLEST) * i / steps for i in range(len(_MAPS))] + [1.0]
    rows = []
    for level, cells in enumerate(_MAPS):
        scale = scales[level]
        if level == 0:
            shapes = [(0.1, 1.0), (scale, 2.0), (scale, 0.5)]
        else:
            shapes = [(scale, ratio) for ratio in (1.0, 2.0, 0.5, 3.0, 1 / 3)]
            shapes.append((float(np.sqrt(scale * scales[level + 1])), 1.0))
        sizes = np.array([(s / np.sqrt(ratio), s * np.sqrt(ratio)) for s, ratio in shapes])
        centers = (np.arange(cells) + 0.5) / cells
        grid = np.stack(np.meshgrid(centers, centers, indexing="ij"), -1)[:, :, None, :]
        shape = (cells, cells, len(shapes), 2)
        boxes = [np.broadcast_to(grid, shape), np.broadcast_to(sizes, shape)]
        rows.append(np.concatenate(boxes, -1).reshape(-1, 4))
    return np.concatenate(rows).astype(np.float32)


def decode_boxes(
    code: Float[np.ndarray, "D 4"], anchor: Float[np.ndarray, "D 4"]
) -> Float[np.ndarray, "D 4"]:
    """Turn box codes into x0 y0 x1 y1, in fractions of the picture."""
    center = code[:, :2] / _CENTER_SCALE * anchor[:, 2:] + anchor[:, :2]
    half = np.exp(code[:, 2:] / _SIZE_SCALE) * anchor[:, 2:] / 2
    return np.concatenate([center - half, center + half], 1)[:, [1, 0, 3, 2]]
