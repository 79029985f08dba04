"""UDP's transform against its formula, heat maps against Gaussians, mirroring without a shift."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from marey.models.segpose import SegPoseEstimator
from marey.models.segpose.estimator import COCO
from marey.models.segpose.preprocess import (
    blur_mask,
    cut_mask,
    cut_picture,
    decode_heatmaps,
    fit_window,
    warp_matrix,
)
from tests.models.segpose.test_network import TINY, make_input, make_network

SIZE = (192, 256)


def test_ends_of_the_window_are_centres_of_pixels():
    """A window from (100, 200) to (292, 456), in indices: its ends are pixels 0 and 191, 255."""
    center, extent = np.array([196.5, 328.5]), np.array([192.0, 256.0])
    matrix = warp_matrix(center, extent, SIZE)
    for point, expected in (
        ((100, 200), (0, 0)),
        ((292, 456), (191, 255)),
        ((196, 328), (95.5, 127.5)),
    ):
        np.testing.assert_allclose(matrix @ (*point, 1), expected, atol=1e-9)


@given(st.floats(50, 400), st.floats(50, 400), st.floats(30, 500), st.floats(0, 1), st.floats(0, 1))
def test_heat_maps_lead_back_to_the_picture(x, y, side, u, v):
    """A point goes to the input, to the heat map (same window) and back without a shift."""
    center, extent = np.array([x, y]), np.array([0.75 * side, side])
    point = center + (np.array([0.2 + 0.6 * u, 0.2 + 0.6 * v]) - 0.5) * extent
    matrix = warp_matrix(center, extent, (48, 64))
    cell = matrix @ (*(point - 0.5), 1)
    columns, rows = np.meshgrid(np.arange(48), np.arange(64))
    bump = np.exp(-((columns - cell[0]) ** 2 + (rows - cell[1]) ** 2) / (2 * 2.0**2))
    (found,), (confidence,) = decode_heatmaps(bump[None].astype(np.float32), center, extent)
    # A fiftieth of a cell.
    np.testing.assert_allclose(found, point, atol=0.02 * side / 64)
    assert 0.9 < confidence <= 1


def test_a_turned_window_turns_about_its_centre():
    center, extent = np.array([50.5, 60.5]), np.array([191.0, 255.0])
    matrix = warp_matrix(center, extent, SIZE, angle=np.pi / 2)
    np.testing.assert_allclose(matrix @ (50, 60, 1), (95.5, 127.5), atol=1e-9)
    # The window turned clockwise: what lies below its centre is to the right in it.
    np.testing.assert_allclose(matrix @ (50, 70, 1), (105.5, 127.5), atol=1e-9)


def test_windows_have_the_inputs_shape():
    for box in ((10, 20, 110, 40), (10, 20, 30, 320)):
        center, extent = fit_window(np.array(box, float), SIZE)
        assert extent[0] / extent[1] == pytest.approx(0.75)
        np.testing.assert_allclose(center, np.mean([box[:2], box[2:]], 0))
        assert (extent >= 1.25 * (np.array(box[2:]) - box[:2]) - 1e-9).all()


def test_the_picture_is_normalised_and_lies_where_the_mask_does():
    image = np.zeros((400, 300, 3), np.uint8)
    image[180:220, 130:150] = (255, 0, 128)
    mask = (image[..., 0] > 0).astype(np.float32)
    matrix = warp_matrix(np.array([150.0, 200.0]), np.array([191.0, 255.0]), SIZE)
    picture, window = cut_picture(image, matrix, SIZE), cut_mask(mask, matrix, SIZE)
    inside = window[0] > 0.5
    assert picture.shape == (3, 256, 192) and window.shape == (1, 256, 192)
    np.testing.assert_allclose(picture[0].max(), (1 - 0.485) / 0.229, rtol=1e-5)
    np.testing.assert_allclose(picture[1].min(), -0.456 / 0.224, rtol=1e-5)
    rows, columns = np.nonzero(inside)
    bright = np.argwhere(picture[0] > 1)
    np.testing.assert_allclose((rows.mean(), columns.mean()), bright.mean(0), atol=0.1)


def test_five_passes_of_blur_add_their_variances():
    """Five passes over one bright pixel have five times the variance of one."""
    mask = np.zeros((61, 61), np.float32)
    mask[30, 30] = 1
    once, blurred = cv2.GaussianBlur(mask, (5, 5), 0), blur_mask(mask)
    offset = np.arange(61) - 30
    variance = [float((image.sum(0) * offset**2).sum()) for image in (once, blurred)]
    assert variance[1] == pytest.approx(5 * variance[0], rel=1e-4)
    assert blurred.sum() == pytest.approx(1, rel=1e-5)


def test_flip_test_gives_the_mirrored_picture_the_mirrored_answer():
    """With mirrored input, columns are mirrored and left and right exchanged: exactly."""
    network = make_network()
    estimator = SegPoseEstimator(network)
    picture, mask = make_input(TINY)
    one = estimator.predict(picture, mask)
    two = estimator.predict(picture.flip(-1), mask.flip(-1))
    torch.testing.assert_close(two, one.flip(-1)[:, list(COCO.mirror)], atol=1e-5, rtol=1e-5)
    alone = SegPoseEstimator(network, flip=False)
    torch.testing.assert_close(alone.predict(picture, mask), network(picture, mask))
    assert (alone.predict(picture, mask) - one).abs().max() > 1e-3


def test_results_are_whole_bodies_in_picture_px():
    estimator = SegPoseEstimator(make_network())
    image = np.random.default_rng(0).integers(0, 255, (200, 160, 3), dtype=np.uint8)
    box = np.array([40.0, 30, 120, 180])
    found = estimator.locate(image, box)
    assert found.position.shape == (133, 2)
    assert np.isfinite(found.position[:17]).all() and np.isnan(found.position[17:]).all()
    assert (found.confidence[17:] == 0).all()
    mask = np.zeros((200, 160), np.float32)
    mask[30:180, 40:80] = 1
    masked = estimator.locate_masked(image, box, None, mask)
    assert not np.array_equal(masked.position[:17], found.position[:17])
    again = estimator.locate(image, None, found)
    assert again.position.shape == (133, 2)
