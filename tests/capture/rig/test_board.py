"""Lenses from drawn pictures of boards, taken by a camera that is known."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marey.capture.rig.board import Board, BoardFinder, BoardView, calibrate_lens
from marey.core.errors import InputError, NothingFoundError

FOCAL, CENTRE, SIZE = 800.0, np.array([330.0, 236.0]), (640, 480)
PRINT_PX = 80
"""Side of a square in the print."""


def draw_board(board: Board) -> np.ndarray:
    if board.kind == "charuco":
        markers = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
        size = (board.columns, board.rows)
        drawn = cv2.aruco.CharucoBoard(size, board.square, board.marker, markers)
        return drawn.generateImage((board.columns * PRINT_PX, board.rows * PRINT_PX))
    x, y = np.meshgrid(np.arange(board.columns), np.arange(board.rows))
    squares = np.kron((x + y) % 2, np.ones((PRINT_PX, PRINT_PX)))
    return (255 * squares).astype(np.uint8)


def film(board: Board, count: int = 8) -> list[np.ndarray]:
    """Take pictures of a print that leans to all sides, by a camera without distortion."""
    paper = draw_board(board)
    border = PRINT_PX
    paper = np.pad(paper, border, constant_values=255)
    metres = board.square / PRINT_PX
    # Pixel centres of the print to metres on the board, about its middle.
    height, width = paper.shape
    to_board = np.array(
        [
            [metres, 0, metres * (0.5 - width / 2)],
            [0, metres, metres * (0.5 - height / 2)],
            [0, 0, 1],
        ]
    )
    K = np.array([[FOCAL, 0, CENTRE[0] - 0.5], [0, FOCAL, CENTRE[1] - 0.5], [0, 0, 1]])
    pictures = []
    for turn in np.linspace(0, 2 * np.pi, count, endpoint=False):
        R = Rotation.from_rotvec(0.5 * np.array([np.cos(turn), np.sin(turn), 0])).as_matrix()
        t = np.array([0.06 * np.cos(turn + 1), 0.05 * np.sin(turn + 1), 0.5])
        H = K @ np.stack([R[:, 0], R[:, 1], t], 1) @ to_board
        gray = cv2.warpPerspective(paper, H, SIZE, flags=cv2.INTER_AREA, borderValue=255)
        pictures.append(np.repeat(gray[..., None], 3, 2))
    return pictures


@pytest.mark.parametrize("board", [Board(), Board(kind="chessboard", columns=8, rows=6)])
def test_a_lens_from_a_drawn_board(board: Board):
    board = replace(board, square=0.035, marker=0.026)
    lens = calibrate_lens(find(film(board), board), SIZE)
    assert lens.num_pictures >= 6
    assert lens.error_px < 0.5
    assert lens.K[[0, 1], [0, 1]] == pytest.approx([FOCAL, FOCAL], rel=0.01)
    assert lens.K[:2, 2] == pytest.approx(CENTRE, abs=5)
    # Where boards were seen, up to 0.3 off the axis, it bends by less than a pixel or two.
    k1, k2 = lens.distortion[:2]
    assert abs(0.3 * FOCAL * (k1 * 0.3**2 + k2 * 0.3**4)) < 2.0


def find(pictures: list[np.ndarray], board: Board) -> list[BoardView]:
    finder = BoardFinder(board)
    found = [finder.find(picture, moment) for moment, picture in enumerate(pictures)]
    return [view for view in found if view is not None]


def test_a_chessboard_upside_down_has_its_corners_where_they_were():
    """One end of a board with an odd and an even number of squares has a dark corner square."""
    board = Board(kind="chessboard", columns=8, rows=5, square=0.035)
    picture = film(board, count=1)[0]
    upright, turned = find([picture, np.ascontiguousarray(picture[::-1, ::-1])], board)
    back = np.array(SIZE) - turned.image
    np.testing.assert_allclose(back, upright.image, atol=0.2)


def test_a_chessboard_that_the_quick_search_misses(monkeypatch: pytest.MonkeyPatch):
    """The thorough searches give the corners of the quick one."""
    board = Board(kind="chessboard", columns=8, rows=5, square=0.035)
    picture = film(board, count=1)[0]
    (quick,) = find([picture], board)
    search = cv2.findChessboardCornersSB
    monkeypatch.setattr(
        cv2,
        "findChessboardCornersSB",
        lambda gray, inner, flags=0: search(gray, inner, flags=flags) if flags else (False, None),
    )
    (thorough,) = find([picture], board)
    np.testing.assert_allclose(thorough.image, quick.image, atol=0.6)
    monkeypatch.setattr(cv2, "findChessboardCornersSB", lambda *_, **__: (False, None))
    (oldest,) = find([picture], board)
    np.testing.assert_allclose(oldest.image, quick.image, atol=0.6)


def test_no_board_and_no_sense():
    white = [np.full((480, 640, 3), 255, np.uint8)] * 5
    assert not find(white, Board())
    with pytest.raises(NothingFoundError, match="0 pictures"):
        calibrate_lens([], SIZE)
    for board in (Board(columns=1), Board(dictionary="DICT_OF_NOTHING"), Board(marker=0.05)):
        with pytest.raises(InputError):
            BoardFinder(board)


def test_one_pose_of_the_board_is_refused_or_poor():
    """A board that only ever stands square to the camera does not tell the focal length."""
    board = Board(kind="chessboard", columns=8, rows=6, square=0.035)
    flat = BoardView(
        board=np.stack(
            [*np.meshgrid(np.arange(7.0), np.arange(5.0)), np.zeros((5, 7))], -1
        ).reshape(-1, 3)
        * board.square,
        image=np.stack(np.meshgrid(np.arange(7.0), np.arange(5.0)), -1).reshape(-1, 2) * 50 + 100,
        moment=0,
    )
    try:
        lens = calibrate_lens([flat] * 6, SIZE, fisheye=True)
    except NothingFoundError as error:
        assert "more sides" in str(error)
    else:
        assert np.isfinite(lens.K).all()
