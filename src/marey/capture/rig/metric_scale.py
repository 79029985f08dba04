"""How large a reconstruction is, from somebody's stature or the distance of two keypoints.

A body is fitted to the points at a guessed size, and the size corrected until the fitted body is as
tall, or its limb as long, as was stated. So all limbs speak, in the proportions that people have
and with what a detector means by a hip, not one pair of noisy points. The prior on shapes pulls
towards the mean person, less at every round as the size approaches its own. Skeletons that have the
top of the head and heels say stature themselves.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from marey.body import Body
from marey.capture.views.fit_views import fit_views
from marey.capture.views.triangulate import triangulate_keypoints
from marey.capture.views.view_data import ViewsOfPerson
from marey.core import Cameras, Keypoints2D
from marey.core.errors import InputError, NothingFoundError
from marey.core.skeleton import mirror_name
from marey.fit.chain import Pose
from marey.fit.chains import body_chain
from marey.fit.tree import place_fast

_FRAMES, _ROUNDS, _CLOSE = 48, 5, 2e-3
_EAGER = 1.2
"""The prior holds back about a sixth of every correction; so much more is corrected."""
_TALL_QUANTILE, _HEEL_M = 0.95, 0.03
"""Of the distances from head to heel: how far it is when somebody stands straight; how high the
point of a heel is over the sole."""
_SHARES = {
    ("hip", "knee"): 0.245,
    ("knee", "ankle"): 0.246,
    ("shoulder", "elbow"): 0.186,
    ("elbow", "wrist"): 0.146,
}
"""Lengths of segments as shares of a person's height (Drillis and Contini, 1966): a first guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSize:
    """What is known of the first person: one of the two."""

    height: float | None = None
    """From sole to crown, m."""
    length: tuple[str, str, float] | None = None
    """Two keypoints and their distance, m; left and right are taken to be equal."""


def check_size(size: KnownSize, names: tuple[str, ...]) -> None:
    """Refuse sizes that make no sense.

    Args:
        size: What was stated.
        names: Of the keypoints there are.

    Raises:
        InputError: If none or both are stated, or nobody is like that.
    """
    if (size.height is None) == (size.length is None):
        raise InputError(
            "the size of the scene follows from a person's height or a known length; give one"
        )
    if size.height is not None and not 0.4 < size.height < 2.8:
        raise InputError(f"nobody is {size.height:g} m tall; give the height in metres")
    if size.length is not None:
        one, other, metres = size.length
        unknown = [name for name in (one, other) if name not in names]
        if unknown:
            raise InputError(
                f"'{unknown[0]}' is no keypoint that is found here; a length is between two of "
                f"{', '.join(names[:17])}"
            )
        if one == other or not 0.01 < metres < 3:
            raise InputError(f"{metres:g} m from {one} to {other} is no length; give it in metres")


def find_scale(
    body: Body,
    keypoints: Keypoints2D,
    cameras: Cameras,
    points: Float[np.ndarray, "T K 3"],
    size: KnownSize,
) -> float:
    """Return what a reconstruction has to be multiplied by to be in metres.

    Args:
        body: Whose proportions people have.
        keypoints: C N T K; the first person's size is known.
        cameras: As far as they are found.
        points: The first person's points in the cameras' world.
        size: What is known.

    Raises:
        InputError: If the points whose distance is known are never seen.
    """
    fallback = _straight(points, keypoints.skeleton.keypoints, size)
    if size.length is not None and not set(size.length[:2]) <= set(body_chain(body).points):
        return fallback
    if size.height is not None and _has_crown(keypoints.skeleton.keypoints):
        return _from_crown(points, keypoints.skeleton.keypoints, size.height) or fallback
    scale = fallback
    for _ in range(_ROUNDS):
        shape = _fit_shape(body, keypoints, scale_cameras(cameras, scale))
        if shape is None:
            return fallback
        factor = _wanted(size) / _measure(body, shape, size)
        scale *= factor**_EAGER
        if abs(np.log(factor)) < _CLOSE:
            break
    return float(scale)


def _has_crown(names: tuple[str, ...]) -> bool:
    return {"head_top", "left_heel", "right_heel"} <= set(names)


def _from_crown(
    points: Float[np.ndarray, "T K 3"], names: tuple[str, ...], height: float
) -> float | None:
    """Measure stature from head to heel where a skeleton has both; None if they are not seen."""
    # The farther heel: the other foot may be lifted.
    heels = points[:, [names.index(f"{side}_heel") for side in ("left", "right")]]
    span = np.linalg.norm(heels - points[:, [names.index("head_top")]], axis=-1)
    span = np.nan_to_num(span).max(-1)
    if not (span > 0).any():
        return None
    return (height - _HEEL_M) / float(np.quantile(span[span > 0], _TALL_QUANTILE))


def scale_cameras(cameras: Cameras, scale: float) -> Cameras:
    """Return cameras in a world that is larger about its origin."""
    pose = cameras.T_cam_world.astype(np.float64)
    pose[..., 4:] *= scale
    return replace(cameras, T_cam_world=pose)


def measure_stature(body: Body, shape: Float[np.ndarray, "S"]) -> float:
    """Return a body's height from sole to crown in its rest pose, m."""
    rest = torch.zeros(1, len(body.rig.joints), 4)
    rest[..., 0] = 1.0
    root = torch.tensor([[1.0, 0, 0, 0, 0, 0, 0]])
    with torch.inference_mode():
        posed = body.pose(torch.as_tensor(np.asarray(shape, np.float32))[None], root, rest)
        height = body.vertices(posed)[0, :, 1]
    return float(height.max() - height.min())


def _wanted(size: KnownSize) -> float:
    if size.height is not None:
        return size.height
    assert size.length is not None
    return size.length[2]


def _measure(body: Body, shape: Float[np.ndarray, "S"], size: KnownSize) -> float:
    if size.length is None:
        return measure_stature(body, shape)
    chain = body_chain(body)
    one, other = size.length[:2]
    eye = torch.eye(3).expand(1, len(chain.joints), 3, 3).clone()
    pose = Pose(eye, torch.zeros(1, 3), torch.as_tensor(np.asarray(shape, np.float32))[None])
    placed = place_fast(chain, pose).points[0]
    ends = [placed[chain.points.index(name)] for name in (one, other)]
    return float((ends[0] - ends[1]).norm())


def _fit_shape(
    body: Body, keypoints: Keypoints2D, cameras: Cameras
) -> Float[np.ndarray, "S"] | None:
    known = np.flatnonzero((keypoints.valid[:, 0].sum(0) >= 2).any(-1))
    frames = known[np.linspace(0, len(known) - 1, min(len(known), _FRAMES)).astype(int)]
    part = replace(
        keypoints,
        people=keypoints.people[:1],
        time=keypoints.time[frames],
        position=keypoints.position[:, :1, frames],
        confidence=keypoints.confidence[:, :1, frames],
        sigma=None if keypoints.sigma is None else keypoints.sigma[:, :1, frames],
    )
    found = triangulate_keypoints(part, cameras)
    if not found.keypoints.valid.any() or found.keypoints.sigma is None:
        return None
    person = ViewsOfPerson(
        skeleton=part.skeleton,
        time=part.time,
        points=found.keypoints.position[0],
        point_sigma=found.keypoints.sigma[0],
        image=part.position[:, 0],
        image_sigma=found.pixel_sigma[:, 0],
        counts=found.inlier[:, 0],
    )
    fit = fit_views(body, person, cameras)
    return None if fit is None else fit.motion.shape[0]


def _straight(points: Float[np.ndarray, "T K 3"], names: tuple[str, ...], size: KnownSize) -> float:
    """Return the size that the points say themselves, noisy as they are."""

    def apart(one: str, other: str) -> Float[np.ndarray, "P"]:
        ends = (points[:, names.index(name)] for name in (one, other))
        distance = np.linalg.norm(np.subtract(*ends), axis=-1)
        return distance[np.isfinite(distance)]

    if size.length is not None:
        one, other, metres = size.length
        found = np.concatenate([apart(one, other), apart(mirror_name(one), mirror_name(other))])
        if not len(found):
            raise NothingFoundError(
                f"{one} and {other} are never seen together by two cameras, so their distance is "
                "no use; give another length, or the height"
            )
        return metres / float(np.median(found))
    assert size.height is not None
    guesses = []
    for (upper, lower), share in _SHARES.items():
        for side in ("left", "right"):
            if f"{side}_{upper}" in names and f"{side}_{lower}" in names:
                found = apart(f"{side}_{upper}", f"{side}_{lower}")
                guesses += [float(np.median(found)) / share] if len(found) else []
    if not guesses:
        raise NothingFoundError(
            "no limb of the first person is seen by two cameras, so a height is no use; let people "
            "come into view as a whole, or give a length"
        )
    return size.height / float(np.median(guesses))
