"""Up and the floor, from people whose world is known and hidden by a turn."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marey.body import load_body
from marey.capture.rig.upright import find_upright
from marey.core import load_skeleton
from marey.synthetic import PERFECT, synthetic_scene


@pytest.mark.parametrize("motion", ["walk", "dance"])
def test_a_turned_world_is_put_upright(motion: str):
    scene = synthetic_scene(load_body(), motion, num_frames=90, noise=PERFECT, seed=3)
    truth = scene.keypoints3d.position.astype(np.float64)
    turn = Rotation.from_rotvec([0.7, -0.3, 1.1])
    hidden = turn.apply(truth.reshape(-1, 3)).reshape(truth.shape) + np.array([1.0, 2.0, 3.0])
    R, shift, known = find_upright(hidden, scene.keypoints3d.skeleton)
    found = hidden @ R.T + shift
    assert known
    up = R @ turn.apply([0.0, 0.0, 1.0])
    assert np.degrees(np.arccos(up[2])) < 3.0
    # Heights over the floor come back, within what tilt and soles leave open.
    off = found[0, :, :23, 2] - truth[0, :, :23, 2]
    assert np.abs(np.nanmedian(off)) < 0.05


def test_leaning_about_the_foot_that_carries_is_not_the_way_up():
    """Somebody stands on one leg, trunk bent to one side and the other leg to the other."""
    skeleton = load_skeleton("coco-17")
    place = {
        "ankle": ((0.0, 0.08), (0.7, 0.6)),
        "knee": ((0.0, 0.5), (0.45, 0.75)),
        "hip": ((-0.02, 0.9), (0.15, 0.95)),
        "shoulder": ((-0.35, 1.25), (-0.15, 1.4)),
        "elbow": ((-0.5, 1.0), (-0.3, 1.15)),
        "wrist": ((-0.5, 0.8), (-0.3, 0.95)),
        "ear": ((-0.45, 1.5), (-0.35, 1.55)),
    }
    body = np.full((1, 20, len(skeleton), 3), np.nan)
    for part, (left, right) in place.items():
        for side, (x, z) in (("left", left), ("right", right)):
            body[0, :, skeleton.index(f"{side}_{part}")] = (x, 0.1 * (side == "right"), z)
    R, _, known = find_upright(body, skeleton)
    tilt = np.degrees(np.arccos(R[2, 2]))
    assert known
    # Heads over feet alone would be off by 30 degrees.
    assert tilt < 12


def test_hands_alone_do_not_say_where_up_is():
    skeleton = load_skeleton("coco-17")
    body = np.full((1, 5, len(skeleton), 3), np.nan)
    body[:, :, skeleton.index("left_wrist")] = 1.0
    R, _, known = find_upright(body, skeleton)
    assert not known
    assert np.linalg.det(R) == pytest.approx(1.0)
