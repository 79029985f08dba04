"""Compiled normal equations against plain sums, sparse solutions against dense ones."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from marey.fit.chain import place
from marey.fit.forces import UPPER, Forces
from marey.fit.tree import (
    accumulate,
    dense_normal,
    expand,
    make_layout,
    place_fast,
    solve_rows,
)
from tests.fit.scenes import random_pose, small_chain

CHAIN = small_chain(torch.float64)
NUM_JOINTS, NUM_POINTS = len(CHAIN.joints), len(CHAIN.points)


def random_forces(num_problems: int, *, num_groups: int, seed: int) -> Forces:
    """Pulls as two views and up to two relative groups would give them; some points unseen."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*size: int) -> torch.Tensor:
        return torch.randn(*size, generator=generator, dtype=torch.float64)

    group = torch.full((NUM_POINTS,), -1)
    group[: 5 * num_groups] = torch.arange(num_groups).repeat_interleave(5)
    relative = 50 * draw(num_problems, NUM_POINTS, 3).abs() * (group >= 0)[:, None]
    rows = 30 * draw(num_problems, NUM_POINTS, 4, 3)
    full = rows.mT @ rows + torch.diag_embed(relative)
    gradient = 100 * draw(num_problems, NUM_POINTS, 3)
    for part in (full, relative, gradient):
        part[:, 7] = 0.0
    return Forces(
        loss=draw(num_problems),
        gradient=gradient,
        hessian=torch.stack([full[..., row, column] for row, column in UPPER], -1),
        relative=relative,
        group=group,
        shift=draw(num_problems, num_groups, 3),
    )


@given(
    joints=st.sets(st.integers(0, NUM_JOINTS - 1)),
    travels=st.booleans(),
    moves_shape=st.booleans(),
    num_groups=st.integers(0, 2),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=60, deadline=None)
def test_any_choice_of_columns(joints, travels, moves_shape, num_groups, seed):
    if not (joints or travels or moves_shape):
        return
    layout = make_layout(
        CHAIN,
        joints=tuple(joints),
        travels=travels,
        moves_shape=moves_shape,
        num_groups=num_groups,
    )
    placed = place(CHAIN, random_pose(CHAIN, 3, seed=seed, distance=30.0))
    forces = random_forces(3, num_groups=num_groups, seed=seed)
    normal = accumulate(layout, placed, forces)
    hessian, gradient = dense_normal(layout, placed, forces)
    scale = float(hessian.abs().max()) + 1.0
    np.testing.assert_allclose(expand(layout, normal), hessian, atol=1e-11 * scale)
    np.testing.assert_allclose(normal.right, gradient, atol=1e-10 * scale)

    damping = np.full(normal.right.shape, 1e-2 * scale)
    delta, sound = solve_rows(layout, normal, damping)
    damped = hessian + torch.diag_embed(torch.from_numpy(damping))
    expected = -torch.linalg.solve(damped, gradient)
    assert sound.all()
    np.testing.assert_allclose(delta, expected, atol=1e-9 * float(expected.abs().max()) + 1e-300)


def test_only_pairs_on_one_path_are_stored():
    layout = make_layout(
        CHAIN, joints=tuple(range(NUM_JOINTS)), travels=True, moves_shape=False, num_groups=0
    )
    elbow, knee = (int(layout.column[CHAIN.index(name)]) for name in ("left_elbow", "left_knee"))
    stored = set(zip(*layout.entry.tolist(), strict=True))
    assert (elbow, 0) in stored
    assert (elbow, knee) not in stored
    assert (knee, elbow) not in stored
    assert layout.num_entries == len(stored)


def test_a_matrix_that_is_not_positive_definite_is_told_and_leaves_its_neighbours():
    layout = make_layout(
        CHAIN, joints=tuple(range(NUM_JOINTS)), travels=True, moves_shape=False, num_groups=0
    )
    placed = place(CHAIN, random_pose(CHAIN, 4, seed=1))
    normal = accumulate(layout, placed, random_forces(4, num_groups=0, seed=2))
    alone, _ = solve_rows(layout, normal, np.ones(normal.right.shape))
    normal.rows[1] *= -1.0
    normal.rows[2] = np.nan
    delta, sound = solve_rows(layout, normal, np.ones(normal.right.shape))
    assert sound.tolist() == [True, False, False, True]
    assert (delta[1:3] == 0).all()
    np.testing.assert_array_equal(delta[[0, 3]], alone[[0, 3]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_compiled_kinematics_agree_with_the_plain_ones(dtype):
    chain = small_chain(dtype)
    pose = random_pose(chain, 5, seed=3)
    ours, plain = place_fast(chain, pose), place(chain, pose)
    for name in ("rotation", "joints", "points"):
        torch.testing.assert_close(getattr(ours, name), getattr(plain, name))


def test_single_precision_is_enough_for_people_far_away():
    """At 60 m a lever of a decimetre must not drown in the distance."""
    far = random_pose(CHAIN, 3, seed=4, distance=60.0)
    every = tuple(range(NUM_JOINTS))
    layout, lean_layout = (
        make_layout(chain, joints=every, travels=True, moves_shape=True, num_groups=1)
        for chain in (CHAIN, small_chain(torch.float32))
    )
    forces = random_forces(3, num_groups=1, seed=5)
    placed = place(CHAIN, far)
    single = type(placed)(
        *(part.float() for part in (placed.rotation, placed.joints, placed.points))
    )
    lean = Forces(
        **{
            name: getattr(forces, name).float()
            for name in ("loss", "gradient", "hessian", "relative", "shift")
        },
        group=forces.group,
    )
    exact, _ = dense_normal(layout, placed, forces)
    ours = expand(lean_layout, accumulate(lean_layout, single, lean))
    np.testing.assert_allclose(ours, exact, atol=2e-5 * float(exact.abs().max()))
