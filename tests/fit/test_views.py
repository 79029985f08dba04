"""Many views: finite differences, OpenCV as an oracle, and one view as the plain cost."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from marey.core import Cameras
from marey.fit.costs import Reprojection
from marey.fit.forces import add_up
from marey.fit.views import Rays, ViewReprojection, make_rays
from marey.geometry.rotation import rotvec_to_matrix

STEP, PEOPLE, VIEWS, POINTS = 1e-6, 3, 4, 5
LENSES = {
    "plain": ("pinhole", []),
    "pinhole": ("pinhole", [-0.2, 0.05, 0.001, -0.002, 0.01, 0.02, -0.01, 0.003]),
    "fisheye": ("fisheye", [0.05, -0.02, 0.01, -0.003]),
}


def draw(*size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rays(lens: str, *, moving: bool = False) -> Rays:
    model, coefficients = LENSES[lens]
    frames = PEOPLE if moving else 1
    K = torch.tensor([[900.0, 0.0, 640.0], [0.0, 950.0, 360.0], [0.0, 0.0, 1.0]]).double()
    return Rays(
        rotation=rotvec_to_matrix(0.3 * draw(frames, VIEWS, 3, seed=1)),
        translation=torch.tensor([0.0, 0.0, 4.0]).double() + 0.2 * draw(frames, VIEWS, 3, seed=2),
        K=K.expand(VIEWS, 3, 3),
        distortion=torch.tensor(coefficients, dtype=torch.float64).expand(VIEWS, -1),
        model=model,
    )


def cost(lens: str, *, width: float = 4.0, moving: bool = False) -> ViewReprojection:
    weight = 0.05 * draw(PEOPLE, VIEWS, POINTS, seed=3).abs()
    weight[0, 1, 2] = 0.0
    observed = torch.tensor([640.0, 360.0]).double() + 150 * draw(PEOPLE, VIEWS, POINTS, 2, seed=4)
    return ViewReprojection(
        observed=observed, weight=weight, rays=rays(lens, moving=moving), width=width
    )


POINTS_IN_WORLD = 0.5 * draw(PEOPLE, POINTS, 3, seed=5)


def by_points(function, points: torch.Tensor) -> torch.Tensor:
    slopes = []
    for k in range(POINTS):
        for axis in range(3):
            nudge = torch.zeros_like(points)
            nudge[:, k, axis] = STEP
            slopes.append((function(points + nudge) - function(points - nudge)) / (2 * STEP))
    return torch.stack(slopes, -1).unflatten(-1, (POINTS, 3))


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("lens", LENSES)
def test_gradient_and_matrix_against_finite_differences(lens, moving):
    robust, plain = cost(lens, moving=moving), cost(lens, width=1e6, moving=moving)
    expected = by_points(lambda points: robust.pull(points).loss, POINTS_IN_WORLD)
    ours = add_up([robust.pull(POINTS_IN_WORLD)], POINTS_IN_WORLD)
    torch.testing.assert_close(2 * ours.gradient, expected, atol=1e-5, rtol=1e-5)
    slopes = by_points(lambda points: plain.residual(points).flatten(1), POINTS_IN_WORLD)
    matrix = torch.einsum("brki,brkj->bkij", slopes, slopes)
    forces = add_up([plain.pull(POINTS_IN_WORLD)], POINTS_IN_WORLD)
    torch.testing.assert_close(forces.full_hessian(), matrix, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("lens", LENSES)
def test_pixels_are_those_of_opencv(lens):
    whole = cost(lens)
    seen = ViewReprojection(
        observed=torch.zeros_like(whole.observed),
        weight=torch.ones_like(whole.weight),
        rays=whole.rays,
    ).residual(POINTS_IN_WORLD)
    model, coefficients = LENSES[lens]
    for view in range(VIEWS):
        turn, _ = cv2.Rodrigues(whole.rays.rotation[0, view].numpy())
        move, K = whole.rays.translation[0, view].numpy(), whole.rays.K[view].numpy()
        points = POINTS_IN_WORLD.reshape(-1, 1, 3).numpy()
        lens_row = np.array(coefficients, np.float64)
        if model == "fisheye":
            image, _ = cv2.fisheye.projectPoints(points, turn, move, K, lens_row)
        else:
            image, _ = cv2.projectPoints(points, turn, move, K, lens_row)
        np.testing.assert_allclose(seen[:, view].reshape(-1, 2), image.reshape(-1, 2), atol=1e-6)


def test_one_view_in_its_own_axes_is_the_plain_cost():
    points = POINTS_IN_WORLD + torch.tensor([0.0, 0.0, 4.0])
    observed, weight = 600 + 50 * draw(PEOPLE, POINTS, 2), draw(PEOPLE, POINTS, seed=6).abs()
    centre = torch.tensor([640.0, 360.0]).double()
    plain = Reprojection(observed=observed, weight=weight, focal=900.0, centre=centre)
    K = torch.tensor([[900.0, 0.0, 640.0], [0.0, 900.0, 360.0], [0.0, 0.0, 1.0]]).double()
    own = Rays(
        rotation=torch.eye(3).double()[None, None],
        translation=torch.zeros(1, 1, 3).double(),
        K=K[None],
        distortion=torch.zeros(1, 0).double(),
        model="pinhole",
    )
    view = ViewReprojection(observed=observed[:, None], weight=weight[:, None], rays=own)
    for name in ("loss", "gradient", "hessian"):
        torch.testing.assert_close(
            getattr(view.pull(points), name), getattr(plain.pull(points), name)
        )


def test_points_behind_a_camera_stay_finite():
    behind = POINTS_IN_WORLD - torch.tensor([0.0, 0.0, 8.0])
    pull = cost("pinhole").pull(behind)
    for part in (pull.loss, pull.gradient, pull.hessian):
        assert torch.isfinite(part).all()


def test_cameras_of_a_take_become_rays():
    pose = np.zeros((2, 1, 7), np.float32)
    pose[..., 0], pose[1, 0, 4:] = 1.0, (1.0, 2.0, 3.0)
    cameras = Cameras(
        names=("a", "b"),
        model="pinhole",
        K=np.stack([np.eye(3, dtype=np.float32)] * 2),
        distortion=np.zeros((2, 0), np.float32),
        T_cam_world=pose,
        size=np.array([[640, 480]] * 2),
        time_offset=np.zeros(2),
    )
    laid = make_rays(cameras)
    assert laid.rotation.shape == (1, 2, 3, 3)
    torch.testing.assert_close(laid.translation[0, 1], torch.tensor([1.0, 2.0, 3.0]))


@pytest.mark.parametrize("kernel", ["none", "huber", "geman-mcclure"])
@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("lens", LENSES)
def test_compiled_forces_are_the_plain_ones(lens, moving, kernel):
    whole = replace(cost(lens, moving=moving), kernel=kernel)
    # Some points lie behind some cameras, some residuals beyond the kernel's width.
    points = POINTS_IN_WORLD - torch.tensor([0.0, 0.0, 4.0])
    ours, plain = whole.pull(points), whole.plain_pull(points)
    for name in ("loss", "gradient", "hessian"):
        torch.testing.assert_close(getattr(ours, name), getattr(plain, name))


def test_some_points_of_a_chain():
    whole = cost("plain")
    part = replace(
        whole,
        observed=whole.observed[:, :, [1, 3]],
        weight=whole.weight[:, :, [1, 3]],
        point=torch.tensor([1, 3]),
    )
    few = add_up([part.pull(POINTS_IN_WORLD)], POINTS_IN_WORLD)
    every = add_up([whole.pull(POINTS_IN_WORLD)], POINTS_IN_WORLD)
    torch.testing.assert_close(few.gradient[:, [1, 3]], every.gradient[:, [1, 3]])
    assert (few.gradient[:, [0, 2, 4]] == 0).all()


def test_what_is_not_seen_is_not_read():
    whole = cost("fisheye")
    weight = whole.weight.clone()
    weight[1, 2, 3] = 0.0
    blind = replace(whole, weight=weight, observed=whole.observed.clone())
    expected = blind.pull(POINTS_IN_WORLD)
    blind.observed[1, 2, 3] = torch.nan
    ours = blind.pull(POINTS_IN_WORLD)
    for name in ("loss", "gradient", "hessian"):
        assert torch.equal(getattr(ours, name), getattr(expected, name))
    blind.observed[1, 2, 4] = torch.nan
    assert blind.pull(POINTS_IN_WORLD).loss.isnan().tolist() == [False, True, False]
