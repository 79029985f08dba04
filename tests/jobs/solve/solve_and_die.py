"""Solve a video and die by SIGKILL at the given report of progress; run as a script."""

import os
import signal
import sys
from pathlib import Path

from marey.jobs.solve.into import solve_into


def main() -> None:
    """Read VIDEO TARGET REPORT from the command line."""
    video, target, last = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    count = 0

    def progress(stage: str, done: int, total: int | None) -> None:
        nonlocal count
        count += 1
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)

    solve_into(video, target, progress=progress)


if __name__ == "__main__":
    main()
