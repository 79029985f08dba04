"""Rerun the supplement's Table 1: do flow, velocity, acceleration, and weight and bias help HANet?

    .venv/bin/python tools/build_clean_motion.py ../shared/data clean.npz
    .venv/bin/python tools/ablate_hanet.py clean.npz runs/ablation
    .venv/bin/python tools/ablate_hanet.py clean.npz runs/ablation-bank --filter-bank

Small networks, equal trainings with the paper's loss alone, the same batches for all rows of a
seed.
Stopped, the same command goes on. Measured on the held-out subjects with the fitted noise; each row
adds a component to the row above. Intervals are of the difference to that row, by bootstrap over
sequences, every sequence being the mean over seeds.
"""

import argparse
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from _refinement_data import mocap_sequences

from marey.body import Body, load_body
from marey.evaluate.motion import acceleration_errors
from marey.evaluate.positions import joint_errors
from marey.models.hanet import HANet, HANetConfig, LossOptions, Schedule, refine_sequence
from marey.recipes.hanet_mocap import FPS, LEFT_OUT, POINTS, TEST, VALIDATION
from marey.train.clean_motion import CleanMotion, read_clean_motion
from marey.train.loop import TrainOptions, train
from marey.train.mocap_pairs import MocapPairs, PairOptions

COMPONENTS = ("flow", "velocity", "acceleration", "weight_bias")
LIMBS = tuple(
    f"{side}_{joint}"
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)
"""36 channels: fewer than the width, or the network could not subtract independent jitter."""
NETWORK = HANetConfig(
    representation="3d",
    num_joints=len(LIMBS),
    joints=LIMBS,
    fps=FPS,
    interval=5,
    window=51,
    width=64,
    levels=2,
    decoder_layers=2,
    dropout=0.0,
)
_DRAWS = 2000


def main() -> None:
    """Train what is not trained yet and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("motion", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--filter-bank", action="store_true", help="with our filter bank")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    motion, body = read_clean_motion(arguments.motion), load_body("marey-h", mesh="light")
    data = hashlib.sha256(arguments.motion.read_bytes()).hexdigest()
    learned = motion.of_subjects(set(motion.subject) - {*TEST, *VALIDATION, *LEFT_OUT})
    pairs = PairOptions(names=LIMBS, window=NETWORK.window, rate=FPS, batch=32)
    source = MocapPairs(motion=learned, body=body, options=pairs)
    test = held_out(motion.of_subjects(TEST), body)
    rows: list[list[np.ndarray]] = [[] for _ in range(len(COMPONENTS) + 1)]
    for seed in range(arguments.seeds):
        for count, row in enumerate(rows):
            on = {name: place < count for place, name in enumerate(COMPONENTS)}
            network = train(
                TrainOptions(
                    network=replace(NETWORK, filter_bank=arguments.filter_bank, **on),
                    schedule=Schedule(
                        warmup_steps=arguments.steps // 20, total_steps=arguments.steps
                    ),
                    loss=LossOptions(),
                    start_from_input=True,
                    seed=seed,
                ),
                source,
                arguments.folder / f"{count}-{seed}",
                data=data,
            )
            row.append(measure(network, test))
            print(seed, count, np.round(row[-1].mean(0), 3), flush=True)
    print(format_table(rows, measure(None, test)))


def held_out(motion: CleanMotion, body: Body) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return noisy and true points of the limbs, (T, 12, 3) m."""
    rows = [POINTS.index(name) for name in LIMBS]
    pairs = mocap_sequences(motion, body, "points", level=1.0, seed=2)
    return [(pair.noisy[:, rows], pair.clean[:, rows]) for pair in pairs]


def measure(network: HANet | None, test: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return each sequence's MPJPE (mm) and acceleration error (m/s^2), one row each.

    None measures the input.
    """
    figures = []
    for noisy, clean in test:
        found = noisy if network is None else refine_sequence(network, noisy, fps=FPS).position
        change = acceleration_errors(found, clean, frame_rate=FPS)
        figures.append((1000 * joint_errors(found, clean).mean(), change.mean()))
    return np.array(figures)


def format_table(rows: list[list[np.ndarray]], before: np.ndarray) -> str:
    """Return the table in Markdown: means over sequences, and what each component changes."""
    lines = [
        "| flow | velocity | acceleration | weight and bias | MPJPE (mm) | by seed | change "
        "| acceleration error (m/s^2) | change |",
        "|---|---|---|---|---|---|---|---|---|",
        f"| input | | | | {before[:, 0].mean():.2f} | | | {before[:, 1].mean():.2f} | |",
    ]
    means = [np.mean(row, axis=0) for row in rows]
    for count, (row, mean) in enumerate(zip(rows, means, strict=True)):
        marks = " | ".join("yes" if place < count else "" for place in range(len(COMPONENTS)))
        seeds = ", ".join(f"{each[:, 0].mean():.2f}" for each in row)
        cells = []
        for column in (0, 1):
            change = "" if count == 0 else _change(mean[:, column] - means[count - 1][:, column])
            cells.append((f"{mean[:, column].mean():.2f}", change))
        lines.append(
            f"| {marks} | {cells[0][0]} | {seeds} | {cells[0][1]} | {cells[1][0]} | {cells[1][1]} |"
        )
    return "\n".join(lines)


def _change(difference: np.ndarray) -> str:
    drawn = np.random.default_rng(0).integers(0, len(difference), (_DRAWS, len(difference)))
    low, high = np.quantile(difference[drawn].mean(1), [0.025, 0.975])
    return f"{difference.mean():+.2f} ({low:+.2f} to {high:+.2f})"


if __name__ == "__main__":
    main()
