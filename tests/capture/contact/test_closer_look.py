"""People who touch are looked at again, each without the other; on a ring filmed synthetically."""

from dataclasses import replace

import numpy as np
import pytest

from marey.capture.contact.closer_look import STAGE, look_closer
from marey.capture.contact.road import pass_contact
from marey.capture.views.triangulate import triangulate_keypoints
from marey.core import Keypoints2D, Keypoints3D
from marey.io.masks import FrameMasks
from marey.synthetic.close import CloseScene
from tests.capture.couples import ARMS, FRAMES, VIEWS, Film, Stub, film


@pytest.fixture(scope="module")
def scene() -> CloseScene:
    return film(0.6, angle=-1.2)


@pytest.fixture
def filmed(scene, drawn) -> Film:
    return replace(drawn, read=[])


@pytest.fixture(scope="module")
def drawn(scene) -> Film:
    return Film(scene)


@pytest.fixture
def taken(scene) -> Keypoints2D:
    """The first person's arms are reported where the second's are, in three views of four."""
    position = scene.truth2d.position.copy()
    position[:3, 0, :, 7:11] = position[:3, 1, :, 7:11]
    return replace(scene.keypoints2d, position=position)


def off(points: Keypoints3D, scene: CloseScene, rows=ARMS) -> np.ndarray:
    error = np.linalg.norm(points.position - scene.keypoints3d.position, axis=-1)
    return error[:, :, rows]


def walk(scene, keypoints, look=None):
    found = triangulate_keypoints(keypoints, scene.cameras)
    return pass_contact(keypoints, found, scene.cameras, look=look)


def test_arms_that_most_views_take_for_the_others_come_back(scene, filmed, taken):
    stub, said = Stub(scene.truth2d), []

    def look(keypoints, points, who):
        return look_closer(
            keypoints,
            points,
            who,
            scene.cameras,
            filmed.pictures,
            stub,
            progress=lambda *news: said.append(news),
        )

    before, after = walk(scene, taken), walk(scene, taken, look)
    # Three of four views agree on what is wrong, from the first frame on: no history helps.
    assert np.nanmean(off(before.found.keypoints, scene)[0] > 0.1) > 0.5
    error = off(after.found.keypoints, scene)
    # What is still not seen by two views is missing, and nothing is wrong.
    assert np.nanmax(error) < 0.03 and np.isfinite(error).mean() > 0.8
    looked = after.looked
    assert looked is not None
    assert looked.later[:, 0, :, 7:11].any() and "looked again at" in looked.describe()
    # Only pictures were read in which somebody was looked at, once each and forward.
    wanted = np.argwhere(looked.who.any(1))
    assert filmed.read == [tuple(each) for each in wanted.tolist()]
    assert said[-1] == (STAGE, len(wanted), len(wanted))


def test_without_painting_over_the_arms_stay_the_others(scene, filmed, taken):
    """The look itself is what helps, and not the stub."""
    own = scene.truth2d.position
    box = np.concatenate([own[0, 0, 0].min(0), own[0, 0, 0].max(0)])
    ((_, picture),) = filmed.pictures(0, [0])
    plain = Stub(scene.truth2d).locate(picture, box)
    assert np.linalg.norm(plain.position[ARMS] - own[0, 0, 0, ARMS], axis=-1).max() > 10


def test_what_is_found_worse_is_not_taken(scene, filmed):
    """A network that gives everyone the other's arms convinces nobody."""

    def look(keypoints, points, who):
        stub = Stub(scene.truth2d, blind=True)
        return look_closer(keypoints, points, who, scene.cameras, filmed.pictures, stub)

    plain, again = walk(scene, scene.keypoints2d), walk(scene, scene.keypoints2d, look)
    assert again.looked is not None and not again.looked.later.any()
    np.testing.assert_array_equal(again.keypoints.position, plain.keypoints.position)
    np.testing.assert_array_equal(again.found.keypoints.position, plain.found.keypoints.position)


def test_where_nobody_touches_nobody_looks():
    apart = film(3.0)

    def look(keypoints, points, who):
        raise AssertionError("looked")

    keypoints = apart.keypoints2d
    found = triangulate_keypoints(keypoints, apart.cameras)
    through = pass_contact(keypoints, found, apart.cameras, look=look)
    assert through.looked is None
    assert through.keypoints is keypoints and through.found is found


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_masks_that_are_given_take_the_place_of_drawn_ones(scene, filmed, names):
    """Whatever they call people; the drawn ones leave edges of the other to be seen."""

    def read(view, frame) -> FrameMasks:
        rows = [0, 1] if names == ("a", "b") else [1, 0]
        return FrameMasks(people=names, mask=filmed.masks[view, frame][rows])

    def see(masks) -> Stub:
        stub = Stub(scene.truth2d)
        look_closer(
            scene.keypoints2d,
            scene.keypoints3d,
            np.ones((VIEWS, 2, FRAMES), bool),
            scene.cameras,
            filmed.pictures,
            stub,
            masks=masks,
        )
        return stub

    drawn, given = see(None), see(read)
    assert max(given.seen) == 0 < np.mean(drawn.seen)
    assert len(given.seen) == 2 * VIEWS * FRAMES


def test_who_is_nowhere_predicted_is_not_looked_at(scene, filmed):
    position = scene.keypoints3d.position.copy()
    position[1] = np.nan
    stub = Stub(scene.truth2d)
    found = look_closer(
        scene.keypoints2d,
        replace(scene.keypoints3d, position=position),
        np.ones((VIEWS, 2, FRAMES), bool),
        scene.cameras,
        filmed.pictures,
        stub,
    )
    assert len(stub.seen) == VIEWS * FRAMES
    assert found.valid[:, 0].any() and not found.valid[:, 1].any()
