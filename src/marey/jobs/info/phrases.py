"""Facts that many kinds of files share."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from marey.jobs.info.description import Fact
from marey.jobs.phrases import format_bytes, format_seconds

UNEVEN = 0.1
"""Share of the median interval by which intervals of a constant rate may differ: clocks are rounded
to milliseconds in some containers."""


def say_file_size(path: Path) -> Fact:
    """Say how large a file, or everything in a folder, is."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    text = format_bytes(size)
    return Fact("on_disk_bytes", size, text if path.is_file() else f"{text} in {len(files)} files")


def say_clock(time: Float[np.ndarray, "T"]) -> list[Fact]:
    """Say how many frames there are, how fast they follow and how long they last.

    Args:
        time: When each frame is shown, s.
    """
    facts = [Fact("frames", len(time))]
    if len(time) < 2:
        return facts
    steps = np.diff(time)
    median = float(np.median(steps))
    if median <= 0:
        return facts
    rate, seconds = 1 / median, float(time[-1] - time[0]) + median
    uneven = bool(np.abs(steps - median).max() > UNEVEN * median)
    text = f"{rate:.6g} per second"
    if uneven:
        slowest, fastest = 1 / float(steps.max()), 1 / max(float(steps.min()), 1e-6)
        text = f"variable: mostly {text}, {slowest:.4g} to {fastest:.4g}"
    facts.append(Fact("frame_rate", rate, text))
    facts.append(Fact("frame_rate_varies", uneven, hidden=True))
    facts.append(Fact("duration_s", seconds, format_seconds(seconds)))
    if time[0] != 0:
        facts.append(Fact("first_frame_s", float(time[0]), f"at {time[0]:.4g} s"))
    return facts


def say_size(size: Sequence[int], name: str = "size_px") -> Fact:
    """Say width and height."""
    width, height = size
    return Fact(name, [int(width), int(height)], f"{width} x {height} px")
