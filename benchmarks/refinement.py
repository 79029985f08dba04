"""What makes limbs keep their lengths: errors of points against the truth, with each rule.

`python -m benchmarks.refinement` prints the tables. Rings of cameras as in `benchmarks.views`, two
people who touch as in `benchmarks.close_contact`, and how far limbs change their lengths in the
shared motion capture. Needs the shared samples.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from benchmarks._pairs import select_frames
from benchmarks._tables import Cell, Table, format_table
from benchmarks.close_contact import SHARED, make_scenes
from benchmarks.views import make_scene
from marey.body import Body, load_body
from marey.capture.contact.keypoints import ContactRoad
from marey.capture.contact.road import pass_contact
from marey.capture.views.duplicates import suppress_duplicates
from marey.capture.views.limbs import LIMBS
from marey.capture.views.many_views import ManyViewsOptions, refine_skeletons
from marey.capture.views.pose_cost import PoseWeights
from marey.capture.views.triangulate import triangulate_keypoints
from marey.core import Keypoints3D
from marey.datasets import cmu_bvh
from marey.fit.retarget import retarget_motion
from marey.fit.threads import one_thread_each
from marey.synthetic import MotionName
from marey.synthetic.close import pose_motion, take_views

_RINGS: tuple[tuple[int, int, MotionName], ...] = (
    (4, 1, "walk"),
    (4, 2, "dance"),
    (8, 2, "dance"),
    (20, 2, "dance"),
)
_AUTHORS = PoseWeights(temporal=0.0)
_RULES = {
    "filled": ManyViewsOptions(
        skeleton_cost="reference", skeleton_weights=replace(_AUTHORS, limb=0.0, symmetry=0.0)
    ),
    "reference": ManyViewsOptions(skeleton_cost="reference", skeleton_weights=_AUTHORS),
    "anatomy": ManyViewsOptions(),
}
"""How points are refined; the authors' rules without their temporal term, which pulls fast limbs
back."""


def error_mm(points: Keypoints3D, truth: Float[np.ndarray, "N T K 3"]) -> float:
    """Return the mean error of COCO's points."""
    off = np.linalg.norm(points.position[..., :17, :] - truth[..., :17, :], axis=-1)
    return round(1000 * float(np.nanmean(off)), 1)


def judge(name: str, found: Keypoints3D, truth: Float[np.ndarray, "N T K 3"]) -> tuple[Cell, ...]:
    """Refine one scene by every rule."""
    refined = (refine_skeletons(found, rule) for rule in _RULES.values())
    row = (name, error_mm(found, truth), *(error_mm(points, truth) for points in refined))
    print(row, flush=True)
    return row


def tabulate_errors(shared: Path, *, frames: int) -> Table:
    """Refine rings and close contact."""
    rows, body = [], load_body()
    for views, people, motion in _RINGS:
        scene, seen = make_scene(body, views, people, motion, num_frames=frames, seed=7)
        found = triangulate_keypoints(seen, scene.cameras).keypoints
        name = f"ring of {views}, {people} people, {motion}"
        rows.append(judge(name, found, scene.keypoints3d.position))
    for name, scene in make_scenes(load_body(mesh="light"), shared, frames=frames).items():
        for views in (20, 8, 6):
            reported, cameras = take_views(scene.keypoints2d, scene.cameras, views)
            seen = suppress_duplicates(reported, drop="weaker")
            first = triangulate_keypoints(seen, cameras)
            through = pass_contact(seen, first, cameras, associated=reported, road=ContactRoad())
            found = through.found.keypoints
            rows.append(judge(f"{name}, {views} cameras", found, scene.keypoints3d.position))
    return Table(
        title="Points against the truth, mm",
        columns=("scene", "triangulated", *_RULES),
        rows=tuple(rows),
        notes=("COCO's 17 points. Filled: gaps, jumps and noise, limbs left as they are.",),
    )


def tabulate_limbs(body: Body, shared: Path) -> Table:
    """Measure how far limbs change their lengths in motion capture, on one body."""
    names = tuple(sorted({end for limb in LIMBS for end in limb}))
    lengths = []
    for path in sorted((shared / "data" / "cmu_bvh").glob("*.bvh.gz")):
        motion = cmu_bvh.read_sequence(path)
        step = max(1, round(0.1 / float(np.median(np.diff(motion.time)))))
        motion = select_frames(motion, slice(60, None, step))
        moved = retarget_motion(motion, body, shape=np.zeros(body.num_shape)).motion
        place = body.landmark_positions(pose_motion(body, moved), names).numpy()[0]
        ends = [(names.index(a), names.index(b)) for a, b in LIMBS]
        bones = [np.linalg.norm(place[:, a] - place[:, b], axis=-1) for a, b in ends]
        lengths.append(np.stack(bones, 1))
    spread = 1000 * np.concatenate(lengths).std(0)
    rows = [(f"{a} - {b}", round(float(s), 1)) for (a, b), s in zip(LIMBS, spread, strict=True)]
    return Table(
        title="How far limbs change their lengths, mm",
        columns=("limb", "standard deviation"),
        rows=tuple(row for row in rows if row[1] > 0.1),
        notes=(f"{len(lengths)} clips, ten frames a second; the other limbs keep theirs.",),
    )


def main(arguments: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refinement", description=__doc__)
    parser.add_argument("shared", type=Path, nargs="?", default=SHARED)
    parser.add_argument("--frames", type=int, default=120)
    options = parser.parse_args(arguments)
    with one_thread_each(), torch.inference_mode():
        tables = [tabulate_limbs(load_body(), options.shared)]
        print(format_table(tables[0]), flush=True)
        tables.append(tabulate_errors(options.shared, frames=options.frames))
    print(format_table(tables[1]))


if __name__ == "__main__":
    main()
