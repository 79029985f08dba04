"""Cameras placed by a board whose corners are known exactly."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marey.capture.rig.board import BoardView
from marey.capture.rig.board_rig import locate_corners, place_by_board
from marey.core.errors import NothingFoundError
from marey.geometry.projection import select_viewpoint
from marey.synthetic import make_cameras
from tests.capture.rig.test_calibrate import compare, forget_poses

CORNERS = np.stack(
    [*np.meshgrid(0.1 * np.arange(6), 0.1 * np.arange(4)), np.zeros((4, 6))], -1
).reshape(-1, 3)


def show(num_moments: int, noise_px: float = 0.0) -> tuple:
    """Carry a board through a ring of cameras; who does not see its front does not find it."""
    cameras, rng = make_cameras(3), np.random.default_rng(1)
    views: list[list[BoardView]] = [[], [], []]
    for moment in range(num_moments):
        # The first lies on the floor, seen from above by all; a board's own Z goes into it.
        lying = moment == 0
        vector = (
            [np.pi, 0, 0] if lying else [np.pi + rng.uniform(-0.6, 0.6), *rng.uniform(-1, 1, 2)]
        )
        R = Rotation.from_rotvec(vector).as_matrix()
        centre = np.array([0, 0, 0.0]) if lying else rng.uniform((-0.5, -0.5, 0.2), (0.5, 0.5, 1.2))
        world = CORNERS @ R.T + centre
        for row in range(3):
            viewpoint = select_viewpoint(cameras, view=row)
            local = viewpoint.transform(world)
            facing = (local.mean(0) @ (viewpoint.transform(world + R[:, 2]) - local)[0]) > 0
            if facing:
                image = viewpoint.project(local) + noise_px * rng.standard_normal((len(local), 2))
                views[row].append(BoardView(board=CORNERS, image=image, moment=moment))
    return cameras, views


def test_exact_corners_give_exact_cameras():
    cameras, views = show(12)
    found = place_by_board(forget_poses(cameras), views)
    angle, apart, scale = compare(found, cameras)
    assert angle < 1e-3
    assert apart < 1e-4
    assert scale == pytest.approx(1, abs=1e-5)
    # The board lay on the floor while most saw it: Z is up, and cameras stand where they stood.
    height = [select_viewpoint(found, view=row).camera_position()[2] for row in range(3)]
    assert height == pytest.approx([1.4] * 3, abs=1e-3)
    assert np.abs(locate_corners(found, views[:1])[: len(CORNERS), 2]).max() < 1e-3


def test_corners_with_noise():
    cameras, views = show(25, noise_px=0.3)
    angle, apart, _ = compare(place_by_board(forget_poses(cameras), views), cameras)
    assert angle < 0.2
    assert apart < 0.02


def test_a_camera_that_never_sees_it_with_others_is_named():
    cameras, views = show(6)
    views[2] = [replace(view, moment=100 + view.moment) for view in views[2]]
    with pytest.raises(NothingFoundError, match="camera3"):
        place_by_board(forget_poses(cameras), views)
    with pytest.raises(NothingFoundError, match="no camera sees"):
        place_by_board(forget_poses(cameras), [[], [], []])
