"""Keypoints found again where people touch: each in a picture from which the others are gone.

The second half of the road through contact (Harmony4D's supplement, "Post-Contact Processing"):
where everyone is, is predicted; bodies drawn there say which pixels are whose; every view in which
two who touch overlap is looked at again, one person at a time with the other painted over, and what
is found on the other's pixels loses confidence (`marey.capture.masks.keypoints`). What comes of it
is a second report of the same points, which `contact.supported` weighs against the first.
"""

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, UInt8

from marey.capture.contact.whose_pixels import WhosePixels, draw_people, sharpen, use_given
from marey.capture.masks.keypoints import MaskOptions, locate_masked
from marey.capture.views.pictures import Pictures
from marey.core import Cameras, Keypoints2D, Keypoints3D, convert_keypoints
from marey.core.progress import Progress, silent
from marey.io.masks import FrameMasks
from marey.models.protocols import LandmarkEstimator, PersonLandmarks, SegmentingEstimator

ReadViewMasks = Callable[[int, int], FrameMasks | None]
"""Of a view and a frame of the common clock: the masks that somebody gave, if there are any."""

STAGE = "contact look"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloserLook:
    """How people who touch are looked at again."""

    cells: int = 192
    """Of the grid on which predicted bodies are drawn, along the longer side of the people."""
    sharpen: bool = False
    """Whether drawn masks get the edges of the network's own: nearly twice the time, for up to a
    millimetre (docs/masks.md)."""
    use: MaskOptions = field(default_factory=MaskOptions)
    workers: int = 2
    """Threads for the network."""


def look_closer(  # noqa: PLR0913
    keypoints: Keypoints2D,
    points: Keypoints3D,
    who: Bool[np.ndarray, "C N T"],
    cameras: Cameras,
    pictures: Pictures,
    estimator: LandmarkEstimator,
    *,
    masks: ReadViewMasks | None = None,
    options: CloserLook | None = None,
    progress: Progress = silent,
) -> Keypoints2D:
    """Find the keypoints of people again where they overlap with others.

    Every video is read once and forward, and one picture at a time is in memory.

    Args:
        keypoints: Everyone's in all views, C N T K; says the skeleton and the clock.
        points: Where everyone is predicted to be, of the same people, moments and skeleton.
        who: Whom to look at in which pictures (`find_overlaps`).
        cameras: The views.
        pictures: Reads them.
        estimator: The network; its points are converted by name.
        masks: Masks that take the place of drawn ones, whatever they name people.
        options: How.
        progress: Called as pictures are looked at.

    Returns:
        What was found, in the shape of `keypoints`; missing wherever nobody looked.
    """
    options = options or CloserLook()
    look = _Looker(keypoints, points, who, cameras, estimator, options, masks)
    total, done = int(who.any(1).sum()), 0
    with ThreadPoolExecutor(options.workers) as pool:
        for view in np.flatnonzero(who.any((1, 2))).tolist():
            frames = np.flatnonzero(who[view].any(0)).tolist()
            before = done
            for frame, picture in pictures(view, frames):
                look.take(view, frame, picture, pool)
                done = before + 1 + int(np.searchsorted(frames, frame))
                progress(STAGE, done, total)
            done = before + len(frames)
    return look.finish()


class _Looker:
    """What was found so far."""

    def __init__(
        self,
        keypoints: Keypoints2D,
        points: Keypoints3D,
        who: Bool[np.ndarray, "C N T"],
        cameras: Cameras,
        estimator: LandmarkEstimator,
        options: CloserLook,
        masks: ReadViewMasks | None,
    ):
        self._keypoints, self._points, self._who = keypoints, points, who
        self._cameras, self._estimator, self._options = cameras, estimator, options
        self._read_masks = masks
        shape = keypoints.confidence.shape
        self._position = np.full((*shape, 2), np.nan, keypoints.position.dtype)
        self._confidence = np.zeros(shape, keypoints.confidence.dtype)
        self._sigma = np.full(shape, np.nan, np.float32)
        self._last: dict[tuple[int, int], tuple[int, PersonLandmarks]] = {}
        """By view and person: the latest frame and what was found in it."""

    def take(
        self, view: int, frame: int, picture: UInt8[np.ndarray, "H W 3"], pool: Executor
    ) -> None:
        """Look at everybody who is to be looked at in a picture."""
        pixels = self._find_pixels(view, frame, picture)
        wanted = np.flatnonzero(
            self._who[view, :, frame] & np.isfinite(pixels.box).all(1) & pixels.own.any((1, 2))
        ).tolist()
        previous = [self._recall(view, row, frame) for row in wanted]

        def locate(row: int, before: PersonLandmarks | None) -> PersonLandmarks:
            return locate_masked(
                self._estimator,
                picture,
                pixels.box[row],
                np.stack([pixels.own[row], pixels.others[row]]),
                0,
                previous=before,
                options=self._options.use,
                complete=True,
            )

        for row, found in zip(wanted, pool.map(locate, wanted, previous), strict=True):
            self._last[view, row] = frame, found
            self._keep(found, (view, row, frame))

    def finish(self) -> Keypoints2D:
        """Return what was found."""
        sigma = None if self._keypoints.sigma is None else self._sigma
        return replace(
            self._keypoints, position=self._position, confidence=self._confidence, sigma=sigma
        )

    def _recall(self, view: int, row: int, frame: int) -> PersonLandmarks | None:
        """Return what was found in the frame before, from where the network follows."""
        last, found = self._last.get((view, row), (-2, None))
        return found if last == frame - 1 else None

    def _keep(self, found: PersonLandmarks, place: tuple[int, int, int]) -> None:
        own, wanted = self._estimator.skeleton, self._keypoints.skeleton
        position = convert_keypoints(found.position, own, wanted)
        confidence = convert_keypoints(found.confidence, own, wanted, axis=-1, missing=0.0)
        known = np.isfinite(position).all(-1) & (confidence > 0)
        self._position[place] = np.where(known[:, None], position, np.nan)
        self._confidence[place] = np.where(known, confidence, 0.0)
        self._sigma[place] = convert_keypoints(found.sigma, own, wanted, axis=-1)

    def _find_pixels(
        self, view: int, frame: int, picture: UInt8[np.ndarray, "H W 3"]
    ) -> WhosePixels:
        """Tell whose pixels are whose: by given masks, else by predicted bodies."""
        camera, position = _one_view(self._cameras, view, frame), self._points.position[:, frame]
        size = picture.shape[1], picture.shape[0]
        skeleton, cells = self._points.skeleton, self._options.cells
        drawn = draw_people(camera, position, skeleton, size, cells=cells)
        given = None if self._read_masks is None else self._read_masks(view, frame)
        if given is not None:
            return use_given(drawn, given, camera, position)
        if self._options.sharpen and isinstance(self._estimator, SegmentingEstimator):
            return sharpen(drawn, picture, self._estimator)
        return drawn


def _one_view(cameras: Cameras, view: int, frame: int) -> Cameras:
    own, pose = slice(view, view + 1), min(frame, cameras.T_cam_world.shape[1] - 1)
    return replace(
        cameras,
        names=cameras.names[own],
        K=cameras.K[own],
        distortion=cameras.distortion[own],
        T_cam_world=cameras.T_cam_world[own, pose : pose + 1],
        size=cameras.size[own],
        time_offset=cameras.time_offset[own],
    )
