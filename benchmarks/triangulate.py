"""Speed of triangulation against the loop its authors run, in the same process.

`python -m benchmarks.triangulate` prints the tables; `--write` keeps them in
`docs/benchmarks-views.md` beside those of `benchmarks.views`.

A ring of cameras, confidences uniform between 0.3 and 1, noise of 0.002 on the plane one metre
ahead, 12 % of all rays astray. A person-timestamp is one person's points at one moment. The loop is
Harmony4D's road in NumPy and SciPy: for every joint, a singular value decomposition for every pair
of views, then `scipy.optimize.least_squares`.
"""

import argparse
import statistics
import time as clock
from itertools import combinations

import numpy as np
from jaxtyping import Float
from scipy.optimize import least_squares

from benchmarks._machine import describe_machine, format_machine
from benchmarks._pages import VIEWS, replace_section
from benchmarks._tables import Table, format_table
from marey.capture.views.triangulate import make_extrinsics
from marey.geometry.triangulation import TriangulationOptions, triangulate
from marey.synthetic import make_cameras

_CASES = (
    (4, 17, "usual"),
    (8, 17, "usual"),
    (20, 17, "usual"),
    (20, 17, "all confident"),
    (20, 17, "no outliers"),
    (20, 133, "usual"),
    (64, 17, "usual"),
    (64, 17, "no outliers"),
)


def make_problem(
    num_views: int, num_points: int, num_moments: int, kind: str, seed: int = 0
) -> tuple[Float[np.ndarray, "C T K 2"], Float[np.ndarray, "C T K"], Float[np.ndarray, "C 1 3 4"]]:
    """Draw points, what a ring of cameras sees of them, and the cameras."""
    rng = np.random.default_rng(seed)
    extrinsics = make_extrinsics(make_cameras(num_views))
    points = 0.5 * rng.normal(size=(num_moments, num_points, 3)) + [0.0, 0.0, 0.9]
    seen = np.einsum("cij,tkj->ctki", extrinsics[:, 0, :, :3], points)
    seen += extrinsics[:, 0, None, None, :, 3]
    rays = seen[..., :2] / seen[..., 2:]
    rays += 0.002 * rng.normal(size=rays.shape)
    if kind != "no outliers":
        astray = rng.random(rays.shape[:-1]) < 0.12
        rays += np.where(astray[..., None], 0.2 * rng.normal(size=rays.shape), 0.0)
    low = 0.51 if kind == "all confident" else 0.3
    return rays, rng.uniform(low, 1.0, rays.shape[:-1]), extrinsics


def loop_over_joints(
    rays: Float[np.ndarray, "C K 2"],
    confidence: Float[np.ndarray, "C K"],
    extrinsics: Float[np.ndarray, "C 3 4"],
) -> Float[np.ndarray, "K 3"]:
    """Triangulate one person at one moment the way the loop does it."""
    result = np.full((rays.shape[1], 3), np.nan)
    for joint in range(rays.shape[1]):
        views = np.flatnonzero(confidence[:, joint] > 0.5)
        best: list[int] = []
        for pair in combinations(views.tolist(), 2):
            point = _solve(rays[:, joint], confidence[:, joint], extrinsics, pair)
            near = [
                view
                for view in views.tolist()
                if view in pair or _error(rays[view, joint], extrinsics[view], point) < 0.01
            ]
            if len(near) > len(best):
                best = near
        if len(best) >= 2:
            start = _solve(rays[:, joint], confidence[:, joint], extrinsics, best)

            def errors(x, joint: int = joint, best: list[int] = best) -> list[float]:
                return [_error(rays[view, joint], extrinsics[view], x) for view in best]

            result[joint] = least_squares(errors, start, method="trf", loss="huber").x
    return result


def _solve(rays, confidence, extrinsics, views) -> Float[np.ndarray, "3"]:
    rows = []
    for view in views:
        top, middle, bottom = extrinsics[view]
        rows.append(confidence[view] * (rays[view, 0] * bottom - top))
        rows.append(confidence[view] * (rays[view, 1] * bottom - middle))
    null = np.linalg.svd(np.array(rows))[2][-1]
    return null[:3] / null[3]


def _error(ray, extrinsics, point) -> float:
    seen = extrinsics @ np.append(point, 1.0)
    return float(0.5 * np.linalg.norm(seen[:2] / seen[2] - ray))


def time_ours(num_views: int, num_points: int, kind: str, workers: int) -> tuple[float, float]:
    """Return person-timestamps per second of time and of processor time, medians of five runs."""
    moments = max(20, 200_000 // (num_views * num_points))
    arrays = make_problem(num_views, num_points, moments, kind)
    options = TriangulationOptions(workers=workers)
    triangulate(*arrays, options=options)
    seconds, processor = [], []
    for _ in range(5):
        begin, spent = clock.perf_counter(), clock.process_time()
        triangulate(*arrays, options=options)
        seconds.append(clock.perf_counter() - begin)
        processor.append(clock.process_time() - spent)
    return moments / statistics.median(seconds), moments / statistics.median(processor)


def time_loop(num_views: int, num_points: int, kind: str) -> tuple[float, float]:
    """Return person-timestamps per second of the loop, and how far its points lie from ours, mm."""
    rays, confidence, extrinsics = make_problem(num_views, num_points, 2, kind)
    begin = clock.perf_counter()
    loop = [
        loop_over_joints(rays[:, moment], confidence[:, moment], extrinsics[:, 0])
        for moment in range(2)
    ]
    seconds = clock.perf_counter() - begin
    ours = triangulate(rays, confidence, extrinsics).position
    return 2 / seconds, 1000 * float(np.nanmax(np.abs(np.stack(loop) - ours)))


def main(arguments: list[str] | None = None) -> None:
    """Run the races, print and perhaps keep the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.triangulate", description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the table in the docs")
    options = parser.parse_args(arguments)
    machine, rows = describe_machine(), []
    for num_views, num_points, kind in _CASES:
        one, per_core = time_ours(num_views, num_points, kind, 1)
        two, _ = time_ours(num_views, num_points, kind, 2)
        row = [
            f"{num_views} cameras, {num_points} points, {kind}",
            *map(round, (two, one, per_core)),
        ]
        if num_points == 17 and num_views <= 20:
            loop, apart = time_loop(num_views, num_points, kind)
            row += [round(loop, 2), round(two / loop), round(apart, 4)]
        else:
            row += [None, None, None]
        rows.append(tuple(row))
        print(rows[-1])
    table = Table(
        title="Person-timestamps per second",
        columns=(
            "problem",
            "two threads",
            "one thread",
            "per second of processor time",
            "SciPy loop",
            "times faster",
            "largest difference, mm",
        ),
        rows=tuple(rows),
        notes=(
            "Written by `python -m benchmarks.triangulate --write`.",
            "Every pair of views is accounted for; one that cannot win any more is not solved, and "
            "the result is that of the exhaustive search (tests/geometry/test_triangulation.py).",
            "Processor time is what a thread itself used: on a busy machine the figure to compare.",
        ),
    )
    text = f"{format_machine(machine)}\n\n{format_table(table)}"
    print(text)
    if options.write:
        replace_section(VIEWS, "## Triangulation", f"## Triangulation\n\n{text}")


if __name__ == "__main__":
    main()
