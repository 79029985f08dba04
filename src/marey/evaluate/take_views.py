"""Takes as each of their cameras sees them: what benchmarks that pair people in images compare."""

import numpy as np
import torch
from jaxtyping import Float

from marey.body import load_body
from marey.core import Keypoints2D, Keypoints3D, Rig, Take
from marey.core.errors import InputError
from marey.datasets._labels import make_keypoints3d
from marey.datasets.corpus.bodies import SMPL_45
from marey.datasets.recording import Recording
from marey.datasets.views import see_from_cameras
from marey.evaluate.poses import PoseSequence, PoseSet
from marey.evaluate.takes import FAMILY
from marey.evaluate.view_meshes import make_meshes


def poses_of_views(take: Take, *, name: str, meshes: bool = False) -> PoseSet:
    """Return everyone's SMPL joints in each camera's axes and picture, a sequence per camera.

    Joints that another program stated in its camera's axes are taken as they are, with its joints
    in the image; else those of the take's bodies are seen from its cameras.

    Args:
        take: The take.
        name: What it is called; sequences are `<name>/<camera>`, or `<name>` of stated joints.
        meshes: Whether meshes are wanted too, of takes of marey-h.

    Raises:
        InputError: If there are neither, or no cameras.
        NothingFoundError: If nobody has a motion.
    """
    stated = states_joints(take, "camera")
    sequences = (_stated(take, name),) if stated else tuple(_seen(take, name, meshes=meshes))
    return PoseSet(skeleton=SMPL_45.name, unit="m", sequences=sequences, origin=f"take {name}")


def states_joints(take: Take, frame: str) -> bool:
    """Tell whether a take has SMPL's 45 joints of everybody in `camera` or `world` axes."""
    blocks = [person.keypoints3d for person in take.people if person.keypoints3d is not None]
    return bool(blocks) and all(
        block.frame == frame and block.skeleton == SMPL_45 for block in blocks
    )


def _stated(take: Take, name: str) -> PoseSequence:
    shape = (len(take.people), len(take.time), len(SMPL_45))
    position, image = np.full((*shape, 3), np.nan), np.full((*shape, 2), np.nan)
    confidence = np.zeros(shape, np.float32)
    for row, person in enumerate(take.people):
        span, points = slice(person.start, person.stop), person.keypoints3d
        if points is None:
            continue
        position[row, span], confidence[row, span] = points.position[0], points.confidence[0]
        image[row, span] = _find_image(person.keypoints2d, points, take)
    return PoseSequence(
        name=name,
        frame=np.arange(len(take.time)),
        position=position,
        confidence=confidence,
        image=image,
    )


def _find_image(
    views: tuple[Keypoints2D, ...], points: Keypoints3D, take: Take
) -> Float[np.ndarray, "L K 2"]:
    """Return the joints in the image: stated, else by the program's camera."""
    if views and views[0].skeleton == SMPL_45:
        return views[0].position[0]
    if take.cameras is None:
        raise InputError(
            "these results state no joints in the image and no camera, by which people are paired"
        )
    K, near = take.cameras.K[0].astype(np.float64), points.position[0].astype(np.float64)
    flat = near @ K.T
    return np.where(
        flat[..., 2:] > 0, flat[..., :2] / np.where(flat[..., 2:] > 0, flat[..., 2:], 1), np.nan
    )


def _seen(take: Take, name: str, *, meshes: bool) -> list[PoseSequence]:
    if take.cameras is None:
        raise InputError(
            f"{name} has no cameras, and people are compared as each camera sees them; solve or "
            "import it with its cameras"
        )
    if states_joints(take, "world"):
        people, joints = _in_world(take)
    else:
        _refuse_nameless(take, name)
        people, joints = _pose(take)
    recording = Recording(
        name=name,
        frame=np.arange(len(take.time)),
        keypoints3d=make_keypoints3d(SMPL_45.name, people, take.time, joints),
        cameras=take.cameras,
        vertices=_make_meshes(take, people) if meshes else None,
    )
    result = []
    for seen in see_from_cameras(recording):
        assert seen.keypoints3d is not None and seen.keypoints2d is not None
        result.append(
            PoseSequence(
                name=seen.name,
                frame=seen.frame,
                position=seen.keypoints3d.position,
                confidence=seen.keypoints3d.confidence,
                image=seen.keypoints2d.position,
                vertices=seen.vertices,
            )
        )
    return result


def _make_meshes(take: Take, people: tuple[str, ...]) -> Float[np.ndarray, "N T V 3"]:
    """Return meshes in the order of the joints, NaN of people without a motion."""
    motion = take.motion
    made = make_meshes(motion)
    if motion.people == people:
        return made
    meshes = np.full((len(people), *made.shape[1:]), np.nan, made.dtype)
    meshes[[people.index(name) for name in motion.people]] = made
    return meshes


def _in_world(take: Take) -> tuple[tuple[str, ...], Float[np.ndarray, "N T 45 3"]]:
    joints = np.full((len(take.people), len(take.time), len(SMPL_45), 3), np.nan)
    for row, person in enumerate(take.people):
        if person.keypoints3d is not None:
            joints[row, person.start : person.stop] = person.keypoints3d.position[0]
    return tuple(person.name for person in take.people), joints


def _pose(take: Take) -> tuple[tuple[str, ...], Float[np.ndarray, "N T 45 3"]]:
    """Pose everyone's bodies; what a body has no point for is NaN."""
    motion = take.motion
    if isinstance(motion.body, Rig):
        raise InputError(
            f"the take moves the rig {motion.body.name}, which has no body; put it on one with "
            "marey convert"
        )
    own = motion.body == "marey-h"
    body = load_body(motion.body, mesh="light" if own else "full")
    names = [name for name in SMPL_45.keypoints if name in body.points]
    columns = [SMPL_45.index(name) for name in names]
    joints = np.full((*motion.confidence.shape, len(SMPL_45), 3), np.nan)
    for row in range(len(motion.people)):
        there = np.flatnonzero(motion.confidence[row] > 0)
        shape, root, turn = (
            torch.from_numpy(np.array(values, np.float32))
            for values in (
                motion.shape[row],
                motion.T_world_root[row, there],
                motion.R_parent_joint[row, there],
            )
        )
        with torch.no_grad():
            posed = body.pose(shape, root, turn)
            points = body.landmark_positions(posed, names).numpy()
        joints[row, there[:, None], columns] = points
    return motion.people, joints


def _refuse_nameless(take: Take, name: str) -> None:
    kinds = {person.motion.body for person in take.people if person.motion is not None}
    nameless = [kind for kind in kinds if isinstance(kind, str) and kind in FAMILY]
    if nameless:
        raise InputError(
            f"{name} moves a body of {nameless[0]} whose own file is not at hand, so its joints "
            "are unknown; put the file into a folder and name it with --smpl-dir"
        )
