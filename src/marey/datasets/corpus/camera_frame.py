"""Bodies of the SMPL family carried from the world into a camera's axes.

SMPL turns about its own origin and then moves by `transl`, while its root joint rests at J0, which
depends on the shape. A rigid motion x -> R x + d of the posed body therefore is

    global_orient' = R global_orient,    transl' = R (transl + J0) + d - J0,

with betas and body pose as they were. Where the extrinsics E are of a world with a unit of its own
(COLMAP's) and S is the similarity from the metric world to it, E S has a scale; s E S with
s = 1 / |(E S)[0, :3]| is the rigid motion, in metres (Harmony4D's release).
"""

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation


def make_rigid(
    extrinsics: Float[np.ndarray, "*batch 3 4"], similarity: Float[np.ndarray, "4 4"]
) -> Float[np.ndarray, "*batch 3 4"]:
    """Return the rigid motion from the metric world into a camera's axes.

    Args:
        extrinsics: From COLMAP's world to the camera.
        similarity: From the metric world to COLMAP's.
    """
    scaled = extrinsics @ similarity
    return scaled / np.linalg.norm(scaled[..., :1, :3], axis=-1, keepdims=True)


def to_camera_frame(
    global_orient: Float[np.ndarray, "*#batch 3"],
    transl: Float[np.ndarray, "*#batch 3"],
    root_rest: Float[np.ndarray, "*#batch 3"],
    motion: Float[np.ndarray, "*#batch 3 4"],
) -> tuple[Float[np.ndarray, "*batch 3"], Float[np.ndarray, "*batch 3"]]:
    """Carry bodies into a camera's axes.

    Args:
        global_orient: Rotation vector of the root, rad.
        transl: SMPL's translation, m.
        root_rest: J0, the root joint of the shaped body at rest, m.
        motion: The rigid motion from the world into the camera's axes.

    Returns:
        The rotation vector and the translation in the camera's axes.
    """
    R, d = motion[..., :3], motion[..., 3]
    own = Rotation.from_rotvec(np.reshape(global_orient, (-1, 3))).as_matrix()
    turned = R @ own.reshape(*np.shape(global_orient)[:-1], 3, 3)
    orient = Rotation.from_matrix(turned.reshape(-1, 3, 3)).as_rotvec()
    moved = (R @ (transl + root_rest)[..., None])[..., 0] + d - root_rest
    return orient.reshape(*turned.shape[:-2], 3), moved


def to_matrices(pose: Float[np.ndarray, "*batch 7"]) -> Float[np.ndarray, "*batch 3 4"]:
    """Return transforms of seven numbers (quaternion wxyz, translation) as matrices."""
    flat = np.asarray(pose, np.float64).reshape(-1, 7)
    R = Rotation.from_quat(flat[:, :4], scalar_first=True).as_matrix()
    matrices = np.concatenate([R, flat[:, 4:, None]], -1)
    return matrices.reshape(*np.shape(pose)[:-1], 3, 4)
