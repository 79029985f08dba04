"""People in close contact as keypoint detectors see them in a ring of cameras.

The detector errs in the three ways that matter where people touch: every point jitters by a share
of its person's height in the picture; where the masks of two people overlap in a view, a share of
a person's limb points is reported where the other person's are; and a point whose pixel shows
somebody else is missed. Who is in front of whom follows from meshes drawn with depth.
"""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import torch
from jaxtyping import Bool

from marey.body import Body, PosedBody
from marey.core import BodyMotion, Cameras, Keypoints2D, Keypoints3D, load_skeleton
from marey.synthetic.cameras import project_to_cameras
from marey.synthetic.drawn import Drawn, draw_people

LIMB_POINTS = tuple(
    f"{side}_{part}" for part in ("elbow", "wrist", "knee", "ankle") for side in ("left", "right")
)
"""Points that a detector takes from the other person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseNoise:
    """How a detector errs where people touch."""

    sigma: float = 0.01
    """Spread of every coordinate, as a share of the height of the person's box."""
    swap: float = 0.05
    """Share of limb points taken from the other person in views where the two masks overlap."""
    misses: bool = True
    """Whether points that somebody else hides are missed."""
    guesses: float = 0.0
    """Spread by which hidden points that are not missed are off besides, as a share of the height
    of the box: networks report something all the same, and as surely."""
    confidence: tuple[float, float] = (0.9, 0.05)
    """Mean and spread; swapped points are as sure as all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseScene:
    """Truth, cameras, and what a detector saw; COCO's 17 points."""

    body: Body
    motion: BodyMotion
    cameras: Cameras
    keypoints3d: Keypoints3D
    truth2d: Keypoints2D
    """C N T K, without error."""
    keypoints2d: Keypoints2D
    """What the detector reports of each person; nobody is exchanged as a whole."""
    hidden: Bool[np.ndarray, "C N T K"]
    """The pixel of the point shows somebody else."""
    overlap: Bool[np.ndarray, "C N T"]
    """The person's mask and another's overlap."""
    swapped: Bool[np.ndarray, "C N T K"]
    """The point reported is another person's."""


def close_scene(
    body: Body,
    motion: BodyMotion,
    cameras: Cameras,
    *,
    noise: CloseNoise | None = None,
    seed: int = 0,
    workers: int = 2,
) -> CloseScene:
    """Film people who are close to each other.

    Args:
        body: The motion's body; a light mesh draws faster.
        motion: Everyone's motion, present in all frames.
        cameras: Static cameras.
        noise: How the detector errs.
        seed: Source of everything random.
        workers: Threads that draw.
    """
    noise = noise or CloseNoise()
    skeleton = load_skeleton("coco-17")
    posed = pose_motion(body, motion)
    position = body.landmark_positions(posed, skeleton.keypoints).numpy()
    truth3d = Keypoints3D(
        skeleton=skeleton,
        people=motion.people,
        time=motion.time,
        position=position.astype(np.float32),
        frame="world",
        confidence=np.ones(position.shape[:3], np.float32),
    )
    image = project_to_cameras(cameras, position.astype(np.float64))
    drawn = draw_people(
        body.vertices(posed).numpy(), body.faces.numpy(), cameras, image, workers=workers
    )
    truth2d = Keypoints2D(
        skeleton=skeleton,
        people=motion.people,
        time=motion.time,
        position=image.astype(np.float32),
        confidence=np.asarray(np.isfinite(image).all(-1), np.float32),
    )
    seen, swapped = _detect(truth2d, drawn, cameras, noise, np.random.default_rng(seed))
    return CloseScene(
        body=body,
        motion=motion,
        cameras=cameras,
        keypoints3d=truth3d,
        truth2d=truth2d,
        keypoints2d=seen,
        hidden=drawn.hidden,
        overlap=np.asarray(drawn.overlap.any(2)),
        swapped=swapped,
    )


def pose_motion(body: Body, motion: BodyMotion) -> PosedBody:
    """Return the posed bodies of a motion, N T."""
    return body.pose(
        torch.as_tensor(np.asarray(motion.shape, np.float32))[:, None],
        torch.as_tensor(np.asarray(motion.T_world_root, np.float32)),
        torch.as_tensor(np.asarray(motion.R_parent_joint, np.float32)),
    )


def take_views(keypoints: Keypoints2D, cameras: Cameras, count: int) -> tuple[Keypoints2D, Cameras]:
    """Return what the first views saw, and their cameras."""
    return (
        Keypoints2D(
            skeleton=keypoints.skeleton,
            people=keypoints.people,
            time=keypoints.time,
            position=keypoints.position[:count],
            confidence=keypoints.confidence[:count],
            sigma=None if keypoints.sigma is None else keypoints.sigma[:count],
        ),
        Cameras(
            names=cameras.names[:count],
            model=cameras.model,
            K=cameras.K[:count],
            distortion=cameras.distortion[:count],
            T_cam_world=cameras.T_cam_world[:count],
            size=cameras.size[:count],
            time_offset=cameras.time_offset[:count],
        ),
    )


def _detect(
    truth: Keypoints2D,
    drawn: Drawn,
    cameras: Cameras,
    noise: CloseNoise,
    rng: np.random.Generator,
) -> tuple[Keypoints2D, Bool[np.ndarray, "C N T K"]]:
    exact = truth.position.astype(np.float64)
    shape = exact.shape[:-1]
    limb = np.array([name in LIMB_POINTS for name in truth.skeleton.keypoints])
    source, swapped = exact.copy(), np.zeros(shape, bool)
    for one, two in permutations(range(shape[1]), 2):
        chosen = rng.random((shape[0], *shape[2:])) < noise.swap
        taken = chosen & limb & drawn.overlap[:, one, two][..., None] & ~swapped[:, one]
        taken &= ~drawn.hidden[:, two]  # A detector takes what it sees.
        source[:, one] = np.where(taken[..., None], exact[:, two], source[:, one])
        swapped[:, one] |= taken
    share = np.where(drawn.hidden, np.hypot(noise.sigma, noise.guesses), noise.sigma)
    spread = (share * drawn.height[..., None])[..., None]
    position = source + rng.standard_normal(exact.shape) * spread
    size = cameras.size[:, None, None, None].astype(np.float64)
    missing = ~np.isfinite(position).all(-1) | ((position < 0) | (position > size)).any(-1)
    if noise.misses:
        missing |= drawn.hidden & ~swapped
    mean, wobble = noise.confidence
    confidence = np.clip(mean + wobble * rng.standard_normal(shape), 0.55, 1.0)
    position[missing], confidence[missing] = np.nan, 0.0
    seen = Keypoints2D(
        skeleton=truth.skeleton,
        people=truth.people,
        time=truth.time,
        position=position.astype(np.float32),
        confidence=confidence.astype(np.float32),
    )
    return seen, swapped & ~missing
