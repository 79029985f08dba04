"""Closed meshes with known insides."""

import numpy as np


def cube(side: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return a cube about the origin, its triangles anticlockwise seen from outside."""
    vertices = (
        np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)]) * side
    )
    squares = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
    faces = [f for a, b, c, d in squares for f in ((a, b, c), (a, c, d))]
    return vertices, np.array(faces)
