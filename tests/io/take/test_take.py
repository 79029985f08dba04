"""Takes on disk: round trip, determinism, the golden file, and folders that lie."""

import hashlib
import math
import re
import shutil
import tomllib
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from marey.core import Clip, Take, load_skeleton
from marey.core.errors import FormatError, InputError, OutputExistsError, ShapeError
from marey.io import take as take_format
from marey.io.take import read_run, read_take, write_take
from marey.io.video import read_frames
from tests.fixtures.golden_take import TIME, make_anna, make_robot, make_take, ramp

FIXTURES = Path(__file__).parents[2] / "fixtures"
GOLDEN = FIXTURES / "version-2.take"


def assert_equal(found, expected, place="take"):
    """Compare two values deeply; NaN equals NaN, and arrays must agree in type."""
    if is_dataclass(expected):
        assert type(found) is type(expected), place
        for field in fields(expected):
            name = field.name
            assert_equal(getattr(found, name), getattr(expected, name), f"{place}.{name}")
    elif isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype, place
        np.testing.assert_array_equal(found, expected, err_msg=place)
    elif isinstance(expected, tuple):
        assert len(found) == len(expected), place
        for index, (a, b) in enumerate(zip(found, expected, strict=True)):
            assert_equal(a, b, f"{place}[{index}]")
    else:
        both_nan = isinstance(expected, float) and math.isnan(expected) and math.isnan(found)
        assert found == expected or both_nan, place


def contents(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


@pytest.fixture
def stored(tmp_path):
    write_take(make_take(), tmp_path / "a.take")
    return tmp_path / "a.take"


def test_every_member_survives(stored):
    assert_equal(read_take(stored, verify=True), make_take())


@pytest.mark.parametrize("version", [1, 2])
def test_golden_takes_read_for_ever(version):
    assert_equal(read_take(FIXTURES / f"version-{version}.take", verify=True), make_take())


def test_the_golden_take_is_what_is_written_today(stored):
    """Fails when the format changes without a new version."""
    assert contents(stored) == contents(GOLDEN)


def test_equal_takes_become_equal_bytes(tmp_path, stored):
    take = make_take()
    fit = dict(reversed(take.provenance["fit"].items()))
    write_take(replace(take, provenance={"fit": fit}), tmp_path / "b.take")
    write_take(read_take(stored), tmp_path / "c.take")
    assert contents(stored) == contents(tmp_path / "b.take") == contents(tmp_path / "c.take")


def test_run_notes_change_no_other_file(tmp_path, stored):
    write_take(make_take(), tmp_path / "b.take", run={"seconds": 1.5, "host": {"cores": 2}})
    with_notes = contents(tmp_path / "b.take")
    assert with_notes.pop("run.json")
    assert with_notes == contents(stored)
    assert read_run(tmp_path / "b.take") == {"seconds": 1.5, "host": {"cores": 2}}
    assert read_run(stored) == {}


def test_arrays_are_plain_float32_and_clocks_float64(stored):
    for path in stored.rglob("*.npy"):
        array = np.load(path, allow_pickle=False)
        is_clock = path.name == "clock.npy" or path.name.endswith(".time.npy")
        assert array.dtype.str == ("<f8" if is_clock else "<f4"), path


def test_double_precision_is_stored_as_single(tmp_path):
    robot = make_robot()
    motion = replace(robot.motion, T_world_root=robot.motion.T_world_root.astype(np.float64))
    take = replace(make_take(), people=(replace(robot, motion=motion),))
    write_take(take, tmp_path / "a.take")
    assert_equal(read_take(tmp_path / "a.take").people[0], robot)


def make_long_take(num_frames):
    time = np.arange(num_frames) / 30
    robot = make_robot()
    motion = replace(
        robot.motion,
        time=time,
        T_world_root=ramp(1, num_frames, 7),
        R_parent_joint=ramp(1, num_frames, 2, 4),
        confidence=ramp(1, num_frames),
    )
    return Take(time=time, people=(replace(robot, num_frames=num_frames, motion=motion),))


def test_large_arrays_stay_on_disk_and_may_not_be_written_to(tmp_path):
    take = make_long_take(60_000)  # 1.9 MB of joint rotations, above the limit of 1 MB
    write_take(take, tmp_path / "a.take")
    found = read_take(tmp_path / "a.take")
    assert_equal(found, take)
    poses = found.people[0].motion.R_parent_joint
    assert isinstance(poses, np.memmap)
    for array in (poses, found.people[0].motion.confidence):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 0


def test_blocks_larger_than_one_write_are_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("marey.io._npy.BLOCK_BYTES", 1000)
    take = make_long_take(777)
    write_take(take, tmp_path / "a.take")
    assert_equal(read_take(tmp_path / "a.take", verify=True), take)


def test_moving_cameras_survive(tmp_path):
    take = make_take()
    poses = np.repeat(take.cameras.T_cam_world, 6, axis=1) + ramp(2, 6, 7)
    take = replace(take, cameras=replace(take.cameras, T_cam_world=poses))
    write_take(take, tmp_path / "a.take")
    assert_equal(read_take(tmp_path / "a.take"), take)


def test_shipped_skeletons_are_the_same_object(stored):
    assert read_take(stored).people[0].keypoints2d[0].skeleton is load_skeleton("coco-17")


def test_skeletons_of_one_name_and_different_points_survive(tmp_path):
    anna = make_anna()
    second = anna.keypoints2d[1]
    other = replace(second.skeleton, keypoints=("head", "toe"))
    points = (replace(second, skeleton=other), second)
    take = replace(make_take(), people=(replace(anna, keypoints2d=points),))
    write_take(take, tmp_path / "a.take")
    assert_equal(read_take(tmp_path / "a.take"), take)


def test_an_empty_take_survives(tmp_path):
    write_take(Take(time=np.zeros(0)), tmp_path / "a.take")
    assert_equal(read_take(tmp_path / "a.take"), Take(time=np.zeros(0)))


def test_none_in_the_provenance_is_left_out(tmp_path):
    stages = {"fit": {"detector": None, "every": np.int64(6), "sizes": (1, 2)}}
    write_take(Take(time=np.zeros(1), provenance=stages), tmp_path / "a.take")
    assert read_take(tmp_path / "a.take").provenance == {"fit": {"every": 6, "sizes": [1, 2]}}


class TestClips:
    def make(self, folder, content=b"film"):
        (folder / "videos").mkdir(parents=True)
        path = folder / "videos" / "a.mp4"
        path.write_bytes(content)
        clip = Clip(path=path, size=(4, 4), time=np.zeros(1))
        write_take(Take(time=np.zeros(1), clips=(clip,)), folder / "a.take")

    def test_a_clip_beside_the_take_moves_with_it(self, tmp_path):
        self.make(tmp_path / "old")
        shutil.move(tmp_path / "old", tmp_path / "new")
        (clip,) = read_take(tmp_path / "new" / "a.take", verify=True).clips
        assert clip.path == tmp_path / "new" / "videos" / "a.mp4"
        header = tomllib.loads((tmp_path / "new" / "a.take" / "take.toml").read_text())
        assert header["clips"][0]["bytes"] == 4
        assert header["clips"][0]["sha256"] == hashlib.sha256(b"film").hexdigest()

    def test_a_replaced_clip_is_noticed_when_asked(self, tmp_path):
        self.make(tmp_path)
        (tmp_path / "videos" / "a.mp4").write_bytes(b"fake")
        read_take(tmp_path / "a.take")
        with pytest.raises(FormatError, match="not the clip the take was made from"):
            read_take(tmp_path / "a.take", verify=True)

    def test_a_deleted_clip_does_no_harm(self, tmp_path):
        self.make(tmp_path)
        (tmp_path / "videos" / "a.mp4").unlink()
        assert read_take(tmp_path / "a.take", verify=True).clips[0].size == (4, 4)


class TestNames:
    @pytest.mark.parametrize(
        "name", ["../up", "a/b", "", "..", "CON", "x" * 300, "a\nb", "a\\b", '"']
    )
    def test_any_name_survives_inside_the_folder(self, tmp_path, name):
        robot = make_robot()
        motion = replace(robot.motion, people=(name,))
        take = Take(time=make_take().time, people=(replace(robot, name=name, motion=motion),))
        write_take(take, tmp_path / "a.take")
        assert_equal(read_take(tmp_path / "a.take"), take)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a.take"]

    def test_names_that_differ_in_case_only_get_own_folders(self, tmp_path):
        robot = make_robot()
        people = tuple(
            replace(robot, name=name, motion=replace(robot.motion, people=(name,)))
            for name in ("anna", "Anna", "person-2")
        )
        take = Take(time=make_take().time, people=people)
        write_take(take, tmp_path / "a.take")
        assert_equal(read_take(tmp_path / "a.take"), take)
        folders = [p.name.casefold() for p in (tmp_path / "a.take" / "people").iterdir()]
        assert len(set(folders)) == 3

    def test_two_people_of_one_name_are_refused(self, tmp_path):
        take = replace(make_take(), people=(make_robot(), make_robot()))
        with pytest.raises(InputError, match="both called 'robot'"):
            write_take(take, tmp_path / "a.take")


class TestRules:
    """What the writer refuses."""

    def refuse(self, tmp_path, person, kind, message):
        with pytest.raises(kind, match=message):
            write_take(replace(make_take(), people=(person,)), tmp_path / "a.take")
        assert list(tmp_path.iterdir()) == []

    def test_missing_position_with_confidence(self, tmp_path):
        anna = make_anna()
        points = anna.keypoints2d[0]
        position = points.position.copy()
        position[0, 3, 5, 1] = np.nan
        points = replace(points, position=position)
        person = replace(anna, keypoints2d=(points,))
        self.refuse(tmp_path, person, InputError, "frame 3 of the span has confidence but no pos")

    def test_missing_pose_with_confidence(self, tmp_path):
        robot = make_robot()
        poses = robot.motion.R_parent_joint.copy()
        poses[0, 2, 1] = np.nan
        person = replace(robot, motion=replace(robot.motion, R_parent_joint=poses))
        self.refuse(tmp_path, person, InputError, "frame 2 of the span")

    @pytest.mark.parametrize("value", [np.nan, -0.1, np.inf])
    def test_impossible_confidence(self, tmp_path, value):
        robot = make_robot()
        confidence = robot.motion.confidence.copy()
        confidence[0, 1] = value
        person = replace(robot, motion=replace(robot.motion, confidence=confidence))
        self.refuse(tmp_path, person, InputError, "negative or not finite")

    def test_span_beyond_the_clock(self, tmp_path):
        self.refuse(tmp_path, replace(make_anna(), start=3), ShapeError, "leave the clock of 6")

    def test_wrong_length(self, tmp_path):
        self.refuse(tmp_path, replace(make_anna(), num_frames=3), ShapeError, "must have the shape")

    def test_wrong_owner(self, tmp_path):
        self.refuse(tmp_path, replace(make_anna(), name="x"), InputError, "not to 'x' alone")

    def test_time_that_stands_still(self, tmp_path):
        with pytest.raises(InputError, match="increasing seconds"):
            write_take(Take(time=np.array([0.0, 0.1, 0.1])), tmp_path / "a.take")

    @pytest.mark.parametrize("value", [object(), {1: 2}, b"bytes", [None]])
    def test_provenance_that_is_no_toml(self, tmp_path, value):
        with pytest.raises(InputError, match="TOML"):
            write_take(Take(time=np.zeros(1), provenance={"a": value}), tmp_path / "a.take")


class TestOverwriting:
    def test_is_refused_unless_asked_for(self, stored):
        with pytest.raises(OutputExistsError):
            write_take(make_take(), stored)
        write_take(Take(time=np.zeros(1)), stored, overwrite=True)
        assert read_take(stored).people == ()

    def test_a_take_can_replace_the_one_it_was_read_from(self, tmp_path):
        take = make_long_take(60_000)
        write_take(take, tmp_path / "a.take")
        write_take(read_take(tmp_path / "a.take"), tmp_path / "a.take", overwrite=True)
        assert_equal(read_take(tmp_path / "a.take"), take)

    def test_other_folders_and_files_are_never_replaced(self, tmp_path):
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "letter.txt").write_text("dear")
        (tmp_path / "file").write_text("dear")
        for name in ("home", "file"):
            with pytest.raises(InputError, match="is not a take"):
                write_take(make_take(), tmp_path / name, overwrite=True)
        assert (tmp_path / "home" / "letter.txt").read_text() == "dear"


class TestDamage:
    """Every promise of the header is checked; each lie has its own message."""

    def edit(self, stored, old, new):
        header = stored / "take.toml"
        text = header.read_text(encoding="utf-8")
        assert old in text
        header.write_text(text.replace(old, new, 1), encoding="utf-8")

    def refuse(self, stored, message, *, verify=False):
        with pytest.raises(FormatError, match=message) as caught:
            read_take(stored, verify=verify)
        assert "\n" not in str(caught.value)

    def test_no_folder(self, tmp_path):
        with pytest.raises(InputError, match="does not exist"):
            read_take(tmp_path / "gone.take")

    def test_no_header(self, tmp_path):
        self.refuse(tmp_path, r"has no take\.toml")

    def test_other_format(self, stored):
        self.edit(stored, "marey-take", "another")
        self.refuse(stored, "does not say 'marey-take'")

    def test_newer_version(self, stored):
        self.edit(stored, "version = 2", "version = 3")
        self.refuse(stored, "version 3, newer than the 2 this marey reads")

    @pytest.mark.parametrize("version", ["0", "true", "1.0", '"1"'])
    def test_no_version(self, stored, version):
        self.edit(stored, "version = 2", f"version = {version}")
        self.refuse(stored, "not the header of a take")

    def test_broken_toml(self, stored):
        self.edit(stored, "version = 2", "version = = 2")
        self.refuse(stored, "not TOML")

    @pytest.mark.parametrize(
        "entry", ["clock", "start", "skeleton", "path", "sha256", "num_frames"]
    )
    def test_missing_entries(self, stored, entry):
        header = stored / "take.toml"
        text = header.read_text(encoding="utf-8")
        header.write_text(re.sub(rf"(?m)^{entry} = .*\n", "", text), encoding="utf-8")
        self.refuse(stored, "lacks the entry", verify=True)

    @pytest.mark.parametrize("value", ["-1", "99", '"zero"', "[]"])
    def test_spans_that_make_no_sense(self, stored, value):
        self.edit(stored, "start = 1", f"start = {value}")
        self.refuse(stored, "whole number|breaks the rules")

    def test_missing_file(self, stored):
        (stored / "people" / "robot" / "motion.shape.npy").unlink()
        self.refuse(stored, r"motion\.shape\.npy is missing")

    def test_truncated_file(self, stored):
        path = stored / "clock.npy"
        path.write_bytes(path.read_bytes()[:-8])
        self.refuse(stored, r"clock\.npy has 168 bytes; expected 176")

    def test_changed_value_is_found_by_its_checksum(self, stored):
        path = stored / "people" / "robot" / "motion.T_world_root.npy"
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        read_take(stored)
        self.refuse(stored, "was changed", verify=True)

    def test_header_of_an_array_that_lies(self, stored):
        path = stored / "clock.npy"
        path.write_bytes(path.read_bytes().replace(b"(6,)", b"(9,)"))
        self.refuse(stored, r"holds float64 \(9,\)")

    def test_other_type_of_the_same_size(self, stored):
        path = stored / "clock.npy"
        path.write_bytes(path.read_bytes().replace(b"<f8", b"<i8"))
        self.refuse(stored, "holds int64")

    def test_objects_are_never_unpickled(self, stored):
        np.save(stored / "clock.npy", np.array([print, None], object), allow_pickle=True)
        size = (stored / "clock.npy").stat().st_size
        self.edit(stored, "bytes = 176", f"bytes = {size}")
        self.refuse(stored, "holds object")

    def test_confidence_without_position(self, stored):
        path = stored / "people" / "robot" / "motion.T_world_root.npy"
        data = bytearray(path.read_bytes())
        data[-4:] = np.float32(np.nan).tobytes()
        path.write_bytes(data)
        self.refuse(stored, "breaks the rules of a take: person 'robot'.* frame 5")

    @pytest.mark.parametrize(
        "name", ["../secret.npy", "/etc/hostname", "people/../../secret.npy", "C:secret", "a\\\\b"]
    )
    def test_names_do_not_leave_the_folder(self, stored, name):
        shutil.copy(stored / "clock.npy", stored.parent / "secret.npy")
        self.edit(stored, '"clock.npy"', f'"{name}"')
        self.edit(stored, 'path = "clock.npy"', f'path = "{name}"')
        self.refuse(stored, "outside the take")

    @pytest.mark.parametrize("part", ["clock.npy", "people"])
    def test_links_are_not_followed(self, stored, part):
        outside = stored.parent / "outside"
        shutil.move(stored / part, outside)
        (stored / part).symlink_to(outside)
        self.refuse(stored, "is a link")

    def test_unlisted_files_are_not_read(self, stored):
        shutil.copy(stored / "clock.npy", stored / "other.npy")
        self.edit(stored, 'clock = "clock.npy"', 'clock = "other.npy"')
        self.refuse(stored, r"uses other\.npy without listing it")


def test_a_clip_without_a_video(tmp_path):
    clip = Clip(path=None, size=(640, 480), time=TIME)
    write_take(Take(time=TIME, clips=(clip,), people=(make_anna(),)), tmp_path / "a.take")
    read = read_take(tmp_path / "a.take", verify=True)
    assert read.clips[0].path is None
    assert read.clips[0].size == (640, 480)
    assert "path" not in tomllib.loads((tmp_path / "a.take/take.toml").read_text())["clips"][0]
    with pytest.raises(InputError, match="without a video to look at"):
        next(read_frames(read.clips[0]))


def test_version_1_called_the_file_of_keypoints_a_video(tmp_path):
    shutil.copytree(FIXTURES / "version-1.take", tmp_path / "a.take")
    header = tmp_path / "a.take" / "take.toml"
    with header.open("a") as file:
        file.write('\n[provenance.import]\nfile = "left.mp4"\n')
    first, second = read_take(tmp_path / "a.take").clips
    assert first.path == Path("/recordings/front.mp4")
    assert second.path is None


def test_old_versions_are_upgraded_step_by_step(stored, monkeypatch):
    """Two invented upgrades: version 3 renames nothing, version 4 doubles the first cut."""

    def to_4(header):
        assert header["seen"] == 3
        header["clips"][0]["cuts"] = [2 * cut for cut in header["clips"][0]["cuts"]]
        return header

    monkeypatch.setattr(take_format, "VERSION", 4)
    upgrades = {2: lambda header: header | {"seen": 3}, 3: to_4}
    monkeypatch.setattr(take_format, "_UPGRADES", upgrades)
    assert read_take(stored).clips[0].cuts == (6,)
