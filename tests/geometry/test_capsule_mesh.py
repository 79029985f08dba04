"""Coarse capsules against the formulas of a capsule."""

import numpy as np
import pytest

from marey.geometry.capsule_mesh import NUM_VERTICES, capsule_faces, mesh_capsules


def measure(vertices: np.ndarray, faces: np.ndarray) -> tuple[float, float]:
    """Return volume (signed) and area of a closed mesh."""
    a, b, c = (vertices[faces[:, row]] for row in range(3))
    volume = np.einsum("fi,fi->", a, np.cross(b, c)) / 6
    return float(volume), float(np.linalg.norm(np.cross(b - a, c - a), axis=-1).sum() / 2)


@pytest.mark.parametrize("seed", range(3))
def test_volume_and_orientation_are_a_capsules(seed):
    rng = np.random.default_rng(seed)
    ends = rng.normal(size=(4, 2, 3))
    radius = rng.uniform(0.1, 0.3, 4)
    vertices = mesh_capsules(ends, radius)
    faces = capsule_faces(4)
    for row in range(4):
        own = faces[row * len(faces) // 4 : (row + 1) * len(faces) // 4]
        volume, _ = measure(vertices.reshape(-1, 3), own)
        length = np.linalg.norm(ends[row, 1] - ends[row, 0])
        truth = np.pi * radius[row] ** 2 * (length + 4 / 3 * radius[row])
        # Positive: counter-clockwise seen from outside. The wall is exact, the caps are coarse.
        assert 0.9 * truth < volume <= 1.001 * truth


def test_a_point_makes_a_ball_and_what_is_missing_stays_missing():
    ends = np.array([[[1.0, 2, 3], [1, 2, 3]], [[0, 0, 0], [np.nan, 0, 0]]])
    ball, missing = mesh_capsules(ends, np.array([0.5, 0.5]))
    distance = np.linalg.norm(ball - (1, 2, 3), axis=-1)
    np.testing.assert_allclose(distance, distance[0])
    assert 0.5 <= distance[0] < 0.54
    assert missing.shape == (NUM_VERTICES, 3)
    assert np.isnan(missing[NUM_VERTICES // 2 :]).any()


def test_every_edge_has_two_faces():
    faces = capsule_faces(1)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    assert len(np.unique(edges, axis=0)) == len(edges)
    assert {tuple(edge) for edge in edges} == {tuple(edge[::-1]) for edge in edges}
