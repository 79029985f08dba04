"""The hand network and its crops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marey.models.crop import SquareCrop, image_to_crop
from marey.models.hands import HandEstimator, HandLandmarks, crop_from_body, crop_from_hand
from tests.models.test_detector import read_frame

# A flat open hand, fingers up, in the order of the network; the palm is 1 wide and 1 high.
OPEN_HAND = np.array(
    [[0.5, 1.0]]
    + [[0.1, 0.8], [-0.1, 0.6], [-0.3, 0.4], [-0.4, 0.2]]
    + [[x, y] for x in (0.1, 0.4, 0.7, 1.0) for y in (0.0, -0.4, -0.6, -0.8)]
)


@given(st.floats(-np.pi, np.pi), st.floats(20, 300))
def test_a_following_crop_holds_the_whole_hand_fingers_up(angle, size):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    hand = HandLandmarks(
        position=OPEN_HAND @ turn.T * size + 400,
        world=np.zeros((21, 3)),
        presence=1.0,
        left=0.5,
        crop=SquareCrop(center=np.zeros(2), side=1.0),
    )
    crop = crop_from_hand(hand)
    seen = image_to_crop(hand.position, crop, size=224)
    assert seen.min() > 0
    assert seen.max() < 224
    assert seen[12, 1] < seen[9, 1] < seen[0, 1]  # middle finger: tip above knuckle above wrist


def test_a_foreshortened_hand_gets_room():
    wrist, index, pinky = np.array([10.0, 50]), np.array([11.0, 50]), np.array([9.0, 50])
    assert crop_from_body(wrist, index, pinky, min_length=20.0).side == pytest.approx(60)


def test_both_hands_of_a_dancer(shared):
    """Hands stretched out sideways, read off the picture by eye; the fingers are 50 px long."""
    frame = read_frame(shared / "data" / "videos" / "dancer_pirouette.mp4", 5)
    network = HandEstimator()
    left = crop_from_body(np.array([1135.0, 328]), np.array([1160.0, 333]), np.array([1160.0, 340]))
    right = crop_from_body(np.array([683.0, 310]), np.array([655.0, 315]), np.array([655.0, 320]))
    for crop, tip, wrist in ((left, (1190, 337), (1135, 328)), (right, (620, 317), (683, 310))):
        hand = network.estimate(frame, crop)
        hand = network.estimate(frame, crop_from_hand(hand))
        assert hand.presence > 0.8
        np.testing.assert_allclose(hand.position[0], wrist, atol=15)
        np.testing.assert_allclose(hand.position[12], tip, atol=15)
        # World axes are the camera's: the fingers point the way they do in the picture.
        assert np.sign(hand.world[12, 0] - hand.world[0, 0]) == np.sign(tip[0] - wrist[0])
        # A hand is about 18 cm long.
        assert 0.12 < np.linalg.norm(hand.world[12] - hand.world[0]) < 0.24


@pytest.mark.parametrize(
    ("center", "side", "angle", "is_left"),
    [((822.0, 373.0), 67.0, 0.57, True), ((664.0, 426.0), 76.0, 1.96, False)],
)
def test_handedness_is_that_of_an_unmirrored_image(shared, center, side, angle, is_left):
    """A runner's two hands, told apart by eye; mirroring the picture must change the answer."""
    frame = read_frame(shared / "data" / "videos" / "phalp_run.mp4", 20)
    mirrored = np.ascontiguousarray(frame[:, ::-1])
    network = HandEstimator()
    crop = SquareCrop(center=np.array(center), side=side, angle=angle)
    there = SquareCrop(
        center=np.array([frame.shape[1] - center[0], center[1]]), side=side, angle=-angle
    )
    hand, image_of_it = network.estimate(frame, crop), network.estimate(mirrored, there)
    assert min(hand.presence, image_of_it.presence) > 0.9
    assert (hand.left > 0.8) == is_left
    assert (image_of_it.left < 0.2) == is_left


def test_no_hand_in_a_wall():
    crop = SquareCrop(center=np.array([100.0, 100.0]), side=80.0)
    assert HandEstimator().estimate(np.full((200, 200, 3), 90, np.uint8), crop).presence < 0.1
