"""Crop geometry against analytic truth: where does a spot of light land?"""

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from marey.models.crop import (
    SquareCrop,
    crop_to_image,
    cut_crop,
    image_to_crop,
    paste_crop,
    point_up,
)

crops = st.builds(
    lambda x, y, side, angle: SquareCrop(center=np.array([x, y]), side=side, angle=angle),
    st.floats(20, 180),
    st.floats(20, 180),
    st.floats(30, 400),
    st.floats(-np.pi, np.pi),
)


@given(crops, st.floats(0, 256), st.floats(0, 256))
def test_the_two_maps_undo_each_other(crop, x, y):
    point = np.array([x, y])
    back = image_to_crop(crop_to_image(point, crop, size=256), crop, size=256)
    np.testing.assert_allclose(back, point, atol=1e-9)


def test_the_centre_of_the_crop_is_its_centre():
    crop = SquareCrop(center=np.array([30.0, 40.0]), side=50.0, angle=0.7)
    np.testing.assert_allclose(crop_to_image(np.array([128.0, 128.0]), crop, size=256), [30, 40])


def test_up_in_the_crop_is_the_direction_asked_for():
    start, stop = np.array([10.0, 10.0]), np.array([40.0, -20.0])
    crop = SquareCrop(center=start, side=100.0, angle=point_up(start, stop))
    seen = image_to_crop(stop, crop, size=256) - image_to_crop(start, crop, size=256)
    assert abs(seen[0]) < 1e-9
    assert seen[1] < 0


@given(crops, st.floats(0.25, 0.75), st.floats(0.25, 0.75))
def test_a_spot_is_seen_where_the_map_says(crop, u, v):
    """Paint a smooth spot at a known place; its centre of mass in the crop must fall there.

    This holds the pixel convention: half a pixel of error in the warp would show as half a pixel
    times size / side.
    """
    size = 128
    target = crop_to_image(np.array([u, v]) * size, crop, size=size)
    reach = max(3.0, crop.side / size * 2)
    y, x = np.mgrid[0:256, 0:256] + 0.5
    spot = np.exp(-((x - target[0]) ** 2 + (y - target[1]) ** 2) / (2 * reach**2)) * 255
    image = np.repeat(spot[:, :, None], 3, 2).round().astype(np.uint8)
    inside = np.all((target > 4 * reach) & (target < 256 - 4 * reach))
    fits = 4 * reach * size / crop.side < 0.25 * size
    if not (inside and fits):
        return
    seen = cut_crop(image, crop, size=size)[:, :, 0].astype(float)
    rows, columns = np.mgrid[0:size, 0:size] + 0.5
    found = np.array([(seen * columns).sum(), (seen * rows).sum()]) / seen.sum()
    # Rounding to bytes and OpenCV's 1/32 px steps leave some hundredths of a pixel.
    np.testing.assert_allclose(found, np.array([u, v]) * size, atol=0.08)


def test_an_upright_crop_at_scale_one_is_the_image_itself():
    image = np.random.default_rng(0).integers(0, 256, (80, 90, 3), np.uint8)
    crop = SquareCrop(center=np.array([40.0, 50.0]), side=32.0)
    np.testing.assert_array_equal(cut_crop(image, crop, size=32), image[34:66, 24:56])


def test_a_whole_factor_smaller_is_bilinear_sampling():
    image = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    image = cv2.GaussianBlur(image, None, 4)
    crop = SquareCrop(center=np.array([100.0, 100.0]), side=128.0)
    seen = cut_crop(image, crop, size=64).astype(float)
    # A crop pixel's centre falls between four image pixels: their mean.
    expected = image[36:164, 36:164].reshape(64, 2, 64, 2, 3).mean((1, 3))
    assert np.abs(seen - expected).max() <= 1


def test_huge_crops_do_not_skip_pixels():
    """One bright column in a 4000 px image must leave a trace at 64 px."""
    image = np.zeros((4000, 4000, 3), np.uint8)
    image[:, 1990:2000] = 255
    crop = SquareCrop(center=np.array([2000.0, 2000.0]), side=4000.0)
    assert cut_crop(image, crop, size=64)[:, :, 0].max() > 20


def test_outside_of_the_image_is_black():
    image = np.full((50, 50, 3), 200, np.uint8)
    crop = SquareCrop(center=np.array([500.0, -300.0]), side=60.0, angle=0.3)
    assert not cut_crop(image, crop, size=32).any()
    assert not SquareCrop(center=np.array([np.nan, 0.0]), side=10.0).is_sound()


@given(crops, st.floats(0.2, 0.8), st.floats(0.2, 0.8))
def test_what_is_pasted_lies_where_the_map_says(crop, u, v):
    """The middle of a blob in the crop comes out at its place in the image."""
    rows, columns = np.mgrid[0:64, 0:64] + 0.5
    spot = np.array([u, v]) * 64
    blob = np.exp(-((columns - spot[0]) ** 2 + (rows - spot[1]) ** 2) / 32).astype(np.float32)
    pasted = paste_crop(blob, crop, size=(600, 600))
    place = crop_to_image(spot, crop, size=64)
    reach = 16 * crop.side / 64
    if (place < reach).any() or (place > 600 - reach).any():
        return
    y, x = np.mgrid[0:600, 0:600] + 0.5
    middle = np.array([(x * pasted).sum(), (y * pasted).sum()]) / pasted.sum()
    np.testing.assert_allclose(middle, place, atol=0.05 * crop.side / 64 + 0.05)
