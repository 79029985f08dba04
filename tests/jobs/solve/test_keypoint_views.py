"""Keypoint files of several cameras and their calibration become a take."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from marey.body import load_body
from marey.core import Keypoints2D
from marey.core.errors import InputError
from marey.io.calibration.anipose import write_anipose
from marey.io.take import write_take
from marey.jobs.info import describe_file as describe
from marey.jobs.readers import KeypointHints
from marey.jobs.solve.keypoint_views import solve_keypoint_views
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.views_commands import ManyVideos, solve_keypoint_files
from marey.synthetic import PERFECT, make_cameras, synthetic_scene
from marey.view.report.camera_figures import measure_cameras
from marey.view.report.camera_words import judge_camera
from marey.view.report.findings import find_all

FROM_BODY_25 = (0, None, 6, 8, 10, 5, 7, 9, None, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
"""COCO's rows in the order of OpenPose's BODY_25; what it has more is left out."""


def write_openpose(points: Keypoints2D, view: int, folder: Path) -> None:
    """Write a file per frame; people change their places from frame to frame."""
    folder.mkdir()
    for frame in range(len(points.time)):
        people = []
        for row in np.roll(range(len(points.people)), frame):
            flat = np.zeros((25, 3))
            for place, own in enumerate(FROM_BODY_25):
                if own is not None and points.confidence[view, row, frame, own] > 0:
                    flat[place, :2] = points.position[view, row, frame, own] - 0.5
                    flat[place, 2] = 0.9
            people.append({"pose_keypoints_2d": flat.ravel().tolist()})
        name = f"{folder.name}_{frame:012d}_keypoints.json"
        (folder / name).write_text(json.dumps({"version": 1.3, "people": people}))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("openpose")
    cameras = make_cameras(4, target=(0.6, 0.4, 0.9))
    scene = synthetic_scene(
        load_body(), "walk", num_frames=10, num_people=2, cameras=cameras, noise=PERFECT, seed=4
    )
    for view, name in enumerate(cameras.names):
        write_openpose(scene.keypoints2d, view, path / name)
    write_anipose(cameras, path / "rig.toml")
    return path


def test_folders_of_openpose_become_two_bodies(folder: Path):
    said: list[str] = []
    order = (2, 0, 3, 1)
    take = solve_keypoint_views(
        [folder / f"camera{view + 1}" for view in order],
        folder / "rig.toml",
        hints=KeypointHints(frame_rate=30.0),
        note=said.append,
    ).take
    assert take.cameras is not None
    # Folders are named like cameras, whose size they take.
    assert take.cameras.names == ("camera3", "camera1", "camera4", "camera2")
    assert [clip.size for clip in take.clips] == [(1280, 720)] * 4
    assert len(take.people) == 2
    assert all(person.motion is not None for person in take.people)
    assert take.provenance["import"]["files"] == ["camera3", "camera1", "camera4", "camera2"]
    views = take.provenance["views"]
    assert all(views[name]["agreeing"] > 0.95 for name in take.cameras.names)
    assert len(said) == 1 and "clock" in said[0]


def test_what_a_video_was_mistaken_for_stays_in_the_take(folder: Path, tmp_path: Path):
    for view, other in ((1, 1), (2, 3), (3, 2), (4, 4)):
        shutil.copytree(folder / f"camera{other}", tmp_path / f"camera{view}")
    said: list[str] = []
    take = solve_keypoint_views(
        [tmp_path / f"camera{view}" for view in (1, 2, 3, 4)],
        folder / "rig.toml",
        hints=KeypointHints(frame_rate=30.0),
        note=said.append,
    ).take
    (sentence,) = (line for line in said if "look exchanged" in line)
    assert [clip.warnings for clip in take.clips] == [(), (sentence,), (sentence,), ()]
    left_out = {name: view.get("left_out") for name, view in take.provenance["views"].items()}
    assert [*left_out.values()] == [None, sentence, sentence, None]
    (finding,) = (each for each in find_all(take, ()) if each.kind == "Fault of the recording")
    assert finding.text == f"{sentence}."
    cameras = measure_cameras(take)
    assert cameras is not None
    assert "left it out" in judge_camera(cameras, 1)
    assert "left it out" not in judge_camera(cameras, 0)
    write_take(take, tmp_path / "a.take")
    assert sentence in describe(tmp_path / "a.take").warnings


def test_what_is_refused(folder: Path):
    paths = [folder / "camera1", folder / "camera2"]
    with pytest.raises(InputError, match="one video per file"):
        solve_keypoint_views(paths, folder / "rig.toml", videos=[folder / "a.mp4"])
    with pytest.raises(InputError, match="--fov"):
        solve_keypoint_views(paths, folder / "rig.toml", options=SolveOptions(fov_deg=50.0))

    def solve(*keypoints: Path, output: Path | None = None) -> None:
        task = ManyVideos(videos=(), cameras=folder / "rig.toml", output=output, exports=())
        solve_keypoint_files(
            task,
            keypoints,
            hints=KeypointHints(),
            options=SolveOptions(),
            overwrite=False,
            quiet=True,
            as_json=False,
            note=lambda sentence: None,
        )

    with pytest.raises(InputError, match="give --keypoints for each"):
        solve(paths[0])
    with pytest.raises(InputError, match="given twice"):
        solve(paths[0], paths[0])
    with pytest.raises(InputError, match="replaced by its own result"):
        solve(*paths, output=paths[1])
