"""A camera's lens from pictures of a board: ChArUco or a plain chessboard.

Zhang, "A Flexible New Technique for Camera Calibration" (2000), as OpenCV solves it. A ChArUco
board may be cut off by the picture or partly hidden; a chessboard has to be seen whole.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from marey.core.errors import InputError, NothingFoundError

_FEWEST_VIEWS, _FEWEST_CORNERS = 4, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """What was printed."""

    kind: Literal["charuco", "chessboard"] = "charuco"
    columns: int = 7
    """Squares across."""
    rows: int = 5
    square: float = 0.04
    """Side of a square, m."""
    marker: float = 0.03
    """Side of a marker, m (ChArUco)."""
    dictionary: str = "DICT_4X4_50"
    """OpenCV's name of the markers' dictionary (ChArUco)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """Intrinsics of a pinhole camera."""

    K: Float[np.ndarray, "3 3"]
    """px; the centre of the first pixel is (0.5, 0.5)."""
    distortion: Float[np.ndarray, "5"]
    """k1 k2 p1 p2, and 0 for k3"""
    error_px: float
    """Root of the mean squared distance of corners from where they project."""
    num_pictures: int
    """Pictures in which the board was found."""


def calibrate_lens(pictures: Iterable[UInt8[np.ndarray, "H W 3"]], board: Board) -> Lens:
    """Find a camera's intrinsics.

    Args:
        pictures: Of the board, from many sides and in all corners of the picture.
        board: What was printed.

    Raises:
        InputError: If the board makes no sense, or pictures are of several sizes.
        NothingFoundError: If the board is found in too few of them.
    """
    finder = _Finder(board)
    size: tuple[int, int] | None = None
    points, corners = [], []
    for picture in pictures:
        own = (picture.shape[1], picture.shape[0])
        if size is not None and own != size:
            raise InputError(f"pictures of one camera have one size, not {size} and {own}")
        size = own
        found = finder.find(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
        if found is not None:
            points.append(found[0])
            corners.append(found[1])
    if size is None or len(points) < _FEWEST_VIEWS:
        raise NothingFoundError(
            f"the board was found in {len(points)} pictures where {_FEWEST_VIEWS} are needed; "
            "check its squares and dictionary, or film it closer and from more sides"
        )
    error, K, distortion = _solve(points, corners, size)
    K[:2, 2] += 0.5
    return Lens(K=K, distortion=distortion, error_px=error, num_pictures=len(points))


def _solve(
    points: Sequence[np.ndarray], corners: Sequence[np.ndarray], size: tuple[int, int]
) -> tuple[float, np.ndarray, np.ndarray]:
    start = np.eye(3)
    # The sixth order is not to be had from boards; it would fit the noise.
    error, K, distortion = cv2.calibrateCamera(
        points, corners, size, start, np.zeros(5), flags=cv2.CALIB_FIX_K3
    )[:3]
    return float(error), np.array(K, np.float64), np.ravel(distortion)[:5].astype(np.float64)


class _Finder:
    """Finds a board's corners."""

    def __init__(self, board: Board):
        if min(board.columns, board.rows) < 3 or not board.square > 0:
            raise InputError("a board has three squares or more each way, of a size above 0")
        self._board = board
        self._charuco = None
        if board.kind == "charuco":
            number = getattr(cv2.aruco, board.dictionary, None)
            if not isinstance(number, int) or not 0 < board.marker < board.square:
                raise InputError(
                    f"'{board.dictionary}' with markers of {board.marker:g} m in squares of "
                    f"{board.square:g} m is no ChArUco board; name one of OpenCV's dictionaries, "
                    "such as DICT_4X4_50, and markers smaller than squares"
                )
            markers = cv2.aruco.getPredefinedDictionary(number)
            size = (board.columns, board.rows)
            self._charuco = cv2.aruco.CharucoBoard(size, board.square, board.marker, markers)
            self._detector = cv2.aruco.CharucoDetector(self._charuco)

    def find(
        self, gray: UInt8[np.ndarray, "H W"]
    ) -> tuple[Float[np.ndarray, "P 3"], Float[np.ndarray, "P 2"]] | None:
        """Return corners on the board (m) and in the picture (OpenCV's px); None if unseen."""
        if self._charuco is None:
            return self._find_chessboard(gray)
        corners, ids = self._detector.detectBoard(gray)[:2]
        if ids is None or len(ids) < _FEWEST_CORNERS:
            return None
        known = np.asarray(self._charuco.getChessboardCorners(), np.float32)
        return known[np.ravel(ids).astype(int)], np.asarray(corners, np.float32).reshape(-1, 2)

    def _find_chessboard(
        self, gray: UInt8[np.ndarray, "H W"]
    ) -> tuple[Float[np.ndarray, "P 3"], Float[np.ndarray, "P 2"]] | None:
        inner = (self._board.columns - 1, self._board.rows - 1)
        found, corners = cv2.findChessboardCornersSB(gray, inner)
        if not found:
            return None
        y, x = np.divmod(np.arange(inner[0] * inner[1]), inner[0])
        known = self._board.square * np.stack([x, y, np.zeros_like(x)], -1)
        return known.astype(np.float32), np.asarray(corners, np.float32).reshape(-1, 2)
