"""What a corpus in Harmony4D's layout says of itself, measured from its own files.

Works on corpora that marey wrote and on others in the layout; what a sequence lacks is None.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float

from marey.core import Keypoints3D, convert_keypoints
from marey.core.errors import InputError
from marey.core.progress import Progress, silent
from marey.datasets.corpus.bodies import COCO_17, SMPL_45
from marey.datasets.corpus.manifest import Manifest, read_manifest
from marey.datasets.corpus.read import read_detections
from marey.datasets.harmony4d import read_sequence
from marey.datasets.recording import Recording
from marey.datasets.views import see_from_cameras
from marey.fit.contact.capsules import nearest_on_segments

CONTACT_M = 0.10
"""Bones of two people that come as near as this are taken to touch: limbs are some 5 cm thick."""
MOST_SAMPLED = 300
"""Frames, evenly spread, from which errors and contact are measured."""
_BONES = np.array([e for e in SMPL_45.edges if max(e) <= SMPL_45.index("nose")])


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a set of errors is distributed."""

    median: float
    p90: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceFacts:
    """One sequence of a corpus."""

    name: str
    people: tuple[str, ...]
    num_frames: int
    frame_rate: float
    duration_s: float
    person_frames: int
    frames_with_two: int
    contact_share: float | None
    """Of the frames with two people or more; None if there are none."""
    cameras: tuple[str, ...]
    worn: tuple[str, ...]
    resolutions: tuple[str, ...]
    body: str
    parts: tuple[str, ...]
    """Folders of `processed_data`, and pictures."""
    reprojection_px: dict[str, Spread] = field(default_factory=dict)
    """By camera: detections against the projected joints of the bodies."""
    joints_mm: Spread | None = None
    """Joints of `poses3d` against those of the bodies."""
    take: dict[str, Any] = field(default_factory=dict)


def measure_sequence(path: Path, *, progress: Progress = silent) -> SequenceFacts:
    """Measure one sequence.

    Raises:
        InputError: If its folder cannot be read.
        FormatError: If a file is not of the layout.
        NothingFoundError: If nobody is in it.
    """
    bodies, manifest = read_sequence(path), read_manifest(path)
    points, cameras = bodies.keypoints3d, bodies.cameras
    assert points is not None and bodies.frame_rate is not None
    present = points.valid.any(-1)
    rows = _sample(len(bodies.frame))
    return SequenceFacts(
        name=path.resolve().name if manifest is None else manifest.sequence,
        people=points.people,
        num_frames=len(bodies.frame),
        frame_rate=bodies.frame_rate,
        duration_s=round(len(bodies.frame) / bodies.frame_rate, 3),
        person_frames=int(present.sum()),
        frames_with_two=int((present.sum(0) > 1).sum()),
        contact_share=_contact_share(points, rows),
        cameras=() if cameras is None else cameras.names,
        worn=() if manifest is None else tuple(manifest.cameras[n] for n in manifest.worn),
        resolutions=()
        if cameras is None
        else tuple(sorted({f"{width} x {height}" for width, height in cameras.size.tolist()})),
        body="SMPL" if manifest is None else manifest.body,
        parts=_list_parts(path),
        reprojection_px=_reprojection(path, bodies, manifest, rows, progress),
        joints_mm=_compare_joints(path, points, rows),
        take={} if manifest is None else manifest.take,
    )


def _sample(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, MOST_SAMPLED)).astype(int))


def _list_parts(path: Path) -> tuple[str, ...]:
    processed = path / "processed_data"
    parts = [f"processed_data/{each.name}" for each in sorted(processed.iterdir()) if each.is_dir()]
    pictures = [
        f"{place}/{each.parent.name}/images"
        for place in ("exo", "ego")
        for each in sorted((path / place).glob("*/images"))
    ]
    return (*parts, *pictures)


def _contact_share(points: Keypoints3D, rows: np.ndarray) -> float | None:
    if len(points.people) < 2:
        return None
    bones = points.position[:, rows][:, :, _BONES]
    known = np.asarray(np.isfinite(bones).all((-1, -2, -3)))
    near = np.zeros(len(rows), bool)
    for first in range(len(bones)):
        for second in range(first):
            both = np.flatnonzero(known[first] & known[second])
            near[both] |= _touch(bones[first, both], bones[second, both])
    together = known.sum(0) > 1
    return round(float(near[together].mean()), 4) if together.any() else None


def _touch(
    first: Float[np.ndarray, "T B 2 3"], second: Float[np.ndarray, "T B 2 3"]
) -> Bool[np.ndarray, "T"]:
    count, bones = first.shape[:2]
    if not count:
        return np.zeros(0, bool)
    a = torch.from_numpy(np.repeat(first, bones, 1).reshape(-1, 2, 3).astype(np.float64))
    b = torch.from_numpy(np.tile(second, (1, bones, 1, 1)).reshape(-1, 2, 3).astype(np.float64))
    s, t = nearest_on_segments(a, b).unsqueeze(-1).unbind(1)
    p, q = a[:, 0] + s * (a[:, 1] - a[:, 0]), b[:, 0] + t * (b[:, 1] - b[:, 0])
    gap = (p - q).norm(dim=-1).reshape(count, -1).min(1).values
    return gap.numpy() < CONTACT_M


def _reprojection(
    path: Path, bodies: Recording, manifest: Manifest | None, rows: np.ndarray, progress: Progress
) -> dict[str, Spread]:
    if bodies.cameras is None or not (path / "processed_data" / "poses2d").is_dir():
        return {}
    stored = {} if manifest is None else {v: k for k, v in manifest.cameras.items()}
    names = {} if manifest is None else manifest.people
    spreads: dict[str, Spread] = {}
    views = bodies.cameras.names
    for count, (name, seen) in enumerate(zip(views, see_from_cameras(bodies), strict=True)):
        assert seen.keypoints2d is not None
        image = convert_keypoints(seen.keypoints2d.position, SMPL_45, COCO_17)
        errors = []
        for row in rows.tolist():
            camera, number = stored.get(name, name), int(bodies.frame[row])
            for human, table in read_detections(path, camera, number).items():
                own = names.get(human, human)
                if own in seen.people:
                    there = table[:, 2] > 0
                    gap = image[seen.people.index(own), row] - table[:, :2]
                    errors.append(np.linalg.norm(gap, axis=-1)[there])
        spread = _spread(np.concatenate(errors) if errors else np.zeros(0))
        if spread is not None:
            spreads[name] = spread
        progress("datasheet", count + 1, len(views))
    return spreads


def _compare_joints(path: Path, points: Keypoints3D, rows: np.ndarray) -> Spread | None:
    try:
        joints = read_sequence(path, part="poses3d").keypoints3d
    except InputError:
        return None
    if joints is None or len(joints.time) != len(points.time):
        return None
    body = convert_keypoints(points.position, SMPL_45, COCO_17)
    gaps = [
        np.linalg.norm(body[row] - joints.position[joints.people.index(name)], axis=-1)[rows]
        for row, name in enumerate(points.people)
        if name in joints.people
    ]
    return _spread(1000 * np.concatenate(gaps)) if gaps else None


def _spread(errors: Float[np.ndarray, "..."]) -> Spread | None:
    known = errors[np.isfinite(errors)]
    if not known.size:
        return None
    median, high = np.percentile(known, [50, 90])
    return Spread(median=round(float(median), 3), p90=round(float(high), 3), count=int(known.size))
