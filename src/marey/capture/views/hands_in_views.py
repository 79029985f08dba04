"""Wrists and fingers of a person in several views, fitted while the body is held (`fit.parts`)."""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from marey.body import Body
from marey.capture.views.view_data import ViewsOfPerson, lay_out
from marey.core import Cameras
from marey.core.scratch import Scratch
from marey.fit.chain import Chain, Pose
from marey.fit.parts import HANDS, Part, draw_to_typical, make_part, rest_rotations, solve_part
from marey.fit.tree import place_fast
from marey.fit.windows import allocate_poses

SolvedHands = dict[str, Float[Tensor, "T 3 3"]]
"""Local rotations of wrists and fingers by the joint's name; NaN where not solved."""


def solve_hands_in_views(
    body: Body,
    trunk: Chain,
    poses: Pose,
    person: ViewsOfPerson,
    cameras: Cameras,
    *,
    solved: Bool[np.ndarray, "T"],
) -> SolvedHands:
    """Fit the hands that a person's keypoints have.

    Args:
        body: The body.
        trunk: The chain of its body.
        poses: The body's answer; NaN where not solved.
        person: What the views saw.
        cameras: The views.
        solved: Frames to solve.
    """
    hands: SolvedHands = {}
    for stage in HANDS:
        part = make_part(body, stage)
        known = person.skeleton.keypoints
        if part is None or not all(name in known for name in part.chain.points):
            continue
        rotation = _solve_hand(part, trunk, poses, person, cameras, solved)
        hands |= {name: rotation[:, row] for row, name in enumerate(part.chain.joints) if row}
    return hands


def _solve_hand(
    hand: Part,
    trunk: Chain,
    body: Pose,
    person: ViewsOfPerson,
    cameras: Cameras,
    solved: Bool[np.ndarray, "T"],
) -> Float[Tensor, "T J 3 3"]:
    data = lay_out(hand.chain, person, cameras)
    elbow, wrist = (trunk.index(name) for name in hand.chain.joints[:2])
    placed = place_fast(trunk, body)
    chain = hand.chain
    poses = allocate_poses(Scratch(), "poses", len(body), len(chain.joints), body.shape[0])
    poses.rotation[:] = rest_rotations(hand)
    poses.rotation[:, 0] = placed.rotation[:, elbow]
    poses.rotation[:, 1] = body.rotation[:, wrist]
    poses.translation[:] = placed.joints[:, elbow]
    # A point counts once, in however many views it is seen.
    seen = hand.judge((data.image_weight > 0).any(1).float()) & solved
    if not seen.any():
        return torch.where(torch.from_numpy(solved)[:, None, None, None], poses.rotation, torch.nan)
    solve_part(
        draw_to_typical(hand, poses.rotation[:, 1].clone()),
        data.costs,
        poses,
        time=person.time,
        solved=solved,
        seen=seen,
    )
    return poses.rotation
