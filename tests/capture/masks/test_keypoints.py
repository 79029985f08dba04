"""Painting over, weighing points by masks, and masks that sharpen one another."""

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import pytest

from marey.capture.masks.draw import fill_grid
from marey.capture.masks.keypoints import (
    MaskOptions,
    box_of_mask,
    locate_masked,
    measure_foreign,
    weigh_points,
)
from marey.capture.masks.network import find_mask, sharpen_masks
from marey.capture.masks.suppress import GREY, suppress
from marey.core import load_skeleton
from marey.geometry.layers import Layers
from marey.io.images import read_image
from marey.models.protocols import PersonLandmarks
from marey.models.wholebody import WholeBodyEstimator

COCO = load_skeleton("coco-17")


def landmarks(points: np.ndarray) -> PersonLandmarks:
    count = len(points)
    return PersonLandmarks(
        position=points.astype(np.float32),
        confidence=np.full(count, 0.8, np.float32),
        sigma=np.full(count, 2.0, np.float32),
        world=np.full((count, 3), np.nan, np.float32),
        score=1.0,
        box=np.array([0, 0, 1, 1], np.float32),
    )


def halves() -> np.ndarray:
    masks = np.zeros((2, 80, 100), bool)
    masks[0, 10:70, 10:50] = True
    masks[1, 10:70, 50:90] = True
    return masks


@pytest.mark.parametrize("method", ["grey", "soft", "mean", "blur"])
def test_others_are_gone_and_the_person_stays(method):
    image = np.random.default_rng(0).integers(0, 255, (80, 100, 3), dtype=np.uint8)
    image[:, :50, 0] = 0
    masks = halves().astype(np.float32)
    picture = suppress(image, masks[0], masks[1], method=method)
    np.testing.assert_array_equal(picture[10:70, 10:40], image[10:70, 10:40])
    np.testing.assert_array_equal(picture[:5], image[:5])
    inside = picture[20:60, 60:80].astype(float)
    # What is left has no texture of its own: its spread is far below the noise's.
    assert inside.std((0, 1)).max() < 0.35 * image[20:60, 60:80].std()
    if method == "grey":
        assert (inside == GREY).all()


def test_where_both_claim_a_pixel_it_is_the_persons():
    image = np.full((40, 40, 3), 200, np.uint8)
    everything = np.ones((40, 40), np.float32)
    np.testing.assert_array_equal(suppress(image, everything, everything), image)
    assert suppress(image, everything, everything * 0) is image


def test_points_on_others_lose_confidence_in_proportion():
    masks = np.kron(halves(), np.ones((1, 8, 8), bool))
    # Well inside, on the border, on the other, outside of everybody, missing.
    points = np.array([[20, 40], [50, 40.5], [75, 40], [95, 75], [np.nan, 3]]) * 8
    found = landmarks(points)
    foreign = measure_foreign(found, masks[0], masks[1])
    np.testing.assert_allclose(foreign, [0, 0.5, 1, 0, 0], atol=0.06)
    weighed = weigh_points(found, masks[0], masks[1])
    np.testing.assert_allclose(weighed.confidence[[0, 3]], 0.8)
    # 0.8 (1 - 0.8) = 0.16 is below 0.2: the point counts as missing.
    assert weighed.confidence[2] == 0 and np.isnan(weighed.position[2]).all()
    assert np.isnan(weighed.sigma[2])
    assert 0.3 < weighed.confidence[1] < 0.7 and weighed.sigma[1] > 3
    kept = weigh_points(found, masks[0], masks[1], MaskOptions(threshold=0.1))
    assert kept.confidence[2] == pytest.approx(0.16)


def test_a_box_around_a_mask():
    np.testing.assert_array_equal(box_of_mask(halves()[1]), [50, 10, 90, 70])
    assert np.isnan(box_of_mask(np.zeros((5, 5), bool))).all()


@dataclass(frozen=True)
class Looker:
    """An estimator that writes down what it was shown and answers the same in any case."""

    answer: PersonLandmarks
    shown: list = field(default_factory=list)
    skeleton = COCO

    def locate(self, image, box, previous=None):
        self.shown.append((image, box))
        return self.answer

    def complete(self, image, located, previous=None):
        return located


@dataclass(frozen=True)
class MaskedLooker(Looker):
    """The same, for networks that take masks."""

    def locate_masked(self, image, box, previous, mask):
        self.shown.append((image, box, mask))
        return self.answer


def test_whoever_takes_no_masks_sees_a_picture_without_the_others():
    image = np.random.default_rng(0).integers(0, 255, (80, 100, 3), dtype=np.uint8)
    answer = landmarks(np.full((17, 2), 30.0) + np.arange(17)[:, None])
    looker = Looker(answer)
    options = MaskOptions(suppression="grey", weigh=False)
    found = locate_masked(looker, image, None, halves(), 0, options=options)
    ((picture, box),) = looker.shown
    assert (picture[10:70, 50:90] == GREY).all()
    np.testing.assert_array_equal(picture[10:70, 10:50], image[10:70, 10:50])
    np.testing.assert_array_equal(box, [10, 10, 50, 70])
    assert found is answer
    plain = Looker(answer)
    locate_masked(plain, image, None, halves(), 0, options=replace(options, suppression=None))
    assert plain.shown[0][0] is image


def test_whoever_takes_masks_gets_the_persons_own():
    image = np.zeros((80, 100, 3), np.uint8)
    looker = MaskedLooker(landmarks(np.full((17, 2), 30.0)))
    locate_masked(looker, image, None, halves(), 1)
    picture, _, mask = looker.shown[0]
    assert picture is image
    np.testing.assert_array_equal(mask, halves()[1])


def test_sharpening_takes_edges_from_the_network_and_order_from_the_bodies():
    """Two discs over one another, drawn too small; the network knows the outlines only."""
    rows, columns = np.mgrid[0:200, 0:240]
    distance = np.stack([np.hypot(rows - 100, columns - x) for x in (95, 145)])
    outline = distance < 60
    depth = np.where(distance < 54, np.array([2.0, 3.0])[:, None, None], np.inf).astype(np.float32)
    share = outline.astype(np.float32)
    masks = sharpen_masks(depth, share)
    truth = np.stack([outline[0], outline[1] & ~outline[0]])
    assert not masks.all(0).any()
    drawn = np.stack([np.isfinite(depth[0]), np.isfinite(depth[1]) & ~np.isfinite(depth[0])])
    for mask, body, expected in zip(masks, drawn, truth, strict=True):
        # Nearer to the truth than the drawn bodies, of which a tenth of the radius is missing.
        sharp, plain = ((one & expected).sum() / (one | expected).sum() for one in (mask, body))
        assert sharp > 0.88
        assert plain < 0.83
    # Without the first person all of the second is seen.
    depth[0] = np.inf
    alone = sharpen_masks(depth, share)
    assert not alone[0].any()
    assert (alone[1] == outline[1]).mean() > 0.99


def test_a_grid_laid_out_over_the_picture():
    depth = np.full((1, 2, 3), np.inf, np.float32)
    depth[0, 1, 2] = 4.0
    layers = Layers(origin=np.array([10.0, 20.0]), step=5.0, depth=depth)
    full = fill_grid(layers, (40, 36))
    expected = np.full((36, 40), np.inf)
    expected[25:30, 20:25] = 4.0
    np.testing.assert_array_equal(full[0], expected)


def test_the_other_of_two_who_hug_is_found(shared):
    """Real: one mask of one person is given; the network's own mask finds the other's legs."""
    folder = shared / "data" / "harmony4d_views"
    image = cv2.resize(read_image(folder / "cam04_00050.jpg"), (1920, 1080))
    given = cv2.resize(cv2.imread(str(folder / "cam04_00050_mask.jpg"), 0), (1920, 1080)) > 127
    pair = np.array([700.0, 320, 1350, 1079])
    estimator = WholeBodyEstimator(hands=False)
    mask = find_mask(estimator, image, pair, given)
    assert not (mask & given).any()
    assert 0.3 < mask.sum() / given.sum() < 2
    # By eye, in beige trousers to the left; the given person wears black ones.
    assert mask[900:1050, 965:1000].mean() > 0.8
    legs = [COCO.index(name) for name in ("left_hip", "left_knee", "right_knee")]
    found = locate_masked(estimator, image, None, np.stack([mask, given]), 0)
    known = found.confidence[legs] > 0
    assert known.any()
    assert (found.position[legs, 0][known] < 1050).all()
