"""The stream: what comes out when, and what it may depend on."""

import numpy as np
import pytest
import torch

from marey.core.errors import InputError, ShapeError
from marey.models.hanet import OnlineFrame, OnlineRefiner
from tests.models.hanet.small import small_network
from tests.models.hanet.test_refine import copier, walk


def run(refiner: OnlineRefiner, sequence: np.ndarray) -> list[OnlineFrame]:
    frames = [frame for pose in sequence if (frame := refiner.push(pose)) is not None]
    return frames + refiner.finish()


@pytest.mark.parametrize("delay", [0, 1, 3, 12])
def test_every_frame_comes_once_and_in_time(delay: int) -> None:
    refiner = OnlineRefiner(small_network(), delay=delay)
    for index, pose in enumerate(walk(30)):
        frame = refiner.push(pose)
        assert (frame is None) == (index < delay)
        assert frame is None or frame.index == index - delay
    assert [frame.index for frame in refiner.finish()] == list(range(30 - delay, 30))


@pytest.mark.parametrize("delay", [0, 2, 5])
def test_nothing_later_than_the_latency_has_influence(delay: int) -> None:
    """Change the stream from frame 30 on: what came out before is the same to the bit."""
    sequence = walk(45)
    changed = sequence.copy()
    changed[30:] += 1.0
    first = run(OnlineRefiner(small_network(), delay=delay), sequence)
    second = run(OnlineRefiner(small_network(), delay=delay), changed)
    differs = [
        not np.array_equal(a.position, b.position) for a, b in zip(first, second, strict=True)
    ]
    # Frame 30 - delay leaves when frame 30 is there, and must already use it.
    assert not any(differs[: 30 - delay])
    assert all(differs[30 - delay :])


def test_a_frame_is_the_mean_of_the_windows_it_was_in() -> None:
    network, sequence, delay = small_network(), walk(40), 2
    frames = run(OnlineRefiner(network, delay=delay), sequence)
    with torch.inference_mode():
        values = [
            network(torch.from_numpy(sequence[end - 12 : end + 1].reshape(1, 13, 9)))[0][0]
            for end in (20, 21, 22)
        ]
    expected = (values[0][12] + values[1][11] + values[2][10]) / 3
    np.testing.assert_allclose(frames[20].position.reshape(-1), expected, atol=1e-5)


def test_a_constant_stream_through_a_copier() -> None:
    frames = run(OnlineRefiner(copier()), np.full((20, 3, 3), 0.3))
    np.testing.assert_allclose([frame.position for frame in frames], 0.3, atol=1e-6)


def test_latency_is_stated() -> None:
    assert OnlineRefiner(small_network(fps=30.0)).latency_s == pytest.approx(0.1)
    assert OnlineRefiner(small_network(fps=30.0), delay=0).latency_s == 0
    assert OnlineRefiner(small_network()).latency_s is None
    assert OnlineRefiner(small_network()).delay == 3


def test_missing_joints_are_held_then_lost() -> None:
    sequence = np.full((30, 3, 3), 0.3)
    sequence[10:20, 1] = np.nan
    sequence[:5, 2] = np.nan
    frames = run(OnlineRefiner(copier(), max_gap=4), sequence)
    held = np.array([frame.held for frame in frames])
    lost = np.array([frame.lost for frame in frames])
    np.testing.assert_array_equal(np.flatnonzero(held[:, 1]), range(10, 14))
    np.testing.assert_array_equal(np.flatnonzero(lost[:, 1]), range(14, 20))
    np.testing.assert_array_equal(np.flatnonzero(lost[:, 2]), range(5))
    assert not held[:, [0, 2]].any() and not lost[:, 0].any()
    position = np.array([frame.position for frame in frames])
    np.testing.assert_array_equal(np.isnan(position).any(-1), lost)
    np.testing.assert_allclose(position[~lost], 0.3, atol=1e-6)


def test_a_turning_rotation_vector_does_not_jump() -> None:
    network = copier(representation="axis-angle", num_joints=1)
    angle = np.linspace(0, 9, 60)
    wrapped = (angle + np.pi) % (2 * np.pi) - np.pi
    frames = run(OnlineRefiner(network), wrapped[:, None, None] * np.array([0.0, 0.0, 1.0]))
    found = np.array([frame.position[0, 2] for frame in frames])
    assert np.abs(np.diff(found)).max() < 0.4


def test_refused() -> None:
    with pytest.raises(InputError, match="delay must be 0 to 12"):
        OnlineRefiner(small_network(), delay=13)
    with pytest.raises(InputError, match="training mode"):
        OnlineRefiner(small_network().train())
    refiner = OnlineRefiner(small_network())
    with pytest.raises(ShapeError, match="3 joints of 3 values"):
        refiner.push(np.zeros((2, 3)))
    with pytest.raises(InputError, match="infinite"):
        refiner.push(np.full((3, 3), np.inf))
