"""Limits of one joint from samples of its rotation: a few half-spaces of the rotation matrix.

A half-space <N, R> <= c of the nine numbers of R is a cone ("this axis of the bone stays away from
that direction") if N has rank one, and a ball around a rotation (kept out of, or, seen from the
opposite side, kept within) if N is a rotation; other N are in between. Offsets c come from the data,
and of many candidates the few are kept that shut out most of what all of them together shut out.
"""

# ruff: noqa: E501 - prose wrapped a little wider

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from mocap.dataset import MIRROR

NUM_CANDIDATES = 2100
NUM_TRIALS = 12000
NUM_FRAMES = 3000
"""Frames of one subject that are looked at, evenly spread."""
MAX_PLANES = 24
COVER = 0.995
QUANTILE = 0.999
"""Part of a subject's frames that must lie within; the rest may be noise. The widest subject counts."""
MARGINS_DEG = (8, 12, 16, 20, 24, 28)
"""Dilations tried."""
WANTED = 0.998
"""Part of a left-out subject's frames that a dilation must accept, for the worst of them."""

GENERATORS = torch.tensor(
    [
        [[0, 0, 0], [0, 0, -1], [0, 1, 0]],
        [[0, 0, 1], [0, 0, 0], [-1, 0, 0]],
        [[0, -1, 0], [1, 0, 0], [0, 0, 0]],
    ],
    dtype=torch.float32,
)
"""[e_i]x: how R exp([d]x) leaves R."""


@dataclass(frozen=True)
class Limits:
    """H half-spaces <N, R> <= c, scaled so that the excess is about an angle in rad."""

    normal: np.ndarray
    """(H, 3, 3)."""
    bound: np.ndarray
    """(H,)."""
    margin_deg: float
    left_out: float
    """Part of the frames of left-out training subjects that the candidates accept."""
    covered: float
    """Part of what all candidates shut out that the chosen ones do."""


def candidates(rng: np.random.Generator, symmetric: bool) -> np.ndarray:
    """Return (C, 3, 3) normals: cones, balls, and mixtures; of symmetric joints in mirrored pairs."""
    third = NUM_CANDIDATES // (6 if symmetric else 3)
    axes = np.array([[x, y, z] for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1)], float)
    axes = axes[np.abs(axes).sum(1) > 0]
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    b = axes[rng.integers(len(axes), size=third)]
    a = axes[rng.integers(len(axes), size=third // 2)]
    a = np.concatenate([a, directions(rng, third - len(a))])
    cones = a[:, :, None] * b[:, None]
    balls = Rotation.random(third, random_state=rng).as_matrix() / 2
    mixed = rng.normal(size=(third, 3, 3))
    mixed /= np.linalg.norm(mixed, axis=(1, 2), keepdims=True)
    normal = np.concatenate([cones, balls, mixed])
    return np.concatenate([normal, MIRROR @ normal @ MIRROR]) if symmetric else normal


def learn(
    groups: dict[str, np.ndarray],
    *,
    known: np.ndarray | None,
    symmetric: bool,
    widest_deg: float,
    rng: np.random.Generator,
) -> Limits:
    """Return the limits of a joint.

    Args:
        groups: (T, 3, 3) rotations of each subject.
        known: Rotations that are within by other knowledge, not dilated.
        symmetric: Whether the joint is its own mirror image.
        widest_deg: Largest dilation allowed.
        rng: Random numbers.
    """
    samples = {
        subject: np.concatenate([R, MIRROR @ R @ MIRROR]) if symmetric else R
        for subject, R in ((s, R[:: max(1, len(R) // NUM_FRAMES)]) for s, R in groups.items())
    }
    normal = candidates(rng, symmetric)
    floor = np.full(len(normal), -np.inf, np.float32)
    if known is not None:
        known = np.concatenate([known, MIRROR @ known @ MIRROR]) if symmetric else known
        floor = evaluate(normal, known)[0].max(0)
    margin_deg, bound, left_out = _choose_margin(normal, list(samples.values()), floor, widest_deg)
    pool = [R[:: max(1, len(R) // 300)] for R in samples.values()]
    trials = _trials(np.concatenate(pool if known is None else [*pool, known[::4]]), rng)
    if symmetric:
        bound = np.tile(np.maximum(*np.split(bound, 2)), 2)
    value, gradient = evaluate(normal, trials)
    out = value > bound
    near = np.abs(value - bound) < 0.15
    slope = (gradient * near).sum(0) / near.sum(0).clip(1)
    if symmetric:  # two halves of one scale
        slope = np.tile((slope[: len(slope) // 2] + slope[len(slope) // 2 :]) / 2, 2)
    usable = np.flatnonzero((slope > 0.25) & (out.sum(0) > 0))
    chosen, covered = _cover(out, usable, symmetric)
    return Limits(
        normal[chosen] / slope[chosen, None, None],
        bound[chosen] / slope[chosen],
        margin_deg,
        left_out,
        covered,
    )


def _choose_margin(
    normal: np.ndarray, samples: list[np.ndarray], floor: np.ndarray, widest_deg: float
) -> tuple[float, np.ndarray, float]:
    """Return the least dilation that a left-out subject does not need more of, and its bounds."""
    values = [evaluate(normal, R) for R in samples]
    for margin in (m for m in MARGINS_DEG if m <= widest_deg):
        cuts = np.stack([_quantile(v + np.sin(np.radians(margin)) * g) for v, g in values])
        first = cuts.argmax(0)
        second = np.sort(cuts, 0)[-2]
        accepted = []
        for row, (value, _) in enumerate(values):
            without = np.where(first == row, second, cuts.max(0))
            accepted.append((value <= np.maximum(without, floor)).all(1).mean())
        if np.min(accepted) >= WANTED:
            break
    return margin, np.maximum(cuts.max(0), floor), float(np.mean(accepted))


def evaluate(normal: np.ndarray, R: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return <N, R> (T, C) and the length of its gradient by a local turn (T, C)."""
    flat = torch.as_tensor(normal, dtype=torch.float32).reshape(-1, 9).T
    turn = torch.as_tensor(np.ascontiguousarray(R), dtype=torch.float32)
    square = sum(((turn @ E).reshape(-1, 9) @ flat).square_() for E in GENERATORS)
    return (turn.reshape(-1, 9) @ flat).numpy(), square.sqrt_().numpy()


def _quantile(values: np.ndarray) -> np.ndarray:
    skipped = int((1 - QUANTILE) * len(values))
    return torch.as_tensor(values).topk(skipped + 1, dim=0).values[-1].numpy()


def _cover(out: np.ndarray, usable: np.ndarray, symmetric: bool) -> tuple[list[int], float]:
    """Choose columns whose union is nearly that of all, greedily."""
    half = out.shape[1] // 2
    table = torch.as_tensor(out.astype(np.float32))
    if symmetric:
        table = torch.maximum(table, table.roll(half, dims=1))
        usable = usable[usable < half]
    total = left = table.amax(1)
    chosen: list[int] = []
    while left.sum() > (1 - COVER) * total.sum() and len(chosen) * (1 + symmetric) < MAX_PLANES:
        best = int(usable[int((left @ table)[usable].argmax())])
        chosen.append(best)
        left = left * (1 - table[:, best])
    covered = 1 - float(left.sum() / total.sum())
    return chosen + [column + half for column in chosen if symmetric], covered


def _trials(R: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return rotations to shut out: around the data, up to 120 degrees away, and anywhere."""
    base = R[rng.integers(len(R), size=2 * NUM_TRIALS // 3)]
    turn = directions(rng, len(base)) * rng.uniform(0, 2.1, size=(len(base), 1))
    anywhere = Rotation.random(NUM_TRIALS - len(base), random_state=rng).as_matrix()
    return np.concatenate([base @ Rotation.from_rotvec(turn).as_matrix(), anywhere])


def directions(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return unit vectors (N, 3), evenly over the sphere."""
    vectors = rng.normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
