"""Users' landmark networks: a tiny SimCC file that really looks for something, a bright spot.

No real RTMPose network is at hand. The file made here has the documented inputs and outputs and
answers every keypoint with the brightest column and row of its picture, so the affine crop and
the way back are tested through and through.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marey.core.errors import FormatError
from marey.models.keypoints import WHOLE_BODY
from marey.models.rtmpose import RtmPoseEstimator
from marey.models.rtmpose.simcc import cut_window, decode_simcc, fit_window
from tests.models import tiny_onnx as tiny

HEIGHT, WIDTH = 256, 192


def spot_finder(num_keypoints):
    """SimCC outputs whose likeliest bins are the brightest column and row of the picture."""

    def spread(size):
        # Even bin 2 p stands for pixel p; odd bins get the mean of their neighbours.
        bins = np.zeros((size, 2 * size), np.float32)
        p = np.arange(size)
        bins[p, 2 * p] = 1
        bins[p, 2 * p + 1] = 0.5
        bins[p[1:], 2 * p[1:] - 1] = 0.5
        return bins

    return tiny.model(
        nodes=[
            tiny.node("ReduceMax", ["input"], ["light"], axes=[1], keepdims=1),
            tiny.node("ReduceMax", ["light"], ["columns"], axes=[2], keepdims=0),
            tiny.node("ReduceMax", ["light"], ["rows"], axes=[3], keepdims=0),
            tiny.node("MatMul", ["columns", "spread_x"], ["bins_x"]),
            tiny.node("MatMul", ["rows", "spread_y"], ["bins_y"]),
            tiny.node("MatMul", ["ones", "bins_x"], ["simcc_x"]),
            tiny.node("MatMul", ["ones", "bins_y"], ["simcc_y"]),
        ],
        inputs=[tiny.value("input", ["N", 3, HEIGHT, WIDTH])],
        outputs=[
            tiny.value("simcc_x", ["N", num_keypoints, 2 * WIDTH]),
            tiny.value("simcc_y", ["N", num_keypoints, 2 * HEIGHT]),
        ],
        tensors=[
            tiny.tensor("spread_x", spread(WIDTH)),
            tiny.tensor("spread_y", spread(HEIGHT)),
            tiny.tensor("ones", np.ones((num_keypoints, 1), np.float32)),
        ],
    )


def paint_spot(x, y):
    rows, columns = np.mgrid[0:300, 0:400] + 0.5
    light = 250 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 50)
    return np.repeat(light[:, :, None], 3, 2).astype(np.uint8)


@pytest.mark.parametrize("num_keypoints", [17, 26, 133])
def test_a_spot_comes_back_where_it_is(tmp_path, num_keypoints):
    path = tmp_path / "spot.onnx"
    path.write_bytes(spot_finder(num_keypoints))
    estimator = RtmPoseEstimator(path)
    box = np.float32([80, 60, 280, 240])
    person = estimator.locate(paint_spot(190.5, 120.5), box)
    nose = person.position[WHOLE_BODY.index("nose")]
    # The window is 300 px wide at the least: a bin is 0.6 px of the image.
    np.testing.assert_allclose(nose, [190.5, 120.5], atol=1.0)
    known = np.isfinite(person.position).all(1)
    assert known.sum() == {17: 17, 26: 23, 133: 133}[num_keypoints]
    np.testing.assert_array_equal(known, person.confidence > 0)
    assert known[WHOLE_BODY.index("left_small_toe")] == (num_keypoints > 17)
    assert np.isnan(person.world).all()


def test_without_a_box_the_previous_result_says_where_to_look(tmp_path):
    path = tmp_path / "spot.onnx"
    path.write_bytes(spot_finder(17))
    estimator = RtmPoseEstimator(path)
    image = paint_spot(190.5, 120.5)
    first = estimator.locate(image, np.float32([80, 60, 280, 240]))
    assert first.state is None
    with pytest.raises(AssertionError):
        estimator.locate(image, None)


@settings(max_examples=30)
@given(st.floats(0.3, 0.7), st.floats(0.3, 0.7), st.floats(30, 300), st.floats(30, 300))
def test_window_and_decoding_are_each_others_inverse(u, v, width, height):
    """The bin that mmpose's own formula gives for an image point decodes to that point."""
    box = np.array([50.0, 40.0, 50 + width, 40 + height])
    center, extent = fit_window(box, size=(HEIGHT, WIDTH))
    point = center + (np.array([u, v]) - 0.5) * extent
    # Pixel centres from 0: image point minus 0.5, box centre minus 0.5, times input over window.
    seen = ((point - 0.5) - (center - 0.5) + extent / 2) / extent * [WIDTH, HEIGHT]
    x, y = np.zeros((1, 2 * WIDTH)), np.zeros((1, 2 * HEIGHT))
    x[0, round(2 * seen[0])], y[0, round(2 * seen[1])] = 0.7, 0.6
    position, confidence = decode_simcc(x, y, center, extent)
    np.testing.assert_allclose(position[0], point, atol=0.26 * extent.max() / WIDTH)
    assert confidence[0] == 0.6


def test_the_window_keeps_the_networks_aspect_and_pads():
    center, extent = fit_window(np.array([0.0, 0.0, 300.0, 100.0]), size=(HEIGHT, WIDTH))
    np.testing.assert_allclose(center, [150, 50])
    np.testing.assert_allclose(extent, [375, 500])


def test_pixels_are_normalised_rgb():
    image = np.zeros((300, 300, 3), np.uint8)
    image[..., 0] = 255
    picture = cut_window(image, np.array([150.0, 150]), np.array([96.0, 128]), size=(256, 192))
    expected = (np.array([255, 0, 0]) - [123.675, 116.28, 103.53]) / [58.395, 57.12, 57.375]
    np.testing.assert_allclose(picture[0, :, 100, 100], expected, rtol=1e-5)


def test_other_networks_are_refused(tmp_path):
    path = tmp_path / "odd.onnx"
    path.write_bytes(tiny.constant_model([1, 3, 8, 8], {"heat": np.zeros((1, 1), np.float32)}))
    with pytest.raises(FormatError, match="simcc_x"):
        RtmPoseEstimator(path)
    path.write_bytes(spot_finder(5))
    with pytest.raises(FormatError, match="5 keypoints"):
        RtmPoseEstimator(path).locate(paint_spot(100, 100), np.float32([50, 50, 150, 150]))
