"""Floors, contacts and bodies in each other: shapes whose answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull, Delaunay

from marey.evaluate import (
    contact_precision,
    contact_recall,
    floor_penetration,
    foot_slide,
    inside_mesh,
    penetration_depth,
)


def _ball(num_points: int = 200) -> tuple[np.ndarray, np.ndarray]:
    # Points spread evenly on the unit sphere (Fibonacci), triangles facing outwards.
    rank = np.arange(num_points) + 0.5
    height = 1 - 2 * rank / num_points
    angle = np.pi * (1 + 5**0.5) * rank
    ring = np.sqrt(1 - height**2)
    points = np.stack([ring * np.cos(angle), ring * np.sin(angle), height], -1)
    hull = ConvexHull(points)
    faces = hull.simplices.copy()
    corners = points[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    inward = (normal * corners.mean(1)).sum(-1) < 0
    faces[inward] = faces[inward][:, ::-1]
    return points, faces.astype(np.int64)


class TestFloor:
    def test_slide_counts_only_while_both_frames_touch(self):
        position = np.zeros((5, 1, 3))
        position[:, 0, 0] = [0.0, 0.01, 0.02, 1.0, 1.01]
        contact = np.array([True, True, True, False, True])[:, None]
        score = foot_slide(position, contact, frame_rate=30.0)
        assert score.value == pytest.approx(0.3)
        assert score.num_values == 2

    def test_penetration_is_the_deepest_point(self):
        position = np.ones((2, 3, 3))
        position[0, :, 2] = [-0.02, -0.05, 1.0]
        assert floor_penetration(position).value == pytest.approx(0.025)
        assert floor_penetration(position, floor_z=-1.0).value == 0.0
        position[1] = np.nan
        assert floor_penetration(position).value == pytest.approx(0.05)


class TestContact:
    def test_precision_and_recall_of_contacts(self):
        truth = np.array([[1, 1, 0, 0]], bool)
        predicted = np.array([[1, 0, 1, 1]], bool)
        assert contact_precision(predicted, truth).value == pytest.approx(1 / 3)
        assert contact_recall(predicted, truth).value == pytest.approx(1 / 2)
        labelled = np.array([[1, 1, 1, 0]], bool)
        score = contact_precision(predicted, truth, valid=labelled)
        assert (score.value, score.num_values) == (0.5, 2)
        assert np.isnan(contact_precision(np.zeros((1, 4), bool), truth).value)


class TestPenetration:
    @settings(max_examples=20, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1))
    def test_inside_is_where_delaunay_says(self, seed):
        vertices, faces = _ball()
        points = np.random.default_rng(seed).uniform(-1.2, 1.2, (200, 3))
        expected = Delaunay(vertices).find_simplex(points) >= 0
        np.testing.assert_array_equal(inside_mesh(points, vertices, faces), expected)

    def test_depth_is_how_far_the_nearest_vertex_is(self):
        vertices, faces = _ball(2000)
        other = vertices + np.array([1.8, 0.0, 0.0])
        # Two unit balls 1.8 m apart: the foremost point of each lies 0.2 m below the other's skin.
        assert penetration_depth(vertices, other, faces) == pytest.approx(0.2, abs=0.02)
        assert penetration_depth(other, vertices, faces) == penetration_depth(
            vertices, other, faces
        )
        assert penetration_depth(vertices, vertices + 3.0, faces) == 0.0
