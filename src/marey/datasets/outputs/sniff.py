"""Which doors a file goes through, told by its beginning; nothing heavy is imported here."""

import re
from pathlib import Path

from marey.core.errors import FormatError, InputError
from marey.io.npz import list_arrays

PICKLED = (".pkl", ".pickle", ".joblib", ".pt", ".pth")
"""Files that may hold other programs' results."""
HEAD_BYTES = 1 << 16
_JSON = re.compile(
    rb'"instance_info"|"keypoint_scores"|"pred_keypoints_3d"|"version"\s*:\s*"AlphaPose'
    rb'|\A\s*\[\s*\{\s*"image_id"\s*:\s*"'
)
_ARRAYS = ({"results"}, {"kp2d", "bbox"}, {"boxes", "keypoints", "metadata"}, {"pred_keypoints_3d"})


def may_be_output(path: Path) -> bool:
    """Tell whether a file is to be tried as another program's results, rather than as its suffix.

    Damaged files are left to the reader of their suffix, which says what is wrong.
    """
    suffix = path.suffix.lower()
    if not path.is_file():
        return suffix in PICKLED
    try:
        if suffix == ".json":
            with path.open("rb") as file:
                return _JSON.search(file.read(HEAD_BYTES)) is not None
        if suffix == ".npz":
            names = set(list_arrays(path))
            return any(wanted <= names for wanted in _ARRAYS)
    except (FormatError, InputError, OSError):
        return False
    return suffix in PICKLED
