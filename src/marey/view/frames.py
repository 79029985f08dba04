"""What each frame of a clip shows of a take, with bodies posed a chunk of frames at a time."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from marey.body.model import Body
from marey.core import BodyMotion, Clip, Rig, Skeleton, Take
from marey.core.errors import InputError
from marey.geometry.projection import Viewpoint, select_viewpoint
from marey.view.colors import person_colors
from marey.view.meshes import load_drawn_body, mesh_faces, pose_meshes
from marey.view.shading import People

CHUNK = 32
"""Frames posed at a time."""


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

    def __init__(self, take: Take, *, view: int = 0, body: Body | None = None):
        """Prepare a take.

        Args:
            take: The take.
            view: Which of its views.
            body: The body of its motions; loaded by name if not given.
        """
        self._take, self._view = take, view
        drawn = None if body else _find_drawn(take)
        self._named = None if drawn is None else drawn.body
        self._body = body or (None if drawn is None else load_drawn_body(drawn))
        self._names = tuple(person.name for person in take.people)
        self._colors = person_colors(len(self._names))
        self._chunk: tuple[int, Float32[np.ndarray, "N L V 3"]] | None = None

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
        if self._body is None:
            return None
        start = frame - frame % CHUNK
        if self._chunk is None or self._chunk[0] != start:
            self._chunk = start, self._pose(self._body, start)
        vertices = self._chunk[1][:, frame - start]
        return People(vertices=vertices, faces=mesh_faces(self._body), colors=self._colors)

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
            colors=self._colors,
            viewpoint=viewpoint,
            people=None if viewpoint is None else self.people(frame),
            skeleton=skeleton,
            position=position,
            confidence=confidence,
            boxes=self._boxes(frame),
        )

    def _pose(self, body: Body, start: int) -> Float32[np.ndarray, "N L V 3"]:
        stop = min(start + CHUNK, len(self._take.time))
        shape = (len(self._names), stop - start, len(body.v_template), 3)
        vertices = np.full(shape, np.nan, np.float32)
        for row, person in enumerate(self._take.people):
            first, last = max(start, person.start), min(stop, person.stop)
            if person.motion is not None and self._wears(person.motion) and first < last:
                span = slice(first - person.start, last - person.start)
                posed = pose_meshes(body, person.motion, span)
                vertices[row, first - start : last - start] = posed[0]
        return vertices

    def _wears(self, motion: BodyMotion) -> bool:
        """Tell whether a motion is of the body that is drawn; of others, keypoints are shown."""
        if self._named is None:
            return True
        return isinstance(motion.body, str) and motion.body == self._named

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


def _find_drawn(take: Take) -> BodyMotion | None:
    """Return the first motion of a body that has a surface."""
    motions = (person.motion for person in take.people)
    return next((m for m in motions if m is not None and not isinstance(m.body, Rig)), None)
