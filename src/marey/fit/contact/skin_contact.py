"""What keeps skins that meet out of each other: forces on the joints that carry them.

A contact is a vertex of one skin and the closest place of another, with the direction out of it.
While bodies move a little the depth changes by how their two places move along that direction,

    depth = depth_0 - n . (p - p_0) + n . (q - q_0),

where p and q are carried by the joints as the skinning weights say (linear blend skinning; pose
blend shapes stay as they were). The cost of a contact is area (depth / sigma)^2 while it is
positive: area stands for how much skin a vertex speaks for, so that it does not matter how fine a
mesh is. The gradient on both sides is exact, equal and opposite; the second derivative is the bound
of `point_rows` with half for either side.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from marey.fit.chain import Placed
from marey.fit.contact._skin_contact_numba import attach_kernel, depth_kernel, push_kernel
from marey.fit.contact.near_skin import Near
from marey.fit.contact.skin import CARRIERS, Skin


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """R places on one body's skin and the joints that carry them."""

    frame: Int[np.ndarray, "R"]
    joint: Int[np.ndarray, "R 4"]
    weight: Float[np.ndarray, "R 4"]
    local: Float[np.ndarray, "R 4 3"]
    """The place in the axes of each of those joints, m."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkinContact:
    """R contacts between two bodies, linear in how their places move."""

    first: Side
    """Vertices."""
    second: Side
    """The places of the other skin closest to them."""
    normal: Float[np.ndarray, "R 3"]
    start: Float[np.ndarray, "R"]
    """Depth and what is to be taken away from it, see `depth`, m."""
    area: Float[np.ndarray, "R"]

    def depth(self, first: Placed, second: Placed) -> Float[np.ndarray, "R"]:
        """Return how deep each vertex lies below the other's surface, m; negative outside."""
        result = np.empty(len(self.start))
        depth_kernel(
            self.first.frame,
            self.second.frame,
            self.normal,
            self.start,
            *_carried(self.first),
            *_carried(self.second),
            *_axes(first),
            *_axes(second),
            result,
        )
        return result

    def push(
        self,
        placed: tuple[Placed, Placed],
        wrench: tuple[Float[np.ndarray, "L J 6"], Float[np.ndarray, "M J 6"]],
        inertia: tuple[Float[np.ndarray, "L J 6 6"], Float[np.ndarray, "M J 6 6"]],
        *,
        sigma: float,
    ) -> Float[np.ndarray, "R"]:
        """Add the derivatives of half the cost to both bodies' joints and return the cost.

        Args:
            placed: Both bodies.
            wrench: Gradients by the joints' twists about the root, added to.
            inertia: Bounds on the second derivatives, upper triangles, added to.
            sigma: m.
        """
        depth = np.maximum(self.depth(*placed), 0.0)
        stiff = np.where(depth > 0, self.area / sigma**2, 0.0)
        for side, sign, place, w, m in zip(
            (self.first, self.second), (-1.0, 1.0), placed, wrench, inertia, strict=True
        ):
            push_kernel(
                side.frame,
                sign * stiff * depth,
                2 * stiff,
                self.normal,
                *_carried(side),
                *_axes(place),
                w,
                m,
            )
        return stiff * depth**2


def hold_contact(
    near: Near,
    skins: tuple[Skin, Skin],
    meshes: tuple[Float[np.ndarray, "M V 3"], Float[np.ndarray, "M V 3"]],
    placed: tuple[Placed, Placed],
    frames: tuple[Int[np.ndarray, "M"], Int[np.ndarray, "M"]],
    *,
    clearance: float = 0.0,
) -> SkinContact:
    """Attach what was found to the joints of both bodies.

    Args:
        near: What was found in M frames.
        skins: Of both bodies.
        meshes: Of both, in those frames.
        placed: Both bodies in all their frames.
        frames: Which of those the M are, of either.
        clearance: Gap that is to be left, m.
    """
    (skin, other), corners = skins, skins[1].tree.faces[near.face]
    place = meshes[0][near.row, near.vertex].astype(np.float64)
    first = _attach(
        frames[0][near.row], place, skin.joint[near.vertex], skin.weight[near.vertex], placed[0]
    )
    there = np.einsum("rc,rcx->rx", near.corner, meshes[1][near.row[:, None], corners])
    joint, weight = _blend(other.joint[corners], other.weight[corners], near.corner)
    second = _attach(frames[1][near.row], there, joint, weight, placed[1])
    # Measured from the places themselves, so that carrying them costs no accuracy.
    start = clearance - near.distance + (near.normal * (place - there)).sum(1)
    return SkinContact(
        first=first,
        second=second,
        normal=near.normal,
        start=start,
        area=skin.area[near.vertex],
    )


def _blend(
    joint: Int[np.ndarray, "R 3 4"], weight: Float[np.ndarray, "R 3 4"], corner: np.ndarray
) -> tuple[Int[np.ndarray, "R 4"], Float[np.ndarray, "R 4"]]:
    """Return the joints that carry a place between three vertices."""
    joint, share = joint.reshape(len(joint), 12), (weight * corner[..., None]).reshape(-1, 12)
    same = joint[:, :, None] == joint[:, None, :]
    total = (same * share[:, None, :]).sum(2)
    # One joint counts where it comes first.
    first = ~(same & np.tri(12, k=-1, dtype=bool)).any(2)
    order = np.argsort(-(total * first), axis=1, kind="stable")[:, :CARRIERS]
    joint, total = np.take_along_axis(joint, order, 1), np.take_along_axis(total * first, order, 1)
    return joint, total / total.sum(1, keepdims=True)


def _attach(
    frame: Int[np.ndarray, "R"],
    place: Float[np.ndarray, "R 3"],
    joint: Int[np.ndarray, "R 4"],
    weight: Float[np.ndarray, "R 4"],
    placed: Placed,
) -> Side:
    joint = np.ascontiguousarray(joint)
    local = np.empty((len(place), CARRIERS, 3))
    attach_kernel(frame, place, joint, *_axes(placed), local)
    return Side(frame=frame, joint=joint, weight=np.ascontiguousarray(weight), local=local)


def _carried(side: Side) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return side.joint, side.weight, side.local


def _axes(placed: Placed) -> tuple[Float[np.ndarray, "L J 3 3"], Float[np.ndarray, "L J 3"]]:
    return placed.rotation.numpy(), placed.joints.numpy()
