"""Calibration by a board and by the scene, measured on OpenCV's sample pictures.

`python -m benchmarks.calibration FOLDER` prints the tables of docs/calibration.md. FOLDER is the
unpacked source distribution of opencv-contrib-python (`pip download --no-binary :all: --no-deps
opencv-contrib-python`), which holds them below `opencv/samples/data` (13 pairs of a chessboard by
two cameras side by side, one picture of a ChArUco board and its camera) and
`opencv_contrib/modules/sfm/samples/data/images` (four pictures of a church).
"""

import shutil
import sys
import tempfile
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.core import Cameras
from marey.io.calibration.opencv import read_opencv
from marey.jobs.calibrate.board import calibrate_by_board
from marey.jobs.calibrate.structure import calibrate_by_sfm

INNER, SQUARE_M = (9, 6), 0.025
REACHES = (11, 5)
"""Half-widths of the window in which OpenCV's corners are refined, px: that of its sample, and one
that does not reach the next corner where the board leans most."""


def reference(pictures: Sequence[Path], reach: int) -> tuple[float, np.ndarray, np.ndarray]:
    """Calibrate as OpenCV's sample does: error, K and distortion."""
    board = np.zeros((INNER[0] * INNER[1], 3), np.float32)
    board[:, :2] = SQUARE_M * np.mgrid[: INNER[0], : INNER[1]].T.reshape(-1, 2)
    corners, size = [], (0, 0)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 40, 0.001)
    for path in pictures:
        gray = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert gray is not None
        found, rough = cv2.findChessboardCorners(gray, INNER)
        if found:
            corners.append(cv2.cornerSubPix(gray, rough, (reach, reach), (-1, -1), stop))
        size = gray.shape[::-1]
    error, K, bends = cv2.calibrateCamera(
        [board] * len(corners), corners, size, np.eye(3), np.zeros(5), flags=cv2.CALIB_FIX_K3
    )[:3]
    return error, K, np.ravel(bends)


def judge_board(samples: Path) -> None:
    """Calibrate both cameras of the stereo pictures, and compare."""
    with tempfile.TemporaryDirectory() as name:
        folders = []
        for side in ("left", "right"):
            folder = Path(name) / side
            folder.mkdir()
            for picture in sorted(samples.glob(f"{side}[0-9][0-9].jpg")):
                shutil.copy(picture, folder)
            folders.append(folder)
        done = calibrate_by_board(folders, f"chessboard:{INNER[0] + 1}x{INNER[1] + 1}:{SQUARE_M}")
        print("| camera | focal length, px | centre, px | k1, k2 | error, px |")
        print("|---|---|---|---|---:|")
        for row, folder in enumerate(folders):
            for reach in REACHES:
                error, K, bends = reference(sorted(folder.iterdir()), reach)
                print(_line(f"{folder.name}, OpenCV's, window {reach}", K, bends, f"{error:.2f}"))
            K = done.cameras.K[row].copy()
            K[:2, 2] -= 0.5
            error = f"{done.page.rows[row].error_px:.2f} (median)"
            print(_line(f"{folder.name}, marey", K, done.cameras.distortion[row], error))
    shipped = read_opencv([samples / "left_intrinsics.yml"])
    K = shipped.K[0].copy()
    K[:2, 2] -= 0.5
    print(_line("left, the file that is shipped", K, shipped.distortion[0], "0.39"))
    R, t = between(done.cameras, 0, 1)
    degrees = np.degrees(R.magnitude())
    print(f"\nbaseline {1000 * np.linalg.norm(t):.1f} mm, turned by {degrees:.2f} degrees")
    print("\n".join(done.lines))


def _line(name: str, K: np.ndarray, bends: np.ndarray, error: str) -> str:
    return (
        f"| {name} | {K[0, 0]:.1f}, {K[1, 1]:.1f} | {K[0, 2]:.1f}, {K[1, 2]:.1f} | "
        f"{bends[0]:.3f}, {bends[1]:.3f} | {error} |"
    )


def judge_charuco(samples: Path) -> None:
    """Look at the one picture of a ChArUco board through the lens that is shipped with it."""
    with tempfile.TemporaryDirectory() as name:
        shutil.copy(samples / "choriginal.jpg", name)
        lens = samples / "tutorial_camera_charuco.yml"
        done = calibrate_by_board([name], "charuco:5x7:0.04:0.02:DICT_6X6_250", lenses=lens)
    print("\n".join(done.lines))


def between(cameras: Cameras, one: int, other: int) -> tuple[Rotation, Float[np.ndarray, "3"]]:
    """Return the pose of a camera in another one's axes."""
    pose = cameras.T_cam_world[[one, other], 0]
    first, second = Rotation.from_quat(pose[:, :4], scalar_first=True)
    R = second * first.inv()
    return R, pose[1, 4:] - R.apply(pose[0, 4:])


def judge_scene(folder: Path) -> None:
    """Reconstruct the church; lenses are sought apart, and poses of pairs compared."""
    pictures = sorted(folder.glob("*.jpg"))
    done = calibrate_by_sfm(pictures)
    cameras = done.cameras
    print("\n".join(done.lines))
    focal = cameras.K[:, 0, 0]
    print(f"focal lengths {np.round(focal, 1)}: {100 * np.ptp(focal) / focal.mean():.2f} % apart")
    for one, other in combinations(range(len(pictures)), 2):
        R, t = between(cameras, one, other)
        own = check_pair(pictures, one, other, cameras)
        off = np.degrees((R.inv() * own[0]).magnitude())
        way = np.degrees(np.arccos(np.clip(own[1] @ t / np.linalg.norm(t), -1, 1)))
        print(f"{one + 1} to {other + 1}: {off:.2f} degrees, direction {way:.1f} degrees apart")


def check_pair(
    pictures: Sequence[Path], one: int, other: int, cameras: Cameras
) -> tuple[Rotation, Float[np.ndarray, "3"]]:
    """Return the second's pose by OpenCV's features and five-point method, of length one."""
    sift, found = cv2.SIFT.create(8000), []
    for row in (one, other):
        gray = cv2.imread(str(pictures[row]), cv2.IMREAD_GRAYSCALE)
        assert gray is not None
        keys, words = sift.detectAndCompute(gray, np.full_like(gray, 255))
        spots = np.array([key.pt for key in keys])
        K = cameras.K[row].copy()
        K[:2, 2] -= 0.5
        plane = cv2.undistortPoints(spots, K, cameras.distortion[row])
        found.append((plane.reshape(-1, 2), words))
    pairs = cv2.BFMatcher().knnMatch(found[0][1], found[1][1], k=2)
    good = [near for near, next_ in pairs if near.distance < 0.75 * next_.distance]
    a = found[0][0][[match.queryIdx for match in good]]
    b = found[1][0][[match.trainIdx for match in good]]
    E, inside = cv2.findEssentialMat(a, b, np.eye(3), cv2.RANSAC, 0.999, 0.0007)
    _, R, t, _ = cv2.recoverPose(E, a, b, np.eye(3), mask=inside)
    return Rotation.from_matrix(R), t.ravel()


def main() -> None:
    root = Path(sys.argv[1])
    samples = root / "opencv" / "samples" / "data"
    judge_board(samples)
    judge_charuco(samples / "aruco")
    judge_scene(root / "opencv_contrib" / "modules" / "sfm" / "samples" / "data" / "images")


if __name__ == "__main__":
    main()
