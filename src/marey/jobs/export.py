"""A take to a file of another kind; the suffix chooses the door."""

from pathlib import Path

from marey.core import Clip, Take
from marey.core.errors import InputError
from marey.core.progress import Progress, silent
from marey.jobs.files import refuse_existing, write_motion

SUFFIXES = (".glb", ".mp4", ".npz")


def export(
    take: Take,
    path: str | Path,
    *,
    video: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> tuple[Path, ...]:
    """Write a take in the format its suffix names.

    Args:
        take: The take.
        path: Where to write: .glb (skinned animation), .npz (AMASS), .mp4 (overlay on the video).
        video: Where the take's video lies now, if it has moved; for an overlay only.
        overwrite: Whether existing files may be replaced.
        progress: Called as frames are written.

    Returns:
        The files written; AMASS has one per person and unbroken run of frames.

    Raises:
        OutputExistsError: If a file exists and may not be replaced.
        InputError: If the suffix is unknown or the take lacks what the format needs.
    """
    path = Path(path)
    check_export(path, overwrite=overwrite, sources=[clip.path for clip in take.clips])
    if path.suffix.lower() != ".mp4":
        return write_motion(take.motion, path, overwrite=overwrite)
    from marey.view.overlay import write_overlay

    write_overlay(take, path, clip=_find_clip(take, video), progress=progress)
    return (path,)


def _find_clip(take: Take, video: str | Path | None) -> Clip | None:
    """Return the clip to draw on; None leaves the choice of the take's own."""
    if video is not None:
        from marey.io.video import probe_clip

        return probe_clip(video)
    for clip in take.clips:
        if not clip.path.exists():
            raise InputError(
                f"the take's video {clip.path} is not there any more; say where it is with --video "
                "(in Python video=...)"
            )
    return None


def check_export(path: Path, *, overwrite: bool, sources: list[Path]) -> None:
    """Refuse, before any work is done, what `export` would refuse afterwards.

    Args:
        path: Where to write.
        overwrite: Whether an existing file may be replaced.
        sources: Videos that must not be replaced in any case.

    Raises:
        InputError: If the suffix is unknown, the folder does not exist or a source is meant.
        OutputExistsError: If the file exists and may not be replaced.
    """
    if path.suffix.lower() not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise InputError(f"cannot export to '{path.name}'; choose a name that ends in {known}")
    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent} does not exist; create it first")
    if path.resolve() in [source.resolve() for source in sources]:
        raise InputError(f"{path} is the video itself; choose another name for the export")
    if path.is_dir():
        raise InputError(f"{path} is a folder; choose the name of a file")
    refuse_existing(path, overwrite=overwrite)
