"""Accuracy against the references of the shared samples: Pose2Sim's trial, HumanEva, Human3.6M."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float

from benchmarks._measure import COMPARED, SCORE_NOTES, compare_cells, main_person
from benchmarks._tables import Cell, Table, number
from benchmarks._truth import (
    FEET,
    LIMBS,
    GroundTruth,
    compare_motion,
    joint_positions,
    list_humaneva,
    read_h36m_frames,
    read_humaneva,
    read_pose2sim,
)
from marey.body import load_body
from marey.capture.fit_person import Bodies, fit_person, make_bodies
from marey.capture.observe import PinholeView
from marey.core import BodyMotion, Cameras, Keypoints2D, Keypoints3D, load_skeleton
from marey.core.errors import NothingFoundError
from marey.evaluate import pa_mpjpe
from marey.fit.threads import side_by_side
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.video import solve
from marey.synthetic.noise import DetectorNoise, observe

_MAX_FRAMES = 120
"""Frames taken of a HumanEva sequence (2 s), from its middle."""


def measure_pose2sim(data: Path) -> tuple[Table, ...]:
    """Solve each of four cameras alone, with its calibrated and with the assumed focal length."""
    truth = read_pose2sim(data / "pose2sim_single")
    assert truth.cameras is not None
    rows, feet = [], []
    for view, name in enumerate(truth.cameras.names):
        calibrated = float(truth.cameras.K[view, [0, 1], [0, 1]].mean())
        for lens, focal in (("calibrated", calibrated), ("assumed", None)):
            take = solve(
                _find_video(data / "pose2sim_single", view), options=SolveOptions(focal_px=focal)
            )
            motion = main_person(take).motion
            assert motion is not None and take.cameras is not None
            used = round(float(take.cameras.K[0, 0, 0]))
            rows.append((f"{name} {lens}", used, *compare_cells(compare_motion(motion, truth))))
            if lens == "calibrated":
                whole = compare_motion(motion, truth, joints=(*LIMBS, *FEET))
                feet.append((name, *compare_cells(whole)))
    rows.append(_mean_row("mean calibrated", rows[0::2]))
    rows.append(_mean_row("mean assumed", rows[1::2]))
    notes = (
        "Truth: OpenPose 25B keypoints of the same four videos, triangulated and low-pass "
        "filtered; no markers. It is itself an estimate that lies 1 to 3 cm from its own "
        "detections, and its shoulders and hips are OpenPose's, not a rig's (2 to 4 cm): a "
        "perfect motion does not score 0.",
        "A low-pass filtered truth makes every honest acceleration look wrong; compare that "
        "column between methods only.",
        "Focal lengths are of the video's own pixels.",
    )
    columns = ("camera", "focal px", *COMPARED)
    return (
        Table(
            title="One camera against four: Pose2Sim's balancing trial, 100 frames at 60 Hz",
            columns=columns,
            rows=tuple(rows),
            notes=(*SCORE_NOTES, *notes),
        ),
        Table(
            title="The same with heels and toes (18 points), calibrated",
            columns=("camera", *COMPARED),
            rows=tuple(feet),
        ),
    )


def measure_humaneva(data: Path) -> tuple[Table, ...]:
    """Lift noisy 2D keypoints of every HumanEva sequence by the fit alone, one camera each."""
    folder, bodies = data / "humaneva15", make_bodies(load_body())
    names = list_humaneva(folder)

    def lift(numbered: tuple[int, str]) -> tuple[Cell, ...] | None:
        row, name = numbered
        truth = _cut(read_humaneva(folder, name))
        motion = _lift(bodies, truth, view=row % 3, seed=row)
        if motion is None:
            return None
        return (name, f"C{row % 3 + 1}", *compare_cells(compare_motion(motion, truth)))

    rows = [row for row in side_by_side(lift, list(enumerate(names)), workers=2) if row]
    by_action: dict[str, list[tuple[Cell, ...]]] = {}
    for row in rows:
        by_action.setdefault(_action(str(row[0])), []).append(row)
    summary = [_mean_row(action, part, skip=2) for action, part in sorted(by_action.items())]
    summary.append(_mean_row("all", rows, skip=2))
    counts = [len(part) for _, part in sorted(by_action.items())]
    counts.append(len(rows))
    return (
        Table(
            title=f"2D keypoints alone: HumanEva-I, {len(rows)} of {len(names)} sequences",
            columns=("action", "sequences", *COMPARED),
            rows=tuple(
                (line[0], count, *line[1:]) for line, count in zip(summary, counts, strict=True)
            ),
            notes=(
                "Truth: joint centres from markers, in VideoPose3D's selection; its hips lie only "
                "10 cm apart (a rig's: 14), which alone costs about 1 cm in PA-MPJPE.",
                "Input: the projections of those joints in one camera (C1, C2, C3 in turn) with "
                "seeded detector noise (`DetectorNoise()` of `marey.synthetic`: jitter, slow bias, "
                "bursts, swaps, hidden limbs), 12 points a frame; no image is looked at and no 3D "
                "landmarks exist. It measures lifting by the fit and its priors only.",
                f"At most {_MAX_FRAMES} frames of each sequence, from its middle, at 60 Hz; the "
                "camera's intrinsics are fitted to the corpus' own projections. Frames: mean.",
            ),
        ),
    )


def measure_h36m(data: Path) -> tuple[Table, ...]:
    """Solve four pictures of Human3.6M, each by itself."""
    folder, rows = data / "h36m_mmpose", []
    for name, truth in read_h36m_frames(folder).items():
        try:
            take = solve(folder / name)
        except NothingFoundError:
            rows.append((truth.name, "nobody found", None))
            continue
        motion = main_person(take).motion
        assert motion is not None
        wanted = [truth.keypoints3d.skeleton.index(joint) for joint in LIMBS]
        error = pa_mpjpe(
            joint_positions(motion, LIMBS), truth.keypoints3d.position[0][:, wanted].astype(float)
        )
        rows.append((truth.name, "found", number(error.value, 1000)))
    return (
        Table(
            title="Four pictures of Human3.6M, each solved by itself",
            columns=("picture", "person", "PA-MPJPE mm"),
            rows=tuple(rows),
            notes=(
                "Four frames are an anecdote, not a benchmark. Truth: joint centres from markers; "
                "12 limb joints; assumed focal length.",
            ),
        ),
    )


def _find_video(folder: Path, view: int) -> Path:
    return sorted(folder.glob("cam*.mp4"))[view]


def _mean_row(label: str, rows: list[tuple[Cell, ...]], *, skip: int = 1) -> tuple[Cell, ...]:
    columns = list(zip(*(row[skip:] for row in rows), strict=True))
    means = [
        [float(cell) for cell in column if isinstance(cell, int | float)] for column in columns
    ]
    return (label, *(number(float(np.mean(column))) if column else None for column in means))


def _action(sequence: str) -> str:
    return sequence.split("/")[2].split(" chunk", maxsplit=1)[0].rstrip(" 123")


def _cut(truth: GroundTruth) -> GroundTruth:
    points, image = truth.keypoints3d, truth.keypoints2d
    assert image is not None
    start = max(0, (len(points.time) - _MAX_FRAMES) // 2)
    part = slice(start, start + _MAX_FRAMES)
    return replace(
        truth,
        keypoints3d=replace(
            points,
            time=points.time[part],
            position=points.position[:, part],
            confidence=points.confidence[:, part],
        ),
        keypoints2d=replace(
            image,
            time=image.time[part],
            position=image.position[:, :, part],
            confidence=image.confidence[:, :, part],
        ),
    )


def _lift(bodies: Bodies, truth: GroundTruth, *, view: int, seed: int) -> BodyMotion | None:
    assert truth.cameras is not None and truth.keypoints2d is not None
    camera, flat = _straighten(truth.cameras, truth.keypoints2d, view)
    seen = observe(
        flat,
        truth.keypoints2d.skeleton,
        truth.keypoints2d.time,
        size=(640, 480),
        noise=DetectorNoise(),
        rng=np.random.default_rng(seed),
    )
    image, blank = _to_wholebody(truth.keypoints2d, seen.position, seen.confidence)
    return fit_person(bodies, image, blank, camera)


def _straighten(
    cameras: Cameras, points: Keypoints2D, view: int
) -> tuple[PinholeView, Float[np.ndarray, "T K 2"]]:
    """Take the lens' distortion and the difference of its two focal lengths out of the points."""
    K = cameras.K[view].astype(np.float64)
    flat = points.position[view, 0].reshape(-1, 1, 2).astype(np.float64)
    plane = cv2.undistortPoints(flat, K, cameras.distortion[view].astype(np.float64))
    focal, centre = float(K[[0, 1], [0, 1]].mean()), K[:2, 2]
    pixels = plane.reshape(*points.position.shape[2:]) * focal + centre
    return PinholeView(focal, (float(centre[0]), float(centre[1]))), pixels


def _to_wholebody(
    points: Keypoints2D, position: Float[np.ndarray, "T K 2"], confidence: Float[np.ndarray, "T K"]
) -> tuple[Keypoints2D, Keypoints3D]:
    """Carry the limbs over by name; no point has a landmark in space."""
    whole = load_skeleton("coco-wholebody-133")
    count = len(points.time)
    image = np.full((1, count, len(whole), 2), np.nan, np.float32)
    sure = np.zeros((1, count, len(whole)), np.float32)
    for name in LIMBS:
        source, target = points.skeleton.index(name), whole.index(name)
        image[0, :, target], sure[0, :, target] = position[:, source], confidence[:, source]
    sure[~np.isfinite(image).all(-1)] = 0.0
    shared = {"skeleton": whole, "people": ("person1",), "time": points.time}
    return (
        Keypoints2D(**shared, position=image, confidence=sure),
        Keypoints3D(
            **shared,
            position=np.full((1, count, len(whole), 3), np.nan, np.float32),
            frame="root",
            confidence=np.zeros_like(sure),
        ),
    )
