"""C3D files: the package ezc3d as judge of what c3d wrote and as author of what it reads."""

import struct
from dataclasses import replace

import c3d
import ezc3d
import numpy as np
import pytest

from marey.core.errors import FormatError, InputError, NothingFoundError, OutputExistsError
from marey.io.c3d import read_c3d, write_c3d
from tests.io.marker_files import assert_same_points, check_survival, hide, make_points


def write_by_ezc3d(path, position, *, labels, rate=100.0, units="mm", extra=()):
    """Write positions (T, K, 3) in the file's own unit with the other library."""
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [rate]
    file["parameters"]["POINT"]["LABELS"]["value"] = list(labels)
    file["parameters"]["POINT"]["UNITS"]["value"] = [units]
    for name, value in extra:
        file.add_parameter("POINT", name, value)
    file["data"]["points"] = np.concatenate([position.T, np.ones((1, *position.T.shape[1:]))])
    file.write(str(path))
    return path


def test_the_other_library_reads_what_we_write(tmp_path):
    points = hide(make_points(people=("anna", "ben")), 1, slice(3, 5), 2)
    (path,) = write_c3d(points, tmp_path / "a.c3d")
    file = ezc3d.c3d(str(path))
    about, data = file["parameters"]["POINT"], file["data"]
    names = [f"{person}:{name}" for person in points.people for name in points.skeleton.keypoints]
    assert about["LABELS"]["value"] == names
    assert (about["UNITS"]["value"], about["USED"]["value"][0]) == (["mm"], 8)
    assert about["RATE"]["value"][0] == pytest.approx(30)
    assert (about["X_SCREEN"]["value"], about["Y_SCREEN"]["value"]) == (["+X"], ["+Z"])
    # The 0.5 s before the first frame are fifteen frames; ezc3d counts them from 0.
    assert file["header"]["points"]["first_frame"] == 15
    found = data["points"][:3].T.reshape(12, 2, 4, 3).swapaxes(0, 1)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(points.position))
    np.testing.assert_allclose(found, points.position * 1000, atol=1e-3)
    missing = data["meta_points"]["residuals"][0].T.reshape(12, 2, 4).swapaxes(0, 1) == -1
    np.testing.assert_array_equal(missing, ~points.valid)


def test_round_trip_with_holes_of_one_and_of_several(tmp_path):
    for people in (("anna",), ("anna", "ben")):
        points = hide(make_points(people=people), 0, slice(3, 5), 2)
        hide(points, 0, 7)
        (path,) = write_c3d(points, tmp_path / f"{people[0]}.c3d", overwrite=True)
        found = read_c3d(path)
        assert_same_points(found, points)
        assert found.people == people
        assert found.skeleton.mirror == (0, 2, 1, 3)


def test_a_missing_point_is_not_its_last_place_repeated(tmp_path):
    points = hide(make_points(), 0, slice(3, 5), 2)
    (path,) = write_c3d(points, tmp_path / "a.c3d")
    raw = path.read_bytes()
    start = 512 * (struct.unpack_from("<H", raw, 16)[0] - 1)
    rows = np.frombuffer(raw, "<f4", 12 * 4 * 4, start).reshape(12, 4, 4)
    np.testing.assert_array_equal(rows[3:5, 2], [[0, 0, 0, -1]] * 2)
    assert (rows[[2, 5], 2, 3] == 0).all()


def test_people_who_are_never_seen_are_left_out(tmp_path):
    points = hide(make_points(people=("anna", "nobody", "ben")), 1)
    found = read_c3d(write_c3d(points, tmp_path / "a.c3d")[0])
    assert found.people == ("anna", "ben")
    np.testing.assert_allclose(found.position, points.position[[0, 2]], atol=1e-6)


def test_more_points_than_one_list_of_labels_holds(tmp_path):
    labels = tuple(f"point{n:03d}" for n in range(300))
    points = make_points(people=("anna", "ben"), labels=labels)
    (path,) = write_c3d(points, tmp_path / "a.c3d")
    assert_same_points(read_c3d(path), points)
    file = ezc3d.c3d(str(path))
    assert file["data"]["points"].shape == (4, 600, 12)
    assert file["parameters"]["POINT"]["LABELS3"]["value"][-1] == "ben:point299"


@pytest.mark.slow
def test_more_frames_than_the_header_counts(tmp_path):
    points = make_points(times=np.arange(70_000) / 240, labels=("a",))
    (path,) = write_c3d(points, tmp_path / "a.c3d")
    assert_same_points(read_c3d(path), points, atol=1e-4)
    # Beyond 65535 frames ezc3d reads on to the end of the last block, which is padded with zeros.
    by_other = ezc3d.c3d(str(path))["data"]["points"][:3, 0].T
    assert len(by_other) - 70_000 < 512 // 16
    np.testing.assert_allclose(by_other[:70_000], points.position[0, :, 0] * 1000, rtol=1e-5)


def test_an_uneven_clock_becomes_even_without_inventing(tmp_path):
    times = np.array([0, 1, 2, 2.5, 4, 5, 25, 26, 27, 28]) / 30
    points = make_points(times=times)
    hide(points, 0, 4, 1)
    (path,) = write_c3d(points, tmp_path / "a.c3d")
    found = read_c3d(path)
    np.testing.assert_allclose(found.time, np.arange(29) / 30, atol=1e-6)
    # Points move on straight lines, so what lies between two frames is known.
    line = points.position[0, :1] + (points.position[0, 9:] - points.position[0, :1]) * (
        found.time[:, None, None] / times[-1]
    )
    inside = np.isin(np.arange(29), [0, 1, 2, 3, 4, 5, 25, 26, 27, 28])
    np.testing.assert_allclose(found.position[0, inside][:, 0], line[inside][:, 0], atol=1e-5)
    assert np.isnan(found.position[0, ~inside]).all()
    hidden = np.isnan(found.position[0, :6, 1]).any(-1)
    np.testing.assert_array_equal(hidden, [False, False, False, True, True, False])


@pytest.mark.parametrize(("units", "metres"), [("mm", 0.001), ("m", 1), ("cm", 0.01)])
def test_files_of_the_other_library(tmp_path, units, metres):
    position = np.random.default_rng(0).normal(0, 1, (5, 3, 3)) / metres
    position[2, 1] = np.nan
    path = tmp_path / "lab.c3d"
    found = read_c3d(write_by_ezc3d(path, position, labels=("LASI", "", "RASI"), units=units))
    assert (found.people, found.skeleton.keypoints) == (("lab",), ("LASI", "marker2", "RASI"))
    np.testing.assert_allclose(found.position[0], position * metres, atol=1e-5)
    np.testing.assert_allclose(found.time, np.arange(5) / 100)
    np.testing.assert_array_equal(found.confidence[0, :, 1], [1, 1, 0, 1, 1])
    turned = read_c3d(path, up="y").position[0, 0] / metres
    np.testing.assert_allclose(turned[0], position[0, 0, [0, 2, 1]] * [1, -1, 1], rtol=1e-4)


def test_subjects_become_people_and_angles_are_no_places(tmp_path):
    labels = ("a:HIP", "a:KNE", "b:KNE", "b:KneeAngles")
    position = np.arange(24.0).reshape(2, 4, 3)
    extra = [("ANGLES", ["b:KneeAngles"])]
    found = read_c3d(write_by_ezc3d(tmp_path / "x.c3d", position, labels=labels, extra=extra))
    assert (found.people, found.skeleton.keypoints) == (("a", "b"), ("HIP", "KNE"))
    np.testing.assert_allclose(found.position[0] * 1000, position[:, :2], atol=1e-4)
    np.testing.assert_allclose(found.position[1, :, 1] * 1000, position[:, 2], atol=1e-4)
    np.testing.assert_array_equal(found.confidence[1], [[0, 1], [0, 1]])


def test_analogue_channels_between_the_points_are_stepped_over(tmp_path):
    random = np.random.default_rng(0)
    file, position = ezc3d.c3d(), random.normal(0, 500, (20, 2, 3))
    file["parameters"]["POINT"]["RATE"]["value"] = [100.0]
    file["parameters"]["POINT"]["LABELS"]["value"] = ["a", "b"]
    file["parameters"]["ANALOG"]["RATE"]["value"] = [1000.0]
    file["parameters"]["ANALOG"]["LABELS"]["value"] = ["Fx", "Fy", "Fz"]
    file["data"]["points"] = np.concatenate([position.T, np.ones((1, 2, 20))])
    file["data"]["analogs"] = random.normal(size=(1, 3, 200))
    file.write(str(tmp_path / "plate.c3d"))
    found = read_c3d(tmp_path / "plate.c3d")
    np.testing.assert_allclose(found.position[0] * 1000, position, atol=1e-3)


def test_points_stored_as_scaled_integers(tmp_path):
    writer, points = c3d.Writer(point_rate=50.0, point_scale=0.1), np.zeros((4, 2, 5), np.float32)
    points[..., :3] = np.random.default_rng(0).normal(0, 500, (4, 2, 3))
    points[1, 0, 3] = -1
    writer.set_point_labels(["a", "b"])
    writer.add_frames([(row, np.zeros((0, 0))) for row in points])
    with pytest.warns(UserWarning, match="No analog"), (tmp_path / "a.c3d").open("wb") as file:
        writer.write(file)
    found = read_c3d(tmp_path / "a.c3d")
    np.testing.assert_array_equal(found.confidence[0, :, 0], [1, 0, 1, 1])
    seen = found.valid[0]
    # The package cuts off what is below the scale of 0.1 mm.
    np.testing.assert_allclose(found.position[0][seen] * 1000, points[seen][:, :3], atol=0.11)


def test_what_cannot_be_written_is_refused(tmp_path):
    path = tmp_path / "a.c3d"
    with pytest.raises(InputError, match="in the frame 'root'"):
        write_c3d(replace(make_points(), frame="root"), path)
    with pytest.raises(NothingFoundError):
        write_c3d(hide(make_points(), 0), path)
    with pytest.raises(InputError, match="no room for 4 names of up to 200 bytes"):
        write_c3d(make_points(labels=("a", "b", "c", "d" * 200)), path)
    with pytest.raises(InputError, match="no room for 6000 names"):
        many = tuple(f"a point {n:04d}" for n in range(6000))
        write_c3d(make_points(labels=many, times=np.arange(2) / 30), path)
    assert list(tmp_path.iterdir()) == []
    write_c3d(make_points(), path)
    with pytest.raises(OutputExistsError):
        write_c3d(make_points(), path)


def test_the_longest_names_there_is_room_for(tmp_path):
    labels = tuple(f"{n:04d}".ljust(127, "x") for n in range(60_000 // 127))
    points = make_points(labels=labels)
    assert_same_points(read_c3d(write_c3d(points, tmp_path / "a.c3d")[0]), points)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (1, b"\x00", "no C3D header"),
        (0, b"\xff", "parameters should begin in block 255"),
        (515, b"\x01", "processor type is 1"),
        (16, b"\xff\xff", "data should begin in block 65535"),
        (514, b"\xff", "parameters should have 255 blocks"),
        (6, b"\xff", "sound C3D file"),
        (20, struct.pack("<f", -1), "sound C3D file"),
    ],
)
def test_a_damaged_header_is_refused(tmp_path, place, value, message):
    (path,) = write_c3d(make_points(), tmp_path / "a.c3d")
    raw = bytearray(path.read_bytes())
    raw[place : place + len(value)] = value
    path.write_bytes(raw)
    if place == 6:
        # The header's first frame is a hint; the parameters say the truth.
        assert read_c3d(path).position.shape[1] == 12
        return
    with pytest.raises(FormatError, match=message):
        read_c3d(path)


def test_short_files_and_no_files(tmp_path):
    (path,) = write_c3d(make_points(), tmp_path / "a.c3d")
    raw = path.read_bytes()
    for length in (0, 100, 512, 1023, len(raw) - 512):
        path.write_bytes(raw[:length])
        with pytest.raises(FormatError):
            read_c3d(path)
    with pytest.raises(InputError, match="is not a file"):
        read_c3d(tmp_path)


def make_victim(tmp_path):
    points = hide(make_points(people=("anna", "ben")), 0, slice(3, 5), 2)
    return write_c3d(points, tmp_path / "sound.c3d")[0].read_bytes()


def test_damaged_files(tmp_path):
    check_survival(read_c3d, make_victim(tmp_path), tmp_path / "damaged.c3d", range(10))


@pytest.mark.slow
def test_many_damaged_files(tmp_path):
    check_survival(read_c3d, make_victim(tmp_path), tmp_path / "damaged.c3d", range(200))


@pytest.mark.slow
def test_many_damaged_files_of_the_other_library(tmp_path):
    position = np.random.default_rng(0).normal(0, 1, (9, 3, 3))
    path = write_by_ezc3d(tmp_path / "lab.c3d", position, labels=("a", "b", "c"))
    check_survival(read_c3d, path.read_bytes(), tmp_path / "damaged.c3d", range(200))
