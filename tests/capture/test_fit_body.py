"""Where a bridged gap starts: on the way from its one end to the other, on the clock."""

import numpy as np
import pytest
import torch

from marey.capture.fit_body import _fill_gaps
from marey.fit.chain import Pose, exp_so3, log_so3

SEEN = np.array([True, True, False, False, True, False])
SOLVED = np.array([True, True, True, True, True, False])


def pose() -> Pose:
    vector = torch.zeros(6, 2, 3)
    vector[4, 1, 0] = 1.2
    translation = torch.zeros(6, 3)
    translation[4] = torch.tensor([0.6, 0.0, -0.3])
    translation[2:4] = 99.0
    return Pose(exp_so3(vector), translation, torch.zeros(6, 1))


def test_a_gap_starts_on_the_way_between_its_ends():
    time = np.array([0.0, 0.1, 0.15, 0.3, 0.5, 0.6])
    filled = pose()
    _fill_gaps(filled, SEEN, SOLVED, time)
    share = torch.tensor([0.125, 0.5])
    torch.testing.assert_close(filled.translation[2:4, 0], 0.6 * share)
    torch.testing.assert_close(log_so3(filled.rotation[2:4, 1])[:, 0], 1.2 * share)
    others = [0, 1, 4, 5]
    assert torch.equal(filled.translation[others], pose().translation[others])
    assert torch.equal(filled.rotation[others], pose().rotation[others])


@pytest.mark.parametrize("time", [np.zeros(6), np.array([0.0, 0.1, 0.1, 0.1, 0.1, 0.2])])
def test_a_clock_that_stands_still_gives_finite_starts(time):
    filled = pose()
    _fill_gaps(filled, SEEN, SOLVED, time)
    assert torch.isfinite(filled.translation).all()
    assert torch.isfinite(filled.rotation).all()
