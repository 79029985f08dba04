"""The learned prior: what people do is inside its limits, what nobody can do is not.

`kept_out_poses.npz` holds 3 x 120 mapped frames, written by `tools/build_pose_prior.py --extract`:
rotation vectors of the joints from DeepMimic's clips (MIT) and from CMU's motion capture ("The data
used in this project was obtained from mocap.cs.cmu.edu. The database was created with funding from
NSF EIA-0196217.").
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from marey.assets import find_asset
from marey.body import load_body
from marey.core.skeleton import mirror_name
from marey.fit.pose_prior import (
    ASSET,
    FILE,
    is_plausible,
    joint_excess,
    linearise,
    load_pose_prior,
    residual,
)
from marey.geometry.rotation import rotvec_to_matrix

PRIOR = load_pose_prior()
KEPT_OUT = Path(__file__).with_name("kept_out_poses.npz")
LSP = Path(__file__).parents[3] / "shared" / "data" / "lsp_spin" / "lsp-orig_fits.npy"
HARD = ("deepmimic", "cmu_fbx", "cmu_05")
MIRROR = torch.tensor([1.0, -1.0, -1.0])


def pose(angles: dict[str, tuple[float, float, float]]) -> torch.Tensor:
    """Return one pose (1 J 3 3) from rotation vectors in degrees."""
    vector = torch.zeros(1, len(PRIOR.joints), 3)
    for joint, angle in angles.items():
        vector[0, PRIOR.joints.index(joint)] = torch.deg2rad(torch.tensor(angle))
    return rotvec_to_matrix(vector)


def recorded(name: str) -> torch.Tensor:
    """Return a set of recorded poses that the prior never saw, (T J 3 3)."""
    with np.load(KEPT_OUT) as file:
        return body_pose(file[name].astype(np.float32), tuple(file["joints"]))


def body_pose(vectors: np.ndarray, joints: tuple[str, ...]) -> torch.Tensor:
    full = torch.zeros(len(vectors), len(PRIOR.joints), 3)
    full[:, [PRIOR.joints.index(str(joint)) for joint in joints]] = torch.from_numpy(vectors)
    return rotvec_to_matrix(full)


def about(axis: int, angle_deg: float) -> torch.Tensor:
    return rotvec_to_matrix(torch.eye(3)[axis] * float(np.radians(angle_deg)))


def random_rotations(count: int, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    vector = torch.randn(count, len(PRIOR.joints), 3, generator=generator, dtype=dtype)
    return rotvec_to_matrix(0.8 * vector)


def test_it_knows_every_joint_of_the_shipped_body():
    assert set(load_body().joint_names[1:]) <= set(PRIOR.joints)


def test_it_is_small():
    assert find_asset(ASSET, FILE).stat().st_size < 200_000


def test_the_derivative_is_that_of_finite_differences():
    prior = PRIOR.to(torch.float64)
    R = random_rotations(5, seed=1)
    linear = linearise(prior, R)
    step = 1e-6
    numeric = torch.zeros_like(linear.jacobian)
    for axis in range(3):
        turn = rotvec_to_matrix(step * torch.eye(3, dtype=torch.float64)[axis])
        change = residual(prior, R @ turn) - residual(prior, R @ turn.T)
        numeric[:, :, axis] = change / (2 * step)
    torch.testing.assert_close(linear.residual, residual(prior, R))
    torch.testing.assert_close(linear.jacobian, numeric, atol=1e-5, rtol=1e-5)
    assert (linear.residual[:, 3 * len(prior.pull_joint) :] > 0).any()


def test_a_row_depends_on_its_joint_only():
    R = random_rotations(1, seed=2)
    prior = PRIOR.to(torch.float64)
    before = residual(prior, R)
    for joint in range(len(prior.joints)):
        moved = R.clone()
        moved[:, joint] = random_rotations(1, seed=3)[:, joint]
        changed = (residual(prior, moved) != before)[0]
        assert (prior.row_joint[changed] == joint).all()


def test_limits_are_plain_sums_that_a_compiled_kernel_can_repeat():
    R = random_rotations(3, seed=4)
    prior = PRIOR.to(torch.float64)
    rows = residual(prior, R)[:, 3 * len(prior.pull_joint) :].numpy()
    N, c, joint = prior.normal.numpy(), prior.bound.numpy(), prior.limit_joint.numpy()
    for h in range(len(c)):
        value = (R[:, joint[h]].numpy() * N[h]).sum((1, 2)) - c[h]
        np.testing.assert_allclose(rows[:, h], np.maximum(value, 0) / prior.limit_sigma, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_a_mirrored_pose_costs_the_same(seed):
    R = random_rotations(1, seed, torch.float32)
    flip = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
    swap = [PRIOR.joints.index(mirror_name(joint)) for joint in PRIOR.joints]
    mirrored = (flip @ R @ flip)[:, swap]
    torch.testing.assert_close(
        joint_excess(PRIOR, mirrored)[:, swap], joint_excess(PRIOR, R), atol=1e-4, rtol=1e-4
    )


def test_joints_come_in_the_order_asked_for():
    joints = ("pelvis", "head", "right_knee", "unheard_of", "left_knee")
    chosen = load_pose_prior(joints)
    assert chosen.joints == joints
    assert set(chosen.row_joint.tolist()) == {1, 2, 4}
    assert (chosen.limit_joint.diff() >= 0).all()
    R = random_rotations(4, seed=5, dtype=torch.float32)
    own = R[:, [PRIOR.joints.index(name) for name in ("head", "right_knee", "left_knee")]]
    wanted = torch.eye(3).repeat(4, 5, 1, 1)
    wanted[:, [1, 2, 4]] = own
    torch.testing.assert_close(
        joint_excess(chosen, wanted)[:, [1, 2, 4]],
        joint_excess(PRIOR, R)[
            :, [PRIOR.joints.index(name) for name in ("head", "right_knee", "left_knee")]
        ],
    )


def test_a_limit_costs_nothing_inside_and_more_the_farther_outside():
    angles = [0, 60, 120, 150, 180, 200]
    excess = [
        float(joint_excess(PRIOR, pose({"left_knee": (angle, 0, 0)})).max()) for angle in angles
    ]
    assert excess[:4] == [0, 0, 0, 0]
    assert 0 < excess[4] < excess[5]


PLAUSIBLE = {
    "T-pose": {},
    "standing": {"left_shoulder": (0, 0, -75), "right_shoulder": (0, 0, 75)},
    "sitting": {
        **{f"{side}_hip": (-90, 0, 0) for side in ("left", "right")},
        **{f"{side}_knee": (90, 0, 0) for side in ("left", "right")},
    },
    "squat": {"left_hip": (-120, 0, 20), "left_knee": (140, 0, 0), "left_ankle": (-30, 0, 0)},
    "hand to shoulder": {"left_elbow": (0, -140, 0)},
    "arms up": {"left_shoulder": (0, 0, 80), "right_shoulder": (0, 0, -80)},
    "fist": {f"left_{finger}{k}": (0, 0, -80) for finger in ("index", "ring") for k in (1, 2, 3)},
}
IMPOSSIBLE = {
    "left elbow backwards": {"left_elbow": (0, 30, 0)},
    "right elbow backwards": {"right_elbow": (0, -30, 0)},
    "knee forwards": {"left_knee": (-30, 0, 0)},
    "knee sideways": {"right_knee": (0, 0, 45)},
    "neck twisted": {"neck": (0, 90, 0)},
    "head back to front": {"head": (0, -110, 0)},
    "thigh far back": {"left_hip": (110, 0, 0)},
    "trunk folded back": {"spine2": (-70, 0, 0)},
    "finger backwards": {"right_index2": (0, 0, -60)},
}


@pytest.mark.parametrize("name", PLAUSIBLE)
def test_what_people_do_is_plausible(name):
    assert is_plausible(PRIOR, pose(PLAUSIBLE[name])).all()


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_what_nobody_can_do_is_not(name):
    angles = pose(IMPOSSIBLE[name])
    assert not is_plausible(PRIOR, angles).any()
    worst = PRIOR.joints[int(joint_excess(PRIOR, angles)[0].argmax())]
    assert worst in IMPOSSIBLE[name]


def test_nan_is_not_plausible_and_stays_in_its_frame():
    R = pose({}).repeat(3, 1, 1, 1)
    R[1, 4] = torch.nan
    assert is_plausible(PRIOR, R).tolist() == [True, False, True]


@pytest.mark.parametrize("name", HARD)
def test_hard_motion_of_people_kept_out_of_the_training_is_accepted(name):
    # Of 120 frames one may fail; the card has the figures of all frames.
    assert (~is_plausible(PRIOR, recorded(name))).sum() <= 1


def spoiled(R: torch.Tensor, kind: str) -> torch.Tensor:
    """Return poses of which one joint is impossible."""
    R = R.clone()
    for side, sign in (("left", 1.0), ("right", -1.0)):
        if kind == "elbow":  # the forearm 30 degrees behind the straight arm, its turn kept
            k = PRIOR.joints.index("left_elbow" if sign > 0 else "right_elbow")
            R[:, k] = about(1, 30 * sign)
        elif kind == "knee":
            k = PRIOR.joints.index(f"{side}_knee")
            R[:, k] = R[:, k] @ about(2, 70)
    if kind == "neck":
        k = PRIOR.joints.index("neck")
        R[:, k] = about(1, 100)
    return R


@pytest.mark.parametrize("kind", ["elbow", "knee", "neck"])
@pytest.mark.parametrize("name", HARD)
def test_the_same_poses_made_impossible_are_refused(name, kind):
    assert is_plausible(PRIOR, spoiled(recorded(name), kind)).float().mean() <= 0.01


@pytest.mark.skipif(not LSP.is_file(), reason="needs ../shared/data/lsp_spin")
def test_fits_to_sport_photographs_are_accepted():
    joints = tuple(load_body().joint_names[1:22])
    vectors = np.load(LSP)[:, 3:66].reshape(-1, 21, 3).astype(np.float32)
    assert is_plausible(PRIOR, body_pose(vectors, joints)).float().mean() >= 0.95
