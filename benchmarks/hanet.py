"""Speed of HANet against the released code's arithmetic, in the same run.

`python -m benchmarks.hanet` prints the tables; `--write` keeps them in `docs/benchmarks-hanet.md`.

The baseline is the plain network of the tests: the same weights, every token, torch's own attention
modules, as the released code calls them. Both take the same random windows turn by turn, and the
fastest turn of each counts, so that other work on the machine disturbs them alike and least. On a
machine with much other work `--processor-time` counts the seconds of one thread instead.
"""

import argparse
import statistics
import time as clock
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tests.models.hanet.plain import PlainHANet
from torch import Tensor

from benchmarks._machine import describe_machine, format_machine
from marey.models.hanet import (
    HANet,
    HANetConfig,
    OnlineRefiner,
    RefineOptions,
    Untold,
    import_state,
    refine_sequence,
)

REPORT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks-hanet.md"
CONFIGS = {
    "H 32, N 5, 14 joints 3D": HANetConfig(representation="3d", num_joints=14, width=32),
    "H 64, N 5, 17 joints 3D": HANetConfig(representation="3d", num_joints=17, width=64),
    "H 128, N 5, 14 joints 3D": HANetConfig(representation="3d", num_joints=14, width=128),
    "H 128, N 10, 24 joints 6D": HANetConfig(
        representation="6d", num_joints=24, width=128, interval=10, pre_norm=False
    ),
}
BATCHES = (1, 32)
Timer = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """Both networks, and ours in bfloat16, on one batch."""

    name: str
    batch: int
    plain_ms: float
    ours_ms: float
    half_ms: float
    largest_difference: float
    half_error: float
    """Mean error of bfloat16 over the mean size of what the network adds to the interpolation."""

    @property
    def speed_up(self) -> float:
        """How many times faster than the baseline ours is."""
        return self.plain_ms / self.ours_ms


def race(name: str, config: HANetConfig, *, batch: int, turns: int, timer: Timer) -> Race:
    """Let the networks take turns."""
    torch.manual_seed(0)
    plain = PlainHANet(config).eval()
    ours = _import(plain, config)
    half = _import(plain, config).bfloat16()
    x = torch.randn(batch, config.window, config.channels)
    with torch.inference_mode():
        times = take_turns(
            [lambda: plain(x), lambda: ours(x), lambda: half(x)], turns=turns, timer=timer
        )
        expected, found, rounded = plain(x)[0], ours(x)[0], half(x)[0]
        added = (found - ours(x)[1]).abs().mean()
    print(f"{name}, {batch} windows: {times[0] / times[1]:.2f} times faster", flush=True)
    return Race(
        name=name,
        batch=batch,
        plain_ms=1000 * times[0],
        ours_ms=1000 * times[1],
        half_ms=1000 * times[2],
        largest_difference=float((found - expected).abs().max()),
        half_error=float((rounded - found).abs().mean() / added),
    )


def take_turns(works: list[Callable[[], object]], *, turns: int, timer: Timer) -> list[float]:
    """Return the least seconds of each."""
    for work in works:
        work()
    times: list[list[float]] = [[] for _ in works]
    for _ in range(turns):
        for work, taken in zip(works, times, strict=True):
            begin = timer()
            work()
            taken.append(timer() - begin)
    return [min(taken) for taken in times]


def measure_sequences(network: HANet, *, num_frames: int, timer: Timer) -> list[tuple[str, float]]:
    """Return frames per second of whole sequences, windows laid out in two ways."""
    config = network.config
    rng = np.random.default_rng(0)
    shape = (num_frames, config.num_joints, config.joint_channels)
    sequence = rng.normal(size=shape).astype(np.float32)
    results = []
    for name, step in (("window after window", config.window - 1), ("half a window", None)):
        options = RefineOptions(step=step)
        run = _sequence_run(network, sequence, options)
        results.append((name, num_frames / take_turns([run], turns=3, timer=timer)[0]))
    return results


def measure_threads(network: HANet, *, batch: int, turns: int) -> list[tuple[str, float]]:
    """Return frames per second of batches of windows on one and on two cores.

    Torch's own threads share the work inside every operation, of which a narrow network has many
    small ones; two threads of Python with half the windows each need not wait for one another.
    Theirs is told by the processor time of the slower one as well: what it would be by the clock
    if nothing else ran.
    """
    config, before = network.config, torch.get_num_threads()
    x = torch.randn(2 * batch, config.window, config.channels)
    halves, frames = x.chunk(2), 2 * batch * config.window

    def work(part: Tensor) -> float:
        begin = clock.thread_time()
        # The mode is one thread's own.
        with torch.inference_mode():
            network(part)
        return clock.thread_time() - begin

    results = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            run: list[Callable[[], object]] = [lambda: [work(part) for part in halves]]
            seconds = take_turns(run, turns=turns, timer=clock.perf_counter)[0]
            results.append((f"{threads} of torch's threads", frames / seconds))
        torch.set_num_threads(1)
        with ThreadPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            own: list[float] = []
            run = [lambda: own.append(max(pool.map(work, halves)))]
            seconds = take_turns(run, turns=turns, timer=clock.perf_counter)[0]
        name = "2 threads of Python, each with half of the windows"
        results += [(name, frames / seconds), (f"{name}, processor time", frames / min(own))]
    finally:
        torch.set_num_threads(before)
    return results


def measure_online(network: HANet, *, num_frames: int, timer: Timer) -> float:
    """Return the median milliseconds from a frame coming in to one going out."""
    config, refiner, times = network.config, OnlineRefiner(network), []
    rng = np.random.default_rng(0)
    for pose in rng.normal(size=(num_frames, config.num_joints, config.joint_channels)):
        begin = timer()
        refiner.push(pose)
        times.append(timer() - begin)
    return 1000 * statistics.median(times)


def _sequence_run(
    network: HANet, sequence: np.ndarray, options: RefineOptions
) -> Callable[[], object]:
    return lambda: refine_sequence(network, sequence, options=options)


def _import(plain: PlainHANet, config: HANetConfig) -> HANet:
    state: dict[str, Tensor] = plain.state_dict()
    return import_state(
        state,
        Untold(
            representation=config.representation, interval=config.interval, window=config.window
        ),
    )


def main(arguments: list[str] | None = None) -> None:
    """Run the races, print and perhaps keep the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hanet", description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the tables in the docs")
    parser.add_argument("--quick", action="store_true", help="the narrowest network only")
    parser.add_argument(
        "--threads", action="store_true", help="one and two cores only, by the clock"
    )
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--processor-time", action="store_true", help="seconds of one thread")
    options = parser.parse_args(arguments)
    if options.write and (options.quick or options.threads):
        parser.error("--quick and --threads measure a part only, which is not kept")
    if options.threads:
        network = HANet(next(iter(CONFIGS.values()))).eval()
        for name, rate in measure_threads(network, batch=32, turns=options.turns):
            print(f"{name}: {rate:.0f} frames/s")
        return
    machine, timer, unit = describe_machine(), clock.perf_counter, "wall time"
    if options.processor_time:
        torch.set_num_threads(1)
        timer, unit = clock.process_time, "processor time"
    configs = dict(list(CONFIGS.items())[:1]) if options.quick else CONFIGS
    races = [
        race(name, config, batch=batch, turns=options.turns, timer=timer)
        for name, config in configs.items()
        for batch in BATCHES
    ]
    network = HANet(next(iter(CONFIGS.values()))).eval()
    text = "\n\n".join(
        [
            "# Speed of HANet",
            "Written by `python -m benchmarks.hanet --write`. Five levels and five decoder layers, "
            f"windows of 101 frames, boolean masks, random weights; torch with "
            f"{torch.get_num_threads()} threads; {unit}, the fastest of {options.turns} turns.",
            format_machine(machine),
            format_races(races),
            format_sequences(network, timer=timer),
        ]
    )
    print(text)
    if options.write:
        REPORT.write_text(text + "\n", encoding="utf-8")


def format_races(races: list[Race]) -> str:
    """Lay the races out in Markdown."""
    lines = [
        "## One batch of windows",
        "",
        "| network | windows | plain ms | marey ms | times faster | frames/s | largest difference "
        "| bfloat16 ms | bfloat16 error % |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for entry in races:
        frames = 101 * entry.batch / entry.ours_ms * 1000
        lines.append(
            f"| {entry.name} | {entry.batch} | {entry.plain_ms:.1f} | {entry.ours_ms:.1f} "
            f"| {entry.speed_up:.2f} | {frames:.0f} | {entry.largest_difference:.1e} "
            f"| {entry.half_ms:.1f} | {100 * entry.half_error:.2f} |"
        )
    lines += [
        "",
        "Largest difference: between the plain network's result and ours, whose values are of size "
        "1 to 5. Bfloat16 error: mean error over the mean size of what the network adds to the "
        "interpolation of its input; the poses themselves stay float32.",
    ]
    return "\n".join(lines)


def format_sequences(network: HANet, *, timer: Timer) -> str:
    """Measure and lay out the two interfaces for whole motions."""
    lines = [
        "## Whole sequences and streams",
        "",
        "H 32, N 5, 14 joints in 3D.",
        "",
        "| what | figure |",
        "|---|---:|",
    ]
    for name, rate in measure_sequences(network, num_frames=3000, timer=timer):
        lines.append(f"| `refine_sequence`, step of {name}: frames/s | {rate:.0f} |")
    # Of a run that counts one thread's time, wall times would say nothing.
    for name, rate in (
        () if timer is clock.process_time else measure_threads(network, batch=32, turns=15)
    ):
        lines.append(f"| windows in batches of 32, {name}: frames/s | {rate:.0f} |")
    online = measure_online(network, num_frames=100, timer=timer)
    lines.append(f"| `OnlineRefiner`: ms per frame | {online:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
