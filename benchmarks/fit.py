"""Speed of the solvers against the ways such fits are usually written, in the same run.

`python -m benchmarks.fit` prints the tables; `--write` keeps them in `docs/benchmarks-fit.md`.

Independent frames: a body with 22 joints, 10 shape coefficients and a translation (79 parameters)
is fitted to noise-free image points of one view (f = 1000 px, 4 m away) from the mean pose. Truth:
every rotation vector N(0, 0.3 rad) per axis, the root included. Who reaches what is part of the
result, since speed without it means nothing.
"""

import argparse
import os
import statistics
import time as clock
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks import contact, many_views
from benchmarks._machine import describe_machine, format_machine
from benchmarks._pages import keep_section
from marey.body import Body, load_body
from marey.fit.chain import Chain, Pose, exp_so3, make_chain, place
from marey.fit.chains import body_chain
from marey.fit.costs import Reprojection, RotationPrior
from marey.fit.frames import LmOptions, Solution
from marey.fit.initial import initial_translation
from marey.fit.problem import Problem, pose_columns
from marey.fit.restarts import RestartOptions, solve_with_restarts
from marey.fit.threads import one_thread_each, side_by_side

REPORT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks-fit.md"
_FOCAL, _CENTRE = 1000.0, (640.0, 360.0)
_SPREAD, _PRIOR = 0.3, 0.6
_BATCH = 256
_UPRIGHT = torch.diag(torch.tensor([1.0, -1.0, -1.0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """What one solver did."""

    name: str
    per_second: float
    below_1px: float
    below_3px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Random people and what one camera sees of them."""

    chain: Chain
    image: Tensor

    def problem(self) -> Problem:
        """Return the least-squares problem."""
        joints, (people, points) = len(self.chain.joints), self.image.shape[:2]
        wide = torch.full((joints, 3), 10.0)
        sigma = torch.full((joints, 3), _PRIOR)
        sigma[0] = torch.inf
        cost = Reprojection(
            observed=self.image,
            weight=torch.ones(people, points),
            focal=_FOCAL,
            centre=torch.tensor(_CENTRE),
            width=1e4,
        )
        return Problem(
            chain=self.chain,
            costs=(cost,),
            prior=RotationPrior(mean=torch.zeros(joints, 3), sigma=sigma, low=-wide, high=wide),
            active=pose_columns(self.chain, shape=True),
        )

    def start(self) -> Pose:
        """Return the mean pose, facing the camera, where it suits the points best."""
        people = len(self.image)
        rotation = torch.eye(3).repeat(people, len(self.chain.joints), 1, 1)
        rotation[:, 0] = _UPRIGHT
        shape = torch.zeros(people, self.chain.shapedirs.shape[-1])
        standing = Pose(rotation, torch.zeros(people, 3), shape)
        translation = initial_translation(
            place(self.chain, standing).points,
            self.image,
            torch.ones(self.image.shape[:2]),
            focal=_FOCAL,
            centre=torch.tensor(_CENTRE),
        )
        return Pose(rotation, translation, shape)


def make_chain_of(body: Body, num_points: int, generator: torch.Generator) -> Chain:
    """Return the body chain with its joints and further points fixed to random joints."""
    whole = body_chain(body)
    points = {
        name: (row, whole.template[row], whole.shapedirs[row])
        for row, name in enumerate(whole.joints)
    }
    while len(points) < num_points:
        row = int(torch.randint(len(whole.joints), (1,), generator=generator))
        offset = 0.06 * torch.randn(3, generator=generator)
        points[f"extra{len(points)}"] = (row, whole.template[row] + offset, whole.shapedirs[row])
    return make_chain(whole.joints, whole.parents, whole.template, whole.shapedirs, points=points)


def random_truth(num_people: int, num_joints: int, generator: torch.Generator) -> Pose:
    """Draw people as the module's docstring says."""
    rotation = exp_so3(_SPREAD * torch.randn(num_people, num_joints, 3, generator=generator))
    rotation[:, 0] = _UPRIGHT @ rotation[:, 0]
    away = torch.randn(num_people, 3, generator=generator) * torch.tensor([0.3, 0.3, 0.6])
    shape = 0.7 * torch.randn(num_people, 10, generator=generator)
    return Pose(rotation, torch.tensor([0.0, 0.0, 4.0]) + away, shape)


def project(points: Tensor) -> Tensor:
    """Return image points, px."""
    return points[..., :2] / points[..., 2:] * _FOCAL + torch.tensor(_CENTRE)


def make_scene(body: Body, *, num_people: int, num_points: int, seed: int = 0) -> Scene:
    """Draw people and project their points."""
    generator = torch.Generator().manual_seed(seed)
    chain = make_chain_of(body, num_points, generator)
    truth = random_truth(num_people, len(chain.joints), generator)
    return Scene(chain=chain, image=project(place(chain, truth).points))


def race_ours(body: Body, *, num_points: int, num_people: int, workers: int) -> Race:
    """Levenberg-Marquardt with restarts, in batches side by side."""
    scene = make_scene(body, num_people=num_people, num_points=num_points)
    problem, start = scene.problem(), scene.start()
    options = LmOptions(iterations=10, damping=1e4, tolerance=1e-4)

    def solve(batch: Tensor) -> Solution:
        return solve_with_restarts(
            problem.take(batch), start[batch], options, RestartOptions(misfit=1.0)
        )

    batches = torch.arange(num_people).split(_BATCH)
    with one_thread_each():
        side_by_side(solve, batches[:workers], workers=workers)
        seconds, solved = _time(lambda: side_by_side(solve, batches, workers=workers))
    points = torch.cat([place(scene.chain, solution.pose).points for solution in solved])
    return _judge("marey", num_people / seconds, project(points), scene.image)


def race_joints_only(body: Body, *, num_points: int, steps: int) -> Race:
    """Adam on automatic differentiation through the joints alone."""
    scene = make_scene(body, num_people=_BATCH, num_points=num_points)
    start, turns = scene.start(), torch.zeros(_BATCH, len(scene.chain.joints), 3)
    parameters = [turns, start.translation.clone(), start.shape.clone()]

    def forward() -> Tensor:
        pose = Pose(start.rotation @ exp_so3(parameters[0]), *parameters[1:])
        return place(scene.chain, pose).points

    seconds, _ = _time(lambda: _adam(parameters, forward, scene.image, steps=steps))
    with torch.no_grad():
        image = project(forward())
    return _judge(
        f"autograd, joints only, Adam {steps} steps", _BATCH / seconds, image, scene.image
    )


def race_full_mesh(body: Body, *, num_points: int, num_people: int, iterations: int) -> Race:
    """L-BFGS on automatic differentiation through the whole mesh: joints and some vertices."""
    generator = torch.Generator().manual_seed(0)
    truth = random_truth(num_people, body.num_joints + 1, generator)
    extra = num_points - body.num_joints - 1
    vertices = torch.randperm(len(body.v_template), generator=generator)[: max(extra, 0)]

    def observe(rotation: Tensor, translation: Tensor, shape: Tensor) -> Tensor:
        posed = body.pose_matrices(shape, rotation[:, 0], rotation[:, 1:], position=translation)
        points = torch.cat([posed.joints, body.vertices(posed)[:, vertices]], 1)
        return points[:, :num_points]

    with torch.no_grad():
        image = project(observe(truth.rotation, truth.translation, truth.shape))
        upright = torch.eye(3).repeat(num_people, body.num_joints + 1, 1, 1)
        upright[:, 0] = _UPRIGHT
        shape = torch.zeros(num_people, 10)
        standing = observe(upright, torch.zeros(num_people, 3), shape)
        place_at = initial_translation(
            standing,
            image,
            torch.ones(image.shape[:2]),
            focal=_FOCAL,
            centre=torch.tensor(_CENTRE),
        )
    parameters = [torch.zeros(num_people, body.num_joints + 1, 3), place_at, shape]

    def forward() -> Tensor:
        return observe(upright @ exp_so3(parameters[0]), *parameters[1:])

    seconds, _ = _time(lambda: _lbfgs(parameters, forward, image, iterations=iterations))
    with torch.no_grad():
        found = project(forward())
    name = f"autograd, full mesh, L-BFGS {iterations} iterations"
    return _judge(name, num_people / seconds, found, image)


def _loss(parameters: list[Tensor], points: Tensor, image: Tensor) -> Tensor:
    prior = (parameters[0][:, 1:] / _PRIOR).square().sum() + parameters[2].square().sum()
    return (project(points) - image).square().sum() + prior


def _adam(
    parameters: list[Tensor], forward: Callable[[], Tensor], image: Tensor, *, steps: int
) -> None:
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimiser = torch.optim.Adam(parameters, lr=0.02)
    for _ in range(steps):
        optimiser.zero_grad()
        _loss(parameters, forward(), image).backward()
        optimiser.step()


def _lbfgs(
    parameters: list[Tensor], forward: Callable[[], Tensor], image: Tensor, *, iterations: int
) -> None:
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimiser = torch.optim.LBFGS(
        parameters, max_iter=iterations, history_size=20, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = _loss(parameters, forward(), image)
        loss.backward()
        return loss

    optimiser.step(closure)


def _judge(name: str, per_second: float, found: Tensor, image: Tensor) -> Race:
    rms = (found - image).square().sum(-1).mean(-1).sqrt()
    return Race(
        name=name,
        per_second=per_second,
        below_1px=float((rms < 1).float().mean()),
        below_3px=float((rms < 3).float().mean()),
    )


def _time(work: Callable[[], Any]) -> tuple[float, Any]:
    begin = clock.perf_counter()
    result = work()
    return clock.perf_counter() - begin, result


def main(arguments: list[str] | None = None) -> None:
    """Run the races, print and perhaps keep the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit", description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the tables in the docs")
    options = parser.parse_args(arguments)
    body, workers = load_body(), os.cpu_count() or 1
    parts = [
        "# Speed of the fit",
        "Written by `python -m benchmarks.fit --write`. Baselines run in the same process with all "
        "cores; ours is the median of three runs.",
        format_machine(describe_machine()),
    ]
    for num_points in (33, 65):
        ours = [
            race_ours(body, num_points=num_points, num_people=2048, workers=workers)
            for _ in range(3)
        ]
        middle = statistics.median_low(race.per_second for race in ours)
        races = [next(race for race in ours if race.per_second == middle)]
        races.append(race_joints_only(body, num_points=num_points, steps=1000))
        races.append(race_full_mesh(body, num_points=num_points, num_people=16, iterations=200))
        parts.append(_format_races(f"Independent frames, {num_points} points", races))
    text = "\n\n".join(parts) + "\n"
    print(text)
    if options.write:
        others = [keep_section(REPORT, title) for title in (many_views.TITLE, contact.TITLE)]
        REPORT.write_text("\n".join([text, *filter(None, others)]), encoding="utf-8")


def _format_races(title: str, races: list[Race]) -> str:
    lines = [
        f"## {title}",
        "",
        "| solver | person-frames per second | times slower | below 1 px % | below 3 px % |",
        "|---|---:|---:|---:|---:|",
    ]
    for race in races:
        lines.append(
            f"| {race.name} | {race.per_second:.4g} | {races[0].per_second / race.per_second:.0f} "
            f"| {100 * race.below_1px:.1f} | {100 * race.below_3px:.1f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
