"""How often faces were found, which nobody sees from a take's motion."""

from pathlib import Path

from marey.io.take.stream import TakeReader
from marey.jobs.phrases import format_count

_FACE = slice(23, 91)
"""Places of the face in COCO-WholeBody-133."""


def say_faces(path: Path) -> str:
    """Return a sentence about a take that was solved with `--face`."""
    reader = TakeReader(path)
    seen, total = 0, 0
    for number in range(len(reader)):
        for points in reader.read_person(number).keypoints2d:
            sure = points.confidence[0] > 0
            total += int(sure.any(-1).sum())
            # The body's network alone gives a few points of the face.
            seen += int((sure[:, _FACE].mean(-1) > 0.5).sum())
    if not seen:
        return (
            f"no face was found in {format_count(total, 'frame')} of people; faces that are small, "
            "turned away or covered are not"
        )
    return f"faces were found in {seen} of {format_count(total, 'frame')} of people"
