"""Cut the part of a body that a fit moves out of the whole body.

Keypoint names meet the body here: a name is looked up among the body's joints, then among its
surface landmarks. The few names that differ between a detector's keypoints and a rig's joints are
listed in `_OTHER_NAMES`.
"""

import torch

from marey.body import Body
from marey.fit.chain import Chain, make_chain

_OTHER_NAMES = {"left_hand_wrist": "left_wrist", "right_hand_wrist": "right_wrist"}

_DIGITS = ("thumb", "index", "middle", "ring", "pinky")
_KNUCKLES = tuple(f"{digit}1" for digit in _DIGITS)

BODY_POINTS = (
    "nose",
    *(
        f"{side}_{part}"
        for part in (
            *("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"),
            *("big_toe", "small_toe", "heel", "hand_wrist", *_KNUCKLES),
        )
        for side in ("left", "right")
    ),
)
"""Keypoints of COCO-WholeBody that decide the body without its fingers."""


def body_chain(body: Body) -> Chain:
    """Return the root and the body joints down to wrists and toes, with `BODY_POINTS`.

    Knuckles ride on the wrist: where they are decides its rotation, not the fingers'.
    """
    names = (body.rig.root, *body.rig.joints)
    fingers = tuple(
        f"{side}_{digit}{k}" for side in ("left", "right") for digit in _DIGITS for k in (1, 2, 3)
    )
    keep = tuple(name for name in names if name not in fingers)
    points = tuple(name for name in BODY_POINTS if find_point(body, name) is not None)
    return cut_chain(body, keep, points)


def hand_chain(body: Body, side: str) -> Chain:
    """Return the elbow as root, the wrist and the fingers of one hand.

    Its points are those of the hand's 21 keypoints that the body has.
    """
    points = tuple(name for name in hand_points(side) if find_point(body, name) is not None)
    fingers = tuple(f"{side}_{digit}{k}" for digit in _DIGITS for k in (1, 2, 3))
    names = (body.rig.root, *body.rig.joints)
    wanted = (f"{side}_elbow", f"{side}_wrist", *fingers)
    return cut_chain(body, tuple(name for name in names if name in wanted), points)


def hand_points(side: str) -> tuple[str, ...]:
    """Name the 21 keypoints of a hand in COCO-WholeBody's order."""
    digits = tuple(f"{side}_{digit}{k}" for digit in _DIGITS for k in (1, 2, 3, 4))
    return (f"{side}_hand_wrist", *digits)


def find_point(body: Body, name: str) -> tuple[int, torch.Tensor, torch.Tensor] | None:
    """Find a keypoint on the body.

    Returns:
        Carrying joint (0 is the root), rest position (3) in m and its shape directions (3 S), or
        None if the body has no such point.
    """
    name = _OTHER_NAMES.get(name, name)
    joints = (body.rig.root, *body.rig.joints)
    if name in joints:
        joint = joints.index(name)
        return joint, body.joint_template[joint], body.joint_shapedirs[joint]
    if name in body.landmarks.names:
        row = body.landmarks.names.index(name)
        joint = int(body.landmarks.weights[row].argmax())
        return joint, body.landmarks.template[row], body.landmarks.shapedirs[row]
    return None


def cut_chain(body: Body, keep: tuple[str, ...], points: tuple[str, ...]) -> Chain:
    """Return some joints of a body with some of its points.

    Args:
        body: The body.
        keep: The joints, one tree, its root first; what hangs below is carried rigidly.
        points: Names that `find_point` knows.
    """
    names = (body.rig.root, *body.rig.joints)
    above = (-1, *(parent + 1 for parent in body.rig.parents))
    index = [names.index(name) for name in keep]
    parents = tuple(index.index(above[joint]) if above[joint] in index else -1 for joint in index)
    assert parents[0] == -1 and -1 not in parents[1:], "a chain is one tree"
    carried = {}
    for name in points:
        found = find_point(body, name)
        assert found is not None, name
        joint, position, directions = found
        while joint not in index:
            joint = above[joint]
            assert joint >= 0, f"{name} does not hang below the chain's root"
        carried[name] = (index.index(joint), position, directions)
    return make_chain(
        keep, parents, body.joint_template[index], body.joint_shapedirs[index], points=carried
    )
