"""`marey calibrate` from files: boards, options, what is written and said."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from marey.capture.rig.board import Board
from marey.cli import read
from marey.core.errors import InputError, MareyError, NothingFoundError, OutputExistsError
from marey.jobs.calibrate.board import calibrate_by_board
from marey.jobs.calibrate.board_description import read_board
from marey.jobs.calibrate.files import check_calibration, write_calibration
from marey.jobs.calibrate.people import PeopleOptions, assume_lenses, check_people_options
from marey.jobs.camera_files import read_cameras
from marey.synthetic import make_cameras
from marey.view.calibration import render_calibration
from tests.capture.rig.test_board import CENTRE, FOCAL, SIZE, film
from tests.capture.rig.test_calibrate import compare

BOARD = Board(square=0.035, marker=0.026)
TEXT = "charuco:7x5:0.035:0.026"


def write_pictures(folder: Path, pictures: list[np.ndarray]) -> Path:
    folder.mkdir()
    for number, picture in enumerate(pictures):
        assert cv2.imwrite(str(folder / f"{number:03d}.png"), picture)
    return folder


def test_descriptions_of_boards():
    assert read_board(TEXT) == BOARD
    assert read_board("charuco:5x7:0.04:0.03:DICT_5X5_100").dictionary == "DICT_5X5_100"
    chess = read_board("chessboard:9x7:0.03")
    assert (chess.kind, chess.columns, chess.rows, chess.square) == ("chessboard", 9, 7, 0.03)
    for text in ("", "charuco", "charuco:7x5:40:30", "chessboard:9x7:0.0.3", "aruco:7x5:1:1"):
        with pytest.raises(InputError):
            read_board(text)


def test_two_cameras_that_see_one_board(tmp_path: Path):
    """The same pictures twice: two cameras in one place."""
    pictures = film(BOARD)
    sources = [write_pictures(tmp_path / name, pictures) for name in ("left", "right")]
    said: list[str] = []
    done = calibrate_by_board(sources, TEXT, note=said.append)
    cameras = done.cameras
    assert cameras.names == ("left", "right")
    assert cameras.K[:, 0, 0] == pytest.approx(FOCAL, rel=0.01)
    assert cameras.K[:, :2, 2] == pytest.approx(np.tile(CENTRE, (2, 1)), abs=5)
    assert cameras.size.tolist() == [list(SIZE)] * 2
    np.testing.assert_allclose(cameras.T_cam_world[0], cameras.T_cam_world[1], atol=1e-3)
    assert any("Z out of it" in sentence for sentence in said)
    page = render_calibration(done.page)
    assert "From above" in page and page.count("data:image/jpeg") == 2
    assert "left" in "\n".join(done.lines)
    # Known lenses are kept.
    write_calibration(cameras, tmp_path / "calib.toml")
    again = calibrate_by_board(sources, TEXT, lenses=tmp_path / "calib.toml")
    np.testing.assert_allclose(again.cameras.K, cameras.K)


def test_boards_never_seen_together_give_lenses_only(tmp_path: Path):
    pictures = film(BOARD)
    white = [np.full((SIZE[1], SIZE[0], 3), 255, np.uint8)] * len(pictures)
    left = write_pictures(tmp_path / "left", pictures + white)
    right = write_pictures(tmp_path / "right", white + pictures)
    said: list[str] = []
    done = calibrate_by_board([left, right], TEXT, note=said.append)
    assert any("only lenses" in sentence and "same moment" in sentence for sentence in said)
    assert not done.page.placed
    assert "From above" not in render_calibration(done.page)


def test_a_board_that_is_never_found(tmp_path: Path):
    white = [np.full((SIZE[1], SIZE[0], 3), 255, np.uint8)] * 5
    source = write_pictures(tmp_path / "left", white)
    with pytest.raises(NothingFoundError, match="left: the board was found in 0 pictures"):
        calibrate_by_board([source], TEXT)


@pytest.mark.parametrize(
    "name", ["calib.toml", "calib.qca.txt", "a.colmap", "b.easymocap", "c.opencv"]
)
def test_what_is_written_is_what_solve_reads(name: str, tmp_path: Path):
    cameras = make_cameras(3)
    write_calibration(cameras, tmp_path / name)
    found = read_cameras(tmp_path / name)
    angle, apart, scale = compare(found, cameras)
    assert (angle, apart, scale) == pytest.approx((0, 0, 1), abs=1e-6)
    np.testing.assert_allclose(found.K, cameras.K)
    with pytest.raises(OutputExistsError):
        check_calibration(tmp_path / name, overwrite=False)
    check_calibration(tmp_path / name, overwrite=True)


def test_places_that_cannot_be_written(tmp_path: Path):
    with pytest.raises(InputError, match=r"calib\.toml"):
        check_calibration(tmp_path / "calib.xyz", overwrite=False)
    with pytest.raises(InputError, match="create it first"):
        check_calibration(tmp_path / "no" / "calib.toml", overwrite=False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (PeopleOptions(), "how tall"),
        (PeopleOptions(height=1.7, length=("left_knee", "left_ankle", 0.4)), "give one"),
        (PeopleOptions(height=1.7, lenses=Path("a"), refine=Path("b")), "its own lenses"),
        (PeopleOptions(height=1.7, lenses=Path("a"), fov_deg=60.0), "--fov"),
        (PeopleOptions(height=1.7, fov_deg=179.0), "field of view"),
    ],
)
def test_options_that_make_no_sense(options: PeopleOptions, words: str):
    with pytest.raises(InputError, match=words):
        check_people_options(options)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", "give the videos"),
        ("a.mp4 a.mp4 --height 1.7", "given twice"),
        ("a.mp4 b.mp4 --sfm --board charuco:7x5:0.04:0.03", "different ways"),
        ("a.mp4 b.mp4 --height 1.7 --fisheye", "--fisheye is for"),
        ("a.mp4 b.mp4 --board charuco:7x5:0.04:0.03 --height 1.7", "says its size itself"),
        ("a.mp4 b.mp4 --sfm --fov 60", "--fov has no use"),
        ("a.mp4 b.mp4 --height 1.7 -o calib.xyz", "which format"),
        ("nowhere1.mp4 nowhere2.mp4 --height 1.7", "nowhere1.mp4"),
    ],
)
def test_commands_that_are_refused(
    arguments: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MareyError, match=words):
        read(["calibrate", *arguments.split()]).run()
    assert not list(tmp_path.iterdir())


def test_the_command_writes_a_calibration_and_its_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "left", film(BOARD))
    read(["calibrate", "left", "--board", TEXT, "-o", "lens.toml", "--json"]).run()
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["written"] == ["lens.toml", "lens.html"]
    assert last["cameras"]["left"]["doubtful"] is False
    assert read_cameras("lens.toml").names == ("left",)
    assert "<svg" in (tmp_path / "lens.html").read_text(encoding="utf-8")
    with pytest.raises(OutputExistsError):
        read(["calibrate", "left", "--board", TEXT, "-o", "lens.toml"]).run()


def test_assumed_lenses_see_as_wide_as_is_said():
    from marey.jobs.calibrate.result import find_field_of_view
    from tests.jobs.test_camera_files import _clip

    cameras = assume_lenses([_clip("a.mp4", (1280, 720)), _clip("b.mp4", (720, 1280))], 60.0)
    assert [find_field_of_view(cameras, row) for row in (0, 1)] == pytest.approx([60.0, 60.0])
    assert cameras.K[1, :2, 2] == pytest.approx([360, 640])
