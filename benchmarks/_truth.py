"""Ground truth of the shared samples, and one call that measures a motion against it.

Which joints are compared, and how far their definitions agree:

- The 12 `LIMBS` (shoulders, elbows, wrists, hips, knees, ankles) by name. A body model's joints are
  rotation centres; the references label what their makers could see or fit. Shoulders and hips
  differ most (2-4 cm), so a perfect motion does not score 0.
- `pose2sim_single`: no markers at all. The file holds OpenPose 25B keypoints of the same four
  videos, triangulated and low-pass filtered, so the "truth" is itself an estimate: projected back
  it lies 8-19 px (1-3 cm) from the detections it was made of, in `cam03` with a bias of 12 px in
  both axes.
  Columns are (y, z, x) of the calibration's frame; read so, the points fall on the person in all
  four views. Feet are compared on request.
- `humaneva15`: joint centres from markers, in VideoPose3D's selection. Its hips lie only 10 cm
  apart (SMPL: 14) and 5 cm below its pelvis, which is therefore not our `mid_hip`; pelvis and head
  are left out.
- `h36m_mmpose`: four single frames, joint centres from markers, in camera axes, right leg first
  (seen in the pictures; the names in `h36m_coco.json` say left first and are wrong).

Nothing here reads a pickle.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from marey.body import load_body
from marey.core import BodyMotion, Cameras, Keypoints2D, Keypoints3D, load_skeleton
from marey.core.keypoints import Frame
from marey.evaluate import (
    Score,
    acceleration_error,
    joint_errors,
    pa_mpjpe,
    peak_velocity_loss,
    summarise,
)
from marey.geometry.alignment import fit_similarity

SIDES = ("left", "right")
LIMBS = tuple(
    f"{side}_{part}"
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in SIDES
)
FEET = tuple(f"{side}_{part}" for part in ("big_toe", "small_toe", "heel") for side in SIDES)

# HumanEva's 15 joints in VideoPose3D's order; the empty ones have no counterpart here.
_HUMANEVA = (
    *("", "thorax", "left_shoulder", "left_elbow", "left_wrist"),
    *("right_shoulder", "right_elbow", "right_wrist"),
    *("left_hip", "left_knee", "left_ankle", "right_hip", "right_knee", "right_ankle", ""),
)
_HUMANEVA_RATE = 60.0
_TRC_PARTS = {
    "Hip": "hip",
    "Knee": "knee",
    "Ankle": "ankle",
    "BigToe": "big_toe",
    "SmallToe": "small_toe",
    "Heel": "heel",
    "Shoulder": "shoulder",
    "Elbow": "elbow",
    "Wrist": "wrist",
}
_TRC_MIDLINE = {"Neck": "upper_neck", "Head": "head_top", "Nose": "nose"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundTruth:
    """Reference positions of one person."""

    name: str
    keypoints3d: Keypoints3D
    """World axes (Z up), or camera axes where `cameras` is None."""
    cameras: Cameras | None
    keypoints2d: Keypoints2D | None = None
    """The same points in every view, px, where the corpus has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How far a motion is from the truth, in m and s."""

    pa_mpjpe: Score
    """After a similarity per frame: the poses alone."""
    wa_mpjpe: Score
    """After one rigid transform for the whole sequence: poses, sizes and path."""
    acceleration_error: Score
    """m/s^2, after that transform."""
    peak_velocity_loss: Score
    """Share of the speed lost at the fastest 1 % of joint steps."""
    scale: float
    """Size of the truth relative to the motion, by the best similarity of the whole sequence."""


def compare_motion(
    motion: BodyMotion, truth: GroundTruth, *, person: int = 0, joints: tuple[str, ...] = LIMBS
) -> Comparison:
    """Measure one person of a motion against the truth.

    Each frame of the truth meets the motion's frame nearest in time, at most half an interval of
    the truth away; frames without one do not count.

    Args:
        motion: A motion on the shipped body, in axes of its own.
        truth: What to compare with; its clock and the motion's start together.
        person: Row of the person in the motion.
        joints: Names of the joints compared.
    """
    theirs = _select(truth.keypoints3d, joints)
    ours = _at_times(
        joint_positions(motion, joints, person=person), motion.time, truth.keypoints3d.time
    )
    flat = (ours.reshape(-1, 3), theirs.reshape(-1, 3))
    moved = fit_similarity(*flat, with_scale=False).apply(flat[0]).reshape(ours.shape)
    time = truth.keypoints3d.time
    rate = 1.0 / float(np.median(np.diff(time))) if len(time) > 1 else 1.0
    return Comparison(
        pa_mpjpe=pa_mpjpe(ours, theirs),
        wa_mpjpe=summarise(joint_errors(moved, theirs)),
        acceleration_error=acceleration_error(moved, theirs, frame_rate=rate),
        peak_velocity_loss=peak_velocity_loss(moved, theirs),
        scale=float(fit_similarity(*flat).scale),
    )


def joint_positions(
    motion: BodyMotion, names: tuple[str, ...], *, person: int = 0
) -> Float[np.ndarray, "T K 3"]:
    """Return joints and landmarks of one person of a motion in the world, m."""
    assert isinstance(motion.body, str)
    body = load_body(motion.body)
    # Copies: the arrays of a take on disk are read-only, which torch does not know.
    posed = body.pose(
        torch.tensor(motion.shape[person]),
        torch.tensor(motion.T_world_root[person]),
        torch.tensor(motion.R_parent_joint[person]),
    )
    return body.landmark_positions(posed, names).numpy().astype(np.float64)


def read_pose2sim(folder: Path) -> GroundTruth:
    """Read the balancing trial: 100 frames at 60 Hz, four cameras, points of OpenPose 25B.

    Args:
        folder: The sample `pose2sim_single`.
    """
    lines = (folder / "Balancing_for_IK.trc").read_text().splitlines()
    names = [_trc_name(name) for name in lines[3].split("\t")[2:] if name]
    rows = [line.split("\t") for line in lines[5:] if line.strip()]
    values = np.array([[float(cell) for cell in row[2 : 2 + 3 * len(names)]] for row in rows])
    # Columns are (y, z, x) of the calibration's frame.
    markers = values.reshape(len(rows), len(names), 3)[..., [2, 0, 1]]
    # The file's clock starts at 1/60 s for the videos' first frame, which is 0 here.
    time = np.arange(len(rows)) / 60.0
    return GroundTruth(
        name="pose2sim_single",
        keypoints3d=_keypoints3d("openpose-25b", names, markers, time, frame="world"),
        cameras=_pose2sim_cameras(folder / "calibration_opencv.json"),
    )


def list_humaneva(folder: Path) -> tuple[str, ...]:
    """Name the 54 sequences, for example `Validate/S1/Walking 1 chunk0`."""
    keys = np.load(folder / "humaneva15.npz").files
    return tuple(key.removesuffix("/pos3d") for key in keys if key.endswith("/pos3d"))


def read_humaneva(folder: Path, sequence: str) -> GroundTruth:
    """Read one sequence at 60 Hz with its three cameras.

    The 2D points are projections of the same joints, not labels. The sample lacks the cameras'
    intrinsics; they are fitted to these projections (mean rest below 0.3 px).

    Args:
        folder: The sample `humaneva15`.
        sequence: A name out of `list_humaneva`.
    """
    data = np.load(folder / "humaneva15.npz")
    position = data[f"{sequence}/pos3d"].astype(np.float64)
    # Integer-centred pixels become ours.
    pixels = np.stack([data[f"{sequence}/cam{view}_2d"] for view in range(3)]) + 0.5
    time = np.arange(len(position)) / _HUMANEVA_RATE
    names = list(_HUMANEVA)
    flat = _arrange("h36m-17", names, np.moveaxis(pixels.astype(np.float64), 1, 0))
    return GroundTruth(
        name=sequence,
        keypoints3d=_keypoints3d("h36m-17", names, position, time, frame="world"),
        cameras=_humaneva_cameras(folder, sequence.split("/")[1], position, pixels),
        keypoints2d=Keypoints2D(
            skeleton=load_skeleton("h36m-17"),
            people=("person1",),
            time=time,
            position=np.moveaxis(flat, 0, 1)[:, None].astype(np.float32),
            confidence=np.all(np.isfinite(np.moveaxis(flat, 0, 1)[:, None]), axis=-1).astype(
                np.float32
            ),
        ),
    )


def read_h36m_frames(folder: Path) -> dict[str, GroundTruth]:
    """Read the four frames of Human3.6M: picture path relative to the folder -> truth.

    The points are in camera axes; 2D points are in px of the picture.

    Args:
        folder: The sample `h36m_mmpose`.
    """
    data = np.load(folder / "test_h36m_body3d.npz")
    skeleton = load_skeleton("h36m-17")
    frames = {}
    for row, name in enumerate(data["imgname"]):
        points = data["S"][row : row + 1, :, :3]
        frames[str(name)] = GroundTruth(
            name=Path(str(name)).stem,
            keypoints3d=_keypoints3d(
                "h36m-17", list(skeleton.keypoints), points, np.zeros(1), frame="camera"
            ),
            cameras=None,
            keypoints2d=Keypoints2D(
                skeleton=skeleton,
                people=("person1",),
                time=np.zeros(1),
                position=(data["part"][row, :, :2][None, None] + 0.5).astype(np.float32),
                confidence=np.ones((1, 1, 17), np.float32),
            ),
        )
    return frames


def _trc_name(name: str) -> str:
    if name in _TRC_MIDLINE:
        return _TRC_MIDLINE[name]
    return {"L": "left_", "R": "right_"}[name[0]] + _TRC_PARTS[name[1:]]


def _keypoints3d(
    skeleton: str,
    names: list[str],
    position: Float[np.ndarray, "T M 3"],
    time: Float[np.ndarray, "T"],
    *,
    frame: Frame,
) -> Keypoints3D:
    arranged = _arrange(skeleton, names, position)[None]
    return Keypoints3D(
        skeleton=load_skeleton(skeleton),
        people=("person1",),
        time=time,
        position=arranged.astype(np.float32),
        frame=frame,
        confidence=np.all(np.isfinite(arranged), axis=-1).astype(np.float32),
    )


def _arrange(
    skeleton: str, names: list[str], position: Float[np.ndarray, "*batch M D"]
) -> Float[np.ndarray, "*batch K D"]:
    points = load_skeleton(skeleton).keypoints
    result = np.full((*position.shape[:-2], len(points), position.shape[-1]), np.nan)
    for row, name in enumerate(names):
        if name:
            result[..., points.index(name), :] = position[..., row, :]
    return result


def _select(keypoints: Keypoints3D, names: tuple[str, ...]) -> Float[np.ndarray, "T K 3"]:
    rows = [keypoints.skeleton.index(name) for name in names]
    return keypoints.position[0][:, rows].astype(np.float64)


def _at_times(
    position: Float[np.ndarray, "T K 3"],
    time: Float[np.ndarray, "T"],
    wanted: Float[np.ndarray, "U"],
) -> Float[np.ndarray, "U K 3"]:
    nearest = np.abs(time[None] - wanted[:, None]).argmin(1)
    interval = float(np.median(np.diff(wanted))) if len(wanted) > 1 else np.inf
    meets = np.abs(time[nearest] - wanted) <= interval / 2
    return np.where(meets[:, None, None], position[nearest], np.nan)


def _pose2sim_cameras(path: Path) -> Cameras:
    views = dict(sorted(json.loads(path.read_text()).items()))
    poses = [
        _pose(np.array(view["R_world_to_cam"]), np.array(view["t_world_to_cam_m"]))
        for view in views.values()
    ]
    K = np.array([view["K"] for view in views.values()])
    K[:, :2, 2] += 0.5
    return Cameras(
        names=tuple(views),
        model="pinhole",
        K=K,
        distortion=np.array([view["dist_k1k2p1p2"] for view in views.values()]),
        T_cam_world=np.stack(poses)[:, None],
        size=np.array([view["image_size_wh"] for view in views.values()]),
        time_offset=np.zeros(len(views)),
    )


def _humaneva_cameras(
    folder: Path,
    subject: str,
    position: Float[np.ndarray, "T M 3"],
    pixels: Float[np.ndarray, "C T M 2"],
) -> Cameras:
    stated = json.loads((folder / "cameras.json").read_text())["extrinsic"][subject]
    poses, Ks, lenses = [], [], []
    for view, seen in zip(stated, pixels, strict=True):
        # Stated are the camera's axes and place in the world, in mm.
        R_cam_world = Rotation.from_quat(view["orientation"], scalar_first=True).as_matrix().T
        pose = _pose(R_cam_world, -R_cam_world @ np.array(view["translation"]) / 1000)
        points = position.reshape(-1, 3) @ R_cam_world.T + pose[4:]
        K, lens = _fit_intrinsics(points, seen.reshape(-1, 2).astype(np.float64))
        poses.append(pose)
        Ks.append(K)
        lenses.append(lens)
    return Cameras(
        names=("C1", "C2", "C3"),
        model="pinhole",
        K=np.stack(Ks),
        distortion=np.stack(lenses),
        T_cam_world=np.stack(poses)[:, None],
        size=np.tile([640, 480], (3, 1)),
        time_offset=np.zeros(3),
    )


def _pose(
    R_cam_world: Float[np.ndarray, "3 3"], t_cam_world: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "7"]:
    return np.concatenate(
        [Rotation.from_matrix(R_cam_world).as_quat(scalar_first=True), t_cam_world]
    )


def _fit_intrinsics(
    points_cam: Float[np.ndarray, "P 3"], pixels: Float[np.ndarray, "P 2"]
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "4"]]:
    plane = points_cam[:, :2] / points_cam[:, 2:]
    square = (plane**2).sum(1, keepdims=True)

    # One radial coefficient: a second one would be free where the person never walks.
    def project(parameters: Float[np.ndarray, "5"]) -> Float[np.ndarray, "P 2"]:
        focal, centre, k1 = parameters[:2], parameters[2:4], parameters[4]
        return focal * plane * (1 + k1 * square) + centre

    start = np.array([700.0, 700.0, 320.0, 240.0, 0.0])
    found = least_squares(lambda x: (project(x) - pixels).ravel(), start, x_scale="jac").x
    K = np.array([[found[0], 0, found[2]], [0, found[1], found[3]], [0, 0, 1]])
    return K, np.array([found[4], 0.0, 0.0, 0.0])
