"""The file of saved poses: the same back, the same bytes, and damage said in one sentence."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marey.core.errors import FormatError, InputError, MareyError, OutputExistsError, ShapeError
from marey.evaluate import PoseSequence, get_protocol, read_poses, write_poses
from tests.evaluate.worlds import change, make_truth


@pytest.fixture
def truth():
    return make_truth(get_protocol("harmony4d"), people=2)


class TestFile:
    def test_the_same_comes_back(self, truth, tmp_path):
        # A recording with one person less than the others keeps its size.
        alone = {name: getattr(truth.sequences[0], name)[:1] for name in ("position", "confidence")}
        alone |= {name: getattr(truth.sequences[0], name)[:1] for name in ("image", "box")}
        first = replace(truth.sequences[0], vertices=truth.sequences[0].vertices[:1], **alone)
        poses = replace(truth, sequences=(first, replace(truth.sequences[1], frame_rate=None)))
        write_poses(poses, tmp_path / "poses.npz")
        again = read_poses(tmp_path / "poses.npz")
        assert (again.skeleton, again.unit, again.origin) == ("smpl-24", "m", "truth")
        for ours, theirs in zip(again.sequences, poses.sequences, strict=True):
            assert (ours.name, ours.frame_rate) == (theirs.name, theirs.frame_rate)
            for name in ("frame", "position", "confidence", "image", "box", "vertices"):
                np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))

    def test_the_same_poses_are_the_same_bytes(self, truth, tmp_path):
        for name in ("a.npz", "b.npz"):
            write_poses(truth, tmp_path / name)
        assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()

    def test_nothing_is_replaced_unasked(self, truth, tmp_path):
        write_poses(truth, tmp_path / "a.npz")
        with pytest.raises(OutputExistsError):
            write_poses(truth, tmp_path / "a.npz")
        write_poses(truth, tmp_path / "a.npz", overwrite=True)

    def test_another_kind_of_file(self, tmp_path):
        np.savez(tmp_path / "a.npz", position=np.zeros((1, 2, 3)))
        with pytest.raises(FormatError, match=r"a\.npz is no file of poses; it lacks format"):
            read_poses(tmp_path / "a.npz")

    def test_a_newer_version(self, truth, tmp_path):
        write_poses(truth, tmp_path / "a.npz")
        arrays = dict(np.load(tmp_path / "a.npz")) | {"version": np.array(2)}
        np.savez(tmp_path / "a.npz", **arrays)
        with pytest.raises(FormatError, match="field version is 2, expected 1; update marey"):
            read_poses(tmp_path / "a.npz")

    @settings(max_examples=40, deadline=None)
    @given(
        name=st.sampled_from(
            ["names", "lengths", "people", "frame", "position", "box", "unit", "frame_rate"]
        ),
        value=st.sampled_from(
            [np.zeros(0), np.array(7), np.array([9, -9]), np.array("x"), np.zeros((2, 2, 2, 2, 2))]
        ),
    )
    def test_damage_is_said_in_one_sentence(self, name, value, tmp_path_factory):
        folder = tmp_path_factory.mktemp("damage")
        write_poses(make_truth(get_protocol("harmony4d"), frames=3), folder / "a.npz")
        arrays = dict(np.load(folder / "a.npz")) | {name: value}
        np.savez(folder / "a.npz", **arrays)
        with pytest.raises(MareyError):
            read_poses(folder / "a.npz")

    @settings(max_examples=40, deadline=None)
    @given(place=st.floats(0, 1), cut=st.booleans(), byte=st.integers(0, 255))
    def test_truncated_and_flipped_bytes(self, place, cut, byte, tmp_path_factory):
        folder = tmp_path_factory.mktemp("bytes")
        write_poses(make_truth(get_protocol("harmony4d"), frames=3), folder / "a.npz")
        data = bytearray((folder / "a.npz").read_bytes())
        at = int(place * (len(data) - 1))
        if cut:
            del data[at:]
        else:
            data[at] = byte
        (folder / "a.npz").write_bytes(data)
        with contextlib.suppress(MareyError):
            read_poses(folder / "a.npz")


class TestChecks:
    def test_wrong_joint_count(self, truth):
        first = truth.sequences[0]
        few = PoseSequence(name="few", frame=first.frame, position=first.position[:, :, :17])
        with pytest.raises(ShapeError, match=r"field position should have shape \(2, 40, 24, 3\)"):
            write_poses(replace(truth, sequences=(few,)), "never.npz")

    def test_duplicate_and_unsorted_frames(self, truth):
        def twice(frame):
            return np.where(frame == 5, 4, frame)

        with pytest.raises(InputError, match="frame 4 occurs twice"):
            write_poses(change(truth, frame=twice), "never.npz")
        with pytest.raises(InputError, match="frame 39 comes before frame 38"):
            write_poses(change(truth, frame=lambda f: f[::-1].copy()), "never.npz")

    def test_nothing_at_all(self, truth):
        with pytest.raises(InputError, match="not one frame"):
            write_poses(replace(truth, sequences=()), "never.npz")

    def test_two_sequences_of_one_name(self, truth):
        twins = replace(truth, sequences=(truth.sequences[0], truth.sequences[0]))
        with pytest.raises(InputError, match="'walk' occurs more than once"):
            write_poses(twins, "never.npz")
