"""Two sticks that cross: the side is what the frames around say, and derivatives by differences."""

import pytest
import torch

from marey.fit.contact.capsules import Capsules
from marey.fit.contact.crossed_limbs import CrossedLimbs, find_crossed, meet_crossed

ALONE = torch.zeros(0, 2, dtype=torch.int64)
STICK = Capsules(ends=torch.tensor([[0, 1]]), radius=torch.tensor([0.04]).double(), pairs=ALONE)
PAIRS = torch.tensor([[0, 0]])


def sticks(heights) -> tuple[torch.Tensor, torch.Tensor]:
    """One stick along x at some heights over another along y, in successive frames."""
    count = len(heights)
    first = torch.tensor([[-0.2, 0.01, 0], [0.2, 0.01, 0]]).double().repeat(count, 1, 1)
    second = torch.tensor([[0.02, -0.2, 0], [0.02, 0.2, 0]]).double().repeat(count, 1, 1)
    first[..., 2] = torch.tensor(heights).double()[:, None]
    return first, second


def sides(heights, fitted=None, numbers=None) -> dict[int, float]:
    """The side of every frame in which they have gone into each other."""
    points, count = sticks(heights), len(heights)
    fit = points if fitted is None else sticks(fitted)
    every, numbers = torch.ones(count, dtype=torch.bool), torch.tensor(numbers or range(count))
    found = find_crossed(points, fit, (STICK, STICK), PAIRS, every, numbers)
    return dict(zip(found.frame.tolist(), found.side.tolist(), strict=True))


def test_frames_around_say_on_which_side_a_limb_belongs():
    assert sides([0.09, 0.05, -0.01, 0.05, 0.09]) == {1: 1, 2: 1, 3: 1}
    assert sides([-0.09, -0.05, 0.01, -0.05, -0.09]) == {1: -1, 2: -1, 3: -1}
    assert sides([0.09, 0.07, 0.09]) == {}  # As deep as flesh gives.
    # Who really goes from one side to the other does so once.
    assert list(sides([0.09, 0.06, 0.03, -0.03, -0.06, -0.09]).values()) == [1, 1, -1, -1]


def test_frames_of_another_meeting_have_no_say():
    heights = [-0.01, 0.07, 0.07]
    assert sides(heights) == {0: 1}
    assert sides(heights, numbers=[4, 6, 7]) == {0: 1}
    assert sides(heights, numbers=[4, 40, 41]) == {0: -1}


def test_where_nobody_says_anything_limbs_stay_on_their_side():
    far = [0.5, 0.5]
    assert sides([-0.06, 0.06], fitted=far) == {0: -1, 1: 1}


def test_only_tangled_frames_and_limbs_that_cross():
    points = sticks([0.02, 0.02])
    tangled = torch.tensor([False, True])
    two = torch.arange(2)
    found = find_crossed(points, points, (STICK, STICK), PAIRS, tangled, two)
    assert found.frame.tolist() == [1]
    along = (points[0], points[0] + torch.tensor([0, 0, 0.01]))
    every = torch.ones(2, dtype=torch.bool)
    assert not len(find_crossed(along, along, (STICK, STICK), PAIRS, every, two).frame)
    beside = (points[0] + torch.tensor([0.4, 0, 0]), points[1])
    assert not len(find_crossed(beside, beside, (STICK, STICK), PAIRS, every, two).frame)


@pytest.mark.parametrize(("side", "height", "depth"), [(1, -0.01, 0.09), (-1, -0.01, 0.07)])
def test_depth_is_the_way_to_the_right_side_with_its_derivative(side, height, depth):
    points = sticks([height])
    crossed = CrossedLimbs(
        frame=torch.tensor([0]),
        first=torch.tensor([0]),
        second=torch.tensor([0]),
        side=torch.tensor([float(side)]).double(),
    )

    def deep(first, second):
        return meet_crossed((first, second), (STICK, STICK), crossed, slack=0.0)

    met = deep(*points)
    assert float(met.depth) == pytest.approx(depth)
    assert met.normal[0].tolist() == pytest.approx([0, 0, side])
    slopes, step = met.slopes()[0], 1e-6
    for end in range(4):
        for axis in range(3):
            moved = [each.clone() for each in points]
            moved[end // 2][0, end % 2, axis] += step
            slope = (float(deep(*moved).depth) - float(met.depth)) / step
            assert slope == pytest.approx(float(slopes[end, axis]), abs=1e-4)
    arrived = meet_crossed(sticks([side * 0.078]), (STICK, STICK), crossed, slack=0.005)
    assert not len(arrived.depth)
