"""Speed of the metrics against NumPy in batches and against a loop over frames, in the same run.

`python -m benchmarks.evaluate` prints one line per way. The work is that of 3DPW's test set: 35,515
frames of 24 joints, MPJPE about the root and PA-MPJPE, in float64. Each way runs once to warm up;
the fastest of the following runs counts.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from marey.evaluate import PoseSequence, PoseSet, evaluate, get_protocol, mpjpe, pa_mpjpe

_FRAMES, _JOINTS, _SEQUENCES = 35_515, 24, 37


def run() -> None:
    """Print how many frames per second each way measures."""
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 0.4, (_FRAMES, _JOINTS, 3))
    predicted = truth + rng.normal(0, 0.05, truth.shape)
    ways: dict[str, Callable[[], tuple[float, float]]] = {
        "marey": lambda: (
            mpjpe(predicted, truth, root=(0,)).value,
            pa_mpjpe(predicted, truth).value,
        ),
        "NumPy, all frames at once": lambda: _in_batches(predicted, truth),
        "NumPy, frame by frame": lambda: _frame_by_frame(predicted, truth),
    }
    speeds = {}
    for name, way in ways.items():
        seconds, errors = _fastest(way, 3 if "frame by" in name else 7)
        speeds[name] = _FRAMES / seconds
        print(f"{name:<28} {speeds[name]:>10,.0f} frames/s  {1000 * np.array(errors)} mm")
    for name in list(ways)[1:]:
        print(f"marey is {speeds['marey'] / speeds[name]:.1f} times as fast as {name}")
    poses = [_cut(each) for each in (predicted, truth)]
    protocol = get_protocol("emdb-1-draft")
    seconds, _ = _fastest(lambda: evaluate(protocol, *poses), 5)
    print(f"a whole benchmark (checks, tables, intervals): {seconds:.2f} s")


def _in_batches(predicted: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    rooted = (predicted - predicted[:, :1]) - (truth - truth[:, :1])
    p, g = (each - each.mean(1, keepdims=True) for each in (predicted, truth))
    left, size, right = np.linalg.svd(p.swapaxes(1, 2) @ g)
    sign = np.sign(np.linalg.det(left @ right))
    size[:, 2] *= sign
    left[:, :, 2] *= sign[:, None]
    scale = size.sum(-1) / (p**2).sum((1, 2))
    aligned = scale[:, None, None] * p @ (left @ right) - g
    return float(np.linalg.norm(rooted, axis=-1).mean()), float(
        np.linalg.norm(aligned, axis=-1).mean()
    )


def _frame_by_frame(predicted: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    pairs = [_in_batches(p[None], g[None]) for p, g in zip(predicted, truth, strict=True)]
    means = np.mean(pairs, axis=0)
    return float(means[0]), float(means[1])


def _cut(position: np.ndarray) -> PoseSet:
    parts = np.array_split(position, _SEQUENCES)
    sequences = tuple(
        PoseSequence(name=str(row), frame=np.arange(len(part)), position=part[None])
        for row, part in enumerate(parts)
    )
    return PoseSet(skeleton="smpl-24", unit="m", sequences=sequences)


def _fastest(way: Callable[[], Any], times: int) -> tuple[float, Any]:
    result = way()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        result = way()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


if __name__ == "__main__":
    run()
