"""AMASS npz: axes X right, Y away, +Z up in the world, metres, radians, frames per second.

An AMASS file holds one person as poses of a body of the SMPL family: `trans` (T, 3), `poses`
(T, 3 + 3 J) as axis-angle vectors with the root first (156 numbers for SMPL-H's 52 rotations, 165
for SMPL-X, 72 for SMPL), `betas` (16), `gender` and `mocap_framerate`. The body rests upright along
its own +Y and looks along its own +Z; the root's rotation turns that into the world, as in marey.

Where the format and marey differ:

- `trans` is not where the root joint is, but how far it has moved from its place in the shaped body
  at rest: trans = position - root_rest. marey-h rests with the root at the origin whatever its
  shape, so `root_rest` is zero by default. For bodies of the SMPL family give the rest position of
  their joint 0; without it, all positions are off by that one constant vector (about 0.2 m).
- `betas` belong to SMPL's shape space. They are written (zero padded to 16) if the body's name
  begins with `smpl`, and are all zero, SMPL's average, for any other body. marey's own keys
  `marey_body`, `marey_shape` and `marey_start_time` always hold the body's name, its true
  coefficients and the time of the first frame in s; the reader prefers them.
- AMASS knows no gaps and no missing frames. Every unbroken run of frames in which a person is
  present becomes a file of its own; nothing is invented in between.
- AMASS knows one frame rate. Runs with frames spaced unevenly (by more than 5 % of a frame) are
  resampled at their median rate: positions linearly, rotations along the shortest arc. The last
  frame may then fall short of the run's end by less than one frame.
- `dmpls` (soft tissue) are written as zeros, since many readers insist on the key.
"""

import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from scipy.spatial.transform import Rotation

from marey.core.errors import FormatError, InputError, NothingFoundError
from marey.core.files import atomic_path, refuse_existing
from marey.core.motion import BodyMotion
from marey.io._amass_runs import Run, space_evenly, split_runs
from marey.io.file_names import make_file_names

MODEL_TYPES = {23: "smpl", 51: "smplh", 54: "smplx"}
"""Model by number of joints below the root."""

_OWN_BODY = "marey-h"
"""Its shape coefficients mean nothing in SMPL's shape space."""
NUM_BETAS = 16

MAX_BYTES = 2**32


def write_amass(
    motion: BodyMotion,
    path: str | Path,
    *,
    root_rest: Float[np.ndarray, "*N 3"] | None = None,
    gender: str = "neutral",
    frame_rate: float | None = None,
    overwrite: bool = True,
) -> list[Path]:
    """Write a motion as AMASS files, one per person and unbroken run of frames.

    Args:
        motion: A motion on a body of SMPL's, SMPL-H's or SMPL-X's joints, such as marey-h.
        path: `name.npz`. Several people become `name_<person>.npz`, several runs of a person
            `name_<person>_part<number>.npz` (`name_part<number>.npz` of a single one).
        root_rest: Rest position of the root joint in the shaped body, m, one for all people or one
            each; zeros (right for marey-h) if None.
        gender: What the file says of the body: neutral, male or female.
        frame_rate: Frames per second to resample to; None keeps evenly spaced frames as they are.
        overwrite: Whether existing files may be replaced.

    Returns:
        The files written, by person and time.

    Raises:
        InputError: If the body is a bare rig or has other joints, or has too many coefficients.
        NothingFoundError: If no person is present in any frame.
        OutputExistsError: If a file exists and `overwrite` is off.
    """
    path = Path(path)
    _check_body(motion)
    if frame_rate is not None and not 0 < frame_rate < np.inf:
        raise InputError(f"a frame rate must be positive, not {frame_rate}; give e.g. 30")
    rest = np.broadcast_to(
        np.zeros((1, 3)) if root_rest is None else root_rest, (len(motion.people), 3)
    )
    plan: list[tuple[Path, int, Run]] = []
    for person, suffix in enumerate(name_people(motion.people)):
        runs = split_runs(motion, person)
        for number, run in enumerate(runs, start=1):
            part = f"_part{number}" if len(runs) > 1 else ""
            plan.append((path.with_name(f"{path.stem}{suffix}{part}.npz"), person, run))
    if not plan:
        raise NothingFoundError("nobody is present in any frame, so there is no motion to write")
    targets = [target for target, _, _ in plan]
    refuse_existing(*targets, overwrite=overwrite)
    for target, person, run in plan:
        content = _describe_run(run, motion, person, rest[person], frame_rate)
        content["gender"] = np.array(gender)
        with atomic_path(target, overwrite=overwrite) as temporary:
            np.savez_compressed(temporary, allow_pickle=False, **content)
    return targets


def read_amass(
    path: str | Path, *, root_rest: Float[np.ndarray, "3"] | None = None, person: str | None = None
) -> BodyMotion:
    """Read an AMASS file as the motion of one person.

    Args:
        path: The npz file.
        root_rest: Rest position of the root joint in the shaped body, m; zeros if None.
        person: What to call the person; the file's name if None.

    Returns:
        The motion; its body is the one marey wrote, else `smpl`, `smplh` or `smplx`.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is not an AMASS file.
    """
    path = Path(path)
    data = _load_npz(path)
    poses = _get_floats(data, "poses", 2, path)
    position = _get_floats(data, "trans", 2, path)
    num_joints = poses.shape[1] // 3 - 1
    if poses.shape[1] % 3 or num_joints not in MODEL_TYPES or position.shape != (len(poses), 3):
        raise FormatError(
            f"{path} has poses {poses.shape} and trans {position.shape}; expected (T, 72), "
            f"(T, 156) or (T, 165), and (T, 3)"
        )
    rotations = Rotation.from_rotvec(poses.reshape(-1, 3)).as_quat(scalar_first=True)
    rotations = rotations.reshape(len(poses), num_joints + 1, 4)
    position = position + (np.zeros(3) if root_rest is None else root_rest)
    root = np.concatenate([rotations[:, 0], position], -1)
    return BodyMotion(
        body=_get_text(data, "marey_body") or MODEL_TYPES[num_joints],
        people=(person or path.stem,),
        time=_read_times(data, len(poses), path),
        shape=_read_shape(data, path)[None].astype(np.float32),
        T_world_root=root[None].astype(np.float32),
        R_parent_joint=rotations[None, :, 1:].astype(np.float32),
        confidence=np.ones((1, len(poses)), np.float32),
    )


def _check_body(motion: BodyMotion) -> None:
    num_joints = motion.R_parent_joint.shape[2]
    if not isinstance(motion.body, str) or num_joints not in MODEL_TYPES:
        raise InputError(
            f"AMASS files hold bodies of 23, 51 or 54 joints, not a rig of {num_joints}; export to "
            f".glb or .bvh instead"
        )
    if motion.shape.shape[1] > NUM_BETAS and motion.body != _OWN_BODY:
        raise InputError(
            f"AMASS files hold {NUM_BETAS} shape coefficients, this body has "
            f"{motion.shape.shape[1]}; fit it with fewer"
        )


def name_people(people: Sequence[str]) -> list[str]:
    """Return what each person's files add to the name of the whole; nothing for a single person."""
    if len(people) == 1:
        return [""]
    return [f"_{name}" for name in make_file_names(people, fallback="person")]


def _describe_run(
    run: Run,
    motion: BodyMotion,
    person: int,
    rest: Float[np.ndarray, "3"],
    frame_rate: float | None,
) -> dict[str, Shaped[np.ndarray, "..."]]:
    run, frame_rate = space_evenly(run, frame_rate, motion.time)
    count, num_joints = run.rotations.shape[0], run.rotations.shape[1] - 1
    vectors = Rotation.from_quat(run.rotations.reshape(-1, 4), scalar_first=True).as_rotvec()
    shape, betas = motion.shape[person], np.zeros(NUM_BETAS)
    assert isinstance(motion.body, str)
    if motion.body != _OWN_BODY:
        betas[: len(shape)] = shape
    return {
        "trans": run.position - rest,
        "poses": vectors.reshape(count, 3 * (num_joints + 1)),
        "betas": betas,
        "dmpls": np.zeros((count, 8)),
        "mocap_framerate": np.array(frame_rate),
        # SMPL-X files of AMASS spell it this way.
        "mocap_frame_rate": np.array(frame_rate),
        "surface_model_type": np.array(MODEL_TYPES[num_joints]),
        "marey_body": np.array(motion.body),
        "marey_shape": shape.astype(np.float64),
        "marey_start_time": np.array(float(run.time[0])),
    }


def _load_npz(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"{path} does not exist; give the path of an AMASS .npz file")
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_BYTES:
            raise FormatError(f"{path} unpacks to {size / 1e9:.0f} GB; a sequence has far less")
        wanted = ("poses", "trans", "betas", *_RATE_KEYS, "marey_body", *_MAREY_NUMBERS)
        with np.load(path, allow_pickle=False) as file:
            found = {key: file[key] for key in wanted if key in file}
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, *_HEADER_FAULTS) as error:
        raise FormatError(f"{path} is not an AMASS .npz file ({error})") from error
    # NumPy hands out the bytes of members that do not begin as arrays do.
    strange = [key for key, value in found.items() if not isinstance(value, np.ndarray)]
    if strange:
        raise FormatError(f"{path}: '{strange[0]}' is damaged; copy the file again")
    return found


_HEADER_FAULTS = (
    *(zlib.error, tokenize.TokenError, SyntaxError, MemoryError),
    *(NotImplementedError, RuntimeError),
)
"""What else damaged members and headers of arrays make the standard library and NumPy raise."""

_RATE_KEYS = ("mocap_framerate", "mocap_frame_rate")

_MAREY_NUMBERS = ("marey_shape", "marey_start_time")


def _get_floats(
    data: dict[str, Any], key: str, num_axes: int, path: Path
) -> Float[np.ndarray, "..."]:
    if key not in data:
        raise FormatError(f"{path} has no '{key}', so it is not an AMASS sequence of poses")
    array = data[key]
    if array.dtype.kind not in "fiu" or array.ndim != num_axes:
        raise FormatError(f"{path}: '{key}' is {array.dtype} {array.shape}; expected numbers")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise FormatError(f"{path}: '{key}' holds values that are not finite; cut those frames")
    return array


def _get_text(data: dict[str, Any], key: str) -> str | None:
    value = data.get(key)
    return str(value) if value is not None and value.dtype.kind == "U" else None


def _read_times(data: dict[str, Any], count: int, path: Path) -> Float[np.ndarray, "T"]:
    key = next((key for key in _RATE_KEYS if key in data), _RATE_KEYS[0])
    frame_rate = float(_get_floats(data, key, 0, path))
    if frame_rate <= 0:
        raise FormatError(f"{path} states {frame_rate} frames per second; expected more than 0")
    start = _get_floats(data, "marey_start_time", 0, path) if "marey_start_time" in data else 0.0
    return float(start) + np.arange(count) / frame_rate


def _read_shape(data: dict[str, Any], path: Path) -> Float[np.ndarray, "S"]:
    if "marey_shape" in data:
        return _get_floats(data, "marey_shape", 1, path)
    return _get_floats(data, "betas", 1, path) if "betas" in data else np.zeros(NUM_BETAS)
