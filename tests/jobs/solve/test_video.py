"""From video to take and back to known truth: the whole chain on real pixels and exact points."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from marey.assets import demo_clip
from marey.body import load_body
from marey.capture.observe import PinholeView
from marey.capture.pipeline import CaptureOptions, Seen, fit_people
from marey.core import Clip, Keypoints2D, Person, Take, Track, Tracks
from marey.core.errors import InputError
from marey.evaluate import pa_mpjpe, reprojection_error
from marey.io.take import read_take, write_take
from marey.io.video import read_frames, write_video
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.video import choose_view, solve
from marey.synthetic.cameras import project_to_cameras
from marey.synthetic.noise import PERFECT
from marey.synthetic.scene import SyntheticScene, synthetic_scene

NUM_FRAMES = 20
LIMBS = tuple(
    f"{side}_{part}"
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)


@pytest.fixture(scope="module")
def short_clip(tmp_path_factory) -> Path:
    """The first frames of the bundled clip."""
    path = tmp_path_factory.mktemp("solve") / "short.mp4"
    images = (frame.image for frame in read_frames(demo_clip(), stop=NUM_FRAMES))
    write_video(path, images, frame_rate=60)
    return path


@pytest.fixture(scope="module")
def take(short_clip) -> Take:
    return solve(short_clip)


def body_points(motion, names) -> np.ndarray:
    """Return named points of a one-person motion in the world, (T K 3)."""
    body = load_body(motion.body)
    with torch.inference_mode():
        posed = body.pose(
            torch.as_tensor(motion.shape[0]),
            torch.as_tensor(motion.T_world_root[0]),
            torch.as_tensor(motion.R_parent_joint[0]),
        )
        return body.landmark_positions(posed, names).numpy().astype(np.float64)


def test_the_balancing_person_is_followed_throughout(take):
    assert len(take.time) == NUM_FRAMES
    assert take.people
    main = max(take.people, key=lambda person: person.num_frames)
    assert (main.start, main.num_frames) == (0, NUM_FRAMES)
    assert main.motion is not None


def test_a_pose_is_missing_exactly_where_its_confidence_is_zero(take):
    motion = take.motion
    present = motion.confidence > 0
    assert present.any()
    assert np.array_equal(np.isfinite(motion.T_world_root).all(-1), present)
    assert np.array_equal(np.isfinite(motion.R_parent_joint).all((-1, -2)), present)


def test_a_missing_keypoint_has_no_confidence(take):
    seen = take.keypoints2d()
    missing = ~np.isfinite(seen.position).all(-1)
    assert missing.any()
    assert (seen.confidence[missing] == 0).all()


def test_the_body_falls_on_the_keypoints(take):
    """Below 3 % of the person's height: 4 cm on an adult, what joint definitions differ by."""
    for person, track in zip(take.people, take.tracks[0].tracks, strict=True):
        assert person.motion is not None
        image = person.keypoints2d[0]
        rows = [image.skeleton.index(name) for name in LIMBS]
        points = body_points(person.motion, LIMBS)[None]
        projected = project_to_cameras(take.cameras, points)[0]
        score = reprojection_error(
            projected,
            image.position[:, :, rows].astype(np.float64),
            box_height=(track.box[:, 3] - track.box[:, 1])[None].astype(np.float64),
            valid=image.confidence[:, :, rows] > 0.5,
        )
        assert score.num_values > 100
        assert score.value < 0.03


def test_people_stand_on_the_floor_head_up(take):
    main = max(take.people, key=lambda person: person.num_frames)
    points = body_points(main.motion, ("head", "left_heel", "right_heel"))
    assert (points[:, 0, 2] > points[:, 1:, 2].max(1) + 1.0).all()
    # The lower foot is somewhere near z = 0: the person balances on one leg on a bench.
    assert np.abs(points[:, 1:, 2].min(1)).max() < 0.4


def test_two_runs_write_the_same_bytes(take, short_clip, tmp_path):
    write_take(take, tmp_path / "one.take")
    write_take(solve(short_clip), tmp_path / "two.take")
    one, two = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path / "one.take", tmp_path / "two.take")
    )
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []


def test_faces_change_no_motion_and_stand_in_the_provenance(take, short_clip):
    asked = solve(short_clip, options=SolveOptions(face=True))
    assert "face-landmarks" in asked.provenance["people"]["landmarks"]
    assert "face" not in take.provenance["people"]["landmarks"]
    np.testing.assert_array_equal(asked.motion.T_world_root, take.motion.T_world_root)
    np.testing.assert_array_equal(asked.motion.R_parent_joint, take.motion.R_parent_joint)


def test_faces_are_not_asked_for_beside_the_user_s_own_landmarks(short_clip):
    with pytest.raises(InputError, match="leave --face out"):
        solve(short_clip, options=SolveOptions(face=True, landmarks=Path("own.onnx")))


def test_a_written_take_is_read_back_as_it_was(take, tmp_path):
    write_take(take, tmp_path / "clip.take")
    back = read_take(tmp_path / "clip.take", verify=True)
    assert np.array_equal(back.motion.T_world_root, take.motion.T_world_root, equal_nan=True)
    assert back.provenance["fit"] == take.provenance["fit"]


def test_progress_ends_where_the_clip_ends(short_clip):
    last = {}

    def note(stage: str, done: int, total: int | None) -> None:
        assert done >= last.get(stage, (0, None))[0]
        last[stage] = (done, total)

    take = solve(short_clip, progress=note)
    assert last["people"] == (NUM_FRAMES, NUM_FRAMES)
    assert last["fit"][0] == last["fit"][1]
    assert len(take.time) == NUM_FRAMES


def test_fields_of_view_are_of_the_longer_side():
    clip = Clip(path=Path("clip.mp4"), size=(1080, 1920), time=np.arange(2) / 30)
    # Half of 1920 px at 45 degrees from the axis.
    assert choose_view(clip, SolveOptions(fov_deg=90)).focal == pytest.approx(960)
    assert choose_view(clip, SolveOptions(focal_px=1500)).focal == 1500
    assert choose_view(clip, SolveOptions()).centre == (540, 960)
    with pytest.raises(InputError, match="not both"):
        choose_view(clip, SolveOptions(fov_deg=90, focal_px=1500))


def see(scene: SyntheticScene) -> Seen:
    """Hand a scene's only person and first view to the fit as the front end would."""
    seen = scene.keypoints2d
    image: Keypoints2D = replace(seen, position=seen.position[0], confidence=seen.confidence[0])
    name, time = seen.people[0], seen.time
    box = np.concatenate([image.position[0].min(1), image.position[0].max(1)], -1)
    track = Track(person=name, start=0, box=box, confidence=np.ones(len(time), np.float32))
    person = Person(
        name=name,
        start=0,
        num_frames=len(time),
        keypoints2d=(image,),
        keypoints3d=scene.landmarks[0],
    )
    size = (int(scene.cameras.size[0, 0]), int(scene.cameras.size[0, 1]))
    return Seen(
        clip=Clip(path=Path("scene.mp4"), size=size, time=time),
        tracks=Tracks(time=time, tracks=(track,)),
        people=(person,),
    )


@pytest.mark.parametrize("motion", ["walk", "kick", "dance"])
def test_a_perfectly_seen_body_is_recovered(motion):
    """3.2 cm: what priors pull towards their means when nothing else is wrong (2.4 to 2.9 cm).

    The motions are made by hand; the prior expects those that people were recorded with.
    """
    body = load_body()
    scene = synthetic_scene(body, motion, num_frames=45, seed=1, noise=PERFECT)
    K = scene.cameras.K[0]
    view = PinholeView(float(K[0, 0]), (float(K[0, 2]), float(K[1, 2])))
    take = fit_people(see(scene), body=body, view=view, options=CaptureOptions())
    found = take.people[0].motion
    assert found is not None
    truth = body_points(scene.motion, LIMBS)
    ours = body_points(found, LIMBS)
    assert pa_mpjpe(ours, truth).value < 0.032
    # In the world: the same height over the floor and the same size, without any alignment.
    assert np.abs(ours[..., 2] - truth[..., 2]).mean() < 0.04
    lengths = [np.linalg.norm(points[:, 0] - points[:, 10], axis=-1) for points in (ours, truth)]
    assert np.abs(lengths[0] / lengths[1] - 1).mean() < 0.02
