"""Other programs' results become a take: true motion, true pixels, true presence."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from marey.core import Take
from marey.core.errors import FormatError, InputError, NothingFoundError
from marey.datasets.outputs.document import read_document
from marey.datasets.outputs.formats import FORMATS, SAME_AS, find_format, read_output
from marey.datasets.outputs.people import Options
from tests.body.files import random_body, write_npz
from tests.datasets.outputs import layouts as made

CAMERA_TO_WORLD = Rotation.from_matrix([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
Y_UP_TO_WORLD = Rotation.from_euler("x", 90, degrees=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return made.write_all(tmp_path_factory.mktemp("outputs"))


def project(take: Take, points: np.ndarray) -> np.ndarray:
    """From the world into the picture, by the take's camera."""
    assert take.cameras is not None
    pose = take.cameras.T_cam_world[0]
    R = Rotation.from_quat(np.broadcast_to(pose[:, :4], (len(points), 4)), scalar_first=True)
    in_camera = np.einsum("tij,t...j->t...i", R.as_matrix(), points)
    shift = np.broadcast_to(pose[:, 4:], (len(points), 3))
    in_camera = in_camera + shift.reshape(len(points), *[1] * (points.ndim - 2), 3)
    image = in_camera @ take.cameras.K[0].T
    return image[..., :2] / image[..., 2:]


def check_body(take: Take, *, axes: Rotation, position: np.ndarray, root: Any = made.ROOT) -> None:
    """The first person's rotations are those that were written."""
    motion = take.people[0].motion
    assert motion is not None
    shown = motion.T_world_root[0][motion.confidence[0] > 0]
    kept = slice(made.NUM_FRAMES - len(shown), None)
    turned = (axes * root)[kept]
    error = Rotation.from_quat(shown[:, :4], scalar_first=True) * turned.inv()
    assert error.magnitude().max() < 1e-5
    np.testing.assert_allclose(shown[:, 4:], axes.apply(position)[kept], atol=1e-5)
    count = min(23, motion.R_parent_joint.shape[2], 21 if motion.body == "smplx" else 23)
    pose = motion.R_parent_joint[0][motion.confidence[0] > 0][:, :count]
    own = Rotation.from_quat(pose.reshape(-1, 4), scalar_first=True)
    true = made.POSE.as_quat().reshape(made.NUM_FRAMES, 23, 4)[kept, :count].reshape(-1, 4)
    assert (own * Rotation.from_quat(true).inv()).magnitude().max() < 1e-5
    np.testing.assert_allclose(motion.shape[0], made.BETAS, atol=1e-6)


@pytest.mark.parametrize("name", [name for name, each in FORMATS.items() if each.recognise])
def test_every_program_is_recognised_by_content(
    files: dict[str, Path], name: str, tmp_path: Path
) -> None:
    anonymous = tmp_path / "results"
    anonymous.write_bytes(files[name].read_bytes())
    assert find_format(read_document(anonymous)) == name
    take = read_output(anonymous)
    assert take.people
    assert take.provenance["import"]["file"] == "results"


def test_phalp(files: dict[str, Path]) -> None:
    take = read_output(files["phalp"])
    check_body(take, axes=CAMERA_TO_WORLD, position=made.PLACE * [1, 1, 10] + made.PELVIS)
    first, second = take.people
    assert (first.name, second.name) == ("01", "05")
    # PHALP repeats whom it has lost; that is not presence.
    assert (second.start, second.num_frames) == (1, 3)
    points, image = first.keypoints3d, first.keypoints2d[0]
    assert points is not None
    world = CAMERA_TO_WORLD.apply(points.position[0].reshape(-1, 3)).reshape(-1, 45, 3)
    np.testing.assert_allclose(project(take, world), image.position[0], atol=0.05)
    np.testing.assert_allclose(take.tracks[0].tracks[0].box[0], [10, 20, 110, 220])
    assert take.clips[0].size == made.SIZE


def test_wham_in_the_world_and_in_the_camera(files: dict[str, Path]) -> None:
    take = read_output(files["wham"])
    person = take.people[0]
    assert (person.name, person.start, len(take.time)) == ("03", 2, 8)
    turn = Rotation.from_rotvec([0.3, 0.2, 0.1])
    root, place = turn * made.ROOT, turn.apply(made.PLACE)
    check_body(take, axes=Y_UP_TO_WORLD, position=place, root=root)
    take = read_output(files["wham"], options=Options(up="z"))
    check_body(take, axes=Rotation.identity(), position=place, root=root)
    take = read_output(files["wham"], format="wham-camera")
    check_body(take, axes=CAMERA_TO_WORLD, position=made.PLACE)
    assert "rest pelvis" in take.provenance["import"]["root"]


def test_the_rest_pelvis_of_a_body_is_added_in_the_axes_of_the_file(
    files: dict[str, Path], tmp_path: Path
) -> None:
    """The pelvis is where the body's regressor says, whatever its blend shapes make of it."""
    arrays = random_body("smpl")
    body = write_npz(tmp_path / "SMPL.npz", arrays)
    shaped = arrays["v_template"] + arrays["shapedirs"] @ made.BETAS
    rest = (arrays["J_regressor"] @ shaped)[0]
    take = read_output(files["wham"], format="wham-camera", options=Options(body=str(body)))
    check_body(take, axes=CAMERA_TO_WORLD, position=made.PLACE + rest)
    assert take.people[0].motion is not None
    assert take.people[0].motion.body == str(body)
    assert "root" not in take.provenance["import"]
    # PHALP's pelvis is known already.
    take = read_output(files["phalp"], options=Options(body=str(body)))
    check_body(take, axes=CAMERA_TO_WORLD, position=made.PLACE * [1, 1, 10] + made.PELVIS)
    with pytest.raises(InputError, match="54 joints"):
        read_output(files["gvhmr"], options=Options(body=str(body)))
    with pytest.raises(InputError, match="give a file"):
        read_output(files["wham"], options=Options(body="marey-h"))


def test_gvhmr(files: dict[str, Path]) -> None:
    check_body(read_output(files["gvhmr"]), axes=Y_UP_TO_WORLD, position=made.PLACE)
    take = read_output(files["gvhmr"], format="gvhmr-camera")
    check_body(take, axes=CAMERA_TO_WORLD, position=made.PLACE)
    assert take.people[0].motion is not None
    assert take.people[0].motion.R_parent_joint.shape == (1, made.NUM_FRAMES, 54, 4)
    assert take.clips[0].size == made.SIZE
    expected = 800 * made.PLACE[:, :2] / made.PLACE[:, 2:] + np.array(made.SIZE) / 2
    np.testing.assert_allclose(project(take, CAMERA_TO_WORLD.apply(made.PLACE)), expected)


@pytest.mark.parametrize("track", [4, None])
def test_romp_video(track: int | None, tmp_path: Path) -> None:
    path = made.write_romp(tmp_path / "video_results.npz", track=track)
    take = read_output(path, options=Options(size=made.SIZE))
    check_body(take, axes=CAMERA_TO_WORLD, position=made.PLACE + made.PELVIS)
    (person,) = take.people
    assert person.name == ("04" if track else "01")
    points = person.keypoints3d
    assert points is not None
    world = CAMERA_TO_WORLD.apply(points.position[0].reshape(-1, 3)).reshape(-1, 45, 3)
    np.testing.assert_allclose(project(take, world), person.keypoints2d[0].position[0], atol=0.01)


def test_a_real_picture_of_romp(shared: Path) -> None:
    path = shared / "data/network_outputs/romp_output.npz"
    take = read_output(path, options=Options(size=(1280, 720)))
    (person,) = take.people
    assert person.keypoints3d is not None
    assert person.motion is not None
    points = person.keypoints3d.position[0].reshape(-1, 3)
    world = CAMERA_TO_WORLD.apply(points)
    error = project(take, world[None])[0] - person.keypoints2d[0].position[0, 0]
    assert np.linalg.norm(error, axis=-1).max() < 40
    assert np.median(np.linalg.norm(error, axis=-1)) < 12
    np.testing.assert_allclose(person.motion.T_world_root[0, 0, 4:], world[0], atol=1e-5)


@pytest.mark.parametrize("count", [49, 24, 14])
def test_vibe_family(count: int, tmp_path: Path) -> None:
    path = made.write_joblib(made.vibe_people(count=count), tmp_path / "vibe_output.pkl")
    take = read_output(path)
    (person,) = take.people
    points = person.keypoints3d
    assert points is not None
    assert person.motion is not None
    # Far away: the weak-perspective camera is the limit of the one that stands for it.
    pelvis = {49: 8, 24: 0}.get(count)
    assert take.clips[0].size == made.SIZE
    depth = points.position[0, ..., 2].mean()
    assert depth == pytest.approx(5000 / 250, abs=0.2)
    true = made.vibe_people(count=49)[1]
    if count == 49:
        world = CAMERA_TO_WORLD.apply(points.position[0].reshape(-1, 3)).reshape(-1, 49, 3)
        np.testing.assert_allclose(project(take, world), true["joints2d_img_coord"], atol=12)
        np.testing.assert_allclose(
            person.keypoints2d[0].position[0], true["joints2d_img_coord"], atol=1e-3
        )
    if pelvis is not None:
        own = CAMERA_TO_WORLD.inv().apply(person.motion.T_world_root[0, :, 4:])
        np.testing.assert_allclose(own, points.position[0, :, pelvis], atol=1e-5)
    else:
        assert "rest pelvis" in take.provenance["import"]["root"]


def test_glamr(files: dict[str, Path]) -> None:
    """World and camera are the same bodies seen through the camera."""
    world, camera = read_output(files["glamr"]), read_output(files["glamr"], format="glamr-camera")
    assert (world.people[0].start, world.people[0].num_frames) == (1, made.NUM_FRAMES - 1)
    check_body(camera, axes=CAMERA_TO_WORLD, position=made.PLACE)
    motions = [take.people[0].motion for take in (world, camera)]
    assert motions[0] is not None
    assert motions[1] is not None
    for take in (world, camera):
        assert take.cameras is not None
    pixels = []
    for take, motion in zip((world, camera), motions, strict=True):
        assert take.cameras is not None
        assert motion is not None
        place = np.full((made.NUM_FRAMES, 3), np.nan)
        place[1:] = motion.T_world_root[0, :, 4:]
        pixels.append(project(take, place)[1:])
    np.testing.assert_allclose(*pixels, atol=1e-3)


def test_a_real_run_of_glamr(shared: Path) -> None:
    """The pelvis projects onto the detector's, in the camera and through the world."""
    from marey.core.restricted_pickle import read_pickle

    path = shared / "data/network_outputs/glamr_running_seed1.pkl"
    detected = read_pickle(path)["person_data"][0]["kp_2d"][:, 0]
    for name, most in (("glamr-camera", 8), ("glamr", 22)):
        take = read_output(path, format=name)
        motion = take.people[0].motion
        assert motion is not None
        error = project(take, motion.T_world_root[0, :, 4:].astype(np.float64)) - detected
        assert np.median(np.linalg.norm(error, axis=-1)) < most


def sam3d_files(folder: Path) -> dict[str, Path]:
    frames = [made.sam3d_people(t) for t in range(3)]
    named = {f"{t:05d}.jpg": frame for t, frame in enumerate(frames)}
    one = {
        key: np.stack([person[key] for person in frames[0]])
        for key in ("pred_keypoints_3d", "pred_cam_t", "pred_keypoints_2d", "bbox", "focal_length")
    }
    np.savez(folder / "stacked.npz", **one)
    np.savez(folder / "objects.npz", outputs=np.array(frames, dtype=object))
    return {
        "list": made.write_json(made.as_json(frames), folder / "list.json"),
        "names": made.write_pickle(named, folder / "names.pkl"),
        "joblib": made.write_joblib(frames, folder / "frames.joblib"),
        "objects": folder / "objects.npz",
        "stacked": folder / "stacked.npz",
        "picture": made.write_json(made.as_json(frames[0]), folder / "picture.json"),
    }


@pytest.mark.parametrize("kind", ["list", "names", "joblib", "objects", "stacked", "picture"])
def test_sam3d_body(kind: str, tmp_path: Path) -> None:
    path = sam3d_files(tmp_path)[kind]
    take = read_output(path, options=Options(size=made.SIZE))
    assert len(take.time) == (1 if kind in ("stacked", "picture") else 3)
    assert [person.num_frames for person in take.people] == [len(take.time)] * 2
    for n, person in enumerate(take.people):
        points = person.keypoints3d
        assert points is not None
        true = made.sam3d_people(0)[n]
        expected = true["pred_keypoints_3d"] + true["pred_cam_t"]
        np.testing.assert_allclose(points.position[0, 0], expected, atol=1e-5)
        assert points.skeleton.name == "mhr-70"
        world = CAMERA_TO_WORLD.apply(points.position[0].reshape(-1, 3)).reshape(-1, 70, 3)
        image = person.keypoints2d[0].position[0]
        np.testing.assert_allclose(project(take, world), image, atol=0.01)


def check_walkers(take: Take, *, count: int = 17, frames: int = made.NUM_FRAMES) -> None:
    assert [person.num_frames for person in take.people] == [frames, frames]
    for n, person in enumerate(take.people):
        for t in range(frames):
            points, score = made.person2d(t, n, count=count)
            shown = person.keypoints2d[0]
            np.testing.assert_allclose(shown.position[0, t, :-1], points[:-1] + 0.5, atol=1e-3)
            np.testing.assert_allclose(shown.confidence[0, t], score, atol=1e-6)
            assert np.isnan(shown.position[0, t, -1]).all()


@pytest.mark.parametrize("count", [17, 26, 133])
def test_mmpose_inferencer(count: int, tmp_path: Path) -> None:
    people = [made.mmpose_instances(t, count) for t in range(made.NUM_FRAMES)]
    frames = [{"frame_id": t, "instances": row} for t, row in enumerate(people)]
    take = read_output(made.write_json(frames, tmp_path / "video.json"))
    check_walkers(take, count=count)
    demo = {
        "meta_info": {"dataset_name": "coco"},
        "instance_info": [{**frame, "frame_id": t + 1} for t, frame in enumerate(frames)],
    }
    check_walkers(read_output(made.write_json(demo, tmp_path / "demo.json")), count=count)
    take = read_output(made.write_json(people[0], tmp_path / "picture.json"))
    check_walkers(take, count=count, frames=1)


def test_mmpose_pickled_results(tmp_path: Path) -> None:
    samples, batches = [], []
    for t in range(made.NUM_FRAMES):
        points, scores = map(np.stack, zip(*(made.person2d(t, n) for n in range(2)), strict=True))
        instances = {"keypoints": points, "keypoint_scores": scores}
        samples.append({"img_path": f"a/{t:03d}.jpg", "id": t, "pred_instances": instances})
        preds = np.concatenate([points, scores[..., None]], -1)
        batches.append({"preds": preds, "image_paths": [f"a/{t:03d}.jpg"] * 2, "bbox_ids": [0, 1]})
    for name, value in (("new", samples), ("old", batches)):
        check_walkers(read_output(made.write_pickle(value, tmp_path / f"{name}.pkl")))


def test_mmpose_keypoints_in_space_are_refused(tmp_path: Path) -> None:
    row = {"keypoints": np.zeros((17, 3)).tolist(), "keypoint_scores": [1.0] * 17}
    with pytest.raises(FormatError, match="3 coordinates"):
        read_output(made.write_json([row], tmp_path / "a.json"))


@pytest.mark.parametrize("named", [True, False])
def test_alphapose_default(named: bool, tmp_path: Path) -> None:
    path = made.write_json(made.alphapose_rows(named=named), tmp_path / "alphapose-results.json")
    take = read_output(path)
    check_walkers(take)
    np.testing.assert_allclose(take.tracks[0].tracks[0].box[0], [1, 2, 31, 42])


@pytest.mark.parametrize("layout", ["cmu", "open"])
def test_alphapose_in_openposes_order(layout: str, tmp_path: Path) -> None:
    """The three layouts are the same people."""
    path = made.write_json(made.alphapose_pictures(layout), tmp_path / "alphapose-results.json")
    take = read_output(path)
    default = read_output(made.write_json(made.alphapose_rows(), tmp_path / "b.json"))
    for one, other in zip(take.people, default.people, strict=True):
        shown, coco = one.keypoints2d[0], other.keypoints2d[0]
        for name in coco.skeleton.keypoints:
            a = shown.position[0, :, shown.skeleton.index(name)]
            b = coco.position[0, :, coco.skeleton.index(name)]
            np.testing.assert_allclose(a, b, atol=1e-3)
        middle = shown.position[0, :, shown.skeleton.index("mid_shoulder")]
        sides = [coco.skeleton.index(f"{side}_shoulder") for side in ("left", "right")]
        np.testing.assert_allclose(middle, coco.position[0, :, sides].mean(0), atol=1e-3)


def test_videopose_inference(files: dict[str, Path]) -> None:
    take = read_output(files["detectron2"])
    assert len(take.people) == 2
    for n, person in enumerate(take.people):
        shown = person.keypoints2d[0]
        assert person.num_frames == made.NUM_FRAMES
        assert (shown.confidence[0, 2] == 0).all()
        points, _ = made.person2d(3, n)
        np.testing.assert_allclose(shown.position[0, 3], points, atol=1e-3)
    assert take.clips[0].size == made.SIZE


@pytest.mark.parametrize("name", ["floss", "lia_kim_0_30fps", "nick_30fps"])
def test_real_tracks_of_detectron2(name: str, shared: Path) -> None:
    path = shared / f"data/detectron2_dance_tracks/{name}.npz"
    take, raw = read_output(path), np.load(path)
    (person,) = take.people
    seen = np.flatnonzero(np.isfinite(raw["kp2d"]).all((1, 2)))
    assert (person.start, person.stop) == (seen[0], seen[-1] + 1)
    rows = seen - person.start
    np.testing.assert_array_equal(person.keypoints2d[0].position[0, rows], raw["kp2d"][seen, :, :2])
    confidence = person.keypoints2d[0].confidence[0]
    assert (confidence[rows] > 0.5).mean() > 0.9
    gap = np.ones(person.num_frames, bool)
    gap[rows] = False
    assert (confidence[gap] == 0).all()
    assert person.keypoints3d is not None
    assert person.keypoints3d.frame == "root"
    box = take.tracks[0].tracks[0].box[rows]
    x = person.keypoints2d[0].position[0, rows, :, 0]
    inside = (x > box[:, :1] - 20) & (x < box[:, 2:3] + 20)
    assert inside.mean() > 0.99


def test_options_and_names(files: dict[str, Path]) -> None:
    with pytest.raises(InputError, match="no use for --body"):
        read_output(files["mmpose"], options=Options(body="SMPL.npz"))
    with pytest.raises(InputError, match="no use for --up"):
        read_output(files["phalp"], options=Options(up="z"))
    with pytest.raises(FormatError, match="no format 'vicon'"):
        read_output(files["mmpose"], format="vicon")
    for name, other in SAME_AS.items():
        assert read_output(files[other], format=name).people
    take = read_output(files["phalp"], options=Options(frame_rate=25))
    assert take.time[1] == pytest.approx(0.04)
    for name in FORMATS:
        if name.split("-")[0] != "wham":
            with pytest.raises((FormatError, NothingFoundError)):
                read_output(files["wham"], format=name)


@pytest.mark.parametrize("kind", ["empty", "nobody", "unknown", "text"])
def test_files_of_nothing(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    values: dict[str, Any] = {"nobody": {"a": {"tid": [], "smpl": [], "camera": []}}}
    if kind in ("empty", "text"):
        path.write_bytes(b"" if kind == "empty" else b"hello\n")
    else:
        made.write_pickle(values.get(kind, {"a": 1}), path)
    with pytest.raises((FormatError, NothingFoundError)):
        read_output(path)


def test_missing_rows_are_missing(tmp_path: Path) -> None:
    people = made.wham_people()
    (person,) = people.values()
    person["pose_world"][2, 5] = np.nan
    person["trans_world"][4] = np.inf
    take = read_output(made.write_joblib(people, tmp_path / "a.pkl"))
    motion = take.people[0].motion
    assert motion is not None
    assert motion.confidence[0].tolist() == [1, 1, 0, 1, 0, 1]
    assert np.isnan(motion.T_world_root[0, [2, 4]]).all()
    assert np.isnan(motion.R_parent_joint[0, [2, 4]]).all()


def test_a_person_twice_in_a_frame_and_matrices_that_are_none(tmp_path: Path) -> None:
    people = made.wham_people()
    next(iter(people.values()))["frame_ids"][1] = 2
    with pytest.raises(FormatError, match="twice"):
        read_output(made.write_joblib(people, tmp_path / "a.pkl"))
    frames = made.phalp_frames()
    frames["img/000003.jpg"]["smpl"][0]["body_pose"] *= 2
    with pytest.raises(FormatError, match="no rotations"):
        read_output(made.write_joblib(frames, tmp_path / "a.pkl"))


def test_fields_of_other_shapes_are_named(tmp_path: Path) -> None:
    for key in ("pose", "trans", "betas"):
        people = made.wham_people()
        next(iter(people.values()))[key] = np.zeros((2, 5))
        with pytest.raises(FormatError, match=key):
            read_output(made.write_joblib(people, tmp_path / "a.pkl"), format="wham-camera")


# ------------------------------------------------------------------ torch


class Payload:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_torch_files_run_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "executed"
    torch.save({"smpl_params_global": Payload(trace)}, tmp_path / "a.pt")
    with pytest.raises(FormatError, match="torch"):
        read_output(tmp_path / "a.pt")
    assert not trace.exists()


def test_tensors_larger_than_their_storage(tmp_path: Path) -> None:
    """Steps of zero: 16 bytes that claim to be four terabytes."""
    huge = torch.zeros(4).as_strided((10**6, 10**6), (0, 0))
    torch.save({"smpl_params_global": {"body_pose": huge}}, tmp_path / "a.pt")
    with pytest.raises(FormatError, match="storage"):
        read_output(tmp_path / "a.pt")


def test_packed_torch_files_are_refused(tmp_path: Path) -> None:
    import zipfile

    torch.save(made.gvhmr_results(), tmp_path / "a.pt")
    with (
        zipfile.ZipFile(tmp_path / "a.pt") as good,
        zipfile.ZipFile(tmp_path / "b.pt", "w", zipfile.ZIP_DEFLATED) as bad,
    ):
        for name in good.namelist():
            bad.writestr(name, good.read(name))
    with pytest.raises(FormatError, match="packed"):
        read_output(tmp_path / "b.pt")


# ------------------------------------------------------------------ hostile


def attempt(path: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read_output(path)
        except InputError:
            return "refused"
    return "read"


def damage(good: bytes, path: Path, rounds: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(rounds):
        bad = bytearray(good)
        for k in rng.integers(0, len(bad), rng.integers(1, 5)):
            bad[k] = rng.integers(0, 256)
        path.write_bytes(bytes(bad))
        attempt(path)


def test_person_lists(files: dict[str, Path]) -> None:
    take = read_output(files["person-lists"])
    check_body(take, axes=CAMERA_TO_WORLD, position=made.PLACE)
    assert (take.people[0].start, take.people[0].num_frames) == (1, made.NUM_FRAMES - 1)


@pytest.mark.parametrize("name", [name for name, each in FORMATS.items() if each.recognise])
def test_truncated_files(files: dict[str, Path], name: str, tmp_path: Path) -> None:
    good, path = files[name].read_bytes(), tmp_path / "a"
    for share in (0.0, 0.01, 0.3, 0.7, 0.95):
        path.write_bytes(good[: int(len(good) * share)])
        assert attempt(path) == "refused"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name, each in FORMATS.items() if each.recognise])
def test_damaged_files(files: dict[str, Path], name: str, tmp_path: Path) -> None:
    damage(files[name].read_bytes(), tmp_path / "a", 50, seed=1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name, each in FORMATS.items() if each.recognise])
def test_much_damaged_files(files: dict[str, Path], name: str, tmp_path: Path) -> None:
    damage(files[name].read_bytes(), tmp_path / "a", 200, seed=2)


JUNK: list[Any] = [
    None, [], {}, "x", 3, -1, [[]], {"a": 1}, np.zeros(0), np.zeros((2, 2)), np.array("x"),
    np.full((6, 72), 1e30), np.array([None]), True, 10**30, np.array(["a", "b"]), [None] * 6,
]  # fmt: skip


def replace_somewhere(value: Any, rng: np.random.Generator) -> Any:
    """The same structure with one thing in it exchanged for junk."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        keys = list(value)
        key = keys[rng.integers(len(keys))]
        return {**value, key: replace_somewhere(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.85:
        row = int(rng.integers(len(value)))
        return [*value[:row], replace_somewhere(value[row], rng), *value[row + 1 :]]
    return JUNK[rng.integers(len(JUNK))]


def documents() -> dict[str, Any]:
    return {
        "phalp": made.phalp_frames(),
        "wham": made.wham_people(),
        "glamr": made.glamr_results(),
        "vibe": made.vibe_people(),
        "person-lists": made.person_lists(),
        "romp": {"results": {f"{t}": made.romp_frame(t) for t in range(3)}},
        "gvhmr": {
            key: {k: v.numpy() for k, v in table.items()} if isinstance(table, dict) else table
            for key, table in made.gvhmr_results().items()
        }
        | {"K_fullimg": made.gvhmr_results()["K_fullimg"].numpy()},
        "sam3d-body": [made.sam3d_people(t) for t in range(3)],
        "mmpose": [
            {"frame_id": t, "instances": made.mmpose_instances(t)} for t in range(made.NUM_FRAMES)
        ],
        "alphapose": made.alphapose_rows(),
        "detectron2": {
            "kp2d": np.ones((4, 17, 3)), "bbox": np.ones((4, 5)), "wh": np.array([64, 48]),
        },
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name, each in FORMATS.items() if each.recognise])
def test_sound_files_of_wrong_things(name: str) -> None:
    """What arrives is well-formed, but somewhere is something else."""
    from marey.datasets.outputs.formats import read_document_as

    rng, document, outcomes = np.random.default_rng(0), documents()[name], set()
    for _ in range(150):
        try:
            read_document_as(name, replace_somewhere(document, rng), Path("a.pkl"), Options())
            outcomes.add("read")
        except InputError:
            outcomes.add("refused")
    assert "refused" in outcomes
