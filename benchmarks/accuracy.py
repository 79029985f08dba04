"""Accuracy of marey, measured on what is at hand; `docs/accuracy.md` holds the result.

`python -m benchmarks.accuracy` measures all parts and prints them, `--only NAME` one of them, and
`--write` also keeps them in `benchmarks/accuracy.json` and `docs/accuracy.md` (other parts stay as
they were). Samples are looked for beside the checkout; parts whose samples are absent are left out.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks._corpora import measure_h36m, measure_humaneva, measure_pose2sim
from benchmarks._machine import describe_machine
from benchmarks._quality import measure_synthetic, measure_videos
from benchmarks._tables import Part, Table, format_table, read_parts, write_parts

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "benchmarks" / "accuracy.json"
REPORT = ROOT / "docs" / "accuracy.md"
DATA = ROOT.parent / "shared" / "data"

_INTRODUCTION = """\
# Accuracy

Written by `python -m benchmarks.accuracy --write`; each part names the command that makes it alone.
Nothing below is a published benchmark: the corpora of the field may not be shipped, so these are
small samples, two of them with references that are themselves estimates. What a reference is stands
under each table. Lengths are in mm. Pose2Sim's trial is not a held-out test: the landmark network's
noise model was calibrated on it, and the fit's weights (trust in 3D landmarks, accelerations) were
chosen by it; thresholds of the tracker were chosen by looking at the nine videos."""


@dataclass(frozen=True, slots=True)
class _Source:
    measure: Callable[[Path], tuple[Table, ...]]
    sample: str
    """Folder that must be there, or nothing."""


PARTS = {
    "synthetic": _Source(measure_synthetic, ""),
    "pose2sim": _Source(measure_pose2sim, "pose2sim_single"),
    "humaneva": _Source(measure_humaneva, "humaneva15"),
    "h36m": _Source(measure_h36m, "h36m_mmpose"),
    "videos": _Source(measure_videos, "videos"),
}


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and perhaps write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("--only", choices=list(PARTS), help="measure one part")
    parser.add_argument("--write", action="store_true", help="keep the results")
    options = parser.parse_args(arguments)
    parts = read_parts(KEPT)
    machine = describe_machine().identity
    for name in [options.only] if options.only else PARTS:
        source = PARTS[name]
        if source.sample and not (DATA / source.sample).is_dir():
            _say(f"{name}: left out, the sample {source.sample} is not here")
            continue
        parts[name] = Part(
            command=f"python -m benchmarks.accuracy --only {name} --write",
            machine=machine,
            tables=source.measure(DATA),
        )
        _say("\n\n".join(format_table(table) for table in parts[name].tables))
        if options.write:
            write_parts(KEPT, parts)
            REPORT.write_text(format_report(parts))
    return 0


def format_report(parts: dict[str, Part]) -> str:
    """Lay all parts out in Markdown, in the order of `PARTS`."""
    sections = [_INTRODUCTION]
    for name in PARTS:
        if name in parts:
            part = parts[name]
            sections.append(f"## {name}\n\n`{part.command}` ({part.machine})")
            sections += [format_table(table) for table in part.tables]
    return "\n\n".join(sections) + "\n"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
