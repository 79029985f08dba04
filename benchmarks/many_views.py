"""The fit of a filmed scene: 600 frames, 2 people, 20 calibrated views, body alone and whole body.

`python -m benchmarks.many_views` prints the tables; `--write` keeps them in
`docs/benchmarks-fit.md`. Everything from keypoints to motion is timed, on all cores:

1. start: rays of all views meet in points, trunk and limbs are turned towards them;
2. shape: one per person, from 48 frames (Schur complement);
3. frames: every frame on its own (Levenberg-Marquardt);
4. sequence: windows with an acceleration prior (block-banded);
5. hands (133 points): each on its own chain with the body held, frames, then sequence.

The scene is synthetic: two people dance a metre apart in a ring of cameras, seen by a detector with
jitter, slow bias, bursts, exchanged sides and hidden limbs, and a fifth of the keypoints missing.
The baseline is the usual way, automatic differentiation through the joints of all frames with Adam
on the same measurements.
"""

import argparse
import os
import time as clock
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from benchmarks._filmed import (
    Part,
    body_part,
    distance,
    find_shape,
    hand_part,
    make_scene,
    scene_of,
    start_body,
    start_hand,
)
from benchmarks._machine import describe_machine, format_machine
from benchmarks._pages import replace_section
from marey.body import Body, load_body
from marey.fit.chain import Pose, exp_so3, place
from marey.fit.threads import one_thread_each, side_by_side
from marey.fit.windows import solve_single, solve_windows
from marey.synthetic.scene import SyntheticScene

REPORT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks-fit.md"
TITLE = "## Two people in twenty views"


@dataclass(slots=True)
class Stopwatch:
    """Seconds of each stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Add what the block takes."""
        begin = clock.perf_counter()
        yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + clock.perf_counter() - begin


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one fit took and reached."""

    name: str
    seconds: dict[str, float]
    error_mm: dict[str, float]
    """Mean distance to the truth after each stage."""
    person_frames: int


def solve_both(
    part: Part, pose: Pose, time: Float[np.ndarray, "T"], watch: Stopwatch, names: tuple[str, str]
) -> tuple[Pose, Pose]:
    """Solve every frame on its own, then the sequence; return both."""
    every = np.ones(len(pose), bool)
    pose = Pose(pose.rotation.clone(), pose.translation.clone(), pose.shape)
    with watch.measure(names[0]):
        solve_single(part.problem, pose, every)
    single = Pose(pose.rotation.clone(), pose.translation.clone(), pose.shape)
    with watch.measure(names[1]):
        solve_windows(part.problem, pose, time, solved=every, smoothness=part.smoothness)
    return single, pose


def fit_person(body: Body, scene: SyntheticScene, person: int, *, whole: bool) -> Outcome:
    """Fit one person stage by stage, and compare each with the truth."""
    watch, error, time = Stopwatch(), {}, scene.keypoints3d.time
    with watch.measure("start"):
        part = body_part(body, scene, person, whole=whole)
        pose = start_body(part)
    error["start"] = distance(scene, person, part, pose)
    with watch.measure("shape"):
        pose = find_shape(part, pose)
    error["shape"] = distance(scene, person, part, pose)
    single, pose = solve_both(part, pose, time, watch, ("frames", "sequence"))
    error["frames"] = distance(scene, person, part, single)
    error["sequence"] = distance(scene, person, part, pose)
    for side in ("left", "right") if whole else ():
        with watch.measure("hands: start"):
            hand = hand_part(body, scene, person, side)
            first = start_hand(hand, part, pose, side)
        stages = ("hands: frames", "hands: sequence")
        for stage, found in zip(
            ("hands: start", *stages),
            (first, *solve_both(hand, first, time, watch, stages)),
            strict=True,
        ):
            error[stage] = error.get(stage, 0.0) + distance(scene, person, hand, found) / 2
    return Outcome(name="marey", seconds=watch.seconds, error_mm=error, person_frames=len(time))


def race_ours(body: Body, scene: SyntheticScene, *, whole: bool, workers: int) -> Outcome:
    """Fit everyone side by side; the total is what a clock on the wall says."""
    people = range(len(scene.keypoints3d.people))
    begin, spent = clock.perf_counter(), clock.process_time()
    with one_thread_each():
        fits = side_by_side(
            lambda row: fit_person(body, scene, row, whole=whole), people, workers=workers
        )
    total = {"all": clock.perf_counter() - begin, "processor": clock.process_time() - spent}
    # Stages run side by side, so their own seconds are those of the threads.
    stages = {
        stage: sum(fit.seconds[stage] for fit in fits) / len(fits) for stage in fits[0].seconds
    }
    error = {
        stage: float(np.mean([fit.error_mm[stage] for fit in fits])) for stage in fits[0].error_mm
    }
    frames = sum(fit.person_frames for fit in fits)
    return Outcome(name="marey", seconds={**stages, **total}, error_mm=error, person_frames=frames)


def race_autograd(body: Body, scene: SyntheticScene, *, frames: int, steps: int) -> Outcome:
    """Adam through the joints of some frames of one person, 17 points, from the same start."""
    part = body_part(body, scene, 0, whole=False)
    start = start_body(part)[slice(0, frames)]
    chain, rays = part.chain, part.rays
    observed, weight = part.seen.image[:frames], part.seen.weight[:frames, ..., None]
    turns = torch.zeros(frames, len(chain.joints), 3)
    parameters = [turns, start.translation.clone(), torch.zeros(chain.shapedirs.shape[-1])]
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimiser = torch.optim.Adam(parameters, lr=0.02)

    def posed() -> Pose:
        return Pose(
            start.rotation @ exp_so3(turns), parameters[1], parameters[2].expand(frames, -1)
        )

    begin, spent = clock.perf_counter(), clock.process_time()
    for _ in range(steps):
        optimiser.zero_grad()
        camera = (
            place(chain, posed()).points[:, None] @ rays.rotation.mT + rays.translation[:, :, None]
        )
        image = camera[..., :2] / camera[..., 2:] @ rays.K[:, :2, :2].mT + rays.K[:, None, :2, 2]
        squared = ((image - observed) * weight).square().sum(-1)
        bend = turns.diff(n=2, dim=0).square().sum() * 900.0
        loss = (squared / (1 + squared / 16)).sum() + turns.square().sum() + bend
        loss.backward()
        optimiser.step()
    seconds = {"all": clock.perf_counter() - begin, "processor": clock.process_time() - spent}
    pose = posed()
    found = Pose(pose.rotation.detach(), pose.translation.detach(), pose.shape.detach())
    error = distance(scene_of(scene, frames), 0, part, found)
    return Outcome(
        name=f"autograd, joints only, Adam {steps} steps",
        seconds=seconds,
        error_mm={"sequence": error},
        person_frames=frames,
    )


def format_outcomes(outcomes: list[Outcome], points: int) -> str:
    """Lay out the stages of the first and the rates of all."""
    ours = outcomes[0]
    lines = [
        "",
        f"### {points} points",
        "",
        "| stage | s per person | error after it, mm |",
        "|---|---:|---:|",
    ]
    for stage, error in ours.error_mm.items():
        lines.append(f"| {stage} | {ours.seconds[stage]:.2f} | {error:.1f} |")
    lines += [
        "",
        "| solver | person-frames | s | processor s | per processor s | times slower | error, mm |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    rate = ours.person_frames / ours.seconds["processor"]
    for outcome in outcomes:
        spent, error = outcome.seconds, outcome.error_mm["sequence"]
        own = outcome.person_frames / spent["processor"]
        lines.append(
            f"| {outcome.name} | {outcome.person_frames} | {spent['all']:.1f} "
            f"| {spent['processor']:.1f} | {own:.4g} | {rate / own:.0f} | {error:.1f} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Fit the scene, print and perhaps keep the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many_views", description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the tables in the docs")
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--views", type=int, default=20)
    options = parser.parse_args(arguments)
    body, workers = load_body(), os.cpu_count() or 1
    scene = make_scene(body, num_frames=options.frames, num_views=options.views)
    # Compiled code is loaded before anything is timed.
    race_ours(body, make_scene(body, num_frames=40, num_views=3), whole=True, workers=workers)
    parts = [
        TITLE,
        f"Written by `python -m benchmarks.many_views --write`: {options.frames} frames, 2 people, "
        f"{options.views} views, from keypoints to motion on all cores (the baseline on one); "
        "rates are by processor time, as other work hardly changes it. A fifth of the keypoints "
        "is missing besides what the detector loses. Errors are those of the 17 body points, of "
        "the 21 points of each hand in its stages.",
        format_machine(describe_machine()),
    ]
    for whole, points in ((False, 17), (True, 133)):
        outcomes = [race_ours(body, scene, whole=whole, workers=workers)]
        if not whole:
            # On one thread, whose processor time nobody else's work adds to.
            with one_thread_each():
                outcomes.append(race_autograd(body, scene, frames=30, steps=500))
        parts.append(format_outcomes(outcomes, points))
    text = "\n\n".join(parts) + "\n"
    print(text)
    if options.write:
        replace_section(REPORT, TITLE, text)


if __name__ == "__main__":
    main()
