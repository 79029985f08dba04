"""Observations: names to columns, weights where anything is missing, landmarks on their ray."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from marey.body import load_body
from marey.capture.observe import PinholeView, observe
from marey.core import Keypoints2D, Keypoints3D, load_skeleton
from marey.fit.chains import body_chain

CHAIN = body_chain(load_body())
SKELETON = load_skeleton("coco-wholebody-133")
VIEW = PinholeView(1000.0, (640.0, 360.0))
LENGTH = 5


def keypoints(middle: tuple[float, float] = (640.0, 360.0)) -> tuple[Keypoints2D, Keypoints3D]:
    """Every keypoint differs; the median keypoint of every frame lies at `middle`."""
    rng = np.random.default_rng(0)
    offset = rng.uniform(-90, 90, (1, LENGTH, 133, 2))
    columns = [SKELETON.index(name) for name in CHAIN.points]
    offset -= np.median(offset[:, :, columns], axis=2, keepdims=True)
    confidence = rng.uniform(0.5, 1.0, (1, LENGTH, 133)).astype(np.float32)
    time = np.arange(LENGTH) / 30
    image = Keypoints2D(
        skeleton=SKELETON,
        people=("01",),
        time=time,
        position=(np.array(middle) + offset).astype(np.float32),
        confidence=confidence,
        sigma=rng.uniform(1, 5, confidence.shape).astype(np.float32),
    )
    space = Keypoints3D(
        skeleton=SKELETON,
        people=("01",),
        time=time,
        position=rng.normal(0, 0.4, (1, LENGTH, 133, 3)).astype(np.float32),
        frame="root",
        confidence=confidence.copy(),
    )
    return image, space


def look(image: Keypoints2D, space: Keypoints3D, view: PinholeView = VIEW):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return observe(CHAIN, image, space, view, space_sigma=(0.1, 0.2, 0.4))


def test_columns_follow_the_chains_names():
    image, space = keypoints()
    seen = look(image, space)
    for row, name in enumerate(CHAIN.points):
        column = SKELETON.index(name)
        np.testing.assert_array_equal(seen.image[:, row], image.position[0, :, column])
        np.testing.assert_allclose(seen.space[:, row], space.position[0, :, column], atol=1e-5)
        assert image.sigma is not None
        np.testing.assert_allclose(seen.image_weight[:, row], 1 / image.sigma[0, :, column])
        expected = space.confidence[0, :, column, None] / np.array([0.1, 0.2, 0.4])
        np.testing.assert_allclose(seen.space_weight[:, row], expected, rtol=1e-6)


@pytest.mark.parametrize("array", ["position", "confidence", "sigma"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0])
def test_whatever_is_missing_has_no_weight(array, value):
    image, space = keypoints()
    column = SKELETON.index("left_knee")
    getattr(image, array)[0, 2, column] = value
    seen = look(image, space)
    row = CHAIN.points.index("left_knee")
    is_sound = (array == "position" and value == 0.0) or (array == "confidence" and value == np.inf)
    assert (seen.image_weight[2, row] > 0) == is_sound
    assert (np.delete(seen.image_weight.numpy(), row, axis=1) > 0).all()
    for tensor in (seen.image, seen.image_weight, seen.space, seen.space_weight):
        assert torch.isfinite(tensor).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30, 40.0])
def test_landmarks_that_are_none_have_no_weight(value):
    image, space = keypoints()
    space.position[0, 1, SKELETON.index("nose"), 1] = value
    seen = look(image, space)
    row = CHAIN.points.index("nose")
    assert (seen.space_weight[1, row] == 0).all()
    assert (seen.space_weight[0, row] > 0).all()
    assert torch.isfinite(seen.space).all()


def test_a_frame_without_anything_warns_nobody():
    image, space = keypoints()
    image.position[0, 3] = np.nan
    image.confidence[0, 3] = 0.0
    seen = look(image, space)
    assert (seen.image_weight[3] == 0).all()
    assert torch.isfinite(seen.space).all()


def test_a_hidden_landmark_keeps_a_little_trust():
    image, space = keypoints()
    space.confidence[0, :, SKELETON.index("nose")] = 0.01
    weight = look(image, space).space_weight[:, CHAIN.points.index("nose")]
    np.testing.assert_allclose(weight[:, 0], 0.25 / 0.1, rtol=1e-6)


@pytest.mark.parametrize("degrees", [0.0, 10.0, 45.0, 80.0, 89.0])
@pytest.mark.parametrize("roll", [0.0, 2.0, 4.5])
def test_landmarks_turn_with_the_ray(degrees, roll):
    angle = np.deg2rad(degrees)
    direction = np.array([np.cos(roll), np.sin(roll)])
    middle = np.array(VIEW.centre) + VIEW.focal * np.tan(angle) * direction
    image, space = keypoints((float(middle[0]), float(middle[1])))
    seen = look(image, space).space.numpy()
    # The shortest turn from the optical axis to the ray: about z x ray, by the angle between them.
    turn = Rotation.from_rotvec(angle * np.array([-direction[1], direction[0], 0.0]))
    columns = [SKELETON.index(name) for name in CHAIN.points]
    expected = turn.apply(space.position[0][:, columns].reshape(-1, 3)).reshape(seen.shape)
    # Pixels far off the axis are stored in float32: 6e-8 of 57 000 px at a focal length of 1000.
    np.testing.assert_allclose(seen, expected, atol=2e-5)
    # A proper rotation keeps lengths and handedness.
    triple = np.linalg.det(seen[:, :3]) / np.linalg.det(space.position[0][:, columns[:3]])
    np.testing.assert_allclose(triple, 1.0, rtol=1e-3)


def test_without_sigmas_a_keypoint_is_trusted_to_four_pixels():
    image, space = keypoints()
    seen = look(replace(image, sigma=None), space)
    np.testing.assert_allclose(seen.image_weight, 0.25)


def test_a_constellation_of_some_points():
    image, space = keypoints()
    seen = look(image, space)
    cost = seen.relative([4, 2])
    assert cost.point.tolist() == [4, 2]
    assert torch.equal(cost.observed, seen.space[:, [4, 2]])
    assert torch.equal(cost.weight, seen.space_weight[:, [4, 2]])
    assert seen.relative([]).observed.shape == (LENGTH, 0, 3)


def test_taking_frames():
    seen = look(*keypoints())
    some = seen.take(torch.tensor([3, 1]))
    assert torch.equal(some.image, seen.image[[3, 1]])
    assert torch.equal(some.space_weight, seen.space_weight[[3, 1]])
