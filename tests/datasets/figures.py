"""Joint positions of motions on bare rigs, computed joint by joint, for tests."""

import numpy as np
from scipy.spatial.transform import Rotation

from marey.core import BodyMotion


def joint_positions(motion: BodyMotion, person: int = 0) -> dict[str, np.ndarray]:
    """Return (T, 3) m in the world for each joint; NaN where the person is missing."""
    rig = motion.body
    assert not isinstance(rig, str)
    known = motion.confidence[person] > 0
    pose = np.where(known[:, None], motion.T_world_root[person], [1, 0, 0, 0, 0, 0, 0])
    turn = [Rotation.from_quat(pose[:, :4], scalar_first=True)]
    place = [np.where(known[:, None], pose[:, 4:], np.nan)]
    for column, parent in enumerate(rig.parents):
        own = np.where(known[:, None], motion.R_parent_joint[person, :, column], [1, 0, 0, 0])
        place.append(place[parent + 1] + turn[parent + 1].apply(rig.offset[column]))
        turn.append(turn[parent + 1] * Rotation.from_quat(own, scalar_first=True))
    return dict(zip((rig.root, *rig.joints), place, strict=True))
