"""Speed and memory of `marey solve`, compared with the committed baseline.

`python -m benchmarks.run` (or `make bench`) prints the figures beside `benchmarks/baseline.json`
and ends with exit code 1 if one is worse than its tolerance. `--write` keeps them as the new
baseline and writes `docs/benchmarks.md`; `--quick` measures less and never writes.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks._clips import BenchClip, make_clips, repeat_clip
from benchmarks._machine import Machine, describe_machine, format_machine
from benchmarks._metric import (
    Direction,
    Metric,
    Verdict,
    format_verdicts,
    judge,
    read_baseline,
    write_baseline,
)
from benchmarks._naive import FitRace, measure_naive_networks, race_fit
from benchmarks._peak import measure_peak
from benchmarks._stages import PHASES, STAGES, Profile, profile_solve
from benchmarks.convert import convert_metrics

ROOT = Path(__file__).resolve().parents[1]
BASELINE = ROOT / "benchmarks" / "baseline.json"
REPORT = ROOT / "docs" / "benchmarks.md"
_ROUNDS = 10
_MAX_GROWTH = 1.10
"""Peak memory of a clip ten times as long, relative to the clip: memory must stay flat."""

_INTRODUCTION = """\
# Speed and memory

Written by `python -m benchmarks.run --write`; `make bench` compares with
`benchmarks/baseline.json`."""
_METHOD = """\
Clips are re-encoded so that their shorter side is 720 px and show one person who is followed. The
whole of `marey solve` runs without the overlay, networks and body loaded before; median of three
runs after one to warm up. Stages overlap, so shares are of processor time, taken in the thread that
works (decoding: in a run by itself); phases are wall time."""
_MEMORY = f"""\
Peak memory is that of a fresh process; the long clip is the same one played forth and back
{_ROUNDS} times. Its ratio must not exceed {_MAX_GROWTH:.2f}."""


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and perhaps write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the figures as the baseline")
    parser.add_argument("--quick", action="store_true", help="measure less; nothing is written")
    options = parser.parse_args(arguments)
    if options.write and options.quick:
        parser.error("--quick measures too little to be kept; leave out --write or --quick")
    machine = describe_machine()
    _say(format_machine(machine))
    sections, metrics = measure(quick=options.quick)
    known_machine, baseline = read_baseline(BASELINE)
    verdicts = judge(metrics, baseline, same_machine=known_machine == machine.identity)
    _say(format_verdicts(verdicts))
    if options.write:
        write_baseline(BASELINE, machine.identity, metrics)
        REPORT.write_text(_format_report(machine, sections, metrics))
        return 0
    return _finish(verdicts, quick=options.quick)


def measure(*, quick: bool) -> tuple[list[str], list[Metric]]:
    """Return sections of the report and the figures to compare."""
    sections, metrics = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = make_clips(folder, max_frames=40 if quick else 120)
        for clip in clips[:1] if quick else clips:
            profile = _profile(clip, folder, runs=1 if quick else 3)
            naive = measure_naive_networks(clip.path, num_frames=20 if quick else 60)
            sections.append(_format_profile(clip, profile, naive))
            metrics += _speed_metrics(clip, profile, naive)
            _say(sections[-1])
        metrics += _memory_metrics(clips[0], rounds=3 if quick else _ROUNDS)
    race = race_fit()
    sections.append(_format_race(race))
    metrics += _race_metrics(race)
    metrics += convert_metrics()
    _say(sections[-1])
    return sections, metrics


def _profile(clip: BenchClip, folder: Path, *, runs: int) -> Profile:
    # The first run compiles kernels and fills caches.
    profile_solve(clip.path, folder, options=clip.options)
    profiles = [profile_solve(clip.path, folder, options=clip.options) for _ in range(runs)]
    middle = statistics.median_low(profile.wall["total"] for profile in profiles)
    return next(profile for profile in profiles if profile.wall["total"] == middle)


def _speed_metrics(clip: BenchClip, profile: Profile, naive: float) -> list[Metric]:
    front = profile.num_frames / profile.wall["people"]
    busy = sum(profile.busy.values())
    rows: list[tuple[str, float, str, Direction, float, bool]] = [
        ("frames per second", profile.frames_per_second, "1/s", "higher", 0.3, True),
        ("processor time per frame", 1000 * busy / profile.num_frames, "ms", "lower", 0.3, True),
        # The naive front end's spinning threads make its own speed vary by a factor of 1.8.
        ("front end, times naive", front / naive, "", "higher", 0.5, False),
    ]
    for stage in STAGES:
        rows.append((f"share of {stage}", profile.busy[stage] / busy, "", "none", 0.0, False))
    return [
        Metric(
            key=f"{clip.name}: {key}",
            value=value,
            unit=unit,
            direction=direction,
            tolerance=tolerance,
            absolute=absolute,
        )
        for key, value, unit, direction, tolerance, absolute in rows
    ]


def _memory_metrics(clip: BenchClip, *, rounds: int) -> list[Metric]:
    once = measure_peak(clip).peak_mib
    long = repeat_clip(clip, rounds)
    often = measure_peak(long).peak_mib
    growth = 1000 * (often - once) / (long.num_frames - clip.num_frames)
    # The gate is not the baseline but the promise: at most ten per cent more.
    return [
        Metric(key="peak memory", value=once, unit="MiB", direction="lower", tolerance=0.15),
        Metric(
            key=f"peak memory of {rounds} times the clip, times that of one",
            value=often / once,
            unit="",
            direction="lower",
            tolerance=0.05,
            absolute=False,
        ),
        Metric(
            key="growth per 1000 frames", value=growth, unit="MiB", direction="none", tolerance=0.0
        ),
    ]


def _race_metrics(race: FitRace) -> list[Metric]:
    return [
        Metric(
            key="fit, times naive",
            value=race.ours_per_second / race.naive_per_second,
            unit="",
            direction="higher",
            tolerance=0.3,
            absolute=False,
        ),
        Metric(
            key="fit: cost reached, times naive",
            value=race.ours_cost / race.naive_cost,
            unit="",
            direction="lower",
            tolerance=0.1,
            absolute=False,
        ),
    ]


def _format_profile(clip: BenchClip, profile: Profile, naive: float) -> str:
    total = sum(profile.busy.values())
    width, height = clip.size
    people = "1 person" if profile.num_people == 1 else f"{profile.num_people} people"
    front = profile.num_frames / profile.wall["people"]
    lines = [
        f"### {clip.name}: {clip.num_frames} frames of `{clip.origin}` at {width} x {height} px, "
        f"{people}, hands on",
        "",
        f"End to end {profile.frames_per_second:.1f} frames per second "
        f"({profile.wall['total']:.2f} s; "
        + ", ".join(f"{phase} {profile.wall[phase]:.2f} s" for phase in PHASES)
        + ").",
        f"Front end (decode, detect, track, landmarks) {front:.1f} frames per second; the naive "
        f"front end of the same run {naive:.1f}: times {front / naive:.2f}.",
        "",
        "| stage | processor s | frames per processor s | share |",
        "|---|---:|---:|---:|",
    ]
    for stage in STAGES:
        seconds = profile.busy[stage]
        speed = profile.num_frames / max(seconds, 1e-9)
        lines.append(f"| {stage} | {seconds:.2f} | {speed:.0f} | {100 * seconds / total:.0f} % |")
    lines.append(f"| sum | {total:.2f} | {profile.num_frames / total:.1f} | 100 % |")
    return "\n".join(lines)


def _format_race(race: FitRace) -> str:
    ratio = race.ours_per_second / race.naive_per_second
    return "\n".join(
        [
            "### Fit against automatic differentiation",
            "",
            "The single-frame fit of the body chain to a synthetic dance, 48 frames, one thread.",
            "",
            "| solver | frames per second | mean cost reached |",
            "|---|---:|---:|",
            f"| ours, 15 iterations | {race.ours_per_second:.0f} | {race.ours_cost:.1f} |",
            f"| Adam, 300 steps | {race.naive_per_second:.1f} | {race.naive_cost:.1f} |",
            "",
            f"Ours is {ratio:.0f} times as fast.",
        ]
    )


def _format_report(machine: Machine, sections: list[str], metrics: list[Metric]) -> str:
    figures = format_verdicts([Verdict(metric=m, baseline=None, worse=False) for m in metrics])
    parts = [_INTRODUCTION, format_machine(machine), _METHOD, *sections, "## Figures", figures]
    return "\n\n".join([*parts, _MEMORY]) + "\n"


def _finish(verdicts: list[Verdict], *, quick: bool) -> int:
    # A short clip played three times measures start-up, not growth.
    broken = [
        verdict.metric.key
        for verdict in verdicts
        if verdict.worse
        or (
            (not quick and "times the clip" in verdict.metric.key)
            and verdict.metric.value > _MAX_GROWTH
        )
    ]
    for key in broken:
        _say(f"worse than allowed: {key}")
    return 1 if broken and not quick else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
