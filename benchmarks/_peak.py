"""Peak memory of a solve, measured in a process of its own: `python -m benchmarks._peak CLIP`."""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path


def measure_peak(clip: Path) -> float:
    """Solve a clip in a fresh process and return its peak memory, MiB."""
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks._peak", str(clip)],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).resolve().parents[1],
    )
    return json.loads(run.stdout.splitlines()[-1])["peak_mib"]


def _solve(clip: Path) -> None:
    from marey.io.take import write_take
    from marey.jobs.solve import solve

    with tempfile.TemporaryDirectory() as folder:
        write_take(solve(clip), Path(folder) / "clip.take")
    # Linux counts in KiB.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"peak_mib": peak}) + "\n")


if __name__ == "__main__":
    _solve(Path(sys.argv[1]))
