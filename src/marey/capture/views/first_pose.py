"""Where the solver starts: from 3D landmarks where there are any, else from several headings.

With landmarks the first pose is closed-form (`fit.initial`). Keypoints of an image network alone do
not say which way a person faces or which limb points towards the camera. Then every frame is solved
from four headings, and the sequence of answers that fits well and moves least is taken (Viterbi):
a wrong heading can fit one frame, but rarely its neighbours too.
"""

from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from marey.capture.observe import Observation, PinholeView
from marey.fit.chain import Chain, Pose, exp_so3, place
from marey.fit.frames import LmOptions, solve_frames
from marey.fit.initial import initial_pose, initial_translation
from marey.fit.limits import rotation_prior
from marey.fit.problem import Problem

_TORSO = ("left_hip", "right_hip", "left_shoulder", "right_shoulder")
_HEADINGS = (0.0, 0.5 * torch.pi, torch.pi, 1.5 * torch.pi)
_UPRIGHT = (1.0, -1.0, -1.0)
"""Diagonal of the rotation from a body's axes (Y up) to those of the camera it faces (Y down)."""
_STEP = 0.1
"""Movement of a point between frames that costs as much as one standard deviation of fit, m."""


def first_poses(problem: Problem, observation: Observation, view: PinholeView) -> Pose:
    """Return a first pose for every frame.

    Args:
        problem: One problem per frame.
        observation: The keypoints the problem was made of, in the order of the chain's points.
        view: The camera.
    """
    chain = problem.chain
    missing = (observation.space_weight[..., :1] == 0).expand_as(observation.space)
    landmarks = observation.space.masked_fill(missing, torch.nan)
    shape = torch.zeros(chain.shapedirs.shape[-1])
    mean = exp_so3(rotation_prior(chain.joints).mean)
    pose = _put_in_view(chain, initial_pose(chain, landmarks, mean, shape), observation, view)
    flat = _without_torso(chain, landmarks) & _seen(observation)
    if not flat.any():
        return pose
    frames = flat.nonzero().squeeze(-1)
    found = _try_headings(problem.take(frames), pose[frames], observation.take(frames), view)
    return Pose(
        pose.rotation.index_copy(0, frames, found.rotation),
        pose.translation.index_copy(0, frames, found.translation),
        pose.shape,
    )


def _put_in_view(chain: Chain, pose: Pose, observation: Observation, view: PinholeView) -> Pose:
    translation = initial_translation(
        place(chain, pose).points,
        observation.image,
        observation.image_weight,
        focal=view.focal,
        centre=torch.tensor(view.centre, dtype=pose.translation.dtype),
    )
    return replace(pose, translation=translation)


def _without_torso(chain: Chain, landmarks: Float[Tensor, "L K 3"]) -> Bool[Tensor, "L"]:
    torso = [chain.points.index(name) for name in _TORSO]
    return ~torch.isfinite(landmarks[:, torso]).all(-1).all(-1)


def _seen(observation: Observation) -> Bool[Tensor, "L"]:
    return (observation.image_weight > 0).sum(1) >= 4


def _try_headings(
    problem: Problem, start: Pose, observation: Observation, view: PinholeView
) -> Pose:
    lean = _lean(problem.chain, observation)
    upright = torch.diag(torch.tensor(_UPRIGHT))
    answers = []
    for heading in _HEADINGS:
        turn = exp_so3(torch.tensor([0.0, heading, 0.0]))
        rotation = start.rotation.clone()
        rotation[:, 0] = lean @ upright @ turn
        candidate = _put_in_view(
            problem.chain, replace(start, rotation=rotation), observation, view
        )
        answers.append(solve_frames(problem, candidate, LmOptions(iterations=15)))
    points = torch.stack([place(problem.chain, answer.pose).points for answer in answers])
    relative = points - torch.stack([answer.pose.translation for answer in answers]).unsqueeze(2)
    chosen = _steadiest(torch.stack([answer.loss for answer in answers]), relative)
    rows = torch.arange(len(chosen))
    return Pose(
        torch.stack([answer.pose.rotation for answer in answers])[chosen, rows],
        torch.stack([answer.pose.translation for answer in answers])[chosen, rows],
        start.shape,
    )


def _lean(chain: Chain, observation: Observation) -> Float[Tensor, "L 3 3"]:
    """Turn in the image plane that brings "up" along the trunk, where the trunk is seen."""
    left_hip, right_hip, left_shoulder, right_shoulder = (
        observation.image[:, chain.points.index(name)] for name in _TORSO
    )
    weight = observation.image_weight[:, [chain.points.index(name) for name in _TORSO]]
    trunk = (left_shoulder + right_shoulder - left_hip - right_hip) / 2
    angle = torch.atan2(trunk[:, 0], -trunk[:, 1])
    angle = torch.where((weight > 0).all(1), angle, 0.0)
    return exp_so3(angle.unsqueeze(-1) * torch.tensor([0.0, 0.0, 1.0]))


def _steadiest(loss: Float[Tensor, "C L"], points: Float[Tensor, "C L K 3"]) -> Int[Tensor, "L"]:
    """Choose one of C answers per frame so that fit and movement together cost least."""
    cost, came_from = loss[:, 0], []
    for frame in range(1, loss.shape[1]):
        step = points[:, frame].unsqueeze(0) - points[:, frame - 1].unsqueeze(1)
        squared = (step / _STEP).square().sum(-1)
        # Saturating, so that a fast limb does not outweigh the rest of the body.
        moving = (squared / (1 + squared / 9)).sum(-1)
        total = cost.unsqueeze(1) + moving
        best = total.min(0)
        came_from.append(best.indices)
        cost = best.values + loss[:, frame]
    state = int(cost.argmin())
    chosen = [state]
    for back in reversed(came_from):
        state = int(back[state])
        chosen.append(state)
    return torch.tensor(chosen[::-1])
