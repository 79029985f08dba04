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

from marey.body.layouts import Layout

_BETWEEN = {
    "mid_hip": ("pelvis", ("left_hip", "right_hip")),
    "mid_shoulder": ("spine3", ("left_shoulder", "right_shoulder")),
    "upper_neck": ("neck", ("neck", "head")),
    "left_hand_wrist": ("left_wrist", ("left_wrist",)),
    "right_hand_wrist": ("right_wrist", ("right_wrist",)),
}
"""Points between joints: the joint that carries them, and the joints they lie between."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Skin:
    """What a body file says about its vertices (see `Body`)."""

    template: Float[Tensor, "V 3"]
    shapedirs: Float[Tensor, "V 3 S"]
    weights: Float[Tensor, "V K"]
    posedirs: Float[Tensor, "P V*3"] | None


def find_landmarks(
    skin: Skin, layout: Layout | None, nodes: tuple[tuple[str, ...], Tensor, Tensor]
) -> Landmarks:
    """Find the landmarks of a file that names none: known vertices, then points between joints.

    Args:
        skin: The file's vertices.
        layout: Which of the SMPL family it is.
        nodes: Joint names, their template (K 3) and shape directions (K 3 S).
    """
    joints, joint_template, joint_shapedirs = nodes
    known = layout is not None and layout.num_vertices == len(skin.template)
    vertices = dict(layout.landmark_vertices) if layout is not None and known else {}
    if known:
        head = skin.weights[:, joints.index("head")] > 0.5
        height = torch.where(head, skin.template[:, 1], -torch.inf)
        vertices["head_top"] = int(height.argmax())
    between = {name: place for name, place in _BETWEEN.items() if set(place[1]) <= set(joints)}
    index = torch.tensor(list(vertices.values()), dtype=torch.int64)
    carriers = torch.tensor([joints.index(carrier) for carrier, _ in between.values()])
    rows = [[joints.index(end) for end in ends] for _, ends in between.values()]
    weights = torch.cat(
        [skin.weights[index], torch.nn.functional.one_hot(carriers, len(joints)).float()]
    )
    return Landmarks(
        names=(*vertices, *between),
        joint=weights.argmax(1),
        template=torch.cat(
            [skin.template[index], torch.stack([joint_template[r].mean(0) for r in rows])]
        ),
        shapedirs=torch.cat(
            [skin.shapedirs[index], torch.stack([joint_shapedirs[r].mean(0) for r in rows])]
        ),
        weights=weights,
        posedirs=_posedirs_of(skin.posedirs, index, len(between)),
    )


def _posedirs_of(posedirs: Tensor | None, index: Tensor, num_between: int) -> Tensor | None:
    """Pick the pose blend shapes of some vertices; points between joints have none."""
    if posedirs is None:
        return None
    chosen = posedirs.unflatten(-1, (-1, 3))[:, index].flatten(1)
    return torch.cat([chosen, chosen.new_zeros(len(posedirs), 3 * num_between)], dim=1)
