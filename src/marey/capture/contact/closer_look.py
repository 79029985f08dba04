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
from jaxtyping import Bool, Float, Float32

from marey.capture.contact.overlaps import find_shared
from marey.capture.masks.bodies import body_faces, body_from_points
from marey.capture.masks.draw import (
    amodal_boxes,
    lay_out,
    project_to_views,
    render_masks,
)
from marey.capture.masks.keypoints import MaskOptions, box_of_mask, locate_masked
from marey.capture.masks.people import measure_share, pair_masks
from marey.capture.views.pictures import Pictures
from marey.core import Cameras, Keypoints2D, Keypoints3D, convert_keypoints
from marey.core.progress import Progress, silent
from marey.io.masks import FrameMasks
from marey.models.protocols import LandmarkEstimator, PersonLandmarks

ReadViewMasks = Callable[[int, int], FrameMasks | None]
"""Of a view and a frame of the common clock: the masks that somebody gave, if there are any."""

STAGE = "contact look"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloserLook:
    """How people who touch are looked at again."""

    cells: int = 192
    """Of the grid on which predicted bodies are drawn, along the longer side of the people."""
    use: MaskOptions = field(default_factory=MaskOptions)
    workers: int = 2
    """Threads for the network."""


@dataclass(frozen=True, slots=True)
class _Masked:
    """Who is where in one picture."""

    own: Bool[np.ndarray, "N H W"]
    others: Bool[np.ndarray, "N H W"]
    """Everybody but the one."""
    box: Float[np.ndarray, "N 4"]
    """Of the whole person, seen or hidden, within the picture; NaN for who is not in it."""


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

    def take(self, view: int, frame: int, picture: np.ndarray, pool: Executor) -> None:
        """Look at everybody who is to be looked at in a picture."""
        masked = self._mask(view, frame, picture.shape[:2])
        wanted = np.flatnonzero(
            self._who[view, :, frame] & np.isfinite(masked.box).all(1) & masked.own.any((1, 2))
        ).tolist()
        previous = [self._recall(view, row, frame) for row in wanted]

        def locate(row: int, before: PersonLandmarks | None) -> PersonLandmarks:
            return locate_masked(
                self._estimator,
                picture,
                masked.box[row],
                np.stack([masked.own[row], masked.others[row]]),
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

    def _mask(self, view: int, frame: int, shape: tuple[int, int]) -> _Masked:
        """Return everybody's masks: those that were given, else those of predicted bodies."""
        camera, position = _one_view(self._cameras, view, frame), self._points.position[:, frame]
        drawn = self._draw(camera, position, (shape[1], shape[0]))
        given = None if self._read_masks is None else self._read_masks(view, frame)
        if given is None:
            return drawn
        pixel, _ = project_to_views(camera, position)
        known = np.isfinite(pixel[0]).all(-1).astype(np.float64)
        paired = pair_masks(given.people, measure_share(given.mask, pixel[0], known))
        # Who has no mask is where nobody else's is.
        own, box = drawn.own & ~given.mask.any(0), drawn.box.copy()
        for mask, row in zip(given.mask, paired.person.tolist(), strict=True):
            if row >= 0:
                own[row], box[row] = mask, _join(box[row], box_of_mask(mask))
        others = [np.delete(own, row, 0).any(0) & ~own[row] for row in range(len(own))]
        return _Masked(own, np.stack(others), box)

    def _draw(
        self, camera: Cameras, position: Float[np.ndarray, "N K 3"], size: tuple[int, int]
    ) -> _Masked:
        """Return the masks of predicted bodies.

        A limb that two people have in one place was given to one of them wrongly. It is part of
        nobody's own mask, but painted over for both: the one to whom it does not belong is then
        seen without it.
        """
        skeleton, shared = self._points.skeleton, find_shared(position)
        sure = np.where(shared[..., None], np.nan, position)
        vertices = [body_from_points(each, skeleton) for each in (position, sure)]
        (layers,) = render_masks(
            camera, np.concatenate(vertices), body_faces(), cells=self._options.cells
        )
        whole, certain = np.split(layers.depth, 2)
        rest = np.stack([_nearest(np.delete(whole, row, 0)) for row in range(len(whole))])
        own = np.isfinite(certain) & (certain <= rest)
        return _Masked(
            own=lay_out(layers, own, size),
            others=lay_out(layers, np.isfinite(rest) & ~own, size),
            box=amodal_boxes(layers, size)[: len(whole)],
        )


def _nearest(depth: Float32[np.ndarray, "M h w"]) -> Float32[np.ndarray, "h w"]:
    return depth.min(0, initial=np.inf)


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


def _join(one: Float[np.ndarray, "4"], two: Float[np.ndarray, "4"]) -> Float[np.ndarray, "4"]:
    """Return the box around two boxes; either may be NaN."""
    return np.concatenate([np.fmin(one[:2], two[:2]), np.fmax(one[2:], two[2:])])
