"""Average precision by OKS: known answers, and COCO's rules written as a plain loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marey.core import load_skeleton
from marey.evaluate import (
    OKS_THRESHOLDS,
    ImagePeople,
    keypoint_precision,
    object_keypoint_similarity,
)

SIGMAS = np.array(load_skeleton("coco-17").oks_sigmas)


def _scene(seed: int, num_images: int = 6) -> list[ImagePeople]:
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(num_images):
        num_people, num_extra = rng.integers(0, 4), rng.integers(0, 3)
        truth = rng.uniform(0, 200, (num_people, 17, 2)) + rng.uniform(0, 800, (num_people, 1, 2))
        truth[rng.random(truth.shape[:2]) < 0.3] = np.nan
        found = np.nan_to_num(truth[rng.random(num_people) < 0.8], nan=50.0)
        found = found + rng.normal(0, 6, found.shape)
        false = rng.uniform(0, 1000, (num_extra, 17, 2))
        everyone = np.concatenate([found, found[:1] + 3.0, false])
        images.append(
            ImagePeople(
                predicted=everyone,
                confidence=rng.random(len(everyone)),
                truth=truth,
                area=rng.uniform(5000, 40000, num_people),
                ignored=rng.random(num_people) < 0.2,
            )
        )
    return images


def _plain_precision(images: list[ImagePeople], threshold: float) -> float:
    outcomes, people = [], 0
    for image in images:
        ignored = [
            bool(image.ignored[n]) or bool(np.isnan(t).any(-1).all())
            for n, t in enumerate(image.truth)
        ]
        people += ignored.count(False)
        taken: set[int] = set()
        for find in sorted(range(len(image.confidence)), key=lambda d: -image.confidence[d]):
            best, best_value, best_ignored = None, threshold, False
            for n in sorted(range(len(ignored)), key=lambda n: ignored[n]):
                if n in taken and not ignored[n]:
                    continue
                if best is not None and not best_ignored and ignored[n]:
                    break
                value = _plain_similarity(image.predicted[find], image.truth[n], image.area[n])
                if value is not None and value >= best_value:
                    best, best_value, best_ignored = n, value, ignored[n]
            if best is not None:
                taken.add(best)
            kind = "skip" if best is not None and best_ignored else best is not None
            outcomes.append((image.confidence[find], kind))
    outcomes = [kind for _, kind in sorted(outcomes, key=lambda o: -o[0]) if kind != "skip"]
    precisions, recalls, hits = [], [], 0
    for rank, right in enumerate(outcomes, 1):
        hits += right
        precisions.append(hits / rank)
        recalls.append(hits / people)
    total = 0.0
    for wanted in np.linspace(0, 1, 101):
        after = [p for p, r in zip(precisions, recalls, strict=True) if r >= wanted]
        total += max(after, default=0.0)
    return total / 101


def _plain_similarity(predicted: np.ndarray, truth: np.ndarray, area: float) -> float | None:
    values = []
    for p, g, sigma in zip(predicted, truth, SIGMAS, strict=True):
        if not np.isnan(g).any():
            square = (p[0] - g[0]) ** 2 + (p[1] - g[1]) ** 2
            values.append(np.exp(-square / (2 * area * (2 * sigma) ** 2)))
    return float(np.mean(values)) if values else None


class TestSimilarity:
    def test_one_sigma_away(self):
        truth = np.zeros((1, 17, 2))
        predicted = np.zeros((1, 17, 2))
        # Everything is off by one standard deviation, 2 sigma sqrt(area).
        predicted[0, :, 0] = 2 * SIGMAS * 100.0
        value = object_keypoint_similarity(predicted, truth, area=np.array([1e4]), sigmas=SIGMAS)
        assert value[0, 0] == pytest.approx(np.exp(-0.5))

    def test_only_labelled_keypoints_count_and_missing_ones_score_nothing(self):
        truth = np.zeros((2, 17, 2))
        truth[0, 4:] = np.nan
        truth[1] = np.nan
        predicted = np.zeros((1, 17, 2))
        predicted[0, 0] = np.nan
        value = object_keypoint_similarity(predicted, truth, area=np.full(2, 1e4), sigmas=SIGMAS)
        assert value[0, 0] == pytest.approx(0.75)
        assert np.isnan(value[0, 1])


class TestPrecision:
    @settings(max_examples=25, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1))
    def test_agrees_with_a_plain_loop(self, seed):
        images = _scene(seed)
        ours = keypoint_precision(images, sigmas=SIGMAS)
        if ours.num_people == 0:
            assert np.isnan(ours.mean)
            return
        for threshold, value in zip(OKS_THRESHOLDS, ours.per_threshold, strict=True):
            assert value == pytest.approx(_plain_precision(images, threshold))

    def test_perfect_and_half(self):
        truth = np.random.default_rng(0).uniform(0, 100, (2, 17, 2))
        truth[1, :, 0] += 500.0
        area = np.full(2, 1e4)
        everyone = ImagePeople(predicted=truth, confidence=np.ones(2), truth=truth, area=area)
        assert keypoint_precision([everyone], sigmas=SIGMAS).mean == pytest.approx(1.0)
        half = ImagePeople(predicted=truth[:1], confidence=np.ones(1), truth=truth, area=area)
        score = keypoint_precision([half], sigmas=SIGMAS)
        assert score.recall == pytest.approx(0.5)
        assert score.mean == pytest.approx(51 / 101)

    def test_real_labels_found_by_themselves(self, shared):
        import json

        path = shared / "data" / "coco_wholebody" / "test_coco.json"
        labels = json.loads(path.read_text())["annotations"]
        images = []
        for number in {label["image_id"] for label in labels}:
            mine = [label for label in labels if label["image_id"] == number]
            points = np.array([label["keypoints"] for label in mine], float).reshape(-1, 17, 3)
            boxes = np.array([label["bbox"] for label in mine], float)
            # Somebody whose keypoints nobody labelled is found too: that is not wrong.
            unlabelled = ~points[..., 2].any(-1)
            points[unlabelled, :, :2] = (boxes[:, :2] + boxes[:, 2:] / 2)[unlabelled, None]
            truth = np.where(points[..., 2:] > 0, points[..., :2], np.nan)
            images.append(
                ImagePeople(
                    predicted=points[..., :2],
                    confidence=np.ones(len(mine)),
                    truth=truth,
                    area=np.array([label["area"] for label in mine]),
                    ignored=np.array([bool(label["iscrowd"]) for label in mine]),
                    box=boxes + np.pad(boxes[:, :2], ((0, 0), (2, 0))),
                )
            )
        assert keypoint_precision(images, sigmas=SIGMAS).mean == pytest.approx(1.0)
