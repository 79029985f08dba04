"""What masks are worth to the shipped network, on labelled photographs and on calibrated views.

`python -m benchmarks.masks SHARED` prints the tables of docs/masks.md; SHARED holds `data/ochuman`,
`data/coco_wholebody`, `data/flickrci3d` and `data/panoptic_views`.
"""

import json
import sys
import time as clock
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8
from tests.capture.views.panoptic_photographs import (
    read_cameras,
    read_photographs,
    see_photographs,
)

from benchmarks._tables import Table, format_table
from marey.body import Body, load_body
from marey.capture.boxes import overlap
from marey.capture.conceal import Concealer
from marey.capture.contact.closer_look import CloserLook, look_closer
from marey.capture.contact.overlaps import predict_points
from marey.capture.contact.supported import choose_supported
from marey.capture.masks.bodies import body_faces, body_from_points
from marey.capture.masks.draw import lay_out, render_masks
from marey.capture.masks.keypoints import MaskOptions, locate_masked, measure_foreign
from marey.capture.masks.suppress import Suppression, suppress
from marey.capture.views.duplicates import suppress_duplicates
from marey.capture.views.second_look import SecondLook, find_missed
from marey.capture.views.triangulate import triangulate_keypoints
from marey.core import convert_keypoints, load_skeleton
from marey.io._rle import read_segmentation
from marey.io.images import read_image
from marey.models.protocols import PersonLandmarks
from marey.models.wholebody import WholeBodyEstimator
from marey.synthetic import make_cameras, synthetic_scene
from marey.synthetic.close import pose_motion

COCO, FEWEST, COVERED = load_skeleton("coco-17"), 8, 0.05
_TWIN = 0.5
"""Overlap of two boxes from which on they are of one person."""
METHODS: tuple[tuple[str, Suppression | None, bool], ...] = (
    ("left in the picture", None, False),
    ("painted grey", "grey", False),
    ("painted grey, soft edge", "soft", False),
    ("painted in the mean colour around (the default)", "mean", False),
    ("blurred", "blur", False),
    ("all but the person grey", "grey", True),
    ("all but the person blurred", "blur", True),
)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A person in a photograph, with everybody's masks."""

    image: UInt8[np.ndarray, "H W 3"]
    box: Float[np.ndarray, "4"]
    points: Float[np.ndarray, "17 2"]
    own: Bool[np.ndarray, "H W"]
    others: Bool[np.ndarray, "H W"]

    @property
    def covered(self) -> float:
        """Share of the box that shows somebody else."""
        x0, y0, x1, y1 = self.box.astype(int)
        return float(self.others[max(y0, 0) : y1, max(x0, 0) : x1].mean())


def read_labelled(folder: Path, labels: str) -> Iterator[Labelled]:
    """Yield the people of COCO's labels who have a mask and enough points."""
    content = json.loads((folder / labels).read_text())
    for picture in content["images"]:
        size = picture["width"], picture["height"]
        rows = [row for row in content["annotations"] if row["image_id"] == picture["id"]]
        rows = [row for row in rows if row.get("segmentation") and not row["iscrowd"]]
        masks = [read_segmentation(row["segmentation"], size) for row in rows]
        image = read_image(folder / picture["file_name"])
        for number, row in enumerate(rows):
            points = np.array(row["keypoints"], float).reshape(-1, 3)
            if (points[:, 2] > 0).sum() < FEWEST:
                continue
            x, y, width, height = row["bbox"]
            rest = [mask for other, mask in enumerate(masks) if other != number]
            yield Labelled(
                image=image,
                box=np.array([x, y, x + width, y + height], float),
                points=np.where(points[:, 2:] > 0, points[:, :2], np.nan),
                own=masks[number],
                others=np.any([np.zeros_like(masks[number]), *rest], 0) & ~masks[number],
            )


def tabulate_filling(people: list[Labelled], estimator: WholeBodyEstimator) -> Table:
    """What others are painted over with, against labels."""
    hard = np.array([person.covered > COVERED for person in people])
    rows = []
    for name, method, alone in METHODS:
        errors = []
        for person in people:
            others = ~person.own if alone else person.others
            image = person.image
            if method is not None:
                shares = person.own.astype(np.float32), others.astype(np.float32)
                image = suppress(image, *shares, method=method)
            found = estimator.locate(image, person.box)
            errors.append(_error(found, person))
        every = np.concatenate(errors)
        covered = np.concatenate(
            [row for row, is_hard in zip(errors, hard, strict=True) if is_hard]
        )
        rows.append((name, *_summarise(every), *_summarise(covered)))
    return Table(
        title="What the others are painted over with",
        columns=("others are", "mean, %", "within 20 %", "overlapping, %", "within 20 %"),
        rows=tuple(rows),
        notes=(
            f"{len(people)} people of OCHuman and COCO with {FEWEST} labelled points and a mask; "
            f"{hard.sum()} of them are covered by others over more than {100 * COVERED:.0f} % of "
            "their box. Errors of COCO's 17 points as a share of the root of the person's area.",
        ),
    )


def describe_foreign(people: list[Labelled], estimator: WholeBodyEstimator) -> str:
    """Say how much worse points are that are found on somebody else's pixels."""
    on, off = [], []
    for person in people:
        found = estimator.locate(person.image, person.box)
        error = np.linalg.norm(_first(found) - person.points, axis=-1) / _scale(person)
        foreign = measure_foreign(_cut(found), person.own, person.others) > 0.5
        known = np.isfinite(error)
        on.append(error[known & foreign])
        off.append(error[known & ~foreign])
    mine, theirs = np.concatenate(off), np.concatenate(on)
    return (
        f"Points found on somebody else's pixels: {len(theirs)} of {len(theirs) + len(mine)}; "
        f"median error {np.median(theirs):.2f}, of the others {np.median(mine):.2f}."
    )


def tabulate_photographs(folder: Path, estimator: WholeBodyEstimator) -> Table:
    """Two photographs of close people, against ViTPose's points; masks are drawn from those."""
    rows, concealer = [], Concealer(COCO)
    for path in sorted(folder.glob("*_vitpose.json")):
        name = path.stem.removesuffix("_vitpose")
        image = read_image(folder / f"{name}.png")
        people = _leave_out_twins(
            [_read_openpose(each) for each in json.loads(path.read_text())["people"]]
        )
        size = image.shape[0], image.shape[1]
        masks = np.stack([concealer.outline(size, each) > 0 for each in people])
        plain, masked = [], []
        for row, person in enumerate(people):
            truth = np.where(person.confidence[:, None] > 0.5, person.position, np.nan)
            longer = float(np.max(person.box[2:] - person.box[:2]))
            found = estimator.locate(image, person.box)
            plain.append(np.linalg.norm(_first(found) - truth, axis=-1) / longer)
            options = MaskOptions(weigh=False)
            found = locate_masked(estimator, image, person.box, masks, row, options=options)
            masked.append(np.linalg.norm(_first(found) - truth, axis=-1) / longer)
        cells = [_photograph(np.concatenate(errors)) for errors in (plain, masked)]
        rows.append((f"`{name}`", int(np.isfinite(np.concatenate(plain)).sum()), *cells))
    return Table(
        title="Photographs of people in contact",
        columns=("photograph", "points", "plain", "masks"),
        rows=tuple(rows),
        notes=(
            "FlickrCI3D, against ViTPose's points of confidence above 0.5, as a share of the "
            "longer side of the box: mean, median, within 0.05. Masks are thick lines between "
            "those very points: what good masks give, not what one photograph does.",
        ),
    )


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
    looks = {
        "again, nobody painted over": CloserLook(use=MaskOptions(suppression=None, weigh=False)),
        "again, bodies painted over": CloserLook(),
        "the same, masks sharpened": CloserLook(sharpen=True),
    }
    for name, look in looks.items():
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


def _read_openpose(person: dict) -> PersonLandmarks:
    rows = np.array(person["pose_keypoints_2d"], float).reshape(-1, 3)
    source = load_skeleton("openpose-25")
    position = np.where(rows[:, 2:] > 0, rows[:, :2], np.nan)
    position = convert_keypoints(position, source, COCO)
    confidence = convert_keypoints(rows[:, 2], source, COCO, axis=-1, missing=0.0)
    box = np.concatenate([np.nanmin(position, 0), np.nanmax(position, 0)])
    nothing = np.full(17, np.nan)
    return PersonLandmarks(
        position=position,
        confidence=confidence,
        sigma=nothing,
        world=np.full((17, 3), np.nan),
        score=1.0,
        box=box,
    )


def _leave_out_twins(people: list[PersonLandmarks]) -> list[PersonLandmarks]:
    """Leave out who was found twice: nobody's mask is to hide themselves."""
    kept: list[PersonLandmarks] = []
    for person in people:
        boxes = np.array([each.box for each in kept]).reshape(-1, 4)
        union, _ = overlap(person.box[None], boxes)
        if not (union > _TWIN).any():
            kept.append(person)
    return kept


def _first(found: PersonLandmarks) -> Float[np.ndarray, "17 2"]:
    return found.position[:17].astype(float)


def _cut(found: PersonLandmarks) -> PersonLandmarks:
    return replace(
        found,
        position=found.position[:17],
        confidence=found.confidence[:17],
        sigma=found.sigma[:17],
        world=found.world[:17],
    )


def _scale(person: Labelled) -> float:
    return float(np.sqrt(person.own.sum()))


def _error(found: PersonLandmarks, person: Labelled) -> Float[np.ndarray, "P"]:
    error = np.linalg.norm(_first(found) - person.points, axis=-1) / _scale(person)
    return error[np.isfinite(error)]


def _summarise(error: Float[np.ndarray, "P"]) -> tuple[float, int]:
    return round(100 * float(error.mean()), 1), round(100 * float((error < 0.2).mean()))


def _photograph(error: Float[np.ndarray, "P"]) -> str:
    known = error[np.isfinite(error)]
    within = 100 * (known < 0.05).mean()
    return f"{known.mean():.3f}, {np.median(known):.3f}, {within:.0f} %"


def main() -> None:
    data, estimator = Path(sys.argv[1]) / "data", WholeBodyEstimator()
    people = [
        *read_labelled(data / "ochuman", "test_ochuman.json"),
        *read_labelled(data / "coco_wholebody", "test_coco.json"),
    ]
    print(format_table(tabulate_filling(people, estimator)), end="\n\n")
    print(describe_foreign(people, estimator), end="\n\n")
    print(format_table(tabulate_photographs(data / "flickrci3d", estimator)), end="\n\n")
    print(format_table(tabulate_views(data / "panoptic_views", estimator)), end="\n\n")
    print(describe_capsules(load_body()))


if __name__ == "__main__":
    main()
