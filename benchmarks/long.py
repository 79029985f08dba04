"""Long videos: peak memory and time of a clip played many times, relative to the clip once.

`python -m benchmarks.long` plays the bundled clip forth and back a hundred times, solves it once
and a hundred times, each in a process of its own, and prints both. It ends with exit code 1 if
memory or time per frame grew by more than a tenth.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks._clips import make_clip, repeat_clip
from benchmarks._peak import Peak, measure_peak
from marey.assets import demo_clip
from marey.jobs.solve.options import SolveOptions

_MAX_GROWTH = 1.10


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="how often the clip is played")
    parser.add_argument("--frames", type=int, default=100, help="length of the clip")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        clip = make_clip(
            demo_clip(),
            Path(name),
            name="demo",
            max_frames=options.frames,
            options=SolveOptions(min_height=350),
        )
        once = measure_peak(clip)
        _say("once", clip.num_frames, once)
        long = repeat_clip(clip, options.rounds)
        often = measure_peak(long)
        _say(f"{options.rounds} times", long.num_frames, often)
    memory = often.peak_mib / once.peak_mib
    # Once, kernels are compiled and files opened as well: the long run can only look better by it.
    time = often.seconds / once.seconds / options.rounds
    sys.stdout.write(f"memory times {memory:.3f}, time per frame times {time:.3f}\n")
    return int(memory > _MAX_GROWTH or time > _MAX_GROWTH)


def _say(name: str, num_frames: int, peak: Peak) -> None:
    sys.stdout.write(
        f"{name}: {num_frames} frames, {peak.peak_mib:.0f} MiB, {peak.seconds:.1f} s "
        f"of processor time ({1000 * peak.seconds / num_frames:.1f} ms per frame), "
        f"take {peak.take_mib:.1f} MiB, workspace {peak.workspace_mib:.1f} MiB\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
