"""Named points on the skin that are not joints: nose, ears, toes, heels, finger tips.

A landmark knows the joint that carries it (`joint`), so that kinematics alone can place it. On the
body we ship that is exact: its landmarks are rigidly attached. On the user's own SMPL files a
landmark is a vertex, whose `weights` may name several joints and which may have pose blend shapes;
then `joint` is the strongest of them and a rigid placement is an approximation.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Landmarks:
    """L named points in the rest pose of a body with K joints (the root is joint 0)."""

    names: tuple[str, ...]
    joint: Int[Tensor, "L"]
    """The joint that carries each point."""
    template: Float[Tensor, "L 3"]
    """Rest position on the mean shape, in the body's axes, m."""
    shapedirs: Float[Tensor, "L 3 S"]
    weights: Float[Tensor, "L K"]
    """Skinning weights; one 1 per row where the attachment is rigid."""
    posedirs: Float[Tensor, "P L*3"] | None = None

    def index(self, name: str) -> int:
        """Return the position of a landmark in `names`."""
        return self.names.index(name)

    def to(self, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None):
        """Return the same landmarks on another device or in another floating-point type."""
        posedirs = self.posedirs
        return Landmarks(
            names=self.names,
            joint=self.joint.to(device=device),
            template=self.template.to(device=device, dtype=dtype),
            shapedirs=self.shapedirs.to(device=device, dtype=dtype),
            weights=self.weights.to(device=device, dtype=dtype),
            posedirs=None if posedirs is None else posedirs.to(device=device, dtype=dtype),
        )
