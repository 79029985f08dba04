"""People who touch are looked at again, each without the other; on a ring filmed synthetically.

The network here is a stub that knows the truth and sees the picture: it finds the person whom its
box surrounds, but wherever it still sees an arm of the other it reports that one. Pictures show
people in flat colours, drawn by the scene's own meshes.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from marey.body import load_body
from marey.capture.contact.closer_look import STAGE, look_closer
from marey.capture.contact.road import pass_contact
from marey.capture.masks.draw import lay_out, render_masks
from marey.capture.views.triangulate import triangulate_keypoints
from marey.core import Keypoints2D, Keypoints3D
from marey.io.masks import FrameMasks
from marey.models.protocols import PersonLandmarks
from marey.synthetic import PERFECT, make_cameras, synthetic_scene
from marey.synthetic.close import CloseNoise, CloseScene, close_scene, pose_motion

VIEWS, FRAMES, SIZE = 4, 4, (320, 240)
COLOURS = np.array([[200, 40, 40], [40, 40, 200]], np.uint8)
ARMS = [7, 8, 9, 10]


def film(apart: float) -> CloseScene:
    """Two people side by side who walk, seen without error."""
    body = load_body(mesh="light")
    motion = synthetic_scene(
        body, "walk", num_frames=FRAMES, num_people=2, noise=PERFECT, seed=3
    ).motion
    place = motion.T_world_root.copy()
    place[:, :, 4] += (np.array([-apart / 2, apart / 2]) - place[:, :, 4].mean(1))[:, None]
    cameras = make_cameras(VIEWS, size=SIZE, focal_px=380, first_angle=-1.2)
    quiet = CloseNoise(sigma=0.0, swap=0.0, misses=False, confidence=(0.9, 0.0))
    return close_scene(body, replace(motion, T_world_root=place), cameras, noise=quiet)


@dataclass
class Film:
    """A scene, its pictures, and who read which of them."""

    scene: CloseScene
    masks: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)
    read: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self):
        body, motion = self.scene.body, self.scene.motion
        vertices = body.vertices(pose_motion(body, motion)).numpy().astype(float)
        for frame in range(FRAMES):
            layers = render_masks(
                self.scene.cameras, vertices[:, frame], body.faces.numpy(), step=1.0
            )
            for view, layer in enumerate(layers):
                self.masks[view, frame] = lay_out(layer, layer.visible, SIZE)

    def pictures(self, view, frames):
        for frame in frames:
            self.read.append((view, frame))
            image = np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)
            for mask, colour in zip(self.masks[view, frame], COLOURS, strict=True):
                image[mask] = colour
            image[0, 0, :2] = view, frame
            yield frame, image


@dataclass
class Stub:
    """See the head of this file."""

    truth: Keypoints2D
    blind: bool = False
    """Whether it reports the other's arms whatever it sees."""
    seen: list[int] = field(default_factory=list)
    """How many px of the other every picture showed."""

    @property
    def skeleton(self):
        return self.truth.skeleton

    def locate(self, image, box, previous=None) -> PersonLandmarks:
        view, frame = (int(number) for number in image[0, 0, :2])
        people = self.truth.position[view, :, frame].astype(float)
        corners = np.concatenate([people.min(1), people.max(1)], 1)
        person = int(np.abs(corners - box).sum(1).argmin())
        own, other = people[person].copy(), people[1 - person]
        shown = (image == COLOURS[1 - person]).all(-1)
        self.seen.append(int(shown.sum()))
        for row in ARMS:
            x, y = other[row].astype(int)
            if self.blind or shown[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].mean() > 0.5:
                own[row] = other[row]
        return PersonLandmarks(
            position=own,
            confidence=np.full(17, 0.9),
            sigma=np.full(17, 1.0),
            world=np.full((17, 3), np.nan),
            score=0.9,
            box=np.asarray(box, float),
        )

    def complete(self, image, located, previous=None) -> PersonLandmarks:
        return located


@pytest.fixture(scope="module")
def scene() -> CloseScene:
    return film(0.6)


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
