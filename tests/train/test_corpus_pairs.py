"""Pairs from files of estimated and true poses."""

import numpy as np
import pytest

from marey.core.errors import InputError
from marey.recipes.hanet_published import PUBLISHED, hanet_published
from marey.train.corpus_pairs import CorpusPairs, SequencePair, read_corpus_pairs


def write(path, *sequences):
    array = np.empty(len(sequences), object)
    for k, sequence in enumerate(sequences):
        array[k] = sequence.reshape(len(sequence), -1)
    np.savez(path, joints_3d=array)
    return path


def poses(*lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(length, 14, 3)) for length in lengths]


def test_poses_come_relative_to_the_hips(tmp_path):
    true, found = poses(6, 4), poses(6, 4, seed=1)
    pairs = read_corpus_pairs(
        write(tmp_path / "pw3d_spin_train.npz", *found),
        write(tmp_path / "pw3d_gt_train.npz", *true),
        representation="3d",
    )
    hips = true[0][:, [2, 3]].mean(1, keepdims=True)
    assert np.allclose(pairs[0].clean.reshape(6, 14, 3), true[0] - hips, atol=1e-6)
    hips = found[1][:, [2, 3]].mean(1, keepdims=True)
    assert np.allclose(pairs[1].noisy.reshape(4, 14, 3), found[1] - hips, atol=1e-6)


def test_sparse_truth_stays_unknown_and_gaps_of_the_input_are_bridged(tmp_path):
    true, found = poses(5), poses(5, seed=1)
    true[0][1:4] = np.nan
    found[0][2] = np.nan
    (pair,) = read_corpus_pairs(
        write(tmp_path / "pw3d_spin_train.npz", *found),
        write(tmp_path / "pw3d_gt_train.npz", *true),
        representation="3d",
    )
    assert np.isnan(pair.clean[1:4]).all() and np.isfinite(pair.clean[[0, 4]]).all()
    assert np.allclose(pair.noisy[2], (pair.noisy[1] + pair.noisy[3]) / 2, atol=1e-6)


def test_other_sequences_are_refused(tmp_path):
    found = write(tmp_path / "pw3d_spin_train.npz", *poses(6, 4))
    with pytest.raises(InputError, match="2 sequences and"):
        read_corpus_pairs(
            found, write(tmp_path / "pw3d_gt_train.npz", *poses(6)), representation="3d"
        )
    with pytest.raises(InputError, match="same frames and joints"):
        read_corpus_pairs(
            found, write(tmp_path / "pw3d_gt_test.npz", *poses(6, 5)), representation="3d"
        )
    with pytest.raises(InputError, match="nothing to make '6d' of"):
        read_corpus_pairs(found, found, representation="6d")


def counted(length, first):
    values = np.arange(first, first + length, dtype=np.float32)[:, None]
    return SequencePair(noisy=values, clean=values)


def test_an_epoch_holds_a_window_per_frame_inside_its_sequence():
    pairs = CorpusPairs(sequences=(counted(10, 0), counted(6, 100)), window=4, batch=16)
    noisy, clean = pairs.draw(0, 0)
    assert noisy.shape == (16, 4, 1)
    assert np.array_equal(noisy, clean)
    steps = noisy[:, 1:, 0] - noisy[:, :-1, 0]
    assert (steps == 1).all()
    # Ten frames begin windows of the first sequence, of which three move back to fit.
    begins = sorted(noisy[:, 0, 0].tolist())
    assert begins == [0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 100, 100, 101, 101, 102, 102]
    other, _ = pairs.draw(0, 1)
    assert sorted(other[:, 0, 0].tolist()) == begins
    assert not np.array_equal(noisy, other)
    assert np.array_equal(noisy, pairs.draw(0, 0)[0])


def test_short_sequences_are_continued_where_nothing_is_true():
    pairs = CorpusPairs(sequences=(counted(3, 0),), window=5, batch=1)
    noisy, clean = pairs.draw(0, 0)
    assert noisy[0, :, 0].tolist() == [0, 1, 2, 2, 2]
    assert clean[0, 3:, 0].isnan().all()


@pytest.mark.parametrize("name", list(PUBLISHED))
def test_published_recipes_are_those_of_the_paper(name):
    options = hanet_published(name, num_frames=10_000)
    row = PUBLISHED[name]
    assert options.network.window == {"jhmdb": 11}.get(name, 101)
    steps = -(-10_000 // row.batch)
    assert options.schedule.total_steps == 70 * steps
    assert options.schedule.warmup_steps == 5 * steps
    assert options.seed == 4321
    assert options.velocity == options.peak == 0
    assert not options.network.filter_bank


def test_unknown_recipes_are_refused():
    with pytest.raises(InputError, match="unknown recipe 'pw3d'; choose one of jhmdb"):
        hanet_published("pw3d", num_frames=1)
