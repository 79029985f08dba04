"""Closed-form starts: known poses of the shipped body are recovered without a single iteration."""

import pytest
import torch

from marey.body import load_body
from marey.fit.chain import Pose, exp_so3, log_so3, place
from marey.fit.chains import body_chain
from marey.fit.initial import aim, initial_pose, initial_translation, procrustes_rotation

CHAIN = body_chain(load_body())
SHAPE = torch.zeros(10)
REST = torch.eye(3).expand(len(CHAIN.joints), 3, 3)
UPRIGHT = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
FOCAL, CENTRE = 1000.0, torch.tensor([640.0, 360.0])


def posed(angles: dict[str, tuple[float, float, float]], *, heading: float = 0.0) -> Pose:
    rotation = REST.clone()
    rotation[0] = UPRIGHT @ exp_so3(torch.tensor([0.1, heading, -0.05]))
    for joint, vector in angles.items():
        rotation[CHAIN.index(joint)] = exp_so3(torch.tensor(vector))
    return Pose(rotation[None], torch.tensor([[0.3, -0.2, 4.0]]), SHAPE[None])


def degrees_between(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.rad2deg(log_so3(a.mT @ b).norm(dim=-1))


# Upper bones turn any way; lower bones flex about their hinge, as those of a body do.
POSES = {
    "bent": {
        "left_shoulder": (0.3, 0.2, -0.9),
        "left_elbow": (0.0, -1.2, 0.0),
        "right_shoulder": (-0.2, -0.4, 1.1),
        "right_elbow": (0.0, 0.9, 0.0),
        "left_hip": (-1.1, 0.3, 0.2),
        "left_knee": (1.4, 0.0, 0.0),
        "right_hip": (-0.3, -0.2, -0.1),
        "right_knee": (0.7, 0.0, 0.0),
    },
    "almost straight": {
        "left_shoulder": (0.0, 0.0, -1.2),
        "left_elbow": (0.0, -0.2, 0.0),
        "right_knee": (0.15, 0.0, 0.0),
    },
}


@pytest.mark.parametrize("heading", [0.0, 1.5, 3.0, -2.0])
@pytest.mark.parametrize("name", POSES)
def test_known_rotations_are_recovered(name, heading):
    truth = posed(POSES[name], heading=heading)
    landmarks = place(CHAIN, truth).points + torch.tensor([5.0, 1.0, -2.0])
    found = initial_pose(CHAIN, landmarks, REST, SHAPE)
    error = degrees_between(found.rotation, truth.rotation)[0]
    assert error[0] < 0.1
    # A bone's direction is exact; its twist comes from the plane of the limb, which a straight
    # limb does not have and which the rest pose's own slight bend tilts.
    for limb in ("shoulder", "hip"):
        for side in ("left", "right"):
            assert error[CHAIN.index(f"{side}_{limb}")] < (6 if name == "bent" else 12)
    ends = [CHAIN.points.index(f"{side}_{end}") for side in ("left", "right") for end in ENDS]
    placed, target = place(CHAIN, found).points[0], place(CHAIN, truth).points[0]
    apart = (placed - placed.mean(0)) - (target - target.mean(0))
    middle = apart[ends].norm(dim=-1)
    assert middle.max() < 0.01


ENDS = ("elbow", "wrist", "knee", "ankle")


def test_without_landmarks_the_mean_stays():
    truth = posed(POSES["bent"])
    landmarks = place(CHAIN, truth).points.repeat(3, 1, 1)
    landmarks[1] = torch.nan
    landmarks[2, CHAIN.points.index("left_wrist")] = torch.nan
    mean = exp_so3(torch.full((len(CHAIN.joints), 3), 0.1))
    found = initial_pose(CHAIN, landmarks, mean, SHAPE)
    assert torch.isfinite(found.rotation).all()
    torch.testing.assert_close(found.rotation[1, 1:], mean[1:])
    left, right = CHAIN.index("left_shoulder"), CHAIN.index("right_shoulder")
    torch.testing.assert_close(found.rotation[2, left], mean[left])
    torch.testing.assert_close(found.rotation[2, right], found.rotation[0, right])


@pytest.mark.parametrize("pair", [("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "ankle")])
def test_keypoints_in_one_place_still_give_rotations(pair):
    landmarks = place(CHAIN, posed(POSES["bent"])).points.clone()
    one, other = (CHAIN.points.index(f"left_{part}") for part in pair)
    landmarks[:, one] = landmarks[:, other]
    found = initial_pose(CHAIN, landmarks, REST, SHAPE).rotation
    torch.testing.assert_close(found @ found.mT, torch.eye(3).expand_as(found), atol=1e-5, rtol=0)
    assert (torch.linalg.det(found) > 0).all()


@pytest.mark.parametrize("distance", [1.5, 4.0, 40.0])
def test_translation_is_exact_on_exact_data(distance):
    truth = posed(POSES["bent"])
    truth.translation[0, 2] = distance
    points = place(CHAIN, truth).points
    image = points[..., :2] / points[..., 2:] * FOCAL + CENTRE
    weight = torch.linspace(0.1, 2.0, len(CHAIN.points))[None]
    image[0, 3], weight[0, 3] = torch.nan, 0.0
    constellation = points - truth.translation[:, None]
    found = initial_translation(constellation, image, weight, focal=FOCAL, centre=CENTRE)
    # Pixels in float32 are exact to 6e-5 px: at 40 m that is 1e-5 of the distance.
    torch.testing.assert_close(found, truth.translation, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("num_seen", [0, 1, 2])
def test_too_few_keypoints_give_some_place_in_front(num_seen):
    points = place(CHAIN, posed(POSES["bent"])).points.expand(200, -1, -1)
    generator = torch.Generator().manual_seed(0)
    image = 1000 * torch.rand(200, len(CHAIN.points), 2, generator=generator)
    weight = torch.zeros(200, len(CHAIN.points))
    weight[:, :num_seen] = 0.3
    found = initial_translation(points, image, weight, focal=FOCAL, centre=CENTRE)
    assert torch.isfinite(found).all()
    assert (found[:, 2] >= 0.5).all()


def test_procrustes_never_mirrors():
    source = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(0))
    mirrored = source * torch.tensor([-1.0, 1.0, 1.0])
    turned = procrustes_rotation(source, mirrored)
    torch.testing.assert_close(torch.linalg.det(turned), torch.ones(5))
    R = exp_so3(torch.tensor([0.3, 1.0, -2.0]))
    torch.testing.assert_close(procrustes_rotation(source, source @ R.T)[0], R, atol=1e-5, rtol=0)
    source[2, 1] = torch.nan
    assert torch.isnan(procrustes_rotation(source, mirrored)[2]).all()


@pytest.mark.parametrize("case", ["random", "equal", "opposite"])
def test_aim_is_the_shortest_turn(case):
    generator = torch.Generator().manual_seed(3)
    source = torch.nn.functional.normalize(torch.randn(50, 3, generator=generator), dim=-1)
    other = torch.nn.functional.normalize(torch.randn(50, 3, generator=generator), dim=-1)
    target = {"random": other, "equal": source, "opposite": -source}[case]
    turn = aim(source, target)
    torch.testing.assert_close((turn @ source[..., None])[..., 0], target, atol=2e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(turn), torch.ones(50))
    angle = torch.rad2deg(torch.arccos((source * target).sum(-1).clamp(-1, 1)))
    torch.testing.assert_close(degrees_between(torch.eye(3), turn), angle, atol=0.1, rtol=0)
