"""From a path to the reader that describes it."""

from collections.abc import Callable
from pathlib import Path

from marey.core.errors import InputError
from marey.core.files import refuse_missing
from marey.datasets.outputs.sniff import may_be_output
from marey.io.openpose import is_openpose
from marey.io.recording_names import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from marey.io.take import HEADER
from marey.jobs.evaluate.corpora import find_corpus
from marey.jobs.info.corpora import describe_corpus
from marey.jobs.info.description import Description
from marey.jobs.info.keypoints import describe_json, describe_npy, describe_openpose
from marey.jobs.info.motions import describe_bvh, describe_glb, describe_npz
from marey.jobs.info.networks import describe_onnx, describe_safetensors
from marey.jobs.info.outputs import describe_output, describe_pickle
from marey.jobs.info.points import describe_c3d, describe_trc
from marey.jobs.info.recording import describe_recording
from marey.jobs.info.tables import describe_csv, describe_parquet
from marey.jobs.info.takes import describe_take_folder

KNOWN = (
    "videos, images and folders of them, .take folders, .bvh, .glb, .npz (AMASS, MediaPipe, "
    "bodies), .trc, .c3d, .json (COCO), folders of OpenPose, .npy (MediaPipe), .csv, .parquet, "
    ".pkl (bodies), .onnx and .safetensors, other programs' results (.pkl, .pt, .npz, .json), and "
    "corpora (docs/datasets.md)"
)
"""For the message about all others."""


def describe_file(path: str | Path) -> Description:
    """Describe a file or folder of any kind that marey reads.

    Args:
        path: The file or folder.

    Raises:
        InputError: If nothing is there, or it is of no kind that marey knows.
        FormatError: If the content is not what the name promises.
    """
    path = Path(path)
    refuse_missing(path)
    if path.is_dir():
        return _describe_folder(path)
    if not path.is_file():
        raise InputError(f"{path} is neither a file nor a folder; give one that marey reads")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty (0 bytes); copy or export it again")
    corpus = find_corpus(path)
    if corpus is not None:
        return describe_corpus(path, corpus)
    if path.suffix.lower() in (".npz", ".json") and may_be_output(path):
        return describe_output(path)
    name = path.name.lower()
    suffix = ".bvh" if name.endswith(".bvh.gz") else path.suffix.lower()
    return _DESCRIBE.get(suffix, _try_video)(path)


def _describe_folder(path: Path) -> Description:
    if path.suffix.lower() == ".take" or (path / HEADER).is_file():
        return describe_take_folder(path)
    suffixes = {inner.suffix.lower() for inner in path.iterdir() if inner.name[0] != "."}
    if not suffixes:
        raise InputError(f"the folder {path} is empty; give one with images or a take")
    corpus = find_corpus(path)
    if corpus is not None:
        return describe_corpus(path, corpus)
    if is_openpose(path):
        return describe_openpose(path)
    if suffixes & set(IMAGE_SUFFIXES):
        return describe_recording(path)
    raise InputError(f"the folder {path} holds nothing that marey knows; it reads {KNOWN}")


def _try_video(path: Path) -> Description:
    """Give a file with another suffix, or none, to the video reader: it looks at the content."""
    try:
        return describe_recording(path)
    except InputError as error:
        raise InputError(f"{path} is of no kind that marey knows; it reads {KNOWN}") from error


_DESCRIBE: dict[str, Callable[[Path], Description]] = {
    **dict.fromkeys((*VIDEO_SUFFIXES, *IMAGE_SUFFIXES), describe_recording),
    ".npz": describe_npz,
    ".npy": describe_npy,
    ".json": describe_json,
    **dict.fromkeys((".pkl", ".pickle", ".joblib"), describe_pickle),
    **dict.fromkeys((".pt", ".pth"), describe_output),
    ".bvh": describe_bvh,
    ".trc": describe_trc,
    ".c3d": describe_c3d,
    ".csv": describe_csv,
    ".parquet": describe_parquet,
    ".glb": describe_glb,
    ".onnx": describe_onnx,
    ".safetensors": describe_safetensors,
}
