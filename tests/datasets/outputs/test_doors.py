"""Other programs' results through the command line: import, info, evaluate, solve."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marey import cli
from marey.datasets.outputs.formats import FORMATS
from marey.evaluate import PoseSequence, PoseSet, write_poses
from marey.io.take import read_take
from tests.body.files import random_body, write_npz
from tests.datasets.outputs import layouts as made

NAMES = [name for name, each in FORMATS.items() if each.recognise]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return made.write_all(tmp_path_factory.mktemp("outputs"))


def run(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    cli.main([str(word) for word in words])
    return capsys.readouterr().out


def fail(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    with pytest.raises(SystemExit) as stop:
        cli.main([str(word) for word in words])
    assert stop.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_import(
    files: dict[str, Path], name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = run(capsys, "import", files[name], "-o", tmp_path / "a.take")
    assert "frames" in said
    assert "30 frames per second, assumed" in said
    assert ("rest pelvis" in said) == (name in ("wham", "gvhmr", "person-lists"))
    take = read_take(tmp_path / "a.take")
    assert take.people
    # Through what a take is written as, too.
    assert run(capsys, "info", tmp_path / "a.take")


@pytest.mark.parametrize("name", NAMES)
def test_info(files: dict[str, Path], name: str, capsys: pytest.CaptureFixture[str]) -> None:
    plain = json.loads(run(capsys, "info", files[name], "--json"))
    assert plain["kind"] == FORMATS[name].title
    assert plain["people"]
    assert plain["frames"] in (3, made.NUM_FRAMES, made.NUM_FRAMES + 2)


def test_info_tells_bodies_from_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made.write_pickle({"a": 1}, tmp_path / "a.pkl")
    assert "no body model" in fail(capsys, "info", tmp_path / "a.pkl")
    made.write_joblib({"a": np.ones(3)}, tmp_path / "b.pkl")
    assert "of no program" in fail(capsys, "info", tmp_path / "b.pkl")


def test_the_format_is_told_or_forced(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unnamed = tmp_path / "results.bin"
    unnamed.write_bytes(files["wham"].read_bytes())
    assert ".npy, .pkl" in fail(capsys, "import", unnamed, "-o", tmp_path / "a.take")
    run(capsys, "import", unnamed, "-o", tmp_path / "a.take", "--format", "wham-camera")
    assert "camera" in read_take(tmp_path / "a.take").provenance["import"]["axes"]
    said = fail(capsys, "import", unnamed, "-o", tmp_path / "b.take", "--format", "vicon")
    assert "no format 'vicon'" in said
    run(
        capsys, *("import", files["mmpose"], "-o", tmp_path / "c.take"),
        *("--fps", "25", "--size", "640", "480"),
    )  # fmt: skip
    take = read_take(tmp_path / "c.take")
    assert take.clips[0].size == (640, 480)
    assert take.time[1] == pytest.approx(0.04)


def test_io_formats_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of MediaPipe under any name."""
    landmarks = np.random.default_rng(0).uniform(0, 1, (4, 33, 4))
    np.savez(tmp_path / "a.npz", keypoints=landmarks, wh=np.array([640, 480]))
    (tmp_path / "a.npz").rename(tmp_path / "a.arrays")
    run(
        capsys,
        *("import", tmp_path / "a.arrays", "-o", tmp_path / "a.take", "--format", "mediapipe"),
    )
    assert read_take(tmp_path / "a.take").people[0].keypoints2d[0].skeleton.name == "blazepose-33"


def test_a_body_puts_the_root_where_it_is(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = write_npz(tmp_path / "SMPL.npz", random_body("smpl"))
    said = run(capsys, "import", files["wham"], "-o", tmp_path / "a.take", "--body", body)
    assert "rest pelvis" not in said
    motion = read_take(tmp_path / "a.take").people[0].motion
    assert motion is not None
    assert motion.body == str(body)


def truth_of_joints(path: Path, joints: np.ndarray, skeleton: str, name: str) -> Path:
    sequence = PoseSequence(
        name=name, frame=np.arange(len(joints)), position=joints[None], frame_rate=30.0
    )
    write_poses(PoseSet(skeleton=skeleton, unit="m", sequences=(sequence,)), path)
    return path


def test_evaluate_measures_stated_joints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Predictions of VIBE, whose truth is 20 mm away at one joint in 14: exactly known errors."""
    people = made.vibe_people()
    predictions = made.write_joblib(people, tmp_path / "clip.pkl")
    true = people[1]["joints3d"].copy()
    true[:, 38, 2] += 0.028
    truth = truth_of_joints(tmp_path / "truth.npz", true, "spin-49", "clip")
    said = run(
        capsys, "evaluate", predictions, truth, *("--protocol", "3dpw", "-o", tmp_path / "r"),
        "--json",
    )  # fmt: skip
    assert json.loads(said)["metrics"]["MPJPE"] == pytest.approx(2.0, abs=1e-3)
    forced = run(
        capsys, "evaluate", predictions, truth, *("--protocol", "3dpw", "-o", tmp_path / "s"),
        *("--format", "vibe"), "--json",
    )  # fmt: skip
    assert json.loads(forced)["metrics"] == json.loads(said)["metrics"]


def place_joints(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Where WHAM's world puts the 24 joints of a shaped body: forward kinematics, plainly."""
    person = next(iter(made.wham_people().values()))
    rest = arrays["J_regressor"] @ (arrays["v_template"] + arrays["shapedirs"] @ made.BETAS)
    parents = arrays["kintree_table"][0]
    result = np.zeros((made.NUM_FRAMES, 24, 3))
    for t in range(made.NUM_FRAMES):
        local = Rotation.from_rotvec(person["pose_world"][t].reshape(24, 3)).as_matrix()
        turn, place = [local[0]], [rest[0] + person["trans_world"][t]]
        for joint in range(1, 24):
            parent = int(parents[joint])
            turn.append(turn[parent] @ local[joint])
            place.append(place[parent] + turn[parent] @ (rest[joint] - rest[parent]))
        result[t] = place
    return result[..., [0, 2, 1]] * [1, -1, 1]  # +Y up becomes +Z up


def test_evaluate_poses_the_licensed_body(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """WHAM states no joints: with the body they are where its kinematics puts them."""
    arrays = random_body("smpl")
    truth = tmp_path / "truth.npz"
    sequence = PoseSequence(
        name="wham", frame=np.arange(2, 2 + made.NUM_FRAMES), position=place_joints(arrays)[None],
        frame_rate=30.0,
    )  # fmt: skip
    write_poses(PoseSet(skeleton="smpl-24", unit="m", sequences=(sequence,)), truth)
    words = ("evaluate", files["wham"], truth, "--protocol", "emdb-1-draft", "-o", tmp_path / "r")
    assert "SMPL_NEUTRAL.npz" in fail(capsys, *words)
    assert not (tmp_path / "r").exists()
    (tmp_path / "bodies").mkdir()
    write_npz(tmp_path / "bodies" / "SMPL_NEUTRAL.npz", arrays)
    said = run(capsys, *words, "--smpl-dir", tmp_path / "bodies", "--json")
    assert json.loads(said)["metrics"]["MPJPE"] == pytest.approx(0, abs=1e-2)


def test_evaluate_keypoints_of_detectors(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = np.stack([[made.person2d(t, n)[0] for t in range(made.NUM_FRAMES)] for n in range(2)])
    sequence = PoseSequence(
        name="alphapose", frame=np.arange(made.NUM_FRAMES), position=points + 0.5,
        confidence=np.ones(points.shape[:3]), frame_rate=30.0,
        box=np.concatenate([points.min(2), points.max(2)], -1),
    )  # fmt: skip
    truth = tmp_path / "truth.npz"
    write_poses(PoseSet(skeleton="coco-17", unit="px", sequences=(sequence,)), truth)
    said = run(
        capsys, "evaluate", files["alphapose"], truth, "--protocol", "posetrack-draft",
        "-o", tmp_path / "r", "--json",
    )  # fmt: skip
    metrics = json.loads(said)["metrics"]
    assert metrics["MOTA (OKS 0.5)" if "MOTA (OKS 0.5)" in metrics else "MOTA"] > 0.9


def test_damaged_files_are_one_sentence(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in NAMES:
        good = files[name]
        bad = tmp_path / good.name
        bad.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
        for command in (("info", bad), ("import", bad, "-o", tmp_path / "a.take")):
            said = fail(capsys, *command)
            assert said.startswith("marey: ")
            assert good.name in said
            assert said.count("\n") == 1
        assert not (tmp_path / "a.take").exists()
