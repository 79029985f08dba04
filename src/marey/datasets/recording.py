"""One sequence of a labelled corpus: what its makers say about it, in marey's units."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from marey.core import BodyMotion, Cameras, Keypoints2D, Keypoints3D


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """T frames of one sequence, with the parts that are labelled.

    Labels of photographs that belong together only by a corpus are recordings of one frame each.
    """

    name: str
    frame: Int[np.ndarray, "T"]
    """Frame numbers as the corpus counts them, rising."""
    keypoints2d: Keypoints2D | None = None
    keypoints3d: Keypoints3D | None = None
    motion: BodyMotion | None = None
    cameras: Cameras | None = None
    box: Float[np.ndarray, "*C N T 4"] | None = None
    """x0 y0 x1 y1 around each person, px, NaN where unknown."""
    vertices: Float[np.ndarray, "N T V 3"] | None = None
    """m, in the axes of `keypoints3d`; only where asked for, since they are large."""
    images: tuple[str, ...] = ()
    """File name of each frame's image, as the corpus writes it; empty if it names none."""
    size: tuple[int, int] | None = None
    """Width and height of the images, px."""
    frame_rate: float | None = None
    """Frames per second; None where the corpus does not say (times then count frames at 30)."""
    notes: tuple[str, ...] = ()
    """What a reader of these labels has to know, a sentence each."""

    @property
    def people(self) -> tuple[str, ...]:
        """Who is labelled."""
        for part in (self.keypoints3d, self.keypoints2d, self.motion):
            if part is not None:
                return part.people
        return ()
