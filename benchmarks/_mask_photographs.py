"""What masks are worth on photographs: labelled ones, and two of people in contact."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8

from benchmarks._tables import Table
from marey.capture.boxes import overlap
from marey.capture.conceal import Concealer
from marey.capture.masks.keypoints import MaskOptions, locate_masked, measure_foreign
from marey.capture.masks.suppress import Suppression, suppress
from marey.core import convert_keypoints, load_skeleton
from marey.io.images import read_image
from marey.io.masks._rle import read_segmentation
from marey.models.protocols import PersonLandmarks
from marey.models.wholebody import WholeBodyEstimator

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
