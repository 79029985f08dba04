"""Long tables: csv and pyarrow's own reader as judges, and tables that contradict themselves."""

import builtins
import csv
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marey.body.trajectories import joint_angles, joint_trajectories
from marey.core.errors import (
    FormatError,
    InputError,
    MissingExtraError,
    NothingFoundError,
    OutputExistsError,
)
from marey.io.tables import _read as _table_read
from marey.io.tables import _rows as _table_rows
from marey.io.tables import read_csv, read_parquet, write_csv, write_parquet
from tests.body.test_trajectories import make_motion
from tests.io.marker_files import assert_same_points, check_survival, hide, make_points

HEAD = ",".join(_table_rows.COLUMNS)
DOORS = {"csv": (write_csv, read_csv), "parquet": (write_parquet, read_parquet)}
ROW = "anna,0,0.0,nose,1,2,3,,,,1"


def make_people():
    motion = make_motion("marey-h", joints=51, people=("anna", "ben, jr."), frames=7)
    motion.T_world_root[1, :3] = np.nan
    motion.R_parent_joint[1, :3] = np.nan
    motion.confidence[1, :3] = 0
    return motion


def read_plainly(path):
    """Rows of a table as dictionaries of text and numbers."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    text = ("person", "joint")
    return [
        {key: value if key in text else float(value) if value else None for key, value in r.items()}
        for r in rows
    ]


@pytest.mark.parametrize("kind", DOORS)
def test_every_row_is_one_joint_of_one_person_in_one_frame(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(_table_rows, "BLOCK_FRAMES", 3)  # so that people take several blocks
    motion = make_people()
    points, angles = joint_trajectories(motion), joint_angles(motion)
    (path,) = DOORS[kind][0](motion, tmp_path / f"a.{kind}")
    rows = read_plainly(path)
    names = points.skeleton.keypoints
    assert len(rows) == (7 + 4) * len(names)
    assert tuple(rows[0]) == _table_rows.COLUMNS
    for number, row in enumerate(rows):
        frame = number // len(names)
        person, frame = (0, frame) if frame < 7 else (1, frame - 4)
        joint = number % len(names)
        assert (row["person"], row["joint"]) == (motion.people[person], names[joint])
        assert (row["frame"], row["time_s"]) == (frame, motion.time[frame])
        place = [row[key] for key in ("x_m", "y_m", "z_m")]
        np.testing.assert_allclose(place, points.position[person, frame, joint], atol=1e-6)
        turn = [row[key] for key in ("rot_x_deg", "rot_y_deg", "rot_z_deg")]
        if joint <= 51:
            np.testing.assert_allclose(turn, angles[person, frame, joint], atol=1e-5)
        else:
            assert turn == [None, None, None]
        assert row["confidence"] == pytest.approx(0.75)


@pytest.mark.parametrize("kind", DOORS)
def test_round_trip_of_a_motion(tmp_path, kind):
    motion, (write, read) = make_people(), DOORS[kind]
    found = read(write(motion, tmp_path / f"a.{kind}")[0])
    assert_same_points(found, joint_trajectories(motion))
    assert found.people == motion.people
    np.testing.assert_array_equal(found.time, motion.time)


@pytest.mark.parametrize("kind", DOORS)
def test_round_trip_of_points_with_holes(tmp_path, kind):
    write, read = DOORS[kind]
    points = make_points(people=("anna", 'größe "x"'), times=np.array([0.1, 0.15, 0.3, 2.0]))
    hide(points, 0, 1, 3)
    hide(points, 1, slice(0, 2))
    (path,) = write(points, tmp_path / f"a.{kind}")
    found = read(path)
    assert_same_points(found, points)
    assert found.people == points.people
    hole = [r for r in read_plainly(path) if r["confidence"] == 0]
    assert [(r["frame"], r["joint"], r["x_m"], r["rot_x_deg"]) for r in hole] == [
        (1, "nose", None, None)
    ]


@pytest.mark.parametrize("kind", DOORS)
def test_frames_without_anyone_are_not_in_the_table(tmp_path, kind):
    write, read = DOORS[kind]
    points = hide(make_points(), 0, slice(3, 6))
    found = read(write(points, tmp_path / f"a.{kind}")[0])
    kept = np.delete(np.arange(12), [3, 4, 5])
    np.testing.assert_allclose(found.position[0], points.position[0, kept], atol=1e-6)
    np.testing.assert_array_equal(found.time, points.time[kept])


@pytest.mark.parametrize("kind", DOORS)
def test_what_cannot_be_written_is_refused(tmp_path, kind):
    write, path = DOORS[kind][0], tmp_path / f"a.{kind}"
    with pytest.raises(InputError, match="in the frame 'camera'"):
        write(replace(make_points(), frame="camera"), path)
    nobody = make_people()
    nobody.T_world_root[:] = np.nan
    for source in (hide(make_points(), 0), nobody):
        with pytest.raises(NothingFoundError):
            write(source, path)
    assert list(tmp_path.iterdir()) == []
    write(make_points(), path)
    with pytest.raises(OutputExistsError):
        write(make_points(), path)
    write(make_points(), path, overwrite=True)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "has no rows"),
        (["anna,0,0.0,nose,1,2,3"], "has 7 fields in line 2, expected 11"),
        ([ROW.replace(",2,", ",two,")], "other than a number in line 2"),
        ([ROW.replace("nna,0", "nna,-1")], "has the frame -1"),
        ([ROW.replace("nna,0", "nna,0.5")], "other than a number"),
        ([ROW.replace("anna", "")], "without a name"),
        ([ROW.replace("nose", "x" * 300)], "a name of more than 256 characters"),
        ([ROW.replace("0.0", "nan")], "times do not increase"),
        ([ROW, ROW.replace("nna,0", "nna,1")], "times do not increase"),
        ([ROW, ROW.replace("nose", "neck").replace("0.0", "0.5")], "gives one frame two times"),
        ([ROW, ROW], "twice in one frame"),
        ([ROW.replace("anna", '"an"na')], "is no CSV table"),
        (["x" * 70_000], "a line of more than 65536 characters"),
        ([ROW.replace("nna,0", "nna,99999999999999999999")], "has the frame 9999"),
    ],
)
def test_tables_that_contradict_themselves(tmp_path, rows, message):
    path = tmp_path / "a.csv"
    path.write_text("\n".join([HEAD, *rows]) + "\n")
    with pytest.raises(FormatError, match=message):
        read_csv(path)


def test_other_tables_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(FormatError, match="must begin with the columns person,frame"):
        read_csv(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match="is no CSV table"):
        read_csv(path)
    other = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": [1]}), other)
    with pytest.raises(FormatError, match="must have the columns person, frame"):
        read_parquet(other)
    other.write_bytes(bytes(1000))
    with pytest.raises(FormatError, match="no Parquet table of joints"):
        read_parquet(other)
    for read in (read_csv, read_parquet):
        with pytest.raises(InputError, match="is not a file"):
            read(tmp_path / "none")


def test_a_parquet_table_of_other_types_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    sound = {key: [1.0] for key in _table_rows.COLUMNS}
    sound |= {"person": ["anna"], "joint": ["nose"], "frame": [0]}
    pq.write_table(pa.table(sound), path)
    assert read_parquet(path).position.shape == (1, 1, 1, 3)
    for column, values, message in [
        ("person", [1], "holds int64 in the column 'person'"),
        ("frame", ["x"], "holds string in the column 'frame'"),
        ("x_m", ["x"], "holds string in the column 'x_m'"),
        ("frame", pa.nulls(1, pa.int64()), "rows without person, frame or joint"),
        ("joint", pa.nulls(1, pa.string()), "rows without person, frame or joint"),
    ]:
        pq.write_table(pa.table(sound | {column: values}), path)
        with pytest.raises(FormatError, match=message):
            read_parquet(path)


def test_few_rows_cannot_span_a_huge_grid(tmp_path, monkeypatch):
    """A row for each of 300 people, frames and joints would lay out 27 million points."""
    rows = [f"p{n},{n},{n},j{n},1,2,3,,,,1" for n in range(300)]
    path = tmp_path / "a.csv"
    path.write_text("\n".join([HEAD, *rows]))
    with pytest.raises(FormatError, match="few rows for its many people"):
        read_csv(path)
    monkeypatch.setattr(_table_read, "MAX_NAMES", 100)
    with pytest.raises(FormatError, match="or more than 100 names"):
        read_csv(path)


def test_a_parquet_file_that_unpacks_to_too_many_rows_is_refused(tmp_path):
    count = 2**22
    columns = dict.fromkeys(_table_rows.COLUMNS, pa.nulls(count, pa.float32()))
    columns |= dict.fromkeys(("person", "joint"), pa.nulls(count, pa.string()))
    columns |= {"frame": pa.nulls(count, pa.int64())}
    pq.write_table(pa.table(columns), tmp_path / "bomb.parquet")
    assert (tmp_path / "bomb.parquet").stat().st_size < 200_000
    with pytest.raises(FormatError, match="states 4194304 rows, more than it can hold"):
        read_parquet(tmp_path / "bomb.parquet")


def test_without_pyarrow_the_pip_line_is_printed(tmp_path, monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    for call in (lambda p: write_parquet(make_points(), p), read_parquet):
        with pytest.raises(MissingExtraError, match=r"pip install 'marey\[tables\]'"):
            call(tmp_path / "a.parquet")
    assert list(tmp_path.iterdir()) == []


def make_victim(tmp_path, kind):
    points = hide(make_points(people=("anna", "ben")), 0, slice(3, 5), 2)
    return DOORS[kind][0](points, tmp_path / f"sound.{kind}")[0].read_bytes()


@pytest.mark.parametrize("kind", DOORS)
def test_damaged_files(tmp_path, kind):
    damaged = tmp_path / f"damaged.{kind}"
    check_survival(DOORS[kind][1], make_victim(tmp_path, kind), damaged, range(10))


@pytest.mark.slow
@pytest.mark.parametrize("kind", DOORS)
def test_many_damaged_files(tmp_path, kind):
    damaged = tmp_path / f"damaged.{kind}"
    check_survival(DOORS[kind][1], make_victim(tmp_path, kind), damaged, range(200))
