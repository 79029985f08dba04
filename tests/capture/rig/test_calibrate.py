"""Cameras placed by the people they see, against rings whose cameras are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marey.body import load_body
from marey.capture.rig.bundle import Bundle, adjust_bundle, residuals
from marey.capture.rig.calibrate import calibrate_from_people, refine_calibration
from marey.capture.rig.metric_scale import measure_stature
from marey.core import Cameras, Keypoints2D, convert_keypoints, load_skeleton
from marey.core.errors import InputError, NothingFoundError
from marey.io.calibration.pose2sim import read_qualisys
from marey.synthetic import PERFECT, DetectorNoise, make_cameras, synthetic_scene

COCO = load_skeleton("coco-17")
SHIN = ("left_knee", "left_ankle")


def centres_of(cameras: Cameras) -> tuple[np.ndarray, np.ndarray]:
    pose = cameras.T_cam_world[:, 0]
    R = Rotation.from_quat(pose[:, :4], scalar_first=True).as_matrix()
    return R, -np.einsum("cji,cj->ci", R, pose[:, 4:])


def compare(found: Cameras, truth: Cameras) -> tuple[float, float, float]:
    """Return the largest angle (deg) and centre (m) apart from a similarity, and its scale."""
    (R, centre), (true_R, true) = centres_of(found), centres_of(truth)
    one, other = centre - centre.mean(0), true - true.mean(0)
    Q = Rotation.align_vectors(other, one)[0].as_matrix()
    moved = one @ Q.T
    scale = float((moved * other).sum() / np.square(moved).sum())
    angle = Rotation.from_matrix(true_R @ Q @ R.swapaxes(1, 2)).magnitude()
    apart = np.linalg.norm(scale * moved - other, axis=1)
    return float(np.degrees(angle).max()), float(apart.max()), scale


def film(
    cameras: Cameras, noise: DetectorNoise, num_frames: int, seed: int
) -> tuple[Keypoints2D, float]:
    """Return what a ring sees of someone who walks, and how long the shin is, m."""
    scene = synthetic_scene(
        load_body(), num_frames=num_frames, cameras=cameras, noise=noise, seed=seed
    )
    points, source = scene.keypoints2d, scene.keypoints2d.skeleton
    truth = scene.keypoints3d.position[0]
    ends = [truth[:, source.index(name)] for name in SHIN]
    seen = replace(
        points,
        skeleton=COCO,
        position=convert_keypoints(points.position, source, COCO),
        confidence=convert_keypoints(points.confidence, source, COCO, axis=-1, missing=0.0),
    )
    return seen, float(np.median(np.linalg.norm(ends[0] - ends[1], axis=-1)))


def forget_poses(cameras: Cameras) -> Cameras:
    nowhere = np.tile([1.0, 0, 0, 0, 0, 0, 0], (len(cameras.names), 1, 1))
    return replace(cameras, T_cam_world=nowhere)


def test_without_noise_a_ring_comes_out_exactly():
    cameras = make_cameras(4)
    seen, shin = film(cameras, PERFECT, 60, 3)
    found = calibrate_from_people(seen, forget_poses(cameras), length=(*SHIN, shin))
    angle, apart, scale = compare(found.cameras, cameras)
    assert angle < 0.01
    assert apart < 0.002
    assert scale == pytest.approx(1, abs=0.003)
    assert found.error_px.max() < 0.05
    # The world stands upright on the floor, to three degrees after two seconds of a walk.
    _, centre = centres_of(found.cameras)
    assert found.up_known
    assert centre[:, 2] == pytest.approx(1.4, abs=0.3)


@pytest.mark.parametrize(
    ("num_views", "seed"),
    [(4, 4), *(pytest.param(*pair, marks=pytest.mark.slow) for pair in ((3, 0), (6, 3), (6, 6)))],
)
def test_a_ring_with_a_detectors_errors(num_views: int, seed: int):
    cameras = make_cameras(num_views)
    scene = synthetic_scene(load_body(), num_frames=180, cameras=cameras, seed=seed)
    tall = measure_stature(load_body(), scene.motion.shape[0])
    found = calibrate_from_people(scene.keypoints2d, forget_poses(cameras), height=tall)
    angle, apart, scale = compare(found.cameras, cameras)
    assert angle < 1.0
    assert apart < 0.01 * 5.0
    assert scale == pytest.approx(1, abs=0.01)
    assert min(view.agreeing for view in found.quality) > 0.9


def test_a_shin_says_the_size_too():
    cameras = make_cameras(4)
    seen, shin = film(cameras, DetectorNoise(), 120, 1)
    found = calibrate_from_people(seen, forget_poses(cameras), length=(*SHIN, shin))
    # Less well than stature: the detector sees the two ends of a shin to two in a hundred only.
    assert compare(found.cameras, cameras)[2] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("focal", ["shared", "each"])
def test_focal_lengths_are_found_too(focal: str):
    cameras = make_cameras(4)
    seen, shin = film(cameras, PERFECT, 60, 3)
    K = cameras.K.copy()
    K[:, [0, 1], [0, 1]] *= 0.85
    guess = replace(forget_poses(cameras), K=K)
    found = calibrate_from_people(seen, guess, length=(*SHIN, shin), focal=focal)
    angle, apart, _ = compare(found.cameras, cameras)
    assert found.cameras.K[:, 0, 0] == pytest.approx(cameras.K[:, 0, 0], rel=2e-3)
    assert angle < 0.05
    assert apart < 0.01


def disturb(cameras: Cameras) -> Cameras:
    """Turn and shift cameras as a tripod that was touched does."""
    rng = np.random.default_rng(5)
    turn = Rotation.from_rotvec(0.02 * rng.standard_normal((len(cameras.names), 3)))
    pose = cameras.T_cam_world[:, 0]
    R = (turn * Rotation.from_quat(pose[:, :4], scalar_first=True)).as_quat(scalar_first=True)
    t = pose[:, 4:] + 0.05 * rng.standard_normal((len(pose), 3))
    return replace(cameras, T_cam_world=np.concatenate([R, t], 1)[:, None])


def test_a_given_calibration_is_refined_and_stays_in_its_world():
    cameras = make_cameras(4)
    seen, _ = film(cameras, PERFECT, 60, 3)
    given = disturb(cameras)
    found = refine_calibration(seen, given)
    assert found.error_px.max() < 0.05
    angle, apart, _ = compare(found.cameras, cameras)
    assert angle < 0.02
    assert apart < 0.003
    # The world is that of the calibration that was given, not of the truth.
    (R, centre), (given_R, given_centre) = centres_of(found.cameras), centres_of(given)
    assert centre.mean(0) == pytest.approx(given_centre.mean(0), abs=1e-6)
    assert np.degrees(Rotation.from_matrix(R @ given_R.swapaxes(1, 2)).magnitude()).max() < 3


def test_a_camera_that_sees_nobody_is_named():
    cameras = make_cameras(4)
    seen, _ = film(cameras, PERFECT, 24, 3)
    confidence = seen.confidence.copy()
    confidence[2] = 0
    with pytest.raises(NothingFoundError, match="camera 3"):
        calibrate_from_people(replace(seen, confidence=confidence), cameras, height=1.7)
    with pytest.raises(NothingFoundError, match="no two cameras"):
        calibrate_from_people(replace(seen, confidence=0 * confidence), cameras, height=1.7)


@pytest.mark.parametrize(
    "size",
    [
        {},
        {"height": 1.7, "length": (*SHIN, 0.4)},
        {"height": 170.0},
        {"length": ("tail", "left_ankle", 0.4)},
        {"length": (*SHIN, -1.0)},
    ],
)
def test_sizes_have_to_make_sense(size: dict):
    cameras = make_cameras(2)
    seen, _ = film(cameras, PERFECT, 3, 0)
    with pytest.raises(InputError):
        calibrate_from_people(seen, cameras, **size)


def test_bundle_adjustment_finds_its_way_back():
    rng = np.random.default_rng(0)
    R, centre = centres_of(make_cameras(5))
    R0 = R[0].copy()
    truth = Bundle(
        R @ R0.T,
        -np.einsum("cij,cj->ci", R, centre - centre[0]),
        (rng.uniform(-1, 1, (60, 3)) + np.array([0, 0, 1]) - centre[0]) @ R0.T,
        np.ones(5),
    )
    ray = residuals(truth, np.zeros((5, 60, 2)))
    ray[1, 7] += 0.5  # A point astray.
    turn = Rotation.from_rotvec(0.03 * rng.standard_normal((5, 3))).as_matrix()
    turn[0] = np.eye(3)
    shift = 0.05 * rng.standard_normal((5, 3))
    shift[0] = 0
    start = Bundle(
        turn @ truth.R,
        truth.t + shift,
        truth.points + 0.05 * rng.standard_normal((60, 3)),
        np.ones(5),
    )
    found = adjust_bundle(start, ray, np.full((5, 60), 500.0))
    off = np.abs(residuals(found, ray))
    off[1, 7] = 0
    assert off.max() < 1e-6
    angle = Rotation.from_matrix(found.R @ truth.R.swapaxes(1, 2)).magnitude()
    assert angle.max() < 1e-5


def film_pose2sim(shared: Path) -> tuple[Keypoints2D, Cameras]:
    folder = shared / "data" / "pose2sim_single"
    given = read_qualisys(folder / "Calib.qca.txt")
    points = np.load(folder / "openpose_body25b.npz")["keypoints"][:, :, 0]
    seen = Keypoints2D(
        skeleton=load_skeleton("openpose-25b"),
        people=("subject",),
        time=np.arange(points.shape[1]) / 60,
        position=np.where(points[..., 2:] > 0, points[..., :2] + 0.5, np.nan)[:, None],
        confidence=np.nan_to_num(points[..., 2])[:, None],
    )
    return seen, given


def test_pose2sims_demo_from_its_subject_alone(shared: Path):
    seen, given = film_pose2sim(shared)
    found = calibrate_from_people(seen, forget_poses(given), height=1.68)
    angle, apart, scale = compare(found.cameras, given)
    assert found.error_px.max() < 8.0
    assert angle < 2.0
    assert apart < 0.06
    assert scale == pytest.approx(1, abs=0.02)


def test_pose2sims_own_calibration_is_refined(shared: Path):
    seen, given = film_pose2sim(shared)
    found = refine_calibration(seen, given, height=1.68)
    angle, apart, scale = compare(found.cameras, given)
    # Twelve pixels before (the folder's README).
    assert found.error_px.max() < 7.0
    assert angle < 2.0
    assert apart < 0.06
    assert scale == pytest.approx(1, abs=0.02)
