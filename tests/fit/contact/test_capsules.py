"""Capsules: distances with known answers, derivatives, and a body's own."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from marey.body import load_body
from marey.core.errors import InputError
from marey.fit.chain import Pose, exp_so3, place
from marey.fit.chains import body_chain, hand_chain
from marey.fit.contact.body_capsules import add_capsules
from marey.fit.contact.capsules import Capsules, meet, nearest_on_segments
from marey.fit.contact.penetration import SelfPenetration
from tests.fit.bodies import smpl_like
from tests.fit.differences import check_bound, check_gradient, draw


def segments(*rows) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64).view(-1, 2, 3)


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        # Crossing above each other, end to end, side by side, beyond an end, a ball, two balls.
        (segments((-1, 0, 0), (1, 0, 0)), segments((0, -1, 0.3), (0, 1, 0.3)), 0.3),
        (segments((0, 0, 0), (1, 0, 0)), segments((3, 0, 0), (2, 0, 0)), 1.0),
        (segments((0, 0, 0), (2, 0, 0)), segments((0, 0.5, 0), (2, 0.5, 0)), 0.5),
        (segments((0, 0, 0), (1, 0, 0)), segments((4, 4, 0), (4, 9, 0)), 5.0),
        (segments((0, 0, 0), (0, 0, 0)), segments((1, -1, 0), (1, 1, 0)), 1.0),
        (segments((1, 2, 3), (1, 2, 3)), segments((1, 2, 5), (1, 2, 5)), 2.0),
    ],
)
def test_known_distances(first, second, distance):
    for a, b in ((first, second), (second, first)):
        s, t = nearest_on_segments(a, b)[0]
        p, q = a[0, 0] + s * (a[0, 1] - a[0, 0]), b[0, 0] + t * (b[0, 1] - b[0, 0])
        assert float((p - q).norm()) == pytest.approx(distance, abs=1e-12)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_no_other_places_are_nearer(seed):
    a, b = draw(20, 2, 3, seed=seed), draw(20, 2, 3, seed=seed + 1)
    s, t = nearest_on_segments(a, b).unsqueeze(-1).unbind(1)

    def between(x: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        return x[:, 0] + share * (x[:, 1] - x[:, 0])

    ours = (between(a, s) - between(b, t)).norm(dim=-1)
    grid = torch.linspace(0, 1, 21).double()
    every = torch.stack([between(a, x) for x in grid], 1)[:, :, None] - torch.stack(
        [between(b, x) for x in grid], 1
    ).unsqueeze(1)
    assert (ours <= every.norm(dim=-1).flatten(1).min(1).values + 1e-9).all()


def four_capsules() -> Capsules:
    return Capsules(
        ends=torch.tensor([[0, 1], [2, 3], [4, 4], [5, 6]]),
        radius=torch.tensor([0.9, 0.7, 0.8, 0.5], dtype=torch.float64),
        pairs=torch.combinations(torch.arange(4), 2),
    )


@pytest.mark.parametrize("kernel", ["none", "huber", "geman-mcclure"])
def test_gradient_of_self_penetration(kernel):
    cost = SelfPenetration(capsules=four_capsules(), sigma=0.3, width=1.5, kernel=kernel)
    check_gradient(cost, draw(4, 7, 3))


def test_stiffness_of_self_penetration_is_a_bound():
    cost = SelfPenetration(capsules=four_capsules(), sigma=0.3, kernel="none")
    points = draw(3, 7, 3)
    rows = cost.rows(points)
    assert len(rows.residual) > 3
    slopes = torch.zeros(len(rows.residual), *points.shape, dtype=torch.float64)
    slopes[torch.arange(len(slopes)), rows.problem] = rows.jacobian(7)
    bound = cost.pull(points)
    assert torch.isfinite(bound.hessian).all()
    check_bound(cost, points, slopes)


def test_what_does_not_overlap_costs_nothing():
    cost = SelfPenetration(capsules=four_capsules())
    apart = torch.arange(7).double()[None, :, None] * torch.tensor([5.0, 7.0, 9.0])
    pull = cost.pull(apart)
    assert pull.loss == 0
    assert (pull.hessian == 0).all()


def test_segments_through_each_other_are_pushed_out_sideways():
    capsules = four_capsules()
    points = torch.zeros(1, 7, 3, dtype=torch.float64)
    points[0, 0, 0], points[0, 1, 0] = -1, 1
    points[0, 2, 1], points[0, 3, 1] = -1, 1
    met = meet(points, points, capsules, capsules, torch.tensor([[0, 1], [2, 2]]))
    assert met.depth.tolist() == pytest.approx([1.6, 1.6])
    np.testing.assert_allclose(met.normal[0].abs(), [0, 0, 1])
    assert torch.isfinite(met.normal).all()


@pytest.mark.parametrize("body", [load_body("marey-h", mesh="light"), smpl_like()])
def test_a_body_at_rest_does_not_touch_itself_and_folded_arms_do(body):
    chain, capsules = add_capsules(body, body_chain(body))
    assert chain.points[: len(body_chain(body).points)] == body_chain(body).points
    assert 0.02 < capsules.radius.min() < capsules.radius.max() < 0.2
    cost = SelfPenetration(capsules=capsules)
    rotation = torch.eye(3).repeat(2, len(chain.joints), 1, 1)
    elbow = torch.zeros(3)
    elbow[1] = -2.6
    rotation[1, chain.index("left_shoulder")] = exp_so3(torch.tensor([0.0, -1.2, 0.0]))
    rotation[1, chain.index("left_elbow")] = exp_so3(elbow)
    shape = torch.zeros(2, body.num_shape)
    loss = cost.pull(place(chain, Pose(rotation, torch.zeros(2, 3), shape)).points).loss
    assert loss[0] == 0
    assert loss[1] > 1


def test_heavier_bodies_have_thicker_capsules():
    body = load_body("marey-h", mesh="light")
    volumes = []
    for size in (-2.0, 2.0):
        shape = torch.zeros(body.num_shape)
        shape[0] = size
        _, capsules = add_capsules(body, body_chain(body), shape=shape)
        volumes.append(float(capsules.radius.sum()))
    assert abs(volumes[1] / volumes[0] - 1) > 0.03


def test_a_hand_is_no_body_for_capsules():
    body = load_body("marey-h", mesh="light")
    with pytest.raises(InputError, match="hips, knees, shoulders"):
        add_capsules(body, hand_chain(body, "left"))
