"""How much memory a program that a test starts has held at most."""

import os
import resource
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def peak_bytes() -> int:
    """Return the most memory this process has held so far, in bytes."""
    # Linux's ru_maxrss includes what the parent held when it started this process; VmHWM does not.
    status = Path("/proc/self/status")
    if status.is_file():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def run_program(program: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a Python program, which may import `tests.peak`, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
