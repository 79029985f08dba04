"""The compiled kernel of `skinning.py`."""

import numpy as np
from jaxtyping import Float, Int

from marey.geometry._compile import compile_kernel


@compile_kernel
def skin_sparse(
    points: Float[np.ndarray, "B V 3"],
    transforms: Float[np.ndarray, "B K 3 4"],
    index: Int[np.ndarray, "V W"],
    value: Float[np.ndarray, "V W"],
    result: Float[np.ndarray, "B V 3"],
) -> None:
    """Write the skinned points into `result`; weights are sorted, so the first 0 ends a row."""
    for b in range(points.shape[0]):
        for v in range(points.shape[1]):
            x, y, z = points[b, v, 0], points[b, v, 1], points[b, v, 2]
            sx = sy = sz = np.float32(0)
            for k in range(index.shape[1]):
                w = value[v, k]
                if w == 0:
                    break
                T = transforms[b, index[v, k]]
                sx += w * (T[0, 0] * x + T[0, 1] * y + T[0, 2] * z + T[0, 3])
                sy += w * (T[1, 0] * x + T[1, 1] * y + T[1, 2] * z + T[1, 3])
                sz += w * (T[2, 0] * x + T[2, 1] * y + T[2, 2] * z + T[2, 3])
            result[b, v, 0] = sx
            result[b, v, 1] = sy
            result[b, v, 2] = sz
