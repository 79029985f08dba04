"""What each camera of a corpus sees of everyone: joints, boxes, bodies in its axes, detections."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from marey.core import Cameras, Take, convert_keypoints
from marey.datasets.corpus.bodies import COCO_17, PosedPeople
from marey.datasets.corpus.camera_frame import to_camera_frame
from marey.geometry.projection import find_distortion_limit, project_points

NEAREST_M = 0.05
"""Points nearer to a camera, or behind it, have no place in its image."""
FEWEST_VERTICES = 40
"""Of a person inside a picture, from which there is a box (EgoHumans' rule for its cylinders)."""
NUM_JOINTS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPeople:
    """N people in one view over t frames."""

    orient: Float[np.ndarray, "N t 3"]
    transl: Float[np.ndarray, "N t 3"]
    image: Float[np.ndarray, "N t 45 2"]
    """px; NaN where a joint is not in front of the camera."""
    box: Float[np.ndarray, "N t 4"]
    """x0 y0 x1 y1 around the mesh within the picture, px, rounded; NaN where it is not in it."""


def see_people(
    posed: PosedPeople,
    cameras: Cameras,
    view: int,
    motion: Float[np.ndarray, "t 3 4"],
    *,
    root_rest: Float[np.ndarray, "N 3"],
) -> SeenPeople:
    """Carry everyone into a camera and its picture.

    Args:
        posed: Everyone over t frames.
        cameras: All cameras.
        view: Which one.
        motion: The rigid motions from the world into its axes.
        root_rest: J0 of each person, m.
    """
    present = posed.present
    orient, transl = np.full((*present.shape, 3), np.nan), np.full((*present.shape, 3), np.nan)
    each = np.broadcast_to(motion, (len(present), *motion.shape))[present]
    rest = np.broadcast_to(root_rest[:, None], transl.shape)[present]
    orient[present], transl[present] = to_camera_frame(
        posed.orient[present], posed.transl[present], rest, each
    )
    return SeenPeople(
        orient=orient,
        transl=transl,
        image=_project(posed.joints, cameras, view, motion),
        box=_surround(_project(posed.vertices, cameras, view, motion), cameras.size[view]),
    )


def _project(
    points: Float[np.ndarray, "N t K 3"],
    cameras: Cameras,
    view: int,
    motion: Float[np.ndarray, "t 3 4"],
) -> Float[np.ndarray, "N t K 2"]:
    near = points @ np.swapaxes(motion[None, ..., :3], -1, -2) + motion[None, :, None, :, 3]
    distortion = cameras.distortion[view].astype(np.float64)
    limit = find_distortion_limit(distortion, model=cameras.model)
    # What lies beyond the lens's own limit would be folded back into the picture.
    aside = np.linalg.norm(near[..., :2], axis=-1, keepdims=True)
    visible = near[..., 2:] > NEAREST_M
    if np.isfinite(limit):
        visible &= aside < limit * near[..., 2:]
    visible = np.where(visible, near, np.nan)
    with torch.inference_mode():
        pixels = project_points(
            torch.from_numpy(visible),
            torch.from_numpy(cameras.K[view].astype(np.float64)),
            torch.from_numpy(distortion),
            model=cameras.model,
        )
    return pixels.numpy()


def _surround(
    pixels: Float[np.ndarray, "N t V 2"], size: Sequence[int] | np.ndarray
) -> Float[np.ndarray, "N t 4"]:
    known = np.asarray(np.isfinite(pixels).all(-1))
    inside = known & (pixels >= 0).all(-1) & (pixels <= np.asarray(size)).all(-1)
    low = np.where(known[..., None], pixels, np.inf).min(-2)
    high = np.where(known[..., None], pixels, -np.inf).max(-2)
    box = np.round(np.clip(np.concatenate([low, high], -1), 0, np.tile(size, 2)))
    box[inside.sum(-1) < FEWEST_VERTICES] = np.nan
    return box


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """What detectors said of everyone in one view."""

    points: Float[np.ndarray, "N T 17 3"]
    """COCO's keypoints: px and confidence; zeros where there is none."""
    box: Float[np.ndarray, "N T 5"]
    """x0 y0 x1 y1 and score; NaN where there is none."""

    def describe(self, names: Sequence[str], frame: int) -> list[dict[str, Any]]:
        """Return the list of people of one frame as the layout has it."""
        return [
            {
                "human_name": name,
                "human_id": row,
                "bbox": self.box[row, frame],
                "keypoints": self.points[row, frame],
            }
            for row, name in enumerate(names)
            if self.points[row, frame, :, 2].any()
        ]


def find_detections(take: Take, view: int, people: Sequence[str]) -> Detected | None:
    """Return the keypoints and boxes of one view; None if the take has none of it."""
    shape = (len(people), len(take.time))
    points, box = np.zeros((*shape, len(COCO_17), 3)), np.full((*shape, 5), np.nan)
    found = False
    for person in take.people:
        if len(person.keypoints2d) <= view or person.name not in people:
            continue
        block, row = person.keypoints2d[view], people.index(person.name)
        place = convert_keypoints(block.position, block.skeleton, COCO_17)[0]
        sure = convert_keypoints(block.confidence, block.skeleton, COCO_17, axis=-1, missing=0.0)[0]
        span = slice(person.start, person.stop)
        known = np.asarray((sure > 0) & np.isfinite(place).all(-1))
        points[row, span, :, :2] = np.where(known[..., None], place, 0)
        points[row, span, :, 2] = np.where(known, sure, 0)
        found = True
    for track in take.tracks[view].tracks if len(take.tracks) > view else ():
        if track.person in people:
            row, span = people.index(track.person), slice(track.start, track.stop)
            box[row, span, :4], box[row, span, 4] = track.box, track.confidence
    return Detected(points=points, box=box) if found else None
