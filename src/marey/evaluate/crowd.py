"""Metrics that judge everyone of an image or a recording at once, and are no averages of errors."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from marey.core import load_skeleton
from marey.core.errors import InputError
from marey.evaluate.detection import ImagePeople, keypoint_precision, object_keypoint_similarity
from marey.evaluate.measure import columns_of
from marey.evaluate.poses import PoseSequence
from marey.evaluate.positions import expect
from marey.evaluate.prepare import Pair
from marey.evaluate.protocol import Metric, Protocol
from marey.evaluate.result import Row
from marey.evaluate.score import Score
from marey.evaluate.tracking import TrackedFrame, hota, mot


def measure_crowd(protocol: Protocol, metric: Metric, pairs: Sequence[Pair]) -> Row:
    """Measure finding (`oks-precision`) or following (`mota`, `hota`) of everyone, by OKS.

    Raises:
        InputError: If a joint has no OKS constant or the truth no boxes.
        MissingExtraError: If MOTA is asked for and motmetrics is not installed.
    """
    sigmas = _sigmas(protocol, metric)
    images = {pair.name: _images(protocol, metric, pair) for pair in pairs}
    everything = [image for each in images.values() for image in each]
    if metric.measure == "oks-precision":
        found = keypoint_precision(everything, sigmas=sigmas)
        value, people = found.mean, found.num_people
    else:
        frames = _tracked(images, pairs, sigmas)
        people = sum(len(frame.truth) for frame in frames)
        value = mot(frames).mota if metric.measure == "mota" else hota(frames).hota
    return Row(
        name=metric.name,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        score=Score(
            value=metric.factor * value,
            num_frames=sum(1 for image in everything if len(image.truth)),
            num_values=people,
        ),
    )


def _sigmas(protocol: Protocol, metric: Metric) -> Float[np.ndarray, "K"]:
    names, _ = columns_of(protocol, metric)
    coco = load_skeleton("coco-17")
    assert coco.oks_sigmas is not None
    strange = [name for name in names if name not in coco.keypoints]
    if strange:
        raise InputError(f"OKS has no constants for {', '.join(strange)}")
    return np.array([coco.oks_sigmas[coco.index(name)] for name in names])


def _images(protocol: Protocol, metric: Metric, pair: Pair) -> list[ImagePeople]:
    _, rows = columns_of(protocol, metric)
    box = pair.truth.box
    if box is None:
        raise InputError(
            f"sequence '{pair.name}': {metric.name} needs the true boxes (field box) for the size "
            "of people"
        )
    truth = np.where(pair.valid[..., None], pair.truth.position, np.nan)[:, :, rows]
    ours = pair.predicted.position[:, :, rows]
    sure = _confidence(pair.predicted)
    images = []
    for row in range(truth.shape[1]):
        there = _people(pair.truth)[:, row]
        found = _people(pair.predicted)[:, row]
        size = box[there, row, 2:] - box[there, row, :2]
        images.append(
            ImagePeople(
                predicted=np.asarray(ours[found, row], np.float64),
                confidence=sure[found, row],
                truth=np.asarray(truth[there, row], np.float64),
                area=np.asarray(size.prod(-1), np.float64),
            )
        )
    return images


def _tracked(
    images: dict[str, list[ImagePeople]], pairs: Sequence[Pair], sigmas: Float[np.ndarray, "K"]
) -> list[TrackedFrame]:
    frames = []
    first = 0
    for pair in pairs:
        ours, theirs = _people(pair.predicted), _people(pair.truth)
        for row, image in enumerate(images[pair.name]):
            frames.append(
                TrackedFrame(
                    # Nobody is the same person in two recordings.
                    predicted=first + np.flatnonzero(ours[:, row]),
                    truth=first + np.flatnonzero(theirs[:, row]),
                    similarity=object_keypoint_similarity(
                        image.predicted, image.truth, area=image.area, sigmas=sigmas
                    ),
                )
            )
        first += max(len(ours), len(theirs))
    return frames


def _people(each: PoseSequence) -> np.ndarray:
    return np.asarray(np.any(expect(each.position, None), axis=-1))


def _confidence(each: PoseSequence) -> Float[np.ndarray, "N T"]:
    known = expect(each.position, None)
    sure = np.ones(known.shape) if each.confidence is None else each.confidence
    return np.where(known, sure, 0.0).sum(-1) / np.maximum(known.sum(-1), 1)
