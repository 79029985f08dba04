"""Fitting a body to vertices or joints that are given in space.

Vertices of the body's own mesh decide everything: how each joint is turned follows in closed form
from the vertices it rules (Kabsch), and a few vertices per joint are enough for the solver. Joints
leave the twists of limbs open; there the ranges of human joints (`limits`) decide.

One shape is fitted to a sample of the frames; then every frame is solved on its own. Points that
cannot be of one body with the others are left out; wrong joints nearer by pull only a little.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from marey.body import Body
from marey.core import BodyMotion
from marey.core.errors import InputError, NothingFoundError, ShapeError
from marey.fit.border import check_clock, drop_distant
from marey.fit.chain import Pose
from marey.fit.convert import check_finite
from marey.fit.costs import PointAnchor, RotationPrior
from marey.fit.frames import LmOptions, solve_frames, solve_shared_shape
from marey.fit.kernels import KernelName
from marey.fit.limits import rotation_prior
from marey.fit.marks import MarkedBody, mark_body
from marey.fit.point_guesses import guess_from_joints, guess_from_vertices
from marey.fit.problem import Problem, pose_columns
from marey.fit.threads import one_thread_each
from marey.fit.tree import place_fast
from marey.geometry.rotation import matrix_to_quaternion

CHUNK = 256
_SAMPLE = 24
"""Frames that decide the shape."""
_VERTEX_SIGMA, _JOINT_SIGMA = 0.002, 0.005
_FEWEST = 3
"""Points below which a frame is not fitted."""
_OPTIONS = LmOptions(iterations=30, damping=1e-2, tolerance=1e-4)
_PASSES = 4
"""Solutions, each with points corrected for what does not move with one joint."""
_FARTHEST_M = 1e5
_RATE = 30.0

_Guess = Callable[[MarkedBody, Float[Tensor, "B P 3"], Float[Tensor, "S"]], Pose]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointFit:
    """A body fitted to points."""

    motion: BodyMotion
    """One person; NaN with confidence 0 where too few points are given."""
    residual: Float[np.ndarray, "T"]
    """Root mean square distance of all points given, outliers included, m; NaN where there is no
    pose."""


def fit_body_to_vertices(
    body: Body,
    vertices: Float[np.ndarray, "T _ 3"],
    *,
    time: Float[np.ndarray, "_"] | None = None,
    shape: Float[np.ndarray, "S"] | None = None,
) -> PointFit:
    """Find shape and poses of a body from the vertices of its mesh.

    Args:
        body: The body; its vertices are those given, in the same order.
        vertices: Positions in the world, m; NaN where missing.
        time: Time of each frame, s; 30 frames per second if None.
        shape: Known coefficients; fitted if None.

    Returns:
        The motion, and how far the body lies from the vertices: from all of them, not only from
        those that were used.

    Raises:
        ShapeError: If there are other numbers of vertices, times or coefficients.
        InputError: If a coordinate is infinite or no person's, or times go back.
        NothingFoundError: If no frame has enough vertices.
    """
    _check(vertices, len(body.v_template), f"the mesh of {body.name}", time)
    marked = mark_body(body)
    given = np.full((len(vertices), len(marked.names), 3), np.nan)
    given[:, -len(marked.vertex) :] = vertices[:, marked.vertex]
    free = torch.zeros(len(body.parents), 3)
    far = torch.full_like(free, 10.0)
    prior = RotationPrior(mean=free, sigma=torch.full_like(free, 3.0), low=-far, high=far)
    task = _Task(
        marked=marked,
        given=given,
        sigma=_VERTEX_SIGMA,
        prior=prior,
        guess=guess_from_vertices,
        kernel="none",
    )
    motion = _fit(task, time, shape)
    return PointFit(motion=motion, residual=_measure_vertices(body, motion, vertices))


def fit_body_to_joints(
    body: Body,
    joints: Float[np.ndarray, "T _ 3"],
    names: tuple[str, ...],
    *,
    time: Float[np.ndarray, "_"] | None = None,
    shape: Float[np.ndarray, "S"] | None = None,
) -> PointFit:
    """Find shape and poses of a body from some of its joints and landmarks.

    Args:
        body: The body.
        joints: Positions in the world, m; NaN where missing.
        names: Which points of the body they are (`Body.points`).
        time: Time of each frame, s; 30 frames per second if None.
        shape: Known coefficients; fitted if None.

    Raises:
        ShapeError: If there are other numbers of names, times or coefficients.
        InputError: If the body has no such point, a name comes twice, times go back, or a
            coordinate is infinite or no person's.
        NothingFoundError: If no frame has enough joints.
    """
    _check(joints, len(names), "the list of names", time)
    unknown = [name for name in names if name not in body.points]
    if unknown:
        raise InputError(f"{body.name} has no point named {', '.join(unknown)}; see Body.points")
    if len(set(names)) < len(names):
        raise InputError("a point is named twice; give every point once")
    marks = [name for name in names if name not in body.joint_names]
    marked = mark_body(body, landmarks=marks, vertices=np.zeros(0, np.int64))
    rows = [marked.names.index(name) for name in names]
    given = np.full((len(joints), len(marked.names), 3), np.nan)
    given[:, rows] = joints
    prior = rotation_prior(body.joint_names)
    task = _Task(
        marked=marked,
        given=given,
        sigma=_JOINT_SIGMA,
        prior=prior,
        guess=guess_from_joints,
        kernel="huber",
    )
    motion = _fit(task, time, shape)
    return PointFit(motion=motion, residual=_measure_points(body, motion, joints, names))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    marked: MarkedBody
    given: Float[np.ndarray, "T P 3"]
    sigma: float
    prior: RotationPrior
    guess: _Guess
    kernel: KernelName
    """Of the points: vertices are all right or all wrong, joints come from detectors."""


def _check(
    points: Float[np.ndarray, "T K 3"],
    count: int,
    other: str,
    time: Float[np.ndarray, "_"] | None,
) -> None:
    if points.ndim != 3 or points.shape[1:] != (count, 3):
        raise ShapeError(
            f"points have shape {points.shape}, but {other} asks for (frames, {count}, 3)"
        )
    if time is not None and np.shape(time) != (len(points),):
        raise ShapeError(f"{len(points)} frames of points came with {np.size(time)} times")
    if time is not None:
        check_clock(np.asarray(time, np.float64))
    if (np.abs(points[~np.isnan(points)]) > _FARTHEST_M).any():
        raise InputError(
            f"a coordinate is infinite or beyond {_FARTHEST_M:g} m; give metres, and NaN where a "
            "point is missing"
        )


def _fit(
    task: _Task, time: Float[np.ndarray, "T"] | None, shape: Float[np.ndarray, "S"] | None
) -> BodyMotion:
    body, num_frames = task.marked.body, len(task.given)
    given, task = task.given, replace(task, given=drop_distant(task.given))
    enough = _has_enough(task.given)
    rows = np.flatnonzero(enough)
    if not len(rows):
        if _has_enough(given).any():
            raise InputError(
                "the points of every frame lie too far apart to be one person's; give metres"
            )
        raise NothingFoundError(
            f"no frame has {_FEWEST} points or more, so there is no body to fit"
        )
    root = np.full((1, num_frames, 7), np.nan, np.float32)
    pose = np.full((1, num_frames, body.num_joints, 4), np.nan, np.float32)
    with one_thread_each(), torch.inference_mode():
        found = _find_shape(task, rows) if shape is None else _known_shape(body, shape)
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            solved, middle = _solve(task, part, found)
            quaternions = matrix_to_quaternion(solved.rotation).numpy()
            root[0, part, :4], pose[0, part] = quaternions[:, 0], quaternions[:, 1:]
            root[0, part, 4:] = middle + solved.translation.numpy()
    return BodyMotion(
        body=body.name,
        people=("person-1",),
        time=np.arange(num_frames) / _RATE if time is None else np.asarray(time, np.float64),
        shape=found.numpy()[None],
        T_world_root=root,
        R_parent_joint=pose,
        confidence=enough[None].astype(np.float32),
    )


def _has_enough(given: Float[np.ndarray, "T P 3"]) -> Bool[np.ndarray, "T"]:
    return np.isfinite(given).all(-1).sum(1) >= _FEWEST


def _known_shape(body: Body, shape: Float[np.ndarray, "S"]) -> Float[Tensor, "S"]:
    if len(shape) > body.num_shape:
        raise ShapeError(f"{body.name} has {body.num_shape} coefficients, got {len(shape)}")
    check_finite(shape, "shape coefficient")
    full = torch.zeros(body.num_shape)
    full[: len(shape)] = torch.from_numpy(np.asarray(shape, np.float32))
    return full


def _find_shape(task: _Task, rows: np.ndarray) -> Float[Tensor, "S"]:
    """Fit shape and poses to the frames that say most, spread over the sequence."""
    seen = np.isfinite(task.given[rows]).all(-1).sum(1)
    full = rows[seen >= np.quantile(seen, 0.5)]
    part = full[np.linspace(0, len(full) - 1, min(_SAMPLE, len(full))).astype(int)]
    goal, weight, _ = _goals(task, part)
    shape = torch.zeros(task.marked.body.num_shape)
    pose = task.guess(task.marked, torch.where(weight > 0, goal, torch.nan), shape)
    chain = task.marked.chain()
    pose = Pose(pose.rotation, pose.translation, shape.expand(len(part), -1).clone())
    for _ in range(_PASSES + 1):
        excess = task.marked.excess(place_fast(chain, pose), pose.rotation, pose.shape[0])
        problem = _problem(task, chain, goal - excess, weight, moves_shape=True)
        pose = solve_shared_shape(problem, pose, iterations=20).pose
    return pose.shape[0]


def _solve(
    task: _Task, part: np.ndarray, shape: Float[Tensor, "S"]
) -> tuple[Pose, Float[np.ndarray, "B 3"]]:
    goal, weight, middle = _goals(task, part)
    pose = task.guess(task.marked, torch.where(weight > 0, goal, torch.nan), shape)
    chain = task.marked.chain(shape)
    pose = Pose(pose.rotation, pose.translation, goal.new_zeros(len(goal), 0))
    for _ in range(1 if task.marked.rigid else _PASSES):
        excess = task.marked.excess(place_fast(chain, pose), pose.rotation, shape)
        problem = _problem(task, chain, goal - excess, weight, moves_shape=False)
        pose = solve_frames(problem, pose, _OPTIONS).pose
    return pose, middle


def _goals(
    task: _Task, part: np.ndarray
) -> tuple[Float[Tensor, "B P 3"], Float[Tensor, "B P 1"], Float[np.ndarray, "B 3"]]:
    """Return points relative to their middle (single precision is enough then), and 1 / sigma."""
    given = task.given[part]
    known = np.asarray(np.isfinite(given).all(-1))
    middle = np.where(known[..., None], given, 0.0).sum(1) / known.sum(1)[:, None]
    near = np.where(known[..., None], given - middle[:, None], 0.0)
    weight = torch.from_numpy(known / task.sigma).float().unsqueeze(-1)
    return torch.from_numpy(near).float(), weight, middle


def _problem(task: _Task, chain, goal: Tensor, weight: Tensor, *, moves_shape: bool) -> Problem:
    used = (weight > 0).any(0).squeeze(-1).nonzero().squeeze(-1)
    anchor = PointAnchor(
        point=used,
        target=goal[:, used],
        weight=weight[:, used].expand(-1, -1, 3),
        kernel=task.kernel,
    )
    return Problem(
        chain=chain,
        costs=(anchor,),
        prior=task.prior,
        active=pose_columns(chain, shape=moves_shape),
    )


def _measure_vertices(
    body: Body, motion: BodyMotion, vertices: Float[np.ndarray, "T V 3"]
) -> Float[np.ndarray, "T"]:
    residual = np.full(len(vertices), np.nan)
    for part, posed in _iterate_posed(body, motion):
        residual[part] = _rms(body.vertices(posed).numpy() - vertices[part])
    return residual


def _measure_points(
    body: Body, motion: BodyMotion, points: Float[np.ndarray, "T K 3"], names: tuple[str, ...]
) -> Float[np.ndarray, "T"]:
    residual = np.full(len(points), np.nan)
    for part, posed in _iterate_posed(body, motion):
        residual[part] = _rms(body.landmark_positions(posed, names).numpy() - points[part])
    return residual


def _iterate_posed(body: Body, motion: BodyMotion):
    rows = np.flatnonzero(motion.confidence[0] > 0)
    shape = torch.from_numpy(motion.shape[0])
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        root = torch.from_numpy(motion.T_world_root[0, part])
        with torch.inference_mode():
            yield part, body.pose(shape, root, torch.from_numpy(motion.R_parent_joint[0, part]))


def _rms(apart: Float[np.ndarray, "B K 3"]) -> Float[np.ndarray, "B"]:
    return np.sqrt(np.nanmean((apart**2).sum(-1), -1))
