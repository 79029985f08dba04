"""Five calibrated photographs of CMU Panoptic, as they are solved."""

import json
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from marey.capture.pipeline import CaptureOptions, see_people
from marey.capture.rig.common_clock import find_steps
from marey.capture.views.crowd_in_views import gather_crowd
from marey.core import Cameras, Keypoints2D
from marey.io.video import probe_clip, read_frames
from marey.models.detector import SsdPersonDetector
from marey.models.protocols import LandmarkEstimator

NUM_VIEWS = 5
SIZE = (960, 512)
"""Of the photographs; the calibration is that of 1920 x 1080."""


def read_photographs(folder: Path) -> list[np.ndarray]:
    files = [str(folder / f"view_{view}.jpg") for view in range(NUM_VIEWS)]
    return [cv2.cvtColor(cv2.imread(file), cv2.COLOR_BGR2RGB) for file in files]


def read_cameras(folder: Path) -> Cameras:
    """Read R (world to camera), T (the camera's place, mm) and the lens."""
    (rows,) = json.loads((folder / "calibration.json").read_text()).values()
    K, distortion, pose = [], [], []
    scale = np.diag([SIZE[0] / 1920, SIZE[1] / 1080, 1])
    for row in rows:
        R = np.array(row["R"])
        pose.append(
            [
                *Rotation.from_matrix(R).as_quat(scalar_first=True),
                *(-R @ np.ravel(row["T"]) / 1000),
            ]
        )
        lens = [[row["fx"], 0, row["cx"] + 0.5], [0, row["fy"], row["cy"] + 0.5], [0, 0, 1]]
        K.append(scale @ np.array(lens))
        k, p = np.ravel(row["k"]), np.ravel(row["p"])
        distortion.append([k[0], k[1], *p, k[2]])
    return Cameras(
        names=tuple(f"view_{view}" for view in range(NUM_VIEWS)),
        model="pinhole",
        K=np.array(K),
        distortion=np.array(distortion),
        T_cam_world=np.array(pose)[:, None],
        size=np.tile(SIZE, (NUM_VIEWS, 1)),
        time_offset=np.zeros(NUM_VIEWS),
    )


def see_photographs(folder: Path, estimator: LandmarkEstimator) -> Keypoints2D:
    """Find people in each photograph alone, and who is who across them."""
    detector, views = SsdPersonDetector(), []
    for view in range(NUM_VIEWS):
        clip = probe_clip(folder / f"view_{view}.jpg")
        views.append(
            see_people(
                clip,
                read_frames(clip),
                detector=detector,
                estimator=estimator,
                options=CaptureOptions(),
            )
        )
    clock = views[0].clip.time
    steps = [find_steps(seen.clip.time, clock) for seen in views]
    return gather_crowd(views, read_cameras(folder), clock, steps).keypoints
