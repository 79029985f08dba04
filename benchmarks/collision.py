"""Bodies fitted one by one run through each other: what taking them apart changes and costs.

`python -m benchmarks.collision --shared ../shared` prints the table; `--write` keeps it in
`docs/collision.md`. The truth is real partner dance, and grappling made of two clips, on two
bodies without collisions (`_joined`); a ring of cameras sees them with a detector's errors
(`marey.synthetic.close`). Depth is that of `marey.evaluate.contact.penetration_depth` on the full
meshes, in every sixth frame in which the fitted bodies enter each other.
"""

import argparse
import time as clock
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial import KDTree

from benchmarks._machine import describe_machine, format_machine
from benchmarks._pages import replace_section
from benchmarks._pairs import read_dance, read_grappling
from marey.body import Body, load_body
from marey.capture.views.fit_views import fit_views
from marey.capture.views.many_views import ManyViewsOptions, lay_out_person, refine_skeletons
from marey.capture.views.triangulate import triangulate_keypoints
from marey.core import BodyMotion, Cameras, Keypoints2D
from marey.fit.contact.mesh_distance import MeshTree
from marey.fit.contact.separate import separate_people
from marey.fit.threads import one_thread_each
from marey.synthetic.cameras import make_cameras
from marey.synthetic.close import close_scene, pose_motion

REPORT = Path(__file__).resolve().parents[1] / "docs" / "collision.md"
TITLE = "## What it gains"
_BODY_JOINTS = 22
_EVERY = 6
_SEEN_M = 0.002
_GRAPPLERS = ("135_06-martialArts.amc.gz", "131_04-dance.amc.gz")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A motion beside the truth."""

    error_mm: float
    error_there_mm: float
    """Where the fitted bodies enter each other."""
    deepest_mm: float
    mean_mm: float


def fit_each(body: Body, keypoints: Keypoints2D, cameras: Cameras) -> BodyMotion:
    """Fit everyone on their own, as `solve_views` does."""
    options = ManyViewsOptions()
    with one_thread_each():
        found = triangulate_keypoints(keypoints, cameras, options=options.points)
        points = refine_skeletons(found.keypoints, options)
        fits = [
            fit_views(
                body,
                lay_out_person(keypoints, found, points, row, options),
                cameras,
                name=name,
            )
            for row, name in enumerate(keypoints.people)
        ]
    motions = [fit.motion for fit in fits if fit is not None]

    def stack(part: str) -> np.ndarray:
        return np.concatenate([getattr(motion, part) for motion in motions])

    return replace(
        motions[0],
        people=keypoints.people,
        **{part: stack(part) for part in ("shape", "T_world_root", "R_parent_joint", "confidence")},
    )


def measure_depth(
    tree: MeshTree, first: Float[np.ndarray, "V 3"], second: Float[np.ndarray, "V 3"]
) -> float:
    """Return what `evaluate.contact.penetration_depth` does, m; a thousand times faster."""
    deepest = 0.0
    for ours, theirs in ((first, second), (second, first)):
        boxes = tree.pose(theirs)
        near = np.flatnonzero(((ours >= boxes.low[0]) & (ours <= boxes.high[0])).all(1))
        inside = near[tree.measure(boxes, ours, chosen=near, reach=0.3).distance < 0]
        if len(inside):
            deepest = max(deepest, float(KDTree(theirs).query(ours[inside])[0].max()))
    return deepest


def judge(body: Body, tree: MeshTree, motion: BodyMotion, truth: BodyMotion, frames) -> Row:
    """Compare a motion with the truth."""
    joints, wanted = (
        pose_motion(body, m).joints.numpy()[:, :, :_BODY_JOINTS] for m in (motion, truth)
    )
    error = 1000 * np.linalg.norm(joints - wanted, axis=-1)
    part = replace(
        motion,
        T_world_root=motion.T_world_root[:, frames],
        R_parent_joint=motion.R_parent_joint[:, frames],
    )
    skins = body.vertices(pose_motion(body, part)).double().numpy()
    depth = 1000 * np.array([measure_depth(tree, *skins[:, k]) for k in range(len(frames))])
    return Row(
        error_mm=float(error.mean()),
        error_there_mm=float(error[:, frames].mean()),
        deepest_mm=float(depth.max(initial=0)),
        mean_mm=float(depth.mean()) if len(depth) else 0.0,
    )


def run(body: Body, truth: BodyMotion, num_views: int) -> tuple[dict[str, Row], float, int]:
    """Return rows by name, seconds of the stage, and frames in which bodies entered each other."""
    light, cameras = load_body("marey-h", mesh="light"), make_cameras(num_views, distance=4.0)
    scene = close_scene(light, truth, cameras)
    fitted = fit_each(body, scene.keypoints2d, cameras)
    begin = clock.perf_counter()
    done = separate_people(body, fitted, scene.keypoints2d, cameras)
    seconds = clock.perf_counter() - begin
    without = separate_people(body, fitted).motion
    met = np.flatnonzero(done.before.max(0, initial=0) > _SEEN_M)
    frames = met[::_EVERY]
    tree = MeshTree.of(body.v_template.double().numpy(), body.faces.numpy())
    motions = {
        "truth": truth,
        "one by one": fitted,
        "taken apart": done.motion,
        "taken apart, keypoints unknown": without,
    }
    rows = {name: judge(body, tree, motion, truth, frames) for name, motion in motions.items()}
    return rows, seconds, len(met)


def main(arguments: list[str] | None = None) -> None:
    """Run it, print and perhaps keep the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.collision", description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--write", action="store_true", help="keep the table in the docs")
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--views", type=int, nargs="+", default=[4, 8])
    options = parser.parse_args(arguments)
    body, frames = load_body(), options.frames
    pairs = {
        "dance 01": read_dance(options.shared, body, "01", frames=frames, step=4),
        "grappling": read_grappling(options.shared, body, _GRAPPLERS, frames=frames, step=4),
    }
    lines = [
        TITLE,
        "",
        f"Written by `python -m benchmarks.collision --frames {frames} --views "
        f"{' '.join(map(str, options.views))} --write`: {frames} frames at 30 per second of "
        "two people; error of 22 joints, over all frames and where the fitted bodies enter each "
        f"other; depth on the full meshes in every {_EVERY}th of those frames.",
        "",
        format_machine(describe_machine()),
        "",
        "| pair | views | motion | error, mm | there, mm | deepest, mm | mean depth, mm | s |",
        "|---|---:|---|---:|---:|---:|---:|---:|",
    ]
    for name, truth in pairs.items():
        for views in options.views:
            rows, seconds, met = run(body, truth, views)
            for label, row in rows.items():
                spent = f"{seconds:.1f} ({met} frames)" if label == "taken apart" else ""
                lines.append(
                    f"| {name} | {views} | {label} | {row.error_mm:.1f} | {row.error_there_mm:.1f} "
                    f"| {row.deepest_mm:.0f} | {row.mean_mm:.1f} | {spent} |"
                )
                print(lines[-1], flush=True)
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        replace_section(REPORT, TITLE, text)


if __name__ == "__main__":
    torch.set_num_threads(2)
    main()
