"""Feet that rest in the image are found and held, whatever their depth does meanwhile."""

import numpy as np
import pytest
import torch

from marey.body import load_body
from marey.capture.observe import Observation
from marey.capture.plant import find_rests, plant_feet
from marey.fit.chain import Placed
from marey.fit.chains import body_chain

RATE = 30.0


def path(across: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Places in camera axes whose image moves by `across` m at 5 m, at a depth of their own."""
    image = across / 5.0
    return np.stack([image * depth, 0.2 * depth, depth], -1)


def test_wandering_depth_does_not_hide_a_rest():
    time = np.arange(60) / RATE
    depth = 5.0 + 0.7 * np.sin(2 * time)
    rests = find_rests(path(np.zeros(60), depth), np.ones(60, bool), time)
    assert rests == [slice(0, 60)]


def test_a_step_ends_one_rest_and_begins_another():
    time = np.arange(90) / RATE
    across = 0.6 * np.clip((time - 1.0) / 0.5, 0, 1)
    rests = find_rests(path(across, np.full(90, 5.0)), np.ones(90, bool), time)
    assert len(rests) == 2
    assert rests[0].start == 0 and abs(rests[0].stop - 30) <= 4
    assert abs(rests[1].start - 45) <= 4 and rests[1].stop == 90


def test_a_creeping_foot_is_held_in_pieces():
    time = np.arange(60) / RATE
    rests = find_rests(path(0.15 * time, np.full(60, 5.0)), np.ones(60, bool), time)
    assert len(rests) >= 4
    lengths = [rest.stop - rest.start for rest in rests]
    # 0.06 m at 0.15 m/s are 12 frames.
    assert max(lengths) <= 16


@pytest.mark.parametrize("num_frames", [1, 2, 3])
def test_a_moment_is_no_rest(num_frames):
    time = np.arange(num_frames) / RATE
    points = path(np.zeros(num_frames), np.full(num_frames, 5.0))
    assert find_rests(points, np.ones(num_frames, bool), time) == []


def test_unseen_and_unsolved_frames_are_not_held():
    time = np.arange(60) / RATE
    points = path(np.zeros(60), np.full(60, 5.0))
    seen = np.ones(60, bool)
    seen[20:40] = False
    points[20:40] = np.nan
    rests = find_rests(points, seen, time)
    assert [frame for rest in rests for frame in range(rest.start, rest.stop)] == [
        *range(20),
        *range(40, 60),
    ]


def test_the_anchor_is_the_median_place_of_each_rest():
    chain = body_chain(load_body("marey-h", mesh="light"))
    num_frames, count = 40, len(chain.points)
    time = np.arange(num_frames) / RATE
    heel = chain.points.index("left_heel")
    points = torch.zeros(num_frames, count, 3)
    points[..., 2] = 5.0
    # Every foot point but one runs across the view.
    points[..., 0] = torch.from_numpy(3.0 * time).float()[:, None]
    depth = 5.0 + 0.3 * np.sin(3 * time)
    points[:, heel] = torch.from_numpy(path(np.zeros(num_frames), depth)).float()
    placed = Placed(torch.eye(3).expand(num_frames, 1, 3, 3), points[:, :1], points)
    seen = Observation(
        image=torch.zeros(num_frames, count, 2),
        image_weight=torch.ones(num_frames, count),
        space=torch.zeros(num_frames, count, 3),
        space_weight=torch.zeros(num_frames, count, 3),
    )
    anchor = plant_feet(chain, placed, seen, time)
    assert anchor is not None
    held = [chain.points[int(k)] for k in anchor.point[(anchor.weight > 0).any(-1).any(0)]]
    assert held == ["left_heel"]
    column = anchor.point.tolist().index(heel)
    assert anchor.target[0, column, 2] == pytest.approx(float(np.median(depth)), abs=1e-4)
    unseen = Observation(
        image=seen.image,
        image_weight=torch.zeros(num_frames, count),
        space=seen.space,
        space_weight=seen.space_weight,
    )
    assert plant_feet(chain, placed, unseen, time) is None
