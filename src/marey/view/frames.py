"""What each frame of a clip shows of a take, with bodies posed a chunk of frames at a time."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32

from marey.body.model import Body
from marey.core import Clip, Skeleton, Take
from marey.core.errors import InputError
from marey.geometry.projection import Viewpoint, select_viewpoint
from marey.view.posed_people import PosedPeople
from marey.view.shading import People


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one frame shows, as far as it is known."""

    names: tuple[str, ...]
    colors: Float[np.ndarray, "N 3"]
    viewpoint: Viewpoint | None = None
    people: People | None = None
    skeleton: Skeleton | None = None
    position: Float[np.ndarray, "N K 2"] | None = None
    """px; NaN where missing."""
    confidence: Float[np.ndarray, "N K"] | None = None
    boxes: Float[np.ndarray, "N 4"] | None = None
    """x0 y0 x1 y1 px; NaN where absent."""


def check_clip_size(take: Take, clip: Clip, *, view: int = 0) -> None:
    """Refuse to draw on pictures of another size than those the take was made from.

    Raises:
        InputError: If the sizes differ.
    """
    size = None
    if take.cameras is not None and len(take.cameras.size) > view:
        size = tuple(take.cameras.size[view].tolist())
    elif len(take.clips) > view:
        size = take.clips[view].size
    if size is not None and clip.size != size:
        raise InputError(
            f"{clip.name} is {clip.size[0]}x{clip.size[1]} px, but the take was made from "
            f"pictures of {size[0]}x{size[1]} px; give the video that it was made from"
        )


class TakeFrames:
    """Answers what the frames of one view show; made for asking in order."""

    def __init__(
        self,
        take: Take,
        *,
        view: int = 0,
        body: Body | None = None,
        posed: PosedPeople | None = None,
    ):
        """Prepare a take.

        Args:
            take: The take.
            view: Which of its views.
            body: The body of its motions; loaded by name if not given.
            posed: Its people posed already, where several views show the same.
        """
        self._take, self._view = take, view
        self._posed = posed or PosedPeople(take, body=body)
        self._names = self._posed.names

    def find(self, time: float) -> int | None:
        """Return the take's frame at a time of the view's own clock, s; None if there is none."""
        clock, cameras = self._take.time, self._take.cameras
        if not len(clock):
            return None
        offset = 0.0 if cameras is None else float(cameras.time_offset[self._view])
        frame = int(np.abs(clock - (time + offset)).argmin())
        interval = float(np.median(np.diff(clock))) if len(clock) > 1 else 1 / 30
        return frame if abs(clock[frame] - time - offset) <= 0.51 * interval else None

    def people(self, frame: int) -> People | None:
        """Return the meshes in a frame of the take; None if there is no motion to draw."""
        return self._posed.people(frame)

    def viewpoint(self, frame: int) -> Viewpoint | None:
        """Return the camera in a frame of the take, if it is known."""
        if self._take.cameras is None:
            return None
        return select_viewpoint(self._take.cameras, view=self._view, frame=frame)

    def seen(self, frame: int) -> Seen:
        """Return everything known about a frame of the take."""
        viewpoint = self.viewpoint(frame)
        skeleton, position, confidence = self._keypoints(frame)
        return Seen(
            names=self._names,
            colors=self._posed.colors,
            viewpoint=viewpoint,
            people=None if viewpoint is None else self.people(frame),
            skeleton=skeleton,
            position=position,
            confidence=confidence,
            boxes=self._boxes(frame),
        )

    def _keypoints(
        self, frame: int
    ) -> tuple[Skeleton | None, Float32[np.ndarray, "N K 2"] | None, np.ndarray | None]:
        people = self._take.people
        blocks = [p.keypoints2d[self._view] for p in people if len(p.keypoints2d) > self._view]
        if not blocks:
            return None, None, None
        skeleton = blocks[0].skeleton
        position = np.full((len(people), len(skeleton), 2), np.nan, np.float32)
        confidence = np.zeros(position.shape[:2], np.float32)
        for row, person in enumerate(people):
            if person.start <= frame < person.stop and len(person.keypoints2d) > self._view:
                block = person.keypoints2d[self._view]
                position[row] = block.position[0, frame - person.start]
                confidence[row] = block.confidence[0, frame - person.start]
        return skeleton, position, confidence

    def _boxes(self, frame: int) -> Float32[np.ndarray, "N 4"] | None:
        if len(self._take.tracks) <= self._view:
            return None
        boxes = np.full((len(self._names), 4), np.nan, np.float32)
        for track in self._take.tracks[self._view].tracks:
            if track.person in self._names and track.start <= frame < track.stop:
                boxes[self._names.index(track.person)] = track.box[frame - track.start]
        return boxes


def scale_seen(seen: Seen, share: Float[np.ndarray, "2"], size: tuple[int, int]) -> Seen:
    """Return what a frame shows in a smaller or larger picture.

    Args:
        seen: What the picture shows as it is.
        share: Width and height of the new picture as shares of the old ones.
        size: Width and height of the new picture, px.
    """
    viewpoint = seen.viewpoint
    if viewpoint is not None:
        # Pixels are counted from the picture's corner, so that a change of size is a product.
        K = np.diag([*share, 1.0]) @ viewpoint.K
        viewpoint = replace(viewpoint, K=K, size=size)
    return replace(
        seen,
        viewpoint=viewpoint,
        position=None if seen.position is None else seen.position * share,
        boxes=None if seen.boxes is None else seen.boxes * np.tile(share, 2),
    )
