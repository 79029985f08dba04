"""What the stages for feet and hands gain: synthetic truth, detector-like noise, missing points.

`python -m benchmarks.hard_cases` prints the tables; `--write` keeps them in `docs/hard-cases.md`.

Truth: motion capture (CMU subject 05, modern dance) retargeted to a body and watched by one camera
or by four. The recordings hold no fingers, so fingers open and close by formula. Keypoints err as
`synthetic.DetectorNoise` says, their sigma is known, and a fifth of them is missing besides. The
start is what a regressor gives: joints off by 0.15 rad per axis, the root by 3 cm, and feet and
hands at rest; then a fit to the 17 points of the body, which decide neither.
"""

import argparse
import sys
import time as clock
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial.transform import Rotation
from tests.fit.bodies import smpl_like

from benchmarks._machine import describe_machine, format_machine
from benchmarks._pages import replace_tables
from marey.body import Body, load_body
from marey.core import BodyMotion, Cameras, Keypoints2D, load_skeleton
from marey.fit.convert import convert_motion
from marey.fit.hard_cases import refine_motion
from marey.fit.parts import BODY, FEET, HANDS, Stage
from marey.fit.retarget import retarget_motion
from marey.io.bvh import read_bvh
from marey.synthetic import DetectorNoise, make_cameras, observe, project_to_cameras

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs" / "hard-cases.md"
CLIPS = ("05_02", "05_09", "05_10")
_FRAMES, _RATE = 240, 30.0
_MISSING = 0.2
_SIDES = ("left", "right")
_DIGITS = ("thumb", "index", "middle", "ring", "pinky")
LIMBS = tuple(
    f"{side}_{part}"
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in _SIDES
)
SKELETON = load_skeleton("coco-wholebody-133")
COCO_17 = replace(BODY, name="body_17", points=SKELETON.keypoints[:17])
STEPS: tuple[tuple[str, tuple[Stage, ...]], ...] = (
    ("body, 17 points", (COCO_17,)),
    ("feet", FEET),
    ("hands, first stage: body with knuckles", (BODY,)),
    ("hands, second stage: wrists and fingers", HANDS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Mean distances, mm."""

    body: float
    """12 limb joints, pelvis on pelvis."""
    foot: float
    """Six foot points, ankle on ankle."""
    foot_whole: float
    """The same, pelvis on pelvis."""
    hand: float
    """Finger joints and tips, wrist on wrist."""
    hand_whole: float
    seconds: float
    """Processor time of the step."""


def read_dance(shared: Path, clip: str) -> BodyMotion:
    """Read some seconds of a recording as a motion of marey-h whose fingers move.

    Args:
        shared: The folder of shared samples.
        clip: Of `cmu_bvh`.
    """
    source = read_bvh(shared / "data" / "cmu_bvh" / f"{clip}.bvh.gz")
    step = max(1, round(1 / (_RATE * float(np.median(np.diff(source.time))))))
    rows = np.arange(1, len(source.time), step)[:_FRAMES]
    body = load_body()
    motion = retarget_motion(take_frames(source, rows), body).motion
    return move_fingers(body, motion)


def take_frames(motion: BodyMotion, rows: np.ndarray) -> BodyMotion:
    """Return some frames of a motion."""
    return replace(
        motion,
        time=motion.time[rows] - motion.time[rows[0]],
        T_world_root=motion.T_world_root[:, rows],
        R_parent_joint=motion.R_parent_joint[:, rows],
        confidence=motion.confidence[:, rows],
    )


def move_fingers(body: Body, motion: BodyMotion, *, seed: int = 0) -> BodyMotion:
    """Let every finger open and close at a pace of its own."""
    rng = np.random.default_rng(seed)
    pose = motion.R_parent_joint.copy()
    for side, sign in (("left", -1.0), ("right", 1.0)):
        for digit in _DIGITS:
            rate, phase = rng.uniform(0.3, 0.8), rng.uniform(0, 2 * np.pi)
            curl = 0.55 + 0.5 * np.sin(2 * np.pi * rate * motion.time + phase)
            curl *= 0.4 if digit == "thumb" else 1.0
            turn = np.zeros((len(curl), 3))
            turn[:, 2] = sign * curl
            for k in (1, 2, 3):
                row = body.rig.index(f"{side}_{digit}{k}")
                pose[0, :, row] = Rotation.from_rotvec(turn).as_quat(scalar_first=True)
    return replace(motion, R_parent_joint=pose)


def points_of(body: Body, motion: BodyMotion, names: tuple[str, ...]) -> Float[np.ndarray, "T K 3"]:
    """Return where some joints and landmarks of the first person are, m; NaN where unknown."""
    shape = torch.from_numpy(motion.shape[0]).expand(len(motion.time), -1)
    root, local = (torch.from_numpy(x[0]) for x in (motion.T_world_root, motion.R_parent_joint))
    known = tuple(name for name in names if name in body.points)
    found = body.landmark_positions(body.pose(shape, root, local), known).numpy()
    full = np.full((len(motion.time), len(names), 3), np.nan)
    full[:, [names.index(name) for name in known]] = found
    return full


def watch(
    body: Body, truth: BodyMotion, num_views: int, *, seed: int
) -> tuple[Keypoints2D, Cameras]:
    """Return what a detector reports of a motion in some views, a fifth of it missing."""
    rng = np.random.default_rng(seed)
    middle = truth.T_world_root[0, :, 4:].mean(0)
    reach = float(np.abs(truth.T_world_root[0, :, 4:] - middle).max())
    cameras = make_cameras(
        num_views, target=(float(middle[0]), float(middle[1]), 0.9), distance=4.5 + reach
    )
    image = project_to_cameras(cameras, points_of(body, truth, SKELETON.keypoints)[None])
    noise, shape = DetectorNoise(), image.shape[:-1]
    position, confidence = np.empty(image.shape), np.empty(shape)
    sigma = np.empty(shape)
    known = np.nan_to_num(np.array(SKELETON.oks_sigmas), nan=0.07)
    for view, size in enumerate(cameras.size):
        seen = observe(
            image[view, 0],
            SKELETON,
            truth.time,
            size=(int(size[0]), int(size[1])),
            noise=noise,
            rng=rng,
        )
        lost = rng.random(seen.confidence.shape) < _MISSING
        position[view, 0] = np.where(lost[..., None], np.nan, seen.position)
        confidence[view, 0] = np.where(lost, 0.0, seen.confidence)
        width = np.nanmax(image[view, 0], 1) - np.nanmin(image[view, 0], 1)
        sigma[view, 0] = noise.level * np.sqrt(width.prod(-1))[:, None] * known
    keypoints = Keypoints2D(
        skeleton=SKELETON,
        people=truth.people,
        time=truth.time,
        position=position.astype(np.float32),
        confidence=confidence.astype(np.float32),
        sigma=sigma.astype(np.float32),
    )
    return keypoints, cameras


def start_from(body: Body, truth: BodyMotion, *, seed: int) -> BodyMotion:
    """Return what a regressor might say: roughly right, feet and hands at rest."""
    rng = np.random.default_rng(seed)
    length = len(truth.time)

    def err(local: np.ndarray, size: float) -> np.ndarray:
        turn = Rotation.from_rotvec(size * rng.standard_normal((length, 3)))
        return (Rotation.from_quat(local, scalar_first=True) * turn).as_quat(scalar_first=True)

    pose, root = truth.R_parent_joint.copy(), truth.T_world_root.copy()
    for row, name in enumerate(body.rig.joints):
        rests = name.endswith(("ankle", "foot", "wrist", "hand", "1", "2", "3"))
        rests &= not name.startswith("spine")
        pose[0, :, row] = (1, 0, 0, 0) if rests else err(pose[0, :, row], 0.15)
    root[0, :, :4] = err(root[0, :, :4], 0.1)
    root[0, :, 4:] += 0.03 * rng.standard_normal((length, 3))
    return replace(truth, R_parent_joint=pose, T_world_root=root)


def measure(body: Body, found: BodyMotion, truth: BodyMotion, seconds: float) -> Errors:
    """Compare two motions of one body."""

    def apart(names: tuple[str, ...], origin: str) -> float:
        names = tuple(name for name in names if name in body.points)
        ours, theirs = (points_of(body, motion, (*names, origin)) for motion in (found, truth))
        error = (ours[:, :-1] - ours[:, -1:]) - (theirs[:, :-1] - theirs[:, -1:])
        return float(1e3 * np.linalg.norm(error, axis=-1).mean())

    def both(parts: tuple[str, ...], origin: str) -> tuple[float, float]:
        own, whole = [], []
        for side in _SIDES:
            names = tuple(f"{side}_{part}" for part in parts)
            own.append(apart(names, f"{side}_{origin}"))
            whole.append(apart(names, "pelvis"))
        return float(np.mean(own)), float(np.mean(whole))

    foot = both(("big_toe", "small_toe", "heel"), "ankle")
    hand = both(tuple(f"{digit}{k}" for digit in _DIGITS for k in (1, 2, 3, 4)), "wrist")
    return Errors(
        body=apart(LIMBS, "pelvis"),
        foot=foot[0],
        foot_whole=foot[1],
        hand=hand[0],
        hand_whole=hand[1],
        seconds=seconds,
    )


def run_steps(body: Body, truth: BodyMotion, num_views: int, *, seed: int) -> list[Errors]:
    """Measure the start and what every step leaves."""
    keypoints, cameras = watch(body, truth, num_views, seed=seed)
    motion = start_from(body, truth, seed=seed)
    rows = [measure(body, motion, truth, 0.0)]
    for _, stages in STEPS:
        begin = clock.process_time()
        motion = refine_motion(body, motion, keypoints, cameras, stages=stages).motion
        rows.append(measure(body, motion, truth, clock.process_time() - begin))
    return rows


def tabulate(title: str, body: Body, truths: list[BodyMotion], num_views: int) -> str:
    """Return one table, the mean over the clips."""
    clips = [run_steps(body, truth, num_views, seed=seed) for seed, truth in enumerate(truths)]
    frames = sum(len(truth.time) for truth in truths)
    lines = [
        f"### {title}",
        "",
        "| after | body | feet, from the ankle | feet, from the pelvis | hands, from the wrist | "
        "hands, from the pelvis | frames per second |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row, name in enumerate(("start", *(name for name, _ in STEPS))):
        part = [clip[row] for clip in clips]
        seconds = sum(errors.seconds for errors in part)
        rate = f"{frames / seconds:.0f}" if seconds else ""
        figures = [
            float(np.mean([getattr(errors, field) for errors in part]))
            for field in ("body", "foot", "foot_whole", "hand", "hand_whole")
        ]
        lines.append(f"| {name} | " + " | ".join(f"{x:.1f}" for x in figures) + f" | {rate} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and perhaps keep the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hard_cases")
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--write", action="store_true", help="keep the tables in the docs")
    options = parser.parse_args(arguments)
    ours, other = load_body(), smpl_like()
    truths = [read_dance(options.shared, clip) for clip in CLIPS]
    converted = [convert_motion(truth, ours, other).motion for truth in truths]
    parts = [
        format_machine(describe_machine()),
        tabulate("marey-h (fingers), one view", ours, truths, 1),
        tabulate("marey-h (fingers), four views", ours, truths, 4),
        tabulate("SMPL's layout (wrists and finger tips), one view", other, converted, 1),
        tabulate("SMPL's layout (wrists and finger tips), four views", other, converted, 4),
    ]
    text = "\n\n".join(parts)
    sys.stdout.write(text + "\n")
    if options.write:
        replace_tables(DOCS, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
