"""Cameras that stand rightly to each other get size, up and floor from the people they see."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.body import Body, load_body
from marey.capture.pipeline import Seen
from marey.capture.rig.anchor import find_chains
from marey.capture.rig.calibration_people import check_views, lay_out_anchor
from marey.capture.rig.metric_scale import KnownSize, check_size, find_scale
from marey.capture.rig.upright import find_upright
from marey.capture.views.triangulate import make_extrinsics, triangulate_keypoints
from marey.core import Cameras


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Cameras of known shape, brought to metres and upright; x' = scale R x + shift."""

    cameras: Cameras
    scale: float
    R: Float[np.ndarray, "3 3"]
    shift: Float[np.ndarray, "3"]


def settle_views(
    views: Sequence[Seen], cameras: Cameras, *, size: KnownSize, body: Body | None = None
) -> Settled:
    """Give cameras that stand rightly to each other their size, up and floor, from people.

    Args:
        views: What each camera saw.
        cameras: In units of about their distance from each other.
        size: Of the person who is seen best by all.
        body: Whose proportions people have; the shipped body if None.

    Raises:
        InputError: If views and cameras do not fit together.
        NothingFoundError: If nobody is seen by two cameras.
    """
    check_size(size, check_views(views, cameras))
    chains = [find_chains(seen) for seen in views]
    anchor = lay_out_anchor(views, chains, cameras)
    points = triangulate_keypoints(anchor, cameras).keypoints.position.astype(np.float64)
    scale = find_scale(body or load_body(), anchor, cameras, points[0], size)
    R, shift, _ = find_upright(scale * points, anchor.skeleton)
    pose = make_extrinsics(cameras)[:, 0]
    turned = pose[:, :, :3] @ R.T
    place = scale * pose[:, :, 3] - turned @ shift
    quaternion = Rotation.from_matrix(turned).as_quat(canonical=True, scalar_first=True)
    moved = replace(cameras, T_cam_world=np.concatenate([quaternion, place], 1)[:, None])
    return Settled(cameras=moved, scale=scale, R=R, shift=shift)
