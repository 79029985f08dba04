"""Measure whether refining the fitted motion of `marey solve` helps: Pose2Sim's four views.

    .venv/bin/python tools/measure_solve_refined.py ../shared/data

Each view is solved alone; joints are compared with the points of all views, relative to the middle
of the hips; each sequence is turned to fit, since one camera does not know its place there.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from marey import solve
from marey.body.trajectories import joint_trajectories
from marey.capture.refine import RefineSettings, refine_motion
from marey.evaluate.motion import acceleration_errors, peak_velocity_loss
from marey.jobs.solve.options import SolveOptions

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
from _truth import read_pose2sim

NAMES = tuple(
    f"{side}_{joint}"
    for side in ("left", "right")
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    folder = parser.parse_args().data / "pose2sim_single"
    truth = read_pose2sim(folder).keypoints3d
    clean = _pick(truth.position[0], truth.skeleton.keypoints)
    cameras = json.loads((folder / "calibration_opencv.json").read_text())
    scores: dict[str, list[tuple[float, float, float]]] = {}
    for view, camera in cameras.items():
        options = SolveOptions(focal_px=camera["K"][0][0])
        take = solve(folder / f"{view}.mp4", options=options)
        motion = max(
            (person.motion for person in take.people if person.motion is not None),
            key=lambda motion: np.isfinite(motion.T_world_root[0, :, 0]).sum(),
        )
        for method in ("none", "hanet", "savgol", "gaussian", "one-euro"):
            refined = refine_motion(motion, RefineSettings(method=method)).motion
            points = joint_trajectories(refined)
            found = _pick(points.position[0], points.skeleton.keypoints)[: len(clean)]
            aligned = _align(found, clean[: len(found)])
            error = np.linalg.norm(aligned - clean[: len(found)], axis=-1)
            change = acceleration_errors(aligned, clean[: len(found)], frame_rate=60.0)
            lost = peak_velocity_loss(aligned, clean[: len(found)]).value
            row = (1000 * np.nanmean(error), np.nanmean(change), lost)
            scores.setdefault(method, []).append(row)
    print("| method | MPJPE (mm) | acceleration error (m/s^2) | peak velocity lost (%) |")
    print("|---|---|---|---|")
    for method, rows in scores.items():
        mean = np.mean(rows, 0)
        print(f"| {method} | {mean[0]:.2f} | {mean[1]:.2f} | {100 * mean[2]:.1f} |")


def _pick(position: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    points = position[:, [names.index(name) for name in NAMES]].astype(np.float64)
    hips = [NAMES.index("left_hip"), NAMES.index("right_hip")]
    return points - points[:, hips].mean(1, keepdims=True)


def _align(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Turn the whole sequence by the one rotation that fits it best."""
    known = np.isfinite(found).all(-1) & np.isfinite(truth).all(-1)
    u, _, vt = np.linalg.svd(found[known].T @ truth[known])
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    return found @ (u @ flip @ vt)


if __name__ == "__main__":
    main()
