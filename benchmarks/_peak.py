"""Peak memory and time of a solve, measured in a process of its own.

Run as `python -m benchmarks._peak CLIP MIN_HEIGHT`, it solves and prints.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time as clock
from dataclasses import dataclass
from pathlib import Path

from benchmarks._clips import BenchClip
from marey.jobs.solve.into import solve_into
from marey.jobs.solve.options import SolveOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """What one solve took."""

    peak_mib: float
    seconds: float
    """Processor time of the solve, without the start of the process: others may use the machine."""
    take_mib: float
    workspace_mib: float
    """Most that the unfinished run held on the disk, where it was looked at: when people stand."""


def measure_peak(clip: BenchClip) -> Peak:
    """Solve a clip in a fresh process."""
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks._peak", str(clip.path), str(clip.options.min_height)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[1],
    )
    return Peak(**json.loads(run.stdout.splitlines()[-1]))


def _solve(clip: Path, min_height: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        target, largest = Path(name) / "clip.take", [0.0]

        def watch(stage: str, done: int, total: int | None) -> None:
            if stage == "people" and done == total:
                largest[0] = _size_mib(Path(name))

        begin = clock.process_time()
        solve_into(clip, target, options=SolveOptions(min_height=min_height), progress=watch)
        figures = {
            "peak_mib": peak_mib(),
            "seconds": clock.process_time() - begin,
            "take_mib": _size_mib(target),
            "workspace_mib": largest[0],
        }
    sys.stdout.write(json.dumps(figures) + "\n")


def _size_mib(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def peak_mib() -> float:
    """Return the most memory this process has held, MiB."""
    # Linux's ru_maxrss includes what the parent held when it started this process; VmHWM does not.
    status = Path("/proc/self/status")
    if status.is_file():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    _solve(Path(sys.argv[1]), float(sys.argv[2]))
