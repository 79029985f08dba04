"""Following people with stand-ins for the networks: a picture is a list of coloured figures."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest

from marey.capture.followed import TrackOptions
from marey.capture.track import PeopleTracker
from marey.core import load_skeleton
from marey.models.protocols import PersonBoxes, PersonLandmarks

SKELETON = load_skeleton("coco-17")
WIDTH, HEIGHT, FPS = 640, 360, 10.0
SIZE = np.array([40.0, 160.0])
# A standing figure in unit coordinates: x across its box, y down it.
FIGURE = np.array(
    [
        *[(0.5, 0.05), (0.55, 0.03), (0.45, 0.03), (0.6, 0.05), (0.4, 0.05)],
        *[(0.8, 0.2), (0.2, 0.2), (0.95, 0.35), (0.05, 0.35), (0.95, 0.5), (0.05, 0.5)],
        *[(0.7, 0.5), (0.3, 0.5), (0.7, 0.75), (0.3, 0.75), (0.7, 0.98), (0.3, 0.98)],
    ]
)


@dataclass
class World:
    """Where everyone is in each frame, and in which colour; the networks look it up."""

    places: list[dict[str, tuple[float, float]]]
    colours: dict[str, tuple[int, int, int]]

    def picture(self, frame: int) -> np.ndarray:
        image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
        image[0, 0] = frame
        for name, (x, y) in self.places[frame].items():
            image[int(y) : int(y + SIZE[1]), int(x) : int(x + SIZE[0])] = self.colours[name]
        return image

    def visible(self, image: np.ndarray) -> dict[str, np.ndarray]:
        here = self.places[int(image[0, 0, 0])]
        return {name: np.array(corner) for name, corner in here.items()}


class Detector:
    def __init__(self, world: World):
        self.world, self.calls = world, 0

    def detect(self, images):
        self.calls += 1
        found = self.world.visible(images[0])
        box = np.array([[*corner, *(corner + SIZE)] for corner in found.values()])
        return [PersonBoxes(box=box.reshape(-1, 4), confidence=np.full(len(box), 0.9))]


class Estimator:
    """Finds the figure nearest to where it looks, if its centre lies within the crop."""

    skeleton = SKELETON

    def __init__(self, world: World):
        self.world = world

    def locate(self, image, box, previous=None):
        look = box if box is not None else previous.box
        middle = (look[:2] + look[2:]) / 2
        found = list(self.world.visible(image).values())
        away = [np.linalg.norm(corner + SIZE / 2 - middle) for corner in found]
        if not found or min(away) > 60:
            return _landmarks(np.zeros(2), score=0.05)
        return _landmarks(found[int(np.argmin(away))], score=0.95)

    def complete(self, image, located, previous=None):
        return located


def _landmarks(corner: np.ndarray, *, score: float) -> PersonLandmarks:
    position = corner + FIGURE * SIZE
    return PersonLandmarks(
        position=position,
        confidence=np.full(17, 0.9),
        sigma=np.full(17, 2.0),
        world=np.full((17, 3), np.nan),
        score=score,
        box=np.concatenate([position.min(0), position.max(0)]),
    )


def follow(world: World, *, cuts: frozenset[int] = frozenset(), **options):
    detector = Detector(world)
    with ThreadPoolExecutor(2) as pool:
        tracker = PeopleTracker(detector, Estimator(world), pool, TrackOptions(**options))
        for frame in range(len(world.places)):
            tracker.push(frame, frame / FPS, world.picture(frame), cut=frame in cuts)
        return tracker.finish(FPS), detector


COLOURS = {"red": (220, 30, 30), "blue": (30, 40, 220)}


def centres(person) -> np.ndarray:
    return np.array(
        [
            np.full(2, np.nan) if result is None else (result.box[:2] + result.box[2:]) / 2
            for result in person.results
        ]
    )


def test_two_people_are_followed_from_first_to_last_frame():
    places = [{"red": (100 + 2 * t, 50), "blue": (400 - 2 * t, 100)} for t in range(30)]
    people, detector = follow(World(places, COLOURS))
    assert [(person.start, len(person.results)) for person in people] == [(0, 30), (0, 30)]
    assert detector.calls <= 6


def test_a_newcomer_is_found_at_the_next_detection():
    places = [{"red": (100, 50)} | ({"blue": (400, 100)} if t >= 7 else {}) for t in range(30)]
    people, _ = follow(World(places, COLOURS), detect_every=5)
    assert len(people) == 2
    assert 7 <= people[1].start <= 12


def test_identities_survive_a_crossing():
    def place(t):
        red = np.array([100 + 8.0 * t, 60])
        blue = np.array([500 - 8.0 * t, 62])
        hidden = abs(red[0] - blue[0]) < 30
        return {"red": tuple(red)} | ({} if hidden else {"blue": tuple(blue)})

    places = [place(t) for t in range(50)]
    people, _ = follow(World(places, COLOURS), detect_every=3)
    assert len(people) == 2
    for person, direction in zip(people, (1, -1), strict=True):
        x = centres(person)[:, 0]
        assert np.nanmean(x[-5:]) == pytest.approx(320 + direction * 160, abs=60)
        # Nobody jumps: the same person moves 8 px a frame.
        steps = np.abs(np.diff(x[np.isfinite(x)]))
        assert steps.max() < 90


def test_a_person_who_returns_within_the_memory_keeps_the_identity():
    places = [{"red": (100 + 2 * t, 50)} if not 10 <= t < 18 else {} for t in range(40)]
    people, _ = follow(World(places, COLOURS), detect_every=3, memory=2.0)
    assert len(people) == 1
    assert all(result is None for result in people[0].results[10:18])
    assert people[0].results[-1] is not None


def test_another_colour_at_the_same_place_is_another_person():
    places = [
        {"red": (100, 50)} if t < 10 else {} if t < 13 else {"blue": (100, 50)} for t in range(30)
    ]
    people, _ = follow(World(places, COLOURS), detect_every=3)
    assert len(people) == 2


def test_a_cut_ends_every_track():
    places = [{"red": (100, 50)} for _ in range(40)]
    people, _ = follow(World(places, COLOURS), cuts=frozenset({20}))
    assert [(person.start, len(person.results)) for person in people] == [(0, 20), (20, 20)]


def test_fleeting_and_small_figures_are_dropped():
    places = [{"red": (100, 50)} if t in (10, 11) else {} for t in range(30)]
    people, _ = follow(World(places, COLOURS), detect_every=1, min_duration=0.5)
    assert people == []
    people, _ = follow(World([{"red": (100, 50)}] * 20, COLOURS), min_height=200.0)
    assert people == []


def test_two_tracks_on_one_body_become_one():
    def place(t):
        return {"red": (100, 60)} | ({"blue": (180 - 6 * t, 60)} if t < 12 else {})

    people, _ = follow(World([place(t) for t in range(40)], COLOURS), detect_every=4)
    last = [person for person in people if person.start + len(person.results) == 40]
    assert len(last) == 1


def test_who_is_lost_by_the_crop_is_found_again_where_they_were():
    """A follower whose crops go astray at frame 10 costs nothing: the place is looked at anew."""

    class Straying(Estimator):
        def locate(self, image, box, previous=None):
            if box is None and image[0, 0, 0] == 10:
                return _landmarks(np.zeros(2), score=0.05)
            return super().locate(image, box, previous)

    world = World([{"red": (100 + 2 * t, 50)} for t in range(20)], COLOURS)
    with ThreadPoolExecutor(2) as pool:
        tracker = PeopleTracker(Detector(world), Straying(world), pool)
        for frame in range(20):
            tracker.push(frame, frame / FPS, world.picture(frame))
        (person,) = tracker.finish(FPS)
    assert np.isfinite(centres(person)).all()


def test_a_follower_that_stays_on_whoever_was_hidden_gives_the_body_back():
    """Blue stands behind red from frame 10 on; at frame 20 red is gone and blue seen again."""

    def place(t):
        red = {"red": (max(300 - 20 * t, 100), 50)} if t < 20 else {}
        return red | ({} if 10 <= t < 20 else {"blue": (110, 55)})

    people, _ = follow(World([place(t) for t in range(50)], COLOURS), detect_every=3, memory=3.0)
    x = [centres(person)[:, 0] for person in people]
    assert [person.start for person in people] == [0, 0]
    red, blue = sorted(x, key=len)
    # Nobody took the few frames for red's: all of them are blue's now.
    assert len(red) <= 20
    assert np.isfinite(blue[20:]).all() and len(blue) == 50
    np.testing.assert_allclose(blue[20:], 130, atol=1)


def test_whoever_turns_round_on_the_spot_keeps_the_name():
    """Lost for a moment and of other colours afterwards, but in the same place."""
    places = [{} if 10 <= t < 12 else {"red": (100, 50)} for t in range(30)]
    world = World(places, COLOURS)
    front, back = COLOURS["red"], COLOURS["blue"]
    with ThreadPoolExecutor(2) as pool:
        tracker = PeopleTracker(
            Detector(world), Estimator(world), pool, TrackOptions(detect_every=1)
        )
        for frame in range(30):
            world.colours = {"red": front if frame < 10 else back}
            tracker.push(frame, frame / FPS, world.picture(frame))
        people = tracker.finish(FPS)
    assert len(people) == 1


def test_long_spans_leave_the_memory_and_are_the_same(tmp_path):
    num_frames = 1300
    # The picture's first pixel names the frame, so places repeat every 250.
    places = [{"red": (100 + t % 50, 50)} for t in range(250)]
    world = World(places, COLOURS)
    spans, most = [], 0
    for spill in (None, tmp_path):
        with ThreadPoolExecutor(2) as pool:
            tracker = PeopleTracker(Detector(world), Estimator(world), pool, spill=spill)
            for frame in range(num_frames):
                tracker.push(frame, frame / FPS, world.picture(frame % 250))
                held = [len(track.person.results._recent) for track in tracker._tracks]
                most = max(most, *held) if spill else 0
            (person,) = tracker.finish(FPS)
            spans.append(person.results.block(0, num_frames))
    assert most <= 513
    np.testing.assert_array_equal(spans[0].position, spans[1].position)
    np.testing.assert_array_equal(spans[0].score, spans[1].score)
    assert [path.suffix for path in tmp_path.iterdir()] == [".rows"]
