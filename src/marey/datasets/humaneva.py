"""HumanEva-I in the preprocessing of VideoPose3D: one .npz of plain arrays.

Keys are `<Train|Validate>/<subject>/<action> chunk<k>/pos3d` [T, 15, 3] m in the world (+Z up) and
`.../cam{0,1,2}_2d` [T, 15, 2] px of 640 x 480. 15 joints: pelvis, thorax, left arm, right arm,
left leg, right leg, head, given here their names in `h36m-17`, whose other two are missing. 60
frames per second; chunks are numbered from 0, since their place in the recording is not kept.

`cameras.json` has orientation (wxyz, camera to world) and place (mm) of each subject's cameras,
but no focal lengths, so no `Cameras` can be made of it.

Licence: HumanEva's, academic research only. Tried on real files (the whole of the preprocessing).
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float

from marey.core import Keypoints2D, load_skeleton
from marey.core.errors import InputError
from marey.datasets._fields import get_array
from marey.datasets._folder import check_file, iterate_names
from marey.datasets._labels import make_keypoints2d, make_keypoints3d, make_times
from marey.datasets.recording import Recording
from marey.io.npz import list_arrays, read_npz

SKELETON = "h36m-17"
JOINTS = (
    *("mid_hip", "thorax", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder"),
    *("right_elbow", "right_wrist", "left_hip", "left_knee", "left_ankle", "right_hip"),
    *("right_knee", "right_ankle", "head_h36m"),
)
FRAME_RATE = 60.0
SIZE = (640, 480)
VIEWS = ("cam0_2d", "cam1_2d", "cam2_2d")


def sequences(path: str | Path) -> Iterator[str]:
    """Yield the names of the chunks, `<split>/<subject>/<action> chunk<k>`.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is no .npz file.
        NothingFoundError: If it holds no chunk.
    """
    path = check_file(path, "an .npz file of HumanEva")
    arrays = list_arrays(path)
    names = tuple(name.removesuffix("/pos3d") for name in arrays if name.endswith("/pos3d"))
    yield from iterate_names(names, path)


def read_sequence(path: str | Path, name: str) -> Recording:
    """Read one chunk.

    Raises:
        InputError: If the file is missing or holds no such chunk.
        FormatError: If its arrays are not 15 joints of the same frames.
    """
    path = check_file(path, "an .npz file of HumanEva")
    found = read_npz(path, [f"{name}/{part}" for part in ("pos3d", *VIEWS)])
    if f"{name}/pos3d" not in found:
        raise InputError(f"{path} holds no chunk '{name}'; `sequences` lists those it holds")
    count = len(JOINTS)
    world = get_array(found, f"{name}/pos3d", path, (None, count, 3), missing=True)
    frame = np.arange(len(world))
    time = make_times(frame, FRAME_RATE)
    return Recording(
        name=name,
        frame=frame,
        keypoints2d=_read_views(found, name, path, time),
        keypoints3d=make_keypoints3d(SKELETON, ("person",), time, _spread(world)[None]),
        size=SIZE,
        frame_rate=FRAME_RATE,
    )


def _read_views(
    found: dict[str, np.ndarray], name: str, path: Path, time: Float[np.ndarray, "T"]
) -> Keypoints2D | None:
    keys = [f"{name}/{view}" for view in VIEWS if f"{name}/{view}" in found]
    if not keys:
        return None
    shape = (len(time), len(JOINTS), 2)
    views = [_spread(get_array(found, key, path, shape, missing=True)) for key in keys]
    return make_keypoints2d(SKELETON, ("person",), time, np.stack(views)[:, None] + 0.5)


def _spread(points: Float[np.ndarray, "T J D"]) -> Float[np.ndarray, "T K D"]:
    skeleton = load_skeleton(SKELETON)
    full = np.full((len(points), len(skeleton), points.shape[-1]), np.nan)
    full[:, [skeleton.index(name) for name in JOINTS]] = points
    return full
