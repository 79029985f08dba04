"""People taken apart: who yields, who does not notice, and derivatives by differences."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from marey.body import load_body
from marey.core import BodyMotion
from marey.core.errors import InputError
from marey.fit.chain import Pose, exp_so3
from marey.fit.contact.contact_finder import ContactFinder
from marey.fit.contact.crowd import Crowd
from marey.fit.contact.hold import PointHold
from marey.fit.contact.member import lay_out_member
from marey.fit.contact.options import CollisionOptions
from marey.fit.contact.presses import SkinPress
from marey.fit.contact.separate import separate_people
from marey.fit.contact.stretch import Stretch

FRAMES = 6
QUICK = CollisionOptions(margin=0.05)


@pytest.fixture(scope="module")
def light():
    return load_body("marey-h", mesh="light")


def stand(light, places, *, turned=(), frames=FRAMES, arms=0.0) -> BodyMotion:
    """People at places of the floor, arms hanging by an angle from the T-pose."""
    people = len(places)
    root = np.zeros((people, frames, 7), np.float32)
    root[..., :2] = np.sqrt(0.5)  # Upright: the body's +Y becomes the world's +Z.
    for person, (x, y) in enumerate(places):
        root[person, :, 4:] = x, y, 1.0
        if person in turned:
            root[person, :, :4] = 0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5)
    pose = np.zeros((people, frames, light.num_joints, 4), np.float32)
    pose[..., 0] = 1.0
    for side, sign in (("left", -1), ("right", 1)):
        joint = light.rig.index(f"{side}_shoulder")
        pose[:, :, joint] = np.cos(arms / 2), 0, 0, sign * np.sin(arms / 2)
    return BodyMotion(
        body=light.name,
        people=tuple(f"p{row}" for row in range(people)),
        time=np.arange(frames) / 30,
        shape=np.zeros((people, light.num_shape), np.float32),
        T_world_root=root,
        R_parent_joint=pose,
        confidence=np.ones((people, frames), np.float32),
    )


def swap(motion: BodyMotion) -> BodyMotion:
    order = np.arange(len(motion.people))[::-1]
    return replace(
        motion,
        people=motion.people[::-1],
        shape=motion.shape[order],
        T_world_root=motion.T_world_root[order],
        R_parent_joint=motion.R_parent_joint[order],
        confidence=motion.confidence[order],
    )


def test_people_apart_are_untouched(light):
    motion = stand(light, [(-0.4, 0), (0.4, 0)], arms=1.3)
    done = separate_people(light, motion)
    assert done.motion is motion
    assert not done.changed.any()
    assert done.before.shape == (0, FRAMES)


def test_a_third_person_does_not_notice(light):
    motion = stand(light, [(-0.1, 0), (0.12, 0.0), (2.0, 0)], arms=1.3)
    done = separate_people(light, motion, options=QUICK)
    assert done.pairs.tolist() == [[0, 1]]
    assert done.changed[:2].all()
    assert np.array_equal(done.motion.T_world_root[2], motion.T_world_root[2])
    assert np.array_equal(done.motion.R_parent_joint[2], motion.R_parent_joint[2])


def test_only_frames_around_contact_change(light):
    motion = stand(light, [(-0.4, 0), (0.4, 0)], frames=40, arms=1.3)
    root = motion.T_world_root.copy()
    root[1, 18:22, 4] = -0.12
    done = separate_people(light, replace(motion, T_world_root=root), options=QUICK)
    assert done.before[0, 18:22].min() > 0.005
    far = np.r_[0:12, 28:40]
    assert np.array_equal(done.motion.T_world_root[:, far], root[:, far])
    assert done.changed[:, 19:21].all()


def test_who_yields_is_symmetric(light):
    """Exchanged people give the exchanged result; equal ones yield equally, mirrored."""
    motion = stand(light, [(0.0, -0.09), (0.0, 0.09)], turned=(1,), arms=1.3)
    done = separate_people(light, motion, options=QUICK)
    assert done.after.max() < done.before.max() / 4
    back = swap(separate_people(light, swap(motion), options=QUICK).motion)
    assert back.T_world_root == pytest.approx(done.motion.T_world_root, abs=2e-6)
    assert back.R_parent_joint == pytest.approx(done.motion.R_parent_joint, abs=2e-6)
    moved = (done.motion.T_world_root - motion.T_world_root)[..., 4:6]
    # Half a turn about the vertical exchanges the two.
    assert moved[0] == pytest.approx(-moved[1], abs=2e-4)
    assert np.linalg.norm(moved[0], axis=-1).min() > 0.005


def test_three_in_a_heap_and_one_absent(light):
    motion = stand(light, [(0, 0), (0.05, 0.05), (-0.06, 0.04), (0.1, 0)], frames=3, arms=1.3)
    root, confidence = motion.T_world_root.copy(), motion.confidence.copy()
    root[3], confidence[3] = np.nan, 0.0
    root[0, 2], confidence[0, 2] = np.nan, 0.0
    motion = replace(motion, T_world_root=root, confidence=confidence)
    done = separate_people(light, motion, options=replace(QUICK, again=1))
    assert {tuple(pair) for pair in done.pairs} == {(0, 1), (0, 2), (1, 2)}
    known = confidence > 0
    assert np.isfinite(done.motion.T_world_root[known]).all()
    assert np.isnan(done.motion.T_world_root[~known]).all()
    assert done.after.sum() < 0.5 * done.before.sum()
    # Who is still in somebody has half the confidence.
    left = np.zeros_like(known)
    for pair, depth in zip(done.pairs, done.after, strict=True):
        left[pair] |= depth > QUICK.stuck
    np.testing.assert_array_equal(done.motion.confidence, np.where(left, 0.5, 1.0) * confidence)
    # Nobody is thrown away: what the fit says still counts.
    away = np.linalg.norm((done.motion.T_world_root - root)[..., 4:], axis=-1)
    assert np.nanmax(away) < 0.4


def test_one_person_fitted_twice_is_marked_and_not_torn_apart(light):
    """Identical bodies in one place: no skin is in the other, and nobody knows who is whose."""
    motion = stand(light, [(0, 0), (0.01, 0), (2.0, 0)], frames=3, arms=1.3)
    done = separate_people(light, motion, options=QUICK)
    assert done.unsure.tolist() == [[True] * 3, [True] * 3, [False] * 3]
    assert done.motion.confidence[:, 0].tolist() == [0.5, 0.5, 1.0]
    away = np.linalg.norm((done.motion.T_world_root - motion.T_world_root)[..., 4:], axis=-1)
    assert away.max() < 0.1


def test_what_stays_deep_is_marked(light):
    """Held hard by planted feet, two in one another do not get out, and it is said."""
    motion = stand(light, [(0.0, -0.05), (0.0, 0.05)], turned=(1,), frames=1, arms=1.3)
    firm = replace(QUICK, point_sigma=1e-5, joint_sigma=1e-5, rounds=2, again=1)
    done = separate_people(light, motion, options=firm)
    assert done.after.min() > firm.stuck
    assert done.unsure.all()
    assert done.motion.confidence.max() == 0.5
    free = separate_people(light, motion, options=QUICK)
    assert not free.unsure.any()
    assert np.array_equal(free.motion.confidence, motion.confidence)


def test_arms_that_went_through_each_other_come_back_to_their_side(light):
    """One arm held out, another one that hangs across it and swings half through it and back."""
    motion = stand(light, [(0.0, 0.0), (1.0, 0.0)], frames=5, arms=0.0)
    pose, root = motion.R_parent_joint.copy(), motion.T_world_root.copy()
    pose[1, :, light.rig.index("right_shoulder")] = np.cos(0.5), 0, 0, np.sin(0.5)
    root[1, :, 5:] = np.stack([[-0.08, -0.03, 0.0, -0.03, -0.08], [1.25] * 5], 1)
    motion = replace(motion, R_parent_joint=pose, T_world_root=root)
    done, once = (
        separate_people(light, motion, options=replace(QUICK, again=again)) for again in (3, 0)
    )
    assert once.after.max() > 0.01  # Skins alone push against each other.
    assert done.before.max() > 0.02
    assert done.after.max() < 0.003


def test_limbs_leave_their_own_body_where_that_is_wanted(light):
    motion = stand(light, [(0, 0)], arms=1.0)
    pose = motion.R_parent_joint.copy()
    elbow = light.rig.index("left_elbow")
    shoulder = light.rig.index("left_shoulder")
    pose[:, :, shoulder] = np.cos(0.78), 0, 0, -np.sin(0.78)
    pose[:, :, elbow] = np.cos(0.15), 0, 0, -np.sin(0.15)
    motion = replace(motion, R_parent_joint=pose)
    assert separate_people(light, motion).motion is motion
    done = separate_people(light, motion, options=replace(QUICK, oneself=True))
    assert done.pairs.tolist() == [[0, 0]]
    assert done.before.max() > 0.02
    assert done.after.max() < done.before.max() / 3


def test_gradients_of_contact_and_of_the_hold_by_differences(light):
    """Cost and gradient of a whole stretch by every column that may move."""
    motion = stand(light, [(-0.1, 0), (0.12, 0.02)], frames=1, arms=1.3)
    crowd = Crowd(light, motion, None, CollisionOptions(), 1)
    assert crowd.find_pairs() == [(0, 1)]
    crowd.depth = {(0, 1): crowd.measure(0, 1, within=0.03)}
    held = np.zeros(1, bool)
    members = [lay_out_member(crowd, person, 0, 1, held) for person in (0, 1)]
    finder = ContactFinder(crowd, members, {0: 0, 1: 1}, {(0, 1): np.arange(1)}, 0)
    stretch = Stretch(members, 1, workers=1)
    generator = torch.Generator().manual_seed(0)
    poses = [nudge(member.fit, generator) for member in members]
    placed = stretch._place(poses)
    for contacts in (finder.as_skins(poses, placed), finder.as_capsules(poses, placed)):
        assert contacts
        now = stretch._evaluate(poses, contacts)
        assert now.loss.sum() > 10
        for row in (0, 1):
            gradient = stretch._rows(row, now).right[0]
            ways = torch.randn(3, len(gradient), generator=generator, dtype=torch.float64)

            def cost(delta, row=row, contacts=contacts):
                moved = list(poses)
                moved[row] = members[row].problem.step(poses[row], delta[None])
                return torch.tensor(stretch._evaluate(moved, contacts).loss.sum() / 2)

            for way in ways / ways.norm(dim=1, keepdim=True):
                wanted = (cost(1e-6 * way) - cost(-1e-6 * way)) / 2e-6
                assert float(way.numpy() @ gradient) == pytest.approx(
                    float(wanted), rel=1e-4, abs=1e-4 * float(np.linalg.norm(gradient))
                )


def nudge(pose: Pose, generator: torch.Generator) -> Pose:
    turn = 0.01 * torch.randn(*pose.rotation.shape[:2], 3, generator=generator).double()
    travel = 0.005 * torch.randn(pose.translation.shape, generator=generator).double()
    return Pose(pose.rotation @ exp_so3(turn), pose.translation + travel, pose.shape)


def test_forces_on_skins_are_equal_and_opposite(light):
    motion = stand(light, [(-0.1, 0), (0.12, 0.02)], frames=1, arms=1.3)
    crowd = Crowd(light, motion, None, CollisionOptions(), 1)
    members = [lay_out_member(crowd, person, 0, 1, np.zeros(1, bool)) for person in (0, 1)]
    finder = ContactFinder(crowd, members, {0: 0, 1: 1}, {(0, 1): np.arange(1)}, 0)
    stretch = Stretch(members, 1, workers=1)
    poses = [member.fit for member in members]
    contacts = finder.as_skins(poses, stretch._place(poses))
    assert all(isinstance(contact, SkinPress) for contact in contacts)
    pushes = stretch._evaluate(poses, contacts).pushes
    force = [push.wrench[0, :, 3:].sum(0) for push in pushes]
    assert np.linalg.norm(force[0]) > 100
    assert force[0] == pytest.approx(-force[1], rel=1e-9)


def test_held_points_pull_in_their_own_metric():
    target = torch.zeros(1, 1, 3).double()
    hold = PointHold(target=target, weight=torch.tensor([[[4.0, 1, 0, 2, 0, 9]]]).double())
    pull = hold.pull(torch.tensor([[[1.0, 2, 3]]]).double())
    matrix = np.array([[4, 1, 0], [1, 2, 0], [0, 0, 9.0]])
    away = np.array([1.0, 2, 3])
    assert pull.gradient[0, 0].numpy() == pytest.approx(matrix @ away)
    assert float(pull.loss) == pytest.approx(away @ matrix @ away)


def test_a_long_stretch_is_solved_piece_by_piece(light):
    motion = stand(light, [(0.0, -0.09), (0.0, 0.09)], turned=(1,), frames=14, arms=1.3)
    whole = separate_people(light, motion, options=QUICK)
    parts = separate_people(light, motion, options=replace(QUICK, longest=6, ahead=3))
    assert parts.changed.all()
    found, wanted = parts.motion.T_world_root[..., 4:], whole.motion.T_world_root[..., 4:]
    assert found == pytest.approx(wanted, abs=0.004)
    assert parts.after.max() < parts.before.max() / 3


def test_who_was_moved_ahead_comes_back_though_touching_nobody_any_more(light):
    motion = stand(light, [(0.0, -0.07), (0.0, 0.07)], turned=(1,), frames=24, arms=1.3)
    motion.T_world_root[1, 5:, 5] += np.minimum(0.12 * np.arange(1, 20), 1.0)
    slow, steps = CollisionOptions(margin=0.5, rounds=3, steady=4.0), []
    for longest in (8, 240):
        done = separate_people(light, motion, options=replace(slow, longest=longest, ahead=4))
        way = (done.motion.T_world_root - motion.T_world_root)[..., 4:]
        steps.append(np.linalg.norm(np.diff(way, axis=1), axis=-1))
    parts, whole = steps
    assert whole[:, 8:].max() > 0.003
    assert (parts <= 1.2 * whole + 0.001).all()


def test_a_body_without_limbs_is_refused(light):
    motion = stand(light, [(0, 0)])
    with pytest.raises(InputError, match="capsules"):
        names = tuple(f"bone{k}" for k in range(light.num_joints))
        strange = replace(light, rig=replace(light.rig, joints=names))
        separate_people(strange, motion)


def test_feet_that_stand_stay(light):
    motion = stand(light, [(0.0, -0.09), (0.0, 0.09)], turned=(1,), frames=3, arms=1.3)
    names = ("left_heel", "left_big_toe", "right_heel", "right_big_toe")
    planted = replace(motion, contact=np.ones((2, 3, 4), np.float32), contact_names=names)
    away = []
    for given in (motion, planted):
        done = separate_people(light, given, options=QUICK).motion
        feet = [
            light.landmark_positions(
                light.pose(
                    torch.from_numpy(m.shape)[:, None],
                    torch.from_numpy(m.T_world_root),
                    torch.from_numpy(m.R_parent_joint),
                ),
                names,
            )
            for m in (given, done)
        ]
        away.append(float((feet[1] - feet[0]).norm(dim=-1).mean()))
    assert away[1] < 0.5 * away[0]
    assert away[0] > 0.005
