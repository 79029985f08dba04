"""What was printed, in a user's words."""

import re

from marey.capture.rig.board import Board
from marey.core.errors import InputError

_CHARUCO = re.compile(
    r"charuco:(\d{1,2})x(\d{1,2}):([0-9.]+):([0-9.]+)(?::(DICT_\w+))?", re.IGNORECASE
)
_CHESSBOARD = re.compile(r"chessboard:(\d{1,2})x(\d{1,2}):([0-9.]+)", re.IGNORECASE)


def read_board(text: str) -> Board:
    """Return the board that a description means.

    Args:
        text: charuco:COLUMNSxROWS:SQUARE:MARKER[:DICTIONARY] or chessboard:COLUMNSxROWS:SQUARE.

    Raises:
        InputError: If it is neither.
    """
    if match := _CHARUCO.fullmatch(text):
        columns, rows, square, marker, dictionary = match.groups()
        return Board(
            kind="charuco",
            columns=int(columns),
            rows=int(rows),
            square=_metres(square, text),
            marker=_metres(marker, text),
            dictionary=(dictionary or "DICT_4X4_50").upper(),
        )
    if match := _CHESSBOARD.fullmatch(text):
        columns, rows, square = match.groups()
        return Board(
            kind="chessboard", columns=int(columns), rows=int(rows), square=_metres(square, text)
        )
    raise InputError(
        f"'{text}' describes no board; write charuco:7x5:0.04:0.03 (squares across and down, their "
        "side and the markers' in m, and DICT_5X5_100 or such unless it is DICT_4X4_50) or "
        "chessboard:9x7:0.03"
    )


def _metres(word: str, text: str) -> float:
    try:
        value = float(word)
    except ValueError as error:
        raise InputError(f"'{word}' in '{text}' is no number of metres") from error
    if not 0.001 < value < 2:
        raise InputError(f"{value:g} m in '{text}' is no side of a square; give metres")
    return value
