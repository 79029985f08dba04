"""Measure HANet beside the classical filters on pairs the training never saw.

    .venv/bin/python tools/measure_refinement.py tune clean.npz
    .venv/bin/python tools/measure_refinement.py table clean.npz ../shared/data

`tune` chooses each filter's settings on training subjects: the least sum of MPJPE and acceleration
error, each relative to the input's. They stand in `marey.capture.filters` as `FilterOptions` (for
points) and `ROTATION_FILTERS`. `table` prints the tables of docs/refine.md but Panoptic's, which
`measure_panoptic.py` prints. Intervals are percentile bootstrap over sequences.
"""

import argparse
import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from _refinement_data import (
    Sequence,
    blazepose_tracks,
    mocap_sequences,
    to_points,
)

from marey.body import Body, load_body
from marey.body.joint_rotations import to_world
from marey.capture.filters import FilterOptions, filter_values
from marey.capture.refine import RefineSettings, refine_motion, refine_points
from marey.core import BodyMotion
from marey.evaluate.bootstrap import confidence_interval
from marey.evaluate.motion import acceleration, acceleration_errors, jitter
from marey.evaluate.positions import joint_errors
from marey.geometry.rotation import matrix_to_quaternion, quaternion_to_matrix, rotation6d_to_matrix
from marey.recipes.hanet_mocap import FPS, LEFT_OUT, POINTS, TEST, VALIDATION
from marey.train.body_points import NUM_JOINTS, make_point_model, place_points
from marey.train.clean_motion import CleanMotion, read_clean_motion

METHODS = ("none", "gaussian", "savgol", "one-euro", "hanet")
GRID = {
    "gaussian": [{"gaussian_s": s} for s in (0.02, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16)],
    "savgol": [
        {"savgol_s": s, "savgol_order": k}
        for s, k in itertools.product((0.17, 0.23, 0.3, 0.37, 0.43, 0.5, 0.63, 0.77, 0.9), (2, 3))
    ],
    "one-euro": [
        {"one_euro_cutoff": c, "one_euro_beta": b}
        for c, b in itertools.product((0.5, 1, 1.5, 2, 3, 5, 8), (0, 0.3, 1, 2, 4, 8))
    ],
}


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["tune", "table"])
    parser.add_argument("motion", type=Path)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--parts", nargs="*", default=["points", "rotations", "real"])
    parser.add_argument("--methods", nargs="*", default=METHODS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    motion, body = read_clean_motion(arguments.motion), load_body("marey-h", mesh="light")
    if arguments.what == "tune":
        tune(motion, body)
    else:
        tables(motion, body, arguments.data, arguments.parts, arguments.methods)


def tune(motion: CleanMotion, body: Body) -> None:
    """Print each filter's best settings on a part of the training subjects."""
    own = motion.of_subjects(set(motion.subject) - {*TEST, *VALIDATION, *LEFT_OUT})
    place = Joints(body)
    for quantity in ("points", "rotations"):
        pairs = list(mocap_sequences(own, body, quantity, level=1.0, seed=1))[::4]
        rotations = quantity == "rotations"
        truth = [place(pair.clean) if rotations else pair.clean for pair in pairs]
        before = [place(pair.noisy) if rotations else pair.noisy for pair in pairs]
        base = _two(before, truth)
        for name, settings in GRID.items():
            best = []
            for setting in settings:
                options = replace(FilterOptions(), **setting)
                found = [_filter(pair.noisy, name, options) for pair in pairs]
                found = [place(each) for each in found] if rotations else found
                score = _two(found, truth)
                best.append((score[0] / base[0] + score[1] / base[1], score, setting))
            total, score, setting = min(best, key=lambda row: row[0])
            print(quantity, name, setting, f"{total:.3f}", np.round(score, 2), flush=True)


def _filter(values: np.ndarray, name: str, options: FilterOptions) -> np.ndarray:
    flat = values.reshape(len(values), -1)
    return filter_values(flat, name, rate=FPS, options=options).reshape(values.shape)


def _two(found: list[np.ndarray], truth: list[np.ndarray]) -> tuple[float, float]:
    errors = np.concatenate([joint_errors(a, b).ravel() for a, b in zip(found, truth, strict=True)])
    changes = np.concatenate(
        [
            acceleration_errors(a, b, frame_rate=FPS).ravel()
            for a, b in zip(found, truth, strict=True)
        ]
    )
    return 1000 * float(errors.mean()), float(changes.mean())


class Joints:
    """Places the joints of the mean body, relative to the middle of the hips."""

    def __init__(self, body: Body):
        self.body = body
        self.model = make_point_model(body, body.joint_names[:NUM_JOINTS])

    def __call__(self, columns: np.ndarray) -> np.ndarray:
        """Return (T, 22, 3) m from (T, 22, 6)."""
        local = rotation6d_to_matrix(torch.from_numpy(columns).float(), layout="interleaved")
        world = to_world(local[None], self.body.parents)
        shape = torch.zeros(1, self.body.num_shape)
        return place_points(self.model, world, shape)[0].double().numpy()


def tables(
    motion: CleanMotion, body: Body, data: Path, parts: list[str], methods: list[str]
) -> None:
    """Print the tables."""
    test = motion.of_subjects(TEST)
    for level in (1.0, 2.0):
        if "points" in parts:
            print_points(test, body, level, methods)
        if "rotations" in parts:
            print_rotations(test, body, level, methods)
    if "real" in parts:
        print_real(data, methods)


def print_points(test: CleanMotion, body: Body, level: float, methods: list[str]) -> None:
    """Print the table of points on held-out subjects."""
    print(f"\n## Points, held-out subjects, noise level {level:g}\n")
    pairs = list(mocap_sequences(test, body, "points", level=level, seed=2))
    print_table(
        {method: ([_refine_points(pair, method) for pair in pairs], pairs) for method in methods}
    )


def print_rotations(test: CleanMotion, body: Body, level: float, methods: list[str]) -> None:
    """Print the table of rotations on held-out subjects."""
    print(f"\n## Rotations, held-out subjects, noise level {level:g}\n")
    place = Joints(body)
    pairs = list(mocap_sequences(test, body, "rotations", level=level, seed=2))
    posed = [replace(pair, clean=place(pair.clean)) for pair in pairs]
    print_table(
        {
            method: ([place(_refine_rotations(pair, method)) for pair in pairs], posed)
            for method in methods
        }
    )


def print_real(data: Path, methods: list[str]) -> None:
    """Print the table of real estimates without a truth."""
    print("\n## BlazePose tracks of real videos\n")
    print("| video | method | acceleration (m/s^2) | jitter (m/s^3) | moved by (mm) |")
    print("|---|---|---|---|---|")
    for label, points in blazepose_tracks(data / "blazepose_detections"):
        rate = 1 / np.median(np.diff(points.time))
        for method in methods:
            found = refine_points(points, RefineSettings(method=method)).points.position[0]
            moved = np.nanmean(np.linalg.norm(found - points.position[0], axis=-1))
            print(
                f"| {label} | {method} | {acceleration(found, frame_rate=rate).value:.1f} "
                f"| {jitter(found, frame_rate=rate).value:.0f} | {1000 * moved:.1f} |"
            )


def _refine_points(pair: Sequence, method: str) -> np.ndarray:
    points = to_points(pair.noisy, POINTS, FPS, "world")
    return refine_points(points, RefineSettings(method=method)).points.position[0]


def _refine_rotations(pair: Sequence, method: str) -> np.ndarray:
    R = rotation6d_to_matrix(torch.from_numpy(pair.noisy), layout="interleaved")
    q = matrix_to_quaternion(R).numpy()
    count = len(q)
    pose = np.tile([1.0, 0, 0, 0], (1, count, 51, 1))
    pose[0, :, : NUM_JOINTS - 1] = q[:, 1:]
    motion = BodyMotion(
        body="marey-h",
        people=("person1",),
        time=np.arange(count) / FPS,
        shape=np.zeros((1, 10)),
        T_world_root=np.concatenate([q[None, :, 0], np.zeros((1, count, 3))], -1),
        R_parent_joint=pose,
        confidence=np.ones((1, count)),
    )
    refined = refine_motion(motion, RefineSettings(method=method)).motion
    q[:, 0], q[:, 1:] = (
        refined.T_world_root[0, :, :4],
        refined.R_parent_joint[0, :, : NUM_JOINTS - 1],
    )
    matrix = quaternion_to_matrix(torch.from_numpy(q))
    return torch.cat([matrix[..., :1], matrix[..., 1:2]], -1).flatten(-2).numpy()


def print_table(rows: dict[str, tuple[list[np.ndarray], list[Sequence]]]) -> None:
    """Print MPJPE, acceleration error and loss of peak velocity, with intervals."""
    print("| method | MPJPE (mm) | acceleration error (m/s^2) | peak velocity lost (%) |")
    print("|---|---|---|---|")
    for method, (found, pairs) in rows.items():
        truth = [pair.clean for pair in pairs]
        errors = [1000 * joint_errors(a, b)[None] for a, b in zip(found, truth, strict=True)]
        changes = [
            acceleration_errors(a, b, frame_rate=FPS)[None]
            for a, b in zip(found, truth, strict=True)
        ]
        loss, interval = peak_loss(found, truth)
        cells = [_cell(errors), _cell(changes)]
        print(
            f"| {method} | {cells[0]} | {cells[1]} | {100 * loss:.1f} "
            f"({100 * interval[0]:.1f} to {100 * interval[1]:.1f}) |",
            flush=True,
        )


def _cell(maps: list[np.ndarray]) -> str:
    mean = np.concatenate([each.ravel() for each in maps]).mean()
    interval = confidence_interval(maps, order="joints")
    return f"{mean:.2f}" + (
        "" if interval is None else f" ({interval[0]:.2f} to {interval[1]:.2f})"
    )


def peak_loss(
    found: list[np.ndarray], truth: list[np.ndarray]
) -> tuple[float, tuple[float, float]]:
    """Return the loss over all sequences together, and its interval over redrawn sequences."""
    parts = []
    speeds = [np.linalg.norm(np.diff(each, axis=0), axis=-1) for each in truth]
    limit = np.quantile(np.concatenate([each.ravel() for each in speeds]), 0.99)
    for ours, theirs, speed in zip(found, truth, speeds, strict=True):
        change = np.diff(theirs, axis=0)
        along = (np.diff(ours, axis=0) * change).sum(-1) / np.where(speed > 0, speed, 1)
        fast = speed >= limit
        parts.append((along[fast].sum(), speed[fast].sum()))
    table = np.array(parts)
    drawn = np.random.default_rng(0).multinomial(
        len(table), np.full(len(table), 1 / len(table)), 1000
    )
    totals = drawn @ table
    low, high = np.quantile(1 - totals[:, 0] / totals[:, 1], [0.025, 0.975])
    return 1 - table[:, 0].sum() / table[:, 1].sum(), (float(low), float(high))


if __name__ == "__main__":
    main()
