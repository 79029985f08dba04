"""Given masks in the place of drawn ones: whose they are, and what they say of strangers."""

import numpy as np

from marey.body import load_body
from marey.capture.contact.whose_pixels import draw_people, use_given
from marey.io.masks import FrameMasks
from marey.synthetic import make_cameras, synthetic_scene

SIZE = (320, 240)


def test_a_mask_of_a_stranger_is_painted_over_for_everybody():
    cameras = make_cameras(1, size=SIZE, focal_px=250.0)
    scene = synthetic_scene(load_body(mesh="light"), num_frames=3, cameras=cameras)
    points = scene.keypoints3d
    pixels = draw_people(cameras, points.position[:, 0], points.skeleton, SIZE)
    own = pixels.own[0]
    assert own.any() and not pixels.others.any()
    stranger = np.zeros_like(own)
    stranger[:, :20] = True
    assert not (stranger & own).any()
    given = FrameMasks(people=("a", "b"), mask=np.stack([stranger, own]))
    used = use_given(pixels, given, cameras, points.position[:, 0])
    np.testing.assert_array_equal(used.own[0], own)
    np.testing.assert_array_equal(used.others[0], stranger)
