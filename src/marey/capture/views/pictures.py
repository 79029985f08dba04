"""Pictures of several videos at moments of their common clock, read again where they are wanted."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float, UInt8

from marey.core import Clip
from marey.io.video import read_frames

Pictures = Callable[[int, Sequence[int]], Iterable[tuple[int, UInt8[np.ndarray, "H W 3"]]]]
"""Of a view and some frames of the common clock, in order: yields those that it has, each with its
picture."""

_NEAR = 0.25
"""Distance of a picture from a moment, in the view's frames, up to which it shows it."""
_SKIP = 60
"""Pictures in a row that nobody wants from which on it is worth to seek behind them."""


def read_pictures(
    clips: Sequence[Clip], times: Sequence[Float[np.ndarray, "_"]], clock: Float[np.ndarray, "T"]
) -> Pictures:
    """Return what reads the pictures of views: forward through each video, from the first on.

    Args:
        clips: One per view, with the times of their files, which pictures are found by.
        times: When each view's frames are on the common clock, s.
        clock: The moments, s.
    """

    def read(
        view: int, frames: Sequence[int]
    ) -> Generator[tuple[int, UInt8[np.ndarray, "H W 3"]], None, None]:
        clip = clips[view]
        place = find_pictures(clip, times[view], clock, frames)
        wanted = {picture: frame for frame, picture in place.items()}
        for start, stop in _runs(sorted(wanted)):
            for picture in read_frames(clip, start=start, stop=stop):
                if picture.index in wanted:
                    yield wanted[picture.index], picture.image

    return read


def find_pictures(
    clip: Clip,
    times: Float[np.ndarray, "_"],
    clock: Float[np.ndarray, "T"],
    frames: Sequence[int],
) -> Mapping[int, int]:
    """Return which picture of a clip shows each of some frames of the common clock.

    Of a view whose pictures lie between the moments of the clock, only those count that are near
    one: what moves would be elsewhere. A picture that is near several of a faster clock's moments
    shows the nearest of them alone.

    Args:
        clip: One view's.
        times: When its pictures are on the common clock, s.
        clock: The moments, s.
        frames: Which of them.
    """
    moments = clock[list(frames)]
    after = np.clip(np.searchsorted(times, moments), 1, max(len(times) - 1, 1))
    after = np.minimum(after, len(times) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(moments - times[before] <= times[after] - moments, before, after)
    late = np.abs(times[nearest] - moments)
    shown: dict[int, int] = {}
    for row in np.argsort(late, kind="stable"):
        if late[row] <= _NEAR / clip.frame_rate:
            shown.setdefault(int(nearest[row]), frames[row])
    return {frame: picture for picture, frame in shown.items()}


def _runs(pictures: Sequence[int]) -> list[tuple[int, int]]:
    """Return spans of pictures to be read in one go, the gaps between which are long."""
    runs: list[tuple[int, int]] = []
    for picture in pictures:
        if runs and picture - runs[-1][1] < _SKIP:
            runs[-1] = (runs[-1][0], picture + 1)
        else:
            runs.append((picture, picture + 1))
    return runs
