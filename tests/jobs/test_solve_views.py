"""Real videos of several cameras become motion in the world of their calibration."""

from pathlib import Path

import numpy as np
import pytest

from marey.capture.limbs import find_limbs
from marey.core.errors import InputError
from marey.io.trc import read_trc
from marey.jobs.options import SolveOptions
from marey.jobs.solve_views import solve_many

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
    # Two of the four are 8 px narrower than calibrated; nobody complains of the calibration.
    assert len(said) == 2
    assert all("cut off" in sentence for sentence in said)
    person = take.people[0]
    assert person.motion is not None and (person.motion.confidence > 0.5).all()
    assert person.keypoints3d is not None
    skeleton, points = person.keypoints3d.skeleton, person.keypoints3d.position[0]
    for first, second in find_limbs(skeleton):
        bone = points[:, skeleton.index(first)] - points[:, skeleton.index(second)]
        assert np.linalg.norm(bone, axis=-1).std() < 0.008
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


def test_options_of_one_camera_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="--fov"):
        solve_many([tmp_path / "a.mp4"], tmp_path / "c.toml", options=SolveOptions(fov_deg=60.0))
