"""Left-right confusion: put into a clean walk, it is found again; real crossings are left alone."""

import numpy as np
import pytest

from marey.capture.swaps import repair_swaps
from marey.core import Keypoints2D, Keypoints3D, load_skeleton

SKELETON = load_skeleton("coco-wholebody-133")
LEGS = ("hip", "knee", "ankle", "heel", "big_toe")
ARMS = ("shoulder", "elbow", "wrist", "hand_wrist", "index1")


def walk(num_frames: int = 60) -> tuple[Keypoints2D, Keypoints3D]:
    """A person seen from the side: legs and arms swing and cross in the image, not in depth."""
    time = np.arange(num_frames) / 30
    swing = np.sin(2 * np.pi * 1.0 * time)
    space = np.full((num_frames, 133, 3), np.nan, np.float32)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for row, part in enumerate(LEGS):
            y = 0.05 + 0.2 * row
            x = sign * swing * 0.12 * row
            space[:, SKELETON.index(f"{side}_{part}")] = np.stack(
                [x, np.full(num_frames, y), np.full(num_frames, 0.1 * sign)], -1
            )
        for row, part in enumerate(ARMS):
            x = -sign * swing * 0.1 * row
            space[:, SKELETON.index(f"{side}_{part}")] = np.stack(
                [x, np.full(num_frames, -0.5 + 0.15 * row), np.full(num_frames, 0.18 * sign)], -1
            )
    image = 400 + 300 * space[..., :2]
    confidence = np.isfinite(image).all(-1).astype(np.float32)
    return (
        Keypoints2D(
            skeleton=SKELETON,
            people=("01",),
            time=time,
            position=image[None].astype(np.float32),
            confidence=confidence[None],
            sigma=np.full_like(confidence, 3.0)[None],
        ),
        Keypoints3D(
            skeleton=SKELETON,
            people=("01",),
            time=time,
            position=space[None],
            frame="root",
            confidence=confidence[None],
        ),
    )


def confuse(keypoints, parts, frames):
    for part in parts:
        left, right = SKELETON.index(f"left_{part}"), SKELETON.index(f"right_{part}")
        for array in (keypoints.position, keypoints.confidence):
            array[0, frames, left], array[0, frames, right] = (
                array[0, frames, right].copy(),
                array[0, frames, left].copy(),
            )


def test_a_real_crossing_is_left_alone():
    image, space = walk()
    fixed, fixed_space, touched = repair_swaps(image, space)
    assert not touched.any()
    np.testing.assert_array_equal(fixed.position, image.position)
    np.testing.assert_array_equal(fixed_space.position, space.position)


@pytest.mark.parametrize("frames", [slice(20, 21), slice(20, 30), [5, 6, 20, 40, 41, 42, 43]])
@pytest.mark.parametrize("parts", [LEGS, ARMS])
def test_confused_frames_are_found_and_undone(parts, frames):
    image, space = walk()
    clean = image.position.copy(), space.position.copy()
    confuse(image, parts, frames)
    confuse(space, parts, frames)
    fixed, fixed_space, touched = repair_swaps(image, space)
    expected = np.zeros(60, bool)
    expected[frames] = True
    np.testing.assert_array_equal(touched, expected)
    np.testing.assert_array_equal(fixed.position, clean[0])
    np.testing.assert_array_equal(fixed_space.position, clean[1])


def test_legs_and_arms_are_judged_apart():
    image, space = walk()
    confuse(image, LEGS, slice(10, 20))
    confuse(space, LEGS, slice(10, 20))
    fixed, _, _ = repair_swaps(image, space)
    arm = SKELETON.index("left_wrist")
    np.testing.assert_array_equal(fixed.position[0, :, arm], image.position[0, :, arm])


def test_missing_frames_do_not_disturb():
    image, space = walk()
    image.position[0, 25:30] = np.nan
    image.confidence[0, 25:30] = 0
    space.position[0, 25:30] = np.nan
    _, _, touched = repair_swaps(image, space)
    assert not touched.any()


def test_a_single_frame_and_nobody():
    image, space = walk(1)
    assert not repair_swaps(image, space)[2].any()
    image.confidence[:] = 0
    image.position[:] = np.nan
    assert not repair_swaps(image, space)[2].any()


def test_points_of_the_face_do_not_matter_to_the_limbs():
    """They would change the person's height in the image, by which jumps are measured."""
    image, space = walk()
    confuse(image, LEGS, slice(20, 23))
    space.position[:] = np.nan
    rows = slice(SKELETON.index("right_jaw1"), SKELETON.index("left_hand_wrist"))
    image.position[0, :, rows], image.confidence[0, :, rows] = -50_000.0, 1.0
    _, _, touched = repair_swaps(image, space)
    np.testing.assert_array_equal(np.flatnonzero(touched), [20, 21, 22])
