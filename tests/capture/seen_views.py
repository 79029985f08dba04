"""What cameras would have seen of synthetic people, as the front end hands it on."""

import numpy as np

from marey.capture.pipeline import Seen
from marey.core import Clip, Keypoints2D, Person, Track, Tracks


def see_views(
    keypoints: Keypoints2D, size: tuple[int, int], shift: tuple[float, ...] | None = None
) -> list[Seen]:
    """Return views of people (C N T K), each with its own order of people and its own clock."""
    views = []
    for view in range(len(keypoints.position)):
        time = keypoints.time + (shift[view] if shift else 0.0)
        order = np.roll(np.arange(len(keypoints.people)), view)
        people, tracks = [], []
        for number, row in enumerate(order):
            name = f"{number + 1:02d}"
            position = keypoints.position[view, row][None]
            confidence = keypoints.confidence[view, row][None]
            block = Keypoints2D(
                skeleton=keypoints.skeleton,
                people=(name,),
                time=time,
                position=position,
                confidence=confidence,
                sigma=np.full(confidence.shape, 4.0, np.float32),
            )
            people.append(Person(name=name, start=0, num_frames=len(time), keypoints2d=(block,)))
            known = np.where(confidence[0, ..., None] > 0, position[0], np.nan)
            low = np.where(np.isfinite(known), known, np.inf).min(1)
            high = np.where(np.isfinite(known), known, -np.inf).max(1)
            low, high = (np.where(np.isfinite(end), end, np.nan) for end in (low, high))
            box = np.concatenate([low, high], 1).astype(np.float32)
            tracks.append(
                Track(person=name, start=0, box=box, confidence=np.ones(len(time), np.float32))
            )
        clip = Clip(path=None, size=size, time=time)
        views.append(
            Seen(clip=clip, tracks=Tracks(time=time, tracks=tuple(tracks)), people=tuple(people))
        )
    return views
