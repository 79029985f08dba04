"""What it costs to put clocks right, by the number of cameras; how well it is done.

`python -m benchmarks.clocks` prints the table of docs/calibration.md: rings of cameras around three
people who walk, 300 frames of 30 Hz, 2 px of noise, every clock off by up to a second.
"""

import argparse
import time as clock

import numpy as np
from jaxtyping import Float

from benchmarks._tables import Table, format_table
from marey.body import load_body
from marey.capture.rig.synchronise import synchronise
from marey.core import Cameras, Keypoints2D, convert_keypoints, load_skeleton
from marey.fit.threads import one_thread_each
from marey.synthetic import PERFECT, make_cameras, synthetic_scene

FRAMES, MARGIN, RATE = 300, 30, 30.0


def film(
    num_views: int, num_people: int
) -> tuple[list[Keypoints2D], Float[np.ndarray, "C"], Cameras]:
    """Return views that each began at a moment of its own, how late each did, s, and cameras."""
    cameras, coco = make_cameras(num_views, distance=7.0), load_skeleton("coco-17")
    scene = synthetic_scene(
        load_body(),
        "walk",
        num_frames=FRAMES + 2 * MARGIN,
        num_people=num_people,
        cameras=cameras,
        noise=PERFECT,
    )
    rng, truth = np.random.default_rng(0), scene.truth2d
    late = rng.integers(-MARGIN, MARGIN + 1, num_views)
    position = convert_keypoints(truth.position, truth.skeleton, coco)
    views = []
    for view in range(num_views):
        frames = slice(MARGIN + late[view], MARGIN + late[view] + FRAMES)
        own = position[view, :, frames]
        own = np.asarray(own + 2 * rng.standard_normal(own.shape))
        views.append(
            Keypoints2D(
                skeleton=coco,
                people=truth.people,
                time=np.arange(FRAMES) / RATE,
                position=own.astype(np.float32),
                confidence=np.isfinite(own).all(-1).astype(np.float32),
            )
        )
    return views, (late - late[0]) / RATE, cameras


def main(arguments: list[str] | None = None) -> None:
    """Time rings of several sizes and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.clocks", description=__doc__)
    parser.add_argument("--views", type=int, nargs="+", default=[4, 20, 64])
    rows = []
    for num_views in parser.parse_args(arguments).views:
        for num_people in (1, 3):
            views, late, cameras = film(num_views, num_people)
            with one_thread_each():
                begin = clock.process_time()
                found = synchronise(views, cameras)
                seconds = clock.process_time() - begin
            off = np.abs(found.offset - late) * RATE
            rows.append(
                (
                    f"{num_views} cameras, {num_people} people",
                    round(seconds, 1),
                    round(seconds / num_views, 2),
                    round(float(np.median(off)), 2),
                    round(float(off.max()), 2),
                )
            )
            print(rows[-1])
    table = Table(
        title="Clocks of rings",
        columns=("ring", "processor s", "per camera", "median error, frames", "largest"),
        rows=tuple(rows),
        notes=(f"{FRAMES} frames of {RATE:.0f} Hz, clocks off by up to a second.",),
    )
    print(format_table(table))


if __name__ == "__main__":
    main()
