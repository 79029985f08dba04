"""Pictures or videos of a printed board in, lenses out; and places, where all see it at once."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from marey.capture.rig.board import Board, BoardFinder, BoardView, Lens, calibrate_lens
from marey.capture.rig.board_rig import locate_corners, place_by_board
from marey.core import Cameras
from marey.core.errors import InputError, NothingFoundError
from marey.core.progress import Progress, silent
from marey.io.video import probe_clip, read_frames, select_frames
from marey.jobs.calibration_result import Calibration, find_field_of_view, measure_spread
from marey.jobs.camera_files import read_cameras
from marey.view.calibration import CalibrationPage, CameraRow, Picture

_MOST_PICTURES = 60
_GOOD_PX, _FAIR_PX = 0.6, 1.5
"""At a picture 1000 px long."""
_GRID = 3
_PICTURE_PX = 640
_SPOT = (255, 205, 40)
_CHARUCO = re.compile(
    r"charuco:(\d{1,2})x(\d{1,2}):([0-9.]+):([0-9.]+)(?::(DICT_\w+))?", re.IGNORECASE
)
_CHESSBOARD = re.compile(r"chessboard:(\d{1,2})x(\d{1,2}):([0-9.]+)", re.IGNORECASE)

Note = Callable[[str], None]


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


def calibrate_by_board(
    sources: Sequence[str | Path],
    board: str,
    *,
    fisheye: bool = False,
    every: int = 1,
    lenses: Path | None = None,
    progress: Progress = silent,
    note: Note = lambda sentence: None,
) -> Calibration:
    """Find lenses from a board, and where cameras stand, if they see it at the same moments.

    Args:
        sources: Per camera, a video or a folder of pictures of the board.
        board: What was printed, see `read_board`.
        fisheye: Whether the lenses are fisheye lenses.
        every: Step between frames.
        lenses: A calibration whose lenses hold; the board only says where cameras stand.
        progress: Called as pictures are searched.
        note: Called with a sentence wherever something was assumed.

    Raises:
        InputError: If a file or the board cannot be used.
        NothingFoundError: If the board is not found often enough.
    """
    printed, notes = read_board(board), list[str]()

    def tell(sentence: str) -> None:
        notes.append(sentence)
        note(sentence)

    seen = [
        _look(Path(source), printed, every, lambda done: progress("board", done, None))
        for source in sources
    ]
    names = tuple(Path(source).resolve().stem for source in sources)
    if len(set(names)) < len(names):
        names = tuple(f"camera{row + 1}" for row in range(len(names)))
    if lenses is None:
        found = [
            _calibrate_one(name, views, size, fisheye)
            for name, (views, size, _) in zip(names, seen, strict=True)
        ]
        cameras = _make_cameras(names, found, [size for _, size, _ in seen], fisheye)
    else:
        cameras = _take_lenses(read_cameras(lenses), names, [size for _, size, _ in seen])
    views = [own for own, _, _ in seen]
    placed = False
    if len(sources) > 1:
        try:
            cameras = place_by_board(cameras, views)
            placed = True
            tell(
                "the world is that of the board in the first moment that most cameras saw it, "
                "with Z out of it; put it on the floor then, to have Z up"
            )
        except NothingFoundError as error:
            tell(f"only lenses were found: {error}")
    rows = [_describe(cameras, row, views[row], placed) for row in range(len(names))]
    doubtful = [row.name for row in rows if row.serious]
    page = CalibrationPage(
        title=f"{len(names)} camera{'s' * (len(names) > 1)}, calibrated by a board",
        facts=(board, f"{sum(len(own) for own in views)} pictures of the board"),
        verdict=f"Doubtful: {', '.join(doubtful)}." if doubtful else "The lenses fit the board.",
        notes=tuple(notes),
        cameras=cameras,
        head=("field of view", "pictures", "of the picture covered"),
        rows=tuple(rows),
        placed=placed,
        points=locate_corners(cameras, views) if placed else None,
        pictures=tuple(
            _draw(name, own, picture)
            for name, own, (_, _, picture) in zip(names, views, seen, strict=True)
        ),
        what="corners",
    )
    return Calibration(cameras=cameras, page=page)


def _look(
    source: Path, board: Board, every: int, progress: Callable[[int], None]
) -> tuple[list[BoardView], tuple[int, int], UInt8[np.ndarray, "H W 3"]]:
    """Find the board in a video or folder; return a picture of it too."""
    clip = select_frames(probe_clip(source), every=every)
    finder, views, picture = BoardFinder(board), [], None
    for count, frame in enumerate(read_frames(clip)):
        progress(count + 1)
        found = finder.find(frame.image, count)
        if found is not None:
            views.append(found)
        if picture is None or (found is not None and len(views) == 1):
            picture = frame.image
    if picture is None:
        raise NothingFoundError(f"{source} holds no picture that can be read")
    return views, clip.size, picture


def _calibrate_one(
    name: str, views: Sequence[BoardView], size: tuple[int, int], fisheye: bool
) -> Lens:
    rows = np.linspace(0, len(views) - 1, min(len(views), _MOST_PICTURES)).astype(int)
    try:
        return calibrate_lens([views[row] for row in rows], size, fisheye=fisheye)
    except NothingFoundError as error:
        raise NothingFoundError(f"{name}: {error}") from error


def _make_cameras(
    names: tuple[str, ...],
    found: Sequence[Lens],
    sizes: Sequence[tuple[int, int]],
    fisheye: bool,
) -> Cameras:
    return Cameras(
        names=names,
        model="fisheye" if fisheye else "pinhole",
        K=np.stack([lens.K for lens in found]),
        distortion=np.stack([lens.distortion for lens in found]),
        T_cam_world=np.tile([1.0, 0, 0, 0, 0, 0, 0], (len(names), 1, 1)),
        size=np.array(sizes),
        time_offset=np.zeros(len(names)),
    )


def _take_lenses(
    cameras: Cameras, names: tuple[str, ...], sizes: Sequence[tuple[int, int]]
) -> Cameras:
    if len(cameras.names) != len(names):
        raise InputError(
            f"{len(cameras.names)} lenses came with {len(names)} videos; give one per camera"
        )
    order = [
        cameras.names.index(name) if set(names) == set(cameras.names) else row
        for row, name in enumerate(names)
    ]
    if (cameras.size[order] != np.array(sizes)).any():
        raise InputError(
            "the lenses were calibrated at another picture size than the videos have; calibrate "
            "them anew, without --lenses"
        )
    return replace(
        cameras,
        names=names,
        K=cameras.K[order],
        distortion=cameras.distortion[order],
        T_cam_world=np.tile([1.0, 0, 0, 0, 0, 0, 0], (len(names), 1, 1)),
        size=np.array(sizes),
        time_offset=np.zeros(len(names)),
    )


def _describe(cameras: Cameras, row: int, views: Sequence[BoardView], placed: bool) -> CameraRow:
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


def _draw(name: str, views: Sequence[BoardView], picture: UInt8[np.ndarray, "H W 3"]) -> Picture:
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
