"""Rigs and their motion: joints one can rotate."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """A tree of joints below one root.

    The root is not a joint: it carries the pose of the whole body in the world.
    """

    name: str
    root: str
    joints: tuple[str, ...]
    """Names of the J joints, parents before children."""
    parents: tuple[int, ...]
    """Parent of each joint as an index into `joints`; -1 is the root."""
    offset: Float[np.ndarray, "J 3"]
    """Rest position of each joint relative to its parent, m, in the rig's rest axes."""

    def index(self, joint: str) -> int:
        """Return the position of a joint in `joints`."""
        return self.joints.index(joint)


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyMotion:
    """The motion of N people over T frames on one kind of body.

    Where a person is absent, poses are NaN and the confidence is 0.
    """

    body: str | Rig
    """A parametric body's name (`marey-h`), or a bare rig (an imported BVH has no mesh)."""
    people: tuple[str, ...]
    time: Float[np.ndarray, "T"]
    shape: Float[np.ndarray, "N S"]
    """Shape coefficients: one body per person; S is 0 for a bare rig."""
    T_world_root: Float[np.ndarray, "N T 7"]
    """Rotation (quaternion wxyz) of the rest pose and position of the root joint in m."""
    R_parent_joint: Float[np.ndarray, "N T J 4"]
    """Joint rotations relative to the parent, quaternions wxyz."""
    confidence: Float[np.ndarray, "N T"]
    contact: Float[np.ndarray, "N T G"] | None = None
    """Probability that each contact point touches the floor."""
    contact_names: tuple[str, ...] = ()
    """Names of the G contact points."""
