"""The second pass over the views: who is known in space is looked for where views missed them.

Round after round, what is found makes points in space better, and these tell other views where to
look, until nothing more is found.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from marey.capture.views.look_again import look_again
from marey.capture.views.pictures import Pictures
from marey.capture.views.triangulate import KeypointOptions, triangulate_keypoints
from marey.core import Cameras, Keypoints2D, load_skeleton
from marey.core.errors import InputError
from marey.core.progress import Progress, silent
from marey.geometry.projection import select_viewpoint
from marey.geometry.triangulation import TriangulationOptions
from marey.models.protocols import LandmarkEstimator, PersonLandmarks


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondLook:
    """When a view has missed somebody, and how long to go on."""

    rounds: int = 3
    enough: int = 8
    """Keypoints of the body that agree with the other views, from which a view sees a person."""
    fewest: int = 6
    """Keypoints of the body that must be known in space to say where somebody is."""
    fewest_inside: int = 4
    """Of those, how many must lie in a picture."""
    plenty: int = 6
    """Views that see somebody, from which nobody is looked for in the others: they add little."""
    patience: int = 5
    """Vain looks in a row after which somebody is looked for in every tenth frame only."""
    points: KeypointOptions = field(
        default_factory=lambda: KeypointOptions(
            views=TriangulationOptions(
                min_confidence=0.3, max_error=0.015, in_front=True, strict=True
            ),
            judge_sigma=False,
        )
    )
    """Lenient: what points in the wrong direction is noticed when the network has looked."""


_PAUSE = 10
_SURE = 0.3


def find_missed(
    keypoints: Keypoints2D,
    cameras: Cameras,
    pictures: Pictures,
    estimator: LandmarkEstimator,
    *,
    options: SecondLook | None = None,
    progress: Progress = silent,
) -> Keypoints2D:
    """Look for people in views that missed them, and return the keypoints with what was found.

    Args:
        keypoints: Everyone's keypoints in all views (C N T K), in the estimator's skeleton; a
            person is the same person in every view.
        cameras: The views.
        pictures: Called with a view and the frames in which it missed somebody, once a round; see
            `read_pictures` (`views/pictures.py`).
        estimator: The network.
        options: When and how long.
        progress: Called as frames are looked at.

    Raises:
        InputError: If the keypoints are of another skeleton than the estimator's.
    """
    options = options or SecondLook()
    if keypoints.skeleton.keypoints != estimator.skeleton.keypoints:
        raise InputError(
            f"keypoints of '{keypoints.skeleton.name}' cannot be looked for by an estimator of "
            f"'{estimator.skeleton.name}'; give both one skeleton"
        )
    body = _body_columns(keypoints)
    for _ in range(options.rounds):
        points, agreeing = _triangulate(keypoints, cameras, body, options)
        there = np.isfinite(points).all(-1).sum(-1) >= options.fewest
        missed = (agreeing < options.enough) & there & _is_in_picture(points, cameras, options)
        missed &= (agreeing >= options.enough).sum(0) < options.plenty
        finder = _Finder(keypoints, cameras, points, agreeing, estimator, options)
        for view in np.flatnonzero(missed.any((1, 2))).tolist():
            frames = np.flatnonzero(missed[view].any(0)).tolist()
            for frame, picture in pictures(view, frames):
                finder.look(view, frame, picture, missed[view, :, frame])
                progress("second look", frame + 1, len(keypoints.time))
        if not finder.num_found:
            break
        keypoints = finder.finish()
    return keypoints


def _body_columns(keypoints: Keypoints2D) -> Int[np.ndarray, "B"]:
    names = keypoints.skeleton.keypoints
    body = [names.index(name) for name in load_skeleton("coco-17").keypoints if name in names]
    return np.array(body or range(len(names)), np.int64)


def _triangulate(
    keypoints: Keypoints2D, cameras: Cameras, body: Int[np.ndarray, "B"], options: SecondLook
) -> tuple[Float[np.ndarray, "N T K 3"], Int[np.ndarray, "C N T"]]:
    """Return the points of the body, and how many of them each view agrees with."""
    confidence = np.zeros_like(keypoints.confidence)
    confidence[..., body] = keypoints.confidence[..., body]
    found = triangulate_keypoints(
        replace(keypoints, confidence=confidence), cameras, options=options.points
    )
    return found.keypoints.position.astype(np.float64), found.inlier.sum(-1)


def _is_in_picture(
    points: Float[np.ndarray, "N T K 3"], cameras: Cameras, options: SecondLook
) -> Bool[np.ndarray, "C N T"]:
    """Tell where enough of a person is before a camera and in its picture to be looked for."""
    inside = np.zeros((len(cameras.names), *points.shape[:2]), bool)
    moving = cameras.T_cam_world.shape[1] > 1
    for view in range(len(inside)):
        size = cameras.size[view]
        # All frames at once, or one by one where each has a camera of its own.
        runs = [slice(t, t + 1) for t in range(points.shape[1])] if moving else [slice(None)]
        for run in runs:
            viewpoint = select_viewpoint(cameras, view=view, frame=run.start or 0)
            pixels = viewpoint.project(viewpoint.transform(points[:, run]))
            within = ((pixels > 0) & (pixels < size)).all(-1)
            inside[view, :, run] = within.sum(-1) >= options.fewest_inside
    return inside


class _Finder:
    """One round: what was known before it, and what is found in it."""

    def __init__(
        self,
        keypoints: Keypoints2D,
        cameras: Cameras,
        points: Float[np.ndarray, "N T K 3"],
        agreeing: Int[np.ndarray, "C N T"],
        estimator: LandmarkEstimator,
        options: SecondLook,
    ):
        self._before, self._cameras, self._points = keypoints, cameras, points
        self._agreeing, self._estimator, self._options = agreeing, estimator, options
        self._position, self._confidence = keypoints.position.copy(), keypoints.confidence.copy()
        sigma = keypoints.sigma
        self._sigma = np.full_like(self._confidence, np.nan) if sigma is None else sigma.copy()
        self._vain = np.zeros(agreeing.shape[:2], np.int64)
        self.num_found = 0

    def look(
        self,
        view: int,
        frame: int,
        picture: UInt8[np.ndarray, "H W 3"],
        missed: Bool[np.ndarray, "N"],
    ) -> None:
        """Look for those who are missed in one picture."""
        tired = self._vain[view] >= self._options.patience
        wanted = missed & ~(tired & (frame % _PAUSE != 0))
        if not wanted.any():
            return
        viewpoint = select_viewpoint(self._cameras, view=view, frame=frame)
        known = [
            self._recall(view, row, frame) if not wanted[row] else None
            for row in range(len(wanted))
        ]
        # Who is neither wanted nor known well stays where the other views expect them.
        found = look_again(
            picture, viewpoint, list(self._points[:, frame]), self._estimator, known=known
        )
        for row in np.flatnonzero(wanted).tolist():
            self._keep(found[row], view, row, frame)

    def finish(self) -> Keypoints2D:
        """Return the keypoints with all that was found."""
        return replace(
            self._before,
            position=self._position,
            confidence=self._confidence,
            sigma=None if self._before.sigma is None else self._sigma,
        )

    def _recall(self, view: int, row: int, frame: int) -> PersonLandmarks:
        """Return what is known of a person in a picture, the rest where others expect it."""
        place = (view, row, frame)
        nothing = np.full(len(self._estimator.skeleton), np.nan)
        own = self._before.confidence[place] >= _SURE
        if self._agreeing[place] < self._options.enough:
            own = np.zeros_like(own)
        viewpoint = select_viewpoint(self._cameras, view=view, frame=frame)
        expected = viewpoint.project(viewpoint.transform(self._points[row, frame]))
        position = np.where(own[:, None], self._before.position[place], expected)
        return PersonLandmarks(
            position=position,
            confidence=np.asarray(np.isfinite(position).all(-1), np.float64),
            sigma=nothing,
            world=np.full((len(nothing), 3), np.nan),
            score=1.0,
            box=np.full(4, np.nan),
        )

    def _keep(self, found: PersonLandmarks | None, view: int, row: int, frame: int) -> None:
        """Take over what was found, if it says more than what was there."""
        body = np.isfinite(self._points[row, frame]).all(-1)
        if (
            found is None
            or (found.confidence[body] >= _SURE).sum() <= self._agreeing[view, row, frame]
        ):
            self._vain[view, row] += 1
            return
        self._vain[view, row] = 0
        place = (view, row, frame)
        known = np.asarray(np.isfinite(found.position).all(-1))
        self._position[place] = np.where(known[:, None], found.position, np.nan)
        self._confidence[place] = np.where(known, found.confidence, 0.0)
        self._sigma[place] = found.sigma
        self.num_found += 1
