"""Where the points of a person are, a stretch of frames at a time."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from marey.body.kinematics import compose_tree
from marey.body.load import load_body
from marey.body.model import Body
from marey.core import BodyMotion, Cameras, Person, Rig
from marey.geometry.projection import project_points, transform_points
from marey.geometry.rotation import quaternion_to_matrix
from marey.view.report.parts import part_of

STRETCH = 1024
"""Frames posed at a time."""
BEFORE = 3
"""Frames before a stretch that a third derivative needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Some frames of one person's span, with a few frames before them."""

    frames: slice
    """The frames that count, in the person's own count."""
    lead: int
    """How many of the first frames belong to the stretch before."""

    @property
    def all(self) -> slice:
        """The frames with those before them."""
        return slice(self.frames.start - self.lead, self.frames.stop)


def stretches(num_frames: int) -> Generator[Stretch, None, None]:
    """Cover a span with stretches."""
    for start in range(0, num_frames, STRETCH):
        stop = min(start + STRETCH, num_frames)
        yield Stretch(frames=slice(start, stop), lead=min(start, BEFORE))


class PosedPoints:
    """The joints and landmarks of one person's motion."""

    def __init__(self, motion: BodyMotion):
        """Prepare a motion, N = 1; its body is loaded by name.

        Raises:
            InputError: If the body's file is not there.
        """
        self._motion = motion
        self._rig = motion.body if isinstance(motion.body, Rig) else None
        self._body: Body | None = None
        if self._rig is not None:
            self.joints: tuple[str, ...] = (self._rig.root, *self._rig.joints)
            self.names = self.joints
        else:
            self._body = find_body(motion)
            self.joints = self._body.joint_names
            # Details of the face are many, and nothing here asks for them.
            marks = (name for name in self._body.landmarks.names if part_of(name) != "other")
            self.names = (*self.joints, *marks)

    def place(self, frames: slice) -> Float32[np.ndarray, "L P 3"]:
        """Return all points in some frames in the world, m; NaN where absent."""
        root = self._motion.T_world_root[0, frames]
        pose = self._motion.R_parent_joint[0, frames]
        present = np.isfinite(root).all(-1) & np.isfinite(pose).all((-1, -2))
        result = np.full((len(root), len(self.names), 3), np.nan, np.float32)
        if present.any():
            placed = self._pose(_tensor(root[present]), _tensor(pose[present]))
            result[present] = placed.numpy()
        return result

    def _pose(self, root: Tensor, pose: Tensor) -> Float[Tensor, "M P 3"]:
        with torch.inference_mode():
            if self._body is not None:
                shape = _tensor(self._motion.shape[0]).expand(len(root), -1)
                posed = self._body.pose(shape, root, pose)
                return self._body.landmark_positions(posed, self.names)
            assert self._rig is not None
            turns = quaternion_to_matrix(torch.cat([root[:, None, :4], pose], 1))
            parents = (-1, *(parent + 1 for parent in self._rig.parents))
            rest = _rest_joints(self._rig)
            return compose_tree(rest, turns, root[:, 4:], parents=parents)[1]


def find_body(motion: BodyMotion) -> Body:
    """Load the body of a motion; of the shipped one, whose joints are all the same, the light."""
    source = str(motion.body)
    mesh = "full" if Path(source).suffix else "light"
    return load_body(source, mesh=mesh, num_shape=motion.shape.shape[1])


def project(
    points: Float[np.ndarray, "L P 3"],
    cameras: Cameras,
    person: Person,
    *,
    frames: slice,
    view: int,
) -> Float[np.ndarray, "L P 2"]:
    """Return where a view shows points in some frames of a person's span, px."""
    poses = cameras.T_cam_world[view]
    if len(poses) > 1:
        poses = poses[person.start + frames.start : person.start + frames.stop]
    transform = _tensor(poses)[:, None].to(torch.float64)
    with torch.inference_mode():
        seen = transform_points(transform, torch.from_numpy(points.astype(np.float64)))
        K = _tensor(cameras.K[view]).to(torch.float64)
        distortion = _tensor(cameras.distortion[view]).to(torch.float64)
        return project_points(seen, K, distortion, model=cameras.model).numpy()


def _rest_joints(rig: Rig) -> Float[Tensor, "K 3"]:
    rest = np.zeros((1 + len(rig.joints), 3), np.float32)
    for joint, parent in enumerate(rig.parents):
        rest[joint + 1] = rest[parent + 1] + rig.offset[joint]
    return torch.from_numpy(rest)


def _tensor(array: np.ndarray) -> Tensor:
    # Mapped files are read-only, which torch does not like to share.
    return torch.from_numpy(np.array(array))
