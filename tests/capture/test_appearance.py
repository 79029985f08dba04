"""Clothes: equal torsos overlap fully, others little, shade matters less than colour."""

import numpy as np
import pytest

from marey.capture.appearance import blend, describe_torso, similarity

CORNERS = np.array([[70.0, 30.0], [30.0, 30.0], [35.0, 90.0], [65.0, 90.0]])
RED, BLUE, GREY = (200, 30, 30), (30, 40, 190), (120, 120, 120)


def picture(shirt: tuple[int, int, int], *, scene: int = 0) -> np.ndarray:
    """A shirt in a coloured scene; only the shirt lies between shoulders and hips."""
    image = np.full((120, 100, 3), scene, np.uint8)
    image[30:92, 28:72] = shirt
    return image


def describe(image: np.ndarray) -> np.ndarray:
    histogram = describe_torso(image, CORNERS)
    assert histogram is not None
    return histogram


def test_a_histogram_sums_to_one_and_equals_itself():
    histogram = describe(picture(RED))
    assert histogram.sum() == pytest.approx(1.0)
    assert similarity(histogram, histogram) == pytest.approx(1.0)


def test_other_clothes_look_different():
    assert similarity(describe(picture(RED)), describe(picture(BLUE))) == 0
    assert similarity(describe(picture(RED)), describe(picture(GREY))) == 0


def test_the_scene_does_not_count():
    bright = picture(RED, scene=255)
    assert similarity(describe(picture(RED)), describe(bright)) == pytest.approx(1.0)


def test_a_little_shade_changes_nothing():
    shaded = picture((185, 28, 28))
    assert similarity(describe(picture(RED)), describe(shaded)) == pytest.approx(1.0)


def test_turning_round_changes_nothing():
    turned = describe_torso(picture(RED), CORNERS[[1, 0, 3, 2]])
    assert similarity(describe(picture(RED)), turned) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "corner", [(-0.5, 30.0), (100.0, 30.0), (70.0, 120.0), (np.nan, 30.0), (np.inf, 30.0)]
)
def test_a_torso_out_of_view_is_unknown(corner):
    corners = CORNERS.copy()
    corners[0] = corner
    assert describe_torso(picture(RED), corners) is None


def test_the_last_pixel_is_still_inside():
    whole = np.array([[99.9, 0.0], [0.0, 0.0], [0.0, 119.9], [99.9, 119.9]])
    assert describe_torso(picture(RED), whole) is not None


def test_unknown_clothes():
    known = describe(picture(RED))
    assert similarity(known, None) is None
    assert blend(None, known) is known
    assert blend(known, None) is known
    assert blend(None, None) is None


def test_memory_moves_slowly_towards_what_is_seen():
    old, new = describe(picture(RED)), describe(picture(BLUE))
    mixed = blend(old, new, share=0.25)
    assert mixed is not None
    assert mixed.sum() == pytest.approx(1.0)
    assert similarity(mixed, old) == pytest.approx(0.75)
    assert similarity(mixed, new) == pytest.approx(0.25)
