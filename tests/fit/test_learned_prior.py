"""The compiled prior against the plain one, and against finite differences of its cost."""

import pytest
import torch

from marey.fit.chain import Pose, exp_so3
from marey.fit.learned_prior import LearnedPrior, load_learned_prior
from marey.fit.pose_prior import linearise, load_pose_prior, residual
from marey.geometry.rotation import matrix_to_rotvec

JOINTS = ("pelvis", *load_pose_prior().joints)


def poses(num: int, *, spread: float, seed: int = 0, dtype=torch.float64) -> Pose:
    generator = torch.Generator().manual_seed(seed)
    turn = spread * torch.randn(num, len(JOINTS), 3, generator=generator, dtype=dtype)
    none = torch.zeros(num, 3, dtype=dtype)
    return Pose(exp_so3(turn), none, none[:, :0])


@pytest.mark.parametrize("spread", [1e-9, 0.2, 0.8, 1.5])
def test_the_kernel_agrees_with_the_plain_prior(spread):
    prior = load_pose_prior(JOINTS).to(torch.float64)
    pose = poses(6, spread=spread)
    plain = linearise(prior, pose.rotation)
    blocks = torch.zeros(6, len(JOINTS), 3, 3, dtype=torch.float64)
    pulls = torch.zeros(6, len(JOINTS), 3, dtype=torch.float64)
    for row, joint in enumerate(plain.row_joint.tolist()):
        slope = plain.jacobian[:, row]
        blocks[:, joint] += slope.unsqueeze(-1) * slope.unsqueeze(-2)
        pulls[:, joint] += slope * plain.residual[:, row, None]
    ours = LearnedPrior(prior)
    expected = residual(prior, pose.rotation).square().sum(-1)
    torch.testing.assert_close(ours.loss(pose), expected, rtol=1e-9, atol=1e-12)
    for mine, theirs in zip(ours.normal(pose), (blocks, pulls), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-7, atol=1e-9)


def test_the_pull_is_the_derivative_of_the_cost():
    prior, pose, step = (
        LearnedPrior(load_pose_prior(JOINTS).to(torch.float64)),
        poses(3, spread=0.8),
        1e-6,
    )
    _, pulls = prior.normal(pose)
    for joint in range(0, len(JOINTS), 5):
        for axis in range(3):
            nudge = torch.zeros(3, len(JOINTS), 3, dtype=torch.float64)
            nudge[:, joint, axis] = step
            above, below = (
                prior.loss(Pose(pose.rotation @ exp_so3(s * nudge), pose.translation, pose.shape))
                for s in (1, -1)
            )
            slope = (above - below) / (2 * step)
            torch.testing.assert_close(2 * pulls[:, joint, axis], slope, rtol=1e-5, atol=1e-4)


def test_single_precision_is_close():
    double, single = poses(8, spread=0.7), poses(8, spread=0.7, dtype=torch.float32)
    single = Pose(double.rotation.float(), single.translation, single.shape)
    exact = LearnedPrior(load_pose_prior(JOINTS).to(torch.float64)).loss(double)
    lean = LearnedPrior(load_pose_prior(JOINTS)).loss(single)
    torch.testing.assert_close(lean.double(), exact, rtol=1e-4, atol=1e-3)


def test_a_joint_that_is_not_finite_makes_its_pose_nan_and_no_other():
    pose = poses(3, spread=0.3)
    pose.rotation[1, 4] = torch.nan
    loss = LearnedPrior(load_pose_prior(JOINTS).to(torch.float64)).loss(pose)
    assert torch.isfinite(loss).tolist() == [True, False, True]


def test_joints_without_recordings_stay_near_rest_and_the_root_is_free():
    joints = ("pelvis", "left_hip", "left_eye")
    prior = load_learned_prior(joints)
    generator = torch.Generator().manual_seed(0)
    turn = exp_so3(0.3 * torch.randn(1, 3, 3, generator=generator))
    pose = Pose(turn, torch.zeros(1, 3), torch.zeros(1, 0))
    blocks, pulls = prior.normal(pose)
    assert (blocks[0, 0] == 0).all() and (pulls[0, 0] == 0).all()
    vector = matrix_to_rotvec(turn[0, 2])
    torch.testing.assert_close(pulls[0, 2], vector / 0.3**2, rtol=1e-4, atol=1e-5)
