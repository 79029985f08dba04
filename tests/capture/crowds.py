"""People close to each other as a detector sees them, without meshes: for tests of contact."""

from dataclasses import dataclass, replace

import numpy as np

from marey.body import load_body
from marey.core import Cameras, Keypoints2D, load_skeleton
from marey.synthetic import PERFECT, make_cameras, project_to_cameras, synthetic_scene


@dataclass(frozen=True, slots=True)
class Crowd:
    """Truth in space, cameras, and reports with noise in the right people's names."""

    truth: np.ndarray
    cameras: Cameras
    keypoints: Keypoints2D


def make_crowd(num_people=2, *, views=6, frames=40, rate=30.0, apart=0.4, alike=False, seed=0):
    """Let people dance `apart` metres from each other; in step with each other if `alike`."""
    body = load_body(mesh="light")
    scene = synthetic_scene(
        body,
        "dance",
        num_frames=frames,
        frame_rate=rate,
        num_people=1 if alike else num_people,
        seed=seed,
        noise=PERFECT,
    )
    truth = scene.keypoints3d.position[:, :, :17].astype(np.float64)
    middle = truth[:, :, 11:13].mean((1, 2))[:, None, None] * [1, 1, 0]
    truth = truth - middle
    if alike:
        truth = np.repeat(truth, num_people, 0)
    place = apart * (np.arange(num_people) - (num_people - 1) / 2)
    truth[..., 0] += place[:, None, None]
    cameras = make_cameras(views)
    rng = np.random.default_rng(seed)
    image = project_to_cameras(cameras, truth)
    image = image + 2.0 * rng.standard_normal(image.shape)
    keypoints = Keypoints2D(
        skeleton=load_skeleton("coco-17"),
        people=tuple(f"person{row + 1}" for row in range(num_people)),
        time=np.arange(frames) / rate,
        position=image.astype(np.float32),
        confidence=np.full(image.shape[:-1], 0.9, np.float32),
    )
    return Crowd(truth, cameras, keypoints)


def drop(keypoints, chosen):
    """Take reports away."""
    position, confidence = keypoints.position.copy(), keypoints.confidence.copy()
    position[chosen], confidence[chosen] = np.nan, 0.0
    return replace(keypoints, position=position, confidence=confidence)


def exchange(keypoints, chosen, one=0, two=1):
    """Report points of two people in each other's names; `chosen` is C T K."""
    position = keypoints.position.copy()
    position[:, one][chosen] = keypoints.position[:, two][chosen]
    position[:, two][chosen] = keypoints.position[:, one][chosen]
    return replace(keypoints, position=position)
