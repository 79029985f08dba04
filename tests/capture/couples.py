"""Two people who touch, filmed by a ring in flat colours, and a network that takes their arms.

The network is a stub that knows the truth and sees the picture: it finds the person whom its box
surrounds, but in some views, wherever it still sees an arm of the other, it reports that one.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from marey.body import load_body
from marey.capture.masks.draw import lay_out, render_masks
from marey.core import Keypoints2D
from marey.models.protocols import PersonLandmarks
from marey.synthetic import PERFECT, make_cameras, synthetic_scene
from marey.synthetic.close import CloseNoise, CloseScene, close_scene, pose_motion

VIEWS, FRAMES, SIZE = 4, 4, (320, 240)
COLOURS = np.array([[200, 40, 40], [40, 40, 200]], np.uint8)
ARMS = [7, 8, 9, 10]


def film(apart: float, *, angle: float = -0.8) -> CloseScene:
    """Two people side by side who walk, seen without error."""
    body = load_body(mesh="light")
    motion = synthetic_scene(
        body, "walk", num_frames=FRAMES, num_people=2, noise=PERFECT, seed=3
    ).motion
    place = motion.T_world_root.copy()
    place[:, :, 4] += (np.array([-apart / 2, apart / 2]) - place[:, :, 4].mean(1))[:, None]
    cameras = make_cameras(VIEWS, size=SIZE, focal_px=380, first_angle=angle)
    quiet = CloseNoise(sigma=0.0, swap=0.0, misses=False, confidence=(0.9, 0.0))
    return close_scene(body, replace(motion, T_world_root=place), cameras, noise=quiet)


@dataclass
class Film:
    """A scene, its pictures, and who read which of them."""

    scene: CloseScene
    masks: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)
    read: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self):
        body, motion = self.scene.body, self.scene.motion
        vertices = body.vertices(pose_motion(body, motion)).numpy().astype(float)
        for frame in range(FRAMES):
            layers = render_masks(
                self.scene.cameras, vertices[:, frame], body.faces.numpy(), step=1.0
            )
            for view, layer in enumerate(layers):
                self.masks[view, frame] = lay_out(layer, layer.visible, SIZE)

    def pictures(self, view, frames):
        for frame in frames:
            self.read.append((view, frame))
            image = np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)
            for mask, colour in zip(self.masks[view, frame], COLOURS, strict=True):
                image[mask] = colour
            image[0, 0, :2] = view, frame
            yield frame, image


@dataclass
class Stub:
    """See the head of this file."""

    truth: Keypoints2D
    taken: tuple[int, ...] = tuple(range(VIEWS))
    """The views in which it takes arms of the other."""
    blind: bool = False
    """Whether it reports the other's arms whatever it sees."""
    seen: list[int] = field(default_factory=list)
    """How many px of the other every box showed."""

    @property
    def skeleton(self):
        return self.truth.skeleton

    def locate(self, image, box, previous=None) -> PersonLandmarks:
        view, frame = (int(number) for number in image[0, 0, :2])
        people = self.truth.position[view, :, frame].astype(float)
        corners = np.concatenate([people.min(1), people.max(1)], 1)
        person = int(np.abs(corners - box).sum(1).argmin())
        own, other = people[person].copy(), people[1 - person]
        shown = np.zeros(image.shape[:2], bool)
        # As networks do, it looks a little beyond its box.
        x0, y0, x1, y1 = (box + np.array([-15, -15, 15, 15])).clip(0).astype(int)
        shown[y0:y1, x0:x1] = (image[y0:y1, x0:x1] == COLOURS[1 - person]).all(-1)
        self.seen.append(int(shown.sum()))
        for row in ARMS if view in self.taken else ():
            x, y = other[row].astype(int)
            if self.blind or shown[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].mean() > 0.5:
                own[row] = other[row]
        return PersonLandmarks(
            position=own,
            confidence=np.full(17, 0.9),
            sigma=np.full(17, 1.0),
            world=np.full((17, 3), np.nan),
            score=0.9,
            box=np.asarray(box, float),
        )

    def complete(self, image, located, previous=None) -> PersonLandmarks:
        return located
