"""People who touch, from motion and keypoints: pushed apart, and nothing else is disturbed."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from marey.body import load_body
from marey.core.errors import ShapeError
from marey.fit.chains import body_chain
from marey.fit.contact.body_capsules import add_capsules
from marey.fit.contact.capsules import meet
from marey.fit.contact.penetration import BodyContact
from marey.fit.contact.refine_in_contact import refine_contact
from marey.synthetic import DetectorNoise, make_cameras, synthetic_scene

BODY_H = load_body("marey-h", mesh="light")
LENGTH = 12
QUIET = DetectorNoise(level=0.1, burst_rate=0.0, swap_rate=0.0, hidden_rate=0.0)


@pytest.fixture(scope="module")
def scene():
    return synthetic_scene(
        BODY_H, "walk", num_frames=LENGTH, num_people=2, noise=QUIET, cameras=make_cameras(2)
    )


def depths(motion):
    """Deepest meeting of the two in every frame, m."""
    points, capsules = [], []
    for person in range(2):
        shape = torch.from_numpy(motion.shape[person])
        chain, own = add_capsules(BODY_H, body_chain(BODY_H), shape=shape)
        poses = (motion.T_world_root[person], motion.R_parent_joint[person])
        root, local = (torch.from_numpy(pose) for pose in poses)
        posed = BODY_H.pose(shape.expand(LENGTH, -1), root, local)
        points.append(BODY_H.landmark_positions(posed, chain.points))
        capsules.append(own)
    pairs = torch.cartesian_prod(*(torch.arange(len(each.radius)) for each in capsules))
    met = meet(*points, *capsules, pairs)
    deepest = np.zeros(LENGTH)
    np.maximum.at(deepest, met.problem.numpy(), met.depth.numpy())
    return deepest


def test_bodies_inside_one_another_are_pushed_apart(scene):
    root = scene.motion.T_world_root.copy()
    root[1, :, 4] -= 0.6
    inside = replace(scene.motion, T_world_root=root)
    before = depths(inside)
    assert before.max() > 0.05
    # Nothing was seen, so that only contact can tell them apart.
    unseen = replace(scene.keypoints2d, confidence=0 * scene.keypoints2d.confidence)
    found, ghosts = (
        refine_contact(BODY_H, inside, unseen, scene.cameras, contact=BodyContact(sigma=sigma))
        for sigma in (0.01, 1e3)
    )
    assert depths(found).max() < 0.3 * before.max() < 0.5 * depths(ghosts).max()
    np.testing.assert_array_equal(found.shape, inside.shape)


def test_people_far_apart_and_absent_are_left_alone(scene):
    root, confidence = scene.motion.T_world_root.copy(), scene.motion.confidence.copy()
    root[1, 4:6], confidence[1, 4:6] = np.nan, 0.0
    gap = replace(scene.motion, T_world_root=root, confidence=confidence)
    found = refine_contact(BODY_H, gap, scene.keypoints2d, scene.cameras)
    np.testing.assert_array_equal(np.isnan(found.T_world_root[1]).any(-1), confidence[1] == 0)
    np.testing.assert_array_equal(found.confidence > 0, confidence > 0)
    moved = np.linalg.norm(found.T_world_root[..., 4:] - root[..., 4:], axis=-1)
    assert np.nanmax(moved) < 0.1
    nobody = replace(gap, confidence=0 * confidence)
    assert not refine_contact(BODY_H, nobody, scene.keypoints2d, scene.cameras).confidence.any()


def test_other_numbers_of_views_are_refused(scene):
    with pytest.raises(ShapeError, match="cameras"):
        refine_contact(BODY_H, scene.motion, scene.keypoints2d, make_cameras(3))
