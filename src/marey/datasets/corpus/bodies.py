"""Everyone's bodies of a take as a corpus of SMPL holds them, some frames at a time.

A motion on the user's own SMPL file is written as it is. A motion on marey-h has SMPL's joints, so
its rotations stand in `body_pose`; its shape means nothing in SMPL's space, so `betas` are zero and
the file names the body beside its own pose and shape.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from marey.body import Body, load_body
from marey.core import BodyMotion, Rig, Take, convert_keypoints, load_skeleton
from marey.core.errors import InputError

SMPL_45, COCO_17 = load_skeleton("smpl-45"), load_skeleton("coco-17")
NUM_BETAS, NUM_SMPL_JOINTS, NUM_BODY_JOINTS = 10, 23, 21
OWN = "marey-h"


@dataclass(frozen=True, slots=True, kw_only=True)
class PosedPeople:
    """N people over t frames; NaN where one is absent."""

    present: Bool[np.ndarray, "N t"]
    orient: Float[np.ndarray, "N t 3"]
    transl: Float[np.ndarray, "N t 3"]
    pose: Float[np.ndarray, "N t 69"]
    joints: Float[np.ndarray, "N t 45 3"]
    coco: Float[np.ndarray, "N t 17 4"]
    """COCO's joints, with 1 for those that are there; zeros for those that are not."""
    vertices: Float[np.ndarray, "N t V 3"]
    own_pose: Float[np.ndarray, "N t J 3"] | None
    """Rotation vectors of all joints of marey-h, rad."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBodies:
    """The motion of a take's people on one body."""

    motion: BodyMotion
    body: Body
    root_rest: Float[np.ndarray, "N 3"]
    """J0 of each person, m."""
    betas: Float[np.ndarray, "N 10"]
    triangulated: Float[np.ndarray, "N T 17 4"] | None
    """Joints in space of the take, if it has them in the world."""

    @property
    def is_own(self) -> bool:
        """Whether the body is marey-h."""
        return self.body.name == OWN

    def read(self, start: int, stop: int) -> PosedPeople:
        """Pose everyone in some frames."""
        motion, frames = self.motion, slice(start, stop)
        root = motion.T_world_root[:, frames].astype(np.float64)
        turn = motion.R_parent_joint[:, frames].astype(np.float64)
        present = np.asarray(np.isfinite(root).all(-1) & np.isfinite(turn).all((-1, -2)))
        vectors = np.full((*turn.shape[:3], 3), np.nan)
        vectors[present] = _to_vectors(turn[present])
        orient = np.full((*present.shape, 3), np.nan)
        orient[present] = _to_vectors(root[present, :4])
        body_pose = np.zeros((*present.shape, NUM_SMPL_JOINTS, 3))
        count = NUM_BODY_JOINTS if self.is_own else NUM_SMPL_JOINTS
        body_pose[:, :, :count] = vectors[:, :, :count]
        joints = np.full((*present.shape, len(SMPL_45), 3), np.nan)
        landmarks = np.full((*present.shape, len(COCO_17), 3), np.nan)
        mesh = np.full((*present.shape, len(self.body.v_template), 3), np.nan, np.float32)
        for row in range(len(present)):
            rows = np.flatnonzero(present[row])
            if not len(rows):
                continue
            shape = torch.from_numpy(motion.shape[row].astype(np.float64))
            with torch.no_grad():
                posed = self.body.pose(
                    shape, torch.from_numpy(root[row, rows]), torch.from_numpy(turn[row, rows])
                )
                names = (*SMPL_45.keypoints, *COCO_17.keypoints)
                points = self.body.landmark_positions(posed, names).numpy()
                mesh[row, rows] = self.body.vertices(posed).numpy()
            joints[row, rows] = points[:, : len(SMPL_45)]
            landmarks[row, rows] = points[:, len(SMPL_45) :]
        coco = _with_flag(landmarks)
        if self.triangulated is not None:
            coco = self.triangulated[:, frames]
        return PosedPeople(
            present=present,
            orient=orient,
            transl=root[..., 4:] - self.root_rest[:, None],
            pose=body_pose.reshape(*present.shape, -1),
            joints=joints,
            coco=coco,
            vertices=mesh,
            own_pose=vectors if self.is_own else None,
        )

    def describe(self, posed: PosedPeople, person: int, row: int, *, mesh: bool) -> dict[str, Any]:
        """Return one person's body in one frame as the layout has it."""
        body: dict[str, Any] = {
            "global_orient": posed.orient[person, row],
            "transl": posed.transl[person, row],
            "body_pose": posed.pose[person, row],
            "betas": self.betas[person],
            "epoch_loss": float("nan"),
            "joints": posed.joints[person, row].astype(np.float32),
        }
        if posed.own_pose is not None:
            shape = self.motion.shape[person].astype(np.float64)
            body |= {"body": OWN, "marey_h_pose": posed.own_pose[person, row]}
            body["marey_h_shape"] = shape
        elif mesh:
            body["vertices"] = posed.vertices[person, row]
        return body


def take_bodies(take: Take) -> TakenBodies:
    """Return the bodies of a take.

    Raises:
        NothingFoundError: If nobody has a motion.
        InputError: If the motion is on another body than SMPL's or marey-h.
    """
    motion = take.motion
    body = _load(motion)
    shape = torch.from_numpy(motion.shape.astype(np.float32))
    rest = body.rest_joints(shape)[:, 0].numpy().astype(np.float64)
    betas = np.zeros((len(motion.people), NUM_BETAS))
    if body.name != OWN:
        count = min(NUM_BETAS, motion.shape.shape[1])
        betas[:, :count] = motion.shape[:, :count]
    return TakenBodies(
        motion=motion,
        body=body.to(dtype=torch.float64),
        root_rest=rest,
        betas=betas,
        triangulated=_triangulated(take, motion.people),
    )


def _load(motion: BodyMotion) -> Body:
    joints = motion.R_parent_joint.shape[2]
    if not isinstance(motion.body, Rig):
        if motion.body == OWN:
            return load_body(OWN, mesh="light")
        if joints == NUM_SMPL_JOINTS and motion.body != "smpl":
            return load_body(motion.body, num_shape=motion.shape.shape[1])
    name = motion.body.name if isinstance(motion.body, Rig) else motion.body
    raise InputError(
        f"the take moves {name} of {joints} joints, and the layout holds SMPL's body or marey-h; "
        "name your own SMPL file with --body (or marey-h)"
    )


def _triangulated(take: Take, people: Sequence[str]) -> Float[np.ndarray, "N T 17 4"] | None:
    result = np.full((len(people), len(take.time), len(COCO_17), 3), np.nan)
    found = False
    for person in take.people:
        points = person.keypoints3d
        if points is None or points.frame != "world" or person.name not in people:
            continue
        named = convert_keypoints(points.position, points.skeleton, COCO_17)
        valid = convert_keypoints(points.confidence, points.skeleton, COCO_17, axis=-1, missing=0.0)
        row, span = people.index(person.name), slice(person.start, person.stop)
        result[row, span] = np.where((valid > 0)[..., None], named, np.nan)[0]
        found = True
    return _with_flag(result) if found else None


def _with_flag(points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 4"]:
    known = np.isfinite(points).all(-1, keepdims=True)
    return np.concatenate([np.where(known, points, 0.0), known], -1)


def _to_vectors(turn: Float[np.ndarray, "*batch 4"]) -> Float[np.ndarray, "*batch 3"]:
    flat = Rotation.from_quat(turn.reshape(-1, 4), scalar_first=True).as_rotvec()
    return flat.reshape(*turn.shape[:-1], 3)
