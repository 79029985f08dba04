"""Where cameras stand, from a board that several of them see at the same moments.

Every camera knows where the board is from it; two that see it at once know how they stand to each
other. Cameras are joined one by one from the best seen moment on, and all are adjusted together
with the board's places (bundle adjustment on the corners).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from scipy.optimize import least_squares
from scipy.sparse import lil_matrix
from scipy.spatial.transform import Rotation

from marey.capture.rig.board import BoardView, find_board_pose, find_corner_rays
from marey.core import Cameras
from marey.core.errors import NothingFoundError

_MOST_MOMENTS = 60
_OUT = np.diag([1.0, -1.0, -1.0])
"""A board's Z goes into it; the world's comes out of it."""

Pose = tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "3"]]
_Seen = dict[tuple[int, int], tuple[BoardView, np.ndarray]]
"""By camera and moment: the board and its corners' rays."""


def place_by_board(cameras: Cameras, views: Sequence[Sequence[BoardView]]) -> Cameras:
    """Find where cameras stand.

    Args:
        cameras: Their lenses.
        views: Per camera, where it saw the board.

    Returns:
        Cameras in the world of the board at the moment that most of them saw it: X along its
        columns, Y up its rows, Z out of it.

    Raises:
        NothingFoundError: If a camera never sees the board together with another one.
    """
    seen, from_board = _find_poses(cameras, views)
    moments = sorted({moment for _, moment in seen})
    if not moments:
        raise NothingFoundError("no camera sees the board")
    most = max(moments, key=lambda m: sum((view, m) in seen for view in range(len(views))))
    camera: dict[int, Pose] = {}
    board: dict[int, Pose] = {most: (_OUT, np.zeros(3))}
    while len(camera) < len(views):
        grown = _grow(camera, board, from_board)
        if not grown:
            lost = next(row for row in range(len(views)) if row not in camera)
            raise NothingFoundError(
                f"{cameras.names[lost]} never sees the board at the same moment as the others do; "
                "hold it where two cameras see it, and start all of them together"
            )
    camera = _adjust(camera, board, seen, most)
    pose = [
        np.concatenate([Rotation.from_matrix(R).as_quat(canonical=True, scalar_first=True), t])
        for R, t in (camera[row] for row in range(len(views)))
    ]
    return replace(cameras, T_cam_world=np.stack(pose)[:, None])


def locate_corners(
    cameras: Cameras, views: Sequence[Sequence[BoardView]]
) -> Float[np.ndarray, "P 3"]:
    """Return where corners were in the world, as each camera that saw them says, m."""
    _, from_board = _find_poses(cameras, views)
    points = []
    for row, own in enumerate(views):
        pose = cameras.T_cam_world[row, 0]
        R = Rotation.from_quat(pose[:4], scalar_first=True).as_matrix()
        for view in own:
            if (row, view.moment) in from_board:
                turn, place = from_board[row, view.moment]
                points.append((view.board @ turn.T + place - pose[4:]) @ R)
    return np.concatenate(points) if points else np.zeros((0, 3))


def _find_poses(
    cameras: Cameras, views: Sequence[Sequence[BoardView]]
) -> tuple[_Seen, dict[tuple[int, int], Pose]]:
    seen: _Seen = {}
    poses = {}
    for row, own in enumerate(views):
        for view in own:
            ray = find_corner_rays(view, cameras, row)
            pose = find_board_pose(view, ray) if np.isfinite(ray).all() else None
            if pose is not None:
                seen[row, view.moment], poses[row, view.moment] = (view, ray), pose
    return seen, poses


def _grow(
    camera: dict[int, Pose], board: dict[int, Pose], from_board: dict[tuple[int, int], Pose]
) -> bool:
    """Join cameras that see a known board, then boards that known cameras see."""
    before = len(camera)
    answers: dict[int, list[Pose]] = {}
    for (row, moment), (R, t) in from_board.items():
        if row not in camera and moment in board:
            B, b = board[moment]
            answers.setdefault(row, []).append((R @ B.T, t - R @ B.T @ b))
    camera.update({row: _average(poses) for row, poses in answers.items()})
    answers = {}
    for (row, moment), (R, t) in from_board.items():
        if moment not in board and row in camera:
            C, c = camera[row]
            answers.setdefault(moment, []).append((C.T @ R, C.T @ (t - c)))
    board.update({moment: _average(poses) for moment, poses in answers.items()})
    return len(camera) > before or bool(answers)


def _average(poses: Sequence[Pose]) -> Pose:
    R = Rotation.from_matrix([pose[0] for pose in poses]).mean().as_matrix()
    return R, np.median([pose[1] for pose in poses], axis=0)


def _adjust(
    camera: dict[int, Pose], board: dict[int, Pose], seen: _Seen, fixed: int
) -> dict[int, Pose]:
    """Adjust cameras and boards to the corners' rays; the board of one moment stays."""
    shared = [m for m in board if m != fixed and sum((row, m) in seen for row in camera) > 1]
    step = max(1, -(-len(shared) // _MOST_MOMENTS))
    free = shared[::step]
    used = [key for key in seen if key[1] == fixed or key[1] in free]
    rows, places = sorted(camera), {moment: row for row, moment in enumerate(free)}
    start = np.concatenate(
        [_flatten(camera[row]) for row in rows] + [_flatten(board[moment]) for moment in free]
    )
    sizes = [2 * len(seen[key][1]) for key in used]
    pattern = lil_matrix((sum(sizes), len(start)), dtype=int)
    ends = np.cumsum([0, *sizes])
    for (row, moment), first, last in zip(used, ends[:-1], ends[1:], strict=True):
        pattern[first:last, 6 * row : 6 * row + 6] = 1
        if moment != fixed:
            column = 6 * (len(rows) + places[moment])
            pattern[first:last, column : column + 6] = 1

    def residuals(x: Float[np.ndarray, "n"]) -> Float[np.ndarray, "r"]:
        parts = x.reshape(-1, 6)
        off = []
        for row, moment in used:
            R, t = _unflatten(parts[row])
            B, b = board[fixed]
            if moment != fixed:
                B, b = _unflatten(parts[len(rows) + places[moment]])
            view, ray = seen[row, moment]
            local = (view.board @ B.T + b) @ R.T + t
            off.append((local[:, :2] / np.maximum(local[:, 2:], 1e-3) - ray).ravel())
        return np.concatenate(off)

    found = least_squares(
        residuals, start, jac_sparsity=pattern, loss="soft_l1", f_scale=2e-3, x_scale="jac"
    )
    return {row: _unflatten(part) for row, part in enumerate(found.x.reshape(-1, 6)[: len(rows)])}


def _flatten(pose: Pose) -> Float[np.ndarray, "6"]:
    return np.concatenate([Rotation.from_matrix(pose[0]).as_rotvec(), pose[1]])


def _unflatten(part: Float[np.ndarray, "6"]) -> Pose:
    return Rotation.from_rotvec(part[:3]).as_matrix(), part[3:]
