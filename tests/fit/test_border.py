"""Bad measurements: a typed error at the border, or a finite answer, or a marked frame."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from marey.core.errors import InputError, ShapeError
from marey.fit.border import weigh
from marey.fit.chain import Pose, place
from marey.fit.contact.capsules import Capsules
from marey.fit.contact.penetration import SelfPenetration
from marey.fit.costs import RotationPrior
from marey.fit.frames import LmOptions, solve_frames
from marey.fit.ground import Floor, FootContact
from marey.fit.limb_costs import LimbLength, LimbSymmetry
from marey.fit.pose_costs import PoseAnchor
from marey.fit.problem import Problem, pose_columns
from marey.fit.sequence import Smoothness, solve_sequence
from marey.fit.together import PersonSequence, solve_people
from marey.fit.views import Rays, ViewReprojection
from tests.fit.scenes import random_pose, small_chain

CHAIN = small_chain()
FRAMES, VIEWS, POINTS = 6, 4, len(CHAIN.points)


def test_weights_are_one_over_sigma_and_nothing_for_what_is_missing():
    position = np.array([[1.0, 2.0], [np.nan, 4.0], [5.0, 6.0]])
    clean, weight = weigh(position, np.array([2.0, np.nan, np.inf]))
    assert clean.tolist() == [[1.0, 2.0], [0.0, 0.0], [5.0, 6.0]]
    assert weight.tolist() == [0.5, 0.0, 0.0]


@pytest.mark.parametrize("sigma", [0.0, -1.0, np.nan])
def test_a_sigma_that_is_none_is_refused(sigma):
    with pytest.raises(InputError, match="must be positive"):
        weigh(np.zeros((3, 2)), sigma)
    with pytest.raises(InputError, match="must be positive"):
        weigh(np.zeros((3, 2)), np.array([1.0, sigma, 1.0]))


def test_infinite_positions_and_wrong_numbers_are_refused():
    with pytest.raises(InputError, match="infinite"):
        weigh(np.array([[np.inf, 0.0]]), 1.0)
    with pytest.raises(ShapeError, match="one for each"):
        weigh(np.zeros((3, 2)), np.ones(2))


@given(
    position=arrays(np.float64, (4, 2), elements=st.floats(allow_subnormal=False)),
    sigma=arrays(np.float64, 4, elements=st.floats(allow_subnormal=False)),
)
@settings(max_examples=200, deadline=None)
def test_whatever_comes_is_refused_or_comes_out_finite(position, sigma):
    try:
        clean, weight = weigh(position, sigma)
    except InputError:
        return
    assert torch.isfinite(clean).all()
    assert (weight >= 0).all()
    assert torch.isfinite(weight).all()


def ring() -> Rays:
    """Four cameras around the origin, each 4 m away."""
    turns = []
    for quarter in range(VIEWS):
        s, c = [(0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (-1.0, 0.0)][quarter]
        turns.append([[c, 0.0, s], [0.0, -1.0, 0.0], [s, 0.0, -c]])
    K = torch.tensor([[900.0, 0.0, 640.0], [0.0, 900.0, 360.0], [0.0, 0.0, 1.0]])
    return Rays(
        rotation=torch.tensor(turns)[None],
        translation=torch.tensor([0.0, 0.0, 4.0]).expand(1, VIEWS, 3),
        K=K.expand(VIEWS, 3, 3),
        distortion=torch.zeros(VIEWS, 0),
        model="pinhole",
    )


def truth() -> Pose:
    pose = random_pose(CHAIN, 1, seed=3, distance=0.0)
    upright = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    rotation = pose.rotation.clone()
    rotation[:, 0] = upright @ rotation[:, 0]
    still = Pose(rotation, 0.1 * torch.ones(1, 3), 0 * pose.shape)
    return still[torch.zeros(FRAMES, dtype=torch.int64)]


def problem(observed: torch.Tensor, weight: torch.Tensor, **changes) -> Problem:
    """Everything at once: views, contact, floor, limbs, an anchor and capsules."""
    wide = torch.full((len(CHAIN.joints), 3), 10.0)
    rest = torch.zeros(FRAMES, 2, dtype=torch.int64)
    rest[:, 1] = 1
    named = CHAIN.points.index
    ends = [("left_elbow", "left_wrist"), ("spine", "nose"), ("left_knee", "left_ankle")]
    capsules = Capsules(
        ends=torch.tensor([[named(a), named(b)] for a, b in ends]),
        radius=torch.tensor([0.05, 0.12, 0.06]),
        pairs=torch.tensor([[0, 1], [0, 2]]),
    )
    limbs = torch.tensor([[named("left_hip"), named("left_knee")]])
    others = torch.tensor([[named("right_hip"), named("right_knee")]])
    feet = torch.tensor([named("left_ankle"), named("right_ankle")])
    known = truth()
    costs = (
        ViewReprojection(observed=observed, weight=weight, rays=ring()),
        FootContact(point=feet, rest=rest, weight=torch.full((FRAMES, 2), 20.0)),
        Floor(
            point=feet,
            normal=torch.tensor([0.0, 1.0, 0.0]),
            height=-3.0,
            radius=torch.zeros(2),
            sigma=0.02,
        ),
        LimbLength(limb=limbs, length=None, weight=torch.full((FRAMES, 1), 10.0)),
        LimbSymmetry(left=limbs, right=others, weight=torch.full((FRAMES, 1), 10.0)),
        SelfPenetration(capsules=capsules),
    )
    anchor = PoseAnchor(
        target_rotation=known.rotation,
        target_translation=known.translation,
        joint_weight=torch.full((FRAMES, len(CHAIN.joints)), 0.5),
        root_weight=torch.full((FRAMES,), 0.1),
    )
    whole = Problem(
        chain=CHAIN,
        costs=costs,
        prior=RotationPrior(mean=0 * wide, sigma=wide, low=-wide, high=wide),
        pose_costs=(anchor,),
        active=pose_columns(CHAIN),
    )
    return replace(whole, **changes)


def seen() -> tuple[torch.Tensor, torch.Tensor]:
    blank = torch.zeros(FRAMES, VIEWS, POINTS, 2)
    cost = ViewReprojection(observed=blank, weight=torch.ones(blank.shape[:3]), rays=ring())
    return cost.residual(place(CHAIN, truth()).points), torch.full(blank.shape[:3], 0.5)


def first() -> Pose:
    known = truth()
    return Pose(known.rotation, known.translation + 0.05, known.shape)


def solve_by(solver: str, task: Problem, start: Pose):
    if solver == "frames":
        return solve_frames(task, start, LmOptions(iterations=15))
    time = torch.arange(FRAMES).double() / 30
    smoothness = Smoothness(joint_sigma=torch.full((len(CHAIN.joints),), 40.0))
    if solver == "sequence":
        return solve_sequence(task, start, time, smoothness=smoothness)
    capsules = task.costs[-1].capsules
    people = [
        PersonSequence(
            problem=each,
            start=start,
            frame=torch.arange(FRAMES),
            time=time,
            smoothness=smoothness,
            capsules=capsules,
        )
        for each in (task, problem(*seen()))
    ]
    return solve_people(people)[0]


def _nothing(observed, weight):
    weight[:] = 0


def _one_joint(observed, weight):
    weight[..., 1:] = 0


def _contradiction(observed, weight):
    observed[:, 1] += 400.0


def _far_outliers(observed, weight):
    observed[:, :, 3] = 1e5
    observed[2] -= 3e4


def _certain(observed, weight):
    weight[:, :, 2] = 1e6


def _missing_frames(observed, weight):
    weight[1:4] = 0


DEFECTS = [_nothing, _one_joint, _contradiction, _far_outliers, _certain, _missing_frames]


@pytest.mark.parametrize("solver", ["frames", "sequence", "people"])
@pytest.mark.parametrize("defect", DEFECTS)
def test_bad_measurements_give_finite_poses(solver, defect):
    observed, weight = seen()
    defect(observed, weight)
    solution = solve_by(solver, problem(observed, weight), first())
    assert solution.finite.all()
    assert torch.isfinite(solution.pose.rotation).all()
    assert torch.isfinite(solution.pose.translation).all()
    assert solution.pose.translation.abs().max() < 5


@pytest.mark.parametrize("solver", ["frames", "sequence", "people"])
def test_a_body_behind_cameras_comes_back_or_stays_finite(solver):
    start = first()
    start.translation[:, 2] += 9.0
    solution = solve_by(solver, problem(*seen()), start)
    assert torch.isfinite(solution.pose.translation).all()


@pytest.mark.parametrize("solver", ["frames", "sequence", "people"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_value_that_is_not_finite_marks_its_frame_alone(solver, value):
    observed, weight = seen()
    weight[3, 1, 2] = value
    solution = solve_by(solver, problem(observed, weight), first())
    others = torch.tensor([0, 1, 2, 4, 5])
    assert not solution.finite[3]
    assert solution.finite[others].all()
    assert torch.isfinite(solution.pose.rotation).all()
    away = place(CHAIN, solution.pose).points - place(CHAIN, truth()).points
    assert away[others].norm(dim=-1).mean() < 0.02


def test_one_view_that_contradicts_three_is_outvoted():
    observed, weight = seen()
    _contradiction(observed, weight)
    solution = solve_by("frames", problem(observed, weight), first())
    away = place(CHAIN, solution.pose).points - place(CHAIN, truth()).points
    assert away.norm(dim=-1).mean() < 0.02


def test_gross_outliers_do_not_move_a_body():
    observed, weight = seen()
    observed[:, :2, 3] += 2500.0
    solution = solve_by("frames", problem(observed, weight), first())
    away = place(CHAIN, solution.pose).points - place(CHAIN, truth()).points
    assert away.norm(dim=-1).max() < 0.05
