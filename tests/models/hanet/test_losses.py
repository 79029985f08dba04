"""The loss on cases that can be counted by hand, and its settings."""

import dataclasses

import pytest
import torch

from marey.models.hanet import LossOptions, hanet_loss, sampled_frames

PLAIN = LossOptions(final=1.0, encoder=0.0, mutual=0.0, hard=0.0)


def test_parts_counted_by_hand() -> None:
    """Errors 1 (final), 2 (refined) everywhere: the sums are shares of sampled frames."""
    target = torch.zeros(2, 7, 4)
    loss = hanet_loss(target + 1, target - 2, target, sampled=sampled_frames(7, 3))
    # 3 of 7 frames are sampled; each channel holds a quarter of the mean.
    assert loss.final.item() == pytest.approx(5 * 1)
    assert loss.encoder.item() == pytest.approx(2 * 3 / 7)
    assert loss.mutual.item() == pytest.approx(3 * 3 / 7)
    per_channel = (5 + 6 / 7 + 9 / 7) / 4
    assert loss.hard.item() == pytest.approx(per_channel)
    assert loss.total.item() == pytest.approx(5 * per_channel)


def test_refined_counts_on_sampled_frames_only() -> None:
    target = torch.zeros(1, 7, 4)
    refined = target.clone()
    refined[:, [1, 2, 4, 5]] = 99
    loss = hanet_loss(target, refined, target, sampled=sampled_frames(7, 3))
    assert loss.total.item() == 0


def test_hard_mining_takes_the_worse_half() -> None:
    target = torch.zeros(1, 5, 8)
    final = target + torch.arange(8.0)
    options = dataclasses.replace(PLAIN, hard=1.0)
    sampled = sampled_frames(5, 2)
    by_channel = hanet_loss(final, target, target, sampled=sampled, options=options)
    assert by_channel.hard.item() == pytest.approx((4 + 5 + 6 + 7) / 4 / 8)
    options = dataclasses.replace(options, hard_of="joint")
    by_joint = hanet_loss(final, target, target, sampled=sampled, options=options, joint_channels=2)
    assert by_joint.hard.item() == pytest.approx((9 + 13) / 2 / 8)  # joints of 1, 5, 9, 13


def test_one_joint_has_a_hardest_channel() -> None:
    target = torch.zeros(1, 5, 3)
    loss = hanet_loss(target + 1, target, target, sampled=sampled_frames(5, 2))
    assert loss.hard.item() > 0


def test_plain_settings_leave_the_mean_absolute_error() -> None:
    final, target = torch.randn(2, 3, 7, 6).unbind(0)
    loss = hanet_loss(final, final, target, sampled=sampled_frames(7, 3), options=PLAIN)
    torch.testing.assert_close(loss.total, (final - target).abs().mean())
    squared = dataclasses.replace(PLAIN, power=2)
    loss = hanet_loss(final, final, target, sampled=sampled_frames(7, 3), options=squared)
    torch.testing.assert_close(loss.total, (final - target).square().mean())


def test_mutual_learning_may_have_a_teacher() -> None:
    target = torch.zeros(1, 5, 4)
    for teacher, moved in (
        ("none", (True, True)),
        ("final", (False, True)),
        ("encoder", (True, False)),
    ):
        final, refined = (target + 1).requires_grad_(), (target + 3).requires_grad_()
        options = LossOptions(final=0, encoder=0, hard=0, teacher=teacher)
        loss = hanet_loss(final, refined, target, sampled=sampled_frames(5, 2), options=options)
        loss.total.backward()
        grads = [x.grad is not None and bool(x.grad.any()) for x in (final, refined)]
        assert tuple(grads) == moved


def test_unknown_frames_count_nowhere() -> None:
    """Sparse annotation: what stands in other frames changes neither the loss nor gradients."""
    generator = torch.Generator().manual_seed(0)
    final, refined, target = torch.randn(3, 2, 9, 4, generator=generator).unbind(0)
    target[:, 1:8] = torch.nan
    options = LossOptions(mutual=0)
    sampled = sampled_frames(9, 4)
    loss = hanet_loss(final, refined, target, sampled=sampled, options=options)
    other = final.clone()
    other[:, 1:8] += 5
    other.requires_grad_()
    changed = hanet_loss(other, refined, target, sampled=sampled, options=options)
    assert changed.total.item() == pytest.approx(loss.total.item())
    changed.total.backward()
    assert other.grad is not None
    assert other.grad.isfinite().all() and not other.grad[:, 1:8].any()


def test_dividing_by_what_is_counted() -> None:
    """A known half of the frames then weighs as much as all of them."""
    target = torch.zeros(1, 8, 4)
    target[:, ::2] = torch.nan
    counted = dataclasses.replace(PLAIN, divide_by="counted")
    final = torch.ones(1, 8, 4)
    sampled = torch.ones(8, dtype=torch.bool)
    assert hanet_loss(
        final, final, target, sampled=sampled, options=counted
    ).total.item() == pytest.approx(1)
    assert hanet_loss(
        final, final, target, sampled=sampled, options=PLAIN
    ).total.item() == pytest.approx(0.5)


def test_gradients_in_double_precision() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b, target = torch.randn(3, 1, 5, 4, generator=generator, dtype=torch.float64).unbind(0)

    def total(final: torch.Tensor, refined: torch.Tensor) -> torch.Tensor:
        return hanet_loss(final, refined, target, sampled=sampled_frames(5, 2)).total

    assert torch.autograd.gradcheck(total, (a.requires_grad_(), b.requires_grad_()))
