"""The people of a take as meshes, posed a chunk of frames at a time."""

import numpy as np
from jaxtyping import Float, Float32

from marey.body.model import Body
from marey.core import BodyMotion, Rig, Take
from marey.view.colors import person_colors
from marey.view.meshes import load_drawn_body, mesh_faces, pose_meshes
from marey.view.shading import People

CHUNK = 32
"""Frames posed at a time."""


class PosedPeople:
    """Answers where everyone's surface is; made for asking in order, by one thread."""

    def __init__(self, take: Take, *, body: Body | None = None):
        """Prepare a take.

        Args:
            take: The take.
            body: The body of its motions; loaded by name if not given.
        """
        self._take = take
        drawn = None if body else _find_drawn(take)
        self._named = None if drawn is None else drawn.body
        self._body = body or (None if drawn is None else load_drawn_body(drawn))
        self.names = tuple(person.name for person in take.people)
        self.colors: Float[np.ndarray, "N 3"] = person_colors(len(self.names))
        self._chunk: tuple[int, Float32[np.ndarray, "N L V 3"]] | None = None

    def people(self, frame: int) -> People | None:
        """Return the meshes in a frame of the take; None if there is no motion to draw."""
        if self._body is None:
            return None
        start = frame - frame % CHUNK
        if self._chunk is None or self._chunk[0] != start:
            self._chunk = start, self._pose(self._body, start)
        vertices = self._chunk[1][:, frame - start]
        return People(vertices=vertices, faces=mesh_faces(self._body), colors=self.colors)

    def _pose(self, body: Body, start: int) -> Float32[np.ndarray, "N L V 3"]:
        stop = min(start + CHUNK, len(self._take.time))
        shape = (len(self.names), stop - start, len(body.v_template), 3)
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


def _find_drawn(take: Take) -> BodyMotion | None:
    """Return the first motion of a body that has a surface."""
    motions = (person.motion for person in take.people)
    return next((m for m in motions if m is not None and not isinstance(m.body, Rig)), None)
