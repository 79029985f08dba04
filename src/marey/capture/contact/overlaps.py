"""In which views people who are in contact overlap: there a detector may take one for the other."""

from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Bool, Float

from marey.capture.contact.find import Contact
from marey.capture.masks.bodies import body_faces, body_from_points
from marey.capture.masks.draw import render_masks
from marey.capture.views.limbs import find_limbs
from marey.capture.views.refine_points import RefineOptions, refine_points
from marey.core import Cameras, Keypoints3D, Skeleton
from marey.geometry.layers import Layers

_CELLS = 64
"""Along the longer side of the people in a view: some three centimetres each."""
_TOP_SPEED, _BRIDGED = 12.0, 0.5
"""Of a point, m/s; longest gap that is bridged, s."""
_DRAWN = {
    "nose",
    *(
        f"{side}_{part}"
        for side in ("left", "right")
        for part in (
            *("ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"),
            *("heel", "big_toe"),
        )
    ),
}
_LONGEST = (
    ("shoulder", "elbow", 0.45),
    ("elbow", "wrist", 0.4),
    ("hip", "knee", 0.65),
    ("knee", "ankle", 0.65),
)
"""Ends of limbs and lengths, m, beyond which the outer end is somebody else's."""
_SLACK = np.ones((5, 5), np.uint8)
"""Cells around a body that count as its own: predictions err by centimetres, clothes are wide."""


def find_overlaps(
    points: Keypoints3D, cameras: Cameras, contact: Contact
) -> Bool[np.ndarray, "C N T"]:
    """Return whom to look at again in which pictures: who overlaps with a person they touch.

    Args:
        points: Everyone's, as predicted; bodies are capsules between them.
        cameras: The views.
        contact: Who is in contact when.
    """
    close = contact.touching[..., None] | (
        contact.alike if contact.alike.shape[2] else np.zeros((1, 1, len(cameras.names)), bool)
    )
    who = np.zeros((len(cameras.names), len(points.people), len(points.time)), bool)
    for frame in np.flatnonzero(close.any((0, 2))).tolist():
        vertices = body_from_points(points.position[:, frame], points.skeleton)
        layers = render_masks(cameras, vertices, body_faces(), frame=frame, cells=_CELLS)
        for view, layer in enumerate(layers):
            meet = _meet(layer)
            for pair, now in zip(contact.pairs, close[:, frame, view], strict=True):
                if now and meet[pair]:
                    who[view, list(pair), frame] = True
    return who


def predict_points(points: Keypoints3D) -> Keypoints3D:
    """Return where everyone's body is, gaps of up to half a second bridged, jumps taken out.

    Only what a body is drawn from is predicted; all else is missing.
    """
    skeleton = points.skeleton
    rows = [row for row, name in enumerate(skeleton.keypoints) if name in _DRAWN]
    place = {skeleton.keypoints[row]: at for at, row in enumerate(rows)}
    limbs = [pair for pair in find_limbs(skeleton) if set(pair) <= set(place)]
    rate = 1 / float(np.median(np.diff(points.time))) if len(points.time) > 1 else 30.0
    options = RefineOptions(
        jump=(_TOP_SPEED / rate) ** 2,
        limb_deviations=4.0,
        robust=True,
        fill_degree=1,
        max_gap=round(_BRIDGED * rate),
    )
    position = np.full(points.position.shape, np.nan, np.float32)
    for person, valid in enumerate(points.valid):
        own = points.position[person][:, rows]
        ends = [(place[first], place[second]) for first, second in limbs]
        position[person][:, rows] = refine_points(own, valid[:, rows], ends, options)[0]
    _drop_far_ends(position, skeleton)
    known = np.isfinite(position).all(-1)
    return replace(points, position=position, confidence=known.astype(np.float32), sigma=None)


def _drop_far_ends(position: Float[np.ndarray, "N T K 3"], skeleton: Skeleton) -> None:
    """Take out where limbs are longer than anybody's, from the trunk outwards."""
    for inner, outer, longest in _LONGEST:
        for side in ("left", "right"):
            names = f"{side}_{inner}", f"{side}_{outer}"
            if all(name in skeleton.keypoints for name in names):
                start, end = (skeleton.index(name) for name in names)
                length = np.linalg.norm(position[:, :, end] - position[:, :, start], axis=-1)
                position[:, :, end][length > longest] = np.nan


def _meet(layer: Layers) -> Bool[np.ndarray, "N N"]:
    """Tell whose masks share pixels, or nearly; each is that of a body alone."""
    amodal = layer.amodal
    wide = np.stack([cv2.dilate(mask.astype(np.uint8), _SLACK) for mask in amodal]) > 0
    if not wide.size:
        return np.zeros((len(amodal), len(amodal)), bool)
    return np.asarray((wide[:, None] & amodal[None]).any((2, 3)))
