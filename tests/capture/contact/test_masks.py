"""Hidden points: a ball before another, and agreement with everybody drawn with depth."""

import numpy as np

from marey.capture.contact.masks import find_hidden
from marey.capture.masks.bodies import body_faces, body_from_points
from marey.capture.masks.draw import render_masks, see_points
from marey.capture.views.triangulate import make_extrinsics
from marey.core import load_skeleton
from tests.capture.crowds import make_crowd

SKELETON = load_skeleton("coco-17")


def test_an_upper_arm_hides_what_lies_behind_it_and_nothing_else():
    expected = np.full((2, 17, 3), np.nan)
    expected[0, SKELETON.index("left_shoulder")] = [0, -0.15, 2]
    expected[0, SKELETON.index("left_elbow")] = [0, 0.15, 2]  # 5 cm thick, across the view.
    places = {"nose": (0.0, 0, 3), "left_eye": (0.15, 0, 3), "right_eye": (0.0, 0, 1.5)}
    for name, place in places.items():
        expected[1, SKELETON.index(name)] = place
    pose = np.concatenate([np.eye(3), np.zeros((3, 1))], 1)[None]
    hidden = find_hidden(SKELETON, expected, pose, margin=0.0)[0, 1]
    assert [SKELETON.keypoints[row] for row in np.flatnonzero(hidden)] == ["nose"]
    assert not find_hidden(SKELETON, expected, pose, margin=0.06).any()


def test_agrees_with_bodies_drawn_over_one_another():
    crowd = make_crowd(3, apart=0.35, views=8, frames=12)
    agree, count = [], 0
    for frame in (0, 11):
        expected = crowd.truth[:, frame]
        hidden = find_hidden(SKELETON, expected, make_extrinsics(crowd.cameras)[:, 0], margin=0.0)
        layers = render_masks(
            crowd.cameras, body_from_points(expected, SKELETON), body_faces(), cells=256
        )
        drawn = see_points(crowd.cameras, layers, expected, radius=0.001).visible < 0.5
        agree.append((hidden == drawn).mean())
        count += drawn.sum()
    assert count > 60
    assert min(agree) > 0.97
