"""Shaded people: the right pixels, the right order, the right amount of edge."""

from dataclasses import replace

import numpy as np
import pytest

from marey.geometry.projection import Viewpoint
from marey.view.shading import People, blend, camera_light, draw_surface, shade_surface

SIZE = (160, 120)


def sphere(centre: tuple[float, float, float], radius: float = 0.4) -> np.ndarray:
    theta, phi = np.meshgrid(np.linspace(0.02, np.pi - 0.02, 40), np.arange(60) * np.pi / 30)
    unit = [np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)]
    return np.stack(unit, -1).reshape(-1, 3) * radius + centre


def sphere_faces() -> np.ndarray:
    i, j = np.meshgrid(np.arange(60), np.arange(39), indexing="ij")
    a, b = i * 40 + j, (i + 1) % 60 * 40 + j
    both = [np.stack([a, a + 1, b], -1), np.stack([b, a + 1, b + 1], -1)]
    return np.concatenate(both).reshape(-1, 3)


def straight_camera() -> Viewpoint:
    """At the origin, looking along +Y with the world's +Z up."""
    turn = np.sqrt(0.5)
    return Viewpoint(
        model="pinhole",
        K=np.array([[150.0, 0, 80], [0, 150, 60], [0, 0, 1]]),
        distortion=np.zeros(0),
        T_cam_world=np.array([turn, turn, 0, 0, 0, 0, 0]),
        size=SIZE,
    )


def people(*centres: tuple[float, float, float]) -> People:
    colors = np.eye(3)[: len(centres)] * 0.8 + 0.1
    vertices = np.stack([sphere(centre) for centre in centres])
    return People(vertices=vertices, faces=sphere_faces(), colors=colors)


def test_a_sphere_covers_its_disc():
    """Outline of a sphere of radius r at distance d: a circle of radius f r / sqrt(d^2 - r^2)."""
    surface = draw_surface(people((0, 3, 0)), straight_camera())
    radius = 150 * 0.4 / np.sqrt(9 - 0.16)
    assert surface.coverage.sum() == pytest.approx(np.pi * radius**2, rel=0.02)
    # A pixel's centre is half a pixel beyond its index; the camera's is at (80, 60).
    assert np.average(surface.column + 0.5, weights=surface.coverage) == pytest.approx(80, abs=0.05)
    assert np.average(surface.row + 0.5, weights=surface.coverage) == pytest.approx(60, abs=0.05)


def test_supersampling_smooths_edges_and_keeps_the_area():
    jagged, smooth, fine = (
        draw_surface(people((0.2, 3, 0.1)), straight_camera(), supersample=s) for s in (1, 2, 8)
    )
    np.testing.assert_allclose(jagged.coverage, 1, atol=1e-6)
    assert ((smooth.coverage > 0.2) & (smooth.coverage < 0.8)).sum() > 20
    assert smooth.coverage.sum() == pytest.approx(fine.coverage.sum(), rel=0.005)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_nearer_person_hides_the_farther(order):
    places = [(0.0, 2.5, 0.0), (0.1, 4.0, 0.0)]
    everyone = people(*places)
    shuffled = People(
        vertices=everyone.vertices[list(order)],
        faces=everyone.faces,
        colors=everyone.colors[list(order)],
    )
    surface = draw_surface(shuffled, straight_camera())
    middle = (surface.row == 60) & (surface.column == 80)
    np.testing.assert_allclose(surface.color[middle][0], everyone.colors[0], atol=1e-3)
    assert surface.position[middle][0, 1] == pytest.approx(2.1, abs=0.01)


def test_normals_of_a_sphere_point_away_from_its_centre():
    surface = draw_surface(people((0.3, 3, -0.2)), straight_camera())
    inner = surface.coverage > 0.999
    radial = (surface.position[inner] - (0.3, 3, -0.2)) / 0.4
    assert (radial * surface.normal[inner]).sum(-1).min() > 0.98
    assert np.abs(np.linalg.norm(surface.normal, axis=1) - 1).max() < 1e-5


def test_what_faces_the_light_is_brighter_and_shadow_darkens():
    camera = straight_camera()
    surface, light = draw_surface(people((0, 3, 0)), camera), camera_light(camera)
    color = shade_surface(surface, camera, light=light)
    facing = surface.normal @ light
    assert color[facing > 0.8].mean() > color[facing < 0].mean() + 0.1
    dark = shade_surface(surface, camera, light=light, shadow=np.ones(len(facing), np.float32))
    assert (dark <= color + 1e-6).all() and dark[facing > 0.8].mean() < color[facing > 0.8].mean()


def test_light_comes_from_above_the_cameras_left():
    light = camera_light(straight_camera())
    assert light[0] < 0 and light[1] < 0 and light[2] > 0
    assert np.linalg.norm(light) == pytest.approx(1)


def test_blending_touches_covered_pixels_only():
    camera = straight_camera()
    surface = draw_surface(people((0, 3, 0)), camera)
    image = np.full((120, 160, 3), 50, np.uint8)
    blend(image, surface, np.ones((len(surface.row), 3), np.float32), opacity=0.5)
    full = surface.coverage > 0.999
    assert np.unique(image[surface.row[full], surface.column[full]]).tolist() == [153]  # 152.5 up
    changed = (image != 50).any(-1)
    assert (
        changed.sum() <= len(surface.row) and changed[surface.row[full], surface.column[full]].all()
    )


def test_absent_people_and_people_behind_the_camera_are_not_drawn():
    everyone = people((0, 3, 0), (0, -3, 0))
    vertices = everyone.vertices.copy()
    vertices[0] = np.nan
    assert not len(draw_surface(replace(everyone, vertices=vertices), straight_camera()).row)


def test_a_person_who_reaches_behind_the_camera_is_cut_off_not_smeared():
    """The near half of the sphere is behind; what remains surrounds the whole picture."""
    surface = draw_surface(people((0, 0.38, 0)), straight_camera())
    assert np.isfinite(surface.position).all()
    # Back faces are left out, so the inside of the far half is not seen.
    assert not len(surface.row) or surface.position[:, 1].min() > 0
