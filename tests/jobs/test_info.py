"""`marey info`: every kind of file is described truly, and everything else in one sentence."""

import io
import json
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from marey import cli
from marey.assets import find_asset
from marey.core import Keypoints3D, Rig, Skeleton
from marey.core.errors import FormatError, InputError, MareyError
from marey.core.motion import BodyMotion
from marey.io._orientation import Orientation
from marey.io.amass import write_amass
from marey.io.bvh import write_bvh
from marey.io.c3d import write_c3d
from marey.io.coco import write_coco
from marey.io.gltf import write_gltf
from marey.io.openpose import write_openpose
from marey.io.trc import write_trc
from marey.io.video.facts import explain_orientation
from marey.jobs.info import Description, Fact, Table, describe_file, show_file
from marey.jobs.info.phrases import say_clock
from tests.fixtures.golden_take import RIG, TIME, make_take
from tests.io.clips import make_video

GOLD = Path(__file__).parents[1] / "fixtures" / "version-1.take"


def plain(path: Path) -> dict:
    """Describe a file and send the description through JSON."""
    return json.loads(json.dumps(describe_file(path).to_plain()))


def screen(capsys, path: Path) -> str:
    show_file(path)
    return capsys.readouterr().out


def make_motion(num_frames: int = 5, body: str | Rig = "marey-h") -> BodyMotion:
    num_joints = 51 if isinstance(body, str) else len(body.joints)
    root = np.tile(np.array([1, 0, 0, 0, 0, 0, 0.9], np.float32), (1, num_frames, 1))
    pose = np.zeros((1, num_frames, num_joints, 4), np.float32)
    pose[..., 0] = 1
    return BodyMotion(
        body=body,
        people=("Anna",),
        time=np.arange(num_frames) / 25,
        shape=np.zeros((1, 10 if isinstance(body, str) else 0), np.float32),
        T_world_root=root,
        R_parent_joint=pose,
        confidence=np.ones((1, num_frames), np.float32),
    )


# Recordings.


def test_a_video_of_constant_rate(tmp_path, capsys):
    path = make_video(tmp_path / "clip.mp4", np.arange(30) / 25, size=(64, 48))
    found = plain(path)
    assert found["kind"] == "video"
    assert found["size_px"] == [64, 48]
    assert found["frames"] == 30
    assert found["frame_rate"] == pytest.approx(25)
    assert found["frame_rate_varies"] is False
    assert found["duration_s"] == pytest.approx(1.2)
    assert found["codec"].startswith("h264")
    assert (found["rotation_deg"], found["mirrored"], found["sound"]) == (0, False, [])
    assert found["on_disk_bytes"] == path.stat().st_size
    assert found["warnings"] == []
    assert "25 per second" in screen(capsys, path)


def test_a_video_of_variable_rate_says_so(tmp_path, capsys):
    path = make_video(tmp_path / "clip.mkv", [0, 0.04, 0.08, 0.28, 0.32, 0.36])
    found = plain(path)
    assert found["frame_rate_varies"] is True
    assert "variable: mostly 25 per second, 5 to 25" in screen(capsys, path)


def test_a_turned_video_says_how_it_is_stored(tmp_path):
    # FFmpeg counts counterclockwise, people clockwise.
    path = make_video(tmp_path / "phone.mp4", [0, 0.04], rotation=(90, False, False))
    found = plain(path)
    assert found["rotation_deg"] == 270
    assert found["size_px"] == [48, 64]
    assert found["stored_size_px"] == [64, 48]


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("columns", [False, True])
def test_an_orientation_is_a_turn_and_perhaps_a_mirror(transpose, rows, columns):
    """The words must do to a picture what the flags do."""
    orientation = Orientation(transpose=transpose, flip_rows=rows, flip_columns=columns)
    degrees, mirrored = explain_orientation(orientation)
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    turned = np.rot90(image, -degrees // 90)
    expected = turned[:, ::-1] if mirrored else turned
    np.testing.assert_array_equal(orientation.apply(image), expected)


def test_images_and_folders_of_them(tmp_path):
    folder = tmp_path / "Bilder 舞"
    folder.mkdir()
    for number in range(3):
        cv2.imencode(".png", np.zeros((20, 30, 3), np.uint8))[1].tofile(folder / f"{number}.png")
    found = plain(folder)
    assert (found["kind"], found["images"]) == ("folder of images", 3)
    assert (found["size_px"], found["formats"]) == ([30, 20], [".png"])
    assert plain(folder / "0.png")["kind"] == "image"


def test_the_name_does_not_matter_if_the_content_is_a_video(tmp_path):
    path = make_video(tmp_path / "clip.mp4", [0, 0.04])
    assert plain(path.rename(tmp_path / "clip.dat"))["kind"] == "video"


# Takes.


def test_a_take(capsys):
    found = plain(GOLD)
    assert found["kind"] == "take"
    assert found["frames"] == len(TIME)
    assert [person["name"] for person in found["people"]] == ["Anna Ü", "robot"]
    anna, robot = found["people"]
    assert (anna["frames"], anna["motion"]) == ([1, 4], "marey-h")
    # She is missing in one of her four frames.
    assert anna["present"] == 0.75
    assert robot["motion"] == "rig arm"
    assert [camera["name"] for camera in found["cameras"]] == ["front", "left side"]
    # 640 px wide at 600.3 px: 2 atan(320 / 600.3).
    assert found["cameras"][0]["fov_deg"] == pytest.approx(56.1, abs=0.1)
    assert found["made_by_fit"]["body"] == "marey-h 1"
    assert any("no longer there" in warning for warning in found["warnings"])
    printed = screen(capsys, GOLD)
    assert "people (2)" in printed
    assert "Anna Ü" in printed
    assert "56 degrees" in printed


def test_a_take_is_described_without_torch():
    # None in sys.modules makes every `import torch` fail.
    code = "import sys; sys.modules['torch'] = None; from marey.jobs.info import show_file as show"
    command = [sys.executable, "-c", f"{code}; show(sys.argv[1])", str(GOLD)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(f"{GOLD}"[:40])


def test_a_folder_that_only_calls_itself_a_take(tmp_path):
    (tmp_path / "empty.take").mkdir()
    with pytest.raises(FormatError, match="is not a take"):
        describe_file(tmp_path / "empty.take")


def test_a_long_list_of_people_stays_on_one_screen(capsys):
    rows = tuple((Fact("name", f"person {n}"), Fact("motion", None, "none")) for n in range(25))
    from marey.jobs.info.screen import Console, render

    table = Table(name="people", rows=rows)
    description = Description(path=GOLD, kind="take", facts=(), tables=(table,))
    Console().print(render(description))
    printed = capsys.readouterr().out
    assert "person 9" in printed
    assert "person 10" not in printed
    assert "and 15 more; --json lists all" in printed
    # A column that says "none" for everybody is left out.
    assert "motion" not in printed
    assert len(description.to_plain()["people"]) == 25


# Motions, points and keypoints.


def test_amass(tmp_path):
    write_amass(make_motion(), tmp_path / "walk.npz")
    found = plain(tmp_path / "walk.npz")
    assert found["kind"] == "AMASS sequence"
    assert (found["frames"], found["joints"], found["body"]) == (5, 51, "marey-h")
    assert found["frame_rate"] == pytest.approx(25)
    assert "gender" in found["also"]


def test_bvh_plain_and_gzipped(tmp_path):
    import gzip

    write_bvh(make_motion(), tmp_path / "walk.bvh")
    (tmp_path / "walk.bvh.gz").write_bytes(gzip.compress((tmp_path / "walk.bvh").read_bytes()))
    found, packed = plain(tmp_path / "walk.bvh"), plain(tmp_path / "walk.bvh.gz")
    assert (found["kind"], found["frames"]) == ("BVH motion", 5)
    assert found["frame_rate"] == pytest.approx(25, rel=1e-3)
    assert found["root"] == "pelvis"
    same = ("kind", "frames", "joints", "longest_bone_m", "duration_s")
    assert {key: found[key] for key in same} == {key: packed[key] for key in same}


def test_glb_of_marey(tmp_path):
    write_gltf(make_motion(), tmp_path / "walk.glb", mesh="bones")
    found = plain(tmp_path / "walk.glb")
    assert found["kind"] == "GLB of marey"
    assert (found["frames"], found["people"], found["joints"]) == (5, ["Anna"], 51)
    assert found["warnings"] == []


def make_points() -> Keypoints3D:
    """Two points over four frames; one is missing once."""
    skeleton = Skeleton(name="stick", keypoints=("top", "foot"), edges=(), mirror=(0, 1))
    position = np.zeros((1, 4, 2, 3), np.float32)
    position[..., 0, 2], position[0, 2, 1] = 1.5, np.nan
    return Keypoints3D(
        skeleton=skeleton,
        people=("Anna",),
        time=np.arange(4) / 50,
        position=position,
        confidence=np.isfinite(position[..., 0]).astype(np.float32),
        frame="world",
    )


@pytest.mark.parametrize(("write", "suffix"), [(write_trc, "trc"), (write_c3d, "c3d")])
def test_points_in_space(tmp_path, write, suffix):
    write(make_points(), tmp_path / f"stick.{suffix}")
    found = plain(tmp_path / f"stick.{suffix}")
    assert found["kind"] == f"{suffix.upper()} points"
    assert (found["frames"], found["points"]) == (4, ["top", "foot"])
    assert found["frame_rate"] == pytest.approx(50, rel=1e-3)
    assert found["present"] == 7 / 8
    np.testing.assert_allclose(found["bounds_m"], [[0, 0, 0], [0, 0, 1.5]], atol=1e-3)


def write_glb(path: Path, text: bytes, *, length: int | None = None) -> Path:
    size = len(text) if length is None else length
    path.write_bytes(struct.pack("<IIIII", 0x46546C67, 2, 20 + len(text), size, 0x4E4F534A) + text)
    return path


def test_glb_of_another_program(tmp_path, capsys):
    parts = {
        "asset": {"version": "2.0", "generator": "Some Tool"},
        "nodes": [{}, {}],
        "animations": [{"name": "run\x1b[31m", "channels": [{}, {}, {}]}],
    }
    path = write_glb(tmp_path / "foreign.glb", json.dumps(parts).encode())
    found = plain(path)
    assert (found["kind"], found["made_by"]) == ("GLB of another program", "Some Tool")
    assert found["nodes"] == 2
    assert found["animations"] == [{"name": "run\x1b[31m", "channels": 3}]
    # What a terminal would obey is not printed.
    assert "\x1b" not in screen(capsys, path)


def test_coco_and_openpose(tmp_path):
    take = make_take()
    write_coco(take, tmp_path / "keypoints.json")
    write_openpose(take, tmp_path / "frames")
    found = plain(tmp_path / "keypoints.json")
    assert found["kind"] == "COCO keypoints"
    assert found["people"][0]["name"] == "Anna Ü"
    assert plain(tmp_path / "frames")["kind"] == "OpenPose keypoints"


def test_mediapipe(tmp_path):
    landmarks = np.full((4, 33, 4), 0.5)
    np.savez(tmp_path / "landmarks.npz", landmarks=landmarks, wh=[640, 480], fps=20.0)
    found = plain(tmp_path / "landmarks.npz")
    assert (found["kind"], found["size_px"]) == ("MediaPipe landmarks", [640, 480])
    assert found["frame_rate"] == pytest.approx(20)
    assert "clips" not in found


# Tables.


def test_a_csv_table(tmp_path, capsys):
    path = tmp_path / "joints.csv"
    path.write_text('frame,person,"joint, name",x\n0,anna,pelvis,1.0\n1,anna,pelvis,1.1')
    found = plain(path)
    assert (found["kind"], found["rows"]) == ("CSV table", 2)
    assert found["columns"] == ["frame", "person", "joint, name", "x"]
    assert "lacks time_s, joint, x_m, y_m, z_m" in found["warnings"][0]
    assert "4: frame, person" in screen(capsys, path)


def test_a_csv_table_of_joints(tmp_path):
    path = tmp_path / "joints.csv"
    path.write_text("person,frame,time_s,joint,x_m,y_m,z_m\n" + "anna,0,0.0,pelvis,0,0,1\n" * 7)
    found = plain(path)
    assert (found["kind"], found["rows"]) == ("CSV table of joints", 7)
    assert found["warnings"] == []


def test_a_parquet_table(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(
        pyarrow.table({"frame": [0, 1, 2], "x": [0.1, 0.2, 0.3]}), tmp_path / "t.parquet"
    )
    found = plain(tmp_path / "t.parquet")
    assert (found["rows"], found["columns"]) == (3, ["frame", "x"])


# Bodies and networks.


def test_the_shipped_body():
    assets = find_asset("demo", "balance.mp4").parents[1]
    found = plain(assets / "marey-h" / "body_light.npz")
    assert (found["kind"], found["vertices"], found["triangles"]) == ("body model", 2965, 5918)
    assert found["joints"] == 51
    assert found["pose_blend_shapes"] is False


def test_a_network():
    found = plain(find_asset("hand-landmarks"))
    assert found["kind"] == "ONNX network"
    assert found["inputs"] == [
        {"name": "image", "type": "tensor(uint8)", "shape": ["N", 224, 224, 3]}
    ]
    assert [end["name"] for end in found["outputs"]] == [
        "landmarks",
        "score",
        "handedness",
        "world",
    ]


TENSORS = {
    "__metadata__": {"format": "pt"},
    "layer.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    "scale": {"dtype": "F32", "shape": [], "data_offsets": [24, 28]},
}


def write_safetensors(path: Path, header: object, *, room: int = 28) -> Path:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(room))
    return path


def test_safetensors(tmp_path, capsys):
    path = write_safetensors(tmp_path / "network.safetensors", TENSORS)
    found = plain(path)
    assert (found["tensors"], found["numbers"], found["notes"]) == (2, 7, {"format": "pt"})
    assert found["weights"][0] == {"name": "layer.weight", "type": "F32", "shape": [2, 3]}
    assert "2 x 3" in screen(capsys, path)


@pytest.mark.parametrize(
    "header",
    [
        [],
        {"a": 1},
        {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 99]}},
        {"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}},
        {"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}},
        {"a": {"dtype": "F32", "shape": "many", "data_offsets": [0, 4]}},
        {"a": {"dtype": "F32", "shape": [10**30], "data_offsets": [0, 4]}},
    ],
)
def test_safetensors_that_lie_are_refused(tmp_path, header):
    with pytest.raises(FormatError, match=r"network\.safetensors"):
        describe_file(write_safetensors(tmp_path / "network.safetensors", header))


def test_a_header_that_promises_too_much_is_not_read(tmp_path):
    path = tmp_path / "huge.safetensors"
    path.write_bytes(struct.pack("<Q", 2**60) + bytes(100))
    with pytest.raises(FormatError, match="cut short"):
        describe_file(path)
    with pytest.raises(FormatError, match="not a GLB file"):
        describe_file(write_glb(tmp_path / "huge.glb", b"{}", length=2**31))


def make_targets(folder: Path) -> list[Path]:
    """One small sound file of every kind that has a parser of its own here."""
    write_gltf(make_motion(body=RIG), folder / "a.glb")
    np.savez(folder / "a.npz", poses=np.zeros((4, 156)), trans=np.zeros((4, 3)), mocap_framerate=30)
    return [
        write_safetensors(folder / "a.safetensors", TENSORS),
        folder / "a.glb",
        folder / "a.npz",
    ]


@pytest.mark.parametrize(
    "seed", [*range(10), *(pytest.param(s, marks=pytest.mark.slow) for s in range(10, 200))]
)
def test_damaged_files_end_in_one_sentence(tmp_path, seed, capsys):
    rng = np.random.default_rng(seed)
    for path in make_targets(tmp_path):
        content = bytearray(path.read_bytes())
        for _ in range(rng.integers(1, 8)):
            content[rng.integers(min(len(content), 600))] = rng.integers(256)
        path.write_bytes(content[: rng.integers(1, len(content) + 1)] if seed % 3 == 0 else content)
        try:
            show_file(path)
        except MareyError as error:
            assert error.exit_code == 2
            assert path.name in str(error)
            assert "\n" not in str(error)


def spoil_member(path: Path, arrays: dict[str, np.ndarray], rng: np.random.Generator) -> Path:
    """Write an .npz file whose checksums are right and one of whose array headers is wrong."""
    victim = rng.choice(sorted(arrays))
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            memory = io.BytesIO()
            np.save(memory, array)
            content = bytearray(memory.getvalue())
            if name == victim:
                for _ in range(rng.integers(1, 4)):
                    content[rng.integers(128)] = rng.integers(256)
            archive.writestr(f"{name}.npy", bytes(content))
    return path


@pytest.mark.parametrize("seed", range(10))
def test_damaged_headers_of_arrays_end_in_one_sentence(tmp_path, seed):
    rng = np.random.default_rng(seed)
    light = find_asset("demo", "balance.mp4").parents[1] / "marey-h" / "body_light.npz"
    amass = {"poses": np.zeros((4, 156)), "trans": np.zeros((4, 3)), "mocap_framerate": np.ones(())}
    body = dict(np.load(light))
    for number in range(5):
        for name, arrays in (("amass", amass), ("body", body)):
            path = spoil_member(tmp_path / f"{name}{number}.npz", arrays, rng)
            try:
                describe_file(path)
            except MareyError as error:
                assert "\n" not in str(error)


# What marey does not know.


def test_unknown_kinds_name_the_known_ones(tmp_path):
    (tmp_path / "scene.blend").write_bytes(b"BLENDER")
    with pytest.raises(InputError) as stop:
        describe_file(tmp_path / "scene.blend")
    assert str(stop.value).replace(str(tmp_path), "") == (
        "/scene.blend is of no kind that marey knows; it reads videos, images and folders of them, "
        ".take folders, .bvh, .glb, .npz (AMASS, MediaPipe, bodies), .trc, .c3d, .json (COCO), "
        "folders of OpenPose, .npy (MediaPipe), .csv, .parquet, .pkl (bodies), .onnx and "
        ".safetensors, other programs' results (.pkl, .pt, .npz, .json), and corpora "
        "(docs/datasets.md)"
    )


def make_nothing(folder: Path) -> Path:
    return folder / "nothing.bvh"


def make_empty_file(folder: Path) -> Path:
    (folder / "empty.bvh").touch()
    return folder / "empty.bvh"


def make_empty_folder(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def make_strange_folder(folder: Path) -> Path:
    (folder / "strange").mkdir()
    (folder / "strange" / "a.txt").write_text("words")
    return folder / "strange"


def make_strange_npz(folder: Path) -> Path:
    np.savez(folder / "other.npz", a=np.zeros(3), b=np.zeros(3))
    return folder / "other.npz"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (make_nothing, "/nothing.bvh does not exist; check the spelling of the path"),
        (make_empty_file, "/empty.bvh is empty (0 bytes); copy or export it again"),
        (make_empty_folder, "the folder /empty is empty; give one with images or a take"),
        (
            make_strange_folder,
            "the folder /strange holds nothing that marey knows; it reads videos",
        ),
        (make_strange_npz, "/other.npz holds a, b; of .npz files marey reads AMASS sequences"),
    ],
)
def test_messages(tmp_path, make, sentence):
    with pytest.raises(InputError) as stop:
        describe_file(make(tmp_path))
    assert str(stop.value).replace(str(tmp_path), "").startswith(sentence)
    assert "\n" not in str(stop.value)


# Clocks.


def test_one_frame_has_no_rate():
    assert [fact.name for fact in say_clock(np.array([0.5]))] == ["frames"]


def test_milliseconds_do_not_make_a_rate_variable():
    # 29.97 frames per second as a container with whole milliseconds keeps them.
    facts = {fact.name: fact for fact in say_clock(np.round(np.arange(300) / 29.97, 3))}
    assert facts["frame_rate_varies"].value is False


# Real files.


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("pose2sim_single/Balancing_for_IK.trc", "TRC points"),
        ("videos/openpose_street.avi", "video"),
        ("images/dancing_sam3d.jpg", "image"),
        ("amass_samples/amass_sample.npz", "AMASS sequence"),
        ("bandai_namco/dataset-1_bow_normal_001.bvh", "BVH motion"),
        ("coco_wholebody/test_coco_wholebody.json", "COCO keypoints"),
        ("blazepose_detections/phalp_run.npz", "MediaPipe landmarks"),
    ],
)
def test_real_files(shared, name, kind):
    assert plain(shared / "data" / name)["kind"] == kind


# The command.


def test_the_command(capsys):
    cli.main(["info", str(GOLD), "--json"])
    assert json.loads(capsys.readouterr().out)["kind"] == "take"
    with pytest.raises(SystemExit) as stop:
        cli.main(["info", "nothing.bvh"])
    assert stop.value.code == 2
    assert capsys.readouterr().err == (
        "marey: nothing.bvh does not exist; check the spelling of the path\n"
    )
