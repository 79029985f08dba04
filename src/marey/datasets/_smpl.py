"""SMPL's parameters as corpora store them: 24 rotation vectors, ten shape coefficients."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from marey.core import BodyMotion

NUM_JOINTS = 24


def make_body_motion(
    people: Sequence[str],
    time: Float[np.ndarray, "T"],
    pose: Float[np.ndarray, "N T 72"],
    *,
    shape: Float[np.ndarray, "N S"],
    trans: Float[np.ndarray, "N T 3"] | None = None,
    valid: Bool[np.ndarray, "N T"] | None = None,
    body: str = "smpl",
    root: Rotation | None = None,
) -> BodyMotion:
    """Make a motion from SMPL's parameters.

    Args:
        people: Names.
        time: s.
        pose: Rotation vectors, the root's first, rad.
        shape: Coefficients of SMPL's shape space.
        trans: SMPL's translation, m: how far the root joint moved from its place in the shaped
            rest body. Taken as the root's position, as `marey.io.amass` does: without the licensed
            body its rest is unknown. Zero if None: the corpus knows no place.
        valid: Frames that count.
        body: Kind of body.
        root: Rotation from the corpus's world to marey's.
    """
    turn = Rotation.from_rotvec(np.nan_to_num(pose).reshape(-1, 3))
    turn = turn.as_quat(scalar_first=True).reshape(*pose.shape[:2], -1, 4)
    position = np.zeros((*pose.shape[:2], 3)) if trans is None else trans.astype(np.float64)
    if root is not None:
        own = Rotation.from_quat(turn[:, :, 0].reshape(-1, 4), scalar_first=True)
        turn[:, :, 0] = (root * own).as_quat(scalar_first=True).reshape(*pose.shape[:2], 4)
        position = root.apply(position.reshape(-1, 3)).reshape(position.shape)
    known = np.isfinite(pose).all(-1) & np.isfinite(position).all(-1)
    known = np.asarray(known if valid is None else known & valid)
    place = np.concatenate([turn[:, :, 0], position], -1)
    place[~known] = np.nan
    turn[~known] = np.nan
    return BodyMotion(
        body=body,
        people=tuple(people),
        time=time,
        shape=shape.astype(np.float32),
        T_world_root=place.astype(np.float32),
        R_parent_joint=turn[:, :, 1:].astype(np.float32),
        confidence=known.astype(np.float32),
    )
