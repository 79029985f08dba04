"""Feet and the ground: derivatives, and what resting and standing mean."""

import torch

from marey.fit.chain import place
from marey.fit.common_values import common_values
from marey.fit.costs import PointAnchor, RotationPrior
from marey.fit.forces import add_up
from marey.fit.ground import Floor, FootContact, number_rests
from marey.fit.problem import Problem, pose_columns
from marey.fit.sequence import SequenceOptions, Smoothness, solve_sequence
from tests.fit.differences import by_every_coordinate, check_bound, check_gradient, draw
from tests.fit.scenes import random_pose, small_chain

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


def test_in_a_sequence_a_resting_foot_stands_still_where_it_was_seen_on_average():
    chain = small_chain()
    foot, frames = chain.points.index("left_ankle"), 12
    still = random_pose(chain, 1, seed=1, distance=0.0)[torch.zeros(frames, dtype=torch.int64)]
    points = place(chain, still).points
    noise = 0.02 * draw(*points.shape, seed=3).float()
    seen = PointAnchor(
        point=torch.arange(len(chain.points)),
        target=points + noise,
        weight=torch.full_like(points, 50.0),
    )
    resting = FootContact(
        point=torch.tensor([foot]),
        rest=torch.zeros(frames, 1, dtype=torch.int64),
        weight=torch.full((frames, 1), 1000.0),
    )
    height = float(points[0, foot, 1]) + 0.05
    lifted = Floor(
        point=torch.tensor([foot]),
        normal=torch.tensor([0.0, 1.0, 0.0]),
        height=height,
        radius=torch.zeros(1),
        sigma=0.002,
        kernel="none",
    )
    wide = torch.full((len(chain.joints), 3), 10.0)
    prior = RotationPrior(mean=0 * wide, sigma=wide, low=-wide, high=wide)
    loose = Smoothness(joint_sigma=torch.full((len(chain.joints),), 1e4), root_sigma=1e4)
    found = {}
    for name, costs in (
        ("free", (seen,)),
        ("held", (seen, resting)),
        ("lifted", (seen, resting, lifted)),
    ):
        problem = Problem(chain=chain, costs=costs, prior=prior, active=pose_columns(chain))
        time = torch.arange(frames).double() / 30
        options = SequenceOptions(iterations=40, tolerance=1e-6)
        solution = solve_sequence(problem, still, time, smoothness=loose, options=options)
        found[name] = place(chain, solution.pose).points[:, foot]
    assert found["held"].std(0).max() < 0.15 * found["free"].std(0).max()
    # Nobody gave the place; it comes from the noisy points of all frames.
    assert (found["held"].mean(0) - points[0, foot]).norm() < 0.02
    assert (found["lifted"][:, 1] > height - 0.005).all()
    assert found["lifted"].std(0).max() < 0.005
