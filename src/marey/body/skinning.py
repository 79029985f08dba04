"""Linear blend skinning: moving a mesh with the joints of its body.

The torch version is the reference, works on every device and has gradients. The numba kernel next
to it (`skin_sparse`) serves float32 arrays on a CPU when no gradient is asked for and no vertex
follows more than four joints; a test compares the two.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from marey.body._skinning_numba import skin_sparse

MAX_SPARSE = 4


def relative_transforms(
    rotations: Float[Tensor, "B K 3 3"],
    joints: Float[Tensor, "B K 3"],
    rest: Float[Tensor, "B K 3"],
) -> Float[Tensor, "B K 3 4"]:
    """Return the transforms that carry rest-pose points of each joint to the world."""
    t = joints - (rotations @ rest[..., None]).squeeze(-1)
    return torch.cat([rotations, t[..., None]], dim=-1)


def skin_dense(
    points: Float[Tensor, "B V 3"],
    transforms: Float[Tensor, "B K 3 4"],
    weights: Float[Tensor, "V K"],
) -> Float[Tensor, "B V 3"]:
    """Blend the joints' transforms by weight and move each point with its own blend."""
    T = (weights @ transforms.flatten(-2)).unflatten(-1, (3, 4))
    return (T[..., :3] @ points[..., None]).squeeze(-1) + T[..., 3]


def skin_points(
    points: Float[Tensor, "B V 3"],
    transforms: Float[Tensor, "B K 3 4"],
    weights: Float[Tensor, "V K"],
    sparse: "tuple[Int[Tensor, 'V W'], Float[Tensor, 'V W']] | None" = None,
) -> Float[Tensor, "B V 3"]:
    """Skin with the numba kernel where it applies and with torch everywhere else."""
    wants_gradient = torch.is_grad_enabled() and (points.requires_grad or transforms.requires_grad)
    on_cpu = points.device.type == "cpu" and points.dtype == torch.float32
    if sparse is None or wants_gradient or not on_cpu:
        return skin_dense(points, transforms, weights)
    index, value = sparse
    result = torch.empty(points.shape, dtype=points.dtype)
    skin_sparse(
        points.detach().contiguous().numpy(),
        transforms.detach().contiguous().numpy(),
        index.numpy(),
        value.numpy(),
        result.numpy(),
    )
    return result


def sparse_weights(
    weights: Float[Tensor, "V K"],
) -> "tuple[Int[Tensor, 'V W'], Float[Tensor, 'V W']] | None":
    """Return the joints and weights of each vertex, or None if one follows more than four."""
    if int((weights != 0).sum(1).max()) > MAX_SPARSE:
        return None
    value, index = weights.topk(min(MAX_SPARSE, weights.shape[1]), dim=1)
    return index.to(torch.int32).contiguous(), value.contiguous()
