"""Signed distances: solids with known answers, other ways to the same, and coarser bodies."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from marey.body import load_body
from marey.core.errors import ShapeError
from marey.evaluate.contact import inside_mesh
from marey.fit.contact.closest import closest_in_triangles
from marey.fit.contact.coarse_body import coarsen_body, group_vertices
from marey.fit.contact.mesh_distance import MeshTree, Parts
from tests.fit.solids import cube


@pytest.fixture(scope="module")
def light():
    return load_body("marey-h", mesh="light")


@pytest.mark.parametrize(
    ("point", "distance", "normal"),
    [
        ((0.0, 0.0, 0.4), -0.1, (0, 0, 1)),  # Below a face.
        ((0.1, 0.1, 0.7), 0.2, (0, 0, 1)),  # Above it.
        ((0.8, 0.9, 0.0), 0.5, (0.6, 0.8, 0)),  # Off an edge: 0.3 and 0.4 away from it.
        ((1.5, 1.5, 1.5), 3**0.5, (3**-0.5,) * 3),  # Off a corner.
        ((-0.45, 0.2, 0.1), -0.05, (-1, 0, 0)),
    ],
)
def test_cube(point, distance, normal):
    vertices, faces = cube()
    tree = MeshTree.of(vertices, faces)
    found = tree.measure(tree.pose(vertices), np.array([point]))
    assert found.distance[0] == pytest.approx(distance, abs=1e-12)
    assert found.normal[0] == pytest.approx(normal, abs=1e-12)
    place = found.corner[0] @ vertices[faces[found.face[0]]]
    assert np.array(point) - place == pytest.approx(distance * found.normal[0], abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.tuples(*(st.floats(-1.5, 1.5),) * 3), st.integers(0, 2**20))
def test_cube_anywhere(point, seed):
    """The distance of a box in closed form, also turned and moved."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    vertices, faces = cube()
    beyond = np.abs(point) - 0.5
    wanted = np.linalg.norm(np.maximum(beyond, 0)) + min(beyond.max(), 0)
    tree = MeshTree.of(vertices, faces)
    moved = vertices @ turn.T + 3
    found = tree.measure(tree.pose(moved), (turn @ point + 3)[None])
    assert found.distance[0] == pytest.approx(wanted, abs=1e-9)


def test_a_fold_turned_inside_out_does_not_swallow_its_surroundings():
    vertices, faces = cube()
    fold = vertices * 0.1 + [2.0, 0, 0]
    both = np.concatenate([vertices, fold])
    tree = MeshTree.of(both, np.concatenate([faces, faces[:, ::-1] + len(vertices)]))
    found = tree.measure(tree.pose(both), np.array([[1.8, 0.01, 0.02], [0.1, 0.2, 0.0]]))
    # By the pseudo-normal of the fold alone the first point would lie 0.15 inside.
    assert found.distance == pytest.approx([0.15, -0.3])
    assert found.normal[0] == pytest.approx([-1, 0, 0])


def test_reach_and_parts_limit_what_is_found():
    vertices, faces = cube()
    tree = MeshTree.of(vertices, faces)
    boxes = tree.pose(vertices)
    points = np.array([[0, 0, 0.45], [0, 0, 0.9]])
    found = tree.measure(boxes, points, reach=0.2)
    assert found.face[1] == -1
    assert np.isnan(found.distance[1])
    top = (vertices[faces][:, :, 2] > 0).all(1)
    parts = Parts(
        of_point=np.array([0, 1]),
        of_face=top.astype(np.int64),
        meets=np.array([[1, 0], [0, 1]]) > 0,
    )
    # The first point may not ask the top: the next nearest face is half the cube away.
    assert tree.measure(boxes, points, parts=parts).distance == pytest.approx([-0.5, 0.4])


def test_agrees_with_winding_numbers_and_every_triangle(light):
    """Of a body: all triangles tried one by one, and another rule for inside."""
    vertices = light.v_template.double().numpy()
    faces = light.faces.numpy().astype(np.int64)
    rng = np.random.default_rng(0)
    # The mouth is a cavity whose rims touch, where both rules have a right to differ.
    below = np.flatnonzero(vertices[:, 1] < 0.4)
    points = vertices[rng.choice(below, 60)] + rng.normal(0, 0.02, (60, 3))
    tree = MeshTree.of(vertices, faces)
    found = tree.measure(tree.pose(vertices), points)
    corners = np.broadcast_to(vertices[faces], (60, *vertices[faces].shape))
    shares = closest_in_triangles(points[:, None], corners)
    apart = np.einsum("afc,afcx->afx", shares, corners) - points[:, None]
    assert np.abs(found.distance) == pytest.approx(np.linalg.norm(apart, axis=-1).min(1), abs=1e-9)
    inside = inside_mesh(points, vertices, faces)
    assert 10 < inside.sum() < 50
    assert (found.distance < 0).tolist() == inside.tolist()


def test_a_mesh_without_triangles_is_refused():
    with pytest.raises(ShapeError, match="closed"):
        MeshTree.of(np.zeros((3, 3)), np.zeros((0, 3), np.int64))


def test_a_coarse_body_is_closed_and_lies_on_the_fine_one(light):
    coarse = coarsen_body(light, most=1000)
    assert len(coarse.v_template) < 1000
    faces = coarse.faces.numpy()
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] % 2 == 0).all()
    tree = MeshTree.of(coarse.v_template.double().numpy(), faces.astype(np.int64))
    below = light.v_template[light.v_template[:, 1] < 0.4].double().numpy()
    away = tree.measure(tree.pose(coarse.v_template.double().numpy()), below).distance
    assert abs(np.median(away)) < 0.002
    assert np.percentile(np.abs(away), 95) < 0.01
    assert torch.equal(coarse.joint_template, light.joint_template)
    assert coarsen_body(light) is light


def test_groups_hold_neighbours(light):
    group, rest = group_vertices(light), light.v_template.numpy()
    assert 50 < len(np.unique(group)) < len(rest) / 8
    assert (group[np.unique(group)] == np.unique(group)).all()
    assert np.linalg.norm(rest - rest[group], axis=1).max() < 0.25
