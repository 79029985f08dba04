"""A body carried into a camera is where the world's body is, seen from that camera."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from marey.body import Body, load_body
from marey.datasets.corpus.camera_frame import make_rigid, to_camera_frame, to_matrices
from tests.body.files import random_body, write_npz


@pytest.fixture(scope="module")
def body(tmp_path_factory) -> Body:
    path = tmp_path_factory.mktemp("smpl") / "smpl.npz"
    body = load_body(write_npz(path, random_body("smpl"))).to(dtype=torch.float64)
    # Weights come as single precision, whose sum is not quite 1.
    return replace(body, weights=body.weights / body.weights.sum(-1, keepdim=True), sparse=None)


def pose_mesh(body: Body, betas, orient, transl, pose) -> np.ndarray:
    """Pose a body the way SMPL does: about its own origin, then moved by `transl`."""
    shape = torch.from_numpy(betas)
    root = body.root_position(shape, torch.from_numpy(transl))
    turns = [Rotation.from_rotvec(v).as_matrix() for v in (orient, *pose.reshape(-1, 3))]
    turn = torch.from_numpy(np.array(turns))
    posed = body.pose_matrices(shape, turn[0], turn[1:], position=root)
    return body.vertices(posed).numpy()


@pytest.mark.parametrize("seed", range(10))
def test_any_body_any_camera_any_unit(body, seed):
    random = np.random.default_rng(seed)
    betas, pose = random.normal(size=10), random.normal(size=69) * 0.3
    orient, transl = random.normal(size=3), random.normal(size=3)
    unit = random.uniform(0.1, 5)
    similarity, E = np.eye(4), np.zeros((3, 4))
    similarity[:3, :3] = unit * Rotation.random(random_state=seed).as_matrix()
    similarity[:3, 3] = random.normal(size=3)
    E[:, :3] = Rotation.random(random_state=seed + 1).as_matrix()
    E[:, 3] = random.normal(size=3) + np.array([0, 0, 8])
    rigid = make_rigid(E, similarity)
    rest = body.rest_joints(torch.from_numpy(betas))[0].numpy()
    world = pose_mesh(body, betas, orient, transl, pose)
    own_orient, own_transl = to_camera_frame(orient, transl, rest, rigid)
    camera = pose_mesh(body, betas, own_orient, own_transl, pose)
    # The camera's picture does not know the unit: COLMAP's point over its depth is ours over ours.
    colmap = (world @ similarity[:3, :3].T + similarity[:3, 3]) @ E[:, :3].T + E[:, 3]
    np.testing.assert_allclose(camera * unit, colmap, atol=1e-9)
    front = colmap[:, 2] > 0.5
    pixels = 1800 * camera[front, :2] / camera[front, 2:]
    np.testing.assert_allclose(pixels, 1800 * colmap[front, :2] / colmap[front, 2:], atol=1e-3)


def test_without_the_root_the_body_would_be_elsewhere(body):
    """Guards the offset J0: leaving it out is wrong by (R - I) J0."""
    rest = body.rest_joints(torch.zeros(10, dtype=torch.float64))[0].numpy()
    turn = np.concatenate([Rotation.from_rotvec([0, 0, 2.0]).as_matrix(), np.zeros((3, 1))], 1)
    _, right = to_camera_frame(np.zeros(3), np.zeros(3), rest, turn)
    _, wrong = to_camera_frame(np.zeros(3), np.zeros(3), np.zeros(3), turn)
    np.testing.assert_allclose(right - wrong, turn[:, :3] @ rest - rest, atol=1e-12)
    assert np.linalg.norm(right - wrong) > 0.01


def test_poses_of_seven_numbers():
    pose = np.array([[1.0, 0, 0, 0, 1, 2, 3], [0, 1, 0, 0, 4, 5, 6]])
    matrices = to_matrices(pose)
    np.testing.assert_allclose(matrices[0], np.c_[np.eye(3), [1, 2, 3]])
    np.testing.assert_allclose(matrices[1], np.c_[np.diag([1, -1, -1]), [4, 5, 6]], atol=1e-15)
