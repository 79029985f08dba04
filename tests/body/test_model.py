"""Posing and skinning of any body: against smplx, a plain loop, and the laws of geometry."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from marey.body import Body, load_body
from marey.body.skinning import skin_dense, skin_points
from marey.core import load_skeleton
from marey.core.errors import InputError, ShapeError
from marey.geometry.rotation import quaternion_multiply, quaternion_rotate, rotvec_to_quaternion
from tests.body.files import random_body, write_npz


def random_pose(
    body: Body, *batch: int, seed: int = 0, angle: float = 0.4
) -> tuple[Tensor, Tensor, Tensor]:
    """Return shape, root transform and joint rotations in the body's dtype."""
    rng = torch.Generator().manual_seed(seed)
    dtype = body.v_template.dtype
    rotvec = angle * torch.randn(*batch, body.num_joints + 1, 3, generator=rng, dtype=dtype)
    q = rotvec_to_quaternion(rotvec)
    position = torch.randn(*batch, 3, generator=rng, dtype=dtype)
    shape = torch.randn(*batch, body.num_shape, generator=rng, dtype=dtype)
    return shape, torch.cat([q[..., 0, :], position], -1), q[..., 1:, :]


@pytest.fixture(scope="module")
def marey_h() -> Body:
    return load_body("marey-h", mesh="light")


@pytest.fixture(scope="module")
def smplh(tmp_path_factory: pytest.TempPathFactory) -> Body:
    """A random body with pose blend shapes and dense weights."""
    path = tmp_path_factory.mktemp("body") / "smplh.npz"
    return load_body(write_npz(path, random_body("smplh")))


@pytest.fixture(params=["marey_h", "smplh"])
def body(request: pytest.FixtureRequest) -> Body:
    return request.getfixturevalue(request.param)


def test_vertices_and_joints_of_the_smplx_package(shared: Path, tmp_path: Path) -> None:
    write = runpy.run_path(str(shared / "parity/synthetic_smpl.py"))["synthetic_smpl"]
    body = load_body(write(tmp_path) / "SMPL_NEUTRAL.pkl")
    truth = np.load(shared / "parity/smpl_lbs.npz")
    assert json.loads(str(truth["meta"]))["body"] == "synthetic_smpl.py seed 7"
    shape = torch.tensor(truth["in/betas"])
    q = rotvec_to_quaternion(torch.tensor(truth["in/body_pose"]).unflatten(-1, (23, 3)))
    root = rotvec_to_quaternion(torch.tensor(truth["in/global_orient"]))
    position = body.root_position(shape, torch.tensor(truth["in/transl"]))
    posed = body.pose(shape, torch.cat([root, position], -1), q)
    # Tolerance of the fixture: 1e-5 m.
    vertices = body.vertices(posed)[:, ::7].numpy()
    np.testing.assert_allclose(vertices, truth["out/vertices_every_7th"], atol=1e-5)
    points = body.landmark_positions(posed, load_skeleton("smpl-45").keypoints).numpy()
    np.testing.assert_allclose(points, truth["out/joints45"], atol=1e-5)


def test_rest_pose_is_the_template(body: Body) -> None:
    q = torch.zeros(body.num_joints, 4)
    q[:, 0] = 1
    root = torch.cat([torch.tensor([1.0, 0, 0, 0]), body.joint_template[0]])
    posed = body.pose(torch.zeros(body.num_shape), root, q)
    np.testing.assert_allclose(body.vertices(posed), body.v_template, atol=1e-6)
    np.testing.assert_allclose(posed.joints, body.joint_template, atol=1e-6)
    np.testing.assert_allclose(body.landmark_positions(posed), body.landmarks.template, atol=1e-6)


def test_kinematics_against_a_plain_loop(body: Body) -> None:
    body = body.to(dtype=torch.float64)
    shape, root, q = random_pose(body)
    posed = body.pose(shape, root, q)
    rest = body.rest_joints(shape)
    rotation, position = [root[:4]], [root[4:]]
    for j in range(1, len(body.parents)):
        p = body.parents[j]
        rotation.append(quaternion_multiply(rotation[p], q[j - 1]))
        position.append(position[p] + quaternion_rotate(rotation[p], rest[j] - rest[p]))
    np.testing.assert_allclose(posed.joints, torch.stack(position), atol=1e-12)
    # One point one metre along each axis of every joint sees the rotation too.
    for axis in torch.eye(3, dtype=torch.float64):
        turned = torch.stack([quaternion_rotate(r, axis) for r in rotation])
        np.testing.assert_allclose(posed.R_world_joint @ axis, turned, atol=1e-12)


def test_moving_the_world_moves_everything(body: Body) -> None:
    body = body.to(dtype=torch.float64)
    shape, root, q = random_pose(body, 3)
    turn = rotvec_to_quaternion(torch.tensor([0.3, -2.0, 0.7], dtype=torch.float64))
    shift = torch.tensor([4.0, -1.0, 2.0], dtype=torch.float64)
    moved = torch.cat(
        [quaternion_multiply(turn, root[:, :4]), quaternion_rotate(turn, root[:, 4:]) + shift], -1
    )
    before, after = body.pose(shape, root, q), body.pose(shape, moved, q)
    for look in (body.vertices, body.landmark_positions, lambda p: p.joints):
        expected = quaternion_rotate(turn, look(before)) + shift
        # Files hold weights in float32: their sum, by which the shift is scaled, is 1 to 1e-7.
        np.testing.assert_allclose(look(after), expected, atol=1e-6)


def test_root_stays_where_it_is_put(body: Body) -> None:
    shape, root, q = random_pose(body, 4)
    np.testing.assert_array_equal(body.pose(shape, root, q).joints[:, 0], root[:, 4:])


def test_matrices_and_quaternions_are_the_same_pose(body: Body) -> None:
    shape, root, q = random_pose(body, 2)
    one = body.pose(shape, root, q)
    two = body.pose(shape, root, one.R_parent_joint)
    three = body.pose(shape, root, -q)
    np.testing.assert_array_equal(one.joints, two.joints)
    np.testing.assert_allclose(one.joints, three.joints, atol=1e-6)


def test_batch_axes_and_broadcasting(body: Body) -> None:
    shape, root, q = random_pose(body, 2, 3)
    posed = body.pose(shape[:, :1], root, q)  # one shape per person, three frames
    vertices = body.vertices(posed)
    assert vertices.shape == (2, 3, len(body.v_template), 3)
    for n in range(2):
        for t in range(3):
            single = body.pose(shape[n, 0], root[n, t], q[n, t])
            np.testing.assert_allclose(body.vertices(single), vertices[n, t], atol=1e-5)
            np.testing.assert_allclose(single.joints, posed.joints[n, t], atol=1e-5)
    empty = body.pose(shape[:0], root[:0], q[:0])
    assert body.vertices(empty).shape == (0, 3, len(body.v_template), 3)
    assert body.landmark_positions(empty).shape == (0, 3, len(body.landmarks.names), 3)


def test_chunks_do_not_change_the_mesh(body: Body) -> None:
    posed = body.pose(*random_pose(body, 7))
    whole = body.vertices(posed, chunk=100)
    for chunk in (1, 3, 7):
        # Matrix products of another size may round differently: a few 1e-7 of a metre-sized body.
        np.testing.assert_allclose(body.vertices(posed, chunk=chunk), whole, atol=2e-6)


def test_compiled_skinning_equals_torch() -> None:
    body = load_body("marey-h")
    assert body.sparse is not None
    rng = torch.Generator().manual_seed(5)
    points = torch.randn(3, len(body.v_template), 3, generator=rng)
    transforms = torch.randn(3, 52, 3, 4, generator=rng)
    fast = skin_points(points, transforms, body.weights, body.sparse)
    slow = skin_dense(points.double(), transforms.double(), body.weights.double())
    # Twelve products of numbers up to about 4 in float32.
    np.testing.assert_allclose(fast.numpy(), slow.numpy(), atol=1e-5)


def test_gradients_by_finite_differences(body: Body) -> None:
    body = body.to(dtype=torch.float64)
    shape, root, _ = random_pose(body)
    rotvec = 0.3 * torch.randn(body.num_joints, 3, dtype=torch.float64)
    rows = torch.arange(0, len(body.v_template), len(body.v_template) // 7)

    def points(shape: Tensor, position: Tensor, rotvec: Tensor) -> Tensor:
        T = torch.cat([root[:4], position])
        posed = body.pose(shape, T, rotvec_to_quaternion(rotvec))
        vertices = body.vertices(posed)[rows]
        return torch.cat([posed.joints, body.landmark_positions(posed), vertices]).mean(0)

    inputs = tuple(x.detach().requires_grad_() for x in (shape, root[4:], rotvec))
    assert torch.autograd.gradcheck(points, inputs, fast_mode=True)


def test_gradient_reaches_the_pose_through_the_mesh(body: Body) -> None:
    shape, root, q = random_pose(body, 2)
    q.requires_grad_()
    body.vertices(body.pose(shape, root, q)).square().sum().backward()
    assert q.grad is not None
    assert (q.grad.abs().sum(-1) > 0).all(), "every joint moves some vertex"


def test_points_by_name(body: Body) -> None:
    posed = body.pose(*random_pose(body, 2))
    some = body.landmark_positions(posed, ["left_wrist", "mid_hip", "pelvis"])
    np.testing.assert_array_equal(some[:, 0], posed.joints[:, body.joint_names.index("left_wrist")])
    np.testing.assert_array_equal(some[:, 2], posed.joints[:, 0])
    with pytest.raises(InputError, match="no point named third_hand"):
        body.landmark_positions(posed, ["pelvis", "third_hand"])


def test_wrong_sizes_are_named(body: Body) -> None:
    shape, root, q = random_pose(body)
    with pytest.raises(ShapeError, match="51 joints"):
        body.pose(shape, root, q[:23])
    with pytest.raises(ShapeError, match="10 shape coefficients, got 16"):
        body.pose(torch.zeros(16), root, q)
    short = body.pose(shape[:4], root, q)
    full = body.pose(torch.cat([shape[:4], torch.zeros(6)]), root, q)
    np.testing.assert_array_equal(short.joints, full.joints)


def test_rig_describes_the_same_tree(body: Body) -> None:
    rig = body.rig
    assert rig.root == "pelvis"
    assert len(rig.joints) == len(rig.parents) == len(rig.offset) == body.num_joints
    shape = random_pose(body)[0]
    rest = body.rest_joints(shape)
    for offset, wanted in (
        (rig.offset, body.joint_template),
        (body.rig_of_shape(shape).offset, rest),
    ):
        position = [np.zeros(3)]
        for parent, step in zip(rig.parents, offset, strict=True):
            position.append(position[parent + 1] + step)
        np.testing.assert_allclose(position, wanted - wanted[0], atol=1e-6)


def test_to_moves_every_tensor(body: Body) -> None:
    double = body.to(dtype=torch.float64)
    assert double.weights.dtype == double.landmarks.template.dtype == torch.float64
    assert double.faces.dtype == torch.int64
    shape, root, q = random_pose(double, 2)
    assert double.vertices(double.pose(shape, root, q)).dtype == torch.float64
