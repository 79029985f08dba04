"""The cost of a sequence of points, in the paper's formulas and in those of its authors' code."""

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import check_grad

from marey.capture.views.limbs import find_limb_pairs, find_limbs
from marey.capture.views.pose_cost import (
    PoseWeights,
    Setting,
    _Cost,  # pyright: ignore[reportPrivateUsage]
    measure_pose_loss,
    optimize_points,
)
from marey.core import load_skeleton

COCO = load_skeleton("coco-17")
SETTINGS: tuple[Setting, ...] = ("paper", "reference")


def _noisy_points(num_frames: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rest = rng.normal(size=(17, 3))
    drift = np.cumsum(0.02 * rng.normal(size=(num_frames, 1, 3)), 0)
    return rest + drift + 0.01 * rng.normal(size=(num_frames, 17, 3))


def test_harmony4d_parity(shared: Path):
    with np.load(shared / "parity" / "h4d_fit.npz") as fixture:
        start, moved = fixture["in/initial"][..., :3], fixture["in/moved"]
        names = {"limb": "limb_length", "anchor": "init_pose"}
        for state, points in (("moved", moved), ("fitted", fixture["out/fitted"][..., :3])):
            loss = measure_pose_loss(points, start, COCO)
            for term in ("limb", "symmetry", "temporal", "anchor"):
                expected = float(fixture[f"out/loss_at_{state}/{names.get(term, term)}_loss"])
                assert getattr(loss, term) == pytest.approx(expected, rel=1e-6)
        reached = float(fixture["out/loss_at_fitted/total_loss"])
    ours = measure_pose_loss(optimize_points(start, COCO), start, COCO)
    assert ours.total(PoseWeights()) < reached


def test_papers_formulas_by_hand():
    start = _noisy_points(5)
    points = start + 0.02 * np.random.default_rng(1).normal(size=start.shape)
    length = np.stack(
        [
            np.linalg.norm(points[:, COCO.index(a)] - points[:, COCO.index(b)], axis=-1)
            for a, b in find_limbs(COCO)
        ],
        1,
    )
    limbs = find_limbs(COCO)
    apart = np.stack(
        [length[:, limbs.index(a)] - length[:, limbs.index(b)] for a, b in find_limb_pairs(COCO)],
        1,
    )
    loss = measure_pose_loss(points, start, COCO, setting="paper")
    assert loss.limb == pytest.approx(
        sum(np.linalg.norm(length[t + 1] - length[t]) for t in range(4))
    )
    assert loss.symmetry == pytest.approx(sum(np.linalg.norm(apart[t]) for t in range(5)))
    assert loss.temporal == pytest.approx(
        sum(np.linalg.norm(points[t + 1] - points[t]) for t in range(4))
    )
    assert loss.anchor == pytest.approx(sum(np.linalg.norm(points[t] - start[t]) for t in range(5)))


@pytest.mark.parametrize("setting", SETTINGS)
def test_gradient_is_the_derivative(setting: Setting):
    start = _noisy_points(4)
    start[1, 3] = np.nan
    start[2, [5, 11]] = np.nan
    cost = _Cost(
        start, COCO, PoseWeights(limb=0.7, symmetry=1.3, temporal=2.0, anchor=0.4), setting
    )
    rng = np.random.default_rng(3)
    flat = cost.start[cost.known].ravel() + 0.03 * rng.normal(size=int(cost.known.sum()) * 3)
    error = check_grad(
        lambda x: cost.flat_value(x, 1e-3)[0], lambda x: cost.flat_value(x, 1e-3)[1], flat
    )
    assert error < 1e-4 * np.linalg.norm(cost.flat_value(flat, 1e-3)[1])


@pytest.mark.parametrize("setting", SETTINGS)
def test_limbs_become_equal_and_constant(setting: Setting):
    start = _noisy_points(20)
    before = measure_pose_loss(start, start, COCO, setting=setting)
    points = optimize_points(start, COCO, setting=setting)
    after = measure_pose_loss(points, start, COCO, setting=setting)
    assert after.total(PoseWeights()) < before.total(PoseWeights())
    assert after.symmetry < 0.02 * before.symmetry
    assert after.limb < 0.1 * before.limb


def test_a_strong_anchor_keeps_the_points():
    start = _noisy_points(6)
    held = optimize_points(start, COCO, weights=PoseWeights(anchor=1e7))
    np.testing.assert_allclose(held, start, atol=2e-4)


def test_missing_points_stay_missing_and_do_not_pull():
    start = _noisy_points(8)
    start[:, 9] = np.nan
    start[3, 2] = np.nan
    points = optimize_points(start, COCO, iterations=20)
    np.testing.assert_array_equal(np.isnan(points), np.isnan(start))
