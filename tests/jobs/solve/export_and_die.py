"""Solve a video with exports and die by SIGKILL at a step; run as a script."""

import os
import signal
import sys
from pathlib import Path

from marey.jobs import workspace
from marey.jobs.export import stage as export_stage
from marey.jobs.solve.into import solve_into


def main() -> None:
    """Read STEP VIDEO TARGET EXPORT... from the command line.

    The step is either that after the take, or the second export.
    """
    step, video, target, *exports = sys.argv[1:]
    work, count = export_stage.export, 0

    def die(*args, **rest):
        nonlocal count
        count += 1
        if count == len(exports) or step.startswith("workspace"):
            os.kill(os.getpid(), signal.SIGKILL)
        return work(*args, **rest)

    if step.startswith("workspace"):
        workspace.Workspace.forget_stages = die
    else:
        export_stage.export = die
    solve_into(Path(video), Path(target), exports=[Path(name) for name in exports])


if __name__ == "__main__":
    main()
