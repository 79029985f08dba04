"""A body of SMPL's layout that is not ours: marey-h's light mesh, cut to 24 joints and changed."""

from dataclasses import replace

import numpy as np
import torch

from marey.body import Body, Landmarks, load_body
from marey.body.layouts import SMPL
from marey.body.skinning import sparse_weights
from marey.core import Rig

LANDMARKS = tuple(SMPL.landmark_vertices)


def smpl_like(*, shift_m: float = 0.008, lowered: float = 0.15, seed: int = 0) -> Body:
    """Return a body with another mesh, shape space, rest pose and joint places than marey-h.

    Args:
        shift_m: How far its joints lie from marey-h's (standard deviation per axis).
        lowered: How far its arms hang at rest, rad.
        seed: Of the shifts and the mixture of shape coefficients.
    """
    light = load_body("marey-h", mesh="light")
    rng = np.random.default_rng(seed)
    light = _lower_arms(light, lowered)
    names = SMPL.joints
    hands = {f"{side}_hand": f"{side}_middle1" for side in ("left", "right")}
    rows = [light.joint_names.index(hands.get(name, name)) for name in names]
    shift = torch.from_numpy(rng.normal(size=(24, 3)) * shift_m).float()
    shift[0] = torch.tensor([0.0, -0.23, 0.02])
    # The whole body moves with its root: SMPL's pelvis does not rest at the origin either.
    away = shift[:1].clone()
    shift[0] = 0.0
    mixture = torch.from_numpy(np.linalg.qr(rng.normal(size=(10, 10)))[0]).float()
    weights = _merge(light, light.weights, names)
    kept = [light.landmarks.index(name) for name in LANDMARKS]
    marks = light.landmarks
    mark_weights = _merge(light, marks.weights[kept], names)
    joint_template = light.joint_template[rows] + shift + away
    offset = (joint_template[1:] - joint_template[list(SMPL.parents[1:])]).numpy()
    return Body(
        name="smpl",
        version="test",
        rig=Rig(
            name="smpl",
            root=names[0],
            joints=names[1:],
            parents=tuple(p - 1 for p in SMPL.parents[1:]),
            offset=offset,
        ),
        parents=SMPL.parents,
        faces=light.faces,
        v_template=light.v_template + away,
        shapedirs=light.shapedirs @ mixture,
        posedirs=None,
        weights=weights,
        sparse=sparse_weights(weights),
        joint_template=joint_template,
        joint_shapedirs=light.joint_shapedirs[rows] @ mixture,
        landmarks=Landmarks(
            names=LANDMARKS,
            joint=mark_weights.argmax(1),
            template=marks.template[kept] + away,
            shapedirs=marks.shapedirs[kept] @ mixture,
            weights=mark_weights,
        ),
    )


def with_pose_blend_shapes(body: Body, *, size_m: float, seed: int = 0) -> Body:
    """Return the body with random swellings as strong as SMPL's."""
    generator = torch.Generator().manual_seed(seed)
    count = len(body.v_template)
    posedirs = size_m * torch.randn(9 * body.num_joints, 3 * count, generator=generator)
    marks = body.landmarks
    zeros = torch.zeros(len(posedirs), 3 * len(marks.names))
    return replace(body, posedirs=posedirs, landmarks=replace(marks, posedirs=zeros))


def _lower_arms(body: Body, angle: float) -> Body:
    """Give a body a rest pose with hanging arms, every joint frame still parallel to the axes."""
    rotation = torch.eye(3).repeat(body.num_joints, 1, 1)
    for side, sign in (("left", -1.0), ("right", 1.0)):
        turn = sign * torch.tensor(angle)
        row = body.rig.index(f"{side}_shoulder")
        rotation[row, :2, :2] = torch.tensor([[turn.cos(), -turn.sin()], [turn.sin(), turn.cos()]])
    bases = [torch.zeros(body.num_shape), *torch.eye(body.num_shape)]
    posed = [body.pose_matrices(b, torch.eye(3), rotation, position=torch.zeros(3)) for b in bases]
    vertices = torch.stack([body.vertices(p) for p in posed])
    marks = torch.stack([body.landmark_positions(p) for p in posed])
    joints = torch.stack([p.joints for p in posed])

    def directions(table: torch.Tensor) -> torch.Tensor:
        return torch.movedim(table[1:] - table[0], 0, -1)

    return replace(
        body,
        v_template=vertices[0],
        shapedirs=directions(vertices),
        joint_template=joints[0],
        joint_shapedirs=directions(joints),
        landmarks=replace(body.landmarks, template=marks[0], shapedirs=directions(marks)),
    )


def _merge(body: Body, weights: torch.Tensor, names: tuple[str, ...]) -> torch.Tensor:
    """Give fingers to the hand joints, everything else keeps its joint."""
    merged = torch.zeros(len(weights), len(names))
    for column, name in enumerate(body.joint_names):
        side = name.split("_")[0]
        merged[:, names.index(name if name in names else f"{side}_hand")] += weights[:, column]
    return merged
