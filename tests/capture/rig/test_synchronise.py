"""Clocks of cameras, against scenes filmed with known offsets."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from marey.body import load_body
from marey.capture.rig.synchronise import Synchronised, synchronise
from marey.core import Cameras, Keypoints2D, convert_keypoints, load_skeleton
from marey.core.errors import InputError, NothingFoundError
from marey.io.calibration.pose2sim import read_qualisys
from marey.synthetic import make_cameras, synthetic_scene
from marey.synthetic.cameras import project_to_cameras
from marey.synthetic.motions import MotionName

COCO = load_skeleton("coco-17")
RATE = 30.0


def film(
    cameras: Cameras,
    offset: np.ndarray,
    *,
    drift: np.ndarray | None = None,
    rates: np.ndarray | None = None,
    num_people: int = 1,
    noise_px: float = 2.0,
    motion: MotionName = "walk",
) -> list[Keypoints2D]:
    """Film walking people for three seconds, each camera starting its own clock at its own time."""
    scene = synthetic_scene(load_body(), motion, num_frames=150, num_people=num_people, seed=2)
    truth = convert_keypoints(scene.keypoints3d.position, scene.keypoints3d.skeleton, COCO)
    path = CubicSpline(scene.keypoints3d.time, truth.astype(float), axis=1)
    rng = np.random.default_rng(5)
    views = []
    for view, late in enumerate(offset):
        rate = RATE if rates is None else rates[view]
        own = np.arange(int(3 * rate)) / rate
        slip = 0.0 if drift is None else drift[view] * own
        pixels = project_to_cameras(cameras, path(own + 1.0 + late + slip))[view]
        pixels = pixels + noise_px * rng.standard_normal(pixels.shape)
        views.append(
            Keypoints2D(
                skeleton=COCO,
                people=tuple(str(n) for n in range(num_people)),
                time=own,
                position=pixels.astype(np.float32),
                confidence=np.ones(pixels.shape[:-1], np.float32),
            )
        )
    return views


def check(found: Synchronised, offset: np.ndarray, frames: float) -> None:
    error = (found.offset - (offset - offset[0])) * RATE
    assert np.abs(error).max() < frames
    # The stated uncertainty is of the size of the error: neither hides it nor says nothing.
    assert (np.abs(error) < 5 * found.sigma * RATE + 0.02).all()
    assert found.sigma.max() * RATE < 1.0


def test_offsets_of_a_ring_to_a_fraction_of_a_frame():
    offset = np.array([0.0, 0.21, -0.345, 0.0137, 0.5])
    cameras = make_cameras(5)
    found = synchronise(film(cameras, offset), cameras)
    check(found, offset, 0.3)
    assert (found.drift == 0).all()


def test_two_people_are_told_apart():
    offset = np.array([0.0, -0.13, 0.24])
    cameras = make_cameras(3)
    check(synchronise(film(cameras, offset, num_people=2), cameras), offset, 0.3)


def test_different_frame_rates():
    offset, rates = np.array([0.0, 0.25, -0.1]), np.array([30.0, 25.0, 59.94])
    cameras = make_cameras(3)
    check(synchronise(film(cameras, offset, rates=rates), cameras), offset, 0.3)


def test_drift_shows():
    offset, drift = np.array([0.0, 0.2, -0.15]), np.array([0.0, 0.02, 0.0])
    cameras = make_cameras(3)
    views = film(cameras, offset, drift=drift, noise_px=1.0)
    found = synchronise(views, cameras)
    assert found.drift[1] == pytest.approx(0.02, abs=0.006)
    assert found.drift[2] == 0
    own = views[1].time
    error = found.to_common(own, 1) - (own + 0.2 + 0.02 * own)
    assert np.abs(error).max() * RATE < 0.5


def test_without_calibration_to_a_frame_or_two():
    offset = np.array([0.0, 0.2, -0.3])
    found = synchronise(film(make_cameras(3), offset, noise_px=1.0, motion="kick"))
    assert np.abs(found.offset - offset).max() * RATE < 2


def test_people_whom_nobody_sees_tell_nothing():
    cameras = make_cameras(2)
    views = film(cameras, np.zeros(2))
    empty = [replace(view, confidence=np.zeros_like(view.confidence)) for view in views]
    with pytest.raises(NothingFoundError, match="--no-sync"):
        synchronise(empty, cameras)


def test_views_have_to_fit():
    cameras = make_cameras(3)
    views = film(cameras, np.zeros(3))
    with pytest.raises(InputError, match="2 views and 3 cameras"):
        synchronise(views[:2], cameras)
    with pytest.raises(InputError, match="move"):
        moving = replace(cameras, T_cam_world=np.repeat(cameras.T_cam_world, 5, 1))
        synchronise(views, moving)


def read_demo(folder: Path, shift: tuple[float, ...]) -> tuple[list[Keypoints2D], Cameras]:
    """Read the four views of Pose2Sim's demo, their clocks put wrong by some frames of 60 Hz."""
    points = np.load(folder / "openpose_body25b.npz")["keypoints"][:, :, 0]
    views = [
        Keypoints2D(
            skeleton=load_skeleton("openpose-25b"),
            people=("subject",),
            time=np.arange(len(view)) / 60 - late / 60,
            position=np.where(view[..., 2:] > 0, view[..., :2] + 0.5, np.nan)[None],
            confidence=np.nan_to_num(view[..., 2])[None],
        )
        for view, late in zip(points, shift, strict=True)
    ]
    return views, read_qualisys(folder / "Calib.qca.txt")


def test_real_views_shifted(shared: Path):
    folder = shared / "data" / "pose2sim_single"
    shift = (0.0, 7.0, -11.5, 3.3)
    views, cameras = read_demo(folder, (0.0,) * 4)
    before = synchronise(views, cameras)
    views, cameras = read_demo(folder, shift)
    after = synchronise(views, cameras)
    # The cameras were synchronised by hardware.
    assert np.abs(before.offset * 60).max() < 1.0
    assert (after.offset - before.offset) * 60 == pytest.approx(np.array(shift), abs=0.3)
