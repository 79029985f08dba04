"""What every way to calibrate ends in: cameras, what is to be said of them, and a page."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from marey.core import Cameras
from marey.view.calibration import CalibrationPage, CameraRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A finished calibration."""

    cameras: Cameras
    page: CalibrationPage

    @property
    def lines(self) -> list[str]:
        """The same in plain words, a line each."""
        width = max(len(row.name) for row in self.page.rows)
        rows = [_row_line(row, self.page.head, width) for row in self.page.rows]
        return [self.page.title + ": " + ", ".join(self.page.facts), *rows, self.page.verdict]

    @property
    def figures(self) -> dict[str, object]:
        """The same for machines."""
        return {
            row.name: {
                "error_px": None if np.isnan(row.error_px) else round(row.error_px, 3),
                "verdict": row.verdict,
                "doubtful": row.serious,
            }
            for row in self.page.rows
        }


def _row_line(row: CameraRow, head: tuple[str, ...], width: int) -> str:
    error = "      -" if np.isnan(row.error_px) else f"{row.error_px:4.1f} px"
    facts = ", ".join(f"{name} {fact}" for name, fact in zip(head, row.facts, strict=True))
    return f"  {row.name:{width}}  {error}  {facts}  {row.verdict}"


def measure_spread(
    off: Float[np.ndarray, "*points"],
) -> tuple[float, tuple[float, float, float]]:
    """Return the median of distances, and their 25th, 75th and 95th percentile; NaN if none."""
    known = off[np.isfinite(off)]
    if not len(known):
        return np.nan, (np.nan, np.nan, np.nan)
    middle, low, high, far = np.percentile(known, [50, 25, 75, 95])
    return float(middle), (float(low), float(high), float(far))


def find_field_of_view(cameras: Cameras, view: int) -> float:
    """Return how wide a camera sees along the longer side of its pictures, degrees."""
    longer = int(np.argmax(cameras.size[view]))
    focal = float(cameras.K[view, longer, longer])
    half = float(cameras.size[view, longer]) / 2 / focal
    angle = half if cameras.model == "fisheye" else np.arctan(half)
    return float(np.degrees(2 * angle))
