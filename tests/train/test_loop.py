"""The training loop: it learns, and a killed training ends with the same bits."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from marey.core.errors import FormatError, InputError, MissingExtraError
from marey.models.hanet import HANetConfig, Schedule
from marey.train.loop import STATE, TrainOptions, total_loss, train
from marey.train.metrics_log import MetricsLog


class Shrunk:
    """Truths of one channel per joint, and inputs half as large: what a network can learn."""

    def draw(self, seed: int, step: int):
        generator = torch.Generator().manual_seed(1000 * seed + step)
        slow = torch.randn(8, 1, 6, generator=generator)
        wave = torch.sin(torch.linspace(0, 3, 7))[None, :, None]
        clean = slow * wave
        return 0.5 * clean, clean


def options(steps: int = 12, **changes) -> TrainOptions:
    network = HANetConfig(
        representation="3d",
        num_joints=2,
        interval=3,
        window=7,
        width=8,
        levels=2,
        decoder_layers=1,
        dropout=0.1,
    )
    return TrainOptions(
        network=network,
        schedule=Schedule(warmup_steps=2, total_steps=steps, base=3e-3),
        **{"seed": 1, "log_every": 1, "save_every": 1, "start_from_input": True} | changes,
    )


def lines(folder: Path) -> list[dict]:
    text = (folder / "metrics.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_it_learns(tmp_path):
    quick = options(150, save_every=150)
    quick = replace(
        quick,
        network=replace(quick.network, dropout=0.0),
        schedule=replace(quick.schedule, base=1e-2),
    )
    train(quick, Shrunk(), tmp_path, data="shrunk")
    losses = [line["loss"] for line in lines(tmp_path)]
    assert len(losses) == 150
    assert sum(losses[-10:]) < 0.6 * sum(losses[:10])
    assert lines(tmp_path)[-1]["seconds_left"] == 0


def test_it_begins_with_the_input(tmp_path):
    fresh = options()
    still = replace(fresh, schedule=Schedule(warmup_steps=0, total_steps=1, base=0.0, end=0.0))
    network = train(still, Shrunk(), tmp_path, data="shrunk")
    assert not network.training
    x = torch.randn(2, 7, 6)
    assert torch.equal(network(x)[0][:, ::3], x[:, ::3])


def test_killed_and_continued_is_the_same(tmp_path):
    script = Path(__file__).with_name("train_and_die.py")
    code = [sys.executable, str(script), str(tmp_path / "killed"), "7"]
    root = Path(__file__).resolve().parents[2]
    died = subprocess.run(code, check=False, cwd=root, env=os.environ | {"PYTHONPATH": str(root)})
    assert died.returncode == -signal.SIGKILL
    once = train(options(), Shrunk(), tmp_path / "whole", data="shrunk")
    again = train(options(), Shrunk(), tmp_path / "killed", data="shrunk")
    for name, tensor in once.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    told = [
        [(line["step"], line["loss"]) for line in lines(tmp_path / name)]
        for name in ("whole", "killed")
    ]
    assert told[0] == told[1]


def test_another_training_is_not_continued(tmp_path):
    train(options(), Shrunk(), tmp_path, data="shrunk")
    with pytest.raises(InputError, match="another training"):
        train(options(), Shrunk(), tmp_path, data="other")
    with pytest.raises(InputError, match="another training"):
        train(options(13), Shrunk(), tmp_path, data="shrunk")


def test_a_damaged_state_is_refused(tmp_path):
    train(options(3), Shrunk(), tmp_path, data="shrunk")
    state = tmp_path / STATE
    state.write_bytes(state.read_bytes()[:100])
    with pytest.raises(FormatError, match="damaged"):
        train(options(3), Shrunk(), tmp_path, data="shrunk")


def test_the_state_is_no_pickle(tmp_path):
    train(options(3), Shrunk(), tmp_path, data="shrunk")
    assert any(name.startswith("network.") for name in load_file(tmp_path / STATE))


def test_figures_are_logged_when_asked_for(tmp_path):
    train(
        options(4, validate_every=2),
        Shrunk(),
        tmp_path,
        data="shrunk",
        validate=lambda network: {"mpjpe_mm": 1.5},
    )
    assert [line["step"] for line in lines(tmp_path) if "mpjpe_mm" in line] == [2, 4]


def test_velocity_term_counts_fast_joints_more():
    clean = torch.zeros(1, 7, 6)
    clean[..., 3] = torch.arange(7.0)  # the second joint moves by 1 per frame
    slow, fast = clean.clone(), clean.clone()
    slow[..., 0] += torch.tensor([0.0, 1, 0, 1, 0, 1, 0])
    fast[..., 3] += torch.tensor([0.0, 1, 0, 1, 0, 1, 0])
    plain = options(velocity=1.0)
    weighted = replace(plain, fast=0.5)
    none = replace(plain, velocity=0.0)

    def term(option, x):
        return total_loss(option, x, x, clean) - total_loss(none, x, x, clean)

    # Every frame's change is off by 1 in one of six channels.
    assert float(term(plain, slow)) == pytest.approx(1 / 6)
    assert float(term(plain, fast)) == pytest.approx(1 / 6)
    assert float(term(weighted, slow)) == pytest.approx(1 / 6)
    assert float(term(weighted, fast)) == pytest.approx(1.5 / 6)


def test_peak_term_is_the_share_of_speed_lost_at_the_fastest_moments():
    """Of 600 moments the fastest 12 are six of either joint, at twice the speed of the others."""
    step = torch.ones(1, 300, 6)
    step[..., [1, 2, 4, 5]] = 0.0
    step[:, :6, 0] = step[:, 100:106, 3] = 2.0
    clean = torch.cat([torch.zeros(1, 1, 6), step.cumsum(1)], 1)
    none = options()

    def term(factors, **changes):
        final = clean * torch.tensor(factors).repeat_interleave(3)
        option = replace(none, peak=1.0, **changes)
        return float(
            total_loss(option, final, final, clean) - total_loss(none, final, final, clean)
        )

    assert term([1.0, 1.0]) == pytest.approx(0.0, abs=1e-4)
    assert term([0.8, 0.8]) == pytest.approx(0.2, abs=1e-3)
    # What one joint loses the other wins, unless each counts by itself.
    assert term([0.8, 1.2]) == pytest.approx(0.0, abs=1e-3)
    assert term([0.8, 1.2], peak_of="joint") == pytest.approx(0.2, abs=1e-3)


def test_position_term_is_the_error_of_placed_points():
    clean, none = torch.zeros(1, 7, 6), options(on_points=True)
    final = clean + 0.5
    places = {"place": lambda x: 2 * x.unflatten(-1, (-1, 3))}
    with_term = total_loss(replace(none, position=3.0), final, final, clean, **places)
    without = total_loss(none, final, final, clean, **places)
    assert float(with_term - without) == pytest.approx(3.0)


def test_unknown_truth_counts_nowhere():
    clean, final = torch.zeros(1, 7, 6), torch.zeros(1, 7, 6)
    final[:, 2] = 9.0
    clean[:, 2] = torch.nan
    option = options(velocity=1.0, fast=1.0)
    assert float(total_loss(option, final, torch.zeros(1, 7, 6), clean)) == 0.0


def test_lines_after_the_state_and_broken_ones_are_dropped(tmp_path):
    log = MetricsLog(tmp_path, step=0)
    for step in (1, 2, 3):
        log.write(step, {"loss": 0.5})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "lo')
    MetricsLog(tmp_path, step=2).write(3, {"loss": 0.25})
    assert [(line["step"], line["loss"]) for line in lines(tmp_path)] == [
        (1, 0.5),
        (2, 0.5),
        (3, 0.25),
    ]


def test_tensorboard_absent_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"marey\[tensorboard\]"):
        MetricsLog(tmp_path, step=0, tensorboard=True)
