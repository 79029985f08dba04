"""What all views hold of one frame, laid out by keypoint: slots of candidates and their links."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from marey.capture.views.triangulate import find_rays
from marey.core import Cameras, Candidates2D, Keypoints2D, Skeleton

PERSON_SIZE_M = 0.7
"""Root of the area of a person's box, which keypoint sigmas are a share of."""
_UNKNOWN_SHARE = 0.08


@dataclass(frozen=True, slots=True)
class FramePoints:
    """One frame: up to D candidates per keypoint and view."""

    ray: Float[np.ndarray, "C K D 2"]
    """On the plane z = 1; NaN where a slot is empty."""
    score: Float[np.ndarray, "C K D"]
    sigma: Float[np.ndarray, "C K D"]
    """On the plane z = 1; NaN where the detector states none."""
    affinity: tuple[Float[np.ndarray, "_ 5"], ...]
    """Per view: keypoint and slot of one end, of the other end, affinity."""
    whole: bool
    """Whether the slots are people, whose keypoints belong together."""


def spread_of_keypoints(skeleton: Skeleton) -> Float[np.ndarray, "K"]:
    """Return how far detectors are off by COCO's keypoint sigmas, m."""
    share = np.array(skeleton.oks_sigmas or [np.nan] * len(skeleton), np.float64)
    return PERSON_SIZE_M * np.where(np.isfinite(share), share, _UNKNOWN_SHARE)


class PoseFrames:
    """Frames of people whom a detector found in each view; a slot is a row of `people`."""

    def __init__(self, views: Sequence[Keypoints2D], cameras: Cameras):
        num = max(len(view.people) for view in views)
        first = views[0]
        self.num_frames, self.skeleton, self.time = len(first.time), first.skeleton, first.time
        shape = (len(views), num, self.num_frames, len(first.skeleton))
        pixels = np.full((*shape, 2), np.nan)
        self._score, self._pixel_sigma = np.zeros(shape), np.full(shape, np.nan)
        for row, view in enumerate(views):
            own = slice(0, len(view.people))
            pixels[row, own] = np.where(view.valid[..., None], view.position, np.nan)
            self._score[row, own] = np.where(view.valid, view.confidence, 0.0)
            if view.sigma is not None:
                self._pixel_sigma[row, own] = view.sigma
        self._pixels = pixels
        self._ray, per_pixel = find_rays(cameras, pixels)
        self._sigma = self._pixel_sigma * per_pixel[:, None, None, None]

    def lay_out(self, frame: int) -> FramePoints:
        """Return one frame."""
        return FramePoints(
            ray=self._ray[:, :, frame].swapaxes(1, 2),
            score=self._score[:, :, frame].swapaxes(1, 2),
            sigma=self._sigma[:, :, frame].swapaxes(1, 2),
            affinity=(),
            whole=True,
        )

    def look_up(
        self, frame: int, index: Int[np.ndarray, "C K"]
    ) -> tuple[Float[np.ndarray, "C K 2"], Float[np.ndarray, "C K"], Float[np.ndarray, "C K"]]:
        """Return pixels, confidence and sigma of slots."""
        view, keypoint = np.nonzero(index >= 0)
        slot = index[view, keypoint]
        pixels, sigma = np.full((*index.shape, 2), np.nan), np.full(index.shape, np.nan)
        score = np.zeros(index.shape)
        pixels[view, keypoint] = self._pixels[view, slot, frame, keypoint]
        score[view, keypoint] = self._score[view, slot, frame, keypoint]
        sigma[view, keypoint] = self._pixel_sigma[view, slot, frame, keypoint]
        return pixels, score, sigma


class CandidateFrames:
    """Frames of candidates that belong to nobody yet."""

    def __init__(self, views: Sequence[Candidates2D], cameras: Cameras):
        self._views, first = views, views[0]
        self.num_frames, self.skeleton, self.time = len(first.time), first.skeleton, first.time
        self._start = [np.searchsorted(v.frame, np.arange(self.num_frames + 1)) for v in views]
        order = [np.argsort(v.frame[v.link[:, 0]], kind="stable") for v in views]
        self._link = [v.link[o] for v, o in zip(views, order, strict=True)]
        self._strength = [v.affinity[o] for v, o in zip(views, order, strict=True)]
        frame = [v.frame[link[:, 0]] for v, link in zip(views, self._link, strict=True)]
        self._first_link = [np.searchsorted(f, np.arange(self.num_frames + 1)) for f in frame]
        most = max((len(v.frame) for v in views), default=0)
        pixels = np.full((len(views), most, 2), np.nan)
        for row, view in enumerate(views):
            pixels[row, : len(view.frame)] = view.position
        self._ray = find_rays(cameras, pixels)[0]
        self._slot = [_number_slots(view) for view in views]

    def lay_out(self, frame: int) -> FramePoints:
        """Return one frame."""
        parts = [slice(start[frame], start[frame + 1]) for start in self._start]
        depth = 1 + max((self._slot[c][p].max(initial=0) for c, p in enumerate(parts)), default=0)
        shape = (len(self._views), len(self.skeleton), depth)
        ray, score = np.full((*shape, 2), np.nan), np.zeros(shape)
        links = []
        for row, (view, part) in enumerate(zip(self._views, parts, strict=True)):
            place = (row, view.keypoint[part], self._slot[row][part])
            ray[place] = self._ray[row, part]
            score[place] = view.score[part]
            first = self._first_link[row]
            own = slice(first[frame], first[frame + 1])
            ends, strength = self._link[row][own], self._strength[row][own]
            a, b = ends[:, 0], ends[:, 1]
            key, slot = view.keypoint, self._slot[row]
            links.append(np.stack([key[a], slot[a], key[b], slot[b], strength], -1).astype(float))
        return FramePoints(
            ray=ray,
            score=score,
            sigma=np.full(shape, np.nan),
            affinity=tuple(links),
            whole=False,
        )

    def look_up(
        self, frame: int, index: Int[np.ndarray, "C K"]
    ) -> tuple[Float[np.ndarray, "C K 2"], Float[np.ndarray, "C K"], Float[np.ndarray, "C K"]]:
        """Return pixels, confidence and sigma of slots."""
        pixels, score = np.full((*index.shape, 2), np.nan), np.zeros(index.shape)
        for row, view in enumerate(self._views):
            part = slice(self._start[row][frame], self._start[row][frame + 1])
            table = np.full((len(self.skeleton), 1 + self._slot[row][part].max(initial=0)), -1)
            table[view.keypoint[part], self._slot[row][part]] = np.arange(part.start, part.stop)
            (keypoint,) = np.nonzero(index[row] >= 0)
            found = table[keypoint, index[row, keypoint]]
            pixels[row, keypoint], score[row, keypoint] = view.position[found], view.score[found]
        return pixels, score, np.full(index.shape, np.nan)


def _number_slots(view: Candidates2D) -> Int[np.ndarray, "D"]:
    """Number the candidates of each keypoint in each frame."""
    key = view.frame * len(view.skeleton) + view.keypoint
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    first = np.searchsorted(ordered, ordered)
    slot = np.empty(len(key), np.int64)
    slot[order] = np.arange(len(key)) - first
    return slot
