"""Figures that need the motion alone: speed, jitter and the floor."""

import numpy as np
from jaxtyping import Float

from marey.capture.contact.floors import find_low
from marey.core import BodyMotion, Keypoints3D
from marey.evaluate.quality import Distribution, derive, limb_lengths, standing_speeds
from marey.view.report.figures import Floor, Limbs, Movement, measure_depth
from marey.view.report.parts import is_finger, limbs_of
from marey.view.report.posing import BEFORE, Stretch

TOUCHES = 0.5
"""Probability from which a point counts as touching the floor."""


class MovementCounter:
    """Collects speeds and jerks of the joints but the fingers'."""

    def __init__(self, joints: tuple[str, ...], num_frames: int):
        """Prepare a person's span."""
        self.columns = np.array([k for k, name in enumerate(joints) if not is_finger(name)])
        self._joints = tuple(joints[k] for k in self.columns)
        self._fastest = np.full(num_frames, np.nan, np.float32)
        self._root = np.full(num_frames, np.nan, np.float32)
        self._peak = np.full(len(self._joints), -np.inf)
        self._peak_frame = np.full(len(self._joints), -1)
        self._jerk = Distribution(1)
        self._jerk_sum, self._jerk_count = 0.0, 0

    def add(
        self,
        stretch: Stretch,
        position: Float[np.ndarray, "L K 3"],
        time: Float[np.ndarray, "L"],
    ) -> None:
        """Count a stretch; positions of all joints, with those frames before it."""
        joints = position[:, self.columns]
        speed = np.linalg.norm(derive(joints, time, order=1), axis=-1)
        speed = speed[max(stretch.lead - 1, 0) :]
        first = stretch.frames.stop - len(speed)
        known = np.isfinite(speed).any(1)
        here = np.arange(first, stretch.frames.stop)[known]
        filled = np.nan_to_num(speed, nan=-np.inf)
        self._fastest[here] = filled[known].max(1)
        self._root[first : stretch.frames.stop] = speed[:, 0]
        if known.any():
            row = filled.argmax(0)
            best = filled[row, np.arange(filled.shape[1])]
            better = best > self._peak
            self._peak_frame[better] = first + row[better]
            self._peak = np.maximum(self._peak, best)
        jerk = np.linalg.norm(derive(joints, time, order=3), axis=-1)
        jerk = jerk[max(stretch.lead - BEFORE, 0) :]
        self._jerk.add(jerk.reshape(-1, 1))
        self._jerk_sum += float(np.nansum(jerk))
        self._jerk_count += int(np.isfinite(jerk).sum())

    def finish(self) -> Movement | None:
        """Return the figures; None if no two neighbouring frames were known."""
        if not np.isfinite(self._fastest).any():
            return None
        return Movement(
            fastest=self._fastest,
            root_speed=self._root,
            joints=self._joints,
            peak=np.where(self._peak_frame >= 0, self._peak, np.nan),
            peak_frame=self._peak_frame,
            jitter=self._jerk_sum / self._jerk_count if self._jerk_count else float("nan"),
            typical_jerk=self._jerk.pooled(0.5),
        )


class FloorCounter:
    """Collects contacts, sliding and depth below the floor."""

    def __init__(self, motion: BodyMotion, names: tuple[str, ...], num_frames: int):
        """Prepare a person's span; contact points that the body does not name are left out."""
        self._motion = motion
        given = motion.contact_names if motion.contact is not None else ()
        self._rows = [g for g, name in enumerate(given) if name in names]
        self._names = tuple(given[g] for g in self._rows)
        self._places = [names.index(name) for name in self._names]
        count = len(self._names)
        self._touching, self._frames = np.zeros(count), 0
        self._slide_sum, self._slide_count = np.zeros(count), np.zeros(count)
        self._slides = Distribution(max(count, 1))
        self._lowest = np.full(num_frames, np.nan, np.float32)
        self._feet = [names.index(name) for name in foot_points(names)]
        self._heights = np.full((num_frames, len(self._feet)), np.nan, np.float32)

    def add(
        self,
        stretch: Stretch,
        position: Float[np.ndarray, "L P 3"],
        time: Float[np.ndarray, "L"],
    ) -> None:
        """Count a stretch; positions of all points, with those frames before it."""
        present = np.all(np.isfinite(position), axis=(1, 2))
        lowest = np.where(present, np.nan_to_num(position[..., 2], nan=np.inf).min(1), np.nan)
        self._lowest[stretch.frames] = lowest[stretch.lead :]
        self._heights[stretch.frames] = position[stretch.lead :, self._feet, 2]
        if not self._names:
            return
        assert self._motion.contact is not None
        contact = np.asarray(self._motion.contact[0, stretch.all])[:, self._rows] >= TOUCHES
        contact &= present[:, None]
        self._touching += contact[stretch.lead :].sum(0)
        self._frames += int(present[stretch.lead :].sum())
        speed = standing_speeds(position[:, self._places], contact, time)
        speed = speed[max(stretch.lead - 1, 0) :]
        self._slides.add(speed)
        self._slide_sum += np.nansum(speed, axis=0)
        self._slide_count += np.isfinite(speed).sum(0)

    def finish(self) -> Floor | None:
        """Return the figures; None if no frame was known."""
        if not np.isfinite(self._lowest).any():
            return None
        count = self._slide_count
        total = float(count.sum())
        return Floor(
            lowest=self._lowest,
            depth=measure_depth(self._lowest),
            feet_low=find_low(self._heights),
            names=self._names,
            contact_share=self._touching / max(self._frames, 1),
            slide=np.where(count > 0, self._slide_sum / np.maximum(count, 1), np.nan),
            high_slide=self._slides.quantile(0.95)[: len(count)],
            mean_slide=float(self._slide_sum.sum()) / total if total else float("nan"),
        )


def foot_points(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the points of both feet by which a floor is found: on the skin, else the joints."""
    both = ("left", "right")
    skin = tuple(f"{side}_{part}" for side in both for part in ("heel", "big_toe"))
    if set(skin) <= set(names):
        return skin
    joints = (f"{side}_{part}" for side in both for part in ("ankle", "foot"))
    return tuple(name for name in joints if name in names)


class LimbCounter:
    """Collects the lengths of limbs between 3D keypoints."""

    def __init__(self, points: Keypoints3D):
        """Find the limbs of a skeleton."""
        self._points = points
        limbs = limbs_of(points.skeleton)
        self._names = tuple(limbs)
        self._limbs = np.array(list(limbs.values()), np.int64).reshape(-1, 2)
        self._lengths = Distribution(max(len(limbs), 1))

    def add(self, frames: slice) -> None:
        """Count some frames of the span."""
        if not self._names:
            return
        position = np.array(self._points.position[0, frames], np.float64)
        position[~(self._points.confidence[0, frames] > 0)] = np.nan
        self._lengths.add(limb_lengths(position, self._limbs))

    def finish(self) -> Limbs | None:
        """Return the figures; None if no limb was known."""
        if not self._lengths.count.any():
            return None
        low, median, high = (self._lengths.quantile(share) for share in (0.05, 0.5, 0.95))
        return Limbs(names=self._names, median=median, low=low, high=high)
