"""Speed of body-to-body conversion against a plain fit by automatic differentiation.

`python -m benchmarks.convert` prints the table. The other body has SMPL's layout, another mesh,
other shapes, another rest pose and joints 8 mm elsewhere (`tests/fit/bodies.py`). The plain fit is
what such scripts do: the same points of the target are drawn to the same places of the source by
Adam over rotation vectors, starting from the source's angles; the shape is given to it.
"""

import statistics
import sys
import time as clock
from dataclasses import dataclass

import numpy as np
import torch
from tests.fit.bodies import smpl_like

from benchmarks._machine import describe_machine, format_machine
from benchmarks._metric import Metric
from marey.body import Body, load_body
from marey.core import BodyMotion
from marey.fit.convert import convert_motion
from marey.fit.match_bodies import Match, match_bodies
from marey.fit.threads import one_thread_each
from marey.geometry.rotation import quaternion_to_rotvec, rotvec_to_matrix
from marey.synthetic.scene import synthetic_scene

_FRAMES, _PLAIN_FRAMES = 2000, 48
_RUNS = 3
_STEPS, _RATE = 200, 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """One direction of conversion, both ways of doing it."""

    name: str
    ours_per_second: float
    plain_per_second: float
    ours_mm: float
    """Root mean square distance of the skins."""
    plain_mm: float


def race_conversion() -> list[Race]:
    """Convert a synthetic dance from marey-h to SMPL's layout and back, residuals included."""
    ours, other = load_body("marey-h"), smpl_like()
    motion = synthetic_scene(ours, "dance", num_frames=_FRAMES, seed=3).motion
    there = convert_motion(motion, ours, other).motion
    return [
        _race("marey-h to SMPL's layout", motion, ours, other),
        _race("SMPL's layout to marey-h", there, other, ours),
    ]


def convert_metrics() -> list[Metric]:
    """Return the figures to compare with the baseline."""
    metrics = []
    for race in race_conversion():
        metrics += [
            Metric(
                key=f"convert {race.name}: frames per second",
                value=race.ours_per_second,
                unit="1/s",
                direction="higher",
                tolerance=0.3,
            ),
            Metric(
                key=f"convert {race.name}: times plain",
                value=race.ours_per_second / race.plain_per_second,
                unit="",
                direction="higher",
                tolerance=0.4,
                absolute=False,
            ),
            Metric(
                key=f"convert {race.name}: skin",
                value=race.ours_mm,
                unit="mm",
                direction="lower",
                tolerance=0.1,
                absolute=False,
            ),
        ]
    return metrics


def _race(name: str, motion: BodyMotion, source: Body, target: Body) -> Race:
    times = []
    for _ in range(_RUNS):
        begin = clock.perf_counter()
        found = convert_motion(motion, source, target)
        times.append(clock.perf_counter() - begin)
    plain_s, plain = _fit_plainly(motion, source, target)
    return Race(
        name=name,
        ours_per_second=_FRAMES / statistics.median(times),
        plain_per_second=_PLAIN_FRAMES / plain_s,
        ours_mm=1000 * float(np.nanmean(found.skin[0, :_PLAIN_FRAMES])),
        plain_mm=1000 * plain,
    )


def _fit_plainly(motion: BodyMotion, source: Body, target: Body) -> tuple[float, float]:
    rows = slice(0, _PLAIN_FRAMES)
    shape = torch.from_numpy(motion.shape[0])
    with torch.no_grad(), one_thread_each():
        match = match_bodies(source, target, shape)
        parts = (motion.T_world_root[0, rows], motion.R_parent_joint[0, rows])
        goal = match.carrier.landmark_positions(
            match.carrier.pose(shape, *(torch.from_numpy(part) for part in parts))
        )
    start = torch.zeros(_PLAIN_FRAMES, len(target.parents), 3)
    for row, name in enumerate(target.joint_names):
        if name in source.joint_names:
            column = source.joint_names.index(name)
            both = np.concatenate([parts[0][:, None, :4], parts[1]], 1)[:, column]
            start[:, row] = quaternion_to_rotvec(torch.from_numpy(both))
    begin = clock.perf_counter()
    residual = _descend(match, start, goal)
    return clock.perf_counter() - begin, residual


def _descend(match: Match, start: torch.Tensor, goal: torch.Tensor) -> float:
    vectors, place = start.clone().requires_grad_(), goal[:, 0].clone().requires_grad_()
    optimiser = torch.optim.Adam([vectors, place], lr=_RATE)
    skin = slice(match.target.first_vertex, None)
    used = match.weight[skin] > 0
    for _ in range(_STEPS):
        optimiser.zero_grad()
        apart = (_points(match, vectors, place) - goal) * match.weight[None, :, None]
        apart.square().sum().backward()
        optimiser.step()
    with torch.no_grad():
        apart = (_points(match, vectors, place) - goal)[:, skin][:, used]
    return float(apart.square().sum(-1).mean(-1).sqrt().mean())


def _points(match: Match, vectors: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    rotation, body = rotvec_to_matrix(vectors), match.target.body
    posed = body.pose_matrices(match.shape, rotation[:, 0], rotation[:, 1:], position=place)
    return torch.cat([posed.joints, body.landmark_positions(posed)], -2)


def main() -> int:
    """Measure and print."""
    lines = [
        format_machine(describe_machine()),
        "",
        "| conversion | ours, frames/s | plain | times | ours, skin mm | plain |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for race in race_conversion():
        lines.append(
            f"| {race.name} | {race.ours_per_second:.0f} | {race.plain_per_second:.1f} | "
            f"{race.ours_per_second / race.plain_per_second:.0f} | {race.ours_mm:.2f} | "
            f"{race.plain_mm:.2f} |"
        )
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
