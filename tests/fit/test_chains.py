"""Chains cut from bodies: every point sits where the whole body puts it, for any pose and shape."""

import pytest
import torch

from marey.body import Body, load_body
from marey.fit.chain import Pose, exp_so3, place
from marey.fit.chains import BODY_POINTS, body_chain, find_point, hand_chain, hand_points
from tests.body.files import random_body, write_npz

NUM = 4


@pytest.fixture(params=["marey-h", "smpl", "smplh", "smplx"])
def body(request, tmp_path) -> Body:
    if request.param == "marey-h":
        return load_body()
    return load_body(write_npz(tmp_path / "body.npz", random_body(request.param)))


def random_state(body: Body, chain, *, still: tuple[str, ...] = ()):
    """Draw poses of the whole body and the same poses of the chain; fingers `still` at rest."""
    generator = torch.Generator().manual_seed(1)
    local = exp_so3(0.4 * torch.randn(NUM, body.num_joints, 3, generator=generator))
    for name in still:
        local[:, body.rig.index(name)] = torch.eye(3)
    root = exp_so3(torch.randn(NUM, 3, generator=generator))
    position = torch.randn(NUM, 3, generator=generator)
    shape = torch.randn(NUM, body.num_shape, generator=generator)
    posed = body.pose_matrices(shape, root, local, position=position)
    rows = [body.joint_names.index(name) for name in chain.joints]
    # The chain's root carries its rotation in the world.
    rotation = torch.cat([root[:, None], local], 1)[:, rows]
    rotation[:, 0] = posed.R_world_joint[:, rows[0]]
    pose = Pose(rotation, posed.joints[:, rows[0]], shape)
    return posed, pose


def rigid(body: Body, name: str) -> bool:
    """Whether one joint alone carries a point, without pose blend shapes."""
    if name in body.joint_names or name not in body.landmarks.names:
        return True
    row = body.landmarks.index(name)
    return bool(body.landmarks.weights[row].max() == 1.0)


def check(body: Body, chain, posed, pose) -> None:
    other = {"left_hand_wrist": "left_wrist", "right_hand_wrist": "right_wrist"}
    names = [name for name in chain.points if rigid(body, other.get(name, name))]
    assert len(names) >= 5
    expected = body.landmark_positions(posed, [other.get(name, name) for name in names])
    rows = [chain.points.index(name) for name in names]
    # float32 along a chain of nine joints, a metre or two from the origin.
    torch.testing.assert_close(place(chain, pose).points[:, rows], expected, atol=2e-5, rtol=0)


def fingers(body: Body) -> tuple[str, ...]:
    digits = ("thumb", "index", "middle", "ring", "pinky")
    return tuple(name for name in body.rig.joints if any(digit in name for digit in digits))


def test_points_of_the_body(body):
    chain = body_chain(body)
    posed, pose = random_state(body, chain, still=fingers(body))
    check(body, chain, posed, pose)
    rows = [body.joint_names.index(name) for name in chain.joints]
    torch.testing.assert_close(place(chain, pose).joints, posed.joints[:, rows], atol=2e-5, rtol=0)


@pytest.mark.parametrize("side", ["left", "right"])
def test_points_of_a_hand(body, side):
    if not fingers(body):
        pytest.skip("this body has no fingers")
    chain = hand_chain(body, side)
    posed, pose = random_state(body, chain)
    check(body, chain, posed, pose)


def test_the_shipped_body_has_every_keypoint():
    body = load_body()
    assert body_chain(body).points == BODY_POINTS
    for side in ("left", "right"):
        chain = hand_chain(body, side)
        assert chain.points == hand_points(side)
        assert chain.joints[:2] == (f"{side}_elbow", f"{side}_wrist")
        assert len(chain.joints) == 17


def test_a_chain_holds_no_fingers_and_all_else(body):
    chain = body_chain(body)
    assert set(chain.joints) == set(body.joint_names) - set(fingers(body))
    assert {"left_shoulder", "right_knee", "left_hand_wrist"} <= set(chain.points)


def test_unknown_points_are_not_found():
    assert find_point(load_body(), "left_antenna") is None
