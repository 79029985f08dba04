"""The learning rate at the places one can name."""

import pytest

from marey.core.errors import InputError
from marey.models.hanet import Schedule


def test_begins_peaks_and_ends() -> None:
    schedule = Schedule(warmup_steps=10, total_steps=50, base=1.0, start=0.1, end=0.2)
    assert schedule.rate(0) == pytest.approx(0.1)
    assert [schedule.rate(9), schedule.rate(10)] == pytest.approx([1.0, 1.0])
    assert schedule.rate(30) == pytest.approx(0.6)  # half of the cosine
    assert schedule.rate(50) == schedule.rate(1000) == pytest.approx(0.2)


def test_rises_then_falls() -> None:
    schedule = Schedule(warmup_steps=7, total_steps=40)
    rates = [schedule.rate(step) for step in range(41)]
    assert rates[:7] == sorted(rates[:7])
    assert rates[7:] == sorted(rates[7:], reverse=True)


@pytest.mark.parametrize("warmup", [0, 1])
def test_short_warm_ups(warmup: int) -> None:
    assert Schedule(warmup_steps=warmup, total_steps=3).rate(0) == 1e-3


@pytest.mark.parametrize("warmup", [-1, 5])
def test_a_warm_up_longer_than_all_is_refused(warmup: int) -> None:
    with pytest.raises(InputError, match="must be shorter"):
        Schedule(warmup_steps=warmup, total_steps=5)
