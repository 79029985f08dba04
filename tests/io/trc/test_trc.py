"""TRC files: a plain parser of its own as judge, Pose2Sim's real files, damage of all kinds."""

from dataclasses import replace

import numpy as np
import pytest

from marey.core.errors import FormatError, InputError, NothingFoundError, OutputExistsError
from marey.io.trc import _read as _trc_read
from marey.io.trc import read_trc, write_trc
from tests.io.marker_files import assert_same_points, check_survival, hide, make_points


def parse_plainly(path):
    """Header facts, names, rows of text: what a program of ten lines makes of a TRC file."""
    lines = path.read_text().split("\n")
    facts = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=True))
    names = lines[3].split("\t")[2::3]
    return facts, names, [line.split("\t") for line in lines[5:-1]]


def write_text(path, rows, *, unit="mm", names="Frame#\tTime\tHip\t\t\tKnee\t\t"):
    head = ["PathFileType\t4\t(X/Y/Z)\ta.trc", "DataRate\tUnits", f"100\t{unit}", names]
    path.write_text("\n".join([*head, "\t\tX1\tY1\tZ1\tX2\tY2\tZ2", *rows]) + "\n")
    return path


def test_a_plain_parser_finds_the_points_with_y_up(tmp_path):
    points = hide(make_points(), 0, slice(3, 5), 2)
    (path,) = write_trc(points, tmp_path / "a.trc")
    facts, names, rows = parse_plainly(path)
    assert (facts["Units"], float(facts["DataRate"]), facts["NumFrames"]) == ("m", 30, "12")
    assert (facts["NumMarkers"], tuple(names)) == ("4", points.skeleton.keypoints)
    assert path.read_text().split("\n")[4].split("\t")[2:5] == ["X1", "Y1", "Z1"]
    for frame, row in enumerate(rows):
        assert len(row) == 2 + 3 * 4
        assert (int(row[0]), float(row[1])) == (frame + 1, points.time[frame])
        for marker in range(4):
            cells = row[2 + 3 * marker : 5 + 3 * marker]
            if marker == 2 and frame in (3, 4):
                assert cells == ["", "", ""]
                continue
            right, up, back = (float(cell) for cell in cells)
            x, y, z = points.position[0, frame, marker]
            np.testing.assert_allclose([right, up, back], [x, z, -y], atol=1e-6)


def test_round_trip_with_holes_and_an_uneven_clock(tmp_path):
    points = make_points(times=np.array([0.1, 0.15, 0.3, 2.0, 2.1]))
    hide(points, 0, 1, 3)
    hide(points, 0, 3)
    (path,) = write_trc(points, tmp_path / "anna.trc")
    found = read_trc(path)
    assert_same_points(found, points)
    np.testing.assert_array_equal(found.time, points.time)
    assert found.people == ("anna",)
    assert found.skeleton.mirror == (0, 2, 1, 3)


def test_each_person_has_a_file_over_the_frames_they_are_in(tmp_path):
    points = hide(make_points(people=("anna", "ben", "nobody")), 1, slice(0, 4))
    hide(points, 2)
    written = write_trc(points, tmp_path / "two.trc")
    assert [path.name for path in written] == ["two_anna.trc", "two_ben.trc"]
    found = read_trc(written[1])
    np.testing.assert_allclose(found.position[0], points.position[1, 4:], atol=1e-6)
    np.testing.assert_array_equal(found.time, points.time[4:])
    assert parse_plainly(written[1])[2][0][0] == "5"


def test_what_cannot_be_written_is_refused(tmp_path):
    points = make_points()
    path = tmp_path / "a.trc"
    with pytest.raises(InputError, match="in the frame 'camera'"):
        write_trc(replace(points, frame="camera"), path)
    with pytest.raises(InputError, match="times that increase"):
        write_trc(replace(points, time=np.zeros(12)), path)
    with pytest.raises(NothingFoundError):
        write_trc(hide(make_points(), 0), path)
    assert list(tmp_path.iterdir()) == []
    write_trc(points, path)
    with pytest.raises(OutputExistsError):
        write_trc(points, path)
    write_trc(points, path, overwrite=True)


def test_a_taken_place_is_found_before_anything_is_written(tmp_path):
    points = make_points()
    points = replace(
        points,
        people=("anna", "ben"),
        position=np.repeat(points.position, 2, 0),
        confidence=np.repeat(points.confidence, 2, 0),
    )
    (tmp_path / "a_ben.trc").write_text("precious")
    with pytest.raises(OutputExistsError, match=r"a_ben\.trc exists"):
        write_trc(points, tmp_path / "a.trc")
    assert [path.name for path in tmp_path.iterdir()] == ["a_ben.trc"]
    assert len(write_trc(points, tmp_path / "a.trc", overwrite=True)) == 2


def test_blanks_in_names_do_not_shift_columns(tmp_path):
    points = make_points(labels=("Left Knee\t2", "b", "größe", "d"))
    found = read_trc(write_trc(points, tmp_path / "a b.trc")[0])
    assert found.skeleton.keypoints == ("Left_Knee_2", "b", "größe", "d")
    np.testing.assert_allclose(found.position, points.position, atol=1e-6)


@pytest.mark.parametrize(("unit", "metres"), [("mm", 0.001), ("m", 1), ("cm", 0.01), ("MM", 0.001)])
def test_units_and_axes_of_others(tmp_path, unit, metres):
    path = write_text(tmp_path / "a.trc", ["1\t0\t1\t2\t3\t4\t5\t6"], unit=unit)
    found = read_trc(path)
    expected = np.array([[1, -3, 2], [4, -6, 5]]) * metres
    np.testing.assert_allclose(found.position[0, 0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    "row", ["1\t0\t1\t2\t3\t\t\t", "1\t0\t1\t2\t3", "1\t0\t1\t2\t3\tNaN\tnan\tNaN", "1 0 1 2 3"]
)
def test_missing_markers_in_all_their_spellings(tmp_path, row):
    found = read_trc(write_text(tmp_path / "a.trc", ["", row, "", "2\t0.01\t1\t2\t3\t4\t5\t6\t\t"]))
    assert found.position.shape == (1, 2, 2, 3)
    np.testing.assert_array_equal(found.confidence[0], [[1, 0], [1, 1]])
    assert np.isnan(found.position[0, 0, 1]).all()


@pytest.mark.parametrize(
    ("rows", "unit", "message"),
    [
        (["1\t0\t1\t2\t3\t4\t5\t6"], "furlong", "line 3: expected the unit m, cm, mm"),
        (["1\t0\t1\t2\t3\t4\t5\t6\t7"], "m", "line 6: expected 6 coordinates"),
        (["1\t0\t1,5\t2"], "m", "line 6: expected numbers"),
        (["1\t0\t1", "2\t0\t1"], "m", "line 7: expected a time after"),
        (["1\t\t1"], "m", "line 6: expected a time"),
        ([], "m", "has a header but no frames"),
    ],
)
def test_malformed_files_are_refused_by_line(tmp_path, rows, unit, message):
    with pytest.raises(FormatError, match=message):
        read_trc(write_text(tmp_path / "a.trc", rows, unit=unit))


def test_short_lines_cannot_blow_up_memory(tmp_path, monkeypatch):
    """10 000 markers by name and a million lines of two numbers would be 120 GB."""
    monkeypatch.setattr(_trc_read, "MAX_LINE", 2**12)
    with pytest.raises(FormatError, match="more than 4096 characters"):
        read_trc(write_text(tmp_path / "a.trc", ["1" * 5000]))
    monkeypatch.undo()
    names = "Frame#\tTime\t" + "\t".join(f"m{n}" for n in range(10_000))
    rows = [f"{n}\t{n}" for n in range(1000)]
    with pytest.raises(FormatError, match="mostly unfinished lines"):
        read_trc(write_text(tmp_path / "a.trc", rows, names=names))


def test_no_file_and_no_trc(tmp_path):
    with pytest.raises(InputError, match="is not a file"):
        read_trc(tmp_path / "none.trc")
    (tmp_path / "a.trc").write_bytes(bytes(1000))
    with pytest.raises(FormatError, match="five lines"):
        read_trc(tmp_path / "a.trc")


@pytest.mark.parametrize(
    ("name", "frames"), [("Balancing_for_IK", 100), ("Standing_for_Scaling", 25)]
)
def test_pose2sims_own_files(tmp_path, shared, name, frames):
    """Real people stand upright: heads high, feet low, and the left is where anatomy has it."""
    found = read_trc(shared / "data" / "pose2sim_single" / f"{name}.trc")
    assert found.position.shape == (1, frames, 21, 3)
    assert found.valid.all()
    place = dict(zip(found.skeleton.keypoints, np.moveaxis(found.position[0], 1, 0), strict=True))
    height = {key: float(np.median(value[:, 2])) for key, value in place.items()}
    assert 1.5 < height["Head"] < 1.8 and abs(height["RHeel"]) < 0.3
    # Forward is from heels to toes; with up and right-handed axes it tells left from right.
    forward = np.median(place["RBigToe"] - place["RHeel"], 0)
    left = np.cross([0, 0, 1], forward)
    assert np.median((place["LHip"] - place["RHip"]) @ left) > 0
    again = read_trc(write_trc(found, tmp_path / "a.trc")[0])
    np.testing.assert_allclose(again.position, found.position, atol=1e-6)
    np.testing.assert_array_equal(again.time, found.time)


def make_victim(tmp_path):
    points = hide(make_points(), 0, slice(3, 5), 2)
    return write_trc(points, tmp_path / "sound.trc")[0].read_bytes()


def test_damaged_files(tmp_path):
    check_survival(read_trc, make_victim(tmp_path), tmp_path / "damaged.trc", range(10))


@pytest.mark.slow
def test_many_damaged_files(tmp_path):
    check_survival(read_trc, make_victim(tmp_path), tmp_path / "damaged.trc", range(200))
