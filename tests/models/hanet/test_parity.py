"""The network, its loss and its schedule against what the released code computed."""

from pathlib import Path

import numpy as np
import pytest
import torch

from marey.models.hanet import LossOptions, Schedule, Untold, hanet_loss, import_state, interpolate
from tests.models.hanet.parity import read_fixture

# Float32 sums of up to 2048 terms in another order; the fixtures' README allows as much.
TOLERANCE = 1e-5


@pytest.mark.parametrize(
    "name",
    [
        "hanet_2d_postnorm",
        "hanet_2d_postnorm_torch110",
        "hanet_3d_prenorm",
        "hanet_3d_prenorm_torch110",
    ],
)
def test_network_computes_what_the_released_code_does(shared: Path, name: str) -> None:
    fixture = read_fixture(shared, name)
    network = import_state(
        fixture.state(),
        Untold(
            heads=fixture.meta["nheads"],
            interval=fixture.meta["interval"],
            window=fixture.meta["window"],
            mask="bool" if fixture.meta["mask_mode"] == "bool" else "additive_int",
        ),
    )
    assert network.config.pre_norm == fixture.meta["pre_norm"]
    poses = fixture.tensor("in/poses")
    with torch.inference_mode():
        final, refined = network(poses, every_frame=True)
        fast, sampled = network(poses)
    reference = fixture.tensor("out/final")
    torch.testing.assert_close(final, reference, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(fast, reference, atol=TOLERANCE, rtol=0)
    reference = fixture.tensor("out/refined_input")
    torch.testing.assert_close(refined, reference, atol=TOLERANCE, rtol=0)
    step = fixture.meta["interval"]
    torch.testing.assert_close(sampled[:, ::step], reference[:, ::step], atol=TOLERANCE, rtol=0)


def test_interpolated_input_is_the_baseline_of_the_released_code(shared: Path) -> None:
    fixture = read_fixture(shared, "hanet_3d_prenorm")
    interval = fixture.meta["interval"]
    found = interpolate(fixture.tensor("in/poses")[:, ::interval], interval)
    torch.testing.assert_close(found.mT, fixture.tensor("out/interp_input"), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["hanet_loss_a", "hanet_loss_b"])
def test_loss_and_gradients_are_those_of_the_released_code(shared: Path, name: str) -> None:
    fixture = read_fixture(shared, name)
    final = fixture.tensor("in/final").requires_grad_(True)
    refined = fixture.tensor("in/refined_input").requires_grad_(True)
    weight = fixture.meta["w_decoder"]
    loss = hanet_loss(
        final,
        refined,
        fixture.tensor("in/gt"),
        sampled=fixture.tensor("in/hidden_frames") == 0,
        options=LossOptions(final=fixture.meta["lamada"], encoder=weight, mutual=weight),
    )
    loss.total.backward()
    assert loss.total.item() == pytest.approx(fixture.arrays["out/final_loss"], rel=1e-6)
    without_hard = (loss.total - loss.hard).item()
    assert without_hard == pytest.approx(fixture.arrays["out/l1_loss"], rel=1e-6)
    for found, expected in ((final.grad, "out/grad_final"), (refined.grad, "out/grad_refined")):
        torch.testing.assert_close(found, fixture.tensor(expected), atol=1e-6, rtol=0)


def test_learning_rate_is_that_of_the_released_code(shared: Path) -> None:
    fixture = read_fixture(shared, "hanet_lr")
    meta, expected = fixture.meta, fixture.arrays["out/lr"]
    schedule = Schedule(
        warmup_steps=meta["warmup_epochs"] * meta["iters_per_epoch"],
        total_steps=meta["total_epochs"] * meta["iters_per_epoch"],
        base=meta["base_lr"],
        start=meta["warmup_start_lr"],
        end=meta["eta_min"],
    )
    rates = [schedule.rate(step) for step in range(len(expected))]
    np.testing.assert_allclose(rates, expected, atol=1e-12, rtol=0)
