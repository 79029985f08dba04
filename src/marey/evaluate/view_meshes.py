"""Meshes of the shipped body, made from poses where benchmarks compare vertices."""

import numpy as np
import torch
from jaxtyping import Float

from marey.body import load_body
from marey.core import BodyMotion

OWN = "marey-h"
_BLOCK = 64  # frames


def make_meshes(motion: BodyMotion) -> Float[np.ndarray, "N T V 3"]:
    """Return everyone's light mesh of marey-h in the world, m; NaN where somebody is absent.

    The light mesh has about 3000 vertices, so that a body takes 36 kB, a quarter of the full one.

    Args:
        motion: Of marey-h.
    """
    body = load_body(OWN, mesh="light")
    known = np.isfinite(motion.T_world_root).all(-1)
    known &= np.isfinite(motion.R_parent_joint).all((-1, -2))
    there = known & (motion.confidence > 0)
    # Single precision (errors of micrometres) and blocks of frames: posing needs many times the
    # memory of the mesh.
    meshes = np.full((*there.shape, len(body.v_template), 3), np.nan, np.float32)
    for person in range(len(there)):
        rows = np.flatnonzero(there[person])
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            shape, root, turn = (
                torch.from_numpy(np.array(values, np.float32))
                for values in (
                    motion.shape[person],
                    motion.T_world_root[person, block],
                    motion.R_parent_joint[person, block],
                )
            )
            with torch.no_grad():
                meshes[person, block] = body.vertices(body.pose(shape, root, turn)).numpy()
    return meshes
