"""HardMo: a pickle per person and image, `<class>/<clip>/<frame>_<person>.pyd`.

Layout of the authors' later program: `keypoints_2d` (44, 3) px and confidence and `keypoints_3d`
(44, 3 or 4) of `hmr2-44`, `center` (2) px, `scale` (2; box side / 200 px), `body_pose` (72, the
root's rotation first), `betas` (10), `has_body_pose` and `has_betas`. Read by
`marey.core.restricted_pickle`. A clip is a sequence; frames are the numbers of its files.

Keypoints in the image are in the file's pixels; whether its boxes are padded differs between the
program's own classes (see the protocol's switch `unpadded-box`).

Licence: non-commercial research. Tried on files written in this layout; no real one was at hand.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from marey.core import Keypoints3D
from marey.core.errors import FormatError
from marey.core.restricted_pickle import read_pickle
from marey.datasets._fields import get_array, get_dict
from marey.datasets._folder import find_files
from marey.datasets._labels import make_keypoints2d, make_keypoints3d, make_times
from marey.datasets._smpl import make_body_motion
from marey.datasets.recording import Recording

SKELETON = "hmr2-44"
COUNT = 44
MAX_FILES = 1_000_000
MAX_FILE_BYTES = 1_000_000
MAX_PEOPLE = 1000

_NAME = re.compile(r"(\d{1,12})_(\d{1,12})\.pyd$")


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the clips' folders below a folder.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    files = find_files(folder, "**/*.pyd", what="annotations of HardMo")
    yield from dict.fromkeys(file.parent for file in files)


def read_sequence(path: str | Path) -> Recording:
    """Read a clip: everybody annotated in it, over its annotated frames.

    Args:
        path: The clip's folder.

    Raises:
        InputError: If there is no such folder.
        FormatError: If a file is not of this layout, or says anything but plain data.
        NothingFoundError: If it holds no annotation.
    """
    path = Path(path)
    files = find_files(path, "*.pyd", what="annotations of HardMo")
    placed = {_place(file): file for file in files[:MAX_FILES]}
    frames = sorted({frame for frame, _ in placed})
    people = sorted({person for _, person in placed})
    if len(people) > MAX_PEOPLE:
        raise FormatError(f"{path} names {len(people)} people; expected at most {MAX_PEOPLE}")
    table = _Table(len(people), len(frames))
    for (frame, person), file in placed.items():
        table.put(people.index(person), frames.index(frame), file)
    time = make_times(np.array(frames), None)
    names = tuple(str(person) for person in people)
    image = table.image
    return Recording(
        name="/".join(path.resolve().parts[-2:]),
        frame=np.array(frames),
        keypoints2d=make_keypoints2d(SKELETON, names, time, image[..., :2] + 0.5, image[..., 2]),
        keypoints3d=_make_space(names, time, table.space),
        motion=make_body_motion(
            names, time, table.pose, shape=table.mean_shape(), valid=table.has_pose
        ),
        box=table.box + 0.5,
        images=tuple(f"{frame:06d}.jpeg" for frame in frames),
    )


def _place(file: Path) -> tuple[int, int]:
    match = _NAME.search(file.name)
    if match is None:
        raise FormatError(f"{file} is not named <frame>_<person>.pyd, as HardMo's annotations are")
    return int(match[1]), int(match[2])


class _Table:
    """Annotations laid out by person and frame; what is not annotated is NaN."""

    def __init__(self, people: int, frames: int):
        self.image = np.full((people, frames, COUNT, 3), np.nan)
        self.space = np.full((people, frames, COUNT, 4), np.nan)
        self.pose = np.full((people, frames, 72), np.nan)
        self.betas = np.full((people, frames, 10), np.nan)
        self.box = np.full((people, frames, 4), np.nan)
        self.has_pose = np.zeros((people, frames), bool)

    def put(self, person: int, frame: int, file: Path) -> None:
        row = get_dict(read_pickle(file, max_bytes=MAX_FILE_BYTES), file)
        here = person, frame
        self.image[here] = get_array(row, "keypoints_2d", file, (COUNT, 3), missing=True)
        if "keypoints_3d" in row:
            points = get_array(row, "keypoints_3d", file, (COUNT, None), missing=True)
            if points.shape[1] not in (3, 4):
                raise FormatError(f"{file}: 'keypoints_3d' is {points.shape}; expected (44, 4)")
            self.space[*here, :, 3] = 1
            self.space[*here, :, : points.shape[1]] = points
        centre = get_array(row, "center", file, (2,))
        half = 100 * get_array({"scale": np.ravel(row.get("scale", ()))}, "scale", file, (None,))
        if len(half) not in (1, 2):
            raise FormatError(f"{file}: 'scale' holds {len(half)} numbers; expected 2")
        self.box[here] = np.concatenate([centre - half, centre + half])
        if _flag(row, "has_body_pose", file):
            self.pose[here] = get_array(row, "body_pose", file, (72,))
            self.has_pose[here] = True
        if _flag(row, "has_betas", file):
            self.betas[here] = get_array(row, "betas", file, (10,))

    def mean_shape(self) -> Float[np.ndarray, "N 10"]:
        """Return one shape for each person; zeros for those without."""
        known = np.asarray(np.isfinite(self.betas).all(-1))
        total = np.where(known[..., None], self.betas, 0).sum(1)
        return total / np.maximum(known.sum(1), 1)[:, None]


def _flag(row: dict[str, Any], key: str, file: Path) -> bool:
    # Records of the earlier program hold the parameters alone.
    value = row.get(key, 1)
    return bool(np.ravel(get_array({key: np.ravel(value)}, key, file, (1,)))[0] > 0)


def _make_space(
    names: tuple[str, ...], time: Float[np.ndarray, "T"], space: Float[np.ndarray, "N T K 4"]
) -> Keypoints3D | None:
    if not np.isfinite(space[..., :3]).any():
        return None
    return make_keypoints3d(
        SKELETON, names, time, space[..., :3], np.nan_to_num(space[..., 3]), frame="camera"
    )
