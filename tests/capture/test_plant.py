"""Feet that rest in the image are found and held, whatever their depth does meanwhile."""

import numpy as np
import pytest
import torch

from marey.body import load_body
from marey.capture import plant
from marey.capture.observe import observe
from marey.capture.plant import Stance, across_view, find_rests, hold_rests, plant_feet
from marey.capture.views.first_pose import first_poses
from marey.fit.chains import body_chain
from marey.fit.limits import rotation_prior
from marey.fit.problem import Problem, pose_columns
from marey.synthetic import PERFECT, SyntheticScene, synthetic_scene
from tests.capture.scenes import inputs, view_of

RATE = 30.0


def path(across: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Places in camera axes whose image moves by `across` m at 5 m, at a depth of their own."""
    image = across / 5.0
    return np.stack([image * depth, 0.2 * depth, depth], -1)


def rests_across(points: np.ndarray, seen: np.ndarray, time: np.ndarray) -> list[slice]:
    return find_rests(across_view(points, seen), seen, time)


def test_wandering_depth_does_not_hide_a_rest():
    time = np.arange(60) / RATE
    depth = 5.0 + 0.7 * np.sin(2 * time)
    rests = rests_across(path(np.zeros(60), depth), np.ones(60, bool), time)
    assert rests == [slice(0, 60)]


def test_a_step_ends_one_rest_and_begins_another():
    time = np.arange(90) / RATE
    across = 0.6 * np.clip((time - 1.0) / 0.5, 0, 1)
    rests = rests_across(path(across, np.full(90, 5.0)), np.ones(90, bool), time)
    assert len(rests) == 2
    assert rests[0].start == 0 and abs(rests[0].stop - 30) <= 4
    assert abs(rests[1].start - 45) <= 4 and rests[1].stop == 90


def test_a_creeping_foot_is_held_in_pieces():
    time = np.arange(60) / RATE
    rests = rests_across(path(0.15 * time, np.full(60, 5.0)), np.ones(60, bool), time)
    assert len(rests) >= 4
    lengths = [rest.stop - rest.start for rest in rests]
    # 0.06 m at 0.15 m/s are 12 frames.
    assert max(lengths) <= 16


@pytest.mark.parametrize("num_frames", [1, 2, 3])
def test_a_moment_is_no_rest(num_frames):
    time = np.arange(num_frames) / RATE
    points = path(np.zeros(num_frames), np.full(num_frames, 5.0))
    assert rests_across(points, np.ones(num_frames, bool), time) == []


def test_unseen_and_unsolved_frames_are_not_held():
    time = np.arange(60) / RATE
    points = path(np.zeros(60), np.full(60, 5.0))
    seen = np.ones(60, bool)
    seen[20:40] = False
    points[20:40] = np.nan
    rests = rests_across(points, seen, time)
    assert [frame for rest in rests for frame in range(rest.start, rest.stop)] == [
        *range(20),
        *range(40, 60),
    ]


def test_a_foot_is_held_at_the_median_place_of_each_rest():
    num_frames, heel = 40, 2
    time = np.arange(num_frames) / RATE
    points = np.zeros((num_frames, 4, 3))
    points[..., 2] = 5.0
    # Every foot point but one runs across the view.
    points[..., 0] = 3.0 * time[:, None]
    depth = 5.0 + 0.3 * np.sin(3 * time)
    points[:, heel] = path(np.zeros(num_frames), depth)
    target, weight = hold_rests(points, np.ones((num_frames, 4), bool), time)
    assert (weight > 0).any(-1).any(0).tolist() == [False, False, True, False]
    assert target[0, heel, 2] == pytest.approx(float(np.median(depth)))
    _, nothing = hold_rests(points, np.zeros((num_frames, 4), bool), time)
    assert not nothing.any()


IN_SPACE = Stance(in_space=True, level=True, sigma=0.005)
SOLE = np.array([0.01, 0.0, 0.01, 0.0])
"""A foot that stands level has its heel's keypoint a centimetre above its toe's."""


def standing_foot(num_frames: int, pitch: float = 0.0) -> np.ndarray:
    """A left foot that stands, its heel up by an angle in rad, and a right one that runs."""
    points = np.zeros((num_frames, 4, 3))
    points[:, 0] = [-0.25 * np.cos(pitch), 0.0, 0.01 + 0.25 * np.sin(pitch)]
    points[:, 2:] = [0.0, 0.2, 0.0]
    points[:, 2:, 0] += 3.0 * np.arange(num_frames)[:, None] / RATE
    return points


def hold(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    time = np.arange(len(points)) / RATE
    target, weight = hold_rests(
        points, np.ones(points.shape[:2], bool), time, stance=IN_SPACE, sole=SOLE
    )
    return target, weight[..., 0] > 0


def test_a_toe_that_seems_to_sink_stands_level_with_its_heel():
    points = standing_foot(40)
    points[:, 1, 2] -= 0.05 * np.sin(np.linspace(0, np.pi, 40)) ** 2
    target, held = hold(points)
    assert held[:, :2].all() and not held[:, 2:].any()
    assert np.ptp(target[:, :2], axis=0).max() == 0
    heel, toe = target[0, :2, 2]
    assert heel - toe == pytest.approx(SOLE[0] - SOLE[1], abs=1e-6)


def test_a_heel_that_lifts_is_let_go_while_its_toe_stands():
    points = standing_foot(60)
    height = 0.3 * np.clip(np.arange(60) / RATE - 1.0, 0, 0.5)
    points[:, 0, 2] += height
    target, held = hold(points)
    assert held[:25, :2].all() and held[:, 1].all()
    assert not held[(height > 0.03) & (height < 0.13), 0].any()
    assert (np.abs(target[..., 2] - points[..., 2])[held] < 0.02).all()


@pytest.mark.parametrize(("pitch", "levelled"), [(0.1, 1.0), (0.4, 0.0)])
def test_who_stands_on_their_toes_stays_there(pitch: float, levelled: float):
    points = standing_foot(30, pitch)
    target, held = hold(points)
    assert held[:, :2].all()
    rise = points[0, 0, 2] - 0.01
    moved = points[0, 0, 2] - target[0, 0, 2]
    # Heel and toe meet half way.
    assert moved == pytest.approx(levelled * rise / 2, abs=1e-6)


def test_a_moment_of_trembling_does_not_end_a_rest_in_space():
    points = standing_foot(60)
    points[28:31, 0, 0] += 0.08
    time = np.arange(60) / RATE
    heel, seen = points[:, 0], np.ones(60, bool)
    assert len(find_rests(heel, seen, time)) == 2
    assert find_rests(heel, seen, time, bridged=0.4) == [slice(0, 60)]


@pytest.fixture(scope="module")
def standing() -> SyntheticScene:
    return synthetic_scene(load_body(), "wave", num_frames=50, noise=PERFECT, seed=1)


def test_blocks_of_a_long_span_are_held_like_a_short_one(standing, monkeypatch):
    chain, view = body_chain(standing.body), view_of(standing)
    image, space = inputs(standing)
    seen = observe(chain, image, space, view, space_sigma=(0.1, 0.1, 0.1))
    pose = first_poses(
        Problem(
            chain=chain, costs=(), prior=rotation_prior(chain.joints), active=pose_columns(chain)
        ),
        seen,
        view,
    )
    whole = plant_feet(chain, pose, seen.image_weight, image.time)
    monkeypatch.setattr(plant, "_BLOCK", 25)
    blocks = plant_feet(chain, pose, seen.image_weight, image.time)
    assert whole is not None
    assert blocks is not None
    held = [(anchor.weight > 0).any(-1).float().mean() for anchor in (whole, blocks)]
    assert float(held[0]) > 0.2
    assert abs(float(held[0] - held[1])) < 0.15
    both = (whole.weight > 0) & (blocks.weight > 0)
    assert float((whole.target - blocks.target)[both].abs().median()) < 0.03
    unseen = torch.zeros_like(seen.image_weight)
    assert plant_feet(chain, pose, unseen, image.time) is None


def test_what_a_point_is_follows_from_its_name():
    """A lifting heel is let go, wherever it stands among the points that there are."""
    points = standing_foot(60)
    height = 0.3 * np.clip(np.arange(60) / RATE - 1.0, 0, 0.5)
    points[:, 0, 2] += height
    time, seen = np.arange(60) / RATE, np.ones((60, 2), bool)
    held = {
        names: hold_rests(points[:, columns], seen, time, names=names, stance=IN_SPACE)[1]
        for names, columns in {
            ("left_heel", "left_big_toe"): [0, 1],
            ("left_big_toe", "left_heel"): [1, 0],
        }.items()
    }
    first, second = held.values()
    assert (first[:, 0] == 0).any()
    np.testing.assert_array_equal(first, second[:, ::-1])
