"""Passes over the videos of several cameras after the first: who was missed, and who touches."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8

from marey.capture.contact.closer_look import ReadViewMasks, look_closer
from marey.capture.contact.road import LookCloser
from marey.capture.pipeline import Seen
from marey.capture.views.pictures import Pictures, find_pictures, read_pictures
from marey.capture.views.second_look import find_missed
from marey.core import Cameras, Clip, Keypoints2D, Keypoints3D
from marey.core.progress import Progress
from marey.io.masks import FrameMasks, MaskFolder, MaskTable, open_masks
from marey.jobs.solve.journal import Journal
from marey.jobs.solve.recorded import record_estimator
from marey.jobs.solve.video import find_masks
from marey.models.protocols import LandmarkEstimator


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """What later passes look with."""

    clips: tuple[Clip, ...]
    """One per view, with the times of their files."""
    estimator: LandmarkEstimator
    masks: Path | None
    """A folder with masks of some of the videos."""
    journal: Journal | None
    """Where the network's answers are kept, picture by picture; nowhere if None."""
    progress: Progress

    def find_missed(
        self, views: Sequence[Seen], cameras: Cameras, keypoints: Keypoints2D
    ) -> Keypoints2D:
        """Look for people in views that missed them.

        Args:
            views: What views saw, on clocks without drift.
            cameras: Theirs.
            keypoints: Everyone's, on the common clock.
        """
        pictures = self._open_pictures(_place_on_clock(views, cameras), keypoints.time)
        estimator = self._open_estimator()
        return find_missed(keypoints, cameras, pictures, estimator, progress=self.progress)

    def look_closer(self, views: Sequence[Seen], cameras: Cameras) -> LookCloser:
        """Return what looks again at people who touch.

        Args:
            views: What views saw, on clocks without drift.
            cameras: Theirs.
        """
        times = _place_on_clock(views, cameras)

        def look(
            keypoints: Keypoints2D, points: Keypoints3D, who: Bool[np.ndarray, "C N T"]
        ) -> Keypoints2D:
            return look_closer(
                keypoints,
                points,
                who,
                cameras,
                self._open_pictures(times, keypoints.time),
                self._open_estimator(),
                masks=self._open_masks(times, keypoints.time),
                progress=self.progress,
            )

        return look

    def _open_estimator(self) -> LandmarkEstimator:
        if self.journal is None:
            return self.estimator
        return record_estimator(self.estimator, self.journal)

    def _open_pictures(
        self, times: Sequence[Float[np.ndarray, "_"]], clock: Float[np.ndarray, "T"]
    ) -> Pictures:
        pictures, journal = read_pictures(self.clips, times, clock), self.journal
        if journal is None:
            return pictures

        def read(
            view: int, frames: Sequence[int]
        ) -> Iterator[tuple[int, UInt8[np.ndarray, "H W 3"]]]:
            for found in pictures(view, frames):
                journal.advance()
                yield found

        return read

    def _open_masks(
        self, times: Sequence[Float[np.ndarray, "_"]], clock: Float[np.ndarray, "T"]
    ) -> ReadViewMasks | None:
        given = self._find_masks()
        if not given:
            return None

        def read(view: int, frame: int) -> FrameMasks | None:
            clip = self.clips[view]
            picture = find_pictures(clip, times[view], clock, [frame]).get(frame)
            if view not in given or picture is None:
                return None
            return given[view].read(clip.first + picture * clip.step, clip.size)

        return read

    def _find_masks(self) -> Mapping[int, MaskFolder | MaskTable]:
        if self.masks is None:
            return {}
        places = {
            view: find_masks(self.masks, clip.video.stem) for view, clip in enumerate(self.clips)
        }
        return {view: open_masks(place) for view, place in places.items() if place is not None}


def _place_on_clock(views: Sequence[Seen], cameras: Cameras) -> list[Float[np.ndarray, "_"]]:
    """Return when each view's pictures are on the common clock."""
    return [seen.clip.time + late for seen, late in zip(views, cameras.time_offset, strict=True)]
