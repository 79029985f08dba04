"""First guesses of when cameras looked, before anything is known of where they stand."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from marey.capture.pipeline import Seen
from marey.capture.rig.anchor import count_agreeing
from marey.capture.rig.calibration_people import (
    count_body,
    lay_out_alone,
)
from marey.capture.rig.synchronise import synchronise
from marey.capture.rig.view_residuals import select_camera
from marey.capture.views.triangulate import find_rays
from marey.core import Cameras
from marey.core.errors import InputError, NothingFoundError

_SURE = 0.5
_REACH_S, _STEP_S = 5.0, 0.1


def _guess_common(
    views: Sequence[Seen], chains: list[list[tuple[int, ...]]], lenses: Cameras
) -> Float[np.ndarray, "C"] | None:
    return np.zeros(len(views))


def _guess_by_speed(
    views: Sequence[Seen], chains: list[list[tuple[int, ...]]], lenses: Cameras
) -> Float[np.ndarray, "C"] | None:
    """Compare how fast people move in the pictures."""
    try:
        return synchronise(
            [lay_out_alone(seen, own) for seen, own in zip(views, chains, strict=True)]
        ).offset
    except (NothingFoundError, InputError):
        return None


def _guess_by_lines(
    views: Sequence[Seen], chains: list[list[tuple[int, ...]]], lenses: Cameras
) -> Float[np.ndarray, "C"] | None:
    """Seek the offsets from the first view at which one epipolar geometry explains most."""
    blocks = [lay_out_alone(seen, own) for seen, own in zip(views, chains, strict=True)]
    rays = []
    for view, block in enumerate(blocks):
        sure = (block.confidence > _SURE)[..., None]
        points = np.where(sure, block.position, np.nan).astype(np.float64)
        own = find_rays(select_camera(lenses, view), points[None])[0]
        rays.append(own[0, 0, :, : count_body(block)])
    grid = np.arange(-_REACH_S, _REACH_S + _STEP_S / 2, _STEP_S)
    base, offset = blocks[0].time, np.zeros(len(views))
    for view in range(1, len(views)):
        own, score = blocks[view].time, []
        for lag in grid:
            nearest = np.searchsorted(own, base - lag)
            inside = (nearest > 0) & (nearest < len(own))
            score.append(count_agreeing(rays[0][inside], rays[view][nearest[inside]]))
        offset[view] = float(grid[int(np.argmax(score))])
    return offset


GUESSES = (_guess_common, _guess_by_speed, _guess_by_lines)
