"""Two bodies in close contact drawn with light and clothes, so that real networks see them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from marey.body import Body
from marey.capture.pipeline import CaptureOptions, see_people
from marey.capture.rig.common_clock import find_steps
from marey.capture.views.crowd_in_views import gather_crowd
from marey.capture.views.second_look import find_missed
from marey.core import BodyMotion, Cameras, Clip, Keypoints2D
from marey.geometry.projection import select_viewpoint
from marey.geometry.raster import interpolate, rasterize
from marey.geometry.surface import compute_normals
from marey.io.video import Frame
from marey.models.detector import SsdPersonDetector
from marey.models.protocols import LandmarkEstimator
from marey.synthetic.close import CloseNoise, CloseScene, close_scene, pose_motion

_LIGHT = np.array([0.42, -0.53, 0.74])
_SKIN, _SHOES = ((215, 170, 140), (190, 140, 110)), (40, 40, 45)
_SHIRTS, _TROUSERS = ((60, 90, 170), (190, 60, 60)), ((50, 50, 60), (90, 80, 70))
_HAIR = ((50, 35, 25), (90, 60, 30))
_NOISE = 3.0


@dataclass(frozen=True, slots=True)
class RenderedScene:
    """A scene whose detector never errs, and its pictures."""

    scene: CloseScene
    picture: UInt8[np.ndarray, "C T H W 3"]

    def read(
        self, view: int, frames: Sequence[int]
    ) -> Iterator[tuple[int, UInt8[np.ndarray, "H W 3"]]]:
        """Yield pictures as `views/pictures.py` does."""
        return ((frame, self.picture[view, frame]) for frame in frames)


def render_scene(body: Body, motion: BodyMotion, cameras: Cameras) -> RenderedScene:
    """Draw two people before a blurred background."""
    quiet = CloseNoise(sigma=0.0, swap=0.0, misses=False)
    scene = close_scene(body, motion, cameras, noise=quiet)
    vertices = body.vertices(pose_motion(body, motion)).numpy().astype(float)
    faces, clothes = body.faces.numpy(), [_dress(body, row) for row in range(2)]
    rng = np.random.default_rng(0)
    width, height = (int(side) for side in cameras.size[0])
    noise = rng.integers(90, 200, (height, width, 3)).astype(np.uint8)
    behind = cv2.GaussianBlur(noise, (0, 0), 15).astype(np.float32)
    shape = (len(cameras.names), len(motion.time), height, width, 3)
    picture = np.empty(shape, np.uint8)
    for view, frame in np.ndindex(*shape[:2]):
        camera = select_viewpoint(cameras, view=view)
        image, depth = behind.copy(), np.full((height, width), np.inf)
        for mesh, colours in zip(vertices[:, frame], clothes, strict=True):
            local = camera.transform(mesh)
            points = np.concatenate([camera.project(local), local[:, 2:]], 1)
            raster = rasterize(points, faces, (width, height), full=True)
            values = np.concatenate([compute_normals(mesh, faces), colours], 1)
            drawn = interpolate(raster, faces, values)
            light = 0.6 + 0.45 * np.clip(drawn[..., :3] @ _LIGHT, -0.3, 1)
            nearer = raster.depth < depth
            image[nearer] = (drawn[..., 3:] * light[..., None])[nearer]
            depth[nearer] = raster.depth[nearer]
        grain = rng.normal(0, _NOISE, image.shape)
        picture[view, frame] = np.clip(image + grain, 0, 255)
    return RenderedScene(scene, picture)


def see_scene(rendered: RenderedScene, estimator: LandmarkEstimator) -> Keypoints2D:
    """Return what the shipped networks see, people associated and looked for where missed."""
    scene, detector = rendered.scene, SsdPersonDetector()
    time, views = scene.motion.time, []
    for view, (name, size) in enumerate(
        zip(scene.cameras.names, scene.cameras.size.tolist(), strict=True)
    ):
        clip = Clip(path=Path(f"{name}.mp4"), size=(size[0], size[1]), time=time)
        frames: Iterable[Frame] = (
            Frame(index=frame, time=float(time[frame]), image=image)
            for frame, image in rendered.read(view, range(len(time)))
        )
        options = CaptureOptions()
        views.append(
            see_people(clip, frames, detector=detector, estimator=estimator, options=options)
        )
    steps = [find_steps(time, time) for _ in views]
    crowd = gather_crowd(views, scene.cameras, time, steps)
    return find_missed(crowd.keypoints, scene.cameras, rendered.read, estimator)


def _dress(body: Body, row: int) -> Float[np.ndarray, "V 3"]:
    """Return the colours of a body's vertices, by where they are at rest."""
    still = np.tile([1.0, 0, 0, 0], (1, len(body.rig.joints), 1))
    posed = body.pose(
        torch.zeros(1, body.num_shape),
        torch.tensor([[1.0, 0, 0, 0, 0, 0, 0]]),
        torch.tensor(still, dtype=torch.float32),
    )
    rest = body.vertices(posed).numpy()[0]
    height = (rest[:, 1] - rest[:, 1].min()) / np.ptp(rest[:, 1])
    colour = np.tile(np.array(_SKIN[row], float), (len(rest), 1))
    colour[height < 0.57] = _TROUSERS[row]
    colour[(height >= 0.57) & (height < 0.83) & (np.abs(rest[:, 0]) < 0.45)] = _SHIRTS[row]
    colour[height < 0.04], colour[height > 0.93] = _SHOES, _HAIR[row]
    return colour
