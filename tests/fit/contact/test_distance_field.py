"""The reference's collision term on two cubes, worked out by hand, and its gradient."""

import numpy as np
import pytest
import torch

from marey.core.errors import ShapeError
from marey.fit.contact.distance_field import collision_cost, make_field
from tests.fit.solids import cube


def place(index: int) -> float:
    """Centre of a voxel in the cube's own units."""
    return -1 + (index + 0.5) * 2 / 31


def test_the_field_of_a_cube():
    """The cube of side 1 fills 1 / 1.2 of its own grid's cube."""
    vertices, faces = cube()
    field = make_field(vertices + 5, faces)
    assert field.half == pytest.approx(0.6)
    assert field.centre.tolist() == pytest.approx([5, 5, 5])
    wall = 0.5 / 0.6
    for z, y, x in ((16, 16, 16), (3, 15, 16), (20, 10, 27), (2, 16, 16), (16, 16, 28)):
        wanted = max(0.0, wall - max(abs(place(i)) for i in (z, y, x)))
        assert float(field.value[z, y, x]) == pytest.approx(wanted, abs=1e-12)
    # u_2 = -0.839 lies outside, u_3 = -0.774 inside; u_28 = 0.839 outside.
    assert float(field.value[2, 16, 16]) == 0 < float(field.value[3, 15, 16])


def test_x_is_fastest_and_z_slowest():
    """A brick longest in x; a voxel is inside by its own coordinates."""
    vertices, faces = cube()
    field = make_field(vertices * [1.0, 0.5, 0.25], faces)
    inside = np.argwhere(field.value.numpy() > 0)
    spans = np.ptp(inside, axis=0)
    assert spans[2] > spans[1] > spans[0]


def test_two_overlapping_cubes_by_hand():
    """One corner of each lies in the other, 0.3 m from its middle along every axis.

    In the cube's units that is 0.5, at 23.25 of the grid: between voxels 23 and 24, with centres at
    0.516 and 0.581. All of the eight but the nearest (weight 0.75^3) have a 24 and so its depth.
    """
    vertices, faces = cube()
    pair = torch.from_numpy(np.stack([vertices, vertices + 0.8])[:, None])
    wall, share = 0.5 / 0.6, 0.75**3
    wanted = share * (wall - place(23)) + (1 - share) * (wall - place(24))
    # The second cube's corner lies at -0.5, at 7.75: voxels 7 and 8, centres -0.516 and -0.452.
    lower = share * (wall + place(8)) + (1 - share) * (wall + place(7))
    cost = collision_cost(pair, faces)
    assert cost.tolist() == pytest.approx([wanted / 2, lower / 2], abs=1e-12)
    # Half a voxel's quirk: 0.280 and 0.344 where the true depth is 0.2 / 0.6 for both.
    assert (wanted, lower) == pytest.approx((0.2799, 0.3444), abs=1e-3)


def test_three_people_and_two_frames_are_averaged():
    vertices, faces = cube()
    far = vertices + 9
    pair = np.stack([vertices, vertices + 0.8])
    one = collision_cost(torch.from_numpy(pair[:, None]), faces)
    frames = np.stack([np.stack([*pair, far]), np.stack([vertices, far, far + 9])], 1)
    three = collision_cost(torch.from_numpy(frames), faces)
    assert three.tolist() == pytest.approx([float(one[0]) / 3, float(one[1]) / 3, 0.0], abs=1e-12)


def test_the_gradient_flows_through_sampled_positions_alone():
    vertices, faces = cube()
    field = make_field(vertices, faces)
    points = torch.tensor(
        [[0.31, 0.12, -0.2], [0.0, -0.41, 0.1], [0.2, 0.21, 0.43], [0.9, 0.9, 0.0]]
    ).double()
    points.requires_grad_(True)
    assert torch.autograd.gradcheck(field.sample, (points,), eps=1e-6, atol=1e-6)
    slope = torch.autograd.grad(field.sample(points).sum(), points)[0]
    assert slope[3].abs().max() == 0
    # Deeper inwards: along x at the first point, in units of half the cube's side.
    assert float(slope[0, 0]) == pytest.approx(-1 / 0.6, abs=1e-9)


def test_cubes_apart_cost_nothing_and_grids_have_sides():
    vertices, faces = cube()
    pair = torch.from_numpy(np.stack([vertices, vertices + 2.0])[:, None])
    assert collision_cost(pair, faces).tolist() == [0, 0]
    with pytest.raises(ShapeError, match="two voxels"):
        make_field(vertices, faces, grid=1)
