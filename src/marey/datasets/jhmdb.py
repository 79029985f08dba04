"""JHMDB and Sub-JHMDB: 15 joints per frame of short clips, from MATLAB files or COCO-style JSON.

The release has a folder per clip, `joint_positions/<action>/<clip>/joint_positions.mat`, with
`pos_img` (2, 15, T) in px and `pos_world`, the same relative to the person; masks are
`puppet_mask/<action>/<clip>/puppet_mask.mat` with `part_mask` (240, 320, T). Boxes are those of the
mask, where it is given. Coordinates are MATLAB's: the centre of the first pixel is (1, 1), so they
lose 0.5 px here; so are those of the JSON files (`test_jhmdb_sub1.json`), and their boxes.

Licence: stated CC BY 4.0 by its authors; research use. Tried on real files: one clip's joints, 14
masks, one JSON file of three images.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from marey.core import load_skeleton
from marey.core.errors import FormatError
from marey.datasets._coco_set import iterate_people, read_images, read_triples, stack_people
from marey.datasets._fields import get_array
from marey.datasets._folder import check_file, find_files
from marey.datasets._labels import make_keypoints2d, make_times, make_unique, name_sequence
from marey.datasets._mat5 import read_mat
from marey.datasets.recording import Recording

SKELETON = "jhmdb-15"
JOINTS_FILE, MASK_FILE = "joint_positions.mat", "puppet_mask.mat"
MAX_FRAMES = 10_000
SIZE = (320, 240)


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the clips' files of joints below a folder.

    Raises:
        InputError: If the folder does not exist.
        NothingFoundError: If it holds none.
    """
    yield from find_files(folder, f"**/{JOINTS_FILE}", what="joints of JHMDB")


def read_sequence(path: str | Path, mask: str | Path | None = None) -> Recording:
    """Read the joints of one clip.

    Args:
        path: Its `joint_positions.mat`.
        mask: The clip's mask, which gives the person's box; the one at its place in the release
            if None, and if it is there.

    Raises:
        InputError: If a file is missing.
        FormatError: If a file is not as the release's, or mask and joints differ in frames.
    """
    path = check_file(path, f"a {JOINTS_FILE}")
    joints = get_array(read_mat(path, ["pos_img"]), "pos_img", path, (2, 15, None), missing=True)
    points = joints.transpose(2, 1, 0)[None] - 0.5
    frame = np.arange(1, points.shape[1] + 1)
    box = None
    clip = path.resolve().parent
    beside = clip.parents[2] / "puppet_mask" / clip.parent.name / clip.name / MASK_FILE
    if mask is not None or beside.is_file():
        mask = mask or beside
        inside = read_mask(mask)
        if len(inside) != len(frame):
            raise FormatError(f"{mask} has {len(inside)} frames, {path} {len(frame)}")
        box = box_of_mask(inside)[None]
    return Recording(
        name=clip.name,
        frame=frame,
        keypoints2d=make_keypoints2d(SKELETON, ("person",), make_times(frame, None), points),
        box=box,
        size=SIZE,
    )


def read_mask(path: str | Path) -> Bool[np.ndarray, "T H W"]:
    """Read a clip's mask of the person.

    Raises:
        InputError: If the file is missing.
        FormatError: If it holds none.
    """
    path = check_file(path, "a puppet_mask.mat")
    found = read_mat(path, ["part_mask"])
    mask = found.get("part_mask")
    if not isinstance(mask, np.ndarray) or mask.ndim not in (2, 3) or mask.dtype == object:
        raise FormatError(f"{path} has no 'part_mask' of numbers (H, W, T)")
    mask = mask.reshape(*mask.shape[:2], -1)
    if mask.shape[2] > MAX_FRAMES:
        raise FormatError(f"{path}: 'part_mask' has {mask.shape[2]} frames; JHMDB has at most 40")
    return np.moveaxis(mask > 0, -1, 0)


def box_of_mask(mask: Bool[np.ndarray, "T H W"]) -> Float[np.ndarray, "T 4"]:
    """Return x0 y0 x1 y1 px around the pixels of a mask; NaN where there are none."""
    box = np.full((len(mask), 4), np.nan)
    for row, inside in enumerate(mask):
        ys, xs = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        if len(xs):
            box[row] = (xs[0], ys[0], xs[-1] + 1, ys[-1] + 1)
    return box


def read_sequences(path: str | Path) -> Iterator[Recording]:
    """Yield the labelled images of a COCO-style JSON file of JHMDB, one recording each.

    Raises:
        InputError: If the file is missing.
        FormatError: If it is no such file.
        NothingFoundError: If it lists no image.
    """
    path = Path(path)
    images, _ = read_images(path, "labels of JHMDB in COCO's layout")
    skeleton = load_skeleton(SKELETON)
    labelled = list(iterate_people(images))
    names = make_unique([name_sequence(each.file_name) for each in labelled])
    for name, each in zip(names, labelled, strict=True):
        position, flag, box = stack_people(
            each.people[:1],
            skeleton,
            lambda row: read_triples(row, "keypoints", len(skeleton)),
            path,
        )
        yield Recording(
            name=name,
            frame=np.zeros(1, np.int64),
            # From counting pixels from 0 to counting them from 1.
            keypoints2d=make_keypoints2d(
                SKELETON, ("person",), np.zeros(1), position - 1, flag > 0
            ),
            box=box - 1,
            images=(each.file_name,),
            size=each.size,
        )
