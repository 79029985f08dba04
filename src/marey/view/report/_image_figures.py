"""Figures that need keypoints in the picture: reprojection error, coverage, exchanged sides."""

import numpy as np
from jaxtyping import Float

from marey.core import Keypoints2D, Take
from marey.evaluate.quality import Distribution, find_exchanged
from marey.view.report.figures import Reprojection, Sight
from marey.view.report.parts import CONFIDENT, PAIRS, is_finger, part_of, parts_of, select_pairs
from marey.view.report.posing import Stretch

FEWEST = 4
"""Keypoints of a frame on which its error must rest."""


class ReprojectionCounter:
    """Collects the distances between projected and seen points."""

    def __init__(self, points: Keypoints2D, names: tuple[str, ...]):
        """Match the keypoints with the body's points by name; details of the face do not count."""
        shared = [
            k
            for k, name in enumerate(points.skeleton.keypoints)
            if name in names and part_of(name) != "other"
        ]
        self._columns = np.array(shared, np.int64)
        keypoints = [points.skeleton.keypoints[k] for k in shared]
        self._places = np.array([names.index(name) for name in keypoints], np.int64)
        rows = [part_of(name) if is_finger(name) else name for name in keypoints]
        self.names = tuple(dict.fromkeys(rows))
        self._rows = np.array([self.names.index(row) for row in rows], np.int64)
        self._body = np.array([not is_finger(name) for name in keypoints], bool)
        self._px = Distribution(len(self.names))
        self._share = Distribution(len(self.names))
        length = len(points.time)
        self._curve_px = np.full(length, np.nan, np.float32)
        self._curve_share = np.full(length, np.nan, np.float32)

    def add(
        self,
        stretch: Stretch,
        projected: Float[np.ndarray, "L P 2"],
        seen: Float[np.ndarray, "L K 2"],
        height: Float[np.ndarray, "L"],
    ) -> None:
        """Count the frames of a stretch (without those before it); `seen` is NaN if unsure."""
        if not len(self._columns):
            return
        error = np.linalg.norm(projected[:, self._places] - seen[:, self._columns], axis=-1)
        share = error / height[:, None]
        self._px.add(error, self._rows)
        self._share.add(share, self._rows)
        body = error[:, self._body]
        enough = np.isfinite(body).sum(1) >= FEWEST
        if enough.any():
            curve = np.full(len(body), np.nan)
            curve[enough] = np.nanmean(body[enough], axis=1)
            self._curve_px[stretch.frames] = curve
            self._curve_share[stretch.frames] = curve / height

    def finish(self) -> Reprojection | None:
        """Return the figures; None if nothing could be compared."""
        if not self._px.count.sum():
            return None
        body = np.unique(self._rows[self._body])
        rows = np.flatnonzero(self._px.count)
        return Reprojection(
            error_px=self._curve_px,
            error_share=self._curve_share,
            names=tuple(self.names[row] for row in rows),
            median_px=self._px.quantile(0.5)[rows],
            high_px=self._px.quantile(0.95)[rows],
            median_share=self._share.quantile(0.5)[rows],
            high_share=self._share.quantile(0.95)[rows],
            total=(
                self._px.pooled(0.5, body),
                self._px.pooled(0.95, body),
                self._share.pooled(0.5, body),
                self._share.pooled(0.95, body),
            ),
        )


class SightCounter:
    """Collects how a person is seen."""

    def __init__(self, take: Take, points: Keypoints2D | None, num_frames: int, *, view: int):
        """Prepare a person's span."""
        self._points = points
        self._parts = {} if points is None else parts_of(points.skeleton)
        self._seen = np.zeros(len(self._parts))
        self._present = 0
        self._size = _picture_size(take, view)
        self._height = np.full(num_frames, np.nan, np.float32)
        self._outside = np.full(num_frames, np.nan, np.float32)
        self._exchanged = {pair: np.zeros(num_frames, bool) for pair in PAIRS}

    def add(
        self,
        stretch: Stretch,
        seen: Float[np.ndarray, "L K 2"] | None,
        height: Float[np.ndarray, "L"],
        body: tuple[Float[np.ndarray, "L P 2"], tuple[str, ...]] | None,
    ) -> None:
        """Count the frames of a stretch (without those before it).

        Args:
            stretch: The frames.
            seen: Keypoints, px; NaN if unsure.
            height: Height of the person, px.
            body: The fitted body's joints in the picture and their names, if known.
        """
        self._height[stretch.frames] = height
        if seen is not None:
            self._count_parts(seen)
        shown = body[0] if body is not None else seen
        if shown is not None and self._size is not None:
            known = np.all(np.isfinite(shown), axis=-1)
            beyond = np.any((shown < 0) | (shown > self._size), axis=-1) & known
            share = beyond.sum(1) / np.maximum(known.sum(1), 1)
            self._outside[stretch.frames] = np.where(np.any(known, axis=1), share, np.nan)
        if seen is not None:
            self._find_exchanged(stretch, seen, height, body)

    def finish(self) -> Sight | None:
        """Return the figures; None if nothing is known."""
        if self._points is None and not np.isfinite(self._outside).any():
            return None
        return Sight(
            height_px=self._height,
            outside=self._outside,
            exchanged=self._exchanged,
            groups=tuple(self._parts),
            coverage=self._seen / max(self._present, 1),
        )

    def _count_parts(self, seen: Float[np.ndarray, "L K 2"]) -> None:
        known = np.all(np.isfinite(seen), axis=-1)
        self._present += len(seen)
        for row, columns in enumerate(self._parts.values()):
            self._seen[row] += (known[:, columns].mean(1) >= 0.5).sum()

    def _find_exchanged(
        self,
        stretch: Stretch,
        seen: Float[np.ndarray, "L K 2"],
        height: Float[np.ndarray, "L"],
        body: tuple[Float[np.ndarray, "L P 2"], tuple[str, ...]] | None,
    ) -> None:
        assert self._points is not None
        for pair, parts in PAIRS.items():
            observed = select_pairs(seen, self._points.skeleton.keypoints, parts)
            if body is None:
                # Without a body, two frames that contradict one another are all there is.
                change = find_exchanged(observed[1:], observed[:-1], scale=height[1:])
                flags = np.concatenate([[False], change])[: len(observed)]
            else:
                expected = select_pairs(body[0], body[1], parts)
                flags = find_exchanged(observed, expected, scale=height)
            self._exchanged[pair][stretch.frames] = flags


def read_seen(points: Keypoints2D, frames: slice) -> Float[np.ndarray, "L K 2"]:
    """Return a person's keypoints in some frames, NaN where they are not surely seen."""
    position = np.array(points.position[0, frames], np.float64)
    position[~(points.confidence[0, frames] >= CONFIDENT)] = np.nan
    return position


def read_height(
    take: Take, name: str, frames: slice, seen: Float[np.ndarray, "L K 2"] | None, *, view: int
) -> Float[np.ndarray, "L"]:
    """Return the height of a person's box in some frames of the take, px.

    Where there is no track, the extent of the keypoints counts.
    """
    height = np.full(frames.stop - frames.start, np.nan)
    if seen is not None and len(seen):
        y = seen[..., 1]
        known = np.isfinite(y).sum(1) >= FEWEST
        if known.any():
            height[known] = np.nanmax(y[known], 1) - np.nanmin(y[known], 1)
    tracks = take.tracks[view].tracks if len(take.tracks) > view else ()
    for track in tracks:
        first, last = max(track.start, frames.start), min(track.stop, frames.stop)
        if track.person == name and first < last:
            box = np.asarray(track.box[first - track.start : last - track.start], np.float64)
            here = slice(first - frames.start, last - frames.start)
            found = box[:, 3] - box[:, 1]
            height[here] = np.where(np.isfinite(found), found, height[here])
    return np.where(height > 0, height, np.nan)


def _picture_size(take: Take, view: int) -> Float[np.ndarray, "2"] | None:
    if len(take.clips) > view:
        return np.array(take.clips[view].size, np.float64)
    if take.cameras is not None and len(take.cameras.size) > view:
        return take.cameras.size[view].astype(np.float64)
    return None
