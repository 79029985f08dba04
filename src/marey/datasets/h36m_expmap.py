"""Human3.6M's motion capture as exponential maps, for the motion prediction benchmark.

A line per frame of 50 per second, 99 numbers: the root's displacement since the last frame (mm, in
the root's own axes of that frame) and its turn since then, both zero at frame 0, then 31 joints by
three numbers of an exponential map. Rotations act on row vectors there. The world is that of the
first frame's pelvis: upright to within its own lean, origin at its place.

The skeleton is one for all subjects, that of subject 1 in the release's own metadata. Its limbs
agree with subject 1's labelled joints of `marey.datasets.h36m`
(tests/datasets/test_h36m_expmap.py).

Files: `S<subject>/<action>_<n>.txt`, or an .npz with an array `S<subject>_<action>_<n>` for each.
Licence of Human3.6M: academic research only, no redistribution. Tried on real arrays (.npz); text
files on written ones.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.core import BodyMotion
from marey.core.errors import FormatError, InputError
from marey.datasets._figure import make_motion, make_rotations
from marey.datasets._folder import find_files
from marey.datasets._tables import read_table
from marey.io.npz import list_arrays, read_npz

FRAME_RATE = 50.0
COLUMNS = 99

_BONES = (
    ("pelvis", "", (0, 0, 0)),
    ("right_hip", "pelvis", (-132.948591, 0, 0)),
    ("right_knee", "right_hip", (0, -442.894612, 0)),
    ("right_ankle", "right_knee", (0, -454.206447, 0)),
    ("right_toe", "right_ankle", (0, 0, 162.767078)),
    ("right_toe_end", "right_toe", (0, 0, 74.999437)),
    ("left_hip", "pelvis", (132.948826, 0, 0)),
    ("left_knee", "left_hip", (0, -442.894413, 0)),
    ("left_ankle", "left_knee", (0, -454.20659, 0)),
    ("left_toe", "left_ankle", (0, 0, 162.767426)),
    ("left_toe_end", "left_toe", (0, 0, 74.999948)),
    ("lower_back", "pelvis", (0, 0.1, 0)),
    ("spine", "lower_back", (0, 233.383263, 0)),
    ("thorax", "spine", (0, 257.077681, 0)),
    ("head", "thorax", (0, 121.134938, 0)),
    ("head_end", "head", (0, 115.002227, 0)),
    ("left_collar", "spine", (0, 257.077681, 0)),
    ("left_shoulder", "left_collar", (0, 151.034226, 0)),
    ("left_elbow", "left_shoulder", (0, 278.882773, 0)),
    ("left_wrist", "left_elbow", (0, 251.733451, 0)),
    ("left_hand", "left_wrist", (0, 0, 0)),
    ("left_thumb_end", "left_hand", (0, 0, 99.999627)),
    ("left_fingers", "left_wrist", (0, 100.000188, 0)),
    ("left_fingers_end", "left_fingers", (0, 0, 0)),
    ("right_collar", "spine", (0, 257.077681, 0)),
    ("right_shoulder", "right_collar", (0, 151.031437, 0)),
    ("right_elbow", "right_shoulder", (0, 278.892924, 0)),
    ("right_wrist", "right_elbow", (0, 251.72868, 0)),
    ("right_hand", "right_wrist", (0, 0, 0)),
    ("right_thumb_end", "right_hand", (0, 0, 99.999888)),
    ("right_fingers", "right_wrist", (0, 137.499922, 0)),
    ("right_fingers_end", "right_fingers", (0, 0, 0)),
)
"""Joint, parent, offset in mm."""

JOINTS = tuple(name for name, _, _ in _BONES)


def sequences(source: str | Path) -> Iterator[str]:
    """Yield the names of the sequences below a folder of text files, or in an .npz.

    Raises:
        InputError: If the source does not exist.
        FormatError: If it is no .npz.
        NothingFoundError: If it holds none.
    """
    source = Path(source)
    if source.is_file():
        yield from list_arrays(source)
        return
    for path in find_files(source, "S*/*.txt", what="text files of Human3.6M"):
        yield path.relative_to(source).with_suffix("").as_posix()


def read_sequence(source: str | Path, name: str) -> BodyMotion:
    """Read a sequence as the motion of one person at 50 frames per second.

    Args:
        source: The folder of text files, or the .npz.
        name: One of `sequences(source)`.

    Raises:
        InputError: If there is no such sequence.
        FormatError: If it does not hold 99 finite numbers a frame.
    """
    table = _read(Path(source), name)
    turn, position = _accumulate(table[:, 3:6], table[:, :3])
    below = (make_rotations(-table[:, k : k + 3]) for k in range(6, COLUMNS, 3))
    return make_motion(
        name,
        joints=JOINTS,
        parents=[JOINTS.index(parent) if parent else -1 for _, parent, _ in _BONES],
        offset=np.array([offset for _, _, offset in _BONES]) / 1000,
        local=chain([turn], below),
        position=position / 1000,
        time=np.arange(len(table)) / FRAME_RATE,
    )


def _read(source: Path, name: str) -> Float[np.ndarray, "T 99"]:
    what = f"{COLUMNS} numbers a frame, exponential maps of Human3.6M"
    if source.is_dir():
        return read_table(source / f"{name}.txt", COLUMNS, what)
    found = read_npz(source, (name,))
    if name not in found:
        raise InputError(f"{source} holds no sequence '{name}'; `sequences` lists those it holds")
    table = found[name]
    shaped = table.ndim == 2 and table.shape[1] == COLUMNS and len(table) > 0
    if not shaped or table.dtype.kind != "f" or not np.isfinite(table).all():
        raise FormatError(
            f"{source}: '{name}' is {table.dtype} {table.shape}; expected {what}, all finite"
        )
    return table.astype(np.float64)


def _accumulate(
    turns: Float[np.ndarray, "T 3"], steps: Float[np.ndarray, "T 3"]
) -> tuple[Float[np.ndarray, "T 3 3"], Float[np.ndarray, "T 3"]]:
    """Return orientation and position from what each frame adds to the one before."""
    added = Rotation.from_rotvec(turns)
    total = Rotation.identity()
    world, position, place = [], [], np.zeros(3)
    for k, step in enumerate(steps):
        # The step is told in the axes of the frame before; row vectors make this the inverse.
        place = place + total.inv().apply(step)
        total = added[k] * total
        world.append(total.inv().as_matrix())
        position.append(place)
    return np.stack(world), np.stack(position)
