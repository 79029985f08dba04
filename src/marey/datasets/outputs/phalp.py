"""PHALP and 4D-Humans' track.py: `results/demo_NAME.pkl`, by joblib.

Read, for every frame in the order of its name: `tid` (who), `tracked_time` (frames since last seen;
only 0 is read, since PHALP repeats a lost person's last values), `smpl` (global_orient 1x3x3,
body_pose 23x3x3, betas 10), `camera` (translation, m), `3d_joints` (45, in the body's axes, the
pelvis first), `2d_joints` (90: shares of the picture padded to a square), `bbox` (x y w h, px),
`conf`, `size` (height, width, px). The focal length is 5000 px for a square of 256 px, that is
5000 / 256 of the picture's longer side, and the axis meets its middle: people stand far away and
perspective is weak. The root is the pelvis joint + `camera`.

Tried on a file written in this layout (systems.md, section 5.6, and the project's public
documentation); no real file is at hand.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from marey.core import Take, load_skeleton
from marey.core.errors import FormatError
from marey.datasets._fields import to_array
from marey.datasets.outputs.cameras import central_K, level_camera
from marey.datasets.outputs.gather import build_take
from marey.datasets.outputs.people import FROM_CAMERA, Options, Points, Posed, Seen, name_person
from marey.datasets.outputs.rotations import from_matrices
from marey.io.limits import check_picture_size
from marey.io.sightings import View

FOCAL_PX, RES_PX = 5000.0, 256.0
_SKELETON = load_skeleton("smpl-45")


def recognise(document: Any) -> bool:
    """Tell whether a document is PHALP's."""
    return isinstance(document, dict) and any(
        isinstance(frame, dict) and {"tid", "smpl", "camera"} <= set(frame)
        for frame in document.values()
    )


def read(document: dict[str, Any], path: Path, options: Options) -> Take:
    """Read the document.

    Raises:
        FormatError: If fields are missing, or of other shapes.
        NothingFoundError: If nobody is tracked.
    """
    if not all(isinstance(frame, dict) for frame in document.values()):
        raise FormatError(f"{path}: its frames are not dictionaries as PHALP writes them")
    names = sorted(document, key=str)
    rows: dict[str, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    size = None
    for number, name in enumerate(names):
        for person, entry in _entries(document[name], path):
            rows[person].append((number, entry))
            size = size or _read_size(entry.get("size"), path)
    size = size or options.size
    view = View(path=path, format="PHALP, SMPL bodies", num_frames=len(names), size=size)
    cameras = None
    if size is not None:
        cameras = level_camera(central_K(FOCAL_PX / RES_PX * max(size), size), size)
    return build_take(
        [_to_seen(person, entries, size, path) for person, entries in rows.items()],
        view=view,
        options=options,
        cameras=cameras,
        note="world of the camera, which is taken to be level",
    )


_FIELDS = ("smpl", "camera", "3d_joints", "2d_joints", "bbox", "conf", "size")


def _entries(frame: dict[str, Any], path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield everyone seen in a frame, by name."""
    who = frame.get("tid", [])
    lists = {key: frame[key] for key in _FIELDS if key in frame}
    since = frame.get("tracked_time", [0] * len(who))
    if any(not isinstance(v, (list, np.ndarray)) for v in (who, since, *lists.values())):
        raise FormatError(f"{path}: a frame's fields are not lists as PHALP writes them")
    if any(len(values) < len(who) for values in (since, *lists.values())):
        raise FormatError(f"{path}: a frame has {len(who)} people, but fewer of their fields")
    for row, person in enumerate(who):
        if since[row] == 0:
            yield name_person(person, path), {key: lists[key][row] for key in lists}


def _read_size(value: Any, path: Path) -> tuple[int, int] | None:
    if value is None:
        return None
    height, width = to_array(value, "size", path, (None,))[:2].astype(int).tolist()
    check_picture_size(width, height, path)
    return width, height


def _to_seen(
    name: str, entries: list[tuple[int, dict[str, Any]]], size: tuple[int, int] | None, path: Path
) -> Seen:
    def stack(key: str, *shape: int) -> np.ndarray:
        values = [np.asarray(entry.get(key), np.float64).reshape(shape) for _, entry in entries]
        return to_array(np.stack(values), key, path, (len(values), *shape), missing=True)

    def matrices(key: str, count: int) -> np.ndarray:
        values = [entry["smpl"][key] for _, entry in entries]
        stacked = np.stack([np.asarray(v, np.float64).reshape(count, 3, 3) for v in values])
        return from_matrices(stacked, f"smpl.{key}", path, count=count)

    try:
        place, has_joints = stack("camera", 3), all("3d_joints" in entry for _, entry in entries)
        joints = stack("3d_joints", 45, 3) if has_joints else None
        betas = np.stack([np.ravel(entry["smpl"]["betas"])[:10] for _, entry in entries])
        body = Posed(
            root=matrices("global_orient", 1)[:, 0],
            joints=matrices("body_pose", 23),
            position=place if joints is None else place + joints[:, 0],
            betas=to_array(betas, "smpl.betas", path, (None, 10), missing=True),
            is_translation=joints is None,
            axes=FROM_CAMERA,
        )
        image = stack("2d_joints", 45, 2) if "2d_joints" in entries[0][1] and size else None
        box = stack("bbox", 4) if "bbox" in entries[0][1] else None
        score = stack("conf") if "conf" in entries[0][1] else None
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(
            f"{path}: {name} has not the fields that PHALP writes ({error})"
        ) from error
    return Seen(
        name=name,
        frame=np.array([number for number, _ in entries]),
        body=body,
        space=None
        if joints is None
        else Points(skeleton=_SKELETON, position=joints + place[:, None]),
        image=None if image is None or size is None else _to_image(image, size),
        box=None if box is None else np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], 1),
        score=score,
    )


def _to_image(shares: np.ndarray, size: tuple[int, int]) -> Points | None:
    """Return shares of the padded square as px; None if they are in some other unit."""
    if np.nanmedian(np.abs(shares)) > 2:
        return None
    side = max(size)
    padding = (side - np.array(size)) / 2
    return Points(skeleton=_SKELETON, position=shares * side - padding)
