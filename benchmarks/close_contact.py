"""Two people in close contact: the synthetic twin of Harmony4D's capture, and what each step adds.

`python -m benchmarks.close_contact` prints the tables; `--write` keeps them in
`docs/close-contact.md`. Needs the shared samples (real partner dance, two clips for grappling).

Two shipped bodies of different shapes in an even ring of 20 cameras. The detector errs as
`marey.synthetic.close` says: sigma 1 % of the person's box height, 5 % of the other person's limb
points swapped in where masks overlap, misses where the other's mask hides a point, 17 points. With
fewer cameras the first of the ring see, so six of them stand within a quarter of it.
"""

import argparse
import time as clock
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from benchmarks._machine import describe_machine, format_machine
from benchmarks._pages import replace_tables
from benchmarks._pairs import read_dance, read_grappling
from benchmarks._tables import Cell, Table, format_table
from marey.body import Body, load_body
from marey.capture.contact.keypoints import ContactRoad
from marey.capture.contact.motion_learned import LearnedMotion
from marey.capture.contact.motion_model import PosePredictor, hold_position, hold_velocity
from marey.capture.contact.road import pass_contact
from marey.capture.views.duplicates import suppress_duplicates
from marey.capture.views.fit_views import fit_views
from marey.capture.views.many_views import ManyViewsOptions, lay_out_person, refine_skeletons
from marey.capture.views.triangulate import triangulate_keypoints
from marey.core import BodyMotion, Cameras, Keypoints2D
from marey.fit.contact.mesh_distance import MeshTree
from marey.fit.contact.separate import separate_people
from marey.fit.threads import one_thread_each, side_by_side
from marey.synthetic import make_cameras
from marey.synthetic.close import CloseNoise, CloseScene, close_scene, pose_motion, take_views

REPORT = Path(__file__).resolve().parents[1] / "docs" / "close-contact.md"
SHARED = Path(__file__).resolve().parents[2] / "shared"
PUBLISHED = {6: 33.866, 8: 21.357, 10: 15.917, 12: 13.923, 14: 10.128, 16: 7.921, 18: 5.046}
"""MPJPE against the 20-camera result, mm (Harmony4D's supplement, Table 2)."""
_RING = 20
CLIPS = ("135_06-martialArts.amc.gz", "131_04-dance.amc.gz")
"""Whose people grapple."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """What came of one scene."""

    points: Float[np.ndarray, "N T K 3"]
    """Triangulated, m; NaN where missing."""
    body_points: Float[np.ndarray, "N T K 3"]
    """The same points on the fitted bodies."""
    motion: BodyMotion
    keypoints: Keypoints2D
    """After contact was resolved."""
    seconds: dict[str, float]


def make_scenes(
    body: Body, shared: Path, *, frames: int, noise: CloseNoise | None = None
) -> dict[str, CloseScene]:
    """Film two dances and a grapple."""
    motions = {
        "dance 01": read_dance(shared, body, "01", frames=frames, step=4),
        "dance 12": read_dance(shared, body, "12", frames=frames, step=4),
        "grapple": read_grappling(shared, body, CLIPS, frames=frames, step=4),
    }
    return {
        name: close_scene(body, motion, make_cameras(_RING), noise=noise, seed=row)
        for row, (name, motion) in enumerate(motions.items())
    }


def solve(
    scene: CloseScene,
    keypoints: Keypoints2D,
    cameras: Cameras,
    road: ContactRoad | None,
    *,
    collide: bool = False,
) -> Solved:
    """Go from keypoints to meshes, with or without the road through contact."""
    options, seconds, begin = ManyViewsOptions(), {}, clock.perf_counter()

    def lap(stage: str) -> None:
        seconds[stage] = clock.perf_counter() - begin - sum(seconds.values())

    reported, keypoints = keypoints, suppress_duplicates(keypoints, drop="weaker")
    found = triangulate_keypoints(keypoints, cameras, options=options.points)
    lap("triangulate")
    if road is not None:
        through = pass_contact(
            keypoints, found, cameras, associated=reported, points=options.points, road=road
        )
        keypoints, found = through.keypoints, through.found
    lap("contact")
    points = refine_skeletons(found.keypoints, options)
    lap("refine")

    def fit(row: int):
        person = lay_out_person(keypoints, found, points, row, options)
        return fit_views(scene.body, person, cameras, name=keypoints.people[row])

    with one_thread_each():
        fits = side_by_side(fit, range(len(keypoints.people)), workers=options.workers)
    motion = _join([each.motion for each in fits if each is not None])
    lap("fit")
    if collide:
        sigma = np.where(found.inlier, found.pixel_sigma, np.nan).astype(np.float32)
        seen = replace(keypoints, sigma=sigma)
        motion = separate_people(scene.body, motion, seen, cameras).motion
        lap("collision")
    seconds["all"] = clock.perf_counter() - begin
    return Solved(
        points=found.keypoints.position,
        body_points=_body_points(scene, motion),
        motion=motion,
        keypoints=keypoints,
        seconds=seconds,
    )


def _join(motions: list[BodyMotion]) -> BodyMotion:
    return replace(
        motions[0],
        people=tuple(motion.people[0] for motion in motions),
        shape=np.concatenate([motion.shape for motion in motions]),
        T_world_root=np.concatenate([motion.T_world_root for motion in motions]),
        R_parent_joint=np.concatenate([motion.R_parent_joint for motion in motions]),
        confidence=np.concatenate([motion.confidence for motion in motions]),
    )


def _body_points(scene: CloseScene, motion: BodyMotion) -> Float[np.ndarray, "N T K 3"]:
    names = scene.keypoints3d.skeleton.keypoints
    with torch.inference_mode():
        return scene.body.landmark_positions(pose_motion(scene.body, motion), names).numpy()


def error_mm(first: Float[np.ndarray, "*a 3"], second: Float[np.ndarray, "*a 3"]) -> float:
    """Return the mean distance of what both have."""
    return 1000 * float(np.nanmean(np.linalg.norm(first - second, axis=-1)))


def count_swaps(
    points: Float[np.ndarray, "N T K 3"], truth: Float[np.ndarray, "N T K 3"]
) -> tuple[int, int]:
    """Count frames in which a person is nearer to the other as a whole, and such joints."""
    own = np.linalg.norm(points - truth, axis=-1)
    other = np.linalg.norm(points - truth[::-1], axis=-1)
    nearer = np.nan_to_num(own - other)
    people = nearer.sum(-1) > 0
    return int(people.sum()), int((other < own).sum())


def deepest_mm(scene: CloseScene, motion: BodyMotion, *, every: int = 5) -> tuple[float, float]:
    """Return how deep the meshes enter each other at most, and in the mean over frames."""
    with torch.inference_mode():
        meshes = scene.body.vertices(pose_motion(scene.body, motion)).numpy()[:, ::every]
    tree = MeshTree.of(meshes[0, 0], scene.body.faces.numpy())
    depth = [max(_depth(tree, a, b), _depth(tree, b, a)) for a, b in zip(*meshes, strict=True)]
    return 1000 * float(np.max(depth)), 1000 * float(np.mean(depth))


def _depth(
    tree: MeshTree, ours: Float[np.ndarray, "V 3"], theirs: Float[np.ndarray, "V 3"]
) -> float:
    """Return how far the deepest vertex of one mesh is from the surface of the other, inside."""
    distance = tree.measure(tree.pose(theirs), ours, reach=0.3).distance
    return max(0.0, -float(np.nanmin(distance, initial=0.0)))


def tabulate_cameras(scenes: dict[str, CloseScene]) -> Table:
    """Repeat Table 2: the first cameras of the ring against all 20, and against the truth."""
    rows: list[tuple[Cell, ...]] = []
    whole = {name: _solve_first(scene, _RING) for name, scene in scenes.items()}
    for count in (*PUBLISHED, _RING):
        cells: list[list[float]] = []
        for name, scene in scenes.items():
            found = whole[name] if count == _RING else _solve_first(scene, count)
            truth = scene.keypoints3d.position
            in_points = count_swaps(found.points, truth)
            in_bodies = count_swaps(found.body_points, truth)
            cells.append(
                [
                    error_mm(found.points, whole[name].points),
                    error_mm(found.body_points, whole[name].body_points),
                    error_mm(found.points, truth),
                    error_mm(found.body_points, truth),
                    100 * float(np.isfinite(found.points[..., 0]).mean()),
                    in_points[0] + in_bodies[0],
                    in_bodies[1],
                ]
            )
            print(count, name, np.round(cells[-1], 2), _format_seconds(found), flush=True)
        mean = np.array(cells).mean(0)
        worst = np.array(cells)[:, :2].max(0)
        rows.append(
            (
                count,
                PUBLISHED.get(count, 0.0),
                *(round(float(x), 1) for x in (mean[0], mean[1], worst.max(), mean[2], mean[3])),
                round(float(mean[4]), 2),
                int(np.array(cells)[:, 5].sum()),
                int(np.array(cells)[:, 6].sum()),
            )
        )
    return Table(
        title="Fewer cameras (supplement, Table 2), mm",
        columns=(
            "cameras",
            "published",
            "points to 20 cameras",
            "bodies to 20 cameras",
            "worst scene",
            "points to truth",
            "bodies to truth",
            "points found, %",
            "people swapped",
            "joints swapped",
        ),
        rows=tuple(rows),
        notes=(
            "Mean over two dances and a grapple; points are triangulated, bodies fitted to them "
            "and compared at the same 17 points. Worst scene is the larger of both errors to 20 "
            "cameras, in whichever scene it is largest.",
            "People swapped: person-frames, of all scenes, whose pose as a whole is nearer to the "
            "other person's truth. Joints swapped: points of the fitted bodies nearer to the "
            "other's point of the same name than to their own, which an error of some "
            "centimetres does to hands that hold each other.",
        ),
    )


def _solve_first(scene: CloseScene, count: int) -> Solved:
    keypoints, cameras = take_views(scene.keypoints2d, scene.cameras, count)
    return solve(scene, keypoints, cameras, ContactRoad())


def _format_seconds(found: Solved) -> str:
    return " ".join(f"{stage} {spent:.1f}" for stage, spent in found.seconds.items())


def tabulate_ablation(scenes: dict[str, CloseScene], counts: tuple[int, ...], noise: str) -> Table:
    """Add the steps one by one."""
    steps: tuple[tuple[str, ContactRoad | None, bool], ...] = (
        ("contact road off", None, False),
        ("motion model only", ContactRoad(masks=False), False),
        ("and masks", ContactRoad(), False),
        ("and collision", ContactRoad(), True),
    )
    entered = np.array([deepest_mm(scene, scene.motion) for scene in scenes.values()])
    truths = (round(float(entered[:, 0].max()), 1), round(float(entered[:, 1].mean()), 1))
    rows: list[tuple[Cell, ...]] = [("truth", *(None,) * 6, *truths)]
    for count in counts:
        for name, road, collide in steps:
            cells = []
            for scene in scenes.values():
                keypoints, cameras = take_views(scene.keypoints2d, scene.cameras, count)
                found = solve(scene, keypoints, cameras, road, collide=collide)
                truth = scene.keypoints3d.position
                own = np.linalg.norm(found.points - truth, axis=-1)
                cells.append(
                    [
                        error_mm(found.points, truth),
                        1000 * float(np.nanpercentile(own, 99)),
                        error_mm(found.body_points, truth),
                        *count_swaps(found.points, truth),
                        count_swaps(found.body_points, truth)[1],
                        *deepest_mm(scene, found.motion),
                    ]
                )
                print(noise, count, name, np.round(cells[-1], 2), flush=True)
            table = np.array(cells)
            rows.append(
                (
                    f"{count} cameras, {name}",
                    *(round(float(x), 1) for x in table[:, :3].mean(0)),
                    *(int(x) for x in table[:, 3:6].sum(0)),
                    round(float(table[:, 6].max()), 1),
                    round(float(table[:, 7].mean()), 1),
                )
            )
    return Table(
        title=f"What each step adds: {noise}",
        columns=(
            "",
            "points, mm",
            "99 %",
            "bodies, mm",
            "people swapped",
            "joints swapped, points",
            "of bodies",
            "deepest, mm",
            "mean depth, mm",
        ),
        rows=tuple(rows),
        notes=("Errors against the truth; depth of one mesh in the other, every fifth frame.",),
    )


def tabulate_models(scenes: dict[str, CloseScene], count: int = 8) -> Table:
    """Compare motion models: what they predict, and what the road makes of it."""
    scene = next(iter(scenes.values()))
    learned = LearnedMotion(scene.keypoints3d.skeleton)
    models: tuple[tuple[str, PosePredictor, int], ...] = (
        ("constant position (Kalman filter of the reference)", hold_position, 10),
        ("constant velocity", hold_velocity, 10),
        ("learned (hanet-joints, causal)", learned, learned.window - 1),
    )
    rows: list[tuple[Cell, ...]] = []
    for name, predict, window in models:
        cells = []
        for scene in scenes.values():
            truth = scene.keypoints3d.position
            keypoints, cameras = take_views(scene.keypoints2d, scene.cameras, count)
            begin = clock.perf_counter()
            road = ContactRoad(predict=predict, window=window, masks=False)
            found = triangulate_keypoints(keypoints, cameras)
            through = pass_contact(keypoints, found, cameras, road=road)
            spent = clock.perf_counter() - begin
            points = through.found.keypoints.position
            ahead = _predict_all(predict, points, window, float(np.diff(keypoints.time).mean()))
            off = np.linalg.norm(ahead - truth[:, window:], axis=-1)
            cells.append(
                [
                    1000 * float(np.nanmean(off)),
                    1000 * float(np.nanpercentile(off, 95)),
                    error_mm(points, truth),
                    count_swaps(points, truth)[1],
                    1000 * spent / len(keypoints.time),
                ]
            )
        table = np.array(cells)
        rows.append(
            (
                name,
                *(round(float(x), 1) for x in table[:, :3].mean(0)),
                int(table[:, 3].sum()),
                round(float(table[:, 4].mean()), 1),
            )
        )
        print(rows[-1], flush=True)
    return Table(
        title=f"Motion models, {count} cameras",
        columns=(
            "",
            "prediction, mm",
            "95 %",
            "points, mm",
            "joints swapped",
            "ms a frame",
        ),
        rows=tuple(rows),
        notes=(
            "Prediction of the next frame from triangulated points, against the truth, 30 frames "
            "per second; points are those of the road with this model, without masks.",
        ),
    )


def _predict_all(
    predict: PosePredictor, points: Float[np.ndarray, "N T K 3"], window: int, step: float
) -> Float[np.ndarray, "N L K 3"]:
    frames = range(window, points.shape[1])
    past = points.astype(np.float64)
    return np.stack([predict(past[:, frame - window : frame], step) for frame in frames], 1)


def tabulate_speed(body: Body, shared: Path, *, frames: int) -> Table:
    """Time 20 cameras from keypoints to meshes that do not enter each other."""
    motion = read_dance(shared, body, "01", frames=frames, step=3)
    scene = close_scene(body, motion, make_cameras(_RING), seed=0)
    few = replace(
        scene.keypoints2d,
        time=scene.keypoints2d.time[:30],
        position=scene.keypoints2d.position[:, :, :30],
        confidence=scene.keypoints2d.confidence[:, :, :30],
    )
    solve(scene, few, scene.cameras, ContactRoad(), collide=True)  # Compiled code is loaded.
    spent = clock.process_time()
    found = solve(scene, scene.keypoints2d, scene.cameras, ContactRoad(), collide=True)
    spent = clock.process_time() - spent
    stages = ("triangulate", "contact", "refine", "fit", "collision", "all")
    deepest = deepest_mm(scene, found.motion)
    return Table(
        title=f"Seconds for {frames} timestamps, 20 cameras, 2 people",
        columns=("", *stages, "processor seconds"),
        rows=(
            (
                "dance 01, 17 points",
                *(round(found.seconds[stage], 1) for stage in stages),
                round(spent, 1),
            ),
        ),
        notes=(
            "From 2D keypoints to meshes; two threads. The paper's 2 h 40 min on an RTX 2080 "
            "include reading images, SAM and SegPose2D; compared is what follows them.",
            f"Meshes enter each other by {deepest[0]:.0f} mm at most, {deepest[1]:.1f} in the "
            "mean over frames.",
        ),
    )


def main(arguments: list[str] | None = None) -> None:
    """Film the scenes, solve them, print and perhaps keep the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.close_contact", description=__doc__)
    parser.add_argument("shared", type=Path, nargs="?", default=SHARED)
    parser.add_argument("--write", action="store_true", help="keep the tables in the docs")
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--long", type=int, default=600, help="frames of the timed scene")
    parser.add_argument("--part", choices=("cameras", "ablation", "models", "speed"))
    options = parser.parse_args(arguments)
    machine, body = describe_machine(), load_body(mesh="light")
    tables, part = [], options.part
    if part != "speed":
        scenes = make_scenes(body, options.shared, frames=options.frames)
        if part in (None, "cameras"):
            tables.append(tabulate_cameras(scenes))
        if part in (None, "models"):
            tables.append(tabulate_models(scenes))
        if part in (None, "ablation"):
            tables.append(tabulate_ablation(scenes, (20, 8, 6), "hidden points are missed"))
            noise = CloseNoise(misses=False, guesses=0.06)
            guessed = make_scenes(body, options.shared, frames=options.frames, noise=noise)
            tables.append(
                tabulate_ablation(guessed, (20, 8), "hidden points are guessed, 6 % of the height")
            )
    if part in (None, "speed"):
        tables.append(tabulate_speed(body, options.shared, frames=options.long))
    text = "\n\n".join([format_machine(machine), *map(format_table, tables)])
    print(text)
    if options.write:
        replace_tables(REPORT, text)


if __name__ == "__main__":
    main()
