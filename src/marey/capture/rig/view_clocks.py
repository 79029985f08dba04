"""Whether the clocks of several videos are put right by what the videos show, and how.

`synchronise` says how far each clock is off and how sure that is. A clock is shifted by what is
found if that is more than three standard deviations and a quarter of a frame. Else the file's own
clock is trusted; whether that is because it agrees or because nothing is sure is said.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Int

from marey.capture.pipeline import Seen
from marey.capture.rig.synchronise import Synchronised, SyncOptions, synchronise
from marey.core import Cameras, Keypoints2D, convert_keypoints, load_skeleton
from marey.core.errors import NothingFoundError

_MOST_PEOPLE = 3
"""People of a view whose movement is compared: those who are in the picture for longest."""
_SURE_FRAMES = 0.5
_WORTH_FRAMES = 0.25
_CERTAIN = 3.0

Verdict = Literal["reference", "right", "shifted", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewClock:
    """What was found of one view's clock."""

    name: str
    verdict: Verdict
    """`right` and `unknown` clocks stay as they are."""
    offset: float
    """What was found, s to add to the view's own time half-way; 0 if unknown."""
    sigma: float
    """Standard deviation of the offset, s; infinite if unknown."""
    drift: float
    """s per s; 0 where none shows."""
    frame: float
    """Time from frame to frame, s."""

    @property
    def applied(self) -> float:
        """What the clock is shifted by half-way, s."""
        return self.offset if self.verdict == "shifted" else 0.0


def find_clocks(
    views: Sequence[Seen],
    cameras: Cameras,
    options: SyncOptions | None = None,
    *,
    moving: Collection[str] = (),
) -> tuple[ViewClock, ...]:
    """Find the clocks of several views from the movement of the people in them.

    Args:
        views: What each camera saw, on its own clock plus its camera's `time_offset`.
        cameras: Their cameras.
        options: How far apart clocks may be.
        moving: Names of cameras that move; their clocks are trusted, as their poses are tied to
            their own frames.
    """
    frames = np.array([1 / seen.clip.frame_rate for seen in views])
    found, order = _synchronise(views, cameras, options, moving)
    clocks = []
    for view, name in enumerate(cameras.names):
        common = {"name": name, "frame": float(frames[view])}
        if view == order[0] and found is not None:
            nothing = {"offset": 0.0, "sigma": 0.0, "drift": 0.0}
            clocks.append(ViewClock(verdict="reference", **nothing, **common))
            continue
        place = int(np.flatnonzero(order == view)[0]) if view in order else -1
        if found is None or place < 0 or not np.isfinite(found.sigma[place]):
            unknown = {"offset": 0.0, "sigma": np.inf, "drift": 0.0}
            clocks.append(ViewClock(verdict="unknown", **unknown, **common))
            continue
        drift = float(found.drift[place])
        own = views[view].clip.time
        offset = float(found.offset[place]) + drift * float(own[-1] - own[0]) / 2
        least = max(_CERTAIN * found.sigma[place], _WORTH_FRAMES * frames[view])
        sigma = float(found.sigma[place])
        verdict: Verdict = "right" if sigma <= _SURE_FRAMES * frames[view] else "unknown"
        if abs(offset) > least or drift:
            verdict = "shifted"
        clocks.append(ViewClock(verdict=verdict, offset=offset, sigma=sigma, drift=drift, **common))
    return tuple(clocks)


def set_clocks(
    views: Sequence[Seen], cameras: Cameras, clocks: Sequence[ViewClock]
) -> tuple[list[Seen], Cameras]:
    """Return views whose drift is taken out, and cameras that carry the offsets.

    Args:
        views: As they were given to `find_clocks`.
        cameras: Likewise.
        clocks: What it said.
    """
    offset = cameras.time_offset + [clock.applied for clock in clocks]
    straight = []
    for seen, clock in zip(views, clocks, strict=True):
        own = seen.clip.time
        middle = (own[0] + own[-1]) / 2
        bent = own + clock.drift * (own - middle) if clock.verdict == "shifted" else own
        straight.append(replace(seen, clip=replace(seen.clip, time=bent)))
    return straight, replace(cameras, time_offset=offset)


def _synchronise(
    views: Sequence[Seen],
    cameras: Cameras,
    options: SyncOptions | None,
    moving: Collection[str],
) -> tuple[Synchronised | None, Int[np.ndarray, "V"]]:
    """Return what was found and of which views: the one that sees most first."""
    blocks = [
        _lay_out(seen, offset) for seen, offset in zip(views, cameras.time_offset, strict=True)
    ]
    seen_points = np.array([int(block.valid.sum()) for block in blocks])
    usable = np.array([len(block.time) >= 3 for block in blocks]) & (seen_points > 0)
    usable &= np.array([name not in moving for name in cameras.names])
    order = np.flatnonzero(usable)
    order = order[np.argsort(-seen_points[order], kind="stable")]
    if len(order) < 2 or cameras.T_cam_world.shape[1] > 1:
        return None, order
    try:
        found = synchronise(
            [blocks[view] for view in order], _choose_cameras(cameras, order), options=options
        )
    except NothingFoundError:
        return None, order
    return found, order


def _choose_cameras(cameras: Cameras, order: Int[np.ndarray, "V"]) -> Cameras:
    return replace(
        cameras,
        names=tuple(cameras.names[view] for view in order),
        K=cameras.K[order],
        distortion=cameras.distortion[order],
        T_cam_world=cameras.T_cam_world[order],
        size=cameras.size[order],
        time_offset=cameras.time_offset[order],
    )


def _lay_out(seen: Seen, offset: float) -> Keypoints2D:
    """Return COCO's points of those who are longest in the picture, a row each."""
    body = load_skeleton("coco-17")
    present = [float(person.keypoints2d[0].confidence.sum()) for person in seen.people]
    chosen = np.argsort(present)[::-1][:_MOST_PEOPLE]
    shape = (len(chosen), len(seen.clip.time), len(body))
    position = np.full((*shape, 2), np.nan, np.float32)
    confidence = np.zeros(shape, np.float32)
    for row, number in enumerate(chosen):
        person = seen.people[number]
        block, span = person.keypoints2d[0], slice(person.start, person.stop)
        position[row, span] = convert_keypoints(block.position[0], block.skeleton, body)
        confidence[row, span] = convert_keypoints(
            block.confidence[0], block.skeleton, body, axis=-1, missing=0.0
        )
    return Keypoints2D(
        skeleton=body,
        people=tuple(str(number) for number in chosen),
        time=seen.clip.time + offset,
        position=position,
        confidence=confidence,
    )


def describe_clocks(clocks: Sequence[ViewClock]) -> str:
    """Return a sentence about what was done with the clocks."""
    shifted = [clock for clock in clocks if clock.verdict == "shifted"]
    unknown = [clock for clock in clocks if clock.verdict == "unknown"]
    parts = []
    for clock in shifted:
        frames, spread = clock.offset / clock.frame, clock.sigma / clock.frame
        drift = f", drifting by {1e6 * clock.drift:.0f} us a second" if clock.drift else ""
        parts.append(
            f"{clock.name} by {clock.offset:+.4f} s ({frames:+.2f} frames, give or take "
            f"{spread:.2f}{drift})"
        )
    lines = []
    if parts:
        lines.append(f"clocks put right by what the videos show: {', '.join(parts)}")
    elif len(unknown) < len(clocks) - 1:
        lines.append("clocks agree with what the videos show")
    if unknown:
        names = [
            f"{clock.name} (to {clock.sigma / clock.frame:.1f} frames)"
            if np.isfinite(clock.sigma)
            else clock.name
            for clock in unknown
        ]
        which = "of the videos" if len(unknown) == len(clocks) else f"of {', '.join(names)}"
        lines.append(f"the clocks {which} are trusted: what people do there does not tell for sure")
    return "; ".join(lines)
