"""One detection for two people does not count."""

import numpy as np
import pytest

from marey.capture.views.duplicates import keypoint_similarity, suppress_duplicates
from marey.core import Keypoints2D, load_skeleton

COCO = load_skeleton("coco-17")
SIGMAS = np.array(COCO.oks_sigmas)


def _keypoints(position: np.ndarray, confidence: np.ndarray) -> Keypoints2D:
    return Keypoints2D(
        skeleton=COCO,
        people=tuple("ab"),
        time=np.arange(position.shape[2]) / 20,
        position=position.astype(np.float32),
        confidence=confidence.astype(np.float32),
    )


def test_similarity_is_cocos():
    first = np.random.default_rng(0).uniform(0, 300, (17, 2))
    second = first + np.array([3.0, -4.0])
    visible = np.ones((2, 17), bool)
    area = float(np.prod(np.ptp(first, axis=0)))
    expected = np.mean(np.exp(-25 / (2 * area * (2 * SIGMAS) ** 2)))
    assert keypoint_similarity(first, second, visible, SIGMAS) == pytest.approx(expected)
    assert keypoint_similarity(first, first, visible, SIGMAS) == pytest.approx(1.0)


def test_only_points_of_both_count():
    first = np.random.default_rng(1).uniform(0, 300, (17, 2))
    second = first.copy()
    second[3] += 1000
    visible = np.ones((2, 17), bool)
    visible[1, 3] = False
    assert keypoint_similarity(first, second, visible, SIGMAS) == pytest.approx(1.0)
    visible[1] = ~visible[0]
    assert keypoint_similarity(first, second, visible, SIGMAS) == pytest.approx(0.1)


@pytest.mark.parametrize(("drop", "left"), [("both", [0, 0]), ("weaker", [17, 0])])
def test_duplicates_lose_their_confidence_in_that_view_only(drop, left: list[int]):
    rng = np.random.default_rng(2)
    position = rng.uniform(0, 500, (2, 2, 3, 17, 2))
    confidence = np.full((2, 2, 3, 17), 0.9)
    confidence[:, 1] = 0.8
    position[1, 1, 2] = position[1, 0, 2] + 0.5
    result = suppress_duplicates(_keypoints(position, confidence), drop=drop)
    assert (result.confidence[1, :, 2] > 0).sum(-1).tolist() == left
    untouched = np.ones((2, 2, 3), bool)
    untouched[1, :, 2] = False
    np.testing.assert_array_equal(
        result.confidence[untouched], confidence.astype(np.float32)[untouched]
    )
    np.testing.assert_array_equal(result.valid, result.confidence > 0)
