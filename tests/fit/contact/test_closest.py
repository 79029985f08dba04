"""Closest places on meshes against a dense search."""

import numpy as np

from marey.fit.contact.closest import Surface, closest_in_triangles, vertex_normals

RNG = np.random.default_rng(0)


def test_closest_place_of_a_triangle_beats_every_place_tried():
    corners, points = RNG.normal(size=(200, 1, 3, 3)), RNG.normal(size=(200, 1, 3)) * 2
    weights = closest_in_triangles(points, corners)
    assert (weights >= -1e-12).all()
    np.testing.assert_allclose(weights.sum(-1), 1)
    place = np.einsum("ack,ackx->acx", weights, corners)
    found = np.linalg.norm(place - points, axis=-1)[:, 0]
    tried = RNG.dirichlet(np.ones(3) * 0.4, size=4000)
    places = np.einsum("nk,akx->anx", tried, corners[:, 0])
    best = np.linalg.norm(places - points, axis=-1).min(1)
    assert (found <= best + 1e-9).all()
    assert np.median(best - found) < 0.02


def test_a_triangle_without_area_is_a_line():
    corners = np.array([[[[0.0, 0, 0], [1, 0, 0], [1, 0, 0]]]])
    weights = closest_in_triangles(np.array([[[0.25, 1.0, 0.0]]]), corners)
    np.testing.assert_allclose(weights @ corners[0, 0], [[[0.25, 0, 0]]], atol=1e-9)


def test_a_cube_seen_from_outside():
    vertices = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    faces = np.array(
        [
            *([0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]),
            *([2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]),
        ]
    )
    surface = Surface.of(vertices, faces)
    found = surface.closest(np.array([[0.3, 0.6, 1.5], [2.0, 0.5, 0.5], [-1.0, -1.0, -1.0]]))
    np.testing.assert_allclose(found.position, [[0.3, 0.6, 1], [1, 0.5, 0.5], [0, 0, 0]])
    np.testing.assert_allclose(found.distance, [0.5, 1.0, 3**0.5])
    normals = vertex_normals(vertices, faces)
    assert ((normals * (vertices - 0.5)).sum(1) > 0.8).all()
