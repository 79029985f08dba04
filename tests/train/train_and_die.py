"""Train and die by SIGKILL after a number of steps; run as a script: FOLDER STEPS."""

import os
import signal
import sys
from pathlib import Path

from marey.train.loop import train
from tests.train.test_loop import Shrunk, options


def main() -> None:
    """Read FOLDER and STEPS from the command line."""
    last = int(sys.argv[2])

    def progress(stage: str, done: int, total: int | None) -> None:
        if done == last:
            os.kill(os.getpid(), signal.SIGKILL)

    train(options(), Shrunk(), Path(sys.argv[1]), data="shrunk", progress=progress)


if __name__ == "__main__":
    main()
