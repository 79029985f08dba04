"""Rotations against scipy, near the identity, near half a turn, and in their gradients."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from marey.geometry import rotation as rot

SMALL = [0.0, 1e-12, 1e-8, 1e-5, 1e-4, 9e-4, 1.1e-3, 0.03, 0.49, 0.51]
LARGE = [1.0, np.pi / 2, np.pi - 1e-2, np.pi - 1e-5, np.pi - 1e-9, np.pi]


@st.composite
def rotvecs(draw: st.DrawFn) -> np.ndarray:
    """Rotation vectors of every length up to pi, with weight on the two ends."""
    axis = np.array(draw(st.tuples(*[st.floats(-1, 1)] * 3)))
    norm = np.linalg.norm(axis)
    axis = axis / norm if norm > 1e-3 else np.array([0.0, 0.6, 0.8])
    angle = draw(st.sampled_from([*SMALL, *LARGE]) | st.floats(0, np.pi))
    return axis * angle


def scipy_quaternion(r: np.ndarray) -> np.ndarray:
    q = np.roll(Rotation.from_rotvec(r).as_quat(), 1)
    return q if q[0] >= 0 else -q


@settings(max_examples=150, deadline=None)
@given(rotvecs())
def test_every_form_agrees_with_scipy(r: np.ndarray) -> None:
    truth = Rotation.from_rotvec(r).as_matrix()
    x = torch.tensor(r)
    R = rot.rotvec_to_matrix(x)
    # 1e-14 is some tens of roundings in float64.
    np.testing.assert_allclose(R.numpy(), truth, atol=1e-14)
    np.testing.assert_allclose(
        rot.rotvec_to_quaternion(x).abs(), abs(scipy_quaternion(r)), atol=1e-14
    )
    q = rot.matrix_to_quaternion(torch.tensor(truth))
    np.testing.assert_allclose(rot.quaternion_to_matrix(q).numpy(), truth, atol=1e-14)
    back = rot.quaternion_to_rotvec(rot.rotvec_to_quaternion(x)).numpy()
    sign = -1 if back @ r < 0 and np.linalg.norm(r) > 3.14 else 1  # axis is free at pi
    np.testing.assert_allclose(sign * back, r, atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(rotvecs())
def test_float32_keeps_its_precision(r: np.ndarray) -> None:
    x = torch.tensor(r, dtype=torch.float32)
    R = rot.rotvec_to_matrix(x)
    assert R.dtype == torch.float32
    np.testing.assert_allclose(
        R.numpy(), Rotation.from_rotvec(x.double().numpy()).as_matrix(), atol=5e-7
    )
    again = rot.rotvec_to_matrix(rot.matrix_to_rotvec(R))
    np.testing.assert_allclose(again.numpy(), R.numpy(), atol=2e-6)


@settings(max_examples=50, deadline=None)
@given(rotvecs(), rotvecs())
def test_product_inverse_and_action(a: np.ndarray, b: np.ndarray) -> None:
    qa, qb = (rot.rotvec_to_quaternion(torch.tensor(x)) for x in (a, b))
    Ra, Rb = (Rotation.from_rotvec(x).as_matrix() for x in (a, b))
    product = rot.quaternion_to_matrix(rot.quaternion_multiply(qa, qb)).numpy()
    np.testing.assert_allclose(product, Ra @ Rb, atol=1e-14)
    inverse = rot.quaternion_to_matrix(rot.quaternion_inverse(qa)).numpy()
    np.testing.assert_allclose(inverse, Ra.T, atol=1e-14)
    v = torch.tensor([0.3, -2.0, 0.7], dtype=torch.float64)
    np.testing.assert_allclose(rot.quaternion_rotate(qa, v).numpy(), Ra @ v.numpy(), atol=1e-13)


@settings(max_examples=100, deadline=None)
@given(rotvecs())
def test_geodesic_angle_is_exact_at_both_ends(r: np.ndarray) -> None:
    base = Rotation.from_rotvec([0.4, -1.1, 0.2]).as_matrix()
    turned = base @ Rotation.from_rotvec(r).as_matrix()
    angle = float(rot.geodesic_angle(torch.tensor(base), torch.tensor(turned)))
    # Rounding the matrices themselves costs 1e-15; arccos of the trace would lose 1e-8 here.
    assert angle == pytest.approx(np.linalg.norm(r), abs=2e-15 * 50)


def test_both_6d_layouts() -> None:
    R = torch.tensor(Rotation.random(20, random_state=1).as_matrix())
    columns = rot.matrix_to_rotation6d(R, layout="columns")
    rows = rot.matrix_to_rotation6d(R, layout="interleaved")
    np.testing.assert_array_equal(columns[:, :3], R[:, :, 0])
    np.testing.assert_array_equal(rows[:, [0, 2, 4]], R[:, :, 0])
    assert not torch.allclose(columns, rows)
    for layout, x in (("columns", columns), ("interleaved", rows)):
        np.testing.assert_allclose(rot.rotation6d_to_matrix(3 * x, layout=layout), R, atol=1e-14)
    # HMR's mean pose stores the identity like this.
    identity = torch.tensor([1.0, 0, 0, 1, 0, 0])
    np.testing.assert_array_equal(
        rot.rotation6d_to_matrix(identity, layout="interleaved"), np.eye(3)
    )


def test_6d_gives_a_rotation_for_any_two_columns() -> None:
    x = torch.randn(100, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    R = rot.rotation6d_to_matrix(x, layout="columns")
    np.testing.assert_allclose((R @ R.mT).numpy(), np.broadcast_to(np.eye(3), R.shape), atol=1e-12)
    np.testing.assert_allclose(torch.linalg.det(R).numpy(), 1, atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(rotvecs(), st.floats(0, 1))
def test_slerp_walks_at_constant_speed(r: np.ndarray, t: float) -> None:
    a = rot.rotvec_to_quaternion(torch.tensor([0.2, 0.9, -0.4], dtype=torch.float64))
    b = -rot.quaternion_multiply(
        a, rot.rotvec_to_quaternion(torch.tensor(r))
    )  # same rotation, other sign
    middle = rot.slerp(a, b, torch.tensor(t, dtype=torch.float64))
    start = rot.quaternion_to_matrix(a)
    angle = float(rot.geodesic_angle(start, rot.quaternion_to_matrix(middle)))
    assert angle == pytest.approx(t * np.linalg.norm(r), abs=1e-12)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-4, 0.1, 0.499, 0.501, 2.0, 3.1])
def test_left_jacobian_is_the_derivative_of_the_exponential(angle: float) -> None:
    r = torch.tensor([0.48, -0.6, 0.64], dtype=torch.float64) * angle
    step = 1e-6
    columns = []
    for k in range(3):
        d = torch.zeros(3, dtype=torch.float64)
        d[k] = step
        forward, backward = rot.rotvec_to_matrix(r + d), rot.rotvec_to_matrix(r - d)
        columns.append(rot.matrix_to_rotvec(forward @ backward.mT) / (2 * step))
    J = rot.left_jacobian(r)
    # Central differences: truncation about step^2, rounding about 1e-16 / step.
    np.testing.assert_allclose(J.numpy(), torch.stack(columns, -1).numpy(), atol=1e-9)
    np.testing.assert_allclose((rot.left_jacobian_inverse(r) @ J).numpy(), np.eye(3), atol=1e-13)


def test_jacobian_series_meets_its_closed_form() -> None:
    axis = torch.tensor([0.48, -0.6, 0.64], dtype=torch.float64)
    for f in (rot.left_jacobian, rot.left_jacobian_inverse):
        low, high = f(axis * (0.5 - 1e-9)), f(axis * (0.5 + 1e-9))
        np.testing.assert_allclose(low.numpy(), high.numpy(), atol=2e-9)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-4, 1.1e-3, 0.5, 2.0, np.pi - 1e-3])
def test_gradients(angle: float) -> None:
    r = (torch.tensor([0.48, -0.6, 0.64], dtype=torch.float64) * angle).requires_grad_()
    assert torch.autograd.gradcheck(rot.rotvec_to_quaternion, r)
    assert torch.autograd.gradcheck(rot.rotvec_to_matrix, r)
    assert torch.autograd.gradcheck(lambda x: rot.matrix_to_rotvec(rot.rotvec_to_matrix(x)), r)
    assert torch.autograd.gradcheck(rot.left_jacobian, r)


def test_gradients_are_finite_where_formulas_divide_by_zero() -> None:
    for values in ([0.0, 0, 0], [np.pi, 0, 0], [0, 0, -np.pi]):
        r = torch.tensor(values, dtype=torch.float32, requires_grad=True)
        R = rot.rotvec_to_matrix(r)
        eye = torch.eye(3)
        loss = rot.matrix_to_rotvec(R).sum() + rot.geodesic_angle(R, eye)
        loss = loss + rot.geodesic_angle(R, R.detach())
        loss.backward()
        assert r.grad is not None
        assert torch.isfinite(r.grad).all()


def test_batch_axes_and_empty_batches() -> None:
    for shape in ((), (0,), (2, 0, 3), (2, 5)):
        r = torch.zeros(*shape, 3)
        R = rot.rotvec_to_matrix(r)
        assert R.shape == (*shape, 3, 3)
        assert rot.matrix_to_rotvec(R).shape == r.shape
        assert rot.geodesic_angle(R, R).shape == shape
