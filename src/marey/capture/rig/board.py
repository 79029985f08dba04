"""A camera's lens from pictures of a board: ChArUco or a plain chessboard.

Zhang, "A Flexible New Technique for Camera Calibration" (2000), as OpenCV solves it. A ChArUco
board may be cut off by the picture or partly hidden; a chessboard has to be seen whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from marey.core import Cameras
from marey.core.errors import InputError, NothingFoundError
from marey.geometry.projection import unproject_pixels

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
    """Intrinsics of a camera."""

    K: Float[np.ndarray, "3 3"]
    """px; the centre of the first pixel is (0.5, 0.5)."""
    distortion: Float[np.ndarray, "P"]
    """k1 k2 p1 p2, and 0 for k3; of a fisheye lens k1 to k4"""
    error_px: float
    """Root of the mean squared distance of corners from where they project."""
    num_pictures: int
    """Pictures in which the board was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardView:
    """A board in one picture."""

    board: Float[np.ndarray, "P 3"]
    """Corners on the board, m: X along the columns, Y down the rows."""
    image: Float[np.ndarray, "P 2"]
    """The same in the picture, px."""
    moment: int
    """When: pictures of several cameras with the same number were taken at once."""

    def measure(self, cameras: Cameras, view: int) -> Float[np.ndarray, "P"]:
        """Return how far corners are from where a flat board can have them, px; poses are free.

        Args:
            cameras: Whose lenses count.
            view: Which of them saw it.
        """
        ray = find_corner_rays(self, cameras, view)
        pose = find_board_pose(self, ray)
        if pose is None:
            return np.full(len(ray), np.nan)
        local = self.board @ pose[0].T + pose[1]
        off = np.linalg.norm(local[:, :2] / local[:, 2:] - ray, axis=1)
        return off * float(np.sqrt(cameras.K[view, 0, 0] * cameras.K[view, 1, 1]))


def find_corner_rays(view: BoardView, cameras: Cameras, camera: int) -> Float[np.ndarray, "P 2"]:
    """Return where the corners' rays meet the plane z = 1."""
    return unproject_pixels(
        torch.as_tensor(view.image),
        torch.as_tensor(np.asarray(cameras.K[camera], np.float64)),
        torch.as_tensor(np.asarray(cameras.distortion[camera], np.float64)),
        model=cameras.model,
    ).numpy()


def find_board_pose(
    view: BoardView, ray: Float[np.ndarray, "P 2"]
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "3"]] | None:
    """Return rotation and translation (m) from the board to the camera; None if it has none."""
    found, turn, place = cv2.solvePnP(view.board, ray, np.eye(3), None, flags=cv2.SOLVEPNP_IPPE)
    if not found or not np.isfinite(place).all() or place[2] <= 0:
        return None
    turn, place = cv2.solvePnPRefineLM(view.board, ray, np.eye(3), None, turn, place)
    return cv2.Rodrigues(turn)[0], place.ravel()


def calibrate_lens(
    views: Sequence[BoardView], size: tuple[int, int], *, fisheye: bool = False
) -> Lens:
    """Find a camera's intrinsics.

    Args:
        views: Of the board, from many sides and in all corners of the picture.
        size: Width and height of the pictures, px.
        fisheye: Whether the lens is a fisheye lens.

    Raises:
        NothingFoundError: If the board is found in too few pictures, or always in the same pose.
    """
    if len(views) < _FEWEST_VIEWS:
        raise NothingFoundError(
            f"the board was found in {len(views)} pictures where {_FEWEST_VIEWS} are needed; "
            "check its squares and dictionary, or film it closer and from more sides"
        )
    # OpenCV counts from the centre of the first pixel.
    points = [view.board.astype(np.float32) for view in views]
    corners = [(view.image - 0.5).astype(np.float32) for view in views]
    try:
        solve = _solve_fisheye if fisheye else _solve
        error, K, distortion = solve(points, corners, size)
    except cv2.error as error:
        raise NothingFoundError(
            "the pictures of the board do not tell the lens; film it from more sides, leaning to "
            "and fro, and check that the lens is of the kind that was said"
        ) from error
    K[:2, 2] += 0.5
    return Lens(K=K, distortion=distortion, error_px=error, num_pictures=len(points))


def _solve(
    points: Sequence[np.ndarray], corners: Sequence[np.ndarray], size: tuple[int, int]
) -> tuple[float, np.ndarray, np.ndarray]:
    # The sixth order is not to be had from boards; it would fit the noise.
    error, K, distortion = cv2.calibrateCamera(
        points, corners, size, np.eye(3), np.zeros(5), flags=cv2.CALIB_FIX_K3
    )[:3]
    return float(error), np.array(K, np.float64), np.ravel(distortion)[:5].astype(np.float64)


def _solve_fisheye(
    points: Sequence[np.ndarray], corners: Sequence[np.ndarray], size: tuple[int, int]
) -> tuple[float, np.ndarray, np.ndarray]:
    names = ("CALIB_RECOMPUTE_EXTRINSIC", "CALIB_FIX_SKEW", "CALIB_USE_INTRINSIC_GUESS")
    # OpenCV 5 moved them and gave them other values.
    home = cv2.fisheye if hasattr(cv2.fisheye, names[0]) else cv2
    focal = max(size) / np.pi
    K = np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1]])
    error, K, distortion = cv2.fisheye.calibrate(
        [np.asarray(p, np.float64)[:, None] for p in points],
        [np.asarray(c, np.float64)[:, None] for c in corners],
        size,
        K,
        np.zeros(4),
        flags=sum(getattr(home, name) for name in names),
    )[:3]
    return float(error), np.array(K, np.float64), np.ravel(distortion)[:4].astype(np.float64)


class BoardFinder:
    """Finds a board's corners in pictures."""

    def __init__(self, board: Board):
        """Prepare for a board.

        Raises:
            InputError: If it makes no sense.
        """
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

    def find(self, picture: UInt8[np.ndarray, "H W 3"], moment: int = 0) -> BoardView | None:
        """Return what a picture (RGB) shows of the board; None if too little."""
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        found = self._find_chessboard(gray) if self._charuco is None else self._find_charuco(gray)
        if found is None:
            return None
        board, image = (np.asarray(part, np.float64) for part in found)
        return BoardView(board=board, image=image + 0.5, moment=moment)

    def _find_charuco(
        self, gray: UInt8[np.ndarray, "H W"]
    ) -> tuple[Float[np.ndarray, "P 3"], Float[np.ndarray, "P 2"]] | None:
        assert self._charuco is not None
        corners, ids = self._detector.detectBoard(gray)[:2]
        if ids is None or len(ids) < _FEWEST_CORNERS:
            return None
        known = np.asarray(self._charuco.getChessboardCorners(), np.float32)
        return known[np.ravel(ids).astype(int)], np.asarray(corners, np.float32).reshape(-1, 2)

    def _find_chessboard(
        self, gray: UInt8[np.ndarray, "H W"]
    ) -> tuple[Float[np.ndarray, "P 3"], Float[np.ndarray, "P 2"]] | None:
        inner = (self._board.columns - 1, self._board.rows - 1)
        corners = _find_grid(gray, inner)
        if corners is None:
            return None
        y, x = np.divmod(np.arange(inner[0] * inner[1]), inner[0])
        known = self._board.square * np.stack([x, y, np.zeros_like(x)], -1)
        return known.astype(np.float32), _turn_upright(gray, corners, inner)


def _find_grid(
    gray: UInt8[np.ndarray, "H W"], inner: tuple[int, int]
) -> Float[np.ndarray, "P 2"] | None:
    """Return a chessboard's inner corners row by row; None if it is not seen whole.

    The quick search misses boards that lean much or fill the picture (of OpenCV's own 26 sample
    pictures four). The thorough one takes seconds where there is no board, so the older method,
    which turns such pictures down at once, is asked first.
    """
    found, corners = cv2.findChessboardCornersSB(gray, inner)
    if not found:
        quick = cv2.CALIB_CB_ADAPTIVE_THRESH | cv2.CALIB_CB_NORMALIZE_IMAGE
        found, rough = cv2.findChessboardCorners(gray, inner, flags=quick | _FAST)
        if not found:
            return None
        found, corners = cv2.findChessboardCornersSB(gray, inner, flags=_THOROUGH)
        if not found:
            step = np.linalg.norm(np.diff(rough.reshape(-1, 2)[: inner[0]], axis=0), axis=1).min()
            reach = int(np.clip(step / 3, 2, 11))
            corners = cv2.cornerSubPix(gray, rough, (reach, reach), (-1, -1), _STOP)
    return np.asarray(corners, np.float32).reshape(-1, 2)


_FAST = cv2.CALIB_CB_FAST_CHECK
_THOROUGH = cv2.CALIB_CB_EXHAUSTIVE | cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_ACCURACY
_STOP = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 40, 0.001)


def _turn_upright(
    gray: UInt8[np.ndarray, "H W"], corners: Float[np.ndarray, "P 2"], inner: tuple[int, int]
) -> Float[np.ndarray, "P 2"]:
    """Return corners from the end of the board at which the first square is dark.

    Of a board with an odd and an even number of squares that is one end; other boards look the same
    from both.
    """
    grid = corners.reshape(inner[1], inner[0], 2)
    middle = (grid[1:, 1:] + grid[:-1, :-1] + grid[1:, :-1] + grid[:-1, 1:]) / 4
    x, y = np.round(middle).astype(int).reshape(-1, 2).T
    shade = gray[np.clip(y, 0, gray.shape[0] - 1), np.clip(x, 0, gray.shape[1] - 1)]
    row, column = np.divmod(np.arange(len(shade)), inner[0] - 1)
    even = (row + column) % 2 == 0
    dark_first = shade[even].mean() < shade[~even].mean()
    return corners if dark_first else np.ascontiguousarray(corners[::-1])
