"""AMASS files: SMPL's own formula as judge, real sequences, gaps and uneven clocks."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marey.core import BodyMotion
from marey.core.errors import FormatError, InputError, NothingFoundError, OutputExistsError
from marey.io.amass import read_amass, write_amass
from tests.fixtures.golden_take import make_robot


def make_motion(*, people=("anna",), time=None, joints=51, shape=10, body="marey-h", seed=0):
    """Smooth random motion: constant angular velocities and straight paths."""
    time = np.arange(20) / 30 if time is None else time
    random = np.random.default_rng(seed)
    n, t = len(people), len(time)
    speeds = random.normal(0, 1.0, (n, 1, joints + 1, 3)) * time[:, None, None]
    start = Rotation.from_rotvec(random.normal(0, 1.5, (n * (joints + 1), 3)))
    start = Rotation.from_quat(
        np.tile(start.as_quat().reshape(n, 1, -1, 4), (1, t, 1, 1)).reshape(-1, 4)
    )
    turned = Rotation.from_rotvec(speeds.reshape(-1, 3)) * start
    quaternions = turned.as_quat(scalar_first=True).reshape(n, t, joints + 1, 4)
    place = random.normal(0, 1, (n, 1, 3)) + random.normal(0, 1, (n, 1, 3)) * time[:, None]
    return BodyMotion(
        body=body,
        people=people,
        time=time,
        shape=random.normal(0, 1, (n, shape)).astype(np.float32),
        T_world_root=np.concatenate([quaternions[:, :, 0], place], -1).astype(np.float32),
        R_parent_joint=quaternions[:, :, 1:].astype(np.float32),
        confidence=np.ones((n, t), np.float32),
    )


def hide(motion, person, frames):
    root, poses = motion.T_world_root.copy(), motion.R_parent_joint.copy()
    sure = motion.confidence.copy()
    root[person, frames], poses[person, frames], sure[person, frames] = np.nan, np.nan, 0
    return replace(motion, T_world_root=root, R_parent_joint=poses, confidence=sure)


def angle_between(a, b):
    """Angle in rad between rotations given as quaternions wxyz; blind to their sign."""
    dot = np.abs((a.astype(np.float64) * b).sum(-1))
    return 2 * np.arccos(np.clip(dot, 0, 1))


def assert_same_motion(found, expected):
    # float32 quaternions carry angles to about 5e-4 rad near zero by the arccos above.
    assert angle_between(found.T_world_root[..., :4], expected.T_world_root[..., :4]).max() < 1e-3
    assert angle_between(found.R_parent_joint, expected.R_parent_joint).max() < 1e-3
    np.testing.assert_allclose(
        found.T_world_root[..., 4:], expected.T_world_root[..., 4:], atol=1e-6
    )
    np.testing.assert_allclose(found.time, expected.time, atol=1e-9)


def rodrigues(vector):
    """The exponential of a rotation vector, written out (the formula of SMPL's code)."""
    angle = np.linalg.norm(vector)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def test_the_file_moves_a_body_as_smpl_would(tmp_path):
    """SMPL puts a rest point p at R (p - root_rest) + root_rest + trans; marey at R p' + root."""
    rest = np.array([0.01, -0.23, 0.03])
    motion = make_motion()
    (path,) = write_amass(motion, tmp_path / "a.npz", root_rest=rest)
    file = np.load(path, allow_pickle=False)
    point = np.array([0.3, 0.7, -0.2])  # in SMPL's rest coordinates
    for frame in (0, 7, 19):
        R = rodrigues(file["poses"][frame, :3])
        by_smpl = R @ (point - rest) + rest + file["trans"][frame]
        q, root = motion.T_world_root[0, frame, :4], motion.T_world_root[0, frame, 4:]
        by_marey = Rotation.from_quat(q, scalar_first=True).apply(point - rest) + root
        np.testing.assert_allclose(by_smpl, by_marey, atol=1e-6)


def test_keys_and_shapes_are_those_of_amass(tmp_path):
    (path,) = write_amass(make_motion(), tmp_path / "a.npz")
    file = np.load(path, allow_pickle=False)
    assert file["poses"].shape == (20, 156)
    assert file["trans"].shape == (20, 3)
    assert file["betas"].shape == (16,)
    assert file["dmpls"].shape == (20, 8)
    assert str(file["gender"]) == "neutral"
    assert float(file["mocap_framerate"]) == pytest.approx(30)
    assert str(file["marey_body"]) == "marey-h"
    assert all(file[key].dtype == np.float64 for key in ("poses", "trans", "betas"))


@pytest.mark.parametrize(("joints", "model"), [(23, "smpl"), (51, "smplh"), (54, "smplx")])
@pytest.mark.parametrize("rest", [None, np.array([0.0, -0.2, 0.1])])
def test_round_trip(tmp_path, joints, model, rest):
    motion = make_motion(joints=joints, body=model, time=0.7 + np.arange(9) / 50)
    (path,) = write_amass(motion, tmp_path / "anna.npz", root_rest=rest)
    found = read_amass(path, root_rest=rest)
    assert_same_motion(found, motion)
    assert (found.body, found.people) == (model, ("anna",))
    np.testing.assert_allclose(found.shape, motion.shape)


def test_betas_are_written_for_bodies_of_smpls_shape_space_only(tmp_path):
    for body in ("smplh", "marey-h"):
        motion = make_motion(body=body)
        (path,) = write_amass(motion, tmp_path / f"{body}.npz")
        betas = np.load(path, allow_pickle=False)["betas"]
        assert not betas[10:].any()
        np.testing.assert_allclose(betas[:10], motion.shape[0] if body == "smplh" else np.zeros(10))
        np.testing.assert_allclose(read_amass(path).shape, motion.shape)


def test_equal_motions_become_equal_bytes(tmp_path):
    first, second = (write_amass(make_motion(), tmp_path / name)[0] for name in ("a.npz", "b.npz"))
    assert first.read_bytes() == second.read_bytes()


def test_several_people_and_runs_become_files_without_gaps(tmp_path):
    motion = make_motion(people=("anna", "Ben B"))
    motion = hide(hide(motion, 0, slice(5, 8)), 1, slice(0, 12))
    files = write_amass(motion, tmp_path / "dance.npz")
    names = ["dance_anna_part1.npz", "dance_anna_part2.npz", "dance_person-2.npz"]
    assert [path.name for path in files] == names
    spans = [(0, slice(0, 5)), (0, slice(8, 20)), (1, slice(12, 20))]
    for path, (person, span) in zip(files, spans, strict=True):
        rows = slice(person, person + 1)
        expected = replace(
            motion,
            people=motion.people[rows],
            time=motion.time[span],
            shape=motion.shape[rows],
            T_world_root=motion.T_world_root[rows, span],
            R_parent_joint=motion.R_parent_joint[rows, span],
            confidence=motion.confidence[rows, span],
        )
        assert_same_motion(read_amass(path), expected)


def test_uneven_frames_are_resampled_along_the_motion(tmp_path):
    """Constant velocities make linear interpolation and slerp exact, so the truth is known."""
    time = np.concatenate([[0], np.cumsum(np.tile([0.02, 0.05, 0.03, 0.03], 6))])
    motion = make_motion(time=time)
    (path,) = write_amass(motion, tmp_path / "a.npz")
    found = read_amass(path)
    np.testing.assert_allclose(found.time, np.arange(len(found.time)) * 0.03)
    assert 0 <= time[-1] - found.time[-1] < 0.03
    assert_same_motion(found, make_motion(time=found.time))


def test_rounded_time_stamps_are_even(tmp_path):
    """Milliseconds, as Matroska has them: 33, 34, 33 ms are 30 frames per second."""
    motion = make_motion(time=np.round(np.arange(91) / 30, 3))
    (path,) = write_amass(motion, tmp_path / "a.npz")
    file = np.load(path, allow_pickle=False)
    assert len(file["trans"]) == 91
    assert float(file["mocap_framerate"]) == pytest.approx(30, rel=1e-4)


@pytest.mark.parametrize("frame_rate", [20.0, 60.0, 120.0])
def test_any_frame_rate_can_be_asked_for(tmp_path, frame_rate):
    (path,) = write_amass(make_motion(), tmp_path / "a.npz", frame_rate=frame_rate)
    found = read_amass(path)
    np.testing.assert_allclose(np.diff(found.time), 1 / frame_rate)
    assert 0 <= 19 / 30 - found.time[-1] < 1 / frame_rate
    assert_same_motion(found, make_motion(time=found.time))


def test_a_single_frame(tmp_path):
    motion = hide(make_motion(), 0, slice(1, 20))
    (path,) = write_amass(motion, tmp_path / "a.npz")
    assert read_amass(path).time.tolist() == [0.0]
    assert float(np.load(path, allow_pickle=False)["mocap_framerate"]) == pytest.approx(30)


class TestRealSequence:
    @pytest.fixture
    def sample(self, shared):
        return shared / "data" / "amass_samples" / "amass_sample.npz"

    def test_the_root_lies_amid_the_markers_and_stands_up(self, sample):
        """The markers, in the same world, were what the poses were fitted to."""
        motion, file = read_amass(sample), np.load(sample, allow_pickle=False)
        assert motion.body == "smplh"
        assert motion.R_parent_joint.shape == (1, 601, 51, 4)
        assert motion.time[-1] == pytest.approx(5)
        markers = file["marker_data"]
        root = motion.T_world_root[0]
        # Without root_rest, the root is off by SMPL's rest position of the root, 0.25 m at most.
        assert np.linalg.norm(root[:, 4:] - np.nanmedian(markers, 1), axis=-1).max() < 0.6
        up = Rotation.from_quat(root[:, :4], scalar_first=True).apply([0, 1, 0])
        spread = np.nanmax(markers, 1) - np.nanmin(markers, 1)
        assert (up[:, 2] > 0.7).mean() > 0.9, "the body's +Y is the world's +Z"
        assert (spread[:, 2] > 1.2).mean() > 0.9, "and the markers are tall along it"

    def test_it_survives_a_round_trip(self, sample, tmp_path):
        motion, old = read_amass(sample), np.load(sample, allow_pickle=False)
        (path,) = write_amass(motion, tmp_path / "a.npz", gender="male")
        new = np.load(path, allow_pickle=False)
        a, b = (Rotation.from_rotvec(f["poses"].reshape(-1, 3)) for f in (old, new))
        assert (a.inv() * b).magnitude().max() < 1e-5
        np.testing.assert_allclose(new["trans"], old["trans"], atol=1e-6)
        np.testing.assert_allclose(new["betas"], old["betas"], atol=1e-6)
        assert (str(new["gender"]), float(new["mocap_framerate"])) == ("male", 120.0)


class TestRefusals:
    def test_bare_rigs(self, tmp_path):
        with pytest.raises(InputError, match="not a rig of 2"):
            write_amass(make_robot().motion, tmp_path / "a.npz")

    def test_nobody(self, tmp_path):
        with pytest.raises(NothingFoundError):
            write_amass(hide(make_motion(), 0, slice(None)), tmp_path / "a.npz")

    def test_too_many_coefficients(self, tmp_path):
        with pytest.raises(InputError, match="has 20"):
            write_amass(make_motion(body="smplx", shape=20), tmp_path / "a.npz")

    def test_existing_files(self, tmp_path):
        write_amass(make_motion(), tmp_path / "a.npz")
        with pytest.raises(OutputExistsError):
            write_amass(make_motion(), tmp_path / "a.npz", overwrite=False)

    def test_a_taken_place_is_found_before_anything_is_written(self, tmp_path):
        motion = hide(make_motion(), 0, slice(2, 3))
        names = sorted(path.name for path in write_amass(motion, tmp_path / "b.npz"))
        assert len(names) > 1
        last = tmp_path / names[-1].replace("b_", "a_")
        last.write_bytes(b"precious")
        with pytest.raises(OutputExistsError, match=last.name):
            write_amass(motion, tmp_path / "a.npz", overwrite=False)
        assert sorted(path.name for path in tmp_path.iterdir()) == [last.name, *names]

    def save(self, tmp_path, **changes):
        keys = {
            "poses": np.zeros((4, 156)),
            "trans": np.zeros((4, 3)),
            "betas": np.zeros(16),
            "mocap_framerate": np.array(120.0),
        }
        keys = {key: value for key, value in (keys | changes).items() if value is not None}
        np.savez(tmp_path / "a.npz", **keys)
        return tmp_path / "a.npz"

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"poses": None}, "no 'poses'"),
            ({"mocap_framerate": None}, "no 'mocap_framerate'"),
            ({"poses": np.zeros((4, 150))}, r"poses \(4, 150\)"),
            ({"trans": np.zeros((5, 3))}, r"trans \(5, 3\)"),
            ({"poses": np.full((4, 156), np.nan)}, "not finite"),
            ({"mocap_framerate": np.array(0.0)}, "0.0 frames per second"),
            ({"poses": np.array([print], object)}, "is not an AMASS"),
            ({"poses": np.array("text")}, "expected numbers"),
        ],
    )
    def test_files_that_are_none(self, tmp_path, changes, message):
        with pytest.raises(FormatError, match=message):
            read_amass(self.save(tmp_path, **changes))

    def test_no_zip_and_no_file(self, tmp_path):
        (tmp_path / "a.npz").write_bytes(b"text")
        with pytest.raises(FormatError, match="is not an AMASS"):
            read_amass(tmp_path / "a.npz")
        with pytest.raises(InputError, match="does not exist"):
            read_amass(tmp_path / "b.npz")

    def test_the_other_spelling_of_the_frame_rate(self, tmp_path):
        path = self.save(tmp_path, mocap_framerate=None, mocap_frame_rate=np.array(60.0))
        assert read_amass(path).time[1] == pytest.approx(1 / 60)
