"""Measure HANet on Panoptic beside every filter at the same loss of peak velocity.

    .venv/bin/python tools/measure_panoptic.py ../shared/data

MediaPipe's landmarks triangulated from 4 or 9 cameras against the truth, each joint's constant
offset removed; never used for training or choosing. A filter can be weak or strong, so each is made
as strong as it may be without losing more peak velocity than HANet, on these very data: that is
more than it could know. The sequence is one of 101 frames, so the intervals come of redrawing
stretches of it (circular blocks of half a second; Politis & Romano 1992), the same ones for both
sides of a difference. What includes 0 is a tie.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from _refinement_data import COMPARED, panoptic_pairs

from marey.capture.filters import FilterName, FilterOptions
from marey.capture.refine import RefineSettings, refine_points
from marey.core import Keypoints3D
from marey.evaluate.motion import acceleration_errors, peak_velocity_loss
from marey.evaluate.positions import joint_errors

FPS = 29.97
BLOCK = 15
DRAWS = 4000


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    torch.set_num_threads(1)
    print(
        "| variant | method | MPJPE (mm) | HANet's MPJPE minus this one's | acceleration error "
        "(m/s^2) | HANet's minus this one's | peak velocity lost (%) |"
    )
    print("|---|---|---|---|---|---|---|")
    for label, points, truth in panoptic_pairs(parser.parse_args().data / "panoptic_mediapipe"):
        print_variant(label.replace("_", " "), points, truth)


def print_variant(label: str, points: Keypoints3D, truth: np.ndarray) -> None:
    """Print the rows of one variant."""
    ours = refine(points, RefineSettings(), truth)
    allowed = peak_velocity_loss(ours, truth).value
    rows = {"none": refine(points, RefineSettings(method="none"), truth)}
    for name in ("gaussian", "savgol", "one-euro"):
        setting, found = strongest(name, points, truth, allowed)
        rows[f"{name} {setting}"] = found
    rows["hanet"] = ours
    errors, changes = per_frame(ours, truth)
    for name, found in rows.items():
        error, change = per_frame(found, truth)
        against = (
            ("", "") if found is ours else (_interval(errors - error), _interval(changes - change))
        )
        print(
            f"| {label} | {name} | {error.mean():.2f} | {against[0]} | {change.mean():.2f} "
            f"| {against[1]} | {100 * peak_velocity_loss(found, truth).value:.1f} |",
            flush=True,
        )


def strongest(
    name: FilterName, points: Keypoints3D, truth: np.ndarray, allowed: float
) -> tuple[str, np.ndarray]:
    """Return the setting of least MPJPE that loses no more peak velocity than allowed."""
    best = None
    for label, options in settings_of(name):
        settings = RefineSettings(method=name, filters=options)
        found = refine(points, settings, truth)
        if peak_velocity_loss(found, truth).value <= allowed:
            error = per_frame(found, truth)[0].mean()
            best = min(best or (np.inf, "", found), (error, label, found), key=lambda row: row[0])
    if best is None:
        return "(none loses so little)", refine(points, RefineSettings(method="none"), truth)
    return best[1], best[2]


def settings_of(name: FilterName) -> Iterator[tuple[str, FilterOptions]]:
    """Yield settings from weak to strong, and how to write them."""
    base = FilterOptions()
    if name == "gaussian":
        for s in np.arange(0.01, 0.081, 0.005):
            yield f"{s:.3f} s", replace(base, gaussian_s=float(s))
    elif name == "savgol":
        for order in (2, 3):
            for s in (0.17, 0.23, 0.3, 0.37, 0.43, 0.5, 0.57, 0.63):
                yield f"{s} s, order {order}", replace(base, savgol_s=s, savgol_order=order)
    else:
        for cutoff in (1.0, 2.0, 4.0, 8.0):
            for beta in (0.0, 1.0, 4.0, 16.0):
                options = replace(base, one_euro_cutoff=cutoff, one_euro_beta=beta)
                yield f"{cutoff:g} Hz, {beta:g}", options


def refine(points: Keypoints3D, settings: RefineSettings, truth: np.ndarray) -> np.ndarray:
    """Return the compared joints, refined, each without its mean offset."""
    names = points.skeleton.keypoints
    position = refine_points(points, settings).points.position[0]
    found = position[:, [names.index(name) for name in COMPARED]]
    return found - (found - truth).mean(0)


def per_frame(found: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over joints of position errors (mm) and acceleration errors (m/s^2)."""
    changes = acceleration_errors(found, truth, frame_rate=FPS)
    return 1000 * joint_errors(found, truth).mean(-1), changes.mean(-1)


def _interval(difference: np.ndarray) -> str:
    count = len(difference)
    first = np.random.default_rng(0).integers(0, count, (DRAWS, -(-count // BLOCK), 1))
    rows = ((first + np.arange(BLOCK)) % count).reshape(DRAWS, -1)[:, :count]
    low, high = np.quantile(difference[rows].mean(1), [0.025, 0.975])
    tie = " (tie)" if low <= 0 <= high else ""
    return f"{difference.mean():+.2f} ({low:+.2f} to {high:+.2f}){tie}"


if __name__ == "__main__":
    main()
