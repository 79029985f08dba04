"""Cuts: found where clips were spliced, and nowhere else."""

import time
from itertools import pairwise

import cv2
import numpy as np
import pytest

from marey.capture.shots import ShotCutFinder
from marey.io.video import read_frames

TRUE_CUTS = {"cliff_dance_single.mp4": [3]}
"""Decided by looking: a title card's frozen picture gives way to the dance. No other clip cuts."""


def find_cuts(images):
    finder = ShotCutFinder()
    return [index for index, image in enumerate(images) if finder.push(image)]


@pytest.fixture(scope="module")
def clips(shared):
    """Up to 24 consecutive frames of every shared clip, 360 px high, none across its true cut."""
    clips = {}
    for folder in ("videos", "pose2sim_single"):
        for path in sorted((shared / "data" / folder).glob("*.[ma][pv][4i]")):
            frames = read_frames(path, start=5, stop=29)
            clips[path.name] = [
                cv2.resize(frame.image, None, fx=0.35, fy=0.35, interpolation=cv2.INTER_AREA)
                for frame in frames
            ]
    return clips


def resize_like(images, other):
    return [cv2.resize(image, other[0].shape[1::-1]) for image in images]


@pytest.mark.slow
def test_whole_shared_clips_cut_where_a_person_sees_a_cut(shared):
    for folder in ("videos", "pose2sim_single"):
        for path in sorted((shared / "data" / folder).glob("*.[ma][pv][4i]")):
            found = find_cuts(frame.image for frame in read_frames(path))
            assert found == TRUE_CUTS.get(path.name, []), path.name


def test_the_title_card_of_the_dance_is_left(shared):
    frames = read_frames(shared / "data" / "videos" / "cliff_dance_single.mp4", stop=40)
    assert find_cuts(frame.image for frame in frames) == [3]


def test_no_clip_has_a_cut_of_its_own(clips):
    assert len(clips) == 13
    for name, images in clips.items():
        assert find_cuts(images) == [], name


def test_every_splice_is_found_to_the_frame(clips):
    """All ordered pairs of clips, four cameras of one laboratory among them."""
    for first, images in clips.items():
        for second, others in clips.items():
            if first != second:
                joined = images[:15] + resize_like(others[-8:], images)
                assert find_cuts(joined) == [15], (first, second)


def add_light(image, amount):
    return np.clip(image.astype(int) + amount, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("amount", [60, 120, 220, 255])
@pytest.mark.parametrize("length", [1, 3])
def test_flashes_are_no_cuts(clips, amount, length):
    for name, images in clips.items():
        lit = [add_light(image, amount) for image in images[10 : 10 + length]]
        assert find_cuts(images[:10] + lit + images[10 + length :]) == [], name


def test_a_cut_hidden_by_a_white_frame_is_found_behind_it(clips):
    names = list(clips)
    for first, second in pairwise(names):
        images, others = clips[first], resize_like(clips[second], clips[first])
        white = [np.full_like(images[0], 255)]
        assert find_cuts(images[:10] + white + others[:10]) == [11], (first, second)


def test_black_between_shots_and_within_one(clips):
    images = clips["glamr_basketball.mp4"]
    others = resize_like(clips["gvhmr_tennis.mp4"], images)
    black = [np.zeros_like(images[0])] * 5
    assert find_cuts(black + images[:10]) == []
    assert find_cuts(images[:10] + black + images[10:20]) == []
    assert find_cuts(images[:10] + black + others[:10]) == [15]


@pytest.mark.parametrize("step", [0.02, 0.05, 0.1, 0.2, 0.3])
def test_whip_pans_are_no_cuts(clips, step):
    """A window sliding over a still by up to 30 % of its width a frame, starting abruptly."""
    still = clips["openpose_street.avi"][0]
    still = np.hstack([still, still[:, ::-1], still])
    width = still.shape[1] // 4
    positions = [0] * 10 + list(range(0, still.shape[1] - width, int(step * width)))
    assert find_cuts([still[:, x : x + width] for x in positions]) == []


def test_a_light_that_is_switched_on_is_at_most_one_cut(clips):
    images = clips["glamr_basketball.mp4"]
    dark = [(image * 0.2).astype(np.uint8) for image in images[:12]]
    assert len(find_cuts(dark + images[12:])) <= 1


def test_every_clip_at_a_third_of_its_frame_rate(clips):
    for name, images in clips.items():
        assert find_cuts(images[::3]) == [], name


def test_it_costs_little():
    """Median of 50 frames of 720p; 0.5 ms asked for, five times that allowed on a busy machine."""
    image = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    finder, costs = ShotCutFinder(), []
    for _ in range(50):
        begin = time.perf_counter()
        finder.push(image)
        costs.append(time.perf_counter() - begin)
    assert np.median(costs) < 2.5e-3
