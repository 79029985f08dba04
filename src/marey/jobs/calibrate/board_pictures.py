"""Videos and folders of pictures of a board, searched for it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from marey.capture.rig.board import Board, BoardFinder, BoardView
from marey.core.errors import NothingFoundError
from marey.io.images import list_images
from marey.io.video import probe_clip, read_frames, select_frames

_NUMBER = re.compile(r"(\d{1,9})(?!.*\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardPictures:
    """What one camera saw of a board."""

    views: tuple[BoardView, ...]
    size: tuple[int, int]
    picture: UInt8[np.ndarray, "H W 3"]
    """The first with the board, or the first."""


def look_for_board(
    sources: Sequence[Path],
    board: Board,
    *,
    every: int = 1,
    progress: Callable[[int], None],
    note: Callable[[str], None],
) -> list[BoardPictures]:
    """Find the board in the videos and folders of several cameras.

    Args:
        sources: One per camera. Frames of videos were taken at once that have the same number;
            pictures of folders, that have the same number in their names, or place in the folder
            if there are none.
        board: What was printed.
        every: Step between frames.
        progress: Called with the number of pictures of a source that were searched.
        note: Called with a sentence where pictures were matched by their place.

    Raises:
        InputError: If a source cannot be read.
        NothingFoundError: If a source holds no picture.
    """
    moments = _match_folders(sources, every, note)
    return [
        _look(source, board, every, own, progress)
        for source, own in zip(sources, moments, strict=True)
    ]


def _look(
    source: Path,
    board: Board,
    every: int,
    moments: Sequence[int] | None,
    progress: Callable[[int], None],
) -> BoardPictures:
    clip = select_frames(probe_clip(source), every=every)
    finder, views, picture = BoardFinder(board), [], None
    for count, frame in enumerate(read_frames(clip)):
        progress(count + 1)
        found = finder.find(frame.image, count if moments is None else moments[count])
        if found is not None:
            views.append(found)
        if picture is None or (found is not None and len(views) == 1):
            picture = frame.image
    if picture is None:
        raise NothingFoundError(f"{source} holds no picture that can be read")
    return BoardPictures(views=tuple(views), size=clip.size, picture=picture)


def _match_folders(
    sources: Sequence[Path], every: int, note: Callable[[str], None]
) -> list[list[int] | None]:
    """Return the moments of the pictures of folders by the numbers in their names; else None."""
    apart: list[list[int] | None] = [None] * len(sources)
    if len(sources) < 2 or not all(source.is_dir() for source in sources):
        return apart
    numbers = []
    for source in sources:
        found = [_NUMBER.search(path.stem) for path in list_images(source)]
        own = [int(match[1]) for match in found if match is not None]
        if len(own) < len(found) or len(set(own)) < len(own):
            break
        numbers.append(own)
    # Of cameras that count on their own no numbers agree, or by chance.
    if len(numbers) == len(sources) and all(
        len(set(numbers[0]) & set(own)) > min(len(numbers[0]), len(own)) / 2 for own in numbers[1:]
    ):
        return [own[::every] for own in numbers]
    note(
        "pictures are not numbered alike in all folders, so the first of each is taken to be of "
        "one moment, and so on"
    )
    return apart
