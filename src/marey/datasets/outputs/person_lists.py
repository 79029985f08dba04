"""HMR2.0, Multi-HMR and BUDDI: what their networks return, as lists of people for every image.

These programs draw pictures and meshes, and leave it to their users to save what they found. Read
is a pickle (or joblib, JSON) of a dictionary from the image's name to a list of people, or a list
of such lists; each person is a dictionary with the names that the program's network returns:

* HMR2.0: `pred_smpl_params` (`global_orient` (1, 3, 3), `body_pose` (23, 3, 3), `betas` (10)) and
  `pred_cam_t_full`, or `pred_cam_t` (3, m: SMPL's translation);
* Multi-HMR: `rotvec` (53, 3: root, 21 of the body, 15 of each hand, jaw), `shape` (10 or more) and
  `transl_pelvis` (3, m: the pelvis);
* BUDDI, and any program of SMPL-X or SMPL: `global_orient` (3), `body_pose` (63 or 69), `betas`
  (10) and `transl` (3, m).

The camera looks through the picture's middle; its focal length is `focal_length` (px) where a
person has it, else HMR2.0's 5000 px for 256 px of the picture's longer side, and 60 degrees for the
others.
Images are in the order of their names. People are told apart by their place in the list, for who is
who over time is not said. Tried on files written in this layout; no real file is at hand.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from marey.core import Take
from marey.core.errors import FormatError
from marey.datasets._fields import get_dict, get_list, to_array
from marey.datasets.outputs.cameras import central_K, level_camera
from marey.datasets.outputs.gather import build_take
from marey.datasets.outputs.people import FROM_CAMERA, Options, Posed, Seen
from marey.datasets.outputs.rotations import from_matrices, from_vectors
from marey.datasets.outputs.stated_joints import state_joints
from marey.io.sightings import MAX_PEOPLE, View

HMR2_FOCAL_PX, HMR2_SIDE_PX, FOV = 5000.0, 256.0, math.radians(60)
HMR2, MULTI_HMR = "pred_smpl_params", {"rotvec", "transl_pelvis"}
SMPL_FAMILY = {"global_orient", "body_pose", "transl"}
NUM_SHAPE = 10
_IDENTITY = np.array([1.0, 0, 0, 0])


def recognise(document: Any) -> bool:
    """Tell whether a document is lists of people of one of these programs."""
    frames = document.values() if isinstance(document, dict) else document
    if not isinstance(document, (dict, list)):
        return False
    for people in frames:
        is_row = isinstance(people, np.ndarray) and people.ndim > 0
        if not is_row and not isinstance(people, (list, tuple)):
            return False
        if len(people):
            keys = set(people[0]) if isinstance(people[0], dict) else set()
            return HMR2 in keys or keys >= MULTI_HMR or keys >= SMPL_FAMILY
    return False


def read(document: Any, path: Path, options: Options) -> Take:
    """Read the people of all images.

    Raises:
        FormatError: If fields are missing, or of other shapes.
        NothingFoundError: If there is nobody.
    """
    if isinstance(document, dict):
        table = get_dict(document, path)
        frames: Sequence[Any] = [get_list(table, name, path) for name in sorted(table)]
    else:
        frames = [get_list({"people": people}, "people", path) for people in document]
    rows: dict[int, list[tuple[int, dict[str, Any]]]] = {}
    for number, people in enumerate(frames):
        if len(people) > MAX_PEOPLE:
            raise FormatError(f"{path} has {len(people)} people in an image; read are {MAX_PEOPLE}")
        for place, person in enumerate(people):
            rows.setdefault(place, []).append((number, get_dict(person, path, "a person")))
    people = [person for entries in rows.values() for _, person in entries]
    cameras = None
    if options.size is not None and people:
        focal = _find_focal(people[0], options.size, path)
        cameras = level_camera(central_K(focal, options.size), options.size)
    return build_take(
        [_to_seen(place, entries, path, options.body) for place, entries in rows.items()],
        view=View(path=path, format="lists of people", num_frames=len(frames), size=options.size),
        options=options,
        cameras=cameras,
        note="world of the camera, which is taken to be level",
    )


def _find_focal(person: dict[str, Any], size: tuple[int, int], path: Path) -> float:
    """Return the focal length (px) by which a program placed people before a picture."""
    if "focal_length" in person:
        return float(np.mean(_numbers(person, "focal_length", path)))
    if HMR2 in person:
        return HMR2_FOCAL_PX / HMR2_SIDE_PX * max(size)
    return max(size) / 2 / math.tan(FOV / 2)


def _to_seen(
    place: int, entries: list[tuple[int, dict[str, Any]]], path: Path, source: str | None
) -> Seen:
    posed = [_read_person(person, path) for _, person in entries]
    counts = {len(turn) for turn, _, _, _ in posed}
    if len(counts) > 1:
        raise FormatError(f"{path} mixes bodies of {' and '.join(map(str, counts))} joints")
    turns = np.stack([turn for turn, _, _, _ in posed])
    body = Posed(
        root=turns[:, 0],
        joints=turns[:, 1:],
        position=np.stack([position for _, position, _, _ in posed]),
        betas=np.stack([betas for _, _, betas, _ in posed]),
        is_translation=posed[0][3],
        axes=FROM_CAMERA,
    )
    return Seen(
        name=f"{place + 1:02d}",
        frame=np.array([number for number, _ in entries]),
        body=body,
        space=None if source is None else state_joints(body, source),
    )


_Person = tuple[Float[np.ndarray, "K 4"], Float[np.ndarray, "3"], Float[np.ndarray, "10"], bool]
"""Rotations of root and joints, place, shape, and whether the place is SMPL's translation."""


def _read_person(person: dict[str, Any], path: Path) -> _Person:
    if HMR2 in person:
        table = get_dict(person[HMR2], path, HMR2)
        parts = [
            np.reshape(_numbers(table, key, path), (1, -1, 3, 3))
            for key in ("global_orient", "body_pose")
        ]
        turn = from_matrices(np.concatenate(parts, 1), HMR2, path, count=24)[0]
        key = "pred_cam_t_full" if "pred_cam_t_full" in person else "pred_cam_t"
        return turn, _row(person, key, 3, path), _shape(table, "betas", path), True
    if set(person) >= MULTI_HMR:
        vectors = np.reshape(_numbers(person, "rotvec", path), (1, -1))
        turn = from_vectors(vectors, "rotvec", path, count=53)[0]
        eyes = np.tile(_IDENTITY, (2, 1))
        # SMPL-X has jaw and eyes before the hands.
        turn = np.concatenate([turn[:22], turn[52:], eyes, turn[22:52]])
        return turn, _row(person, "transl_pelvis", 3, path), _shape(person, "shape", path), False
    root, pose = (np.ravel(_numbers(person, k, path)) for k in ("global_orient", "body_pose"))
    if len(root) != 3 or len(pose) not in (63, 69):
        raise FormatError(
            f"{path}: global_orient and body_pose have {len(root)} and {len(pose)} numbers; "
            "expected 3, and 69 (SMPL) or 63 (SMPL-X)"
        )
    turn = from_vectors(np.concatenate([root, pose])[None], "body_pose", path)[0]
    if len(pose) == 63:
        turn = np.concatenate([turn, np.tile(_IDENTITY, (33, 1))])
    return turn, _row(person, "transl", 3, path), _shape(person, "betas", path), True


def _numbers(table: dict[str, Any], key: str, path: Path) -> Float[np.ndarray, "..."]:
    value = np.asarray(table.get(key))
    return to_array(value, key, path, (None,) * value.ndim)


def _row(table: dict[str, Any], key: str, count: int, path: Path) -> Float[np.ndarray, "_"]:
    return to_array(np.ravel(_numbers(table, key, path)), key, path, (count,))


def _shape(table: dict[str, Any], key: str, path: Path) -> Float[np.ndarray, "10"]:
    values = np.ravel(_numbers(table, key, path))[:NUM_SHAPE]
    return np.pad(values, (0, NUM_SHAPE - len(values)))
