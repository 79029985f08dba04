"""COCO JSON, px: keypoints are pixel indices (marey's are 0.5 greater), boxes are edges, as here.

COCO-WholeBody annotations hold one person in one image: `keypoints` (17 of the body), `foot_kpts`
(6), `face_kpts` (68), `lefthand_kpts` and `righthand_kpts` (21 each), as x, y, v; a box x, y,
width, height in px; and here also who it is (`track_id`, and `person`, the name).

Written are `images` (one per frame, with `time` in s and `frame_id`), `annotations` and
`categories`. Keypoints of other skeletons are converted to COCO-WholeBody-133 by name; those of
COCO-17 stay 17. v is 0 for missing (and x = y = 0), 2 for a confidence of at least 0.5, else 1; the
confidences themselves are in `scores`, as in PoseTrack. Coordinates are rounded to 0.001 px,
confidences to 0.0001. Lost are sigmas, motion, cameras, and points the skeleton has no place for.

Read are three layouts:

- a data set as above, with 17 (COCO or PoseTrack), 26 or 136 (Halpe) or 133 keypoints in one list
  or in parts; confidence is `scores` if there, else v: 0 missing, 1 hidden 0.5, 2 visible 1. In a
  part where no v is 2, v itself is the confidence;
- results of a detector: a list of {image_id, keypoints, score}, v being the confidence. Image
  numbers without great gaps number the frames, else their order does;
- a sequence: {data: [{frame_index, skeleton: [{pose: [[x, y]], score: [], bbox: x0 y0 x1 y1}]}]}.

Where nobody is named, people are linked from frame to frame by likeness (`_link`); in a set of
unrelated pictures (of different sizes) every annotation is somebody else. People without a single
keypoint are left out. Zero coordinates never enter: v decides what is missing.
"""

from pathlib import Path

from marey.core import Take
from marey.core.errors import FormatError, InputError
from marey.core.files import atomic_path
from marey.io.coco._read import read_layout
from marey.io.coco._write import write_dataset
from marey.io.json_file import JsonFault, read_json
from marey.io.link import link_sightings
from marey.io.sightings import build_take


def write_coco(
    take: Take, path: str | Path, *, view: int = 0, overwrite: bool = False
) -> list[Path]:
    """Write the keypoints of one view as a COCO-WholeBody data set.

    Args:
        take: A take with image keypoints.
        path: A .json file.
        view: Which of the take's views.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The file.

    Raises:
        InputError: If the name does not end in .json.
        NothingFoundError: If nobody has keypoints in the view.
        OutputExistsError: If the file exists and `overwrite` is off.
    """
    path = Path(path)
    if path.suffix.lower() != ".json":
        raise InputError(f"COCO files are JSON; choose a name that ends in .json, not {path.name}")
    with (
        atomic_path(path, overwrite=overwrite) as temporary,
        temporary.open("w", encoding="utf-8") as file,
    ):
        write_dataset(take, file, view=view)
    return [path]


def read_coco(path: str | Path, *, frame_rate: float | None = None) -> Take:
    """Read keypoints in one of COCO's layouts (see above).

    Args:
        path: A .json file.
        frame_rate: Frames per second, for files without times; 30 if None.

    Returns:
        A take of one view, with tracks and image keypoints and, if the file states the size of its
        images, a clip of that size and the file's own name.

    Raises:
        InputError: If the file cannot be opened or the frame rate is impossible.
        FormatError: If it is in none of the layouts.
        NothingFoundError: If it holds no person with keypoints.
    """
    path = Path(path)
    try:
        found = read_layout(read_json(path), path)
    except JsonFault as fault:
        raise FormatError(
            f"{path} is no COCO file: {fault}; expected images and annotations, a list of results, "
            "or a sequence of skeletons"
        ) from fault
    sightings = found.sightings
    names = (
        link_sightings(sightings, found.skeleton)
        if found.in_sequence
        else [s.person or f"{number:02d}" for number, s in enumerate(sightings, start=1)]
    )
    seen = {n for n, s in zip(names, sightings, strict=True) if (s.confidence > 0).any()}
    kept = [row for row, name in enumerate(names) if name in seen]
    return build_take(
        [sightings[row] for row in kept],
        [names[row] for row in kept],
        skeleton=found.skeleton,
        view=found.view,
        frame_rate=frame_rate,
    )
