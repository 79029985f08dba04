"""What masks are worth to the shipped network: photographs, calibrated views, drawn dancers.

`python -m benchmarks.masks SHARED` prints the tables of docs/masks.md; SHARED holds `data/ochuman`,
`data/coco_wholebody`, `data/flickrci3d`, `data/panoptic_views` and `data/cmu_salsa_pairs`.
"""

import argparse
import time as clock
from functools import partial
from itertools import permutations
from pathlib import Path

import numpy as np
from tests.capture.views.panoptic_photographs import (
    read_cameras,
    read_photographs,
    see_photographs,
)

from benchmarks._mask_photographs import (
    describe_foreign,
    read_labelled,
    tabulate_filling,
    tabulate_photographs,
)
from benchmarks._pairs import read_dance
from benchmarks._rendered import render_scene, see_scene
from benchmarks._tables import Cell, Table, format_table
from marey.body import Body, load_body
from marey.capture.contact.closer_look import CloserLook, look_closer
from marey.capture.contact.overlaps import predict_points
from marey.capture.contact.road import ThroughContact, pass_contact
from marey.capture.contact.supported import choose_supported
from marey.capture.masks.bodies import body_faces, body_from_points
from marey.capture.masks.draw import lay_out, render_masks
from marey.capture.masks.keypoints import MaskOptions
from marey.capture.views.duplicates import suppress_duplicates
from marey.capture.views.second_look import SecondLook, find_missed
from marey.capture.views.triangulate import triangulate_keypoints
from marey.models.wholebody import WholeBodyEstimator
from marey.synthetic import make_cameras, synthetic_scene
from marey.synthetic.close import CloseScene, pose_motion

LOOKS = {
    "again, nobody painted over": CloserLook(use=MaskOptions(suppression=None, weigh=False)),
    "again, bodies painted over": CloserLook(),
    "the same, masks sharpened": CloserLook(sharpen=True),
}


def tabulate_views(folder: Path, estimator: WholeBodyEstimator) -> Table:
    """Five calibrated photographs of four people at a table, looked at again."""
    cameras, photographs = read_cameras(folder), read_photographs(folder)
    seen = find_missed(
        see_photographs(folder, estimator),
        cameras,
        lambda v, frames: [(0, photographs[v])],
        estimator,
    )
    seen = suppress_duplicates(seen, drop="weaker")
    options = SecondLook().points
    before = triangulate_keypoints(seen, cameras, options=options)
    predicted = predict_points(before.keypoints)
    everyone = np.ones((len(cameras.names), len(seen.people), 1), bool)
    rows = [("first look", *_agreement(before))]
    for name, look in LOOKS.items():
        again = look_closer(
            seen,
            predicted,
            everyone,
            cameras,
            lambda view, frames: [(0, photographs[view])],
            estimator,
            options=look,
        )
        best = choose_supported(seen, again, cameras, options=options)
        for title, keypoints in ((name, again), (f"{name}; the better of both", best.keypoints)):
            found = triangulate_keypoints(keypoints, cameras, options=options)
            rows.append((title, *_agreement(found)))
    return Table(
        title="Calibrated views",
        columns=("look", "agreeing", "points", "error"),
        rows=tuple(rows),
        notes=(
            "CMU Panoptic, five photographs of four people around a table, COCO's 17 points: "
            "reports that agree across views, points in space, and half the distance to the rays "
            "on the plane z = 1, in thousandths. There is no truth.",
        ),
    )


def tabulate_rendered(shared: Path, body: Body, estimator: WholeBodyEstimator) -> Table:
    """Partner dance drawn from six sides, looked at again where people touch, against truth."""
    rows: list[tuple[Cell, ...]] = []
    for trial in ("01", "12"):
        motion = read_dance(shared, body, trial, frames=14, step=8)
        cameras = make_cameras(6, size=(960, 720), distance=4.2)
        rendered = render_scene(body, motion, cameras)
        seen = see_scene(rendered, estimator)
        clean = suppress_duplicates(seen, drop="weaker")
        found = triangulate_keypoints(clean, cameras)
        looks = {"first look": None, **LOOKS}
        for name, options in looks.items():
            look = None
            if options is not None:
                look = partial(
                    look_closer,
                    cameras=cameras,
                    pictures=rendered.read,
                    estimator=estimator,
                    options=options,
                )
            through = pass_contact(clean, found, cameras, associated=seen, look=look)
            rows.append((f"dance {trial}, {name}", *_against_truth(through, rendered.scene)))
    return Table(
        title="Drawn dancers",
        columns=("look", "mean, mm", "95 %, mm", "found, %", "off by 25 px, %", "agreeing"),
        rows=tuple(rows),
        notes=(
            "CMU's partner dance on two shipped bodies in clothes, 6 cameras of 960 x 720, 14 "
            "frames 67 ms apart, seen by the shipped networks; COCO's 17 points against truth. "
            "Part of the error is that the network's joints are not quite the body's.",
        ),
    )


def _against_truth(
    through: ThroughContact, scene: CloseScene
) -> tuple[float, float, float, float, int]:
    """Compare points with whom they are nearest to."""
    position = through.found.keypoints.position[:, :, :17]
    errors = {
        pair: np.linalg.norm(position[list(pair)] - scene.keypoints3d.position, axis=-1)
        for pair in permutations(range(len(position)), 2)
    }
    pair = min(errors, key=lambda each: float(np.nanmean(errors[each])))
    error, rows = errors[pair], list(pair)
    pixel = through.keypoints.position[:, rows][..., :17, :] - scene.truth2d.position
    sure = through.keypoints.confidence[:, rows][..., :17] > 0.3
    off = np.linalg.norm(pixel, axis=-1)[sure] > 25
    return (
        round(1000 * float(np.nanmean(error)), 1),
        round(1000 * float(np.nanpercentile(error, 95)), 1),
        round(100 * float(np.isfinite(error).mean()), 1),
        round(100 * float(off.mean()), 1),
        int(through.found.inlier[..., :17].sum()),
    )


def describe_capsules(body: Body) -> str:
    """Say how well capsules cover the shipped body, and how long drawing takes."""
    ratios, spent = [], []
    for motion in ("walk", "dance", "kick"):
        cameras = make_cameras(20)
        scene = synthetic_scene(body, motion, num_people=2, num_frames=1, cameras=cameras)
        meshes = body.vertices(pose_motion(body, scene.motion)).numpy()[:, 0].astype(float)
        points = scene.keypoints3d
        begin = clock.perf_counter()
        capsules = body_from_points(points.position[:, 0], points.skeleton)
        render_masks(cameras, capsules, body_faces())
        spent.append(clock.perf_counter() - begin)
        true = render_masks(cameras, meshes, body.faces.numpy(), step=4.0)
        rough = render_masks(cameras, capsules, body_faces(), step=4.0)
        for view, pair in enumerate(zip(true, rough, strict=True)):
            size = int(cameras.size[view][0]), int(cameras.size[view][1])
            drawn = [lay_out(layers, layers.amodal, size) for layers in pair]
            union, common = (drawn[0] | drawn[1]).sum((1, 2)), (drawn[0] & drawn[1]).sum((1, 2))
            ratios.extend((common / union).tolist())
    return (
        f"Capsules cover the body's mesh with an intersection over union of {np.mean(ratios):.2f} "
        f"({min(ratios):.2f} at least); twenty views of two people are drawn in "
        f"{1000 * min(spent):.0f} ms."
    )


def _agreement(found) -> tuple[int, int, float]:
    body = slice(0, 17)
    error = float(np.nanmean(found.error[..., body]))
    agreeing = int(found.inlier[..., body].sum())
    return agreeing, int(found.keypoints.valid[..., body].sum()), round(1000 * error, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path, help="the folder of shared samples")
    shared = parser.parse_args().shared
    data, estimator = shared / "data", WholeBodyEstimator()
    people = [
        *read_labelled(data / "ochuman", "test_ochuman.json"),
        *read_labelled(data / "coco_wholebody", "test_coco.json"),
    ]
    print(format_table(tabulate_filling(people, estimator)), end="\n\n")
    print(describe_foreign(people, estimator), end="\n\n")
    print(format_table(tabulate_photographs(data / "flickrci3d", estimator)), end="\n\n")
    print(format_table(tabulate_views(data / "panoptic_views", estimator)), end="\n\n")
    print(format_table(tabulate_rendered(shared, load_body(), estimator)), end="\n\n")
    print(describe_capsules(load_body()))


if __name__ == "__main__":
    main()
