"""EgoHumans: people who wear cameras at play, filmed from the outside too; Harmony4D's layout.

`NN_activity/NNN_activity/processed_data/...`, read by `marey.datasets.harmony4d`. What differs:

* the similarity from the metric world to COLMAP's is that of the first pair of glasses,
  `colmap/workplace/colmap_from_aria_transforms.pkl`, and the metric world is theirs;
* worn cameras (`ego/aria01`, ...) move, so COLMAP's model has an image for each of their frames;
* the bodies of the activities 01 to 03 are SMPL's male one, the others' its neutral one.

Licence: research. Tried on files written in this layout; no real file was at hand.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from marey.datasets import harmony4d
from marey.datasets.recording import Recording

MALE_ACTIVITIES = ("01", "02", "03")


def sequences(folder: str | Path) -> Iterator[Path]:
    """Yield the sequences' folders below a folder (see `harmony4d.sequences`)."""
    yield from harmony4d.sequences(folder)


def read_sequence(
    path: str | Path, *, part: harmony4d.Part = "smpl", vertices: bool = False
) -> Recording:
    """Read one sequence (see `harmony4d.read_sequence`); a note says which body it is of.

    Raises:
        InputError: If the folder or the part is missing.
        FormatError: If a file is not of this layout, or says anything but plain data.
        NothingFoundError: If nobody is in it.
    """
    recording = harmony4d.read_sequence(path, part=part, vertices=vertices)
    return replace(
        recording, notes=(*recording.notes, f"bodies are SMPL's {find_gender(path)} one")
    )


def find_gender(path: str | Path) -> str:
    """Return which of SMPL's bodies a sequence was fitted with, by the activity it lies in."""
    activity = Path(path).resolve().parent.name
    return "male" if activity[:2] in MALE_ACTIVITIES and activity[2:3] == "_" else "neutral"
