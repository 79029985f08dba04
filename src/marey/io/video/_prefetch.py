"""Running an iterator a few items ahead of its consumer, in a thread.

Decoding leaves Python's lock, so frames are decoded while the networks work on earlier ones.
"""

import queue
import threading
from collections.abc import Generator
from contextlib import closing
from typing import Any, TypeVar

T = TypeVar("T")

POLL_S = 0.05
"""How often a waiting producer looks whether its consumer has gone."""


class _Producer(threading.Thread):
    """Fills a bounded queue with (item, error) pairs; (None, None) ends the stream."""

    def __init__(self, items: Generator[Any, None, None], ahead: int):
        super().__init__(name="marey-prefetch", daemon=True)
        self._items = items
        self.queue: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(ahead)
        self._stopped = threading.Event()

    def run(self) -> None:
        try:
            # Closing here, in the thread that decodes, closes the file as well.
            with closing(self._items):
                for item in self._items:
                    if not self._put(item, None):
                        return
        except BaseException as error:  # handed to the consumer, who raises it
            self._put(None, error)
        else:
            self._put(None, None)

    def stop(self) -> None:
        self._stopped.set()
        self.join()

    def _put(self, item: Any, error: BaseException | None) -> bool:
        while not self._stopped.is_set():
            try:
                self.queue.put((item, error), timeout=POLL_S)
            except queue.Full:
                continue
            return True
        return False


def prefetch(items: Generator[T, None, None], *, ahead: int) -> Generator[T, None, None]:
    """Yield the items of a generator that runs in a thread.

    The thread ends when the items end, when one raises, and when the consumer closes or drops the
    returned generator.

    Args:
        items: The generator to run; it is closed in the thread.
        ahead: How many items may wait to be consumed.
    """
    producer = _Producer(items, ahead)
    producer.start()
    try:
        while True:
            item, error = producer.queue.get()
            if error is not None:
                raise error
            if item is None:
                return
            yield item
    finally:
        producer.stop()
