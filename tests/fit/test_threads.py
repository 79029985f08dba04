"""Threads: order is kept, gradients stay off, the libraries get their cores back."""

import threading
import time

import pytest
import torch
from threadpoolctl import threadpool_info

from marey.fit.threads import one_thread_each, side_by_side


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_order_whoever_finishes_first(workers):
    def slow_first(item: int) -> int:
        time.sleep(0.02 if item == 0 else 0.0)
        return item * item

    assert side_by_side(slow_first, range(5), workers=workers) == [0, 1, 4, 9, 16]
    assert side_by_side(slow_first, [], workers=workers) == []


@pytest.mark.parametrize("workers", [1, 3])
def test_no_thread_records_gradients(workers):
    modes = side_by_side(lambda _: torch.is_inference_mode_enabled(), range(3), workers=workers)
    assert modes == [True] * 3
    assert not torch.is_inference_mode_enabled()


def test_work_runs_side_by_side():
    both = threading.Barrier(2, timeout=30)  # Breaks if one waits for the other to end.
    side_by_side(lambda _: both.wait(), range(2), workers=2)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_reaches_the_caller(workers):
    def work(item: int) -> int:
        raise ValueError(item)

    with pytest.raises(ValueError, match="0"):
        side_by_side(work, range(3), workers=workers)


def test_libraries_keep_to_one_thread_and_get_theirs_back():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with pytest.raises(KeyError), one_thread_each():
            assert torch.get_num_threads() == 1
            assert all(pool["num_threads"] == 1 for pool in threadpool_info())
            raise KeyError
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
