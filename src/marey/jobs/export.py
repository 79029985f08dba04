"""A take to a file of another kind; the suffix chooses the door."""

from collections.abc import Callable
from pathlib import Path

from marey.core import Take
from marey.core.errors import InputError, OutputExistsError
from marey.core.progress import Progress, silent


def export(
    take: Take, path: str | Path, *, overwrite: bool = False, progress: Progress = silent
) -> Path:
    """Write a take in the format its suffix names.

    Args:
        take: The take.
        path: Where to write: .glb (skinned animation), .npz (AMASS), .mp4 (overlay on the video).
        overwrite: Whether an existing file may be replaced.
        progress: Called as frames are written.

    Returns:
        The path written; AMASS writes one file per person and returns the first.

    Raises:
        OutputExistsError: If the file exists and may not be replaced.
        InputError: If the suffix is unknown or the take lacks what the format needs.
    """
    path = Path(path)
    check_export(path, overwrite=overwrite)
    return _DOORS[path.suffix.lower()](take, path, progress)


def check_export(path: Path, *, overwrite: bool) -> None:
    """Refuse, before any work is done, what `export` would refuse afterwards.

    Raises:
        InputError: If the suffix is unknown or the folder does not exist.
        OutputExistsError: If the file exists and may not be replaced.
    """
    if path.suffix.lower() not in _DOORS:
        known = ", ".join(sorted(_DOORS))
        raise InputError(f"cannot export to '{path.name}'; choose a name that ends in {known}")
    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent} does not exist; create it first")
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{path} exists already; choose another name or pass --overwrite")


def _write_glb(take: Take, path: Path, progress: Progress) -> Path:
    from marey.io.gltf import write_gltf

    write_gltf(take.motion, path)
    return path


def _write_amass(take: Take, path: Path, progress: Progress) -> Path:
    from marey.io.amass import write_amass

    return write_amass(take.motion, path)[0]


def _write_overlay(take: Take, path: Path, progress: Progress) -> Path:
    from marey.view.overlay import write_overlay

    write_overlay(take, path, progress=progress)
    return path


_DOORS: dict[str, Callable[[Take, Path, Progress], Path]] = {
    ".glb": _write_glb,
    ".npz": _write_amass,
    ".mp4": _write_overlay,
}
