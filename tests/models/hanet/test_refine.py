"""Whole sequences, good ones and bad ones."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from marey.core.errors import InputError, ShapeError
from marey.models.hanet import HANet, RefineOptions, refine_sequence
from tests.models.hanet.small import small_network


def walk(num_frames: int, *, joints: int = 3, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Return smooth random motion."""
    rng = np.random.default_rng(seed)
    phase, speed = rng.uniform(0, 6, (2, joints, channels))
    return 0.5 * np.sin(phase + 0.05 * speed * np.arange(num_frames)[:, None, None])


def copier(**settings: object) -> HANet:
    """Return a network that interpolates its sampled input and adds nothing."""
    network = small_network(**settings)
    with torch.no_grad():
        for layer in (network.encoder_joints_embed, network.decoder_joints_embed):
            layer.weight.zero_()
            layer.bias.zero_()
    return network


def test_is_the_mean_of_the_windows() -> None:
    network, sequence = small_network(), walk(20)
    refined = refine_sequence(network, sequence, options=RefineOptions(step=6, batch=1))
    windows = torch.from_numpy(np.stack([sequence[s : s + 13] for s in (0, 6, 7)])).flatten(2)
    with torch.inference_mode():
        final = network(windows)[0].unflatten(-1, (3, 3)).numpy()
    np.testing.assert_allclose(refined.position[:6], final[0, :6], atol=1e-5)
    np.testing.assert_allclose(refined.position[6], (final[0, 6] + final[1, 0]) / 2, atol=1e-5)
    expected = (final[0, 12] + final[1, 6] + final[2, 5]) / 3
    np.testing.assert_allclose(refined.position[12], expected, atol=1e-5)
    np.testing.assert_allclose(refined.position[19], final[2, 12], atol=1e-5)
    assert not (refined.lost.any() or refined.bridged.any() or refined.padded.any())


def test_batches_do_not_matter() -> None:
    network, sequence = small_network(), walk(60)
    one = refine_sequence(network, sequence, options=RefineOptions(step=3, batch=1))
    many = refine_sequence(network, sequence, options=RefineOptions(step=3, batch=7))
    np.testing.assert_allclose(one.position, many.position, atol=1e-5)


def test_the_end_is_refined_unless_it_is_to_be_dropped() -> None:
    network, sequence = small_network(), walk(20)
    dropped = refine_sequence(network, sequence, options=RefineOptions(step=6, tail="dropped"))
    np.testing.assert_array_equal(dropped.lost.all(1), np.arange(20) >= 19)
    assert np.isnan(dropped.position[19]).all()


def test_shorter_than_a_window() -> None:
    """A copier must give a line back whatever stands behind it, and say that it was padded."""
    line = np.arange(7.0)[:, None, None].repeat(3, 1).repeat(3, 2)
    refined = refine_sequence(copier(), line)
    np.testing.assert_allclose(refined.position, line, atol=1e-5)
    assert refined.padded.all() and refined.position.shape == line.shape
    one = refine_sequence(copier(), line[3:4])
    np.testing.assert_allclose(one.position, line[3:4], atol=1e-5)
    repeated, zeros = (
        refine_sequence(small_network(), line, options=RefineOptions(pad=pad)).position
        for pad in ("repeat", "zeros")
    )
    assert np.abs(repeated - zeros).max() > 1e-3


def test_short_gaps_are_bridged_and_marked() -> None:
    sequence = np.arange(30.0)[:, None, None].repeat(3, 1).repeat(3, 2) / 10
    holey = sequence.copy()
    holey[10:13, 1] = np.nan
    refined = refine_sequence(copier(), holey)
    np.testing.assert_allclose(refined.position, sequence, atol=1e-5)
    np.testing.assert_array_equal(np.argwhere(refined.bridged), [[10, 1], [11, 1], [12, 1]])
    assert not refined.lost.any()


def test_long_runs_of_nan_stay_nan_and_touch_no_other_joint_with_it() -> None:
    holey = walk(60)
    holey[20:40, 1] = np.nan
    holey[50:, 2, 0] = np.nan
    refined = refine_sequence(small_network(), holey)
    np.testing.assert_array_equal(refined.lost, np.isnan(holey).any(-1))
    np.testing.assert_array_equal(np.isnan(refined.position).all(-1), refined.lost)


def test_when_the_person_is_away_both_stretches_are_refined_alone() -> None:
    network, holey = small_network(), walk(80)
    holey[30:50] = np.nan
    refined = refine_sequence(network, holey)
    before, after = refine_sequence(network, holey[:30]), refine_sequence(network, holey[50:])
    np.testing.assert_array_equal(refined.position[:30], before.position)
    np.testing.assert_array_equal(refined.position[50:], after.position)
    assert refined.lost[30:50].all() and not refined.lost[:30].any()


def test_a_joint_that_never_comes() -> None:
    holey = walk(20)
    holey[:, 0] = np.nan
    refined = refine_sequence(small_network(), holey)
    assert refined.lost[:, 0].all() and not refined.lost[:, 1:].any()


def test_constant_input_and_one_joint() -> None:
    network = small_network(num_joints=1)
    refined = refine_sequence(network, np.zeros((40, 1, 3)))
    assert np.isfinite(refined.position).all()
    constant = refine_sequence(copier(), np.full((40, 3, 3), 0.7))
    np.testing.assert_allclose(constant.position, 0.7, atol=1e-6)


def test_another_frame_rate_is_brought_over_and_said() -> None:
    network, slow = copier(fps=30.0), np.sin(0.02 * np.arange(80))[:, None, None] * np.ones((3, 3))
    refined = refine_sequence(network, slow, fps=60.0)
    assert refined.network_fps == 30.0 and len(refined.position) == 80
    # The copier interpolates over six frames: h^2 / 8 of a curvature of 0.0004.
    np.testing.assert_allclose(refined.position, slow, atol=0.002)
    assert refine_sequence(network, slow, fps=29.97).network_fps is None
    assert refine_sequence(copier(), slow, fps=60.0).network_fps is None


def test_rotations_come_out_as_rotations() -> None:
    network = small_network(representation="6d", num_joints=2)
    rotation = Rotation.random(80, np.random.default_rng(0)).as_matrix()[:, :, :2]
    refined = refine_sequence(network, rotation.reshape(40, 2, 6))
    columns = refined.position.reshape(40, 2, 3, 2)
    gram = np.swapaxes(columns, -1, -2) @ columns
    np.testing.assert_allclose(gram, np.broadcast_to(np.eye(2), gram.shape), atol=1e-5)


def test_a_turning_rotation_vector_does_not_jump() -> None:
    network = copier(representation="axis-angle", num_joints=1)
    turning = np.linspace(0, 9, 60)[:, None, None] * np.array([0.0, 0.0, 1.0])
    canonical = Rotation.from_rotvec(turning[:, 0]).as_rotvec()[:, None]
    refined = refine_sequence(network, canonical)
    apart = Rotation.from_rotvec(refined.position[:, 0]).inv() * Rotation.from_rotvec(turning[:, 0])
    assert apart.magnitude().max() < 1e-4


def test_keeps_its_dtype_and_leaves_the_input_alone() -> None:
    sequence = walk(20).astype(np.float32)
    sequence[4, 0] = np.nan
    before = sequence.copy()
    assert refine_sequence(small_network(), sequence).position.dtype == np.float32
    np.testing.assert_array_equal(sequence, before)


@pytest.mark.parametrize(
    ("sequence", "error", "words"),
    [
        (np.zeros((30, 4, 3)), ShapeError, "3 joints of 3 values .* got poses of shape"),
        (np.zeros((30, 3, 2)), ShapeError, "take the network made for it"),
        (np.zeros((30, 9)), ShapeError, "got poses of shape"),
        (np.full((30, 3, 3), np.nan), InputError, "nothing to refine"),
        (np.zeros((0, 3, 3)), InputError, "nothing to refine"),
        (np.full((30, 3, 3), np.inf), InputError, "infinite"),
    ],
)
def test_what_cannot_be_refined_is_refused(
    sequence: np.ndarray, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        refine_sequence(small_network(), sequence)


@pytest.mark.parametrize("bad", [{"step": 0}, {"batch": 0}, {"max_gap": -1}])
def test_options_out_of_range_are_refused(bad: dict) -> None:
    with pytest.raises(InputError, match=next(iter(bad))):
        refine_sequence(
            small_network(), walk(20), options=dataclasses.replace(RefineOptions(), **bad)
        )


def test_without_trust_a_network_chooses_filters_and_adds_nothing() -> None:
    """It then does what it would do if its last layers were zero."""
    network, sequence = small_network(filter_bank=True), walk(30)
    whole, half, none = (
        refine_sequence(network, sequence, options=RefineOptions(trust=trust)).position
        for trust in (1.0, 0.5, 0.0)
    )
    np.testing.assert_array_equal(whole, refine_sequence(network, sequence).position)
    silent = refine_sequence(copier(filter_bank=True), sequence).position
    np.testing.assert_allclose(none, silent, atol=1e-6)
    assert np.abs(whole - none).mean() > 1.5 * np.abs(half - none).mean()


def test_trust_out_of_range_or_without_filters_is_refused() -> None:
    for trust in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match="`trust` must be 0 to 1"):
            refine_sequence(
                small_network(filter_bank=True), walk(20), options=RefineOptions(trust=trust)
            )
    with pytest.raises(InputError, match="this one has none"):
        refine_sequence(small_network(), walk(20), options=RefineOptions(trust=0.5))


def test_training_mode_and_frame_rates_of_zero_are_refused() -> None:
    with pytest.raises(InputError, match=r"call `.eval\(\)` first"):
        refine_sequence(small_network().train(), walk(20))
    with pytest.raises(InputError, match="must be positive"):
        refine_sequence(small_network(), walk(20), fps=0.0)
