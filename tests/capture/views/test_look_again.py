"""Looking again where other views see somebody."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from marey.body import load_body
from marey.capture.views.look_again import look_again
from marey.core import Skeleton
from marey.geometry.projection import select_viewpoint
from marey.models.protocols import PersonLandmarks
from marey.synthetic import make_cameras, synthetic_scene


@dataclass
class Drawn:
    """Finds the same keypoints wherever it looks, and remembers where that was."""

    skeleton: Skeleton
    position: np.ndarray
    boxes: list[np.ndarray] = field(default_factory=list)

    def locate(self, image, box, previous=None) -> PersonLandmarks:
        self.boxes.append(box)
        count = len(self.skeleton)
        return PersonLandmarks(
            position=self.position.astype(np.float32),
            confidence=np.full(count, 0.9, np.float32),
            sigma=np.ones(count, np.float32),
            world=np.full((count, 3), np.nan, np.float32),
            score=1.0,
            box=np.zeros(4, np.float32),
        )

    def complete(self, image, located, previous=None) -> PersonLandmarks:
        return located


@pytest.mark.parametrize(("off", "counts"), [(3.0, True), (250.0, False)])
def test_counts_if_it_agrees_with_the_others(off: float, counts: bool):
    cameras = make_cameras(3)
    scene = synthetic_scene(load_body(), num_frames=1, cameras=cameras)
    truth = scene.truth2d.position[1, 0, 0].astype(float)
    estimator = Drawn(scene.truth2d.skeleton, truth + off)
    viewpoint = select_viewpoint(cameras, view=1)
    picture = np.zeros((720, 1280, 3), np.uint8)
    points = scene.keypoints3d.position[0, 0].astype(float)
    behind = points + 2 * viewpoint.camera_position()
    # Seen by the others in part only: the box still holds all of the person.
    points[::2] = np.nan
    found = look_again(
        picture, viewpoint, [points, np.full_like(points, np.nan), behind], estimator
    )
    assert [one is not None for one in found] == [counts, False, False]
    for box in estimator.boxes:
        assert (box[:2] <= truth[1::2].min(0)).all()
        assert (box[2:] >= truth[1::2].max(0)).all()
