"""`marey train`: from two files of poses to a network that refines."""

import json

import numpy as np
import pytest

from marey.cli import main
from marey.models.hanet import load_hanet, refine_sequence


def write(path, *sequences):
    array = np.empty(len(sequences), object)
    for k, sequence in enumerate(sequences):
        array[k] = sequence.reshape(len(sequence), -1)
    np.savez(path, joints_3d=array)
    return str(path)


@pytest.fixture
def corpus(tmp_path):
    """Two short walks and what a shaky estimator makes of them."""
    rng = np.random.default_rng(0)
    true = [
        rng.normal(size=(14, 3)) + 0.3 * np.sin(np.arange(length) / 5)[:, None, None]
        for length in (30, 22)
    ]
    found = [each + 0.02 * rng.normal(size=each.shape) for each in true]
    return (
        write(tmp_path / "aist_spin_train.npz", *found),
        write(tmp_path / "aist_gt_train.npz", *true),
    )


def refuses(capsys, *arguments) -> str:
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    assert stop.value.code not in (0, None)
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return error


def test_two_files_of_poses_make_a_network(corpus, tmp_path, capsys):
    run = tmp_path / "run"
    command = ["train", "aist-3d", *corpus, "-o", str(run), "--epochs", "1"]
    main(command)
    assert "model" in capsys.readouterr().out
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["loss"] > 0 and lines[-1]["seconds_left"] == 0
    network = load_hanet(run / "model")
    assert network.config.num_joints == 14
    refined = refine_sequence(network, np.zeros((40, 14, 3)))
    assert np.isfinite(refined.position).all()
    assert "aist_gt_train.npz" in (run / "model" / "card.md").read_text("utf-8")
    # A finished network is not trained over.
    assert "model" in refuses(capsys, *command)


def test_what_cannot_be_trained_on_is_refused(corpus, tmp_path, capsys):
    detected, truth = corpus
    run = ["-o", str(tmp_path / "run")]
    assert "aist-3d" in refuses(capsys, "train", "aist", detected, truth, *run)
    broken = tmp_path / "broken_gt_train.npz"
    broken.write_bytes(b"no archive")
    assert "broken_gt_train.npz" in refuses(capsys, "train", "aist-3d", detected, str(broken), *run)


def test_figures_for_tensorboard(corpus, tmp_path):
    pytest.importorskip("tensorboard", reason="the extra marey[tensorboard] is not installed")
    run = tmp_path / "run"
    main(["train", "aist-3d", *corpus, "-o", str(run), "--epochs", "1", "--tensorboard"])
    (events,) = (run / "tensorboard").iterdir()
    assert b"seconds_left" in events.read_bytes()
