"""People in the world, seen from a chosen side: for pages, contact sheets and to check depth."""

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from scipy.spatial.transform import Rotation

from marey.body.model import Body
from marey.core import BodyMotion
from marey.core.errors import InputError, NothingFoundError
from marey.geometry.projection import Viewpoint
from marey.geometry.rotation import quaternion_rotate
from marey.view.colors import person_colors
from marey.view.meshes import load_drawn_body, mesh_faces, pose_meshes
from marey.view.shading import People
from marey.view.stage import build_stage, render_on_stage

SceneView = Literal["front", "side", "top", "turn"]

FIELD_OF_VIEW = np.radians(28.0)
"""A long lens, like that of a portrait: little perspective."""
ANGLES = {"front": (0.0, 8.0), "side": (90.0, 8.0), "top": (0.0, 89.9), "turn": (35.0, 14.0)}
"""Degrees around the people (0: from where they look, 90: from their left) and above the floor."""
FILL = 0.86
"""Share of the picture that the people may fill."""


def render_scene(
    motion: BodyMotion,
    frame: int,
    *,
    view: SceneView = "front",
    size: tuple[int, int] = (960, 720),
    body: Body | None = None,
    supersample: int = 2,
) -> UInt8[np.ndarray, "H W 3"]:
    """Draw the people of one frame on a floor with a grid (lines every metre).

    Args:
        motion: The people.
        frame: Which frame.
        view: From where: `front`, `side`, `top`, or `turn`, which goes around once per motion.
        size: Width and height, px.
        body: The body of the motion; its light mesh is loaded by name if not given.
        supersample: Samples per pixel along each side.

    Raises:
        InputError: If there is no such frame, or the motion's rig has no mesh.
        NothingFoundError: If nobody is there in this frame.
    """
    if not 0 <= frame < len(motion.time):
        raise InputError(f"there is no frame {frame}; the motion has {len(motion.time)}")
    body = body or load_drawn_body(motion)
    vertices = pose_meshes(body, motion, slice(frame, frame + 1))[:, 0]
    present = np.isfinite(vertices).all((1, 2))
    if not present.any():
        raise NothingFoundError(f"nobody is there in frame {frame}; choose another frame")
    azimuth = facing_azimuth(motion.T_world_root[present, frame])
    turn = 360.0 * frame / len(motion.time) if view == "turn" else 0.0
    around, above = ANGLES[view]
    points = vertices[present].reshape(-1, 3)
    bounds = np.stack([points.min(0), points.max(0)])
    angles = (azimuth + np.radians(around + turn), np.radians(above))
    viewpoint = frame_bounds(bounds, angles=angles, size=size)
    people = People(
        vertices=vertices, faces=mesh_faces(body), colors=person_colors(len(motion.people))
    )
    stage = build_stage(viewpoint, bounds.mean(0))
    return render_on_stage(stage, people, supersample=supersample)


def facing_azimuth(T_world_root: Float[np.ndarray, "N 7"]) -> float:
    """Return the direction in which people look on average, radians from +X towards +Y.

    Rest poses face +Z of the body's axes.
    """
    quaternions = torch.as_tensor(T_world_root[:, :4], dtype=torch.float64)
    forward = quaternion_rotate(quaternions, torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))
    x, y = forward[:, :2].sum(0).tolist()
    return float(np.arctan2(y, x)) if np.hypot(x, y) > 1e-6 else -np.pi / 2


def frame_bounds(
    bounds: Float[np.ndarray, "2 3"], *, angles: tuple[float, float], size: tuple[int, int]
) -> Viewpoint:
    """Place a camera so that a box fills the picture.

    Args:
        bounds: Lowest and highest corner in the world, m.
        angles: Direction from the box to the camera: around (from +X towards +Y) and above the
            floor, radians.
        size: Width and height of the picture, px.
    """
    around, above = angles
    flat = np.array([np.cos(around), np.sin(around), 0])
    right = np.array([-np.sin(around), np.cos(around), 0])
    forward = -(np.cos(above) * flat + np.array([0, 0, np.sin(above)]))
    R_cam_world = np.stack([right, np.cross(forward, right), forward])
    centre = bounds.mean(0)
    corners = np.stack(np.meshgrid(*bounds.T), -1).reshape(-1, 3) - centre
    x, y, z = R_cam_world @ corners.T
    focal = max(size) / 2 / np.tan(FIELD_OF_VIEW / 2)
    across, down = FILL * np.array(size) / 2 / focal
    distance = max((np.abs(x) / across - z).max(), (np.abs(y) / down - z).max())
    position = centre - distance * forward
    quaternion = Rotation.from_matrix(R_cam_world).as_quat(scalar_first=True)
    return Viewpoint(
        model="pinhole",
        K=np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1.0]]),
        distortion=np.zeros(0),
        T_cam_world=np.concatenate([quaternion, -R_cam_world @ position]),
        size=size,
    )
