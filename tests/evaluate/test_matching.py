"""Pairing people before they are compared."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marey.evaluate import found_share, match_by_distance, match_by_image


class TestImage:
    @pytest.mark.parametrize("case", ["swap", "one", "far", "extra"])
    def test_agrees_with_the_benchmark_of_close_contact(self, shared, case):
        fixture = np.load(shared / "parity" / "h4d_benchmark.npz")
        matches = match_by_image(fixture[f"in/match/{case}"], fixture["in/gt_2d"])
        expected = sorted(fixture[f"out/match/{case}/pairs"].tolist(), key=lambda pair: pair[1])
        assert matches.pairs.tolist() == expected
        assert matches.missed.tolist() == fixture[f"out/match/{case}/misses"].tolist()

    def test_a_refused_pair_uses_up_a_prediction(self):
        corners = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
        turned = corners[[2, 3, 0, 1]]
        truth = np.stack([20 * corners, 30 * turned])
        predicted = np.stack([30 * corners, 20 * turned])
        # Joints of the same order are nearest, but their boxes differ (IoU 0.46): two refusals use
        # up both predictions, although each box has its equal among the true people.
        assert len(match_by_image(predicted, truth).pairs) == 0
        patient = match_by_image(predicted, truth, end_early=False)
        assert patient.pairs.tolist() == [[1, 0], [0, 1]]

    def test_nobody_is_found(self):
        truth = np.zeros((2, 4, 2))
        assert match_by_image(np.zeros((0, 4, 2)), truth).missed.tolist() == [0, 1]
        assert match_by_image(truth, np.zeros((0, 4, 2))).pairs.shape == (0, 2)


class TestDistance:
    @settings(max_examples=30, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1))
    def test_any_order_of_people_gives_the_same_pairs(self, seed):
        rng = np.random.default_rng(seed)
        cost = rng.random((4, 3))
        order = rng.permutation(4)
        ours = match_by_distance(cost).pairs
        turned = match_by_distance(cost[order]).pairs
        assert [[order[row], column] for row, column in turned.tolist()] == ours.tolist()

    def test_too_far_is_missed_even_if_nobody_else_is_left(self):
        cost = np.array([[0.1, np.nan], [np.nan, 0.9]])
        matches = match_by_distance(cost, highest=0.5)
        assert matches.pairs.tolist() == [[0, 0]]
        assert matches.missed.tolist() == [1]


def test_share_of_people_found_agrees_with_the_benchmark(shared):
    fixture = np.load(shared / "parity" / "h4d_benchmark.npz")
    counts = [(100, 0), (100, 3), (250, 41)]
    for (people, missed), row in zip(counts, fixture["out/prf1"], strict=True):
        share = found_share(people, missed, decimals=2)
        np.testing.assert_allclose([share.precision, share.recall, share.f1], row)
