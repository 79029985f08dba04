"""Fit the detector-noise model to `pose2sim_single` and write its numbers.

    .venv/bin/python tools/fit_detector_noise.py ../shared/data \
        src/marey/train/detector_noise.toml docs/pictures/detector-noise.png

One person balances before four cameras (BSD-3): 100 frames at 60 per second, the keypoints of two
detectors in each view (OpenPose's of the sample, BlazePose's of the same four videos), and points
in space, which are projected into each view. What is fitted:

- an error in the image counts in metres at the point's depth, less its median over the sequence,
  since a constant says how two point sets are defined and not how a detector errs;
- spreads are robust (median absolute deviation). The structure function, the mean square change
  over a lag, is that of white jitter plus a slow Ornstein-Uhlenbeck process,
  `2 (jitter^2 + drift^2 (1 - exp(-lag / time)))`, with one time for all points;
- a limb is exchanged where the other side's truth explains it twice as well; it is hidden where its
  score is below `HIDDEN`, and in a burst where it is off by more than `BURST` spreads all the same.
  Rates and times are those of two-state processes;
- image tracks say nothing of depth. How much larger errors along the ray are comes from the
  landmarks in space that BlazePose gives for the same four videos, against the same points.

The points in space were triangulated from the same keypoints, so common errors of all four views do
not show: the spreads are a lower bound, and training draws levels above 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
from _truth import read_pose2sim

RATE = 60.0
LAGS = np.arange(1, 31)
FAR = 0.6
"""Beyond this (m) the detector reports somebody else, which is the tracker's matter."""
HIDDEN, BURST, SWAP = 0.3, 6.0, 0.08
GROUPS = {
    "head": ("nose",),
    "shoulder": ("left_shoulder", "right_shoulder"),
    "elbow": ("left_elbow", "right_elbow"),
    "wrist": ("left_wrist", "right_wrist"),
    "hip": ("left_hip", "right_hip"),
    "knee": ("left_knee", "right_knee"),
    "ankle": ("left_ankle", "right_ankle"),
    "foot": tuple(
        f"{side}_{place}"
        for side in ("left", "right")
        for place in ("big_toe", "small_toe", "heel")
    ),
}
HAND_SET = (
    "# Long ones: nothing is hidden for long in the recording, so these are set by hand.",
    *("rate = 0.08", "time = 0.500", "size = 0.085"),
)
LIMBS = (("elbow", "wrist"), ("knee", "ankle", "big_toe", "small_toe", "heel"))
MEDIAPIPE = {
    "nose": 0,
    **{
        f"{side}_{place}": int(2 * number) + (side == "right")
        for side in ("left", "right")
        for place, number in [
            *(("shoulder", 5.5), ("elbow", 6.5), ("wrist", 7.5), ("hip", 11.5), ("knee", 12.5)),
            *(("ankle", 13.5), ("heel", 14.5), ("big_toe", 15.5)),
        ]
    },
}


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("numbers", type=Path)
    parser.add_argument("picture", type=Path)
    arguments = parser.parse_args()
    folder = arguments.data / "pose2sim_single"
    truth = read_pose2sim(folder)
    names = truth.keypoints3d.skeleton.keypoints
    points = truth.keypoints3d.position[0].astype(np.float64)
    cameras = json.loads((folder / "calibration_opencv.json").read_text())
    openpose = np.load(folder / "openpose_body25b.npz")["keypoints"][:, :, 0]
    blazepose = read_blazepose(arguments.data / "blazepose_detections", cameras, names)
    keypoints = np.concatenate([openpose, blazepose])
    error, score = measure(points, cameras, keypoints)
    ordinary, spans = classify(points, cameras, keypoints, error, score, names)
    changes = structure(ordinary, names)
    fitted = fit(changes)
    depth = fit_depth(points, cameras, arguments.data / "blazepose_detections", names)
    write(arguments.numbers, fitted, spans, depth)
    print(arguments.numbers.read_text())
    from _noise_picture import draw  # noqa: PLC0415 - the numbers need no drawing

    draw(arguments.picture, changes, fitted, LAGS / RATE)


def read_blazepose(folder: Path, cameras: dict, names: tuple[str, ...]) -> np.ndarray:
    """Return BlazePose's keypoints (C T K 3) of the same videos in the order of the points."""
    views = []
    for camera in cameras:
        seen = np.load(folder / f"pose2sim_single_{camera}.npz")["kp"]
        view = np.full((len(seen), len(names), 3), np.nan)
        for name, row in MEDIAPIPE.items():
            view[:, names.index(name)] = seen[:, row][:, [0, 1, 3]]
        views.append(view)
    return np.stack(views)


def project(points: np.ndarray, camera: dict) -> tuple[np.ndarray, np.ndarray]:
    """Return px (T K 2) and metres per px (T K) of points; lens distortion is below a pixel."""
    X = points @ np.array(camera["R_world_to_cam"]).T + camera["t_world_to_cam_m"]
    K = np.array(camera["K"])
    pixels = X[..., :2] / X[..., 2:] * K[[0, 1], [0, 1]] + K[:2, 2]
    return pixels, X[..., 2] / K[0, 0]


def measure(
    points: np.ndarray, cameras: dict, keypoints: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return errors (C T K 2) in m, less their medians, and scores (C T K)."""
    errors = []
    for camera, seen in zip([*cameras.values()] * 2, keypoints, strict=True):
        pixels, scale = project(points, camera)
        error = (seen[..., :2] - pixels) * scale[..., None]
        errors.append(error - np.nanmedian(error, 0))
    return np.stack(errors), keypoints[..., 2]


def classify(
    points: np.ndarray,
    cameras: dict,
    keypoints: np.ndarray,
    error: np.ndarray,
    score: np.ndarray,
    names: tuple[str, ...],
) -> tuple[np.ndarray, dict]:
    """Return errors without what is extraordinary, and rates of exchanges, bursts, hidden limbs."""
    size = np.linalg.norm(error, axis=-1)
    spread = 1.4826 * np.nanmedian(size, axis=1, keepdims=True) / 1.1774
    states: dict[str, list[np.ndarray]] = {"swap": [], "burst": [], "hidden": []}
    sizes: dict[str, list[np.ndarray]] = {"burst": [], "hidden": []}
    odd = ~(size < FAR)
    for view, camera in enumerate([*cameras.values()] * 2):
        pixels, scale = project(points, camera)
        for limb in LIMBS:
            rows = {
                side: [names.index(f"{side}_{part}") for part in limb] for side in ("left", "right")
            }
            for side, other in (("left", "right"), ("right", "left")):
                own, far = rows[side], size[view][:, rows[side]] > FAR
                exchanged = (keypoints[view][:, own, :2] - pixels[:, rows[other]]) * scale[
                    :, own, None
                ]
                crossed = np.linalg.norm(exchanged, axis=-1)
                near = size[view][:, own]
                swap = np.nanmean((crossed < near / 2) & (near > SWAP), axis=1) > 0.5
                hidden = np.nanmean(score[view][:, own] < HIDDEN, axis=1) > 0.3
                off = np.nanmean((near > BURST * spread[view][:, own]) & ~far, axis=1) > 0.3
                burst = off & ~swap & ~hidden
                for name, state in (("swap", swap), ("burst", burst), ("hidden", hidden)):
                    states[name].append(state)
                for name, state in (("burst", burst), ("hidden", hidden)):
                    values = near[state]
                    sizes[name].append(values[values < FAR])
                odd[view][:, own] |= (swap | burst | hidden)[:, None]
    spans = {name: _rate(np.array(rows)) for name, rows in states.items()}
    for name, rows in sizes.items():
        flat = np.concatenate([row.ravel() for row in rows])
        spans[name]["size"] = float(np.sqrt(np.mean(flat**2) / 2)) if len(flat) else 0.0
    odd |= score < HIDDEN
    return np.where(odd[..., None], np.nan, error), spans


def _rate(state: np.ndarray) -> dict[str, float]:
    """Return beginnings per limb and second, and the mean length in s."""
    edges = np.diff(np.pad(state.astype(int), ((0, 0), (1, 0))), axis=1) == 1
    count = int(edges.sum())
    return {
        "spans": count,
        "rate": count * RATE / state.size,
        "time": float(state.sum()) / max(count, 1) / RATE,
    }


def structure(error: np.ndarray, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the robust mean square change over each lag, m^2, by group."""
    result = {}
    for group, members in GROUPS.items():
        own = error[:, :, [names.index(name) for name in members]]
        changes = [own[:, lag:] - own[:, :-lag] for lag in LAGS]
        result[group] = np.array([(1.4826 * np.nanmedian(np.abs(c))) ** 2 for c in changes])
    return result


def fit(changes: dict[str, np.ndarray]) -> dict:
    """Return jitter and drift (m) by group, and the time of the drift (s)."""
    lag = LAGS / RATE
    table = np.stack(list(changes.values()))
    scale = table.mean(1, keepdims=True)

    def rest(x: np.ndarray) -> np.ndarray:
        jitter, drift = np.exp(x[1:]).reshape(2, -1, 1)
        return ((2 * (jitter + drift * (1 - np.exp(-lag / np.exp(x[0])))) - table) / scale).ravel()

    first = np.log(np.concatenate([np.full(len(table), 0.1), np.full(len(table), 0.4)]))
    begin = np.concatenate([[np.log(0.2)], first + np.log(np.tile(scale[:, 0], 2))])
    x = least_squares(rest, begin, loss="soft_l1").x
    jitter, drift = np.sqrt(np.exp(x[1:])).reshape(2, -1)
    return {
        "time": float(np.exp(x[0])),
        "jitter": dict(zip(changes, jitter.tolist(), strict=True)),
        "drift": dict(zip(changes, drift.tolist(), strict=True)),
    }


def fit_depth(points: np.ndarray, cameras: dict, folder: Path, names: tuple[str, ...]) -> dict:
    """Return how much larger errors along the ray are, and of landmarks in space altogether."""
    ratios, across = [], []
    for name, camera in cameras.items():
        seen = np.load(folder / f"pose2sim_single_{name}.npz")["world"].astype(np.float64)
        own = points[: len(seen)] @ np.array(camera["R_world_to_cam"]).T
        hips = own[:, [names.index("left_hip"), names.index("right_hip")]].mean(1, keepdims=True)
        rows = [names.index(point) for point in MEDIAPIPE]
        columns = list(MEDIAPIPE.values())
        error = seen[:, columns] - seen[:, [23, 24]].mean(1, keepdims=True) - (own[:, rows] - hips)
        error -= np.nanmedian(error, 0)
        spread = 1.4826 * np.nanmedian(np.abs(error), (0, 1))
        ratios.append(spread[2] / np.sqrt(spread[0] * spread[1]))
        across.append(np.sqrt(spread[0] * spread[1]))
    return {"ratio": float(np.median(ratios)), "across": float(np.median(across))}


def write(path: Path, fitted: dict, spans: dict, depth: dict) -> None:
    """Write the numbers."""
    lines = [
        "# How a detector errs, fitted to pose2sim_single (BSD-3) and nothing else by",
        "# tools/fit_detector_noise.py, which says how. Metres and seconds; rates per limb and s.",
        f"drift_time = {fitted['time']:.3f}",
        f"depth_factor = {depth['ratio']:.2f}",
        "# Spread across the view of BlazePose's landmarks in space, for comparison (m).",
        f"landmark_spread = {depth['across']:.4f}",
    ]
    for name in ("swap", "burst", "hidden"):
        values = spans[name]
        lines += ["", f"[{name}]", f"# {values['spans']} spans seen"]
        lines += [f"{key} = {values[key]:.3f}" for key in ("rate", "time", "size") if key in values]
    for name in ("jitter", "drift"):
        lines += ["", f"[{name}]", *(f"{k} = {v:.4f}" for k, v in fitted[name].items())]
    lines += ["", "[occlusion]", *HAND_SET]
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
