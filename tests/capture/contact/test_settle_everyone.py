"""One camera: people give way in depth, slowly; windows, pieces and interruptions do not show."""

from dataclasses import asdict, fields, replace

import numpy as np
import pytest

from marey.body import load_body
from marey.capture.contact import meetings
from marey.capture.contact.gathering import InMemory, Moved
from marey.capture.contact.settle import SettleOptions
from marey.capture.contact.settle_everyone import ONE_VIEW, settle_everyone
from marey.core import BodyMotion, Keypoints2D, Person, Take
from marey.core.skeleton import load_skeleton
from marey.fit.contact.separate import separate_people
from marey.fit.contact.touch import find_touches
from marey.synthetic.cameras import make_cameras, project_to_cameras
from marey.synthetic.close import pose_motion
from tests.capture.contact.test_settle import people_of
from tests.fit.contact.test_separate import stand

FRAMES = 30
QUICK = replace(ONE_VIEW, rounds=3, iterations=2, stuck=1.0, margin=0.2)
CAMERAS = make_cameras()


@pytest.fixture(scope="module")
def light():
    return load_body("marey-h", mesh="light")


def film(light, motion, starts) -> tuple[Person, ...]:
    """Give people the keypoints of the one camera."""
    skeleton = load_skeleton("coco-17")
    truth = light.landmark_positions(pose_motion(light, motion), skeleton.keypoints).numpy()
    image = project_to_cameras(CAMERAS, truth)[0].astype(np.float32)
    people = []
    for row, person in enumerate(people_of(motion, starts)):
        seen = Keypoints2D(
            skeleton=skeleton,
            people=(person.name,),
            time=motion.time[person.start :],
            position=image[row : row + 1, person.start :],
            confidence=np.ones((1, person.num_frames, 17), np.float32),
        )
        people.append(replace(person, keypoints2d=(seen,)))
    return tuple(people)


@pytest.fixture(scope="module")
def passing(light) -> InMemory:
    """Someone walks through who stands there, a little behind; a third is at the other end."""
    motion = stand(light, [(0, 0), (0, 0.06), (3.0, 0.0)], frames=FRAMES, arms=1.3)
    motion.T_world_root[1, :, 4] = np.linspace(-1.0, 1.0, FRAMES)
    return InMemory(motion.time, film(light, motion, (0, 2, 1)))


def settle(gathering, light, **options):
    collision = replace(QUICK, **options)
    return settle_everyone(
        InMemory(gathering.time, gathering.people),
        CAMERAS,
        light,
        options=SettleOptions(collision=collision),
    )


def place(done, gathering) -> tuple[Person, ...]:
    return tuple(
        replace(person, motion=done.place(number, person.motion))
        for number, person in enumerate(gathering.people)
    )


@pytest.fixture(scope="module")
def settled(passing, light) -> tuple[Person, ...]:
    return place(settle(passing, light), passing)


def test_who_passes_gives_way_in_depth(passing, settled, light):
    before = Take(time=passing.time, people=passing.people).motion
    after = Take(time=passing.time, people=settled).motion
    depths = [
        separate_people(light, motion, options=replace(QUICK, rounds=0)).before.max(initial=0.0)
        for motion in (before, after)
    ]
    assert depths[0] > 0.06
    assert depths[1] < depths[0] / 4
    way = (after.T_world_root - before.T_world_root)[:2, 2:, 4:]
    # The camera looks along +Y: the one behind goes back, the other comes forward.
    assert way[1, :, 1].max() > 0.09
    assert way[0, :, 1].min() < -0.09
    assert np.abs(way[..., 0]).max() < 0.03
    # Nobody jumps, neither where it begins nor in between.
    assert np.abs(np.diff(way, axis=1)).max() < 0.03


def test_who_meets_nobody_keeps_their_arrays(passing, settled):
    alone, same = passing.people[2].motion, settled[2].motion
    assert same.T_world_root is alone.T_world_root
    assert same.R_parent_joint is alone.R_parent_joint


def test_touches_are_those_of_the_whole_motion(passing, settled, light):
    motion = Take(time=passing.time, people=settled).motion
    whole = find_touches(light, replace(motion, touch=None))
    assert len(whole.frame) > 0
    for item in fields(whole):
        assert np.array_equal(getattr(motion.touch, item.name), getattr(whole, item.name))


def test_windows_do_not_show(passing, settled, light, monkeypatch):
    monkeypatch.setattr(meetings, "WINDOW", 7)
    again = place(settle(passing, light), passing)
    for one, two in zip(settled, again, strict=True):
        assert one.motion.T_world_root.tobytes() == two.motion.T_world_root.tobytes()
        assert one.motion.R_parent_joint.tobytes() == two.motion.R_parent_joint.tobytes()
        assert np.array_equal(one.motion.touch.gap, two.motion.touch.gap)


class Dies(InMemory):
    """Ends the run when a second piece is to be kept."""

    def keep_piece(self, piece: int, moved: Moved) -> None:
        if piece == 1:
            raise KeyboardInterrupt
        super().keep_piece(piece, moved)


def test_a_run_goes_on_behind_the_last_piece(light):
    motion = stand(light, [(-0.15, 0.0), (0.15, 0.0)], frames=14, arms=1.3)
    people = film(light, motion, (0, 0))
    options = SettleOptions(collision=replace(QUICK, rounds=2, longest=7, ahead=2))
    whole, dies = InMemory(motion.time, people), Dies(motion.time, people)
    done = settle_everyone(whole, CAMERAS, light, options=options)
    assert done.pieces == ((0, 9), (5, 14))
    with pytest.raises(KeyboardInterrupt):
        settle_everyone(dies, CAMERAS, light, options=options)
    assert list(dies.pieces) == [0]
    rest = InMemory(motion.time, people, dies.pieces)
    again = settle_everyone(rest, CAMERAS, light, options=options)
    for one, two in zip(place(done, whole), place(again, rest), strict=True):
        assert one.motion.T_world_root.tobytes() == two.motion.T_world_root.tobytes()
    # A piece goes on from the one before: nobody jumps at the seam.
    way = place(done, whole)[1].motion.T_world_root[0, :, 4:] - motion.T_world_root[1, :, 4:]
    assert np.linalg.norm(way, axis=-1).min() > 0.005
    assert np.abs(np.diff(way, axis=0)).max() < 0.015


def part(light, axis: int) -> BodyMotion:
    """Two in each other who walk apart at the eighth frame, one of them along an axis."""
    places = [(-0.12, 0.0), (0.12, 0.0)] if axis == 4 else [(0.0, -0.07), (0.0, 0.07)]
    motion = stand(light, places, turned=(1,), frames=34, arms=1.3)
    motion.T_world_root[1, 8:, axis] += np.minimum(0.12 * np.arange(1, 27), 1.0)
    return motion


def test_a_piece_in_which_nobody_is_near_anybody(light):
    motion = part(light, 4)
    short = replace(QUICK, rounds=1, iterations=1, again=0, margin=0.5, longest=8, ahead=3)
    gathering = InMemory(motion.time, film(light, motion, (0, 0)))
    done = settle_everyone(
        gathering, CAMERAS, light, options=SettleOptions(collision=short, touches=False)
    )
    first = done.pieces[-1][0]
    assert first > 12
    assert gathering.pieces[len(done.pieces) - 1].people == (0, 1)
    for person in place(done, gathering):
        assert np.isfinite(person.motion.T_world_root).all()


def test_what_stays_deep_has_half_the_confidence(light, monkeypatch):
    """Two are in each other until one of them leaves, who came a frame late; a third is near."""
    motion = stand(light, [(-0.12, 0.0), (0.12, 0.0), (0.9, 0.0)], frames=6, arms=1.3)
    motion.T_world_root[1, 4:, 5] = 2.0
    people = film(light, motion, (0, 1, 0))
    firm = replace(QUICK, rounds=0, again=0, stuck=0.006, deep=1.0)
    monkeypatch.setattr(meetings, "WINDOW", 3)
    done = settle(InMemory(motion.time, people), light, **asdict(firm))
    placed = Take(time=motion.time, people=place(done, InMemory(motion.time, people))).motion
    left = separate_people(light, replace(placed, touch=None), options=replace(firm, rounds=0))
    deep = np.zeros((3, 6), bool)
    for pair, depth in zip(left.pairs, left.before, strict=True):
        deep[pair] |= depth > firm.stuck
    assert 0 < deep.sum() < 12
    given = np.stack([np.r_[np.zeros(p.start), p.motion.confidence[0]] for p in people])
    assert np.array_equal(placed.confidence, np.where(deep, given / 2, given))
    assert people[0].motion.confidence.min() == 1.0  # What was given stays as it was.


@pytest.mark.parametrize("collision", [True, False])
def test_one_picture(light, collision):
    motion = stand(light, [(-0.09, 0.0), (0.09, 0.0)], turned=(1,), arms=1.3, frames=1)
    people = film(light, motion, (0, 0))
    gathering = InMemory(motion.time, people)
    options = SettleOptions(collision=QUICK if collision else None)
    done = settle_everyone(gathering, CAMERAS, light, options=options)
    moved = [
        not np.array_equal(done.place(n, p.motion).T_world_root, p.motion.T_world_root)
        for n, p in enumerate(people)
    ]
    assert moved == [collision, collision]
    assert done.touches is not None


def test_one_person_alone_is_left_alone(light):
    motion = stand(light, [(0.0, 0.0)], arms=1.3)
    people = film(light, motion, (0,))
    done = settle_everyone(InMemory(motion.time, people), CAMERAS, light)
    assert done.place(0, people[0].motion) is people[0].motion
    assert people[0].motion.touch is None
