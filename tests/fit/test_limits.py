"""Limits: the right side mirrors the left; what a body can do costs less than what it cannot."""

import pytest
import torch

from marey.body import load_body
from marey.core.skeleton import mirror_name
from marey.fit.chain import Pose, exp_so3
from marey.fit.chains import body_chain, hand_chain
from marey.fit.limits import rotation_prior

CHAIN = body_chain(load_body())
MIRROR = torch.tensor([1.0, -1.0, -1.0])


def cost(angles: dict[str, tuple[float, float, float]]) -> float:
    """Return the prior's cost of a pose above that of the rest pose."""
    prior = rotation_prior(CHAIN.joints)

    def loss(vector: torch.Tensor) -> float:
        pose = Pose(exp_so3(vector), torch.zeros(1, 3), torch.zeros(1, 10))
        return float(prior.loss(pose))

    vector = torch.zeros(1, len(CHAIN.joints), 3)
    rest = loss(vector)
    for joint, angle in angles.items():
        vector[0, CHAIN.index(joint)] = torch.tensor(angle)
    return loss(vector) - rest


@pytest.mark.parametrize("chain", [CHAIN, hand_chain(load_body(), "left")])
def test_the_right_side_is_the_mirror_image_of_the_left(chain):
    names = chain.joints
    mirrored = tuple(mirror_name(name) for name in names)
    one, other = rotation_prior(names), rotation_prior(mirrored)
    torch.testing.assert_close(other.mean, one.mean * MIRROR)
    torch.testing.assert_close(other.sigma, one.sigma)
    # A reflection turns the order of two limits around.
    ends = torch.stack([one.low * MIRROR, one.high * MIRROR])
    torch.testing.assert_close(other.low, ends.min(0).values)
    torch.testing.assert_close(other.high, ends.max(0).values)


def test_means_lie_within_their_limits():
    for chain in (CHAIN, hand_chain(load_body(), "left"), hand_chain(load_body(), "right")):
        prior = rotation_prior(chain.joints)
        assert (prior.low <= prior.mean).all()
        assert (prior.mean <= prior.high).all()
        assert (prior.sigma > 0).all()


def test_only_the_root_is_free():
    prior = rotation_prior(CHAIN.joints)
    assert torch.isinf(prior.sigma[0]).all()
    assert torch.isfinite(prior.sigma[1:]).all()


# In rest axes: knees flex about +X, hips about -X, the left elbow about -Y, the right about +Y.
PLAUSIBLE = {
    "standing, arms down": {"left_shoulder": (0, 0, -1.3), "right_shoulder": (0, 0, 1.3)},
    "sitting": {
        "left_hip": (-1.5, 0, 0),
        "right_hip": (-1.5, 0, 0),
        "left_knee": (1.5, 0, 0),
        "right_knee": (1.5, 0, 0),
    },
    "hand to shoulder": {"left_elbow": (0, -2.4, 0), "left_shoulder": (0, 0, -1.0)},
    "arms overhead": {"left_shoulder": (0, 0, 1.4), "right_shoulder": (0, 0, -1.4)},
    "deep squat": {
        "left_hip": (-2.2, 0, 0.2),
        "left_knee": (2.4, 0, 0),
        "left_ankle": (-0.5, 0, 0),
    },
}
IMPOSSIBLE = {
    "knee bent backwards": {"left_knee": (-0.8, 0, 0)},
    "right knee bent backwards": {"right_knee": (-0.8, 0, 0)},
    "knee bent sideways": {"left_knee": (0, 0, 0.9)},
    "elbow bent backwards": {"left_elbow": (0, 0.8, 0)},
    "right elbow bent backwards": {"right_elbow": (0, -0.8, 0)},
    "head turned to the back": {"neck": (0, 1.6, 0), "head": (0, 1.5, 0)},
    "thigh bent far backwards": {"left_hip": (1.8, 0, 0)},
}


@pytest.mark.parametrize("name", PLAUSIBLE)
def test_plausible_poses_cost_little(name):
    # A joint two or three sigmas from its mean costs 4 to 9.
    assert cost(PLAUSIBLE[name]) < 9.0 * len(PLAUSIBLE[name])


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_impossible_poses_cost_much(name):
    # Half a radian beyond a limit costs (0.5 / 0.08)^2 = 39.
    assert cost(IMPOSSIBLE[name]) > 39.0
