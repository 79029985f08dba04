"""Feet and the ground: derivatives, and what resting and standing mean."""

import torch

from marey.fit.common_values import common_values
from marey.fit.forces import add_up
from marey.fit.ground import Floor, FootContact, number_rests
from tests.fit.differences import by_every_coordinate, check_bound, check_gradient, draw

FRAMES, POINTS = 6, 4


def contact(kernel="none", width=4.0) -> FootContact:
    rest = torch.tensor([[0, -1], [0, 1], [0, 1], [-1, 1], [2, -1], [2, 3]])
    weight = 1 + draw(FRAMES, 2, seed=2).abs()
    return FootContact(
        point=torch.tensor([3, 1]), rest=rest, weight=weight, width=width, kernel=kernel
    )


def floor(kernel="none") -> Floor:
    normal = torch.tensor([0.48, 0.6, 0.64], dtype=torch.float64)
    radius = torch.tensor([0.0, 0.3, -0.2], dtype=torch.float64)
    point = torch.tensor([0, 1, 3])
    return Floor(
        point=point, normal=normal, height=0.1, radius=radius, sigma=0.2, width=2.0, kernel=kernel
    )


def test_gradients():
    points = draw(FRAMES, POINTS, 3)
    for kernel in ("none", "huber", "geman-mcclure"):
        # A minimum that is found by iterations is good to less than rounding.
        check_gradient(contact(kernel, width=1.0), points, atol=2e-4)
        check_gradient(floor(kernel), points)


def test_a_contact_is_bounded_by_the_stiffness_of_its_frames():
    cost, points = contact(), draw(FRAMES, POINTS, 3)
    slopes = torch.stack(
        [
            by_every_coordinate(lambda p, row=row: cost.residual(p).flatten()[row], points)
            for row in range(FRAMES * 2 * 3)
        ]
    )
    check_bound(cost, points, slopes)


def test_the_floor_is_exact_and_one_sided():
    cost, points = floor(), draw(FRAMES, POINTS, 3)
    above = points[:, cost.point] @ cost.normal - cost.height - cost.radius
    assert (above > 0).any()
    assert (above < 0).any()
    forces = add_up([cost.pull(points)], points)
    free = torch.cat([above[:, :2] > 0, torch.ones(FRAMES, 1, dtype=torch.bool)], 1)
    assert (forces.gradient[:, :3][free] == 0).all()
    assert (forces.hessian[:, :3][free] == 0).all()
    expected = torch.outer(cost.normal, cost.normal) / cost.sigma**2
    low = (above[:, 0] < 0).nonzero()[0, 0]
    torch.testing.assert_close(forces.full_hessian()[low, 0], expected)


def test_a_rest_costs_nothing_wherever_it_is_and_its_movement_does():
    cost = contact()
    still = torch.tensor([0.3, -2.0, 9.0], dtype=torch.float64).expand(FRAMES, POINTS, 3)
    assert (cost.pull(still).loss < 1e-20).all()
    moved = still.clone()
    moved[1, 3, 0] += 0.01
    loss = cost.pull(moved).loss
    assert loss[:3].min() > 0, "the frames of one rest share its place"
    assert (loss[3:] < 1e-20).all(), "other rests do not notice"
    assert (cost.pull(moved).gradient[4:].abs() < 1e-12).all()


def test_a_frame_astray_does_not_drag_a_rest_along():
    values, weight = torch.zeros(9, 3).double(), torch.full((9,), 100.0).double()
    values[4] = 10.0
    group = torch.zeros(9, dtype=torch.int64)
    plain, huber, geman = (
        common_values(values, weight, group, 1, kernel=kernel).norm()
        for kernel in ("none", "huber", "geman-mcclure")
    )
    assert plain > 1.0
    assert huber < 0.01
    assert geman < 1e-4


def test_rests_are_runs_of_contact_with_numbers_of_their_own():
    sure = torch.tensor([[0.9, 0.0], [0.8, 1.0], [0.1, 1.0], [0.7, torch.nan], [0.7, 0.6]])
    assert number_rests(sure).tolist() == [[0, -1], [0, 2], [-1, 2], [1, -1], [1, 3]]
    assert (number_rests(torch.zeros(4, 2)) == -1).all()
    nothing = contact()
    free = FootContact(point=nothing.point, rest=torch.full((6, 2), -1), weight=nothing.weight)
    assert (free.pull(draw(FRAMES, POINTS, 3)).gradient == 0).all()
