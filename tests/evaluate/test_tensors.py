"""The metrics on tensors are those on arrays, and their gradients are those of the numbers."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from marey import evaluate
from marey.evaluate import tensors

RNG = np.random.default_rng(5)
TRUTH = RNG.normal(size=(2, 7, 14, 3))
PREDICTED = TRUTH + RNG.normal(size=TRUTH.shape) * 0.1
SCALE = RNG.uniform(0.5, 1.5, (2, 7))

METRICS: dict[str, dict] = {
    "mpjpe": {"root": (2, 3)},
    "pa_mpjpe": {},
    "n_mpjpe": {"root": (2, 3)},
    "mpvpe": {},
    "pa_mpvpe": {},
    "acceleration_error": {"frame_rate": 30.0},
    "velocity_error": {"frame_rate": 30.0},
    "pck": {"threshold": 0.15, "scale": 1.0},
    "auc": {"highest": 0.25},
}
MASKED = [name for name in METRICS if name != "velocity_error"]


def with_gaps() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    predicted, truth = PREDICTED.copy(), TRUTH.copy()
    predicted[0, 2, 5] = np.nan
    predicted[1, 4] = np.nan
    truth[0, 5, 1, 2] = np.nan
    valid = np.random.default_rng(1).random(TRUTH.shape[:-1]) > 0.1
    valid[1, 0, 2:] = False  # two joints are no alignment
    return predicted, truth, valid


def both(name: str, predicted: np.ndarray, truth: np.ndarray, **how: object) -> tuple:
    ours = {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in how.items()}
    twin = getattr(tensors, name)(torch.from_numpy(predicted), torch.from_numpy(truth), **ours)
    score = getattr(evaluate, name)(predicted, truth, **how)
    return twin.item(), score.value


@pytest.mark.parametrize("name", METRICS)
def test_twins_agree(name: str) -> None:
    assert np.subtract(*both(name, PREDICTED, TRUTH, **METRICS[name])) == pytest.approx(
        0, abs=1e-12
    )


@pytest.mark.parametrize("name", METRICS)
def test_twins_agree_where_something_is_missing(name: str) -> None:
    predicted, truth, valid = with_gaps()
    how = METRICS[name] | ({"valid": valid} if name in MASKED else {})
    twin, value = both(name, predicted, truth, **how)
    assert np.isfinite(value)
    assert twin == pytest.approx(value, abs=1e-12)


def test_other_arguments() -> None:
    for with_scale in (True, False):
        twin, value = both("pa_mpjpe", PREDICTED, TRUTH, with_scale=with_scale)
        assert twin == pytest.approx(value, abs=1e-12)
    twin, value = both("mpvpe", PREDICTED, TRUTH, offset=TRUTH[..., 0, :] - PREDICTED[..., 0, :])
    assert twin == pytest.approx(value, abs=1e-12)
    twin, value = both("pck", PREDICTED, TRUTH, scale=SCALE, threshold=0.15)
    assert twin == pytest.approx(value, abs=1e-12)
    twin, value = both("mpjpe", PREDICTED[..., :2].copy(), TRUTH[..., :2].copy())
    assert twin == pytest.approx(value, abs=1e-12)
    for name in ("acceleration", "jitter"):
        twin = getattr(tensors, name)(torch.from_numpy(PREDICTED), frame_rate=25.0).item()
        value = getattr(evaluate, name)(PREDICTED, frame_rate=25.0).value
        assert twin == pytest.approx(value)


@pytest.mark.parametrize("name", ["joint_errors", "aligned_errors", "acceleration_errors"])
def test_maps_agree_entry_by_entry(name: str) -> None:
    predicted, truth, valid = with_gaps()
    ours = getattr(tensors, name)(
        torch.from_numpy(predicted), torch.from_numpy(truth), valid=torch.from_numpy(valid)
    )
    theirs = getattr(evaluate, name)(predicted, truth, valid=valid)
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-12)


def test_mirrored_points_are_not_reflected() -> None:
    """The best proper rotation of a mirror image leaves an error, in both."""
    mirrored = PREDICTED * np.array([-1, 1, 1])
    twin, value = both("pa_mpjpe", mirrored, TRUTH)
    assert value > 0.1
    assert twin == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("mirror", [1, -1])
@pytest.mark.parametrize("name", [n for n in METRICS if n != "pck"])
def test_gradients_are_those_of_the_numbers(name: str, mirror: int) -> None:
    """Against finite differences; mirrored points have the alignment's other branch."""
    truth = torch.from_numpy(TRUTH[:1, :3, :6] * np.array([mirror, 1, 1]))
    predicted = torch.from_numpy(PREDICTED[:1, :3, :6].copy()).requires_grad_()
    metric = getattr(tensors, name)
    how = METRICS[name] | ({"highest": 4.0} if name == "auc" else {})
    assert torch.autograd.gradcheck(lambda p: metric(p, truth, **how), (predicted,))


def test_gradients_with_respect_to_the_truth_and_a_fixed_size() -> None:
    truth = torch.from_numpy(TRUTH[:1, :2, :6].copy()).requires_grad_()
    predicted = torch.from_numpy(PREDICTED[:1, :2, :6].copy())
    assert torch.autograd.gradcheck(
        lambda g: tensors.pa_mpjpe(predicted, g, with_scale=False), (truth,)
    )


def gradient(metric: Callable[..., Tensor], predicted: np.ndarray, truth: np.ndarray, **how):
    leaf = torch.from_numpy(predicted.copy()).requires_grad_()
    metric(leaf, torch.from_numpy(truth), **how).backward()
    assert leaf.grad is not None
    return leaf.grad.numpy()


@pytest.mark.parametrize("name", [n for n in METRICS if n != "pck"])
def test_missing_values_have_no_gradient(name: str) -> None:
    predicted, truth, valid = with_gaps()
    how = METRICS[name] | ({"valid": torch.from_numpy(valid)} if name in MASKED else {})
    slope = gradient(getattr(tensors, name), predicted, truth, **how)
    assert np.isfinite(slope).all()
    assert (slope[1, 4] == 0).all()
    assert np.abs(slope).sum() > 0


@pytest.mark.parametrize("name", [n for n in METRICS if n != "pck"])
def test_a_perfect_prediction_has_a_finite_gradient(name: str) -> None:
    slope = gradient(getattr(tensors, name), TRUTH, TRUTH, **METRICS[name])
    assert np.isfinite(slope).all()
    if "pa" not in name and name != "n_mpjpe":
        assert (slope == 0).all()


def test_the_aligned_error_does_not_change_with_rigid_motion_or_size() -> None:
    """So its gradient has no part along translation, rotation or scaling of a frame."""
    slope = gradient(tensors.pa_mpjpe, PREDICTED, TRUTH)
    largest = np.abs(slope).max()
    np.testing.assert_allclose(slope.sum(-2) / largest, 0, atol=1e-12)
    centred = PREDICTED - PREDICTED.mean(-2, keepdims=True)
    np.testing.assert_allclose(np.cross(centred, slope).sum(-2) / largest, 0, atol=1e-12)
    np.testing.assert_allclose((centred * slope).sum((-1, -2)) / largest, 0, atol=1e-12)
    turned = Rotation.random(random_state=1).apply(PREDICTED.reshape(-1, 3)).reshape(TRUTH.shape)
    twin, value = both("pa_mpjpe", 1.7 * turned + 3, TRUTH)
    assert twin == pytest.approx(both("pa_mpjpe", PREDICTED, TRUTH)[1], abs=1e-12)
    assert twin == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("points", ["line", "point", "square", "two"])
def test_degenerate_points_have_finite_gradients(points: str) -> None:
    """Equal singular values and points on a line, where singular vectors have no derivative."""
    shape = {
        "line": np.linspace(0, 1, 6)[:, None] * [1.0, 2, 3],
        "point": np.zeros((6, 3)),
        "square": np.array([[1.0, 1, 0], [1, -1, 0], [-1, 1, 0], [-1, -1, 0], *[[0, 0, 0]] * 2]),
        "two": np.eye(6)[:, :3],
    }[points]  # fmt: skip
    truth = shape[None] + RNG.normal(size=(1, 6, 3)) * (points != "square") * 0.01
    assert np.isfinite(gradient(tensors.pa_mpjpe, shape[None], truth)).all()


def test_gradient_descent_finds_the_truth_up_to_a_similarity() -> None:
    leaf = torch.from_numpy(PREDICTED.copy()).requires_grad_()
    truth = torch.from_numpy(TRUTH)
    optimiser = torch.optim.Adam([leaf], lr=0.01)
    begin = tensors.pa_mpjpe(leaf, truth).item()
    for _ in range(60):
        optimiser.zero_grad()
        loss = tensors.pa_mpjpe(leaf, truth)
        loss.backward()
        optimiser.step()
    assert tensors.pa_mpjpe(leaf, truth).item() < 0.2 * begin


def test_single_precision_and_nothing_at_all() -> None:
    ours = torch.from_numpy(PREDICTED).float()
    twin = tensors.pa_mpjpe(ours, torch.from_numpy(TRUTH).float())
    assert twin.dtype == torch.float32
    assert twin.item() == pytest.approx(evaluate.pa_mpjpe(PREDICTED, TRUTH).value, rel=1e-5)
    empty = tensors.mpjpe(torch.full((3, 4, 3), torch.nan), torch.zeros(3, 4, 3))
    assert torch.isnan(empty)
