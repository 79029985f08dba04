"""Painting over other people: a figure's own pixels stay, those of the others go."""

import numpy as np
import pytest

from marey.capture.conceal import Concealer
from marey.core import load_skeleton
from marey.models.protocols import PersonLandmarks

SKELETON = load_skeleton("coco-17")
# A standing figure in m: x to the right, y down from the top of the head.
FIGURE = np.array(
    [
        *[(0.0, 0.15), (0.03, 0.12), (-0.03, 0.12), (0.07, 0.15), (-0.07, 0.15)],
        *[(0.18, 0.35), (-0.18, 0.35), (0.28, 0.6), (-0.28, 0.6), (0.3, 0.85), (-0.3, 0.85)],
        *[(0.1, 0.85), (-0.1, 0.85), (0.1, 1.25), (-0.1, 1.25), (0.1, 1.65), (-0.1, 1.65)],
    ]
)


def figure(x: float, *, scale: float = 100.0, missing: tuple[str, ...] = ()) -> PersonLandmarks:
    position = np.array([x, 20.0]) + FIGURE * scale
    confidence = np.full(17, 0.9)
    for name in missing:
        position[SKELETON.index(name)] = np.nan
        confidence[SKELETON.index(name)] = 0.0
    return PersonLandmarks(
        position=position,
        confidence=confidence,
        sigma=np.full(17, 2.0),
        world=np.full((17, 3), np.nan),
        score=0.9,
        box=np.array([x - 30, 20, x + 30, 200.0]),
    )


WHITE = np.full((240, 320, 3), 255, np.uint8)


def covered(image: np.ndarray, x: float, y: float) -> bool:
    return bool((image[round(y), round(x)] != 255).any())


def test_others_are_painted_over_and_the_frame_itself_is_not_touched():
    image = WHITE.copy()
    alone = Concealer(SKELETON).conceal(image, figure(80), [figure(240)])
    assert (image == 255).all()
    for x, y in ((240, 35), (240, 80), (250, 130), (270, 100)):  # head, trunk, knee, wrist
        assert covered(alone, x, y)
    for x, y in ((80, 35), (80, 80), (90, 130), (160, 120)):
        assert not covered(alone, x, y)


def test_the_person_is_spared_where_both_overlap():
    alone = Concealer(SKELETON).conceal(WHITE, figure(100), [figure(130)])
    for x, y in FIGURE[5:] * 100 + (100, 20):
        assert not covered(alone, x, y)
    assert covered(alone, 140, 150)  # the other's farther leg


def test_without_others_nothing_is_copied():
    assert Concealer(SKELETON).conceal(WHITE, figure(100), []) is WHITE


@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_figures_of_any_size_are_drawn(scale):
    alone = Concealer(SKELETON).conceal(WHITE, figure(80), [figure(240, scale=scale)])
    assert alone.shape == WHITE.shape


def test_whoever_shows_no_trunk_is_left_alone():
    half = figure(240, missing=("left_hip",))
    assert (Concealer(SKELETON).conceal(WHITE, figure(80), [half]) == 255).all()
