"""Synthetic people as the front end hands them to the fit, and how far a fit is from the truth."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.body import Body
from marey.capture.fit_person import fit_person, make_bodies
from marey.capture.observe import PinholeView
from marey.core import BodyMotion, Keypoints2D, Keypoints3D
from marey.fit.threads import one_thread_each
from marey.synthetic import SyntheticScene

BODY_JOINTS = 22
"""Root, trunk, arms and legs come first in the rigs; fingers follow."""


def view_of(scene: SyntheticScene) -> PinholeView:
    K = scene.cameras.K[0]
    return PinholeView(float(K[0, 0]), (float(K[0, 2]), float(K[1, 2])))


def inputs(
    scene: SyntheticScene, *, sigma_px: float = 3.0, person: int = 0
) -> tuple[Keypoints2D, Keypoints3D]:
    """Return one person's keypoints, the landmarks in the axes of each crop's own camera."""
    one = slice(person, person + 1)
    seen, landmarks = scene.keypoints2d, scene.landmarks[0]
    confidence = seen.confidence[0, one].copy()
    image = replace(
        seen,
        people=seen.people[one],
        position=seen.position[0, one].copy(),
        confidence=confidence,
        sigma=np.full_like(confidence, sigma_px),
    )
    space = replace(
        landmarks,
        people=landmarks.people[one],
        position=_as_crops_see(scene, landmarks.position[one]),
        confidence=landmarks.confidence[one].copy(),
    )
    return image, space


def _as_crops_see(
    scene: SyntheticScene, space: Float[np.ndarray, "1 T K 3"]
) -> Float[np.ndarray, "1 T K 3"]:
    view, truth = view_of(scene), scene.truth2d.position[0, 0].astype(float)
    result = space.copy()
    for part in (slice(0, 91), slice(91, 112), slice(112, 133)):
        middle = np.nanmean(truth[:, part], axis=1)
        ray = np.concatenate([(middle - view.centre) / view.focal, np.ones((len(middle), 1))], 1)
        axis = np.cross([0.0, 0.0, 1.0], ray)
        angle = np.arctan(np.linalg.norm(ray[:, :2], axis=1))
        length = np.maximum(np.linalg.norm(axis, axis=1, keepdims=True), 1e-12)
        turn = Rotation.from_rotvec(axis / length * angle[:, None]).as_matrix()
        result[0, :, part] = np.einsum("tji,tkj->tki", turn, space[0, :, part])
    return result


def fit(scene: SyntheticScene, image: Keypoints2D, space: Keypoints3D) -> BodyMotion:
    with one_thread_each(), torch.inference_mode():
        motion = fit_person(make_bodies(scene.body), image, space, view_of(scene))
    assert motion is not None
    return motion


def joints_of(body: Body, motion: BodyMotion) -> Float[np.ndarray, "T J 3"]:
    """Return root and joints of the first person in the axes of the motion's world, m."""
    shape = torch.from_numpy(motion.shape[0]).expand(len(motion.time), -1)
    root, local = (torch.from_numpy(x[0]) for x in (motion.T_world_root, motion.R_parent_joint))
    return body.pose(shape, root, local).joints.numpy().astype(float)


def truth_of(scene: SyntheticScene) -> Float[np.ndarray, "T J 3"]:
    """Return the true joints of the first person in camera axes, m."""
    pose = scene.cameras.T_cam_world[0, 0]
    turn = Rotation.from_quat(pose[:4], scalar_first=True).as_matrix()
    return joints_of(scene.body, scene.motion) @ turn.T + pose[4:]


def root_aligned_mm(found: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance of joints with the roots on each other, over frames that were solved."""
    solved = np.isfinite(found).all((1, 2))
    apart = (found - found[:, :1]) - (truth - truth[:, :1])
    return float(np.linalg.norm(apart[solved], axis=-1).mean() * 1e3)


def procrustes_mm(found: np.ndarray, truth: np.ndarray) -> float:
    """The same after the best similarity transform of every frame."""
    errors = []
    for ours, theirs in zip(found, truth, strict=True):
        if not np.isfinite(ours).all():
            continue
        a, b = ours - ours.mean(0), theirs - theirs.mean(0)
        u, values, vt = np.linalg.svd(b.T @ a)
        values[2] *= np.sign(np.linalg.det(u @ vt))
        turn = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
        scale = values.sum() / (a**2).sum()
        errors.append(np.linalg.norm(scale * a @ turn.T - b, axis=-1).mean())
    return float(np.mean(errors) * 1e3)
