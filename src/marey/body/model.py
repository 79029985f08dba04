"""One body for every file: template, shape directions, a tree of joints and skinning weights.

Posing has two stages, and the second exists only on the result of the first:

    posed = body.pose(shape, T_world_root, R_parent_joint)   joints, about 0.3 ms
    vertices = body.vertices(posed)                          the mesh, where it is needed

Joint 0 is the root and is not among the rig's J joints; arrays over all joints have K = J + 1 rows.
`T_world_root` holds a quaternion wxyz and the position of the root joint itself. SMPL's `trans` is
not that position: it is added to the rest position of the pelvis, which depends on the shape, and
`Body.root_position` converts it. At rest the frames of all joints are parallel to the body's own
axes: Y up, facing +Z, the person's left is +X.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from marey.body.kinematics import compose_tree
from marey.body.landmarks import Landmarks
from marey.body.skinning import relative_transforms, skin_dense, skin_points
from marey.core import Rig
from marey.core.errors import InputError, ShapeError
from marey.geometry.rotation import quaternion_to_matrix

CHUNK = 64
"""Meshes skinned at a time: larger chunks fall out of the caches and are slower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PosedBody:
    """Joints of posed bodies in the world, and what is needed to place points on them."""

    shape: Float[Tensor, "*batch S"]
    R_parent_joint: Float[Tensor, "*batch J 3 3"]
    R_world_joint: Float[Tensor, "*batch K 3 3"]
    """Rotations of the root and the J joints."""
    joints: Float[Tensor, "*batch K 3"]
    """Positions of the root and the J joints, m."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A parametric body with linear blend skinning."""

    name: str
    version: str
    rig: Rig
    """Names, tree and rest offsets of the mean shape."""
    parents: tuple[int, ...]
    """Parent of each of the K joints; -1 for the root."""
    faces: Int[Tensor, "F 3"]
    v_template: Float[Tensor, "V 3"]
    shapedirs: Float[Tensor, "V 3 S"]
    posedirs: Float[Tensor, "P V*3"] | None
    """Pose blend shapes over the 9 J entries of R - I, or None."""
    weights: Float[Tensor, "V K"]
    sparse: tuple[Tensor, Tensor] | None
    """Joints and weights per vertex, largest first, if no vertex follows more than four."""
    joint_template: Float[Tensor, "K 3"]
    joint_shapedirs: Float[Tensor, "K 3 S"]
    landmarks: Landmarks

    @property
    def num_shape(self) -> int:
        """Number of shape coefficients S."""
        return self.shapedirs.shape[-1]

    @property
    def num_joints(self) -> int:
        """Number of rotating joints J, without the root."""
        return len(self.parents) - 1

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the K joints, the root first."""
        return (self.rig.root, *self.rig.joints)

    @property
    def points(self) -> tuple[str, ...]:
        """Names `landmark_positions` knows: all joints, then all landmarks."""
        return (*self.joint_names, *self.landmarks.names)

    def to(self, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None):
        """Return the same body on another device or in another floating-point type."""
        changes = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                kind = dtype if value.is_floating_point() else None
                changes[field.name] = value.to(device=device, dtype=kind)
        if self.sparse is not None:
            index, value = self.sparse
            changes["sparse"] = (index.to(device=device), value.to(device=device, dtype=dtype))
        landmarks = self.landmarks.to(device=device, dtype=dtype)
        return replace(self, landmarks=landmarks, **changes)

    def rest_joints(self, shape: Float[Tensor, "*batch S"]) -> Float[Tensor, "*batch K 3"]:
        """Return the joints of the rest pose in the body's own axes, m."""
        return _add_directions(self.joint_template, self.joint_shapedirs, shape)

    def root_position(
        self, shape: Float[Tensor, "*#batch S"], trans: Float[Tensor, "*#batch 3"]
    ) -> Float[Tensor, "*batch 3"]:
        """Return the position of the root joint for a translation in SMPL's sense."""
        return self.rest_joints(shape)[..., 0, :] + trans

    def rig_of_shape(self, shape: Float[Tensor, "S"]) -> Rig:
        """Return the rig with the bone lengths of one shape (for BVH, glTF and the like)."""
        rest = self.rest_joints(shape).detach().cpu().numpy()
        offset = rest[1:] - rest[list(self.parents[1:])]
        rig = self.rig
        return Rig(
            name=rig.name,
            root=rig.root,
            joints=rig.joints,
            parents=rig.parents,
            offset=offset.astype(np.float32),
        )

    def pose(
        self,
        shape: Float[Tensor, "*#batch S"],
        T_world_root: Float[Tensor, "*#batch 7"],
        R_parent_joint: Float[Tensor, "*#batch J 4"] | Float[Tensor, "*#batch J 3 3"],
    ) -> PosedBody:
        """Place the joints in the world.

        Args:
            shape: Shape coefficients; fewer than the body has are filled up with zeros.
            T_world_root: Quaternion wxyz and position (m) of the root joint.
            R_parent_joint: Rotations relative to the parent, quaternions or matrices.

        Raises:
            ShapeError: If the number of joints or of shape coefficients does not fit the body.
        """
        is_quaternion = R_parent_joint.shape[-1] == 4
        R = quaternion_to_matrix(R_parent_joint) if is_quaternion else R_parent_joint
        root = quaternion_to_matrix(T_world_root[..., :4])
        return self.pose_matrices(shape, root, R, position=T_world_root[..., 4:])

    def pose_matrices(
        self,
        shape: Float[Tensor, "*#batch S"],
        R_world_root: Float[Tensor, "*#batch 3 3"],
        R_parent_joint: Float[Tensor, "*#batch J 3 3"],
        *,
        position: Float[Tensor, "*#batch 3"],
    ) -> PosedBody:
        """Place the joints in the world, with every rotation a matrix (networks give these)."""
        if R_parent_joint.shape[-3] != self.num_joints:
            raise ShapeError(
                f"{self.name} has {self.num_joints} joints below its root, "
                f"got rotations for {R_parent_joint.shape[-3]}"
            )
        shape = self._complete(shape)
        batch = torch.broadcast_shapes(
            shape.shape[:-1],
            R_world_root.shape[:-2],
            R_parent_joint.shape[:-3],
            position.shape[:-1],
        )
        local = R_parent_joint.expand(*batch, self.num_joints, 3, 3)
        chain = torch.cat([R_world_root.expand(*batch, 3, 3)[..., None, :, :], local], dim=-3)
        R, joints = compose_tree(self.rest_joints(shape), chain, position, parents=self.parents)
        shape = shape.expand(*batch, self.num_shape)
        return PosedBody(shape=shape, R_parent_joint=local, R_world_joint=R, joints=joints)

    def vertices(self, posed: PosedBody, *, chunk: int = CHUNK) -> Float[Tensor, "*batch V 3"]:
        """Return the mesh of posed bodies in the world, m."""
        batch = posed.joints.shape[:-2]
        shape = posed.shape.reshape(-1, self.num_shape)
        R_local = posed.R_parent_joint.reshape(-1, self.num_joints, 3, 3)
        R = posed.R_world_joint.reshape(-1, len(self.parents), 3, 3)
        joints = posed.joints.reshape(-1, len(self.parents), 3)
        meshes = []
        for start in range(0, len(shape), chunk):
            part = slice(start, start + chunk)
            rest = _add_directions(self.v_template, self.shapedirs, shape[part])
            rest = _add_pose(rest, self.posedirs, R_local[part])
            transforms = relative_transforms(R[part], joints[part], self.rest_joints(shape[part]))
            meshes.append(skin_points(rest, transforms, self.weights, self.sparse))
        count = self.v_template.shape[0]
        if not meshes:
            return posed.joints.new_zeros(*batch, count, 3)
        return torch.cat(meshes).reshape(*batch, count, 3)

    def landmark_positions(
        self, posed: PosedBody, names: Sequence[str] | None = None
    ) -> Float[Tensor, "*batch L 3"]:
        """Return joints and landmarks by name in the world, m, without computing the mesh.

        Args:
            posed: Posed bodies.
            names: Names out of `points`; all landmarks if not given.

        Raises:
            InputError: If the body has no such point.
        """
        names = self.landmarks.names if names is None else tuple(names)
        place = {name: index for index, name in enumerate(self.points)}
        unknown = [name for name in names if name not in place]
        if unknown:
            raise InputError(f"{self.name} has no point named {', '.join(unknown)}")
        marks = self._skin_landmarks(posed)
        table = torch.cat([posed.joints, marks], dim=-2)
        return table[..., [place[name] for name in names], :]

    def _skin_landmarks(self, posed: PosedBody) -> Float[Tensor, "*batch L 3"]:
        batch, marks = posed.joints.shape[:-2], self.landmarks
        shape = posed.shape.reshape(-1, self.num_shape)
        rest = _add_directions(marks.template, marks.shapedirs, shape)
        local = posed.R_parent_joint.reshape(-1, self.num_joints, 3, 3)
        rest = _add_pose(rest, marks.posedirs, local)
        transforms = relative_transforms(
            posed.R_world_joint.reshape(-1, len(self.parents), 3, 3),
            posed.joints.reshape(-1, len(self.parents), 3),
            self.rest_joints(shape),
        )
        return skin_dense(rest, transforms, marks.weights).reshape(*batch, len(marks.names), 3)

    def _complete(self, shape: Tensor) -> Tensor:
        given = shape.shape[-1]
        if given > self.num_shape:
            raise ShapeError(
                f"{self.name} was loaded with {self.num_shape} shape coefficients, got {given}; "
                f"load it with num_shape={given} if its file has as many"
            )
        return torch.nn.functional.pad(shape, (0, self.num_shape - given))


def _add_directions(template: Tensor, directions: Tensor, shape: Tensor) -> Tensor:
    """Return template + directions . shape for (N 3), (N 3 S) and (*batch S)."""
    change = shape @ directions.flatten(0, 1).mT
    return template + change.unflatten(-1, template.shape)


def _add_pose(rest: Tensor, posedirs: Tensor | None, R_local: Tensor) -> Tensor:
    """Add the pose blend shapes: linear in the entries of R - I of every joint but the root."""
    if posedirs is None:
        return rest
    feature = (R_local - torch.eye(3, dtype=rest.dtype, device=rest.device)).flatten(-3)
    return rest + (feature @ posedirs).unflatten(-1, rest.shape[-2:])
