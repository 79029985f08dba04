"""ROMP and BEV (simple_romp): an .npz with `results`, a dictionary, as a pickled object.

Of a picture it holds arrays over its N people, of a video such a dictionary for every frame. Read:
`smpl_thetas` (N, 72 rotation vectors; BEV's bodies are SMPL+A, read as SMPL's), `smpl_betas` (10;
of BEV 11 with the age, which is dropped), `cam_trans` (N, 3, m), `joints` (N, 71 or more, m in the
body's axes: SMPL's 45 first), `pj2d_org` (the same in px), `track_ids`, `center_confs`. The focal
length is that of a square around the picture seen at 60 degrees; the axis meets the picture's
middle. The root is the pelvis joint + `cam_trans`. Without track ids, people are linked from frame
to frame by likeness.

Tried on a real file of ROMP (one picture, one person: the joints project onto `pj2d_org` within 9
px of 1280); a video's and BEV's on files written in the layout of the public documentation.
"""

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from marey.core import Take, load_skeleton
from marey.core.errors import FormatError
from marey.datasets._fields import get_array, get_dict
from marey.datasets.outputs.cameras import central_K, level_camera
from marey.datasets.outputs.gather import build_take
from marey.datasets.outputs.people import FROM_CAMERA, Options, Points, Posed, Seen, name_person
from marey.datasets.outputs.rotations import from_vectors
from marey.io.link import link_sightings
from marey.io.sightings import Sighting, View

FOV = math.radians(60)
NUM_SHAPE = 10
_SKELETON = load_skeleton("smpl-45")
_KEYS = {"smpl_thetas", "cam_trans"}
_COUNT = len(_SKELETON)


def recognise(document: Any) -> bool:
    """Tell whether a document is ROMP's or BEV's."""
    if not isinstance(document, dict) or not isinstance(document.get("results"), dict):
        return False
    results = document["results"]
    frames = [results] if set(results) >= _KEYS else results.values()
    return any(isinstance(frame, dict) and set(frame) >= _KEYS for frame in frames)


def read(document: dict[str, Any], path: Path, options: Options) -> Take:
    """Read the people of a picture or a video.

    Raises:
        FormatError: If fields are missing, or of other shapes.
        NothingFoundError: If there is nobody.
    """
    results = get_dict(document.get("results"), path, "results")
    names = [""] if set(results) >= _KEYS else sorted(results)
    frames = [_Frame(results[n] if n else results, n, row, path) for row, n in enumerate(names)]
    sightings = [each for frame in frames for each in frame.sightings]
    linked = iter(link_sightings(sightings, _SKELETON))
    rows: dict[str, list[tuple[_Frame, int]]] = defaultdict(list)
    for frame in frames:
        for row in range(frame.count):
            rows[next(linked)].append((frame, row))
    size, cameras = options.size, None
    if size is not None:
        cameras = level_camera(central_K(max(size) / 2 / math.tan(FOV / 2), size), size)
    return build_take(
        [_to_seen(name, parts) for name, parts in rows.items()],
        view=View(path=path, format="ROMP, SMPL bodies", num_frames=len(names), size=size),
        options=options,
        cameras=cameras,
        note="world of the camera, which is taken to be level",
    )


class _Frame:
    """The people of one frame."""

    def __init__(self, value: Any, name: str, number: int, path: Path):
        table = get_dict(value, path, name)
        if not table:
            table = {"smpl_thetas": np.zeros((0, 72)), "cam_trans": np.zeros((0, 3))}
        self.number = number
        self.pose = from_vectors(table.get("smpl_thetas"), "smpl_thetas", path, count=24)
        self.count = count = len(self.pose)
        self.place = get_array(table, "cam_trans", path, (count, 3), missing=True)
        self.betas = np.zeros((count, NUM_SHAPE))
        if count and "smpl_betas" in table:
            found = get_array(table, "smpl_betas", path, (count, None), missing=True)
            if not NUM_SHAPE <= found.shape[1] <= NUM_SHAPE + 1:
                raise FormatError(f"{path}: 'smpl_betas' has {found.shape[1]} columns, not 10")
            self.betas = found[:, :NUM_SHAPE]
        self.joints = self._points(table, "joints", 3, path)
        self.image = self._points(table, "pj2d_org", 2, path)
        self.sure = np.ones(count)
        if "center_confs" in table and count:
            sure = get_array(table, "center_confs", path, (count, None), missing=True)
            self.sure = np.clip(np.nan_to_num(sure[:, 0]), 0.01, 1)
        ids = table.get("track_ids")
        self.ids = None if ids is None or np.size(ids) != count else np.ravel(ids).tolist()
        self.sightings = [self._sight(row, path) for row in range(count)]

    def _points(self, table: dict[str, Any], key: str, axes: int, path: Path) -> np.ndarray:
        missing = np.full((self.count, _COUNT, axes), np.nan)
        if key not in table or not self.count:
            return missing
        points = get_array(table, key, path, (self.count, None, axes), missing=True)
        if points.shape[1] < _COUNT:
            return missing
        return points[:, :_COUNT]

    def _sight(self, row: int, path: Path) -> Sighting:
        known = np.isfinite(self.image[row]).all(-1)
        name = None if self.ids is None else name_person(self.ids[row], path)
        return Sighting(
            self.number, np.nan_to_num(self.image[row]), known * self.sure[row], person=name
        )


def _to_seen(name: str, parts: list[tuple[_Frame, int]]) -> Seen:
    def stack(field: str) -> np.ndarray:
        return np.stack([getattr(frame, field)[row] for frame, row in parts])

    pose, place, joints, sure = stack("pose"), stack("place"), stack("joints"), stack("sure")
    is_translation = not np.isfinite(joints[:, 0]).all()
    return Seen(
        name=name,
        frame=np.array([frame.number for frame, _ in parts]),
        body=Posed(
            root=pose[:, 0],
            joints=pose[:, 1:],
            position=place if is_translation else place + joints[:, 0],
            betas=stack("betas"),
            is_translation=is_translation,
            axes=FROM_CAMERA,
        ),
        space=Points(
            skeleton=_SKELETON,
            position=joints + place[:, None],
            confidence=np.repeat(sure[:, None], _COUNT, 1),
        ),
        image=Points(
            skeleton=_SKELETON,
            position=stack("image"),
            confidence=np.repeat(sure[:, None], _COUNT, 1),
        ),
    )
