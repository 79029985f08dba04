"""Reports go to people at least total cost, one report to one person at most."""

from itertools import permutations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from marey.capture.contact.assignment import (
    assign_reports,
    nearer_to_others,
    report_distances,
    weigh_reports,
)

NOBODY = 10.0


def total(table, given_to):
    """Cost of an assignment: what reports cost, and every report left over costs `NOBODY`."""
    used = [(person, report) for person, report in enumerate(given_to) if report >= 0]
    return sum(table[pair] for pair in used) + NOBODY * (len(table) - len(used))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3), st.integers(0, 10_000))
def test_no_other_assignment_costs_less(count, seed):
    rng = np.random.default_rng(seed)
    cost = rng.uniform(0, 20, (1, count, count, 2))
    source = assign_reports(cost, NOBODY)
    for column in range(2):
        own = source[0, :, column]
        assert len(set(own[own >= 0])) == (own >= 0).sum()
        table = cost[0, :, :, column]
        choices = [
            tuple(r if table[p, r] < NOBODY else -1 for p, r in enumerate(order))
            for order in permutations(range(count))
        ]
        best = min(total(table, choice) for choice in choices)
        # Keeping one's own where nobody gains by another's may leave that best untried.
        assert total(table, own) <= best + 1e-9 or np.array_equal(
            own, np.where(np.diag(table) < NOBODY, np.arange(count), -1)
        )


def test_reports_in_each_others_names_are_exchanged():
    cost = np.array([[9.0, 1.0], [1.0, 9.0]])[None, :, :, None]
    np.testing.assert_array_equal(assign_reports(cost, NOBODY)[0, :, 0], [1, 0])


def test_two_reports_of_one_persons_point_leave_the_other_without():
    # Both reports lie on the second person: theirs stays, the first has none.
    cost = np.array([[50.0, 56.0], [7.0, 1.0]])[None, :, :, None]
    np.testing.assert_array_equal(assign_reports(cost, NOBODY)[0, :, 0], [-1, 1])


def test_a_report_that_fits_nobody_is_nobodys():
    cost = np.full((1, 2, 2, 1), 30.0)
    np.testing.assert_array_equal(assign_reports(cost, NOBODY), -1)


def test_weight_is_the_probability_of_the_own_person():
    cost = np.array([[2.0, np.inf], [6.0, 2.0]])[None, :, :, None]
    source = assign_reports(cost, NOBODY)
    weight = weigh_reports(cost, source, NOBODY)
    own, other, none = np.exp(-1.0), np.exp(-3.0), np.exp(-5.0)
    np.testing.assert_allclose(weight[0, 0, 0], own / (own + other + none))
    np.testing.assert_allclose(weight[0, 1, 0], own / (own + none))


def test_distances_are_in_sigmas_of_report_and_prediction():
    pose = np.concatenate([np.eye(3), np.zeros((3, 1))], 1)[None]
    expected = np.array([[[0.0, 0.0, 2.0]], [[0.2, 0.0, 2.0]]])
    rays = np.array([[[[0.03, 0.0]], [[0.1, 0.0]]]])
    apart = report_distances(rays, np.full((1, 2, 1), 0.01), expected, np.full((2, 1), 0.04), pose)
    spread = 0.01**2 + 0.02**2  # 4 cm, two metres away.
    expected_apart = np.array([[0.03, 0.1], [0.07, 0.0]]) ** 2 / spread
    np.testing.assert_allclose(apart[0, :, :, 0], expected_apart)


def test_points_nearer_to_others():
    expected = np.array([[[0.0, 0, 0]], [[1.0, 0, 0]]])
    found = np.array([[[0.9, 0, 0]], [[1.1, 0, 0]]])
    np.testing.assert_array_equal(nearer_to_others(found, expected), [[True], [False]])
    expected[1] = np.nan
    assert not nearer_to_others(found, expected).any()
