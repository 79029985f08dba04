"""Posed meshes of the people in a motion."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Int

from marey.body.load import load_body
from marey.body.model import Body
from marey.core import BodyMotion, Rig
from marey.core.errors import InputError


def load_drawn_body(motion: BodyMotion) -> Body:
    """Return the light mesh of a motion's body.

    Raises:
        InputError: If the motion is of a bare rig, which has no surface to draw.
    """
    if isinstance(motion.body, Rig):
        raise InputError(f"the rig '{motion.body.name}' has no mesh to draw; export it as .glb")
    light = not Path(motion.body).suffix
    return load_body(motion.body, mesh="light" if light else "full")


def pose_meshes(body: Body, motion: BodyMotion, frames: slice) -> Float32[np.ndarray, "N L V 3"]:
    """Return the vertices of all people in some frames in the world, m; NaN where absent."""
    root, pose = motion.T_world_root[:, frames], motion.R_parent_joint[:, frames]
    present = np.all(np.isfinite(root), -1) & np.all(np.isfinite(pose), (-1, -2))
    vertices = np.full((*present.shape, len(body.v_template), 3), np.nan, np.float32)
    shape = np.broadcast_to(motion.shape[:, None], (*present.shape, motion.shape.shape[1]))
    arrays = (np.ascontiguousarray(values[present]) for values in (shape, root, pose))
    with torch.no_grad():
        posed = body.pose(*(torch.from_numpy(values) for values in arrays))
        vertices[present] = body.vertices(posed).numpy()
    return vertices


def mesh_faces(body: Body) -> Int[np.ndarray, "F 3"]:
    """Return the body's faces."""
    return body.faces.numpy()
