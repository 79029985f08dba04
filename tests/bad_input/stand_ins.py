"""Networks that see the same person in every picture, for tests of everything around them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from marey.assets import demo_clip
from marey.core import Skeleton, load_skeleton
from marey.io.video import read_frames
from marey.models.protocols import PersonBoxes, PersonLandmarks
from marey.models.wholebody import WholeBodyEstimator


@cache
def see_someone() -> tuple[PersonLandmarks, tuple[int, int]]:
    """Return what the true networks see of the balancing person, and the size of the picture."""
    image = next(read_frames(demo_clip(), stop=1)).image
    height, width = image.shape[:2]
    estimator = WholeBodyEstimator()
    located = estimator.locate(image, np.array([0.3 * width, 0, 0.8 * width, height]))
    return replace(estimator.complete(image, located), state=None), (width, height)


def fit_into(width: int, height: int) -> PersonLandmarks:
    """Return the person, scaled so that they fill a picture."""
    person, (wide, high) = see_someone()
    scale = min(width / wide, height / high)
    return replace(
        person,
        position=(person.position * scale).astype(np.float32),
        sigma=(person.sigma * scale).astype(np.float32),
        box=(person.box * scale).astype(np.float32),
    )


class SameBox:
    """Finds the one person."""

    def detect(self, images: Sequence[np.ndarray]) -> list[PersonBoxes]:
        boxes = [fit_into(image.shape[1], image.shape[0]).box for image in images]
        return [PersonBoxes(box=box[None], confidence=np.ones(1, np.float32)) for box in boxes]


class SamePose:
    """Finds the one person's landmarks."""

    @property
    def skeleton(self) -> Skeleton:
        return load_skeleton("coco-wholebody-133")

    def locate(
        self,
        image: np.ndarray,
        box: np.ndarray | None,
        previous: PersonLandmarks | None = None,
    ) -> PersonLandmarks:
        return fit_into(image.shape[1], image.shape[0])

    def complete(
        self,
        image: np.ndarray,
        located: PersonLandmarks,
        previous: PersonLandmarks | None = None,
    ) -> PersonLandmarks:
        return located
