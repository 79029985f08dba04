"""People who touch: what coupling them by contact changes, and what it costs.

`python -m benchmarks.contact` prints the table; `--write` keeps it in `docs/benchmarks-fit.md`. The
truth is two synthetic dancers whose capsules were pushed out of each other, so that they touch in
many frames; few cameras see them, with noise. Fitted one by one, they run into each other.
"""

import argparse
import os
import time as clock
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks._filmed import Part, body_part, find_shape, make_scene, start_body
from benchmarks._machine import describe_machine, format_machine
from benchmarks._pages import replace_section
from marey.body import Body, load_body
from marey.fit.chain import Pose
from marey.fit.contact.body_capsules import add_capsules
from marey.fit.contact.capsules import Capsules, meet
from marey.fit.contact.penetration import BodyContact
from marey.fit.costs import PointAnchor
from marey.fit.problem import Problem
from marey.fit.sequence import SequenceOptions, solve_sequence
from marey.fit.threads import one_thread_each, side_by_side
from marey.fit.together import PersonSequence, solve_people
from marey.fit.tree import place_fast
from marey.fit.views import ViewReprojection
from marey.fit.windows import solve_single
from marey.geometry.rotation import quaternion_to_matrix
from marey.synthetic.scene import SyntheticScene

REPORT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks-fit.md"
TITLE = "## People who touch"
_DEEP_M = 0.01
_NOISE_PX, _TRUTH_SIGMA_M = 4.0, 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One way to solve the two."""

    name: str
    seconds: float
    error_mm: float
    deepest_mm: float
    mean_mm: float
    """Mean depth of the frames in which they enter each other."""
    deep_frames: int


def truth_pose(scene: SyntheticScene, person: int, body: Body, joints: tuple[str, ...]) -> Pose:
    """Return the true motion as poses of a chain."""
    motion = scene.motion
    rows = [body.joint_names.index(name) - 1 for name in joints[1:]]
    root = torch.from_numpy(motion.T_world_root[person])
    local = torch.from_numpy(motion.R_parent_joint[person][:, rows])
    turns = quaternion_to_matrix(torch.cat([root[:, None, :4], local], 1))
    shape = torch.from_numpy(motion.shape[person]).expand(len(root), -1)
    return Pose(turns, root[:, 4:].clone(), shape.contiguous())


def depths(
    points: list[Float[Tensor, "T K 3"]], capsules: list[Capsules]
) -> Float[np.ndarray, "T"]:
    """Return how deep two bodies enter each other in every frame, m; 0 where they do not."""
    first, second = capsules
    numbers = (torch.arange(len(each.radius)) for each in capsules)
    met = meet(points[0], points[1], first, second, torch.cartesian_prod(*numbers))
    deepest = np.zeros(len(points[0]))
    np.maximum.at(deepest, met.problem.numpy(), met.depth.numpy())
    return deepest


def make_truth(scene: SyntheticScene, body: Body, parts: list[Part]) -> list[Pose]:
    """Push the dancers out of each other: a motion in which bodies touch and do not enter."""
    people = []
    for person, part in enumerate(parts):
        pose = truth_pose(scene, person, body, part.chain.joints)
        chain, capsules = add_capsules(body, part.chain, shape=pose.shape[0])
        points = place_fast(chain, pose).points
        near = PointAnchor(
            point=torch.arange(points.shape[1]),
            target=points,
            weight=torch.full_like(points, 1 / _TRUTH_SIGMA_M),
        )
        problem = Problem(chain=chain, costs=(near,), prior=part.prior, active=part.active)
        people.append(sequence_of(problem, pose, capsules, part, scene.keypoints3d.time))
    options = SequenceOptions(iterations=40, tolerance=1e-5)
    solved = solve_people(people, contact=BodyContact(sigma=0.001, kernel="none"), options=options)
    return [solution.pose for solution in solved]


def film(part: Part, truth: Pose, seed: int) -> Part:
    """Let the cameras see a motion, with noise and a bias that stays."""
    points = place_fast(part.chain, truth).points
    shape = (*part.seen.weight.shape, 2)
    blank = ViewReprojection(
        observed=torch.zeros(shape), weight=torch.ones(shape[:-1]), rays=part.rays
    )
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(shape, generator=generator)
    bias = torch.randn(shape[1:], generator=generator)
    image = blank.residual(points) + _NOISE_PX * (noise + bias)
    return replace(part, seen=replace(part.seen, image=image))


def sequence_of(
    problem: Problem,
    start: Pose,
    capsules: Capsules,
    part: Part,
    time: Float[np.ndarray, "T"],
) -> PersonSequence:
    """Make one person's part of a scene that everyone is in from the first frame on."""
    return PersonSequence(
        problem=problem,
        start=start,
        frame=torch.arange(len(start)),
        time=torch.from_numpy(time),
        smoothness=part.smoothness,
        capsules=capsules,
    )


def prepare(body: Body, part: Part, time: Float[np.ndarray, "T"]) -> PersonSequence:
    """Find shape and single frames of a person."""
    pose = find_shape(part, start_body(part))
    chain, capsules = add_capsules(body, part.chain, shape=pose.shape[0])
    cost = ViewReprojection(
        observed=part.seen.image,
        weight=part.seen.weight,
        rays=part.rays,
        point=torch.arange(len(part.chain.points)),
    )
    problem = Problem(chain=chain, costs=(cost,), prior=part.prior, active=part.active)
    pose = Pose(pose.rotation.clone(), pose.translation.clone(), pose.shape)
    solve_single(problem.take, pose, np.ones(len(pose), bool))
    return sequence_of(problem, pose, capsules, part, time)


def run(*, num_frames: int, num_views: int, workers: int) -> list[Row]:
    """Solve the two one by one, then together."""
    body = load_body()
    scene = make_scene(body, num_frames=num_frames, num_views=num_views)
    parts = [body_part(body, scene, person, whole=False) for person in (0, 1)]
    truths, time = make_truth(scene, body, parts), scene.keypoints3d.time
    seen = [
        film(part, truth, row) for row, (part, truth) in enumerate(zip(parts, truths, strict=True))
    ]
    people = [prepare(body, part, time) for part in seen]
    places = [place_fast(p.chain, t).points for p, t in zip(parts, truths, strict=True)]

    def judge(name: str, seconds: float, poses: list[Pose]) -> Row:
        placed = [
            place_fast(p.problem.chain, pose).points for p, pose in zip(people, poses, strict=True)
        ]
        apart = [
            (ours[:, : truth.shape[1]] - truth).norm(dim=-1).mean()
            for ours, truth in zip(placed, places, strict=True)
        ]
        deep = depths(placed, [person.capsules for person in people])
        entered = deep[deep > 0]
        return Row(
            name=name,
            seconds=seconds,
            error_mm=1000 * float(np.mean(apart)),
            deepest_mm=1000 * float(deep.max()),
            mean_mm=1000 * float(entered.mean()) if len(entered) else 0.0,
            deep_frames=int((deep > _DEEP_M).sum()),
        )

    rows = []
    for _ in range(2):  # Compiled code is loaded in the first round.
        begin = clock.perf_counter()
        poses = side_by_side(_solve_alone, people, workers=workers)
        first = judge("one by one", clock.perf_counter() - begin, poses)
        begin = clock.perf_counter()
        solved = solve_people(people, contact=BodyContact(), workers=workers)
        spent = clock.perf_counter() - begin
        rows = [first, judge("together", spent, [solution.pose for solution in solved])]
    return rows


def _solve_alone(person: PersonSequence) -> Pose:
    return solve_sequence(
        person.problem, person.start, person.time, smoothness=person.smoothness
    ).pose


def main(arguments: list[str] | None = None) -> None:
    """Run it, print and perhaps keep the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.contact", description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the table in the docs")
    parser.add_argument("--frames", type=int, default=300)
    options = parser.parse_args(arguments)
    workers = os.cpu_count() or 1
    lines = [
        TITLE,
        "",
        f"Written by `python -m benchmarks.contact --write`: {options.frames} frames of two "
        "dancers who touch and in truth do not enter each other; 17 points with noise and a "
        f"standing bias of {_NOISE_PX:.0f} px each, a fifth missing; deep is more than "
        f"{1000 * _DEEP_M:.0f} mm. Both ways start from the same single frames.",
        "",
        format_machine(describe_machine()),
        "",
        "| views | solved | s | error, mm | deepest, mm | mean depth, mm | deep frames |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    with one_thread_each(), torch.inference_mode():
        for views in (2, 4, 8):
            for row in run(num_frames=options.frames, num_views=views, workers=workers):
                lines.append(
                    f"| {views} | {row.name} | {row.seconds:.2f} | {row.error_mm:.1f} "
                    f"| {row.deepest_mm:.0f} | {row.mean_mm:.0f} | {row.deep_frames} |"
                )
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        replace_section(REPORT, TITLE, text)


if __name__ == "__main__":
    main()
