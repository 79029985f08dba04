"""Laying one body on another at rest: the shape of a person on another body, once per person.

Bodies differ in mesh, shape space, rest pose and in where their joints sit, so nothing but the
surface is common to them. Joints and landmarks of the same name bring the target close to the
source's rest pose; then points of its skin are drawn to the closest places of the source's surface,
again and again (iterated closest points; Besl and McKay 1992). Where both bodies have the same
mesh, every vertex is its own counterpart.

What is found carries over to every pose: each point of the target is attached to the skin of the
source at the place where it lies now (`Match.carrier`), and moves with it.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from marey.body import Body
from marey.fit.chain import Chain, Placed, Pose
from marey.fit.contact.closest import OnSurface, vertex_normals
from marey.fit.costs import PointAnchor, RotationPrior
from marey.fit.counterparts import (
    SHARED_LANDMARKS,
    TRUNK,
    find_counterpart,
    find_lacking,
    find_moving,
)
from marey.fit.frames import LmOptions, solve_frames
from marey.fit.marks import MarkedBody, mark_body
from marey.fit.problem import Problem, pose_columns
from marey.fit.resting_source import RestingSource

_TRUNK_SIGMA, _JOINT_SIGMA, _LANDMARK_SIGMA = 0.04, 0.012, 0.01
"""How far joints of the trunk, other joints and landmarks of the same name lie apart, m."""
_SKIN_SIGMA, _SAME_SKIN_SIGMA = 0.004, 0.002
_TURN_SIGMA = 0.4
"""How far rest poses differ, rad; matters only where no point tells."""
_SHAPE_SIGMA = 2.0
_ROUNDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A target body that lies on one person of a source body, and what follows for its poses."""

    target: MarkedBody
    shape: Float[Tensor, "S"]
    """Of the target."""
    chain: Chain
    """The target's points with this shape."""
    carrier: Body
    """The source with the target's points attached to it as landmarks."""
    R_source_target: Float[Tensor, "K 3 3"]
    """Orientation of each joint of the target where the source rests."""
    counterpart: Int[Tensor, "K"]
    """The joint of the source that each joint of the target goes along with."""
    moving: tuple[str, ...]
    """Joints of the target, without the root, that the source can turn."""
    weight: Float[Tensor, "P"]
    """1 / sigma of each point in 1/m; 0 where nothing of the source corresponds."""
    counted: Bool[Tensor, "P"]
    """Points that the target can move wherever the source has them."""
    distance: float
    """Root mean square distance of the two skins at rest, m."""


@dataclass(frozen=True, slots=True)
class _Laid:
    """A target laid on a source."""

    pose: Pose
    placed: Placed
    found: OnSurface
    """The place on the source of each of the target's vertices."""
    sound: Bool[np.ndarray, "A"]
    gap: Float[np.ndarray, "A"]


def match_bodies(source: Body, target: Body, shape: Float[Tensor, "S"]) -> Match:
    """Find the shape of a person on another body.

    Args:
        source: The body the person has.
        target: The body wanted.
        shape: The person's coefficients on the source.
    """
    common = [
        name
        for name in SHARED_LANDMARKS
        if name in source.landmarks.names and name in target.landmarks.names
    ]
    marked = mark_body(target, landmarks=common)
    place = RestingSource.of(source, shape)
    same = has_same_mesh(source, target)
    laid = _lay_vertices(place, marked) if same else _lay_skin(place, marked)
    counterpart = [find_counterpart(name, target, source) for name in target.joint_names]
    carrier = place.attach(marked, laid.placed, laid.found, counterpart)
    # A point carried by what the target cannot do (a finger, the jaw) would only mislead.
    counted = ~torch.tensor(find_lacking(source, target))[carrier.landmarks.joint]
    weight = _weights(marked, laid.sound, same=same) * counted
    gaps = laid.gap[laid.sound]
    return Match(
        target=marked,
        shape=laid.pose.shape[0],
        chain=marked.chain(laid.pose.shape[0]),
        carrier=carrier,
        R_source_target=laid.placed.rotation[0],
        counterpart=torch.tensor(counterpart),
        moving=find_moving(target, source),
        weight=weight,
        counted=counted,
        distance=float(np.sqrt(np.mean(gaps**2))) if len(gaps) else float("nan"),
    )


def has_same_mesh(a: Body, b: Body) -> bool:
    """Tell whether vertex k of one body is vertex k of the other."""
    return a.v_template.shape == b.v_template.shape and torch.equal(a.faces, b.faces)


def _lay_vertices(place: RestingSource, marked: MarkedBody) -> _Laid:
    found = place.find_vertices(marked.vertex)
    goal, weight = torch.zeros(len(marked.names), 3), torch.zeros(len(marked.names))
    goal[marked.first_vertex :] = torch.from_numpy(found.position).float()
    weight[marked.first_vertex :] = 1 / _SAME_SKIN_SIGMA
    pose, placed = _solve(marked.chain(), _rest_pose(marked), goal, weight, iterations=40)
    gap = np.linalg.norm(_skin(placed, marked) - found.position, axis=-1)
    return _Laid(pose, placed, found, np.ones(len(gap), np.bool_), gap)


def _lay_skin(place: RestingSource, marked: MarkedBody) -> _Laid:
    goal, weight = torch.zeros(len(marked.names), 3), torch.zeros(len(marked.names))
    for row, name in enumerate(marked.names[: marked.first_vertex]):
        position = place.find(name)
        if position is not None:
            goal[row], weight[row] = position, 1 / _sigma(name, marked)
    chain, first = marked.chain(), marked.first_vertex
    pose, placed = _solve(chain, _rest_pose(marked), goal, weight, iterations=20)
    body = marked.body
    vertices, faces = body.v_template.numpy().astype(np.float64), body.faces.numpy()
    normals = vertex_normals(vertices, faces)[marked.vertex]
    for _ in range(_ROUNDS):
        found = place.surface.closest(_skin(placed, marked))
        sound = place.suits(found, normals)
        goal[first:] = torch.from_numpy(found.position).float()
        weight[first:] = torch.from_numpy(sound / _SKIN_SIGMA).float()
        pose, placed = _solve(chain, pose, goal, weight, iterations=4)
    found = place.surface.closest(_skin(placed, marked))
    return _Laid(pose, placed, found, place.suits(found, normals), found.distance)


def _rest_pose(marked: MarkedBody) -> Pose:
    return Pose(
        torch.eye(3).expand(1, marked.num_joints, 3, 3).clone(),
        torch.zeros(1, 3),
        torch.zeros(1, marked.body.num_shape),
    )


def _solve(
    chain: Chain,
    pose: Pose,
    goal: Float[Tensor, "P 3"],
    weight: Float[Tensor, "P"],
    *,
    iterations: int,
) -> tuple[Pose, Placed]:
    zero = torch.zeros(len(chain.joints), 3)
    anchor = PointAnchor(
        point=torch.arange(len(chain.points)),
        target=goal[None].clone(),
        weight=weight[None, :, None].expand(1, -1, 3).clone(),
    )
    problem = Problem(
        chain=chain,
        costs=(anchor,),
        prior=RotationPrior(
            mean=zero, sigma=torch.full_like(zero, _TURN_SIGMA), low=zero - 10, high=zero + 10
        ),
        shape_sigma=_SHAPE_SIGMA,
        active=pose_columns(chain, shape=True),
    )
    options = LmOptions(iterations=iterations, damping=1e-2, tolerance=1e-5)
    pose = solve_frames(problem, pose, options).pose
    return pose, problem.evaluate(pose).placed


def _skin(placed: Placed, marked: MarkedBody) -> Float[np.ndarray, "A 3"]:
    return placed.points[0, marked.first_vertex :].numpy().astype(np.float64)


def _sigma(name: str, marked: MarkedBody) -> float:
    if name in TRUNK:
        return _TRUNK_SIGMA
    return _JOINT_SIGMA if name in marked.body.joint_names else _LANDMARK_SIGMA


def _weights(marked: MarkedBody, sound: Bool[np.ndarray, "A"], *, same: bool) -> Float[Tensor, "P"]:
    """Return how much each point counts in poses; on the same mesh its vertices say it all."""
    first = marked.first_vertex
    weight = torch.zeros(len(marked.names))
    if not same:
        weight[:first] = torch.tensor([1 / _sigma(name, marked) for name in marked.names[:first]])
    weight[first:] = torch.from_numpy(sound / (_SAME_SKIN_SIGMA if same else _SKIN_SIGMA)).float()
    return weight
