"""The road through contact: whose is a keypoint, when a detector takes one person for another.

Frame by frame, a motion model says where everyone's points will be. In every view the reports of
one keypoint (everybody's left wrist, say) are then given to people jointly: each report lies near
some predictions and far from others, a report changes hands only if that is much likelier than that
the detector was right, and one that fits nobody is nobody's. What is given is weighted by how
probable it is against the other people there, and less believed where the predicted bodies hide
the point from the view. The points are triangulated at once and predict the next frame.

Harmony4D's supplement ("Post-Contact Processing") has the sliding window and the masks from
predicted poses; here the masks come from bodies drawn over one another, and identity is decided
report by report. Nothing is exchanged silently: `ResolvedKeypoints` says what came from whom.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from marey.capture.contact.assignment import (
    assign_reports,
    nearer_to_others,
    report_distances,
    weigh_reports,
)
from marey.capture.contact.masks import find_hidden
from marey.capture.contact.motion_model import WINDOW, PosePredictor, hold_velocity
from marey.capture.views.triangulate import find_rays, make_extrinsics, state_sigma
from marey.core import Cameras, Keypoints2D
from marey.geometry.triangulation import TriangulationOptions, triangulate


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRoad:
    """How keypoints in contact are given to people."""

    predict: PosePredictor = hold_velocity
    window: int = WINDOW
    """Frames that the motion model looks back."""
    masks: bool = True
    """Whether predicted bodies say which points are hidden."""
    swap: float = 0.05
    """How often a detector is believed to report another person's point."""
    astray: float = 0.01
    """How often it is believed to report nobody's."""
    reach: float = 0.05
    """Spread of a motion model's prediction before its errors are known, m."""
    hidden: float = 0.02
    """How far inside another's silhouette a point behind it counts as hidden, m."""
    guess: float = 0.2
    """How probable it is that a report of a hidden point is right; 0 weighs hidden points 0."""
    patience: float = 0.5
    """Seconds through which a point that is lost is predicted on."""
    views: TriangulationOptions = field(
        default_factory=lambda: TriangulationOptions(in_front=True, strict=True, workers=1)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedKeypoints:
    """Keypoints after contact was resolved, and what was done to them."""

    keypoints: Keypoints2D
    """C N T K; confidence is the detector's times the probability that the point is this
    person's."""
    source: Int[np.ndarray, "C N T K"]
    """The person in whose name the detector reported the point; -1 where there is none."""
    hidden: Bool[np.ndarray, "C N T K"]
    """Points that somebody else is predicted to stand before."""
    unsure: Bool[np.ndarray, "N T"]
    """From where a person was lost and found anew to the end of that contact: who is who rests on
    the association alone."""

    @property
    def exchanged(self) -> Bool[np.ndarray, "C N T K"]:
        """Points that were reported as somebody else's."""
        own = np.arange(self.source.shape[1])[:, None, None]
        return (self.source >= 0) & (self.source != own)


def resolve_contact(
    keypoints: Keypoints2D,
    cameras: Cameras,
    frames: Bool[np.ndarray, "T"],
    road: ContactRoad | None = None,
) -> ResolvedKeypoints:
    """Give keypoints to people anew where they are in contact.

    Args:
        keypoints: Everyone's, C N T K, as associated; may be wrong joint by joint, or as wholes in
            some views.
        cameras: The views.
        frames: Where there is contact (`Contact.frames`); elsewhere nothing changes.
        road: How.
    """
    road = road or ContactRoad()
    passage = _Passage(keypoints, cameras, road)
    for frame, close in enumerate(frames):
        passage.take(frame, resolve=bool(close))
    return passage.finish()


class _Passage:
    """The road, frame by frame."""

    def __init__(self, keypoints: Keypoints2D, cameras: Cameras, road: ContactRoad):
        self._keypoints, self._cameras, self._road = keypoints, cameras, road
        confident = np.where(keypoints.valid, keypoints.confidence, 0.0).astype(np.float64)
        self._confidence = confident
        self._position = np.where(keypoints.valid[..., None], keypoints.position, np.nan)
        self._rays, self._per_pixel = find_rays(cameras, self._position)
        self._sigma = state_sigma(keypoints) * self._per_pixel[:, None, None, None]
        self._extrinsics = make_extrinsics(cameras)
        shape = confident.shape
        own = np.arange(shape[1])[:, None, None]
        self._source = np.where(confident > 0, own, -1)
        self._hidden = np.zeros(shape, bool)
        self._weight = np.where(confident > 0, 1.0, 0.0)
        self._past = np.full((shape[1], 0, shape[3], 3), np.nan)
        self._lost = np.full((shape[1], shape[3]), np.inf)
        self._error = np.full((shape[1], shape[3]), road.reach)
        self._unsure = np.zeros((shape[1], shape[2]), bool)
        self._met, self._doubt = False, np.zeros(shape[1], bool)
        self._step = float(np.median(np.diff(keypoints.time))) if shape[2] > 1 else 1 / 30

    def take(self, frame: int, *, resolve: bool) -> None:
        """Go on by a frame."""
        expected = self._predict()
        known = np.asarray(np.isfinite(expected).all(-1))
        if resolve:
            if known.any():
                self._resolve(frame, expected)
            new = ~known.any(1) & (self._confidence[:, :, frame] > 0).any((0, 2))
            self._doubt |= self._met & new
            self._unsure[:, frame] = self._doubt
        self._met, self._doubt = resolve, self._doubt & resolve
        found = self._triangulate(frame)
        self._learn(expected, found, resolve=resolve)

    def finish(self) -> ResolvedKeypoints:
        """Return the keypoints as they were given."""
        source, view = self._source, np.arange(len(self._source))[:, None, None, None]
        frame = np.arange(source.shape[2])[:, None]
        column = np.arange(source.shape[3])
        taken = (view, np.maximum(source, 0), frame, column)
        given = (source >= 0) & (self._weight > 0)
        position = np.where(given[..., None], self._keypoints.position[taken], np.nan)
        confidence = np.where(given, self._confidence[taken] * self._weight, 0.0)
        sigma = self._keypoints.sigma
        resolved = replace(
            self._keypoints,
            position=position.astype(self._keypoints.position.dtype),
            confidence=confidence.astype(self._keypoints.confidence.dtype),
            sigma=None if sigma is None else np.where(given, sigma[taken], np.nan),
        )
        return ResolvedKeypoints(
            keypoints=resolved,
            source=np.where(given, source, -1),
            hidden=self._hidden,
            unsure=self._unsure,
        )

    def _predict(self) -> Float[np.ndarray, "N K 3"]:
        if not self._past.shape[1]:
            return np.full((len(self._past), self._past.shape[2], 3), np.nan)
        expected = self._road.predict(self._past, self._step)
        return np.where((self._lost <= self._road.patience)[..., None], expected, np.nan)

    def _resolve(self, frame: int, expected: Float[np.ndarray, "N K 3"]) -> None:
        road, poses = self._road, self._extrinsics
        pose = poses[:, frame if poses.shape[1] > 1 else 0]
        rays, sigma = self._rays[:, :, frame], self._sigma[:, :, frame]
        apart = report_distances(rays, sigma, expected, self._error, pose)
        # Reports whose own prediction is unknown are as likely theirs as not.
        usual = -2 * np.log(road.astray)
        mine = np.eye(len(expected), dtype=bool)[None, :, :, None]
        stay = -2 * np.log(1 - road.swap - road.astray)
        change = -2 * np.log(road.swap / max(len(expected) - 1, 1))
        unknown = ~np.isfinite(apart)
        cost = np.where(unknown, np.where(mine, usual / 2, np.inf), apart)
        cost = cost + np.where(mine, stay, change)
        reported = self._confidence[:, :, frame] > 0
        cost = np.where(reported[:, None], cost, np.inf)
        if road.masks:
            hidden = find_hidden(self._keypoints.skeleton, expected, pose, margin=road.hidden)
            self._hidden[:, :, frame] = hidden
            doubt = -2 * np.log(max(road.guess, 1e-12))
            cost = cost + np.where(hidden, doubt, 0.0)[:, :, None]
        self._source[:, :, frame] = assign_reports(cost, usual + stay)
        self._weight[:, :, frame] = weigh_reports(cost, self._source[:, :, frame], usual + stay)

    def _triangulate(self, frame: int) -> Float[np.ndarray, "N K 3"]:
        source, poses = self._source[:, :, frame], self._extrinsics
        view, column = np.arange(len(source))[:, None, None], np.arange(source.shape[2])
        taken = (view, np.maximum(source, 0), frame, column)
        score = np.where(source >= 0, self._confidence[taken] * self._weight[:, :, frame], 0.0)
        pose = poses[:, [frame if poses.shape[1] > 1 else 0]]
        found = triangulate(
            self._rays[taken], score, pose, sigma=self._sigma[taken], options=self._road.views
        )
        doubtful = ~(found.sigma < 2 * self._road.reach)
        return np.where(doubtful[..., None], np.nan, found.position)

    def _learn(
        self,
        expected: Float[np.ndarray, "N K 3"],
        found: Float[np.ndarray, "N K 3"],
        *,
        resolve: bool,
    ) -> None:
        """Take points in, and how far they were from where they were expected."""
        off = np.linalg.norm(found - expected, axis=-1) / np.sqrt(3)
        both = np.isfinite(off)
        usual = self._road.reach
        if resolve:
            # What is farther than the model ever errs and nearer to somebody else is not theirs.
            astray = (
                both
                & (off > 4 * np.maximum(self._error, usual / 2))
                & nearer_to_others(found, expected)
            )
            found = np.where(astray[..., None], np.nan, found)
            both &= ~astray
        seen = np.asarray(np.isfinite(found).all(-1))
        self._error = np.where(
            both, np.clip(0.8 * self._error + 0.2 * 1.5 * off, 0.25 * usual, 2 * usual), self._error
        )
        # A lost point may be ever farther off.
        self._error = np.where(seen, self._error, np.minimum(1.2 * self._error, 4 * usual))
        self._lost = np.where(seen, 0.0, self._lost + self._step)
        kept = np.where(seen[..., None], found, expected)
        self._past = np.concatenate([self._past, kept[:, None]], 1)[:, -self._road.window :]
