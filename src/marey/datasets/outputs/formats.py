"""Which program a file is of, and its reader.

To add a program, write its module (`recognise`, `read`) and a line in `FORMATS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marey.core import Take
from marey.core.errors import FormatError, InputError
from marey.datasets.outputs import (
    alphapose,
    detectron2,
    glamr,
    gvhmr,
    mmpose,
    person_lists,
    phalp,
    romp,
    sam3d_body,
    vibe,
    wham,
)
from marey.datasets.outputs.document import read_document
from marey.datasets.outputs.people import Options

_BODY, _WORLD, _IMAGE = ("body", "size"), ("body", "size", "up"), ("size",)


@dataclass(frozen=True, slots=True)
class Format:
    """How the files of a program are read."""

    title: str
    read: Callable[[Any, Path, Options], Take]
    recognise: Callable[[Any], bool] | None = None
    """None where only a name chooses it."""
    options: tuple[str, ...] = ()
    """What it makes use of, beside the frame rate."""


FORMATS: dict[str, Format] = {
    "phalp": Format("PHALP (4D-Humans) tracks", phalp.read, phalp.recognise, _BODY),
    "wham": Format("WHAM results", wham.read, wham.recognise, _WORLD),
    "wham-camera": Format("WHAM results", wham.read_camera, None, _BODY),
    "gvhmr": Format("GVHMR results", gvhmr.read, gvhmr.recognise, _WORLD),
    "gvhmr-camera": Format("GVHMR results", gvhmr.read_camera, None, _BODY),
    "glamr": Format("GLAMR results", glamr.read, glamr.recognise, _BODY),
    "glamr-camera": Format("GLAMR results", glamr.read_camera, None, _BODY),
    "romp": Format("ROMP or BEV results", romp.read, romp.recognise, _BODY),
    "vibe": Format("VIBE, TCMR, GLoT or PARE results", vibe.read, vibe.recognise, _BODY),
    "person-lists": Format(
        "HMR2.0, Multi-HMR or BUDDI results", person_lists.read, person_lists.recognise, _BODY
    ),
    "sam3d-body": Format("SAM 3D Body results", sam3d_body.read, sam3d_body.recognise, _IMAGE),
    "mmpose": Format("MMPose keypoints", mmpose.read, mmpose.recognise, _IMAGE),
    "alphapose": Format("AlphaPose keypoints", alphapose.read, alphapose.recognise, _IMAGE),
    "detectron2": Format("Detectron2 keypoints", detectron2.read, detectron2.recognise, _IMAGE),
}
"""By the name that --format takes; the first that recognises a file reads it."""

SAME_AS = {
    "4d-humans": "phalp",
    "tcmr": "vibe",
    "glot": "vibe",
    "pare": "vibe",
    "hmr2": "person-lists",
    "multi-hmr": "person-lists",
    "buddi": "person-lists",
    "bev": "romp",
    "videopose3d": "detectron2",
}
"""Programs that write another's layout."""


def find_format(document: Any) -> str | None:
    """Return the name of the format that a document is in, or None."""
    for name, each in FORMATS.items():
        if each.recognise is not None and each.recognise(document):
            return name
    return None


def read_output(
    path: str | Path, *, format: str | None = None, options: Options | None = None
) -> Take:
    """Read what another program found.

    Args:
        path: The file: a pickle, a file of joblib or torch, an .npz, JSON.
        format: Name of the program (`FORMATS`); told by the content if None.
        options: What the user knows of the file.

    Returns:
        A take with everybody's motion, keypoints in images and in space, as far as the file has
        them, and boxes and a camera.

    Raises:
        InputError: If it cannot be opened, or an option does not suit it.
        FormatError: If no program is recognised, or the file is not as that program writes it.
        NothingFoundError: If it holds nobody.
    """
    path, options = Path(path), options or Options()
    document = read_document(path)
    name = find_format(document) if format is None else SAME_AS.get(format, format)
    if name is None or name not in FORMATS:
        known = ", ".join(FORMATS)
        raise FormatError(
            f"{path} is of no program that marey knows by its content; name it with --format "
            f"({known})"
            if format is None
            else f"there is no format '{format}'; choose one of {known}"
        )
    return read_document_as(name, document, path, options)


def read_document_as(name: str, document: Any, path: Path, options: Options) -> Take:
    """Read a document in a format of `FORMATS` (see `read_output`)."""
    chosen = FORMATS[name]
    for option in ("size", "up", "body"):
        if getattr(options, option) is not None and option not in chosen.options:
            raise InputError(f"{path} ({chosen.title}) has no use for --{option}; leave it out")
    try:
        return chosen.read(document, path, options)
    except (FormatError, InputError):
        raise
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError) as error:
        raise FormatError(f"{path} is not as {chosen.title} are written ({error})") from error
