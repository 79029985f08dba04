"""What is said and shown of cameras that a board calibrated."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from marey.capture.rig.board import BoardView
from marey.core import Cameras
from marey.jobs.calibrate.result import find_field_of_view, measure_spread
from marey.view.calibration import CameraRow, Picture

_GOOD_PX, _FAIR_PX = 0.6, 1.5
"""At a picture 1000 px long."""
_GRID = 3
_PICTURE_PX = 640
_SPOT = (255, 205, 40)


def describe_camera(cameras: Cameras, row: int, views: Sequence[BoardView]) -> CameraRow:
    """Return one camera's errors and a verdict."""
    off = np.concatenate([view.measure(cameras, row) for view in views] or [np.zeros(0)])
    middle, spread = measure_spread(off)
    longer = float(cameras.size[row].max())
    covered = _find_cover(views, cameras.size[row])
    verdict, serious = "good", False
    if not middle * 1000 / longer < _FAIR_PX:
        verdict, serious = "doubtful: is the board flat, and measured rightly?", True
    elif covered < 0.5:
        verdict = "show the board in more of the picture, corners above all"
    elif middle * 1000 / longer > _GOOD_PX:
        verdict = "fair"
    facts = (
        f"{find_field_of_view(cameras, row):.0f} degrees",
        str(len(views)),
        f"{100 * covered:.0f} %",
    )
    return CameraRow(
        name=cameras.names[row],
        error_px=middle,
        spread_px=spread,
        facts=facts,
        verdict=verdict,
        serious=serious,
    )


def _find_cover(views: Sequence[BoardView], size: np.ndarray) -> float:
    """Return the share of a grid over the picture in which corners were seen."""
    if not views:
        return 0.0
    corners = np.concatenate([view.image for view in views])
    cell = np.clip((corners / size * _GRID).astype(int), 0, _GRID - 1)
    return len(np.unique(cell, axis=0)) / _GRID**2


def draw_corners(
    name: str, views: Sequence[BoardView], picture: UInt8[np.ndarray, "H W 3"]
) -> Picture:
    """Draw every corner that a camera found into one of its pictures."""
    image = picture.copy()
    radius = max(2, round(max(image.shape[:2]) / 400))
    for view in views:
        for x, y in view.image:
            place = (round(float(x) - 0.5), round(float(y) - 0.5))
            cv2.circle(image, place, radius, _SPOT, -1, cv2.LINE_AA)
    scale = min(1.0, _PICTURE_PX / max(image.shape[:2]))
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])[1].tobytes()
    return Picture(name=name, jpeg=data, size=size, caption="every corner that was found")
