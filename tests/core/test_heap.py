"""What was freed goes back to the system when it is asked for."""

import platform
import subprocess
import sys

import pytest

_CHILD = """
import numpy as np
from pathlib import Path
from marey.core.heap import trim_heap

def anonymous():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))

arrays = [np.ones(100_000, np.uint8) for _ in range(1000)]
kept = np.ones(100_000, np.uint8)  # on top of the heap, so that nothing below shrinks by itself
arrays.clear()
freed = anonymous()
trim_heap()
assert kept.all()
print(freed - anonymous())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_freed_blocks_under_a_live_one_are_given_back() -> None:
    out = subprocess.run(
        [sys.executable, "-c", _CHILD], capture_output=True, text=True, check=True, timeout=120
    )
    assert int(out.stdout) > 80_000  # KiB of the 100 MB
