"""When two people are so close that a detector may take the one for the other.

Before the fit, from triangulated points: the gap between the two bodies, limbs taken as capsules,
and in each view the object keypoint similarity of their two poses (Harmony4D's supplement,
"Pre-Contact Processing", and its authors' overlap rule). After the fit, from the meshes. The roads
before and after contact (`marey.capture.contact.keypoints`) switch by it.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.spatial import KDTree

from marey.body import Body
from marey.capture.views.duplicates import keypoint_similarity
from marey.core import BodyMotion, Keypoints2D, Keypoints3D
from marey.core.scratch import chunks
from marey.fit.contact.capsules import nearest_on_segments

_RADII = {
    "knee-ankle": 0.055,
    "hip-knee": 0.08,
    "shoulder-hip": 0.12,
    "shoulder-elbow": 0.05,
    "elbow-wrist": 0.045,
}
"""Of an adult's limbs, m."""
_HEAD_RADIUS, _NEAREST_FACE = 0.1, ("nose", "left_ear", "right_ear", "left_eye", "right_eye")
_SIDES = ("left", "right")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactOptions:
    """What counts as contact."""

    gap: float = 0.15
    """Bodies nearer than this are in contact as far as keypoints go, m: limbs a hand's breadth
    apart are one blob in a picture."""
    mesh_gap: float = 0.02
    """The same of two meshes, m, of which vertices lie two centimetres apart."""
    similarity: float = 0.6
    """Object keypoint similarity above which two poses of one view may be one person's; the
    supplement says 0.7, its authors' sequences 0.6 or 0.7."""
    hold: float = 0.25
    """Contact lasts this long before and after it is found, s."""
    min_confidence: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Contact of all pairs of people."""

    pairs: tuple[tuple[int, int], ...]
    """Rows of the people of each of the P pairs."""
    gap: Float[np.ndarray, "P T"]
    """Between the two bodies, m; negative where they enter each other, NaN where one is unknown."""
    touching: Bool[np.ndarray, "P T"]
    """Near in space, with the time before and after."""
    alike: Bool[np.ndarray, "P T C"]
    """Views in which the two poses are too alike; C is 0 where contact was found on meshes."""

    @property
    def frames(self) -> Bool[np.ndarray, "T"]:
        """Frames in which anybody is in contact with anybody, in space or in some view."""
        return np.asarray(self.touching.any(0) | self.alike.any((0, 2)))

    def people(self, count: int) -> Bool[np.ndarray, "N T"]:
        """Return who is in contact when."""
        result = np.zeros((count, self.touching.shape[1]), bool)
        for pair, close in zip(self.pairs, self.touching | self.alike.any(2), strict=True):
            result[list(pair)] |= close
        return result


def find_contact(
    points: Keypoints3D, keypoints: Keypoints2D | None = None, options: ContactOptions | None = None
) -> Contact:
    """Find contact before the fit.

    Args:
        points: Everyone's triangulated points.
        keypoints: The same people in C views.
        options: Thresholds.
    """
    options = options or ContactOptions()
    ends, radius = _segments(points)
    pairs = tuple(combinations(range(len(points.people)), 2))
    num_frames, num_views = len(points.time), 0 if keypoints is None else len(keypoints.position)
    gap = np.full((len(pairs), num_frames), np.nan)
    alike = np.zeros((len(pairs), num_frames, num_views), bool)
    for row, (one, two) in enumerate(pairs):
        gap[row] = _gap(ends[one], ends[two], radius)
        if keypoints is not None:
            alike[row] = (_similarity(keypoints, one, two, options) > options.similarity).T
    near = np.nan_to_num(gap, nan=np.inf) < options.gap
    return Contact(
        pairs=pairs, gap=gap, touching=_hold(near, points.time, options.hold), alike=alike
    )


def find_mesh_contact(
    body: Body, motion: BodyMotion, options: ContactOptions | None = None
) -> Contact:
    """Find contact after the fit: the least distance of two meshes' vertices.

    Args:
        body: The motion's body; a light mesh does.
        motion: Everyone's motion; NaN where absent.
        options: Thresholds.
    """
    options = options or ContactOptions()
    pairs = tuple(combinations(range(len(motion.people)), 2))
    gap = np.full((len(pairs), len(motion.time)), np.nan)
    for frames in chunks(len(motion.time)):
        meshes = _pose_meshes(body, motion, frames)
        for row, (one, two) in enumerate(pairs):
            gap[row, frames] = [
                _mesh_gap(a, b) for a, b in zip(meshes[one], meshes[two], strict=True)
            ]
    near = np.nan_to_num(gap, nan=np.inf) < options.mesh_gap
    return Contact(
        pairs=pairs,
        gap=gap,
        touching=_hold(near, motion.time, options.hold),
        alike=np.zeros((*gap.shape, 0), bool),
    )


def _pose_meshes(body: Body, motion: BodyMotion, frames: slice) -> Float[np.ndarray, "N T V 3"]:
    with torch.inference_mode():
        posed = body.pose(
            torch.as_tensor(motion.shape.astype(np.float32))[:, None],
            torch.as_tensor(motion.T_world_root[:, frames].astype(np.float32)),
            torch.as_tensor(motion.R_parent_joint[:, frames].astype(np.float32)),
        )
        return body.vertices(posed).numpy()


def _mesh_gap(first: Float[np.ndarray, "V 3"], second: Float[np.ndarray, "V 3"]) -> float:
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return float("nan")
    # Only what is near the other's box can be nearest, where boxes are near at all.
    low, high = second.min(0), second.max(0)
    outside = np.linalg.norm(np.maximum(np.maximum(low - first, first - high), 0), axis=1)
    near = first[outside <= outside.min() + 0.3]
    return float(KDTree(second).query(near)[0].min())


def _similarity(
    keypoints: Keypoints2D, one: int, two: int, options: ContactOptions
) -> Float[np.ndarray, "C T"]:
    skeleton = keypoints.skeleton
    sigmas = np.array(skeleton.oks_sigmas or np.full(len(skeleton), np.nan), np.float64)
    visible = (keypoints.confidence > options.min_confidence) & keypoints.valid
    return keypoint_similarity(
        keypoints.position[:, one].astype(np.float64),
        keypoints.position[:, two].astype(np.float64),
        np.stack([visible[:, one], visible[:, two]], -2),
        sigmas,
    )


def _segments(points: Keypoints3D) -> tuple[Float[np.ndarray, "N T S 2 3"], Float[np.ndarray, "S"]]:
    """Return limbs, trunk and head as segments with radii; NaN where an end is missing."""
    place = {name: points.position[:, :, row] for row, name in enumerate(points.skeleton.keypoints)}
    absent = np.full((*points.position.shape[:2], 3), np.nan)
    ends: list[np.ndarray] = []
    radius: list[float] = []
    for limb, thick in _RADII.items():
        upper, lower = limb.split("-")
        for side in _SIDES:
            pair = [place.get(f"{side}_{name}", absent) for name in (upper, lower)]
            if lower == "wrist":  # A hand goes on beyond the wrist by a third of the forearm.
                pair[1] = pair[1] + (pair[1] - pair[0]) / 3
            ends.append(np.stack(pair, -2))
            radius.append(thick)
    shoulders = [place.get(f"{side}_shoulder", absent) for side in _SIDES]
    hips = [place.get(f"{side}_hip", absent) for side in _SIDES]
    faces = [place.get(name, absent) for name in _NEAREST_FACE]
    neck, head = (shoulders[0] + shoulders[1]) / 2, absent
    for face in faces:
        head = np.where(np.isfinite(head), head, face)
    ends += [np.stack(shoulders, -2), np.stack(hips, -2), np.stack([neck, head], -2)]
    radius += [0.08, 0.1, _HEAD_RADIUS]
    return np.stack(ends, 2), np.array(radius)


def _gap(
    first: Float[np.ndarray, "T S 2 3"],
    second: Float[np.ndarray, "T S 2 3"],
    radius: Float[np.ndarray, "S"],
) -> Float[np.ndarray, "T"]:
    count = len(radius)
    row, column = (index.ravel() for index in np.indices((count, count)))
    result = np.full(len(first), np.nan)
    for frames in chunks(len(first)):
        a = first[frames][:, row].astype(np.float64)
        b = second[frames][:, column].astype(np.float64)
        along = nearest_on_segments(
            torch.from_numpy(a.reshape(-1, 2, 3)), torch.from_numpy(b.reshape(-1, 2, 3))
        ).numpy()
        s, t = (x.reshape(*a.shape[:2], 1) for x in along.T)
        apart = a[:, :, 0] + s * (a[:, :, 1] - a[:, :, 0]) - b[:, :, 0]
        apart = apart - t * (b[:, :, 1] - b[:, :, 0])
        free = np.linalg.norm(apart, axis=-1) - radius[row] - radius[column]
        known = np.isfinite(free)
        nearest = np.where(known, free, np.inf).min(1)
        result[frames] = np.where(known.any(1), nearest, np.nan)
    return result


def _hold(
    near: Bool[np.ndarray, "P T"], time: Float[np.ndarray, "T"], hold: float
) -> Bool[np.ndarray, "P T"]:
    """Let contact last a little before and after."""
    step = float(np.median(np.diff(time))) if len(time) > 1 else 1.0
    reach = round(hold / step) if step > 0 else 0
    total = np.cumsum(np.pad(near, [(0, 0), (1, 0)]).astype(np.int64), axis=1)
    frame = np.arange(near.shape[1])
    first, last = np.maximum(frame - reach, 0), np.minimum(frame + reach + 1, near.shape[1])
    return total[:, last] > total[:, first]
