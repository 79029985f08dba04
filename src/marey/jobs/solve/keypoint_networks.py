"""`--keypoints segpose:WEIGHTS`: keypoints by a network of that name, not from a file."""

from dataclasses import replace
from pathlib import Path

from marey.core.errors import InputError
from marey.jobs.solve.options import SolveOptions

_PREFIX = "segpose:"


def name_network(keypoints: Path) -> Path | None:
    """Return the weights of a `--keypoints` that names a network; None if it is a file."""
    text = str(keypoints)
    return Path(text.removeprefix(_PREFIX)) if text.startswith(_PREFIX) else None


def choose_network(options: SolveOptions, keypoints: Path) -> SolveOptions:
    """Return the options with the network that `--keypoints` names.

    Raises:
        InputError: If no weights are named, or another network is chosen too.
    """
    weights = name_network(keypoints)
    if weights is None or not weights.name:
        raise InputError("--keypoints segpose: names no weights; give segpose:WEIGHTS.pth")
    if options.landmarks is not None:
        raise InputError("give either --keypoints segpose:WEIGHTS or --landmarks, not both")
    if weights.suffix.lower() == ".onnx":
        raise InputError(
            f"{weights} is an ONNX file, which SegPose2D's weights are not; use --landmarks"
        )
    return replace(options, landmarks=weights)
