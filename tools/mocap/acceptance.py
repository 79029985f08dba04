"""Which frames a set of limits accepts, and impossible poses made from real ones."""

from collections.abc import Callable

import numpy as np
from scipy.spatial.transform import Rotation

from mocap.dataset import kind_of, left
from mocap.to_smpl import JOINTS, LEG

ELBOW_BACK_DEG = 30
KNEE_SIDEWAYS_DEG = 45
NECK_TURN_DEG = 90


def spoil(
    R: np.ndarray,
    joint: str,
    *,
    elbow: float = ELBOW_BACK_DEG,
    knee: float = KNEE_SIDEWAYS_DEG,
    neck: float = NECK_TURN_DEG,
) -> np.ndarray:
    """Return rotations of one joint (T, 3, 3) made impossible.

    The elbow's flexion becomes -30 degrees, the knee's sideways bend 45 degrees to the side where
    it is already (other angles stay); the neck turns by 90 degrees more than it does.
    """
    kind = kind_of(joint)
    one = left(joint, R)
    if kind == "elbow":
        angle = Rotation.from_matrix(one).as_euler("YZX", degrees=True)
        angle[:, 0] = elbow
        one = Rotation.from_euler("YZX", angle, degrees=True).as_matrix()
    elif kind == "knee":
        angle = Rotation.from_matrix(one).as_euler("XZY", degrees=True)
        angle[:, 1] = np.where(angle[:, 1] < 0, -knee, knee)
        one = Rotation.from_euler("XZY", angle, degrees=True).as_matrix()
    elif kind == "neck":
        angle = Rotation.from_matrix(one).as_euler("YXZ", degrees=True)
        angle[:, 0] += np.where(angle[:, 0] < 0, -neck, neck)
        one = Rotation.from_euler("YXZ", angle, degrees=True).as_matrix()
    else:
        raise ValueError(f"no impossible {kind} is defined")
    return left(joint, one)


def joint_excess(R: np.ndarray, normal: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """Return the largest excess (T,) of rotations over half-spaces, rad."""
    return (R.reshape(-1, 9) @ normal.reshape(-1, 9).T - bound).max(1)


SPOILED = tuple(j for j in JOINTS if kind_of(j) in ("elbow", "knee", "neck"))


LIMBS = (("hip", "knee", "ankle", LEG), ("shoulder", "elbow", "wrist", (1.0, 0.0, 0.0)))


def best_turn(R: np.ndarray, excess: Callable[[str, np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the excess (T, J) with every limb turned about itself as suits it best.

    With G a turn about the bone, (R_1 G, G^-1 R_2 G, G^-1 R_3) has all joints in the same places as
    (R_1, R_2, R_3) and foot or hand as they were: what a straight limb's recording cannot tell.

    Args:
        R: (T, J, 3, 3) rotations of `JOINTS`.
        excess: Of rotations (T, 3, 3) of a joint, by its name without a side.
    """
    worst = np.full(R.shape[:2], -np.inf)
    for column, joint in enumerate(JOINTS):
        worst[:, column] = excess(kind_of(joint), left(joint, R[:, column]))
    for side in ("left", "right"):
        for *kinds, bone in LIMBS:
            columns = [JOINTS.index(f"{side}_{kind}") for kind in kinds]
            one, two, three = (left(f"{side}_", R[:, column]) for column in columns)
            axis = np.array(bone) / np.linalg.norm(bone)
            best = worst[:, columns]
            for angle in range(-165, 181, 15):
                G = Rotation.from_rotvec(np.radians(angle) * axis).as_matrix()
                turned = (one @ G, G.T @ two @ G, G.T @ three)
                trial = np.stack([excess(k, X) for k, X in zip(kinds, turned, strict=True)], 1)
                better = trial.max(1) < best.max(1)
                best[better] = trial[better]
            worst[:, columns] = best
    return worst
