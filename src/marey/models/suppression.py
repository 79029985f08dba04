"""Non-maximum suppression: of boxes that show the same person, the most confident stays."""

import numpy as np
from jaxtyping import Bool, Float, Int


def suppress_overlaps(
    box: Float[np.ndarray, "D 4"],
    confidence: Float[np.ndarray, "D"],
    *,
    max_iou: float,
    minor: Bool[np.ndarray, "D"] | None = None,
    max_cover: float = 0.7,
) -> Int[np.ndarray, "M"]:
    """Choose the boxes to keep, best first.

    Args:
        box: x0 y0 x1 y1.
        confidence: Higher wins.
        max_iou: Two boxes that overlap more than this, as intersection over union, are one person.
        minor: Boxes from a closer look. All others are chosen before them, and a minor box goes
            also when more than `max_cover` of its own area lies in a chosen box: what looks like a
            person from near may be an arm of one.
        max_cover: See `minor`.

    Returns:
        Indices of the boxes kept, in the order in which they were chosen.
    """
    minor = np.zeros(len(box), bool) if minor is None else minor
    order = np.lexsort((-confidence, minor))
    box, minor = box[order], minor[order]
    area = np.prod(np.maximum(box[:, 2:] - box[:, :2], 0), 1)
    shared = np.minimum(box[:, None, 2:], box[None, :, 2:])
    shared = shared - np.maximum(box[:, None, :2], box[None, :, :2])
    shared = np.prod(np.maximum(shared, 0), -1)
    union = np.maximum(area[:, None] + area[None, :] - shared, 1e-9)
    covered = shared / np.maximum(area[None, :], 1e-9)
    # conflict[i, j]: a chosen box i excludes box j
    conflict = (shared / union > max_iou) | (minor[None, :] & (covered > max_cover))
    alive = np.ones(len(box), bool)
    chosen = []
    for index in range(len(box)):
        if alive[index]:
            chosen.append(index)
            alive[index + 1 :] &= ~conflict[index, index + 1 :]
    return order[chosen]
