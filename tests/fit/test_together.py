"""Several people who touch: analytic truth, another optimiser, and nobody harmed by another."""

from dataclasses import replace

import pytest
import torch

from marey.core.errors import InputError, ShapeError
from marey.fit.chain import Chain, Pose, exp_so3, make_chain, place
from marey.fit.contact.capsules import Capsules
from marey.fit.contact.penetration import BodyContact, SelfPenetration
from marey.fit.costs import PointAnchor, RotationPrior
from marey.fit.pose_costs import PoseAnchor
from marey.fit.problem import Problem, pose_columns
from marey.fit.sequence import Coupling, SequenceOptions, Smoothness, solve_sequence
from marey.fit.together import PersonSequence, solve_people
from tests.fit.differences import by_every_coordinate, draw
from tests.fit.scenes import random_pose, small_chain

RADIUS, SIGMA = 0.2, 0.01
LONG = SequenceOptions(iterations=60, damping=1e-6, tolerance=1e-14)
PLAIN = BodyContact(sigma=SIGMA, kernel="none")


def pillar() -> tuple[Chain, Capsules]:
    """One upright capsule, 2 m long, without joints."""
    none = torch.zeros(1, 3, 1, dtype=torch.float64)
    ends = {
        name: (0, torch.tensor([0.0, y, 0.0], dtype=torch.float64), none[0])
        for name, y in (("bottom", -1.0), ("top", 1.0))
    }
    chain = make_chain(("pelvis",), (-1,), none[..., 0], none, points=ends)
    radius = torch.tensor([RADIUS], dtype=torch.float64)
    pairs = torch.zeros(0, 2, dtype=torch.int64)
    return chain, Capsules(ends=torch.tensor([[0, 1]]), radius=radius, pairs=pairs)


def no_prior(chain: Chain) -> RotationPrior:
    table = torch.zeros(len(chain.joints), 3, dtype=torch.float64)
    far = torch.full_like(table, 10.0)
    return RotationPrior(mean=table, sigma=far + torch.inf, low=-far, high=far)


def standing_at(x: float, weight: float, *, frames: int = 4, first: int = 0) -> PersonSequence:
    """A pillar that measurements of 1 / sigma = `weight` per end hold at x."""
    chain, capsules = pillar()
    start = Pose(
        torch.eye(3).double().repeat(frames, 1, 1, 1),
        torch.tensor([x, 0.0, 0.0]).double().repeat(frames, 1),
        torch.zeros(frames, 1).double(),
    )
    points = place(chain, start).points
    seen = PointAnchor(point=torch.arange(2), target=points, weight=torch.full_like(points, weight))
    return PersonSequence(
        problem=Problem(
            chain=chain, costs=(seen,), prior=no_prior(chain), active=pose_columns(chain)
        ),
        start=start,
        frame=torch.arange(first, first + frames),
        time=torch.arange(first, first + frames).double() / 30,
        smoothness=Smoothness(joint_sigma=torch.full((1,), 30.0).double()),
        capsules=capsules,
    )


def test_two_who_overlap_are_pushed_apart_by_the_same_and_as_far_as_springs_say():
    overlap, weight = 0.1, 50.0
    people = [standing_at(x, weight) for x in (-RADIUS + overlap / 2, RADIUS - overlap / 2)]
    left, right = solve_people(people, contact=PLAIN, options=LONG)
    moved = [
        solution.pose.translation - person.start.translation
        for solution, person in zip((left, right), people, strict=True)
    ]
    # Springs in a row: 2 weight^2 on either side of 1 / sigma^2.
    own, between = 2 * weight**2, 1 / SIGMA**2
    expected = between * overlap / (own + 2 * between)
    torch.testing.assert_close(
        moved[0][:, 0], -torch.full((4,), expected).double(), rtol=1e-6, atol=0
    )
    torch.testing.assert_close(moved[0], -moved[1], atol=1e-8, rtol=0)
    touching = right.pose.translation[:, 0] - left.pose.translation[:, 0]
    # They stay in contact: nearer than their radii by what the springs leave.
    left_over = torch.full((4,), overlap * own / (own + 2 * between)).double()
    torch.testing.assert_close(2 * RADIUS - touching, left_over, rtol=1e-6, atol=0)


def test_who_is_known_better_yields_less_and_few_iterations_are_enough():
    overlap, firm, loose = 0.1, 200.0, 10.0
    people = [standing_at(-RADIUS + overlap, firm), standing_at(RADIUS, loose)]
    few = SequenceOptions(iterations=6, damping=1e-6, tolerance=1e-14)
    solved = solve_people(people, contact=PLAIN, options=few)
    moved = [s.pose.translation - p.start.translation for s, p in zip(solved, people, strict=True)]
    a, b, between = 2 * firm**2, 2 * loose**2, 1 / SIGMA**2
    force = between * overlap / (1 + between / a + between / b)
    assert moved[0][0, 0] == pytest.approx(-force / a, rel=1e-3)
    assert moved[1][0, 0] == pytest.approx(force / b, rel=1e-3)


def test_the_order_of_people_does_not_matter():
    held = ((-0.15, 20.0), (0.15, 50.0), (0.4, 30.0))
    people = [standing_at(x, weight, frames=1) for x, weight in held]
    forth = solve_people(people, contact=PLAIN, options=LONG)
    back = solve_people(people[::-1], contact=PLAIN, options=LONG)[::-1]
    for one, two in zip(forth, back, strict=True):
        torch.testing.assert_close(one.pose.translation, two.pose.translation, atol=1e-7, rtol=0)
    x = [float(solution.pose.translation[0, 0]) for solution in forth]
    assert x[1] - x[0] > 2 * RADIUS - 0.03
    assert x[2] - x[1] > 2 * RADIUS - 0.03


def test_only_frames_in_common_meet():
    early, late = standing_at(0.0, 50.0, frames=6), standing_at(0.1, 50.0, frames=6, first=5)
    loose = Smoothness(joint_sigma=torch.full((1,), 1e6).double(), root_sigma=1e6)
    people = [replace(person, smoothness=loose) for person in (early, late)]
    solved = solve_people(people, contact=PLAIN, options=LONG)
    moved = [
        (s.pose.translation - p.start.translation).norm(dim=-1)
        for s, p in zip(solved, people, strict=True)
    ]
    assert moved[0][5] > 0.1
    assert moved[1][0] > 0.1
    assert moved[0][:4].max() < 1e-3
    assert moved[1][2:].max() < 1e-3


def test_who_is_held_pushes_and_does_not_yield():
    people = [standing_at(0.0, 50.0), standing_at(0.3, 50.0)]
    people[0] = replace(people[0], held=torch.ones(4, dtype=torch.bool))
    fixed, other = solve_people(people, contact=PLAIN, options=LONG)
    assert torch.equal(fixed.pose.translation, people[0].start.translation)
    own, between = 2 * 50.0**2, 1 / SIGMA**2
    expected = torch.full((4,), 0.3 + 0.1 * between / (own + between)).double()
    torch.testing.assert_close(other.pose.translation[:, 0], expected, rtol=1e-6, atol=0)


def test_gradients_of_contact_are_exact_on_both_sides_and_opposite():
    capsules = Capsules(
        ends=torch.tensor([[0, 1], [2, 2]]),
        radius=torch.tensor([0.8, 0.9], dtype=torch.float64),
        pairs=torch.zeros(0, 2, dtype=torch.int64),
    )
    first, second = draw(3, 3, 3, seed=1), draw(3, 3, 3, seed=2)
    firm = torch.eye(3).double().expand(3, 3, 3)
    for kernel in ("none", "huber", "geman-mcclure"):
        cost = BodyContact(sigma=0.3, width=1.5, kernel=kernel)

        def pulls(one, two, cost=cost):
            return cost.pulls((one, two), (capsules, capsules), (firm, 4 * firm))

        for side, points in enumerate((first, second)):

            def loss(changed, side=side, pulls=pulls):
                return pulls(*((changed, second) if side == 0 else (first, changed)))[0].loss.sum()

            expected = by_every_coordinate(loss, points)
            assert expected.abs().max() > 0.1
            ours = pulls(first, second)[side].gradient
            torch.testing.assert_close(2 * ours, expected, atol=1e-5, rtol=1e-5)
        # Nothing pushes itself off from nothing.
        total = sum(part.gradient.sum(1) for part in pulls(first, second))
        torch.testing.assert_close(total, torch.zeros(3, 3).double(), atol=1e-10, rtol=0)


CHAIN = small_chain(torch.float64)
LIMBS = [("left_elbow", "left_wrist"), ("right_elbow", "right_wrist"), ("spine", "nose")]


def dancer(seed: int, x: float, *, frames: int = 5) -> PersonSequence:
    """A small body that its points hold loosely where it overlaps with others."""
    single = random_pose(CHAIN, 1, seed=seed, spread=0.2, distance=0.0)
    turn = torch.zeros(frames, len(CHAIN.joints), 3, dtype=torch.float64)
    turn[:, CHAIN.index("left_elbow"), 1] = torch.linspace(0, 0.5, frames).double()
    start = Pose(
        single.rotation @ exp_so3(turn),
        torch.tensor([x, 0.0, 0.0]).double().repeat(frames, 1),
        single.shape.expand(frames, -1),
    )
    points = place(CHAIN, start).points
    seen = PointAnchor(
        point=torch.arange(len(CHAIN.points)),
        target=points + 0.01 * draw(*points.shape, seed=seed),
        weight=torch.full_like(points, 30.0),
    )
    capsules = Capsules(
        ends=torch.tensor([[CHAIN.points.index(name) for name in pair] for pair in LIMBS]),
        radius=torch.tensor([0.05, 0.05, 0.15], dtype=torch.float64),
        pairs=torch.tensor([[0, 2], [1, 2], [0, 1]]),
    )
    near = PoseAnchor(
        target_rotation=start.rotation,
        target_translation=start.translation,
        joint_weight=torch.full((frames, len(CHAIN.joints)), 3.0, dtype=torch.float64),
        root_weight=torch.zeros(frames, dtype=torch.float64),
        kernel="none",
    )
    problem = Problem(
        chain=CHAIN,
        costs=(seen, SelfPenetration(capsules=capsules, sigma=0.02)),
        prior=no_prior(CHAIN),
        pose_costs=(near,),
        active=pose_columns(CHAIN),
    )
    return PersonSequence(
        problem=problem,
        start=start,
        frame=torch.arange(frames),
        time=torch.arange(frames).double() / 30,
        smoothness=Smoothness(joint_sigma=torch.full((len(CHAIN.joints),), 40.0).double()),
        capsules=capsules,
    )


def joint_cost(people, poses, contact) -> float:
    """The cost of everyone, put together anew."""
    total, placed = 0.0, []
    for person, pose in zip(people, poses, strict=True):
        state = person.problem.evaluate(pose)
        bend = Coupling(person.problem.layout, person.time, person.smoothness).measure(pose)
        total += float(state.loss.sum() + bend.loss.sum())
        placed.append(state.placed.points)
    firm = torch.eye(3).double().expand(len(placed[0]), 3, 3)
    for a in range(len(people)):
        for b in range(a):
            capsules = (people[a].capsules, people[b].capsules)
            pull, _ = contact.pulls((placed[a], placed[b]), capsules, (firm, firm))
            total += float(pull.loss.sum())
    return total


def test_the_minimum_is_that_of_the_joint_cost():
    """No small step of anybody's, nor of all together, lowers the cost any more."""
    contact = BodyContact(sigma=0.02)
    people = [dancer(seed, x, frames=3) for seed, x in ((1, 0.0), (2, 0.45))]
    start = joint_cost(people, [person.start for person in people], contact)
    options = SequenceOptions(iterations=40, damping=1e-3, tolerance=1e-11)
    poses = [s.pose for s in solve_people(people, contact=contact, options=options)]
    least = joint_cost(people, poses, contact)
    assert least < 0.6 * start
    width = people[0].problem.layout.num_columns
    for seed in range(3):
        for size in (1e-3, 1e-4):
            nudged = [
                person.problem.step(pose, size * draw(len(pose), width, seed=100 * seed + row))
                for row, (person, pose) in enumerate(zip(people, poses, strict=True))
            ]
            assert joint_cost(people, nudged, contact) > least * (1 - 1e-6)


def test_without_contact_everyone_is_as_alone():
    people = [dancer(1, 0.0), dancer(2, 9.0)]
    options = SequenceOptions(iterations=25, tolerance=1e-10)
    together = solve_people(people, options=options)
    for person, solution in zip(people, together, strict=True):
        alone = solve_sequence(
            person.problem, person.start, person.time, smoothness=person.smoothness, options=options
        )
        # Damping goes by everybody's frames, so the ways to the minimum differ a little.
        torch.testing.assert_close(solution.pose.rotation, alone.pose.rotation, atol=1e-3, rtol=0)
        torch.testing.assert_close(
            solution.pose.translation, alone.pose.translation, atol=1e-4, rtol=0
        )


def test_a_nan_is_marked_and_nobody_else_notices():
    people = [dancer(1, 0.0), dancer(2, 9.0)]
    clean = solve_people(people)
    people[0].problem.costs[0].target[2, 3] = torch.nan
    dirty = solve_people(people)
    assert dirty[0].finite.tolist() == [True, True, False, True, True]
    assert dirty[1].finite.all()
    for solution in dirty:
        assert solution.pose.rotation.isfinite().all()
        assert solution.pose.translation.isfinite().all()
    torch.testing.assert_close(dirty[1].pose.rotation, clean[1].pose.rotation, atol=1e-3, rtol=0)


def test_what_cannot_be_solved_is_said_at_the_border():
    person = standing_at(0.0, 1.0)
    assert solve_people([]) == []
    with pytest.raises(ShapeError, match="person 2 has 3 poses, 4 frames"):
        solve_people([person, replace(person, start=person.start[:3])])
    lost = replace(person.start, translation=person.start.translation * torch.nan)
    with pytest.raises(InputError, match="not finite"):
        solve_people([replace(person, start=lost)])
    with pytest.raises(InputError, match="ascend"):
        solve_people([replace(person, frame=torch.tensor([0, 2, 1, 3]))])
    with pytest.raises(InputError, match="ascend"):
        solve_people([replace(person, time=person.time.flip(0))])


def test_one_frame_is_enough():
    people = [standing_at(x, 50.0, frames=1) for x in (-0.15, 0.15)]
    left, right = solve_people(people, contact=PLAIN, options=LONG)
    assert right.pose.translation[0, 0] - left.pose.translation[0, 0] > 2 * RADIUS - 0.03
