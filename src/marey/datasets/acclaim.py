"""CMU motion capture in Acclaim's format: a skeleton (ASF) per subject, a motion (AMC) per trial.

A bone has a rest direction, a length, and an `axis` frame C (Euler angles, applied in the order
the file names). Its rotation M is given in that frame, so relative to the rest it is C M C^-1, and
the joints of the rig made here have frames that are parallel to the axes at rest. A bone turns
about its start, which is its parent's end; joints are named after the bones that turn about them,
and the end of a limb is a joint `<bone>_end` that never turns.

Lengths are inches times the `length` of the skeleton's `:units` (0.45 in CMU's files). AMC files
do not state their rate; CMU recorded at 120 frames per second. Trials that begin above frame 1
were cut by whoever passed them on; their clock keeps the frame numbers (frame 1 is 0 s).

Licence of the CMU Graphics Lab Motion Capture Database: free for research and commercial use; do
not resell the raw data, even converted. Tried on real files (44 trials of 12 subjects).
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float

from marey.core import BodyMotion
from marey.core.errors import InputError
from marey.datasets._acclaim_motion import read_frames
from marey.datasets._acclaim_skeleton import Bone, Figure, read_skeleton, turn_about
from marey.datasets._figure import make_motion
from marey.datasets._folder import check_file, find_files

FRAME_RATE = 120.0
"""Of CMU's recordings."""


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the trials (.amc, .amc.gz) below a folder.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds no trial.
    """
    yield from find_files(folder, "**/*.amc", "**/*.amc.gz", what="trials of Acclaim motion")


def find_skeleton(path: str | Path) -> Path:
    """Return the skeleton beside a trial, whose name begins with the trial's subject.

    Raises:
        InputError: If there is none.
    """
    path = Path(path)
    subject = re.split(r"[_.]", path.name)[0]
    beside = sorted((*path.parent.glob("*.asf"), *path.parent.glob("*.asf.gz")))
    for candidate in beside:
        if re.split(r"[_.-]", candidate.name)[0] == subject:
            return candidate
    raise InputError(
        f"no skeleton {subject}.asf lies beside {path}; give its path, a trial has no bone lengths"
    )


def read_sequence(
    path: str | Path,
    skeleton: str | Path | None = None,
    *,
    frame_rate: float = FRAME_RATE,
) -> BodyMotion:
    """Read a trial as the motion of one person.

    Args:
        path: The motion (.amc or .amc.gz).
        skeleton: The subject's skeleton (.asf or .asf.gz); the one beside the trial if None.
        frame_rate: Frames per second, which the file does not state.

    Returns:
        The motion; joints are in the skeleton's order and have its names.

    Raises:
        InputError: If a file is missing or the rate makes no sense.
        FormatError: If a file is damaged, beyond the limits, or the two do not belong together.
    """
    if not 0 < frame_rate < np.inf:
        raise InputError(f"a frame rate must be positive, not {frame_rate}; CMU's is 120")
    path = check_file(path, "an .amc file")
    figure = read_skeleton(check_file(skeleton or find_skeleton(path), "an .asf file"))
    first, values = read_frames(path, figure.columns)
    root = values["root"]
    num_frames = len(root)
    names, parents, offset = ["root"], [-1], [np.zeros(3)]
    ends = list(_ends(figure.bones))
    for bone in figure.bones:
        names.append(bone.name)
        parents.append(bone.parent)
        # A bone begins where its parent ends; the root has no length.
        before = figure.bones[bone.parent - 1].vector if bone.parent else np.zeros(3)
        offset.append(before * figure.unit_m)
    for number, bone in ends:
        names.append(f"{bone.name}_end")
        parents.append(number)
        offset.append(bone.vector * figure.unit_m)
    return make_motion(
        path.name.split(".")[0],
        joints=names,
        parents=parents,
        offset=np.stack(offset),
        local=_iterate_turns(figure, values, len(ends)),
        position=root[:, figure.position_columns] * figure.unit_m,
        time=(first - 1 + np.arange(num_frames)) / frame_rate,
    )


def _iterate_turns(
    figure: Figure, values: dict[str, Float[np.ndarray, "T _"]], num_ends: int
) -> Iterator[Float[np.ndarray, "T 3 3"]]:
    """Yield the rotations of root, bones and ends, relative to the rest."""
    root = values["root"]
    yield turn_about(figure.rotation_axes, root[:, figure.rotation_columns], figure.degrees)
    for bone in figure.bones:
        angles = values.get(bone.name, np.zeros((len(root), 0)))
        yield bone.frame @ turn_about(bone.axes, angles, figure.degrees) @ bone.frame.T
    for _ in range(num_ends):
        yield np.broadcast_to(np.eye(3), (len(root), 3, 3))


def _ends(bones: tuple[Bone, ...]) -> Iterator[tuple[int, Bone]]:
    """Yield the bones that carry no other, and their joints' numbers."""
    carrying = {bone.parent for bone in bones}
    for number, bone in enumerate(bones, start=1):
        if number not in carrying and np.abs(bone.vector).max() > 0:
            yield number, bone
