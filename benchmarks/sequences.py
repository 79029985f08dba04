"""What coupling frames costs, and what length costs: sequences against independent frames.

`python -m benchmarks.sequences` prints the tables; `--write` keeps them in `docs/sequences.md`.

A synthetic dance in one view (default detector noise without gross errors, sigmas known), 22 joints
and the learned prior. Coupling: the same 240 frames from the same first poses (from landmarks in
space, as `marey solve` has them), each way until its own convergence and with equal iterations;
processor time, one thread. Length: a motion of up to
100,000 frames whose keypoints are made window by window, in a process of its own each; poses of
more than 2,048 frames lie in a file. Seams: how far joints move at the first frame after a window,
between what the window before said of it and what stays.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time as clock
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks._machine import describe_machine, format_machine
from benchmarks._pages import replace_tables
from benchmarks._peak import peak_mib
from marey.body import load_body
from marey.core import load_skeleton
from marey.core.scratch import Scratch
from marey.fit.chain import Chain, Pose, exp_so3, place
from marey.fit.chains import body_chain
from marey.fit.costs import RelativePoints, Reprojection
from marey.fit.frames import LmOptions, solve_frames
from marey.fit.initial import initial_pose, initial_translation
from marey.fit.learned_prior import load_learned_prior
from marey.fit.limits import rotation_prior
from marey.fit.problem import Problem, pose_columns
from marey.fit.sequence import SequenceOptions, Smoothness, solve_sequence
from marey.fit.threads import one_thread_each
from marey.fit.windows import (
    WindowOptions,
    allocate_poses,
    solve_single,
    solve_windows,
)

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs" / "sequences.md"
LENGTHS = (10, 100, 1000, 10_000, 100_000)
_RATE, _RUNS = 30.0, 5
_FOCAL, _CENTRE, _AWAY = 1000.0, (640.0, 360.0), 4.5
_SPACE_SIGMA, _LEVEL, _SCALE = 0.06, 0.3, 300.0
_UPRIGHT = torch.diag(torch.tensor([1.0, -1.0, -1.0]))


@dataclass(frozen=True, slots=True)
class Dance:
    """An endless motion: any of its frames, and what one camera reports of them."""

    chain: Chain

    @property
    def sigma(self) -> Float[Tensor, "K"]:
        """Of each keypoint, px."""
        skeleton = load_skeleton("coco-wholebody-133")
        known = dict(zip(skeleton.keypoints, skeleton.oks_sigmas or (), strict=True))
        sigma = torch.tensor([known.get(name, 0.07) for name in self.chain.points])
        return _LEVEL * _SCALE * torch.nan_to_num(sigma, nan=0.07)

    def truth(self, frames: Float[Tensor, "B"]) -> Pose:
        """Return the poses: three harmonics per joint and axis, each joint its own."""
        generator = torch.Generator().manual_seed(0)
        joints = len(self.chain.joints)
        phase = 6.28 * torch.rand(joints, 3, 3, generator=generator, dtype=torch.float64)
        size = torch.randn(joints, 3, 3, generator=generator) / torch.arange(1, 4)
        time = (frames.double() / _RATE)[:, None, None, None]
        rates = torch.tensor([2.1, 4.7, 7.9], dtype=torch.float64)
        vector = (0.12 * size * torch.sin(time * rates + phase)).sum(-1).float()
        rotation = exp_so3(vector)
        rotation[:, 0] = _UPRIGHT @ rotation[:, 0]
        sway = 0.3 * torch.sin(time[:, 0, 0] * torch.tensor([0.5, 0.7, 0.4], dtype=torch.float64))
        place_at = torch.tensor([0.0, 0.0, _AWAY]) + sway.float()
        return Pose(rotation, place_at, torch.zeros(len(frames), 0))

    def problem(self, frames: Tensor | slice, length: int) -> Problem:
        """Return what is measured in some frames; the same frames always err alike."""
        if isinstance(frames, slice):
            frames = torch.arange(*frames.indices(length))
        points = place(self.chain, self.truth(frames)).points
        noise = [
            torch.randn(points.shape[1], 5, generator=torch.Generator().manual_seed(int(frame)))
            for frame in frames
        ]
        error = torch.stack(noise)
        image = points[..., :2] / points[..., 2:] * _FOCAL + torch.tensor(_CENTRE)
        weight = (1 / self.sigma).expand(len(frames), -1)
        costs = (
            Reprojection(
                observed=image + error[..., :2] * self.sigma[:, None],
                weight=weight.contiguous(),
                focal=_FOCAL,
                centre=torch.tensor(_CENTRE),
            ),
            RelativePoints(
                point=torch.arange(points.shape[1]),
                observed=points - points[:, :1] + _SPACE_SIGMA * error[..., 2:],
                weight=torch.full_like(points, 1 / _SPACE_SIGMA),
            ),
        )
        return Problem(
            chain=self.chain,
            costs=costs,
            prior=load_learned_prior(self.chain.joints),
            active=pose_columns(self.chain),
        )

    def smoothness(self) -> Smoothness:
        """Return what `marey solve` expects of limbs."""
        return Smoothness(joint_sigma=torch.full((len(self.chain.joints),), 40.0), root_sigma=5.0)


def make_dance() -> Dance:
    """Return the motion on marey-h's mean shape."""
    whole = body_chain(load_body())
    flat = {
        "shapedirs": whole.shapedirs[..., :0],
        "point_shapedirs": whole.point_shapedirs[..., :0],
    }
    return Dance(Chain(**({f: getattr(whole, f) for f in whole.__slots__} | flat)))


def first_poses(problem: Problem) -> Pose:
    """Return where `marey solve` starts: poses that landmarks in space give in closed form."""
    chain, (image, space) = problem.chain, problem.costs
    assert isinstance(image, Reprojection) and isinstance(space, RelativePoints)
    mean = exp_so3(rotation_prior(chain.joints).mean)
    pose = initial_pose(chain, space.observed, mean, torch.zeros(0))
    translation = initial_translation(
        place(chain, pose).points,
        image.observed,
        image.weight,
        focal=image.focal,
        centre=image.centre,
    )
    return Pose(pose.rotation, translation, pose.shape)


def measure_coupling(length: int = 240) -> list[tuple[str, float, float]]:
    """Return rows of microseconds per frame: independent frames, and coupled ones."""
    dance, frames = make_dance(), torch.arange(length)
    problem, time = dance.problem(frames, length), frames.double() / _RATE
    start = first_poses(problem)
    solved = solve_frames(problem, start).pose

    def alone(options: LmOptions | None) -> None:
        solve_frames(problem, start, options)

    def coupled(options: SequenceOptions | None, first: Pose = start) -> None:
        solve_sequence(problem, first, time, smoothness=dance.smoothness(), options=options)

    def cost(work: Callable[[], None]) -> float:
        work()
        times = []
        for _ in range(_RUNS):
            begin = clock.process_time()
            work()
            times.append(clock.process_time() - begin)
        return 1e6 * statistics.median(times) / length

    def settle() -> None:
        coupled(None, solved)

    six, same = LmOptions(iterations=6, tolerance=-1.0), SequenceOptions(tolerance=-1.0)
    return [
        ("until convergence", cost(lambda: alone(None)), cost(lambda: coupled(None))),
        ("coupled from what the frames found", cost(lambda: alone(None)), cost(settle)),
        ("six iterations each", cost(lambda: alone(six)), cost(lambda: coupled(same))),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """What a motion of some length took."""

    frames: int
    single_us: float
    """Processor time per frame of the independent pass, measurements made included."""
    windows_us: float
    """Of the windows."""
    peak_mib: float
    """Most memory the process held."""
    seams_mm: list[float]
    """Mean distance of the joints at every seam."""
    worst_mm: float
    """The largest distance of any joint at any seam."""


def measure_length(length: int, folder: Path | None) -> Length:
    """Solve a motion of some length in this process."""
    dance, scratch = make_dance(), Scratch(folder)
    chain, time = dance.chain, np.arange(length) / _RATE
    poses = allocate_poses(scratch, "poses", length, len(chain.joints), torch.zeros(0))
    for first in range(0, length, 512):
        rows = torch.arange(first, min(first + 512, length))
        truth = dance.truth(rows)
        noise = torch.randn(
            truth.rotation.shape[:3], generator=torch.Generator().manual_seed(first)
        )
        poses.rotation[rows] = truth.rotation @ exp_so3(0.2 * noise)
        poses.translation[rows] = truth.translation
        scratch.release()

    def problem_of(frames: Tensor | slice) -> Problem:
        scratch.release()
        return dance.problem(frames, length)

    everything = np.ones(length, bool)
    measure_coupling(4)  # loads what is compiled
    begin = clock.process_time()
    solve_single(problem_of, poses, everything)
    middle = clock.process_time()
    seams, said, done = [], None, 0

    def watch(count: int) -> None:
        # What the window says of the first frame after it; the next one will decide.
        nonlocal said, done
        now = place(chain, poses[done : done + 1]).joints
        if said is not None:
            seams.append(1e3 * (now - said).norm(dim=-1)[0])
        done += count
        said = place(chain, poses[done : done + 1]).joints if done < length else None

    solve_windows(
        problem_of,
        poses,
        time,
        solved=everything,
        smoothness=dance.smoothness(),
        options=WindowOptions(),
        advance=watch,
    )
    end = clock.process_time()
    return Length(
        frames=length,
        single_us=1e6 * (middle - begin) / length,
        windows_us=1e6 * (end - middle) / length,
        peak_mib=peak_mib(),
        seams_mm=[float(seam.mean()) for seam in seams],
        worst_mm=float(max((seam.max() for seam in seams), default=0.0)),
    )


def measure_in_a_process(length: int) -> Length:
    """Solve a motion of some length in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.sequences", "--length", str(length)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    return Length(**json.loads(run.stdout.splitlines()[-1]))


def _format_coupling(rows: list[tuple[str, float, float]]) -> str:
    lines = [
        "### Coupling",
        "",
        "| | independent, us per frame | coupled, us per frame | times |",
        "|---|---:|---:|---:|",
    ]
    lines += [f"| {name} | {a:.0f} | {b:.0f} | {b / a:.2f} |" for name, a, b in rows]
    return "\n".join(lines)


def _format_lengths(rows: list[Length]) -> str:
    lines = [
        "### Length",
        "",
        "| frames | first pass, us per frame | windows, us per frame | peak memory, MiB | seams | "
        "mean, mm | worst seam (mean of its joints), mm | worst joint, mm |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        seams = row.seams_mm
        figures = " | | "
        if seams:
            figures = f"{statistics.mean(seams):.2f} | {max(seams):.2f} | {row.worst_mm:.2f}"
        lines.append(
            f"| {row.frames} | {row.single_us:.0f} | {row.windows_us:.0f} | {row.peak_mib:.0f} | "
            f"{len(seams)} | {figures} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and perhaps keep the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sequences")
    parser.add_argument("--length", type=int, help="measure this length in this process alone")
    parser.add_argument("--longest", type=int, default=LENGTHS[-1])
    parser.add_argument("--write", action="store_true", help="keep the tables in the docs")
    options = parser.parse_args(arguments)
    with one_thread_each(), torch.inference_mode():
        if options.length:
            with tempfile.TemporaryDirectory() as folder:
                measured = measure_length(options.length, Path(folder))
            figures = {name: getattr(measured, name) for name in Length.__slots__}
            sys.stdout.write(json.dumps(figures) + "\n")
            return 0
        parts = [format_machine(describe_machine()), _format_coupling(measure_coupling())]
    lengths = [length for length in LENGTHS if length <= options.longest]
    parts.append(_format_lengths([measure_in_a_process(length) for length in lengths]))
    text = "\n\n".join(parts)
    sys.stdout.write(text + "\n")
    if options.write:
        replace_tables(DOCS, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
