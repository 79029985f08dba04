"""FlickrCI3D Signatures: which regions of two people in a photograph touch.

`interaction_contact_signature.json` holds by photograph `bbxes` (x0 y0 x1 y1 px of everybody) and
`ci_sign`, a list of pairs: `person_ids` (two, into `bbxes`) and for the bodies `smplx` and `ghum`
pairs of `region_id` (0 to 74), `vertex_id` and `face_id`. Keypoints of detectors lie beside as
`<name>_openpose.json` in OpenPose's layout (`marey.io.openpose` reads folders of them), and BEV's
bodies as `<name>_bev.npz` (`marey.datasets.outputs` reads them).

Licence: annotations non-commercial research. Tried on one real file of three photographs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from marey.core.errors import FormatError
from marey.datasets._fields import describe, get_array, get_dict, get_list, to_array
from marey.datasets._folder import check_file, find_files
from marey.io.json_file import read_json

NUM_REGIONS = 75
MAX_PAIRS = 10_000
BODY = "smplx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Two people who touch in a photograph."""

    image: str
    people: tuple[int, int]
    """Into `box`."""
    box: Float[np.ndarray, "N 4"]
    """x0 y0 x1 y1 of everybody, px."""
    region: Int[np.ndarray, "R 2"]
    """Regions that touch: of the first and of the second person."""
    vertex: Int[np.ndarray, "R 2"]
    """A vertex of SMPL-X in each of them."""


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the files of signatures below a folder.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    pattern = "**/*interaction_contact_signature*.json"
    yield from find_files(folder, pattern, what="contact signatures")


def read_contacts(path: str | Path) -> Iterator[Contact]:
    """Yield the pairs of people who touch, photograph by photograph.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is not of this layout.
    """
    path = check_file(path, "contact signatures of FlickrCI3D (.json)")
    data = get_dict(read_json(path), path)
    for image, value in data.items():
        row = get_dict(value, path, image)
        box = get_array(row, "bbxes", path, (None, 4), within=image)
        for number, each in enumerate(get_list(row, "ci_sign", path)[:MAX_PAIRS]):
            yield _read_pair(image, box, get_dict(each, path, f"{image}.ci_sign[{number}]"), path)


def _read_pair(
    image: str, box: Float[np.ndarray, "N 4"], row: dict[str, Any], path: Path
) -> Contact:
    people = _read_numbers(row.get("person_ids"), f"{image}.person_ids", path, (2,), len(box))
    body = get_dict(row.get(BODY), path, f"{image}.{BODY}")
    region = _read_numbers(
        body.get("region_id"), f"{image}.region_id", path, (None, 2), NUM_REGIONS
    )
    shape = (len(region), 2)
    vertex = _read_numbers(body.get("vertex_id"), f"{image}.vertex_id", path, shape, 10475)
    return Contact(
        image=image,
        people=(int(people[0]), int(people[1])),
        box=box,
        region=region,
        vertex=vertex,
    )


def _read_numbers(
    value: Any, field: str, path: Path, shape: tuple[int | None, ...], below: int
) -> Int[np.ndarray, "..."]:
    numbers = to_array(value, field, path, shape)
    whole = numbers.astype(np.int64)
    if (whole != numbers).any() or ((whole < 0) | (whole >= below)).any():
        raise FormatError(
            f"{path}: '{field}' is {describe(value)} with a number that is not 0 to {below - 1}"
        )
    return whole
