"""Kinematics of the fit: derivatives by finite differences, rotations by axioms."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from marey.fit.chain import exp_so3, log_so3, place, pose_jacobian, shape_jacobian, step
from tests.fit.scenes import random_pose, small_chain

STEP = 1e-6


def numeric(chain, pose, width):
    """Central differences of the points by every parameter, in float64."""
    columns = []
    for column in range(width):
        delta = torch.zeros(len(pose), width, dtype=torch.float64)
        delta[:, column] = STEP
        forward = place(chain, step(chain, pose, delta)).points
        backward = place(chain, step(chain, pose, -delta)).points
        columns.append((forward - backward) / (2 * STEP))
    return torch.stack(columns, -1)


def test_jacobians_agree_with_finite_differences():
    chain = small_chain(torch.float64)
    pose = random_pose(chain, 5, seed=1, spread=0.8)
    placed = place(chain, pose)
    ours = torch.cat([pose_jacobian(chain, placed), shape_jacobian(chain, placed)], -1)
    theirs = numeric(chain, pose, 3 * len(chain.joints) + 3 + 2)
    # Central differences of smooth functions of size one are good to about STEP^2 + eps / STEP.
    torch.testing.assert_close(ours, theirs, atol=1e-8, rtol=0)


def test_rest_pose_puts_points_where_the_template_has_them():
    chain = small_chain()
    pose = random_pose(chain, 1, seed=0, spread=0.0, distance=0.0)
    pose.translation.zero_()
    pose.shape.zero_()
    pose.rotation[:, 0] = torch.eye(3)
    placed = place(chain, pose)
    torch.testing.assert_close(placed.joints[0], chain.template)
    rest = chain.template[chain.point_joint] + chain.point_offset
    torch.testing.assert_close(placed.points[0], rest)


@settings(max_examples=50, deadline=None)
@given(
    axis=st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: sum(x * x for x in v) > 1e-3),
    angle=st.one_of(st.floats(0, 3.1), st.floats(0, 1e-6), st.floats(3.1415, 3.14159)),
)
def test_log_inverts_exp(axis, angle):
    direction = torch.tensor(axis, dtype=torch.float64)
    vector = direction / direction.norm() * angle
    torch.testing.assert_close(log_so3(exp_so3(vector)), vector, atol=1e-6, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_log_of_identity_is_zero(dtype):
    assert torch.equal(log_so3(torch.eye(3, dtype=dtype)), torch.zeros(3, dtype=dtype))
