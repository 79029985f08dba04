"""VIBE, TCMR, GLoT and PARE: `NAME_output.pkl`, by joblib: a dictionary of people.

Read of each: `frame_ids` (T), `pose` (T, 72 rotation vectors), `betas` (T, 10), `pred_cam` (T, 3:
s tx ty of the crop), `orig_cam` (T, 4: sx sy tx ty of the picture), `bboxes` (T, 4: centre, size,
px), `joints3d` (T, 49, 24 or 14, m in the body's axes), `joints2d_img_coord` (T, 49, px).

The camera is weak-perspective, so depth means little. The translation is that of the published
formula (systems.md, 2.6) for a focal length of 5000 px: (tx, ty, 2 * 5000 / (width * sx)), where
the picture's width * sx is the crop's side * s; from these the picture's size follows too. The root
is the pelvis joint (of 49 or 24 joints) + that translation. Joints stay in the camera's axes.

PARE writes rotation matrices (T, 24, 3, 3) as `pose` and `smpl_joints2d` for the joints in the
picture.

Tried on files written in this layout (systems.md, 2.13); no real file is at hand.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from marey.core import Take, load_skeleton
from marey.core.errors import FormatError
from marey.datasets._fields import get_array, get_dict, to_array
from marey.datasets.outputs.cameras import central_K, level_camera
from marey.datasets.outputs.gather import build_take
from marey.datasets.outputs.people import FROM_CAMERA, Options, Points, Posed, Seen, name_person
from marey.datasets.outputs.rotations import from_matrices, from_vectors
from marey.io.limits import MAX_SIDE_PX
from marey.io.sightings import View

FOCAL_PX = 5000.0
SKELETONS = {49: "spin-49", 24: "smpl-24", 14: "j14"}
PELVIS = {49: "mid_hip", 24: "pelvis"}
"""OpenPose's mid hip is SMPL's pelvis joint in the list of 49."""
KEYS = {"pred_cam", "pose", "betas", "bboxes", "frame_ids"}


def recognise(document: Any) -> bool:
    """Tell whether a document is of VIBE, TCMR, GLoT or PARE."""
    return isinstance(document, dict) and any(
        isinstance(person, dict) and set(person) >= KEYS for person in document.values()
    )


def read(document: dict[Any, Any], path: Path, options: Options) -> Take:
    """Read the people of a video.

    Raises:
        FormatError: If fields are missing, or of other shapes.
        NothingFoundError: If there is nobody.
    """
    people = [
        _Person(name_person(key, path), get_dict(value, path, str(key)), path)
        for key, value in document.items()
    ]
    size = options.size or next((p.size for p in people if p.size is not None), None)
    last = max((int(p.frame.max(initial=-1)) for p in people), default=-1)
    return build_take(
        [person.to_seen() for person in people],
        view=View(path=path, format="VIBE, SMPL bodies", num_frames=last + 1, size=size),
        options=options,
        cameras=None if size is None else level_camera(central_K(FOCAL_PX, size), size),
        note="world of the camera, which is taken to be level and of 5000 px focal length",
    )


class _Person:
    """One person's arrays, checked."""

    def __init__(self, name: str, table: dict[str, Any], path: Path):
        def array(key: str, *shape: int | None) -> Float[np.ndarray, "..."]:
            return get_array(table, key, path, (count, *shape), within=name, missing=True)

        frame = get_array(table, "frame_ids", path, (None,), within=name)
        self.name, self.frame, count = name, np.round(frame).astype(np.int64), len(frame)
        self.pose = _turns(table.get("pose"), f"{name}.pose", path)
        if len(self.pose) != count:
            raise FormatError(f"{path}: {name} has {count} frame_ids, but {len(self.pose)} poses")
        self.betas, self.box = array("betas", 10), array("bboxes", 4)
        self.place, self.size = _place(array("pred_cam", 3), self.box, table, path)
        self.joints = _joints(table, count, path)
        self.image = None
        for key in ("joints2d_img_coord", "smpl_joints2d"):
            if table.get(key) is not None:
                self.image = array(key, 49, None)[..., :2]
                break

    def to_seen(self) -> Seen:
        joints, pelvis, position = self.joints, None, self.place
        if joints is not None and joints.shape[1] in PELVIS:
            names = load_skeleton(SKELETONS[joints.shape[1]])
            pelvis = joints[:, names.index(PELVIS[joints.shape[1]])]
            position = self.place + pelvis
        centre, half = self.box[:, :2], self.box[:, 2:] / 2
        return Seen(
            name=self.name,
            frame=self.frame,
            body=Posed(
                root=self.pose[:, 0],
                joints=self.pose[:, 1:],
                position=position,
                betas=self.betas,
                is_translation=pelvis is None,
                axes=FROM_CAMERA,
            ),
            space=None if joints is None else _points(joints + self.place[:, None]),
            image=None if self.image is None else _points(self.image),
            box=np.concatenate([centre - half, centre + half], 1),
        )


def _turns(value: Any, field: str, path: Path) -> Float[np.ndarray, "L 24 4"]:
    """Return rotations that are written as vectors, or as matrices."""
    if np.ndim(value) == 4:
        return from_matrices(value, field, path, count=24)
    return from_vectors(value, field, path, count=24)


def _points(position: Float[np.ndarray, "L K D"]) -> Points:
    return Points(skeleton=load_skeleton(SKELETONS[position.shape[1]]), position=position)


def _joints(table: dict[str, Any], count: int, path: Path) -> Float[np.ndarray, "L K 3"] | None:
    if table.get("joints3d") is None:
        return None
    joints = to_array(table["joints3d"], "joints3d", path, (count, None, 3), missing=True)
    return joints if joints.shape[1] in SKELETONS else None


def _place(
    cam: Float[np.ndarray, "L 3"], box: Float[np.ndarray, "L 4"], table: dict[str, Any], path: Path
) -> tuple[Float[np.ndarray, "L 3"], tuple[int, int] | None]:
    """Return the translation, and the size of the picture if the file has its camera."""
    scale = cam[:, 0] * box[:, 2]
    scale = np.where(scale > 1e-6, scale, np.nan)
    shift, size = cam[:, 1:], None
    if "orig_cam" in table:
        original = get_array(table, "orig_cam", path, (len(cam), 4), missing=True)
        shift = original[:, 2:]
        with np.errstate(divide="ignore", invalid="ignore"):
            sides = scale[:, None] / original[:, :2]
        known = sides[np.isfinite(sides).all(1)]
        if len(known):
            width, height = (float(v) for v in np.median(known, axis=0))
            if min(width, height) >= 1 and max(width, height) <= MAX_SIDE_PX:
                size = round(width), round(height)
    return np.concatenate([shift, 2 * FOCAL_PX / scale[:, None]], 1), size
