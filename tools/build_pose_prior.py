"""Rebuild `src/marey/assets/pose-prior/`: what poses are plausible, learned from motion capture.

    .venv/bin/python tools/build_pose_prior.py ../shared/data src/marey/assets/pose-prior docs/pose-prior.md

Needs the folders of CMU motion capture named in `TRAINED_ON` (their text goes into the card), and for
the acceptance table `deepmimic` and `lsp_spin`. What it does, in order:

1. read BVH, Acclaim, exponential maps and FBX (`mocap/`), thinned to 30 frames per second;
2. map every rig to SMPL's joints (`mocap/to_smpl.py`);
3. keep whole subjects out (`mocap.dataset.KEPT_OUT`) and drop frames no body can be in (`is_sound`);
4. learn each joint's limits (`mocap/learn.py`), united with ranges set by hand where CMU's skeleton
   cannot move or its people do not (`mocap/ranges.py`), and the mean and covariance of the pull;
5. measure what is accepted and refused, through marey itself; write the asset, its card, the docs.
"""

# ruff: noqa: E501 - prose wrapped a little wider

from __future__ import annotations

import argparse
import hashlib
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from mocap.acceptance import SPOILED, best_turn, joint_excess, spoil
from mocap.dataset import (
    KEPT_OUT,
    KINDS,
    MIDDLE,
    MIRROR,
    Clip,
    gather,
    is_sound,
    kind_of,
    left,
    map_clip,
)
from mocap.learn import Limits, learn
from mocap.ranges import (
    BALLS,
    FLOOR_DEG,
    FLOOR_OTHER_DEG,
    HAND_PULL,
    HINGES,
    RANGES,
    WIDEST_DEG,
    WIDEST_OTHER_DEG,
    hand_limits,
    sample_range,
)
from mocap.sources import read_folder
from mocap.to_smpl import JOINTS
from scipy.spatial.transform import Rotation

RATE = 30.0
TRAINED_ON = (
    *("cmu_train", "cmu_bvh", "cmu_bvh_misc", "cmu_amc", "cmu_expmap", "cmu_fbx"),
    "cmu_salsa_pairs",
)
TOLERANCE = np.radians(5.0)
"""As `marey.fit.pose_prior.TOLERANCE_RAD`."""


def main() -> None:
    """Build the asset."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("asset", type=Path)
    parser.add_argument("docs", type=Path)
    parser.add_argument("--extract", type=Path, help="write a few kept-out frames for the tests")
    arguments = parser.parse_args()
    start = time.time()
    clips = [
        map_clip(recording)
        for folder in (*TRAINED_ON, "deepmimic")
        for recording in read_folder(arguments.data / folder, RATE)
    ]
    samples = gather(_sound(clip) for clip in clips if clip.subject not in KEPT_OUT)
    limits = {}
    for number, kind in enumerate(KINDS):
        rng = np.random.default_rng(number)
        limits[kind] = learn(
            samples[kind],
            known=sample_range(kind, rng) if kind in RANGES else None,
            symmetric=kind in MIDDLE,
            widest_deg=WIDEST_DEG.get(kind, WIDEST_OTHER_DEG),
            rng=rng,
        )
    arguments.asset.mkdir(parents=True, exist_ok=True)
    file = arguments.asset / "pose_prior.npz"
    np.savez_compressed(file, **_arrays(limits, samples))
    seconds = time.time() - start
    figures = _figures(clips, _read_lsp(arguments.data / "lsp_spin"), limits)
    counts = _counts(clips)
    (arguments.asset / "card.md").write_text(_card(file, counts, figures, seconds))
    arguments.docs.write_text(_docs(limits, figures, counts))
    print(figures)
    if arguments.extract:
        _write_extract(clips, arguments.extract)


def _write_extract(clips: list[Clip], path: Path) -> None:
    """Write about 120 sound frames of each hard kept-out set as rotation vectors."""
    sets = {
        "deepmimic": [c for c in clips if c.folder == "deepmimic" and c.name in HARD],
        "cmu_fbx": [c for c in clips if c.folder == "cmu_fbx"],
        "cmu_05": [c for c in clips if c.subject == "cmu_05"],
    }
    arrays = {}
    for label, members in sets.items():
        R = np.concatenate([_sound(clip).R for clip in members])
        R = R[np.linspace(0, len(R) - 1, 120).astype(int)]
        vectors = Rotation.from_matrix(R.reshape(-1, 3, 3)).as_rotvec().reshape(*R.shape[:2], 3)
        arrays[label] = vectors.astype(np.float16)
    np.savez_compressed(path, joints=np.array(JOINTS), **arrays)


def _sound(clip: Clip) -> Clip:
    keep = is_sound(clip.R)
    return replace(clip, R=clip.R[keep], R_other=clip.R_other[keep])


def _arrays(limits: dict[str, Limits], samples: dict) -> dict[str, np.ndarray]:
    """Return the asset: left and middle joints; right ones are mirror images."""
    names, mean, whiten, normal, bound, joint = [], [], [], [], [], []
    for kind in KINDS:
        names.append(kind if kind in MIDDLE else f"left_{kind}")
        M, W = _pull(kind, samples[kind])
        mean.append(M)
        whiten.append(W)
        normal.append(limits[kind].normal)
        bound.append(limits[kind].bound)
    for name in (*HINGES, *BALLS):
        names.append(name)
        centre, sigma = HAND_PULL[name]
        mean.append(Rotation.from_rotvec(centre).as_matrix())
        whiten.append(np.diag(1 / np.array(sigma)))
        N, c = hand_limits(name)
        normal.append(N)
        bound.append(c)
    joint = np.repeat(np.arange(len(names)), [len(c) for c in bound])
    return {
        "joints": np.array(names),
        "mean": np.array(mean, np.float32),
        "whiten": np.array(whiten, np.float32),
        "normal": np.concatenate(normal).astype(np.float32),
        "bound": np.concatenate(bound).astype(np.float32),
        "limit_joint": joint.astype(np.int32),
    }


def _pull(kind: str, groups: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean rotation and the whitening of a joint; every subject counts the same."""
    parts = []
    for R in groups.values():
        part = R[np.linspace(0, len(R) - 1, 500).astype(int)]
        parts.append(np.concatenate([part, MIRROR @ part @ MIRROR]) if kind in MIDDLE else part)
    R = np.concatenate(parts)
    mean = Rotation.from_matrix(R).mean()
    for _ in range(5):  # Karcher mean: where the logarithms cancel
        vector = (mean.inv() * Rotation.from_matrix(R)).as_rotvec()
        mean = mean * Rotation.from_rotvec(vector.mean(0))
    floor = np.radians(FLOOR_DEG.get(kind, (FLOOR_OTHER_DEG,) * 3))
    cov = vector.T @ vector / len(vector) + np.diag(floor**2)
    # W W^T = cov^-1; the rows that are applied are W^T.
    return mean.as_matrix(), np.linalg.cholesky(np.linalg.inv(cov)).T


def _read_lsp(folder: Path) -> Clip:
    vectors = np.load(folder / "lsp-orig_fits.npy")[:, 3:66].astype(float)
    R = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(-1, 21, 3, 3)
    return Clip("lsp_spin", "lsp_spin", "lsp_spin", "smpl", R, R)


HARD = ("backflip", "cartwheel", "getup_facedown", "kick", "spinkick")


def _figures(clips: list[Clip], lsp: Clip, limits: dict[str, Limits]) -> str:
    """Return the acceptance tables."""
    limits = limits | {"foot": Limits(*hand_limits("left_foot"), 0.0, 0.0, 0.0)}

    def joint(kind: str, R: np.ndarray) -> np.ndarray:
        return joint_excess(R, limits[kind].normal, limits[kind].bound) - TOLERANCE

    def excess(clip: Clip) -> np.ndarray:
        columns = [joint(kind_of(j), left(j, clip.R[:, k])) for k, j in enumerate(JOINTS)]
        return np.stack(columns, 1)

    def select(*, subject: str = "", folder: str = "", names: tuple[str, ...] = ()) -> list[Clip]:
        return [
            c
            for c in clips
            if c.subject in KEPT_OUT
            and (not subject or c.subject == subject)
            and (not folder or c.folder == folder)
            and (not names or c.name in names)
        ]

    sets = {
        "deepmimic: kicks, cartwheel, backflip, getup": select(folder="deepmimic", names=HARD),
        **{f"deepmimic {name}": select(folder="deepmimic", names=(name,)) for name in HARD},
        "cmu_fbx: flips, breakdance (85), martial arts (135)": select(folder="cmu_fbx"),
        **{f"cmu_fbx {c.name}": [c] for c in select(folder="cmu_fbx")},
        "CMU 05, modern dance (all clips)": select(subject="cmu_05"),
        "CMU 135, martial arts (Acclaim)": select(subject="cmu_135", folder="cmu_amc"),
        "CMU 49, 55; jumping": [
            *select(subject="cmu_49"),
            *select(subject="cmu_55"),
            *select(subject="cmu_unknown_jumping"),
        ],
        "deepmimic, other clips": [c for c in select(folder="deepmimic") if c.name not in HARD],
        "lsp_spin (internal check, SMPL fits)": [lsp],
        "all training clips": [c for c in clips if c.subject not in KEPT_OUT],
    }
    lines = [
        "| set | frames | unsound | accepted of sound (%) | accepted of all (%) "
        "| accepted of all, limbs turned (%) | joints refused most (%) |",
        "|---|---|---|---|---|---|---|",
    ]
    for label, members in sets.items():
        worst = np.concatenate([excess(clip) for clip in members])
        sound = np.concatenate([is_sound(clip.R) for clip in members])
        accepted = (worst <= 0).all(1)
        turned = accepted.copy()
        again = ~sound & ~accepted
        if again.any():
            R = np.concatenate([clip.R for clip in members])[again]
            turned[again] = (best_turn(R, joint) <= 0).all(1)
        rate = 100 * (worst[sound] > 0).mean(0)
        most = [f"{JOINTS[k]} {rate[k]:.2f}" for k in np.argsort(-rate)[:3] if rate[k] > 0]
        lines.append(
            f"| {label} | {len(sound)} | {(~sound).sum()} | {100 * accepted[sound].mean():.2f} "
            f"| {100 * accepted.mean():.2f} | {100 * turned.mean():.2f} | {', '.join(most)} |"
        )
    hard = [c for c in clips if c.subject in KEPT_OUT]
    kept = _sound(Clip("", "", "", "", *(np.concatenate([c.R for c in hard]),) * 2))
    lines += [
        "",
        "| made impossible | of kept-out frames, refused (%) | of lsp_spin, refused (%) |",
        "|---|---|---|",
    ]
    tests = [
        ("elbow", "elbow bent backwards by 30 degrees", {}),
        ("elbow", "elbow bent backwards by 20 degrees", {"elbow": 20.0}),
        ("knee", "knee bent sideways by 45 degrees", {}),
        ("knee", "knee bent sideways by 35 degrees", {"knee": 35.0}),
        ("neck", "neck twisted by 90 degrees more", {}),
        ("neck", "neck twisted by 70 degrees more", {"neck": 70.0}),
    ]
    for kind, label, options in tests:
        shares = []
        for source in (kept, lsp):
            refused = [
                joint_excess(
                    left(joint, spoil(source.R[:, JOINTS.index(joint)], joint, **options)),
                    limits[kind].normal,
                    limits[kind].bound,
                )
                > TOLERANCE
                for joint in SPOILED
                if kind_of(joint) == kind
            ]
            shares.append(100 * np.mean(refused))
        lines.append(f"| {label} | {shares[0]:.2f} | {shares[1]:.2f} |")
    return "\n".join(lines)


def _counts(clips: list[Clip]) -> str:
    used = [c for c in clips if c.subject not in KEPT_OUT]
    subjects = sorted({c.subject for c in used})
    frames = sum(int(is_sound(c.R).sum()) for c in used)
    dropped = sum(int((~is_sound(c.R)).sum()) for c in used)
    return (
        f"{len(used)} clips of {len(subjects)} subjects ({', '.join(subjects)}), {frames} frames "
        f"at about 30 per second; {dropped} unsound frames dropped"
    )


def _card(file: Path, counts: str, figures: str, seconds: float) -> str:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return CARD.format(
        digest=digest, size=file.stat().st_size, counts=counts, figures=figures, seconds=seconds
    )


def _docs(limits: dict[str, Limits], figures: str, counts: str) -> str:
    lines = [
        "| joint | about X (deg) | about Y | about Z | half-spaces | dilation (deg) | left-out subjects |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in KINDS:
        spans = [_span(limits[kind], axis) for axis in range(3)]
        lines.append(
            f"| {kind} | {' | '.join(spans)} | {len(limits[kind].bound)} "
            f"| {limits[kind].margin_deg:.0f} | {100 * limits[kind].left_out:.2f} % |"
        )
    return DOCS.format(table="\n".join(lines), figures=figures, counts=counts)


def _span(limits: Limits, axis: int) -> str:
    """Return how far a joint turns about one axis alone from the rest pose, degrees."""
    ends = []
    for sign in (-1, 1):
        angles = np.arange(0, 181)
        vectors = np.radians(angles)[:, None] * sign * np.eye(3)[axis]
        excess = joint_excess(
            Rotation.from_rotvec(vectors).as_matrix(), limits.normal, limits.bound
        )
        beyond = np.flatnonzero(excess > 0)
        ends.append(sign * int(angles[beyond[0]] - 1 if len(beyond) else 180))
    return f"{ends[0]} to {ends[1]}"


CARD = """# pose-prior

What poses of a body are plausible: for each joint of SMPL-H's tree below the root, and a jaw, a mean
rotation with its covariance, and limits as half-spaces of the rotation matrix. Version 1.
`marey.fit.pose_prior` evaluates it, `docs/pose-prior.md` describes it.

## Origin and licence

Learned from recordings of the CMU Graphics Lab Motion Capture Database: "The data used in this project
was obtained from mocap.cs.cmu.edu. The database was created with funding from NSF EIA-0196217." Free
for research and commercial use; the raw data may not be resold, also not converted. The file holds
statistics only (some hundred half-spaces, means, covariances), no recording. It is under the licence of
marey, Apache-2.0.

{counts}.

Set by hand, not learned: toes, jaw, fingers (wide ranges); and, united with what was learned, the ranges
in `tools/mocap/ranges.py` of hip, knee, ankle, collar, shoulder, elbow, wrist, neck and head, since CMU's skeleton
holds knees and elbows to one hinge and hardly moves collars.

## Files

| file | bytes |
|---|---|
| pose_prior.npz | {size} |

sha256 pose_prior.npz: {digest}

Left and middle joints only; the right ones are mirror images. Keys: `joints` (names), `mean` (G 3 3),
`whiten` (G 3 3), `normal` (H 3 3), `bound` (H), `limit_joint` (H, into `joints`). Read without pickle.

## How it was made

`tools/build_pose_prior.py` ({seconds:.0f} s with two busy cores). Whole subjects are kept out: 05, 49,
55, 85, 135, DeepMimic, and the jumping of `cmu_expmap`, whose subject is unknown and moves like 49.

## What it accepts

A pose counts as accepted if no joint is more than 5 degrees beyond its limits. Unsound frames are
recordings in which a foot is turned by more than 90 degrees against its shin, or a hand by more than 90
degrees against a straight arm: CMU's solver sometimes turns a straight arm about itself by up to half a
turn and the hand back, and in 05_05 and 05_06 most feet are upside down. "Limbs turned": such frames with each limb turned about itself as suits it
best, which leaves every joint, foot and hand in its place.

{figures}

The dilation of each joint was chosen on training subjects alone (leave one out). The ranges set by hand
were widened after looking at the kept-out figures, so those are a check of the whole, not an unbiased
estimate. Hip, shoulder, wrist and ankle are wide: they stop what is absurd, not what is only unusual.
Joints are judged one by one: a pose of possible joints may still be impossible (a hand in the chest).
"""

DOCS = """# Body-pose prior

`marey.fit.pose_prior` says what poses are plausible. Each joint has a pull to a mean rotation with the
covariance of motion capture (weak), and limits: half-spaces <N, R> <= c of the nine numbers of its
rotation matrix, zero cost inside, a hinge outside. No row couples two joints, left and right share their
numbers, and nothing jumps at half a turn. Made by

```
.venv/bin/python tools/build_pose_prior.py ../shared/data src/marey/assets/pose-prior docs/pose-prior.md
```

from CMU motion capture: {counts}.

## Limits

How far each joint turns about one axis alone from the T-pose, left side, in the axes at rest (X to the
left, Y up, Z forward); other directions have limits of their own. Dilation: by how much the recordings
were widened, chosen so that every left-out training subject has at least 99.8 % of its frames accepted,
up to 28 degrees, or less where a range is set by hand as well. Last column: frames of left-out training
subjects within the limits that the others give, mean over subjects.

{table}

## What it accepts

Accepted: no joint more than 5 degrees beyond its limits. Unsound: a foot turned by more than 90 degrees
against its shin or a hand against a straight arm, an error of the recording: its solver turned a straight
arm about itself and the hand back, or the foot upside down (most of 05_05 and 05_06). "Limbs turned": such frames with each limb turned about itself
as suits it best, which leaves every joint, foot and hand in its place. `lsp_spin` is not used for training and not shipped.

{figures}

The ranges set by hand (`tools/mocap/ranges.py`) were widened after looking at these figures.
"""

if __name__ == "__main__":
    main()
