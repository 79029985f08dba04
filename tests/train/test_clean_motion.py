"""Clean motion: exact times, splits by subject, files."""

import numpy as np
import pytest
import torch

from marey.core.errors import FormatError, InputError
from marey.geometry.rotation import geodesic_angle, rotation6d_to_matrix
from marey.train.clean_motion import (
    cut_windows,
    draw_starts,
    read_clean_motion,
    write_clean_motion,
)
from tests.train.scenes import swinging


def test_moments_on_frames_are_those_frames():
    motion = swinging()
    window = cut_windows(motion, np.array([1]), np.array([[0.0, 0.5, 1.0]]))
    rows = torch.from_numpy(motion.rotation[[120, 150, 180]])
    assert torch.allclose(window[0], rotation6d_to_matrix(rows, layout="columns"), atol=1e-6)


def test_the_rate_of_the_recording_does_not_matter():
    moment = np.linspace(0.1, 0.9, 25)[None]
    slow, fast = (
        cut_windows(swinging(frames=frames, rate=rate), np.array([0]), moment)
        for frames, rate in ((60, 30.0), (480, 240.0))
    )
    assert geodesic_angle(slow, fast).max() < np.radians(1.0)


def test_beyond_the_ends_the_nearest_frame_is_held():
    motion = swinging()
    window = cut_windows(motion, np.array([0]), np.array([[-1.0, 0.0, 99.0, 119 / 60]]))[0]
    assert torch.equal(window[0], window[1])
    assert torch.allclose(window[2], window[3])


def test_windows_stay_inside_their_clips():
    motion, rng = swinging(), np.random.default_rng(0)
    span = np.full(500, 1.2)
    clip, first = draw_starts(motion, span, rng)
    assert set(clip) == {0, 1}
    assert np.all((first >= 0) & (first + span <= motion.duration[clip] + 1e-9))


def test_subjects_are_separated_and_unknown_ones_refused():
    own = swinging().of_subjects({"b"})
    assert own.clip == ("second",)
    assert np.array_equal(own.rotation, swinging().rotation[120:])
    with pytest.raises(InputError, match="no clip is of c; there are a, b"):
        swinging().of_subjects({"c"})


def test_files_come_back(tmp_path):
    motion = swinging()
    write_clean_motion(motion, tmp_path / "clean.npz")
    back = read_clean_motion(tmp_path / "clean.npz")
    assert np.array_equal(back.rotation, motion.rotation)
    assert (back.clip, back.subject) == (motion.clip, motion.subject)
    (tmp_path / "bad.npz").write_bytes(b"PK nothing")
    with pytest.raises(FormatError, match="no clean motion"):
        read_clean_motion(tmp_path / "bad.npz")
