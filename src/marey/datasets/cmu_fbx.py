"""CMU motion capture in binary FBX: animation of a skeleton without a mesh.

As little of FBX as the rotation curves of a skeleton need. What a rest pose is, FBX leaves open:
the collection of subjects 85 and 135 ships it as a file of its own, `Base.fbx`, whose bones stand
in a T-pose. A file on other bones rests as it does where nothing is animated, which for
`49_08_cmu` and `55_01_cmu` is a T-pose too; it is put in front of the motion there, and left out.

A node that only carries the skeleton about (an axis conversion above the hips) gives way to it.

Lengths: centimetres, unless the skeleton is one of CMU's own unit (chosen by its size, as for BVH).
The clock is the file's, from its first key.

Licence: CMU's, as in `marey.datasets.acclaim`. Tried on 6 real files.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.core import BodyMotion
from marey.core.errors import FormatError, InputError
from marey.datasets._fbx_bones import FbxBone, list_bones
from marey.datasets._fbx_records import parse_records
from marey.datasets._figure import (
    CMU_UNIT_M,
    count_inserted,
    make_motion,
    make_parents_local,
)
from marey.datasets._folder import check_file, find_files

REST = "Base.fbx"
MAX_BYTES = 2**28
MAX_CELLS = 4_000_000
"""Frames times bones; 22 bones at 30 frames per second for an hour and a half."""
CENTIMETRE_M = 0.01
HUMAN_HEIGHT_M = (0.7, 1.4)
"""Of the pelvis above the feet, along the bones."""


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the motions in a folder (.fbx, but for `Base.fbx`).

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    for path in find_files(folder, "*.fbx", what="motions in FBX"):
        if path.name != REST:
            yield path


def read_sequence(
    path: str | Path,
    rest: str | Path | None = None,
    *,
    frame_rate: float | None = None,
    unit_m: float | None = None,
) -> BodyMotion:
    """Read a file as the motion of one person.

    Args:
        path: The motion.
        rest: A file of the same bones at rest; the `Base.fbx` beside the motion if None and if it
            has the same bones.
        frame_rate: Frames per second to sample the curves at; as close as their keys lie if None.
        unit_m: Metres per unit of the file; chosen by the size of the skeleton if None.

    Raises:
        InputError: If a file is missing, or the rest has other bones.
        FormatError: If a file is no sound binary FBX of a skeleton that moves.
    """
    path = check_file(path, "an .fbx file")
    bones = _read(path)
    resting = _find_rest(path, rest, bones)
    time = _choose_times(path, bones, frame_rate)
    parents = [bone.parent for bone in bones]
    world_rest = _chain(np.stack([bone.rest for bone in resting])[None], parents)[0]
    world = _chain(np.stack([bone.turn(time) for bone in bones], 1), parents)
    root = _find_root(bones)
    position = bones[0].place(time)
    for k in range(root):
        position = position + (world[:, k] @ bones[k + 1].place(time)[..., None])[..., 0]
    offset = np.stack(
        [world_rest[p] @ bone.offset for p, bone in zip(parents, resting, strict=True)]
    )[root:]
    below = [max(parent - root, -1) for parent in parents[root:]]
    unit = unit_m or _guess_unit(offset, below)
    turn = (world @ world_rest.swapaxes(-1, -2))[:, root:]
    first = count_inserted(Rotation.from_matrix(turn[:, 0]).as_rotvec())
    return make_motion(
        path.stem,
        joints=_name_joints(bones[root:]),
        parents=below,
        offset=offset * unit,
        local=np.moveaxis(make_parents_local(turn[first:], below), 1, 0),
        position=position[first:] * unit,
        time=time[first:],
    )


def _read(path: Path) -> list[FbxBone]:
    if path.stat().st_size > MAX_BYTES:
        raise FormatError(f"{path} is larger than {MAX_BYTES // 2**20} MiB; export only the bones")
    try:
        bones = list_bones(parse_records(path.read_bytes()))
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    if sum(bone.parent < 0 for bone in bones) > 1:
        raise FormatError(f"{path} holds several skeletons; export one person to a file")
    return bones


def _find_root(bones: Sequence[FbxBone]) -> int:
    """Return the number of the bone that moves about; those above it only carry it."""
    root = 0
    while sum(bone.parent == root for bone in bones) == 1:
        if not any(curve and np.ptp(curve[1]) > 0 for curve in bones[root + 1].position_curves):
            break
        root += 1
    return root


def _find_rest(path: Path, rest: str | Path | None, bones: list[FbxBone]) -> list[FbxBone]:
    beside = path.with_name(REST)
    if rest is None and not beside.is_file():
        return bones
    found = {bone.name: bone for bone in _read(Path(rest or beside))}
    if all(bone.name in found for bone in bones):
        return [found[bone.name] for bone in bones]
    if rest is not None:
        raise InputError(f"{rest} has other bones than {path}; give the rest of the same skeleton")
    return bones


def _choose_times(
    path: Path, bones: list[FbxBone], frame_rate: float | None
) -> Float[np.ndarray, "T"]:
    curves = [
        curve
        for bone in bones
        for curve in (*bone.angle_curves, *bone.position_curves)
        if curve is not None
    ]
    if not curves:
        raise FormatError(f"{path} moves no bone; it may be a rest pose")
    # Curves of a single key lie anywhere.
    moving = [curve for curve in curves if len(curve[0]) > 1] or curves
    start = min(time[0] for time, _ in moving)
    stop = max(time[-1] for time, _ in moving)
    gaps = np.concatenate([np.diff(time) for time, _ in curves])
    if frame_rate is None:
        frame_rate = round(1 / float(np.median(gaps)), 3) if len(gaps) else 30.0
    cells = (stop - start) * frame_rate * len(bones)
    if not 0 < frame_rate < np.inf or cells > MAX_CELLS:
        raise InputError(
            f"{path} lasts {stop - start:.0f} s; at {frame_rate:g} frames per second its "
            f"{len(bones)} bones are more than {MAX_CELLS} poses; give another rate"
        )
    return np.arange(start, stop + 1e-6, 1 / frame_rate)


def _chain(local: Float[np.ndarray, "T K 3 3"], parents: list[int]) -> np.ndarray:
    world = local.copy()
    for joint, parent in enumerate(parents):
        if parent >= 0:
            world[:, joint] = world[:, parent] @ local[:, joint]
    return world


def _guess_unit(offset: Float[np.ndarray, "K 3"], parents: list[int]) -> float:
    place = np.zeros_like(offset)
    for joint, parent in enumerate(parents):
        if parent >= 0:
            place[joint] = place[parent] + offset[joint]
    depth = -place[:, 1].min() * CENTIMETRE_M
    return CENTIMETRE_M if HUMAN_HEIGHT_M[0] < depth < HUMAN_HEIGHT_M[1] else CMU_UNIT_M


def _name_joints(bones: list[FbxBone]) -> list[str]:
    names = [bone.name for bone in bones]
    prefix = names[0].split("_")[0] + "_"
    shared = "_" in names[0] and all(name.startswith(prefix) for name in names)
    return [name.removeprefix(prefix) for name in names] if shared else names
