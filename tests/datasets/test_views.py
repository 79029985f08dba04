"""Views of a recording: what OpenCV projects, for pinhole and fisheye cameras."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marey.core import Cameras
from marey.core.errors import InputError
from marey.datasets._labels import make_keypoints3d
from marey.datasets.recording import Recording
from marey.datasets.views import see_from_cameras


def make_recording(model: str, distortion: np.ndarray) -> Recording:
    random = np.random.default_rng(0)
    points = random.normal(0, 0.5, (2, 3, 24, 3))
    points[1, 2] = np.nan
    pose = np.zeros((2, 1, 7))
    for view in range(2):
        turn = Rotation.from_rotvec(random.normal(0, 0.2, 3)).as_quat(scalar_first=True)
        pose[view, 0] = [*turn, 0.1 * view, 0.2, 4.0]
    cameras = Cameras(
        names=("cam01", "cam02"),
        model=model,
        K=np.tile([[900.0, 0, 500.5], [0, 910, 400.5], [0, 0, 1]], (2, 1, 1)),
        distortion=np.tile(distortion, (2, 1)),
        T_cam_world=pose,
        size=np.array([[1000, 800]] * 2),
        time_offset=np.zeros(2),
    )
    return Recording(
        name="001",
        frame=np.arange(3),
        keypoints3d=make_keypoints3d("smpl-24", ("a", "b"), np.arange(3.0), points),
        vertices=points[:, :, :5].astype(np.float32),
        cameras=cameras,
    )


@pytest.mark.parametrize(
    ("model", "distortion"),
    [
        ("pinhole", np.zeros(0)),
        ("pinhole", np.array([0.1, 0.02, 0.001, -0.001, 0.0])),
        ("fisheye", np.array([0.05, 0.01, 0.0, 0.0])),
    ],
)
def test_opencv_projects_to_the_same_pixels(model, distortion):
    recording = make_recording(model, distortion)
    views = list(see_from_cameras(recording))
    assert [each.name for each in views] == ["001/cam01", "001/cam02"]
    for k, each in enumerate(views):
        pose = recording.cameras.T_cam_world[k, 0]
        world = recording.keypoints3d.position[0].reshape(-1, 3)
        near = Rotation.from_quat(pose[:4], scalar_first=True).apply(world) + pose[4:]
        np.testing.assert_allclose(each.keypoints3d.position[0].reshape(-1, 3), near, atol=1e-9)
        project = cv2.fisheye.projectPoints if model == "fisheye" else cv2.projectPoints
        zero, K = np.zeros(3), recording.cameras.K[k]
        if model == "fisheye":
            pixels, _ = project(near[:, None], zero, zero, K, distortion)
        else:
            pixels, _ = project(near, zero, zero, K, distortion if len(distortion) else None)
        ours = each.keypoints2d.position[0].reshape(-1, 2)
        np.testing.assert_allclose(ours, pixels.reshape(-1, 2), atol=1e-6)
        assert not each.keypoints2d.valid[1, 2].any()
        assert each.size == (1000, 800)
        np.testing.assert_allclose(each.vertices[0, :, 0], near.reshape(3, 24, 3)[:, 0], atol=1e-5)


def test_what_is_behind_a_camera_is_not_seen():
    recording = make_recording("pinhole", np.zeros(0))
    pose = recording.cameras.T_cam_world.copy()
    pose[1, 0, 6] = -4.0
    cameras = replace(recording.cameras, T_cam_world=pose)
    front, behind = see_from_cameras(replace(recording, cameras=cameras))
    assert front.keypoints2d.valid[0].all()
    assert not behind.keypoints2d.valid.any()


def test_without_cameras_nothing_is_seen():
    recording = make_recording("pinhole", np.zeros(0))
    with pytest.raises(InputError, match="no cameras"):
        list(see_from_cameras(replace(recording, cameras=None)))
