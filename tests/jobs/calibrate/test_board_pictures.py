"""Pictures of several cameras are of one moment if they have one number."""

from pathlib import Path

import pytest

from marey.jobs.calibrate.board_pictures import look_for_board
from tests.capture.rig.test_board import film
from tests.jobs.calibrate.test_people import BOARD, write_pictures


def test_a_picture_that_one_camera_lacks(tmp_path: Path):
    pictures = film(BOARD, count=5)
    left = write_pictures(tmp_path / "left", pictures)
    right = write_pictures(tmp_path / "right", pictures)
    (right / "001.png").unlink()
    said: list[str] = []
    one, other = look_for_board([left, right], BOARD, progress=lambda done: None, note=said.append)
    assert [view.moment for view in one.views] == [0, 1, 2, 3, 4]
    assert [view.moment for view in other.views] == [0, 2, 3, 4]
    for view in other.views:
        same = next(own for own in one.views if own.moment == view.moment)
        assert view.image == pytest.approx(same.image)
    assert not said


def test_cameras_that_count_on_their_own_are_matched_by_place(tmp_path: Path):
    pictures = film(BOARD, count=3)
    left = write_pictures(tmp_path / "left", pictures)
    right = write_pictures(tmp_path / "right", pictures)
    for number in range(3):
        (right / f"{number:03d}.png").rename(right / f"DSC_{4711 + number}.png")
    said: list[str] = []
    seen = look_for_board([left, right], BOARD, progress=lambda done: None, note=said.append)
    assert [[view.moment for view in own.views] for own in seen] == [[0, 1, 2]] * 2
    assert "not numbered alike" in said[0]
