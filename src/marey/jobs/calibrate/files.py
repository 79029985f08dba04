"""Calibrations written: the suffix chooses the format."""

from collections.abc import Callable, Mapping
from pathlib import Path

from marey.core import Cameras
from marey.core.errors import InputError
from marey.core.files import atomic_folder, refuse_existing
from marey.io.calibration.anipose import write_anipose
from marey.io.calibration.colmap import write_colmap
from marey.io.calibration.opencv import write_easymocap, write_opencv
from marey.io.calibration.pose2sim import write_qualisys

KNOWN = (
    "calib.toml (Pose2Sim, Anipose, Caliscope), calib.qca.txt (Qualisys), or a folder "
    "calib.colmap, calib.easymocap or calib.opencv"
)


def check_calibration(target: Path, *, overwrite: bool) -> None:
    """Refuse a place that no calibration can be written to, before any work.

    Raises:
        InputError: If the suffix is not known, or the folder does not exist.
        OutputExistsError: If it is taken and `overwrite` is off.
    """
    if _find_kind(target) not in _WRITERS:
        raise InputError(f"'{target.name}' does not say which format is wanted; name it {KNOWN}")
    if not target.resolve().parent.is_dir():
        raise InputError(f"the folder {target.parent} does not exist; create it first")
    refuse_existing(target, overwrite=overwrite)


def write_calibration(cameras: Cameras, target: Path, *, overwrite: bool = False) -> None:
    """Write cameras in the format that the suffix names.

    Raises:
        InputError: If the suffix is not known, or the format cannot hold these cameras.
        OutputExistsError: If the place is taken and `overwrite` is off.
    """
    check_calibration(target, overwrite=overwrite)
    _WRITERS[_find_kind(target)](cameras, target, overwrite)


def _find_kind(target: Path) -> str:
    return ".qca.txt" if target.name.lower().endswith(".qca.txt") else target.suffix.lower()


def _write_qualisys(cameras: Cameras, target: Path, overwrite: bool) -> None:
    write_qualisys(cameras, target, overwrite=overwrite)


def _write_toml(cameras: Cameras, target: Path, overwrite: bool) -> None:
    write_anipose(cameras, target, overwrite=overwrite)


def _write_colmap(cameras: Cameras, target: Path, overwrite: bool) -> None:
    write_colmap(cameras, target, overwrite=overwrite)


def _write_easymocap(cameras: Cameras, target: Path, overwrite: bool) -> None:
    write_easymocap(cameras, target, overwrite=overwrite)


def _write_opencv(cameras: Cameras, target: Path, overwrite: bool) -> None:
    with atomic_folder(target, overwrite=overwrite) as folder:
        write_opencv(cameras, folder)


_WRITERS: Mapping[str, Callable[[Cameras, Path, bool], None]] = {
    ".toml": _write_toml,
    ".qca.txt": _write_qualisys,
    ".colmap": _write_colmap,
    ".easymocap": _write_easymocap,
    ".opencv": _write_opencv,
}
