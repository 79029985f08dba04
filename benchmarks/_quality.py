"""Figures that need no reference (videos), and figures whose reference is exact (synthetic)."""

from pathlib import Path

import numpy as np

from benchmarks._measure import COMPARED, SCORE_NOTES, compare_cells, reprojection
from benchmarks._scenes import first_camera, see_scene
from benchmarks._tables import Cell, Table, number
from benchmarks._truth import LIMBS, GroundTruth, compare_motion, joint_positions
from marey.assets import demo_clip
from marey.body import load_body
from marey.capture.pipeline import CaptureOptions, fit_people
from marey.core import BodyMotion, Take
from marey.core.errors import NothingFoundError
from marey.evaluate import jitter, mpjpe
from marey.jobs.solve.video import solve
from marey.synthetic.noise import PERFECT, DetectorNoise
from marey.synthetic.scene import synthetic_scene

_SUFFIXES = (".mp4", ".avi")
_NUM_FRAMES, _SEEDS = 90, (0, 1, 2)


def measure_videos(data: Path) -> tuple[Table, ...]:
    """Solve every shared video and measure how well bodies lie on their keypoints."""
    rows = []
    for path in (demo_clip(), *sorted((data / "videos").iterdir())):
        if path.suffix in _SUFFIXES:
            try:
                rows.append((path.name, *_video_cells(solve(path))))
            except NothingFoundError:
                rows.append((path.name, 0, *[None] * 7))
    return (
        Table(
            title="Bodies on their keypoints: real videos without a reference",
            columns=(
                "video",
                "people",
                "with motion",
                "frames",
                "frames per person",
                "reprojection median %",
                "95th percentile %",
                "jitter (10 m/s3)",
                "NaN yet confident",
            ),
            rows=tuple(rows),
            notes=(
                "Reprojection: distance of the 12 limb joints to keypoints with confidence above "
                "0.5, in per cent of the height of the person's box, over all people and frames. "
                "It says that fit and keypoints agree, not that either is right.",
                "A rig's joint is not exactly what a detector calls by its name; 1 to 2 % are "
                "expected of a perfect fit.",
                "Jitter: mean length of the third derivative of the joints in the world. NaN yet "
                "confident: frames that break the rule that missing means confidence 0; must be 0.",
            ),
        ),
    )


def measure_synthetic(data: Path) -> tuple[Table, ...]:
    """Fit synthetic scenes, whose truth is exact, without and with a detector's errors."""
    body, rows = load_body(), []
    for label, noise in (("perfect", PERFECT), ("noisy", DetectorNoise())):
        for motion in ("walk", "wave", "kick", "dance"):
            parts = []
            for seed in _SEEDS:
                scene = synthetic_scene(
                    body, motion, num_frames=_NUM_FRAMES, seed=seed, noise=noise
                )
                take = fit_people(
                    see_scene(scene),
                    body=body,
                    view=first_camera(scene),
                    options=CaptureOptions(),
                )
                found = take.people[0].motion
                assert found is not None
                truth = GroundTruth(name=motion, keypoints3d=scene.keypoints3d, cameras=None)
                cells = compare_cells(compare_motion(found, truth))
                parts.append((*cells, _height_error(found, scene.motion)))
            means = [float(np.mean(column)) for column in zip(*parts, strict=True)]
            rows.append((f"{motion}, {label}", *(number(mean) for mean in means)))
    return (
        Table(
            title="Synthetic people, whose truth is exact",
            columns=("motion", *COMPARED, "height over floor mm"),
            rows=tuple(rows),
            notes=(
                *SCORE_NOTES,
                f"{_NUM_FRAMES} frames at 30 Hz, one camera of known focal length, mean of "
                f"{len(_SEEDS)} seeds. Keypoints and root-relative landmarks are made from the "
                "truth; noisy: `DetectorNoise()` (jitter, slow bias, bursts, swaps, hidden limbs). "
                "The body is the one that is fitted: differences of shape models do not show here.",
                "Height over floor: mean error of the limb joints' z without any alignment; up, "
                "floor and size have to be right for it.",
            ),
        ),
    )


def _height_error(found: BodyMotion, truth: BodyMotion) -> float:
    ours, theirs = joint_positions(found, LIMBS), joint_positions(truth, LIMBS)
    return 1000 * mpjpe(ours[..., 2:], theirs[..., 2:]).value


def _video_cells(take: Take) -> tuple[Cell, ...]:
    moving = [person for person in take.people if person.motion is not None]
    errors = np.concatenate([reprojection(take, person, LIMBS).ravel() for person in moving])
    jitters, lengths, broken = [], [], 0
    for person in moving:
        motion = person.motion
        assert motion is not None
        points = joint_positions(motion, LIMBS)
        rate = 1 / float(np.median(np.diff(motion.time))) if len(motion.time) > 1 else 1.0
        jitters.append(jitter(points, frame_rate=rate))
        present = motion.confidence[0] > 0
        lengths.append(int(present.sum()))
        sound = np.isfinite(motion.T_world_root[0]).all(-1)
        sound &= np.isfinite(motion.R_parent_joint[0]).all((-1, -2))
        broken += int((present & ~sound).sum())
    weights = [score.num_values for score in jitters]
    values = [score.value if score.num_values else 0.0 for score in jitters]
    return (
        len(take.people),
        len(moving),
        len(take.time),
        number(float(np.mean(lengths))),
        number(float(np.nanmedian(errors)), 100),
        number(float(np.nanquantile(errors, 0.95)), 100),
        number(float(np.average(values, weights=weights)), 0.1),
        broken,
    )
