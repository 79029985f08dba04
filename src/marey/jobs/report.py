"""A take to a page that says how good it is."""

from pathlib import Path

import marey
from marey.core.errors import InputError
from marey.core.files import atomic_path
from marey.core.progress import Progress, silent
from marey.jobs.export.moved_videos import Videos, name_views
from marey.jobs.export.overlay import find_clip, find_clips
from marey.jobs.files import refuse_existing

SUFFIXES = (".html", ".htm")


def write_report(
    source: str | Path,
    target: str | Path | None = None,
    *,
    video: Videos | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Path:
    """Write a take's report: one HTML file with pictures, figures and warnings.

    A video that is not there any more only leaves out the pictures.

    Args:
        source: The take.
        target: The file to write; the take's name with .html beside it if not given.
        video: Where the take's video lies now, if it has moved; of several cameras, the folder
            that holds their videos, or one per camera, named as they were or like the cameras.
        overwrite: Whether an existing file may be replaced.
        progress: Called as frames are measured.

    Returns:
        The file written.

    Raises:
        InputError: If the take or the given video cannot be read, or the target cannot be written.
        OutputExistsError: If the file exists and may not be replaced.
    """
    from marey.io.take import read_run, read_take

    source = Path(source)
    path = source.resolve().with_suffix(".html") if target is None else Path(target)
    _check_target(path, overwrite=overwrite)
    take = read_take(source)
    run = read_run(source)
    from marey.view.report import make_report, render_page

    clip, clips = None, None
    if video is not None and len(name_views(take)) > 1:
        clips = find_clips(take, video)
    elif video is not None:
        clip = find_clip(take, video)
    name = source.resolve().stem
    report = make_report(
        take, name, clip=clip, clips=clips, run=run, version=marey.__version__, progress=progress
    )
    page = render_page(report)
    with atomic_path(path, overwrite=overwrite) as temporary:
        # Half characters, which JSON can hold, have no bytes of their own.
        temporary.write_text(page, encoding="utf-8", errors="replace")
    return path


def _check_target(path: Path, *, overwrite: bool) -> None:
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"a report is written to a name that ends in .html, got '{path.name}'")
    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent} does not exist; create it first")
    if path.is_dir():
        raise InputError(f"{path} is a folder; choose the name of a file")
    refuse_existing(path, overwrite=overwrite)
