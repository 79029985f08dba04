"""Pairs from clean motion: geometry against the body itself, determinism, mirror images."""

from dataclasses import replace

import pytest
import torch

from marey.body import load_body
from marey.body.joint_rotations import to_local, to_world
from marey.core import load_skeleton
from marey.geometry.rotation import geodesic_angle, matrix_to_quaternion, rotvec_to_matrix
from marey.train.body_points import make_point_model, place_points
from marey.train.mocap_pairs import MocapPairs, PairOptions, mirror_world
from marey.train.noise import PERFECT, NoiseModel, load_noise
from marey.train.rotation_noise import corrupt_rotations
from tests.train.scenes import swinging

NAMES = load_skeleton("coco-wholebody-133").keypoints[:23]


@pytest.fixture(scope="module")
def body():
    return load_body("marey-h", mesh="light")


def pairs(body, **changes):
    options = {"names": NAMES, "window": 13, "batch": 6} | changes
    return MocapPairs(motion=swinging(), body=body, options=PairOptions(**options))


def random_world(body, count=5):
    vectors = torch.randn(1, count, 22, 3, generator=torch.Generator().manual_seed(0))
    return to_world(rotvec_to_matrix(0.5 * vectors), body.parents)


def test_points_are_those_of_the_body(body):
    world, shape = random_world(body), torch.randn(1, body.num_shape)
    local = torch.zeros(5, 52, 3)
    pose = matrix_to_quaternion(rotvec_to_matrix(local))
    pose[:, :22] = matrix_to_quaternion(to_local(world, body.parents))[0]
    root = torch.cat([pose[:, 0], torch.zeros(5, 3)], -1)
    posed = body.pose(shape[0], root, pose[:, 1:])
    expected = body.landmark_positions(posed, NAMES)
    hips = [NAMES.index("left_hip"), NAMES.index("right_hip")]
    expected = expected - expected[:, hips].mean(1, keepdim=True)
    found = place_points(make_point_model(body, NAMES), world, shape)[0]
    assert torch.allclose(found, expected, atol=1e-5)


def test_local_and_world_rotations_undo_each_other(body):
    world = random_world(body)
    assert torch.allclose(to_world(to_local(world, body.parents), body.parents), world, atol=1e-5)


def test_a_mirror_image_has_mirrored_points(body):
    world, shape = random_world(body), torch.zeros(1, body.num_shape)
    model = make_point_model(body, NAMES)
    there = place_points(model, mirror_world(world, body), shape)
    mirror = list(load_skeleton("coco-wholebody-133").mirror[:23])
    here = place_points(model, world, shape)[:, :, mirror] * torch.tensor([-1.0, 1, 1])
    # The body itself is only nearly symmetric.
    assert torch.allclose(there, here, atol=0.01)


@pytest.mark.parametrize("quantity", ["points", "rotations"])
def test_batches_depend_on_seed_and_step_alone(body, quantity):
    source = pairs(body, quantity=quantity)
    noisy, clean = source.draw(1, 2)
    again = source.draw(1, 2)
    other = source.draw(1, 3)
    assert torch.equal(noisy, again[0]) and torch.equal(clean, again[1])
    assert not torch.equal(clean, other[1])
    assert noisy.shape == clean.shape == (6, 13, 69 if quantity == "points" else 132)
    assert noisy.isfinite().all()


@pytest.mark.parametrize("quantity", ["points", "rotations"])
def test_without_noise_both_are_the_same(body, quantity):
    source = replace(pairs(body, quantity=quantity), noise=PERFECT)
    noisy, clean = source.draw(0, 0)
    assert torch.allclose(noisy, clean, atol=1e-5)


def test_rotations_err_most_about_axes_across_the_view(body):
    names = body.joint_names[:22]
    noise: NoiseModel = replace(PERFECT, jitter={"knee": 0.02})
    world = torch.eye(3).expand(400, 9, 22, 3, 3)
    noisy = corrupt_rotations(
        world,
        names,
        noise,
        rate=30.0,
        level=torch.ones(400),
        depth_factor=torch.full((400,), 3.0),
        generator=torch.Generator().manual_seed(0),
    )
    hip = noisy[:, :, names.index("left_hip")]
    # The thigh, 0.4 m long, turns by sqrt(2) 0.02 / 0.4 rad about the view (Y), thrice as much
    # about X: read from the skew part.
    about_view, across = hip[..., 0, 2].std(), hip[..., 2, 1].std()
    assert float(about_view) == pytest.approx(2**0.5 * 0.02 / 0.4, rel=0.1)
    assert float(across / about_view) == pytest.approx(3, rel=0.1)
    assert geodesic_angle(noisy[:, :, names.index("head")], torch.eye(3)).max() < 1e-3


def test_the_trunk_bends_as_one(body):
    names = body.joint_names[:22]
    world = torch.eye(3).expand(100, 5, 22, 3, 3)
    noisy = corrupt_rotations(
        world,
        names,
        load_noise(),
        rate=30.0,
        level=torch.full((100,), 0.2),
        depth_factor=torch.ones(100),
        generator=torch.Generator().manual_seed(0),
    )
    pelvis, first, second, chest = (
        noisy[:, :, names.index(name)] for name in ("pelvis", "spine1", "spine2", "spine3")
    )
    whole = geodesic_angle(pelvis, chest)
    assert torch.all(geodesic_angle(pelvis, first) < whole + 1e-4)
    assert torch.all(geodesic_angle(first, second) < whole + 1e-4)
