"""Four real videos with a calibration: what each stage of the road with several cameras reaches.

`python -m benchmarks.pose2sim` prints the tables; `--write` keeps them in `docs/many-cameras.md`.
Needs the shared sample `pose2sim_single`: a man who balances on a low beam, 1.7 s, and the points
of its makers (`_truth.read_pose2sim` says what those are). The networks' answers are kept in a
folder, so that another run is quick.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from jaxtyping import Bool, Float

from benchmarks._pages import replace_tables
from benchmarks._tables import Table, format_table
from benchmarks._truth import read_pose2sim
from marey.body import Body, load_body
from marey.capture.fit_body import FitOptions
from marey.capture.plant import FOOT_POINTS
from marey.capture.views import many_views
from marey.capture.views.fit_views import ViewsFit, fit_views
from marey.capture.views.limbs import find_limbs
from marey.capture.views.many_views import ManyViewsOptions, lay_out_person, refine_skeletons
from marey.capture.views.pose_cost import PoseWeights
from marey.capture.views.triangulate import TriangulatedKeypoints
from marey.capture.views.view_data import ViewsOfPerson
from marey.core import BodyMotion, Cameras, Keypoints2D, Keypoints3D
from marey.fit.threads import one_thread_each
from marey.jobs.solve.views import solve_many
from marey.synthetic.cameras import project_to_cameras

PAGE = Path(__file__).resolve().parents[1] / "docs" / "many-cameras.md"
SAMPLE = Path(__file__).resolve().parents[2] / "shared" / "data" / "pose2sim_single"
_PARTS = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
_COCO = slice(0, 17)
_STANDS = ((slice(2, 72), (0, 1)), (slice(80, 100), (2, 3)))
"""When which foot stands on one place, by eye: the left one until frame 72, the right from 80."""


def see(folder: Path, journals: Path) -> tuple[Keypoints2D, TriangulatedKeypoints, Cameras]:
    """Run the whole road once and return the subject's keypoints before they are refined."""
    seen: list[tuple[Keypoints2D, TriangulatedKeypoints, Cameras]] = []
    fit = many_views.__dict__["_fit_everyone"]

    def tap(keypoints, found, points, spans, cameras, *rest):
        seen.append((keypoints, found, cameras))
        return fit(keypoints, found, points, spans, cameras, *rest)

    videos = sorted(folder.glob("cam*.mp4"))
    with patch.object(many_views, "_fit_everyone", tap):
        solve_many(videos, folder / "Calib.qca.txt", journals=journals)
    return seen[0]


def choose_subject(found: TriangulatedKeypoints) -> int:
    """Return the row of the person whom most views agree on."""
    return int(found.inlier.sum((0, 2, 3)).argmax())


def spread_mm(points: Keypoints3D, row: int) -> float:
    """Return the mean over limbs of their lengths' standard deviation."""
    names, place = points.skeleton, points.position[row]
    ends = [(names.index(a), names.index(b)) for a, b in find_limbs(names)]
    lengths = [np.linalg.norm(place[:, a] - place[:, b], axis=-1) for a, b in ends]
    return 1000 * float(np.mean([np.nanstd(length) for length in lengths]))


def tabulate_points(found: TriangulatedKeypoints, row: int, folder: Path) -> Table:
    """Compare points of all stages with the makers' points, and limbs with themselves."""
    truth = read_pose2sim(folder).keypoints3d
    options = ManyViewsOptions()
    authors = PoseWeights(temporal=0.0)
    filled = refine_skeletons(
        found.keypoints,
        replace(
            options,
            skeleton_cost="reference",
            skeleton_weights=PoseWeights(limb=0.0, symmetry=0.0, temporal=0.0),
        ),
    )
    stages = {
        "triangulated": found.keypoints,
        "filled and filtered": filled,
        "refined by Harmony4D's rules": refine_skeletons(
            found.keypoints, replace(options, skeleton_cost="reference", skeleton_weights=authors)
        ),
        "refined by anatomy": refine_skeletons(found.keypoints, options),
    }
    rows = []
    for name, points in stages.items():
        off = {part: _apart(points, row, truth, part) for part in _PARTS}
        constant = [
            1000 * float(np.linalg.norm(np.nanmean(x, 0), axis=-1).mean()) for x in off.values()
        ]
        whole = 1000 * float(np.nanmean([np.linalg.norm(x, axis=-1) for x in off.values()]))
        rows.append(
            (name, round(spread_mm(points, row), 1), round(whole, 1), *(round(c) for c in constant))
        )
    return Table(
        title="Points, mm",
        columns=("stage", "spread of limb lengths", "to the TRC", *(f"{p}s" for p in _PARTS)),
        rows=tuple(rows),
        notes=(
            "Spread: standard deviation over time, mean of 19 limbs. To the TRC: mean of 12 "
            "joints; by joint the part of it that stays, which is a difference of definition.",
        ),
    )


def _apart(
    points: Keypoints3D, row: int, truth: Keypoints3D, part: str
) -> Float[np.ndarray, "T 2 3"]:
    both = [f"{side}_{part}" for side in ("left", "right")]
    ours = points.position[row][:, [points.skeleton.index(name) for name in both]]
    theirs = truth.position[0][:, [truth.skeleton.index(name) for name in both]]
    length = min(len(ours), len(theirs))
    return ours[:length] - theirs[:length]


def tabulate_feet(body: Body, person: ViewsOfPerson, cameras: Cameras) -> Table:
    """Fit with feet free and with feet held, and measure how they stand."""
    rows = []
    for name, held in (("free", False), ("held", True)):
        with one_thread_each():
            fit = fit_views(body, person, cameras, options=FitOptions(hold_feet=held))
        assert fit is not None
        feet = place(body, fit.motion, FOOT_POINTS)
        off = reproject_px(body, fit, person, cameras)
        speed = np.linalg.norm(np.gradient(feet, person.time, axis=0), axis=-1)
        tilt = [np.ptp(feet[span, b, 2] - feet[span, a, 2]) for span, (a, b) in _STANDS]
        height = [feet[span, row, 2].std() for span, rows_ in _STANDS for row in rows_]
        resting = np.concatenate([speed[span][:, list(rows_)].ravel() for span, rows_ in _STANDS])
        bend = (
            np.linalg.norm(np.diff(feet, n=2, axis=0), axis=-1) / np.diff(person.time).mean() ** 2
        )
        residual = 1000 * fit.residual[:, _COCO]
        rows.append(
            (
                f"feet {name}",
                round(1000 * float(resting.mean())),
                round(1000 * float(np.mean(height)), 1),
                round(1000 * float(np.max(tilt))),
                round(float(bend.max())),
                round(float(np.nanmean(off)), 2),
                round(float(np.nanmean(residual)), 1),
                round(float(np.nanmedian(residual)), 1),
            )
        )
    return Table(
        title="The fitted body",
        columns=(
            "",
            "foot speed, mm/s",
            "height spread, mm",
            "tilt, mm",
            "largest acceleration, m/s^2",
            "reprojection, px",
            "joints to mesh, mm",
            "median",
        ),
        rows=tuple(rows),
        notes=(
            "Heels and big toes while their foot stands: speed, standard deviation of the height, "
            "and how much the toe goes up and down against the heel. Acceleration of those "
            "points, swings included. Reprojection of COCO's 17 points in all views.",
        ),
    )


def place(body: Body, motion: BodyMotion, names: tuple[str, ...]) -> Float[np.ndarray, "T G 3"]:
    """Return where points of the body are."""
    posed = body.pose(
        torch.from_numpy(motion.shape[0]),
        torch.from_numpy(motion.T_world_root[0]),
        torch.from_numpy(motion.R_parent_joint[0]),
    )
    return body.landmark_positions(posed, names).numpy().astype(np.float64)


def reproject_px(
    body: Body, fit: ViewsFit, person: ViewsOfPerson, cameras: Cameras
) -> Float[np.ndarray, "C T K"]:
    """Return how far COCO's points of the body are from the keypoints that count."""
    names = person.skeleton.keypoints[_COCO]
    image = project_to_cameras(cameras, place(body, fit.motion, names)[None])[:, 0]
    counts: Bool[np.ndarray, "C T K"] = person.counts[:, :, _COCO]
    return np.where(counts, np.linalg.norm(image - person.image[:, :, _COCO], axis=-1), np.nan)


def main(arguments: list[str] | None = None) -> None:
    """Run the road, print and perhaps keep the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pose2sim", description=__doc__)
    parser.add_argument("sample", type=Path, nargs="?", default=SAMPLE)
    parser.add_argument("--journals", type=Path, help="where the networks' answers are kept")
    parser.add_argument("--write", action="store_true", help="keep the tables in the docs")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        keypoints, found, cameras = see(options.sample, options.journals or Path(folder))
    row = choose_subject(found)
    points = refine_skeletons(found.keypoints, ManyViewsOptions())
    person = lay_out_person(keypoints, found, points, row, ManyViewsOptions())
    tables = [
        tabulate_points(found, row, options.sample),
        tabulate_feet(load_body(), person, cameras),
    ]
    text = "\n\n".join(map(format_table, tables))
    print(text)
    if options.write:
        replace_tables(PAGE, text)


if __name__ == "__main__":
    main()
