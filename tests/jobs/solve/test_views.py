"""Real videos of several cameras become motion in the world of their calibration."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from marey.assets import demo_clip
from marey.capture.views.limbs import find_limbs, limb_sigma
from marey.core.errors import InputError, NothingFoundError
from marey.io.calibration.anipose import write_anipose
from marey.io.trc import read_trc
from marey.io.video import read_frames, write_video
from marey.jobs.solve.journal import Journal
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.views import solve_many
from marey.synthetic import make_cameras

SAME = {
    f"{letter}{part}": f"{side}_{part.lower()}"
    for letter, side in (("L", "left"), ("R", "right"))
    for part in ("Knee", "Ankle", "Shoulder", "Elbow", "Wrist", "Hip")
}


@pytest.mark.slow
def test_four_videos_of_pose2sim(shared: Path):
    folder, said = shared / "data" / "pose2sim_single", []
    take = solve_many(
        [folder / f"cam0{number}.mp4" for number in (1, 2, 3, 4)],
        folder / "Calib.qca.txt",
        options=SolveOptions(end="0.2"),
        note=said.append,
    ).take
    # Two of the four are 8 px narrower than calibrated; nobody complains of the calibration, and
    # a fifth of a second does not speak against clocks that are right.
    assert len(said) == 3
    assert all("cut off" in sentence for sentence in said[:2])
    assert "trusted" in said[2] and not take.cameras.time_offset.any()
    # The subject, whom all see, and a bystander in the first two views.
    seen = [[block.valid.any() for block in person.keypoints2d] for person in take.people]
    assert sorted(seen) == [[True, True, False, False], [True] * 4]
    person = take.people[seen.index([True] * 4)]
    assert person.motion is not None and (person.motion.confidence > 0.5).all()
    assert person.keypoints3d is not None
    skeleton, points = person.keypoints3d.skeleton, person.keypoints3d.position[0]
    spread = {}
    for first, second in find_limbs(skeleton):
        bone = points[:, skeleton.index(first)] - points[:, skeleton.index(second)]
        spread[first, second] = float(np.linalg.norm(bone, axis=-1).std())
    assert all(spread[limb] < limb_sigma(limb) for limb in spread)
    assert np.mean(list(spread.values())) < 0.008
    reference = read_trc(folder / "Balancing_for_IK.trc")
    # Its columns are y, z, x of the calibration's world; the reader takes them for x, y (up), z.
    x, y, z = np.moveaxis(reference.position[0, : len(points)], -1, 0)
    other = np.stack([-y, x, z], -1)
    names = reference.skeleton.keypoints
    off = [
        np.linalg.norm(points[:, skeleton.index(own)] - other[:, names.index(name)], axis=-1)
        for name, own in SAME.items()
    ]
    # OpenPose's hips and shoulders are other places of the body than ours.
    assert np.mean(off) < 0.06


class Stop(Exception):
    """What ends a run here."""


def test_an_interrupted_run_goes_on_from_what_the_networks_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    images = [
        cv2.resize(frame.image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        for frame in read_frames(demo_clip(), stop=6)
    ]
    height, width = images[0].shape[:2]
    videos = [tmp_path / "camera1.mp4", tmp_path / "camera2.mp4"]
    for video in videos:
        write_video(video, images, frame_rate=60)
    write_anipose(make_cameras(2, size=(width, height)), tmp_path / "rig.toml")
    said: list[str] = []

    def stop_late(stage: str, done: int, total: int | None) -> None:
        if done == 10:
            raise Stop

    def run(**more) -> None:
        journals = tmp_path / "views"
        solve_many(videos, tmp_path / "rig.toml", journals=journals, note=said.append, **more)

    asked: list[bytes] = []
    keep = Journal.keep
    monkeypatch.setattr(
        Journal, "keep", lambda self, key, answer: (asked.append(key), keep(self, key, answer))
    )
    with pytest.raises(Stop):
        run(progress=stop_late)
    assert said == []
    before = len(asked)
    # The same picture in two places is nobody in space.
    with pytest.raises(NothingFoundError, match="two cameras"):
        run()
    assert said[0] == "camera1.mp4: going on after frame 6 of the earlier run"
    assert "camera2.mp4: going on" in said[1]
    # Two of twelve frames are left, and up to two whose answers were not written yet.
    assert 0 < len(asked) - before < 0.5 * before
    # With other options nothing of it counts.
    said.clear()
    with pytest.raises(NothingFoundError):
        run(options=SolveOptions(detect_every=3))
    assert not any("going on" in sentence for sentence in said)


def test_options_of_one_camera_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="--fov"):
        solve_many([tmp_path / "a.mp4"], tmp_path / "c.toml", options=SolveOptions(fov_deg=60.0))


def test_masks_of_no_video_are_refused_before_the_networks(tmp_path: Path):
    videos = [tmp_path / name for name in ("left.mp4", "right.mp4")]
    for path in videos:
        write_video(path, iter(np.zeros((3, 48, 64, 3), np.uint8)), frame_rate=10)
    write_anipose(make_cameras(2, size=(64, 48)), tmp_path / "c.toml")
    (tmp_path / "masks" / "middle").mkdir(parents=True)
    for masks in (tmp_path / "nowhere", tmp_path / "masks"):
        with pytest.raises(InputError, match="no masks of left, right"):
            solve_many(videos, tmp_path / "c.toml", options=SolveOptions(masks=masks))
