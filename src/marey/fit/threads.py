"""Who owns the cores while bodies are fitted: our threads, one problem each, not the libraries'.

The matrices of a fit are small. Spread over a library's own thread pool they gain little on an
idle machine and lose a factor of four on a busy one, where waiting threads spin (measured:
docs/log.md). Several people, or a person's two hands, side by side use the cores better.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch
from threadpoolctl import threadpool_limits

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Keep torch and the linear algebra libraries to the calling thread within a block."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def side_by_side(
    work: Callable[[_Item], _Result], items: Sequence[_Item], *, workers: int
) -> list[_Result]:
    """Do independent work in threads, without gradients, and return the results in order."""
    if len(items) <= 1 or workers <= 1:
        return [_without_gradients(work, item) for item in items]
    with ThreadPoolExecutor(min(workers, len(items))) as pool:
        return list(pool.map(lambda item: _without_gradients(work, item), items))


def _without_gradients(work: Callable[[_Item], _Result], item: _Item) -> _Result:
    # Gradient mode belongs to a thread, so every one of them has to leave it.
    with torch.inference_mode():
        return work(item)
