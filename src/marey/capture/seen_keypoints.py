"""Keypoints of other programs, laid out as what cameras saw: the door past detector and tracker.

Of people whom a detector found in each view (`Keypoints2D`), or of candidates that belong to nobody
yet (`Candidates2D`) and are associated first. `many_views.solve_views` takes it from there.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from marey.capture.pipeline import Seen
from marey.capture.views.associate import AssociationOptions, associate_candidates
from marey.capture.views.crowd_in_views import Association
from marey.core import Cameras, Candidates2D, Clip, Keypoints2D, Person, Track, Tracks
from marey.core.errors import NothingFoundError


def see_keypoints(view: Keypoints2D, size: tuple[int, int]) -> Seen:
    """Lay one view's people out as if they had been followed in a video.

    Args:
        view: Its people (N T K) on its own clock; who is nowhere is left out.
        size: Width and height of the pictures, px.
    """
    people, tracks = [], []
    for row, name in enumerate(view.people):
        moments = np.flatnonzero(view.valid[row].any(-1))
        if not len(moments):
            continue
        span = slice(int(moments[0]), int(moments[-1]) + 1)
        own = slice(row, row + 1), span
        confidence = view.confidence[own].copy()
        confidence[~view.valid[own]] = 0.0
        block = Keypoints2D(
            skeleton=view.skeleton,
            people=(name,),
            time=view.time[span],
            position=np.where(view.valid[own][..., None], view.position[own], np.nan),
            confidence=confidence,
            sigma=None if view.sigma is None else view.sigma[own],
        )
        length = span.stop - span.start
        people.append(Person(name=name, start=span.start, num_frames=length, keypoints2d=(block,)))
        box = _surround(block)
        there = np.asarray(np.isfinite(box).all(-1), np.float32)
        tracks.append(Track(person=name, start=span.start, box=box, confidence=there))
    return Seen(
        clip=Clip(path=None, size=size, time=view.time),
        tracks=Tracks(time=view.time, tracks=tuple(tracks)),
        people=tuple(people),
    )


def see_candidates(
    views: Sequence[Candidates2D], cameras: Cameras, options: AssociationOptions | None = None
) -> tuple[list[Seen], Association]:
    """Find people among candidates that belong to nobody yet.

    Args:
        views: Per camera, its candidates on the common clock.
        cameras: The views' cameras.
        options: When somebody is there.

    Returns:
        What the views saw and who is who there, as `solve_views` takes them.

    Raises:
        InputError: If views and cameras do not fit together.
        NothingFoundError: If no two views agree on anybody.
    """
    found = associate_candidates(views, cameras, options).keypoints
    if not found.people:
        raise NothingFoundError(
            "no two cameras agree on anybody among these candidates; check that the calibration is "
            "theirs"
        )
    seen, who = [], []
    for view, size in enumerate(cameras.size):
        block = Keypoints2D(
            skeleton=found.skeleton,
            people=found.people,
            time=found.time,
            position=found.position[view],
            confidence=found.confidence[view],
            sigma=None if found.sigma is None else found.sigma[view],
        )
        one = see_keypoints(block, (int(size[0]), int(size[1])))
        seen.append(one)
        who.append(tuple(found.people.index(person.name) for person in one.people))
    return seen, tuple(who)


def _surround(block: Keypoints2D) -> Float[np.ndarray, "L 4"]:
    """Return the boxes around a person's keypoints; NaN where there are none."""
    valid = block.valid[0]
    low = np.where(valid[..., None], block.position[0], np.inf).min(1)
    high = np.where(valid[..., None], block.position[0], -np.inf).max(1)
    seen = valid.any(1)[:, None]
    box = np.concatenate([np.where(seen, low, np.nan), np.where(seen, high, np.nan)], 1)
    return box.astype(np.float32)
