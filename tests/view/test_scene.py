"""The world seen from outside: framing, floor and shadows."""

from dataclasses import replace

import numpy as np
import pytest

from marey.core.errors import InputError, NothingFoundError
from marey.view.scene import facing_azimuth, frame_bounds, render_scene
from marey.view.shading import People
from marey.view.stage import build_stage, render_on_stage

BOX = np.array([[-0.5, -0.3, 0.0], [0.5, 0.3, 1.8]])


@pytest.mark.parametrize("size", [(400, 300), (200, 400)])
@pytest.mark.parametrize("angles", [(0.0, 0.1), (2.0, 0.4), (-1.0, np.pi / 2)])
def test_a_box_fills_the_picture_and_stays_inside(size, angles):
    viewpoint = frame_bounds(BOX, angles=angles, size=size)
    corners = np.stack(np.meshgrid(*BOX.T), -1).reshape(-1, 3)
    pixels = viewpoint.project(viewpoint.transform(corners)) / size
    assert pixels.min() > 0.05 and pixels.max() < 0.95
    assert np.ptp(pixels, 0).max() > 0.7
    camera = viewpoint.camera_position() - BOX.mean(0)
    expected = [np.cos(angles[0]) * np.cos(angles[1]), np.sin(angles[0]) * np.cos(angles[1])]
    np.testing.assert_allclose((camera / np.linalg.norm(camera))[:2], expected, atol=1e-9)


def test_from_above_the_camera_forward_is_up():
    """A camera at -Y, moved overhead, keeps +X right and shows +Y at the top."""
    viewpoint = frame_bounds(BOX, angles=(-np.pi / 2, np.pi / 2), size=(300, 300))
    places = np.array([[0, 0, 0.9], [0.3, 0, 0.9], [0, 0.3, 0.9]])
    centre, right, ahead = viewpoint.project(viewpoint.transform(places))
    assert right[0] > centre[0] + 5 and right[1] == pytest.approx(centre[1], abs=1e-6)
    assert ahead[1] < centre[1] - 5 and ahead[0] == pytest.approx(centre[0], abs=1e-6)


def test_people_are_met_from_where_they_look():
    half = np.sqrt(0.5)
    # Rest poses face +Z with +Y up; +90 degrees about X stands them up, facing -Y.
    upright = np.array([[half, half, 0, 0, 0, 0, 0.9]])
    assert facing_azimuth(upright) == pytest.approx(-np.pi / 2)


@pytest.mark.parametrize("view", ["front", "side", "top", "turn"])
def test_every_view_shows_everyone(sample, view):
    image = render_scene(sample.motion, 5, view=view, size=(240, 180))
    assert image.shape == (180, 240, 3) and image.dtype == np.uint8
    # Blue and red people on a grey floor; from the side one may hide most of the other.
    difference = image[..., 0].astype(int) - image[..., 2]
    assert (difference < -50).sum() > 60 and (difference > 50).sum() > 60
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    assert np.ptp(border.astype(int), axis=-1).max() < 20


def test_shadows_fall_away_from_the_light():
    viewpoint = frame_bounds(BOX, angles=(-np.pi / 2, np.pi / 2), size=(300, 300))
    stage = build_stage(viewpoint, np.zeros(3))
    cube = np.array([[x, y, z] for x in (-0.1, 0.1) for y in (-0.1, 0.1) for z in (0.5, 0.7)])
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])
    people = People(vertices=cube[None], faces=faces, colors=np.ones((1, 3)) * 0.5)
    plain, shaded = (
        render_on_stage(stage, people, shadows=s).astype(int).sum(-1) for s in (False, True)
    )
    rows, columns = np.nonzero(plain - shaded > 40)
    fall = np.array([0, 0, 0.6]) - stage.light / stage.light[2] * 0.6
    expected = viewpoint.project(viewpoint.transform(fall))
    # The cube itself hides a little of its shadow and is shaded too.
    assert abs(np.median(columns) - expected[0]) < 15
    assert abs(np.median(rows) - expected[1]) < 15
    assert len(rows) > 300


def test_an_empty_stage_is_its_backdrop():
    stage = build_stage(frame_bounds(BOX, angles=(0.3, 0.2), size=(80, 60)), np.zeros(3))
    nobody = People(
        vertices=np.full((1, 3, 3), np.nan), faces=np.array([[0, 1, 2]]), colors=np.ones((1, 3))
    )
    image = render_on_stage(stage, nobody)
    np.testing.assert_allclose(image / 255, stage.backdrop, atol=0.5 / 255 + 1e-6)


def test_the_grid_has_lines_every_metre():
    """Seen from straight above, rows through whole metres are darker than those between."""
    viewpoint = frame_bounds(
        np.array([[-1.6, -1.6, 0], [1.6, 1.6, 0]]), angles=(-np.pi / 2, np.pi / 2), size=(400, 400)
    )
    backdrop = build_stage(viewpoint, np.zeros(3)).backdrop.sum(-1)
    lines = [viewpoint.project(viewpoint.transform(np.array([x, 0.6, 0]))) for x in (-1, 0, 1)]
    between = [viewpoint.project(viewpoint.transform(np.array([x, 0.6, 0]))) for x in (-0.6, 0.4)]
    dark = [backdrop[int(y), int(x) - 1 : int(x) + 2].min() for x, y in lines]
    light = [backdrop[int(y), int(x) - 1 : int(x) + 2].min() for x, y in between]
    assert max(dark) < min(light) - 0.1


def test_faults_are_named(sample):
    with pytest.raises(InputError, match="no frame 99"):
        render_scene(sample.motion, 99)
    nobody = replace(sample.motion, T_world_root=np.full_like(sample.motion.T_world_root, np.nan))
    with pytest.raises(NothingFoundError, match="nobody is there in frame 3"):
        render_scene(nobody, 3)
