"""Keypoints of any detector at the fit: exact points of a known scene give its motion back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import marey
from marey.body import load_body
from marey.capture.foreign import prepare_person
from marey.core import Clip, Person, Take, load_skeleton
from marey.core.errors import InputError, NothingFoundError
from marey.evaluate import pa_mpjpe
from marey.io._whole_body import convert_points
from marey.jobs.export.doors import points_in_space
from marey.jobs.info.recognize import describe_file
from marey.jobs.report import write_report
from marey.jobs.solve.keypoints import solve_keypoints
from marey.jobs.solve.options import SolveOptions
from marey.synthetic.noise import PERFECT
from marey.synthetic.scene import synthetic_scene
from tests.io.keypoint_takes import make_take
from tests.jobs.solve.test_video import LIMBS

FRAMES = 12


@pytest.fixture(scope="module")
def scene() -> Take:
    """The bundled clip's first frames as its own networks see them, without space or sigma."""
    from marey.assets import demo_clip
    from marey.capture.pipeline import CaptureOptions, see_people
    from marey.io.video import probe_clip, read_frames
    from marey.models.detector import SsdPersonDetector
    from marey.models.wholebody import WholeBodyEstimator

    clip = probe_clip(demo_clip())
    clip = replace(clip, time=clip.time[:FRAMES])
    seen = see_people(
        clip, read_frames(clip, stop=FRAMES), detector=SsdPersonDetector(),
        estimator=WholeBodyEstimator(), options=CaptureOptions(),
    )  # fmt: skip
    return Take(time=clip.time, clips=(clip,), tracks=(seen.tracks,), people=seen.people)


@pytest.mark.parametrize("name", ["a.json", "a.openpose"])
def test_a_body_falls_on_the_keypoints_of_a_file(scene, tmp_path, name):
    """From the file alone: the root joint is where the hips are, within 10 % of the height."""
    marey.export(scene, tmp_path / name)
    size = scene.clips[0].size
    hint = None if name.endswith(".json") else size
    solved = solve_keypoints(tmp_path / name, size=hint)
    assert len(solved.take.time) == FRAMES
    (main, *_) = solved.take.people
    assert main.motion is not None
    assert main.motion.confidence.min() > 0
    # The camera sees the root joint between the hips.
    cameras = solved.take.cameras
    assert cameras is not None
    seen = main.keypoints2d[0]
    hips = [seen.skeleton.index(f"{side}_hip") for side in ("left", "right")]
    middle = seen.position[0][:, hips].mean(1)
    root = project(cameras, main.motion.T_world_root[0, :, 4:])
    height = np.nanmax(seen.position[0, ..., 1]) - np.nanmin(seen.position[0, ..., 1])
    assert np.abs(root - middle).max() < 0.1 * height
    assert cameras.size.tolist() == [list(size)]
    # The pictures have a size and a clock, and nothing is said of a video.
    marey.write(solved.take, tmp_path / "a.take")
    described = describe_file(tmp_path / "a.take")
    (clip,) = next(table.rows for table in described.tables if table.name == "clips")
    assert {fact.name: str(fact) for fact in clip}["path"] == "no video"
    assert not described.warnings
    with pytest.raises(NothingFoundError, match="needs a video, which this take has not; give one"):
        marey.export(marey.read(tmp_path / "a.take"), tmp_path / "a.mp4")
    page = write_report(tmp_path / "a.take", tmp_path / "a.html").read_text()
    assert "is not where it was" not in page


def test_exact_points_of_one_camera_give_the_motion_back(tmp_path):
    """A walk seen without noise: 6 cm after alignment, as nothing says how deep a limb lies."""
    body = load_body()
    scene = synthetic_scene(body, "walk", num_frames=30, seed=1, noise=PERFECT)
    seen, matrix = scene.keypoints2d, scene.cameras.K[0]
    image = replace(seen, position=seen.position[0], confidence=seen.confidence[0], sigma=None)
    size = (int(scene.cameras.size[0, 0]), int(scene.cameras.size[0, 1]))
    clip = Clip(path=Path("scene.mp4"), size=size, time=seen.time)
    person = Person(name=seen.people[0], start=0, num_frames=len(seen.time), keypoints2d=(image,))
    marey.export(Take(time=seen.time, clips=(clip,), people=(person,)), tmp_path / "a.json")
    options = SolveOptions(focal_px=float(matrix[0, 0]))
    found = points_in_space(solve_keypoints(tmp_path / "a.json", options=options).take)
    truth = points_in_space(
        Take(time=seen.time, people=(replace(person, keypoints2d=(), motion=scene.motion),))
    )
    rows = [truth.skeleton.index(name) for name in LIMBS]
    ours, theirs = (points.position[0][:, rows].astype(np.float64) for points in (found, truth))
    assert pa_mpjpe(ours, theirs).value < 0.06


def project(cameras, points):
    """Project points of the world by the first camera's pose and matrix."""
    from scipy.spatial.transform import Rotation

    pose = cameras.T_cam_world[0, 0]
    turned = Rotation.from_quat(pose[:4], scalar_first=True).apply(points) + pose[4:]
    image = turned @ cameras.K[0].T
    return image[:, :2] / image[:, 2:]


def test_any_skeleton_is_brought_to_the_whole_body():
    (person, *_) = make_take("openpose-25").people
    ready = prepare_person(person).keypoints2d[0]
    assert ready.skeleton == load_skeleton("coco-wholebody-133")
    expected = convert_points(person.keypoints2d[0], ready.skeleton)
    np.testing.assert_array_equal(ready.valid, expected.valid)


def test_a_less_sure_point_is_believed_less():
    (person, *_) = make_take().people
    ready = prepare_person(person).keypoints2d[0]
    assert ready.sigma is not None
    sure, noise = ready.confidence[ready.valid], ready.sigma[ready.valid]
    order = np.argsort(sure)
    assert (np.diff(noise[order]) <= 1e-4).all()
    assert noise.min() > 0
    assert np.isnan(ready.sigma[~ready.valid]).all()


def test_a_picture_of_unknown_size_cannot_be_fitted(tmp_path):
    marey.export(make_take(), tmp_path / "a.openpose")
    with pytest.raises(InputError, match="give the video, or --size WIDTH HEIGHT"):
        solve_keypoints(tmp_path / "a.openpose")


def test_a_part_of_the_keypoints(scene, tmp_path):
    marey.export(scene, tmp_path / "a.json")
    options = SolveOptions(start="0.05", every=2)
    solved = solve_keypoints(tmp_path / "a.json", options=options).take
    np.testing.assert_allclose(solved.time, scene.time[3::2], atol=1e-6)
    assert solved.provenance["import"]["start_s"] == 0.05
    assert solved.provenance["import"]["every"] == 2


def test_options_of_the_networks_have_no_use(tmp_path):
    marey.export(make_take(), tmp_path / "a.json")
    with pytest.raises(InputError, match="--far-people has no use with --keypoints"):
        solve_keypoints(tmp_path / "a.json", options=SolveOptions(far_people=True))


def test_points_in_space_are_no_keypoints(tmp_path):
    (tmp_path / "a.take").mkdir()
    marey.write(Take(time=np.arange(3.0)), tmp_path / "b.take")
    with pytest.raises(NothingFoundError, match="holds no keypoints in images"):
        solve_keypoints(tmp_path / "b.take")
