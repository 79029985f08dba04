"""A camera that is carried through the scene: COLMAP's poses and its keypoints to a better take."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marey.body import load_body
from marey.core import Cameras, Clip, Take, convert_keypoints, load_skeleton
from marey.io.calibration.colmap import write_colmap
from marey.io.take import read_take, write_take
from marey.jobs.camera_files import find_calibration, match_cameras, read_cameras
from marey.jobs.moving_cameras import read_paths
from marey.jobs.readers import KeypointHints
from marey.jobs.report import write_report
from marey.jobs.solve.keypoint_views import solve_keypoint_views
from marey.synthetic import PERFECT, SyntheticScene, make_cameras, synthetic_scene
from marey.synthetic.cameras import project_to_cameras
from tests.jobs.calibrate.test_people import write_pictures
from tests.jobs.solve.test_keypoint_views import write_openpose

NUM_FRAMES, NOISE_PX = 20, 4.0
LOST = (0, 1, *range(10, 18))
"""Frames of which structure from motion did not place the carried camera's picture."""
STATIC, ALL = ("camera1", "camera2"), ("camera1", "camera2", "head")


def carry() -> Cameras:
    """Return two cameras that stand near each other, and one that goes around on a head."""
    target = (0.6, 0.4, 0.9)
    still = make_cameras(12, target=target)
    heads = [
        make_cameras(1, target=target, distance=3.0, height=1.7, first_angle=0.04 * frame)
        for frame in range(NUM_FRAMES)
    ]
    poses = np.repeat(still.T_cam_world[:2], NUM_FRAMES, 1)
    path = np.concatenate([head.T_cam_world for head in heads], 1)
    return Cameras(
        names=ALL,
        model="pinhole",
        K=still.K[:3],
        distortion=still.distortion[:3],
        T_cam_world=np.concatenate([poses, path]),
        size=still.size[:3],
        time_offset=np.zeros(3),
    )


@pytest.fixture(scope="module")
def scene() -> SyntheticScene:
    still = replace(carry(), T_cam_world=carry().T_cam_world[:, :1])
    scene = synthetic_scene(
        load_body(), "walk", num_frames=NUM_FRAMES, cameras=still, noise=PERFECT, seed=4
    )
    rng, truth = np.random.default_rng(0), scene.keypoints3d.position.astype(np.float64)
    position = scene.keypoints2d.position.copy()
    for frame in range(NUM_FRAMES):
        now = replace(still, T_cam_world=carry().T_cam_world[:, [frame]])
        position[:, :, frame] = project_to_cameras(now, truth[:, [frame]])[:, :, 0]
    position += NOISE_PX * rng.standard_normal(position.shape).astype(np.float32)
    confidence = np.isfinite(position).all(-1).astype(np.float32)
    keypoints = replace(scene.keypoints2d, position=position, confidence=confidence)
    return replace(scene, keypoints2d=keypoints)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, scene: SyntheticScene) -> Path:
    path = tmp_path_factory.mktemp("moving")
    for view, name in enumerate(ALL):
        write_openpose(scene.keypoints2d, view, path / name)
    cameras = carry()
    pose = cameras.T_cam_world.copy()
    pose[2, list(LOST)] = np.nan
    write_colmap(replace(cameras, T_cam_world=pose), path / "rig")
    return path


def solve(folder: Path, names: tuple[str, ...]) -> tuple[Take, list[str]]:
    said: list[str] = []
    take = solve_keypoint_views(
        [folder / name for name in names],
        folder / "rig",
        hints=KeypointHints(frame_rate=30.0),
        sync=False,
        note=said.append,
    ).take
    return take, said


def mean_error(take: Take, scene: SyntheticScene) -> float:
    """Return the mean distance of COCO's 17 points from the truth, m."""
    (person,) = take.people
    points = person.keypoints3d
    assert points is not None and person.start == 0
    coco = load_skeleton("coco-17")
    own = convert_keypoints(points.position[0], points.skeleton, coco)
    truth = convert_keypoints(scene.keypoints3d.position[0], scene.keypoints3d.skeleton, coco)
    return float(np.nanmean(np.linalg.norm(own - truth[: len(own)], axis=-1)))


def test_a_carried_camera_makes_the_take_better(
    folder: Path, scene: SyntheticScene, tmp_path: Path
):
    alone, _ = solve(folder, STATIC)
    take, said = solve(folder, ALL)
    assert mean_error(take, scene) < 0.8 * mean_error(alone, scene)
    # Gaps of up to five frames are bridged, and this one is longer.
    assert any("head moves" in sentence and "10 of 20 frames" in sentence for sentence in said)
    assert not any("agree" in sentence for sentence in said)
    head = take.provenance["views"]["head"]
    assert head["agreeing"] > 0.95 and head["error_px"] < 2 * NOISE_PX
    # Where it has no pose it sees nothing; the others do.
    (person,) = take.people
    assert person.motion is not None
    seen = person.keypoints2d[2].valid[0].any(-1)
    assert np.flatnonzero(~seen).tolist() == list(LOST)
    assert person.keypoints2d[0].valid[0].any(-1).all()
    assert take.cameras is not None
    pose = take.cameras.T_cam_world
    assert np.isnan(pose[2, list(LOST)]).all() and np.isfinite(pose[:2]).all()
    np.testing.assert_allclose(pose[2, 5], carry().T_cam_world[2, 5], atol=1e-6)
    # A take keeps it.
    write_take(take, tmp_path / "a.take")
    again = read_take(tmp_path / "a.take").cameras
    assert again is not None
    np.testing.assert_array_equal(again.T_cam_world, pose)
    # So does its report, which is drawn at a moment without a pose.
    write_report(tmp_path / "a.take", tmp_path / "a.html")
    assert "head" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_pictures_are_numbered_by_their_names(folder: Path, tmp_path: Path):
    """A folder of pictures brings its own numbers, a video counts from the first frame on."""
    place = find_calibration(folder / "rig")
    names = [f"{number:05d}" for number in (3, 6, 11, 12)]
    pictures = write_pictures(tmp_path / "head", [np.zeros((4, 4, 3), np.uint8)] * len(names))
    for number, name in enumerate(names):
        (pictures / f"{number:03d}.png").rename(pictures / f"{name}.png")
    time, size = np.arange(4) / 30, (1280, 720)
    other = Clip(path=tmp_path / "camera1.mp4", size=size, time=time)
    images = Clip(path=pictures, size=size, time=time)
    cameras = match_cameras(read_cameras(place), [other, images])
    still, path = read_paths(place, cameras, [other, images])
    assert still is None and path is not None
    # Image 3 is the third frame; those of 11 and 12 were not placed.
    np.testing.assert_allclose(path[:2], carry().T_cam_world[2, [2, 5]], atol=1e-6)
    assert np.isnan(path[2:]).all()
    part = Clip(path=tmp_path / "head.mp4", size=size, time=time, first=2, step=3)
    (_, cut) = read_paths(place, cameras, [other, part])
    assert cut is not None
    np.testing.assert_allclose(cut[:2], carry().T_cam_world[2, [2, 5]], atol=1e-6)
