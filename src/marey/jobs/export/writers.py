"""The doors out for motions and for points in space, by suffix.

To add a format, write its module in `io`, a function here that calls it, and a line in a table.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float

from marey.core import BodyMotion, Keypoints3D, Rig
from marey.core.errors import InputError
from marey.io.joint_names import JointNames

SMPL_FAMILY = ("smpl", "smplh", "smplx")
"""Bodies known by their kind only: what AMASS files move while the body itself is not known."""


def check_names(suffix: str, names: JointNames) -> None:
    """Refuse a choice of joint names for formats that do not offer it.

    Raises:
        InputError: If other names than marey's are asked for in vain.
    """
    if names != "marey" and suffix not in NAMED:
        raise InputError(f"--names {names} is for {' and '.join(NAMED)} files, not for {suffix}")


def _write_bvh(motion: BodyMotion, path: Path, names: JointNames, overwrite: bool) -> list[Path]:
    from marey.io.bvh import write_bvh

    return write_bvh(motion, path, names=names, overwrite=overwrite)


def _write_glb(motion: BodyMotion, path: Path, names: JointNames, overwrite: bool) -> list[Path]:
    from marey.io.gltf import write_gltf

    write_gltf(motion, path, names=names)
    return [path]


def _write_amass(motion: BodyMotion, path: Path, names: JointNames, overwrite: bool) -> list[Path]:
    from marey.io.amass import write_amass

    return write_amass(motion, path, root_rest=_root_rest(motion), overwrite=overwrite)


def _root_rest(motion: BodyMotion) -> Float[np.ndarray, "N 3"] | None:
    """Where the root joint rests in each person's body; None where there is no body to ask.

    A motion of the SMPL family that was read without its body holds `trans` itself as its position,
    so writing it the same way gives the same file.
    """
    if isinstance(motion.body, Rig) or motion.body in SMPL_FAMILY:
        return None
    import torch

    from marey.body import load_body

    body = load_body(motion.body, num_shape=motion.shape.shape[1])
    return body.rest_joints(torch.from_numpy(motion.shape))[:, 0].numpy()


def _write_trc(points: Keypoints3D, path: Path, overwrite: bool) -> list[Path]:
    from marey.io.trc import write_trc

    return write_trc(points, path, overwrite=overwrite)


def _write_c3d(points: Keypoints3D, path: Path, overwrite: bool) -> list[Path]:
    from marey.io.c3d import write_c3d

    return write_c3d(points, path, overwrite=overwrite)


def _write_csv(value: BodyMotion | Keypoints3D, path: Path, overwrite: bool) -> list[Path]:
    from marey.io.tables import write_csv

    return write_csv(value, path, overwrite=overwrite)


def _write_parquet(value: BodyMotion | Keypoints3D, path: Path, overwrite: bool) -> list[Path]:
    from marey.io.tables import write_parquet

    return write_parquet(value, path, overwrite=overwrite)


MOTION_WRITERS: dict[str, Callable[[BodyMotion, Path, JointNames, bool], list[Path]]] = {
    ".bvh": _write_bvh,
    ".glb": _write_glb,
    ".npz": _write_amass,
    ".csv": lambda motion, path, names, overwrite: _write_csv(motion, path, overwrite),
    ".parquet": lambda motion, path, names, overwrite: _write_parquet(motion, path, overwrite),
}
POINT_WRITERS: dict[str, Callable[[Keypoints3D, Path, bool], list[Path]]] = {
    ".trc": _write_trc,
    ".c3d": _write_c3d,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
}
NAMED = (".bvh", ".glb")
"""Formats that offer a choice of joint names."""
