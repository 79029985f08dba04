"""Bodies whose joints, landmarks and some places on the skin a fit can hold.

A fit moves points rigidly with one joint each; that is what makes it fast. Skin in truth follows
several joints and, on bodies of the SMPL family, swells with the pose. So points are chosen where
one joint rules, and what remains is corrected for: `excess` says how far the true points lie from
the rigid ones, and a second solution moves the targets by that much.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from marey.body import Body, Landmarks
from marey.fit.chain import Chain, Placed, make_chain

_RULES = 0.95
"""Share of a vertex' weight that makes one joint its ruler."""
_SAY = 0.2
"""Least weight of a joint that rules nowhere."""
_PER_JOINT = 6
_PER_FINGER = 3
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedBody:
    """A body and the points of it that a fit holds: joints, landmarks, vertices, in this order."""

    body: Body
    """Its landmarks are the points that are no joints."""
    names: tuple[str, ...]
    """Of the K points."""
    vertex: Int[np.ndarray, "A"]
    """The vertices among the points; they are the last A."""
    rigid: bool
    """Whether every point truly moves with one joint."""

    @property
    def num_joints(self) -> int:
        """Points that are joints, the root included."""
        return len(self.body.parents)

    @property
    def first_vertex(self) -> int:
        """Where the vertices begin among the points."""
        return len(self.names) - len(self.vertex)

    def chain(self, shape: Float[Tensor, "S"] | None = None) -> Chain:
        """Return the points as a chain; of one shape without parameters, if that is given."""
        body = self.body
        marks = body.landmarks
        index = torch.cat([torch.arange(self.num_joints), marks.joint])
        position = torch.cat([body.joint_template, marks.template])
        directions = torch.cat([body.joint_shapedirs, marks.shapedirs])
        joints, joint_directions = body.joint_template, body.joint_shapedirs
        if shape is not None:
            position, directions = position + directions @ shape, directions[..., :0]
            joints, joint_directions = joints + joint_directions @ shape, directions[: len(joints)]
        rows = zip(index.tolist(), position, directions, strict=True)
        return make_chain(
            body.joint_names,
            body.parents,
            joints,
            joint_directions,
            points=dict(zip(self.names, rows, strict=True)),
        )

    def excess(
        self, placed: Placed, rotation: Float[Tensor, "B J 3 3"], shape: Float[Tensor, "S"]
    ) -> Float[Tensor, "B K 3"]:
        """Return how far each true point lies from where its joint alone carries it, m."""
        if self.rigid:
            return torch.zeros_like(placed.points)
        posed = self.body.pose_matrices(
            shape, rotation[:, 0], rotation[:, 1:], position=placed.joints[:, 0]
        )
        marks = self.body.landmark_positions(posed)
        excess = torch.zeros_like(placed.points)
        excess[:, self.num_joints :] = marks - placed.points[:, self.num_joints :]
        return excess


def mark_body(
    body: Body, *, landmarks: Sequence[str] = (), vertices: Int[np.ndarray, "A"] | None = None
) -> MarkedBody:
    """Choose the points of a body to hold.

    Args:
        body: The body.
        landmarks: Names of landmarks that are no joints.
        vertices: Vertices; those of `choose_vertices` if None.
    """
    if vertices is None:
        vertices, ruler = choose_vertices(body)
    else:
        ruler = body.weights[torch.from_numpy(vertices)].argmax(1).numpy()
    known, index = body.landmarks, torch.from_numpy(np.asarray(vertices, np.int64))
    rows = torch.tensor([known.index(name) for name in landmarks], dtype=torch.int64)
    names = (*landmarks, *(f"skin_{row}" for row in range(len(vertices))))
    weights = torch.cat([known.weights[rows], body.weights[index]])
    posedirs = None
    if body.posedirs is not None:
        skin = body.posedirs.unflatten(-1, (-1, 3))[:, index]
        own = known.posedirs
        named = skin.new_zeros(len(skin), len(rows), 3)
        if own is not None:
            named = own.unflatten(-1, (-1, 3))[:, rows]
        posedirs = torch.cat([named, skin], 1).flatten(1)
    marks = Landmarks(
        names=names,
        joint=torch.cat([weights[: len(rows)].argmax(1), torch.from_numpy(ruler)]),
        template=torch.cat([known.template[rows], body.v_template[index]]),
        shapedirs=torch.cat([known.shapedirs[rows], body.shapedirs[index]]),
        weights=weights,
        posedirs=posedirs,
    )
    rigid = posedirs is None and bool((weights.max(1).values > 0.9999).all())
    return MarkedBody(
        body=replace(body, landmarks=marks),
        names=(*body.joint_names, *names),
        vertex=np.asarray(vertices, np.int64),
        rigid=rigid,
    )


def choose_vertices(body: Body) -> tuple[Int[np.ndarray, "A"], Int[np.ndarray, "A"]]:
    """Choose some vertices for each joint, far from one another, where it alone moves the skin.

    Collars may rule no vertex at all; they get those on which they have most say. Eyeballs and the
    like, closed surfaces of their own, are left out: they lie inside.

    Returns:
        The vertices, and the joint for which each was chosen.
    """
    weights, outer = body.weights.numpy(), _largest_surface(body)
    ruler = np.where(outer, weights.argmax(1), -1)
    chosen, rulers = [], []
    for joint, name in enumerate(body.joint_names):
        own, weight = np.flatnonzero(ruler == joint), weights[:, joint]
        wanted = _PER_FINGER if any(finger in name for finger in _FINGERS) else _PER_JOINT
        ruled = own[weight[own] >= max(_RULES, float(weight[own].max(initial=0)) - 1e-4)]
        if len(ruled) < wanted:
            own = own if len(own) >= wanted else np.flatnonzero(outer & (weight > _SAY))
            ruled = own[np.argsort(-weight[own], kind="stable")[: 4 * wanted]]
        chosen.append(ruled[spread_out(body.v_template[ruled].numpy(), wanted)])
        rulers.append(np.full(len(chosen[-1]), joint))
    return np.concatenate(chosen).astype(np.int64), np.concatenate(rulers).astype(np.int64)


def spread_out(points: Float[np.ndarray, "A 3"], count: int) -> Int[np.ndarray, "_"]:
    """Choose points far from one another, first the one farthest from the middle."""
    if len(points) <= count:
        return np.arange(len(points))
    distance = np.linalg.norm(points - points.mean(0), axis=1)
    chosen = [int(distance.argmax())]
    distance = np.full(len(points), np.inf)
    while len(chosen) < count:
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
        chosen.append(int(distance.argmax()))
    return np.array(chosen)


def _largest_surface(body: Body) -> np.ndarray:
    faces, count = body.faces.numpy(), len(body.v_template)
    start, end = faces.ravel(), np.roll(faces, 1, 1).ravel()
    graph = coo_array((np.ones(len(start), np.int8), (start, end)), shape=(count, count))
    _, label = connected_components(graph, directed=False)
    return label == np.bincount(label).argmax()
