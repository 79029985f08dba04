"""Peak memory of a solve, measured in a process of its own.

Run as `python -m benchmarks._peak CLIP MIN_HEIGHT`, it solves and prints.
"""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks._clips import BenchClip
from marey.io.take import write_take
from marey.jobs.options import SolveOptions
from marey.jobs.solve import solve


def measure_peak(clip: BenchClip) -> float:
    """Solve a clip in a fresh process and return its peak memory, MiB."""
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks._peak", str(clip.path), str(clip.options.min_height)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[1],
    )
    return json.loads(run.stdout.splitlines()[-1])["peak_mib"]


def _solve(clip: Path, min_height: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_take(
            solve(clip, options=SolveOptions(min_height=min_height)), Path(folder) / "clip.take"
        )
    sys.stdout.write(json.dumps({"peak_mib": _peak_mib()}) + "\n")


def _peak_mib() -> float:
    # Linux's ru_maxrss includes what the parent held when it started this process; VmHWM does not.
    status = Path("/proc/self/status")
    if status.is_file():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    _solve(Path(sys.argv[1]), float(sys.argv[2]))
