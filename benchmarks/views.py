"""Many cameras from keypoints to bodies: errors against the truth, honesty of sigmas, and speed.

`python -m benchmarks.views` prints the tables; `--write` keeps them in `docs/benchmarks-views.md`
and the figure beside it. `--quick` leaves out the largest scenes.

Synthetic rings of cameras around people who dance or walk; the detector errs as
`marey.synthetic.noise` says (jitter with slow bias, bursts, exchanged sides, hidden limbs);
besides, 5 % of all views of a person are missing and 2 % of all keypoints lie anywhere in the
picture. Who is who is given.
"""

import argparse
import time as clock
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import chi2

from benchmarks._machine import describe_machine, format_machine
from benchmarks._pages import VIEWS, replace_section
from benchmarks._tables import Cell, Table, format_table
from marey.body import Body, load_body
from marey.capture.views.fit_views import fit_views
from marey.capture.views.many_views import ManyViewsOptions, lay_out_person, refine_skeletons
from marey.capture.views.triangulate import TriangulatedKeypoints, triangulate_keypoints
from marey.core import Keypoints2D, Skeleton, load_skeleton
from marey.fit.threads import one_thread_each, side_by_side
from marey.synthetic import MotionName, SyntheticScene, make_cameras, synthetic_scene

FIGURE = VIEWS.with_name("sigma-calibration.svg")
_TITLE = "## Rings of cameras"
_COCO = slice(0, 17)
_JOINTS = 22
_RINGS: tuple[tuple[int, int, MotionName], ...] = (
    (4, 1, "walk"),
    (4, 2, "dance"),
    (8, 1, "walk"),
    (8, 2, "dance"),
    (8, 6, "walk"),
    (20, 2, "dance"),
    (20, 6, "walk"),
    (64, 1, "walk"),
    (64, 2, "dance"),
)
_SIGMAS = np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """What came of one scene."""

    row: tuple[Cell, ...]
    within: Float[np.ndarray, "S"]
    """Share of points whose error is within each of `_SIGMAS`."""


def make_scene(
    body: Body, num_views: int, num_people: int, motion: MotionName, *, num_frames: int, seed: int
) -> tuple[SyntheticScene, Keypoints2D]:
    """Return a scene and its keypoints with views missing and points astray."""
    distance = 5.0 if num_people < 4 else 7.0
    scene = synthetic_scene(
        body,
        motion,
        num_frames=num_frames,
        seed=seed,
        num_people=num_people,
        cameras=make_cameras(num_views, distance=distance),
    )
    seen, rng = scene.keypoints2d, np.random.default_rng(seed)
    position, confidence = seen.position.copy(), seen.confidence.copy()
    astray = rng.random(confidence.shape) < 0.02
    position[astray] = rng.uniform(0, 1, (int(astray.sum()), 2)) * [1280, 720]
    confidence[astray] = rng.uniform(0.3, 1.0, int(astray.sum()))
    missing = (rng.random(confidence.shape[:3]) < 0.05)[..., None] | (confidence <= 0)
    position[missing], confidence[missing] = np.nan, 0.0
    return scene, replace(seen, position=position, confidence=confidence)


def solve_ring(
    body: Body, scene: SyntheticScene, keypoints: Keypoints2D, options: ManyViewsOptions
) -> tuple[TriangulatedKeypoints, Float[np.ndarray, "N T K 3"], list, dict[str, float]]:
    """Triangulate, refine and fit; return what came of each, and the seconds."""
    seconds, begin = {}, clock.perf_counter()
    found = triangulate_keypoints(keypoints, scene.cameras, options=options.points)
    seconds["triangulate"] = clock.perf_counter() - begin
    refined = refine_skeletons(found.keypoints, options)
    seconds["refine"] = clock.perf_counter() - begin - seconds["triangulate"]

    def fit(row: int):
        person = lay_out_person(keypoints, found, refined, row, options)
        return fit_views(body, person, scene.cameras, options=options.fit)

    with one_thread_each():
        fits = side_by_side(fit, range(len(keypoints.people)), workers=options.workers)
    seconds["all"] = clock.perf_counter() - begin
    seconds["fit"] = seconds["all"] - seconds["triangulate"] - seconds["refine"]
    return found, refined.position, fits, seconds


def judge_ring(
    body: Body, num_views: int, num_people: int, motion: MotionName, num_frames: int
) -> Ring:
    """Solve one scene and compare it with the truth."""
    scene, keypoints = make_scene(
        body, num_views, num_people, motion, num_frames=num_frames, seed=7
    )
    found, refined, fits, _ = solve_ring(body, scene, keypoints, ManyViewsOptions())
    truth = scene.keypoints3d.position[:, :, _COCO]
    raw = found.keypoints.position[:, :, _COCO]
    off = 1000 * np.linalg.norm(raw - truth, axis=-1)
    known = np.isfinite(off)
    apart = (raw - truth)[known].astype(float)
    precision = np.linalg.inv(found.covariance[:, :, _COCO][known])
    squared = np.einsum("pi,pij,pj->p", apart, precision, apart)
    within = np.mean(squared[:, None] < _SIGMAS**2, axis=0)
    after = 1000 * np.linalg.norm(refined[:, :, _COCO] - truth, axis=-1)
    joints = [
        1000
        * np.linalg.norm(_joints(body, fit.motion, 0) - _joints(body, scene.motion, row), axis=-1)
        for row, fit in enumerate(fits)
        if fit is not None
    ]
    fitted = np.concatenate(joints)
    row = (
        f"{num_views} cameras, {num_people} people, {motion}",
        round(100 * float(known.mean()), 1),
        round(float(found.inlier.sum(0)[..., _COCO].mean()), 1),
        round(float(off[known].mean()), 1),
        round(float(np.percentile(off[known], 95)), 1),
        round(float(np.nanmean(after)), 1),
        round(float(np.nanmean(fitted)), 1),
        round(float(np.nanpercentile(fitted, 95)), 1),
        round(100 * float(within[list(_SIGMAS).index(3.0)]), 1),
    )
    return Ring(row=row, within=within)


def _joints(body: Body, motion, row: int) -> Float[np.ndarray, "T J 3"]:
    posed = body.pose(
        torch.tensor(motion.shape[row]),
        torch.tensor(motion.T_world_root[row]),
        torch.tensor(motion.R_parent_joint[row]),
    )
    return body.landmark_positions(posed, body.joint_names[:_JOINTS]).numpy()


def time_long_scene(body: Body, num_frames: int = 600) -> Table:
    """Time 20 cameras, two people and ten seconds at 60 frames per second, from COCO's points."""
    scene, keypoints = make_scene(body, 20, 2, "dance", num_frames=num_frames, seed=3)
    small = replace(
        keypoints,
        skeleton=_first_17(keypoints),
        position=keypoints.position[..., _COCO, :],
        confidence=keypoints.confidence[..., _COCO],
    )
    rows = []
    for name, points in (("COCO, 17 points", small), ("whole body, 133 points", keypoints)):
        spent = clock.process_time()
        *_, seconds = solve_ring(body, scene, points, ManyViewsOptions())
        parts = ("triangulate", "refine", "fit", "all")
        cpu = clock.process_time() - spent
        rows.append((name, *(round(seconds[part], 1) for part in parts), round(cpu, 1)))
    return Table(
        title=f"Seconds for {num_frames} timestamps, 20 cameras, 2 people",
        columns=("keypoints", "triangulate", "refine", "fit", "all", "processor seconds"),
        rows=tuple(rows),
        notes=("From image keypoints to fitted meshes; two threads.",),
    )


def _first_17(keypoints: Keypoints2D) -> Skeleton:
    coco = load_skeleton("coco-17")
    assert coco.keypoints == keypoints.skeleton.keypoints[:17]
    return coco


def draw_sigmas(rings: list[Ring], path: Path) -> None:
    """Draw the share of errors within so many sigmas over the share that is expected."""
    size, edge = 420, 46

    def place(x: float, y: float) -> str:
        return f"{edge + x * (size - 2 * edge):.1f},{size - edge - y * (size - 2 * edge):.1f}"

    expected = chi2(3).cdf(_SIGMAS**2)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{size}" height="{size}" fill="white"/>',
        f'<polyline points="{place(0, 0)} {place(1, 1)}" stroke="#999" stroke-dasharray="4 3"/>',
        f'<polyline points="{place(0, 1)} {place(0, 0)} {place(1, 0)}" fill="none" stroke="#333"/>',
    ]
    for number, ring in enumerate(rings):
        hue = 360 * number // max(len(rings), 1)
        curve = " ".join(place(x, y) for x, y in zip(expected, ring.within, strict=True))
        lines.append(
            f'<polyline points="{curve}" fill="none" stroke="hsl({hue} 65% 45%)" '
            f'stroke-width="1.5"><title>{ring.row[0]}</title></polyline>'
        )
        lines.append(
            f'<text x="{edge + 12}" y="{edge + 14 * number}" fill="hsl({hue} 65% 40%)">'
            f"{ring.row[0]}</text>"
        )
    lines += [
        f'<text x="{size / 2}" y="{size - 12}" text-anchor="middle">expected share within 0.5, 1, '
        "... 4 sigmas</text>",
        f'<text x="14" y="{size / 2}" text-anchor="middle" '
        f'transform="rotate(-90 14 {size / 2})">share found</text>',
        "</svg>",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Solve the scenes, print and perhaps keep the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.views", description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep tables and figure in the docs")
    parser.add_argument("--quick", action="store_true", help="leave out the largest scenes")
    options = parser.parse_args(arguments)
    machine, body = describe_machine(), load_body()
    chosen = [ring for ring in _RINGS if not options.quick or ring[0] * ring[1] <= 16]
    rings = []
    for num_views, num_people, motion in chosen:
        rings.append(judge_ring(body, num_views, num_people, motion, num_frames=120))
        print(rings[-1].row)
    accuracy = Table(
        title="Errors against the truth, mm",
        columns=(
            "ring",
            "points found, %",
            "views that agree",
            "triangulated, mean",
            "95 %",
            "refined, mean",
            "joints of the body, mean",
            "95 %",
            "within 3 sigmas, %",
        ),
        rows=tuple(ring.row for ring in rings),
        notes=(
            f"Within 3 sigmas {100 * chi2(3).cdf(9):.1f} % are expected (Mahalanobis distance of "
            "three coordinates). The detector's bursts and exchanged sides are no Gaussian noise.",
            "Points are COCO's 17; joints are the body's 22, which are not the detector's points.",
        ),
    )
    timing = time_long_scene(body, num_frames=120 if options.quick else 600)
    text = "\n\n".join([format_machine(machine), format_table(accuracy), format_table(timing)])
    print(text)
    if options.write:
        draw_sigmas(rings, FIGURE)
        picture = f"![Calibration of sigma]({FIGURE.name})"
        replace_section(VIEWS, _TITLE, f"{_TITLE}\n\n{text}\n\n{picture}")


if __name__ == "__main__":
    main()
