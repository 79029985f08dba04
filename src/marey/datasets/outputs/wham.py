"""WHAM's `wham_output.pkl`, by joblib: a dictionary of people.

Read of each: `frame_ids` (T), `pose` (T, 72 rotation vectors) and `trans` (T, 3) in the camera's
axes, `pose_world` and `trans_world` in a world of the person's own with +Y up, `betas` (T, 10).
`verts` is passed over. The world is read, or the camera's axes as `wham-camera`. Translations lack
the rest pelvis (see `marey.datasets.outputs.people`).

Tried on a file written in this layout, which is that of the project's public documentation; no real
file is at hand.
"""

from pathlib import Path
from typing import Any

import numpy as np

from marey.core import Take
from marey.core.errors import FormatError
from marey.datasets._fields import get_array, get_dict
from marey.datasets.outputs.gather import build_take
from marey.datasets.outputs.people import (
    FROM_CAMERA,
    FROM_Y_UP,
    FROM_Z_UP,
    Options,
    Posed,
    Seen,
    name_person,
)
from marey.datasets.outputs.rotations import from_vectors
from marey.io.sightings import View

KEYS = {"pose", "trans", "betas", "frame_ids"}


def recognise(document: Any) -> bool:
    """Tell whether a document is WHAM's."""
    return isinstance(document, dict) and any(
        isinstance(person, dict) and set(person) >= KEYS for person in document.values()
    )


def read(document: dict[Any, Any], path: Path, options: Options) -> Take:
    """Read people in the world, or in the camera's axes where there is none.

    Raises:
        FormatError: If fields are missing, or of other shapes.
        NothingFoundError: If there is nobody.
    """
    world = all("pose_world" in get_dict(person, path) for person in document.values())
    return _read(document, path, options, world=world)


def read_camera(document: dict[Any, Any], path: Path, options: Options) -> Take:
    """Read people in the camera's axes (see `read`)."""
    return _read(document, path, options, world=False)


def _read(document: dict[Any, Any], path: Path, options: Options, *, world: bool) -> Take:
    seen = []
    for key, value in document.items():
        person = get_dict(value, path, str(key))
        seen.append(_to_seen(name_person(key, path), person, path, options, world=world))
    last = max((int(each.frame.max(initial=-1)) for each in seen), default=-1)
    view = View(path=path, format="WHAM, SMPL bodies", num_frames=last + 1)
    note = "every person's own world" if world else "of the camera, which is taken to be level"
    return build_take(seen, view=view, options=options, note=note)


def _to_seen(
    name: str, person: dict[str, Any], path: Path, options: Options, *, world: bool
) -> Seen:
    suffix = "_world" if world else ""
    frame = get_array(person, "frame_ids", path, (None,), within=name)
    count = len(frame)
    if f"pose{suffix}" not in person:
        raise FormatError(f"{path}: {name} has no 'pose{suffix}', which WHAM writes")
    rotations = from_vectors(person[f"pose{suffix}"], f"pose{suffix}", path, count=24)
    place = get_array(person, f"trans{suffix}", path, (count, 3), within=name, missing=True)
    betas = get_array(person, "betas", path, (None, None), within=name, missing=True)
    if len(rotations) != count or betas.shape[1] > 16:
        raise FormatError(f"{path}: {name} has {count} frame_ids, but {len(rotations)} poses")
    up = FROM_Z_UP if options.up == "z" else FROM_Y_UP
    return Seen(
        name=name,
        frame=np.round(frame).astype(np.int64),
        body=Posed(
            root=rotations[:, 0],
            joints=rotations[:, 1:],
            position=place,
            betas=betas,
            is_translation=True,
            axes=up if world else FROM_CAMERA,
        ),
    )
