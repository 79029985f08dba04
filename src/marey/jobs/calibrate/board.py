"""Pictures or videos of a printed board in, lenses out; and places, where all see it at once."""

from collections.abc import Callable, Sequence
from pathlib import Path

from marey.capture.rig.board_rig import locate_corners, place_by_board
from marey.core.errors import NothingFoundError
from marey.core.progress import Progress, silent
from marey.jobs.calibrate.board_description import read_board
from marey.jobs.calibrate.board_lenses import find_lenses, take_lenses
from marey.jobs.calibrate.board_page import describe_camera, draw_corners
from marey.jobs.calibrate.board_pictures import look_for_board
from marey.jobs.calibrate.result import Calibration
from marey.jobs.camera_files import read_cameras
from marey.view.calibration import CalibrationPage

Note = Callable[[str], None]


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

    paths = [Path(source) for source in sources]
    seen = look_for_board(
        paths,
        printed,
        every=every,
        progress=lambda done: progress("board", done, None),
        note=tell,
    )
    names = tuple(path.resolve().stem for path in paths)
    if len(set(names)) < len(names):
        names = tuple(f"camera{row + 1}" for row in range(len(names)))
    if lenses is None:
        cameras = find_lenses(names, seen, fisheye=fisheye)
    else:
        cameras = take_lenses(read_cameras(lenses), names, [own.size for own in seen])
    views = [own.views for own in seen]
    placed = False
    if len(paths) > 1:
        try:
            cameras = place_by_board(cameras, views)
            placed = True
            tell(
                "the world is that of the board in the first moment that most cameras saw it, "
                "with Z out of it; put it on the floor then, to have Z up"
            )
            if printed.kind == "chessboard" and (printed.columns + printed.rows) % 2 == 0:
                tell(
                    f"a chessboard of {printed.columns} by {printed.rows} squares looks the same "
                    "upside down, so cameras that face each other may be placed wrongly; use one "
                    "with an odd number of squares one way and an even number the other way"
                )
        except NothingFoundError as error:
            tell(f"only lenses were found: {error}")
    rows = [describe_camera(cameras, row, views[row]) for row in range(len(names))]
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
            draw_corners(name, own.views, own.picture)
            for name, own in zip(names, seen, strict=True)
        ),
        what="corners",
    )
    return Calibration(cameras=cameras, page=page)
