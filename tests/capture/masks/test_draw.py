"""Masks of predicted people in several views, and how much of their keypoints they leave."""

import numpy as np
import pytest
import torch

from marey.body import load_body
from marey.capture.masks.bodies import body_faces, body_from_points
from marey.capture.masks.draw import project_to_views, render_masks, see_points
from marey.core import load_skeleton
from marey.synthetic.cameras import make_cameras
from marey.synthetic.scene import synthetic_scene

COCO = load_skeleton("coco-17")


@pytest.fixture(scope="module")
def scene():
    return synthetic_scene(
        load_body("marey-h"), "walk", num_people=2, num_frames=2, cameras=make_cameras(4)
    )


def pose(scene):
    points = scene.keypoints3d
    return points.position[:, 0], points.skeleton


def test_capsules_cover_what_the_mesh_covers(scene):
    """The same people as capsules and as their own mesh, full resolution of a small picture."""
    body, motion = load_body("marey-h"), scene.motion
    shape, root = torch.as_tensor(motion.shape), torch.as_tensor(motion.T_world_root[:, 0])
    posed = body.pose(shape, root, torch.as_tensor(motion.R_parent_joint[:, 0]))
    vertices = body.vertices(posed).numpy()
    truth = render_masks(scene.cameras, vertices, body.faces.numpy(), step=4.0)
    capsules = body_from_points(*pose(scene))
    drawn = render_masks(scene.cameras, capsules, body_faces(), step=4.0)
    for a, b in zip(truth, drawn, strict=True):
        full = [
            place(layers.amodal, np.round(layers.origin / 4).astype(int), (180, 320))
            for layers in (a, b)
        ]
        union = (full[0] | full[1]).sum((1, 2))
        overlap = (full[0] & full[1]).sum((1, 2)) / union
        assert (overlap > 0.7).all()


def place(mask, cell, shape):
    out = np.zeros((len(mask), shape[0] + 20, shape[1] + 20), bool)
    x, y = cell + 10
    out[:, y : y + mask.shape[1], x : x + mask.shape[2]] = mask
    return out


def test_the_nearer_person_hides_the_other_and_not_the_reverse():
    """Two people behind one another on a camera's axis: front view and back view exchange roles."""
    cameras = make_cameras(2, distance=5.0)
    one = standing()
    people = one + np.array([[[0, -0.5, 0]], [[0, 0.5, 0]]])
    layers = render_masks(cameras, body_from_points(people, COCO), body_faces())
    # The first camera stands at -Y: the first person is nearer.
    seen = see_points(cameras, layers, people)
    trunk = [COCO.index(name) for name in ("left_shoulder", "right_shoulder", "left_hip")]
    assert (seen.visible[0, 0, trunk] == 1).all()
    assert (seen.visible[0, 1, trunk] < 0.3).all()
    assert (seen.visible[1, 0, trunk] < 0.3).all()
    assert (seen.visible[1, 1, trunk] == 1).all()
    # Both lie within each other's outline in either view.
    assert (seen.shared[:, :, trunk] > 0.5).all()


def standing() -> np.ndarray:
    places = {
        "nose": (0, -0.1, 1.6), "eye": (0.03, -0.09, 1.63), "ear": (0.07, 0, 1.62),
        "shoulder": (0.18, 0, 1.4), "elbow": (0.25, 0, 1.1), "wrist": (0.27, 0, 0.85),
        "hip": (0.1, 0, 0.9), "knee": (0.1, 0, 0.5), "ankle": (0.1, 0, 0.08),
    }  # fmt: skip
    points = []
    for name in COCO.keypoints:
        sign = -1 if name.startswith("right") else 1
        x, y, z = places[name.removeprefix("left_").removeprefix("right_")]
        points.append((sign * x, y, z))
    return np.array(points, float)


def test_alone_everything_is_seen_and_absent_people_hide_nobody():
    cameras = make_cameras(3)
    people = np.stack([standing(), np.full((17, 3), np.nan)])
    layers = render_masks(cameras, body_from_points(people, COCO), body_faces())
    seen = see_points(cameras, layers, people)
    assert (seen.visible[:, 0] == 1).all() and (seen.shared[:, 0] == 0).all()
    assert np.isnan(seen.visible[:, 1]).all() and np.isnan(seen.shared[:, 1]).all()
    assert not any(layer.amodal[1].any() for layer in layers)
    assert all((layer.visible[0] == layer.amodal[0]).all() for layer in layers)


def test_a_point_outside_of_the_picture_is_not_seen():
    cameras = make_cameras(1, distance=1.0)
    people = standing()[None]
    layers = render_masks(cameras, body_from_points(people, COCO), body_faces())
    seen = see_points(cameras, layers, people)
    pixel, _ = project_to_views(cameras, people)
    below = pixel[0, 0, :, 1] > cameras.size[0, 1]
    assert below.any() and not below.all()
    assert (seen.visible[0, 0, below] == 0).all()


def test_missing_points_leave_out_their_capsules_only():
    cameras = make_cameras(1)
    whole, partial = standing(), standing()
    partial[[COCO.index("left_wrist"), COCO.index("left_knee")]] = np.nan
    areas = []
    for points in (whole, partial):
        (layers,) = render_masks(
            cameras, body_from_points(points[None], COCO), body_faces(), step=2
        )
        areas.append(layers.amodal.sum())
    assert 0.6 * areas[0] < areas[1] < 0.95 * areas[0]


def test_step_and_cells_agree_on_who_is_where():
    cameras = make_cameras(1)
    body = body_from_points(standing()[None], COCO)
    (coarse,) = render_masks(cameras, body, body_faces(), cells=64)
    (fine,) = render_masks(cameras, body, body_faces(), step=1.0)
    area = [layers.amodal.sum() * layers.step**2 for layers in (coarse, fine)]
    assert area[0] == pytest.approx(area[1], rel=0.05)
    assert max(coarse.depth.shape) <= 65
