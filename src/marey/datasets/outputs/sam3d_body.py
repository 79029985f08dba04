"""SAM 3D Body: what its estimator returns for a picture, saved as .npz, .json or a pickle.

The program writes no file of its own. Taken are a list of dictionaries (a person each), a list or
dictionary of such lists (a frame each, in order or by name), or an .npz with the same fields over
the people of one picture. Read of each person: `pred_keypoints_3d` (70, m, camera axes, about
the body's own origin), `pred_cam_t` (3, m, added to them), `pred_keypoints_2d` (70, px),
`focal_length` (px), `bbox` (x0 y0 x1 y1, px). The 70 keypoints are MHR's (skeleton `mhr-70`). The
parameters of the MHR rig are passed over: marey has no such body. People are linked from frame to
frame by likeness.

Tried on files written in this layout, which is that of the project's public documentation; no real
file is at hand.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from marey.core import Take, load_skeleton
from marey.core.errors import FormatError, NothingFoundError
from marey.datasets._fields import get_array, get_dict, to_array
from marey.datasets.outputs.cameras import central_K, level_camera
from marey.datasets.outputs.gather import build_take
from marey.datasets.outputs.people import Options, Points, Seen
from marey.io.link import link_sightings
from marey.io.sightings import Sighting, View

KEY = "pred_keypoints_3d"
COUNT = 70


def recognise(document: Any) -> bool:
    """Tell whether a document is SAM 3D Body's."""
    for _ in range(5):
        if isinstance(document, dict) and KEY in document:
            return True
        values = list(document.values()) if isinstance(document, dict) else document
        if not isinstance(values, (list, np.ndarray)) or not len(values):
            return False
        # A frame without people is an empty list.
        kinds = (list, dict, np.ndarray)
        document = next((each for each in values if isinstance(each, kinds) and len(each)), None)
    return False


def read(document: Any, path: Path, options: Options) -> Take:
    """Read the people of a picture or of frames.

    Raises:
        FormatError: If fields are missing, or of other shapes.
        NothingFoundError: If there is nobody.
    """
    frames = _frames(document, path)
    found = [
        _Found(number, person, path) for number, people in enumerate(frames) for person in people
    ]
    if not found:
        raise NothingFoundError(f"{path} holds nobody")
    skeleton = load_skeleton("mhr-70")
    names = link_sightings([each.sighting for each in found], skeleton)
    rows: dict[str, list[_Found]] = defaultdict(list)
    for name, each in zip(names, found, strict=True):
        rows[name].append(each)
    focal = np.array([each.focal for each in found if np.isfinite(each.focal)])
    cameras = None
    if options.size is not None and len(focal):
        K = central_K(float(np.median(focal)), options.size)
        cameras = level_camera(K, options.size)
    seen = [
        Seen(
            name=name,
            frame=np.array([each.sighting.frame for each in parts]),
            space=Points(skeleton=skeleton, position=np.stack([each.space for each in parts])),
            image=Points(skeleton=skeleton, position=np.stack([each.image for each in parts])),
            box=np.stack([each.box for each in parts]),
        )
        for name, parts in rows.items()
    ]
    view = View(path=path, format="SAM 3D Body, keypoints", num_frames=len(frames))
    note = "points in the camera's axes"
    return build_take(seen, view=view, options=options, cameras=cameras, note=note)


class _Found:
    """One person in one frame."""

    def __init__(self, number: int, value: Any, path: Path):
        table = get_dict(value, path)
        place = get_array(table, "pred_cam_t", path, (3,), missing=True)
        self.space = get_array(table, KEY, path, (COUNT, 3), missing=True) + place
        self.image = np.full((COUNT, 2), np.nan)
        if table.get("pred_keypoints_2d") is not None:
            image = get_array(table, "pred_keypoints_2d", path, (COUNT, None), missing=True)
            self.image = image[:, :2]
        self.box = np.full(4, np.nan)
        if table.get("bbox") is not None:
            self.box = to_array(np.ravel(table["bbox"])[:4], "bbox", path, (4,), missing=True)
        focal = table.get("focal_length")
        self.focal = np.nan if focal is None else _first(focal, path)
        known = np.asarray(np.isfinite(self.image).all(-1), np.float64)
        self.sighting = Sighting(number, np.nan_to_num(self.image), known)


def _first(value: Any, path: Path) -> float:
    flat = to_array(np.ravel(np.asarray(value)), "focal_length", path, (None,), missing=True)
    return float(flat[0]) if len(flat) else np.nan


def _frames(document: Any, path: Path) -> list[list[Any]]:
    """Return the people of each frame."""
    if isinstance(document, dict) and KEY in document:
        return [_unstack(document, path)]
    if isinstance(document, dict) and len(document) == 1:
        (inner,) = document.values()
        if not isinstance(inner, dict) or KEY in inner:
            return _frames(inner, path)
    if isinstance(document, dict):
        document = [document[key] for key in sorted(document, key=str)]
    if not isinstance(document, (list, np.ndarray)):
        raise FormatError(f"{path} holds no list of people as SAM 3D Body returns it")
    values = list(document)
    if any(isinstance(each, dict) and KEY in each for each in values):
        return [values]
    parts = ([[]] if not len(each) else _frames(each, path) for each in values)
    return [people for part in parts for people in part]


def _unstack(table: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    """Return the people of one picture whose fields are stacked; a single person as one."""
    points = np.asarray(table[KEY])
    if points.ndim == 2:
        return [table]
    count = len(to_array(points, KEY, path, (None, COUNT, 3), missing=True))
    fields = (KEY, "pred_cam_t", "pred_keypoints_2d", "bbox", "focal_length")
    arrays = {key: np.asarray(table[key]) for key in fields if table.get(key) is not None}
    stacked = {key: v for key, v in arrays.items() if v.ndim and len(v) == count}
    return [{key: array[row] for key, array in stacked.items()} for row in range(count)]
