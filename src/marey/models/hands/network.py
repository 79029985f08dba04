"""MediaPipe's hand landmark network (full): 21 points of the one hand inside a crop.

Order: wrist, then thumb, index, middle, ring and pinky with four points each, 4 being the tip. The
crop shows the hand with its fingers up, with about as much space around it as the hand is wide.
"""

from dataclasses import dataclass, field

import numpy as np
import onnxruntime
from jaxtyping import Float, UInt8

from marey.assets import find_asset
from marey.models.crop import SquareCrop, crop_to_image, cut_crop
from marey.models.session import open_network, run_network

_INPUT = 224


@dataclass(frozen=True, slots=True, kw_only=True)
class HandLandmarks:
    """The 21 points of one hand."""

    position: Float[np.ndarray, "21 2"]
    """px of the full image."""
    world: Float[np.ndarray, "21 3"]
    """m from the hand's middle, in camera axes (x right, y down, z away)."""
    presence: float
    """Probability that the crop shows a hand."""
    left: float
    """Probability that it is a left hand, in an image that is not mirrored."""
    crop: SquareCrop
    """Where the network looked."""


@dataclass(frozen=True, kw_only=True)
class HandEstimator:
    """Runs the network on crops; thread-safe."""

    session: onnxruntime.InferenceSession = field(
        default_factory=lambda: open_network(find_asset("hand-landmarks"))
    )

    def estimate(self, image: UInt8[np.ndarray, "H W 3"], crop: SquareCrop) -> HandLandmarks:
        """Return the points of the hand in a crop of an RGB image."""
        picture = cut_crop(image, crop, size=_INPUT)
        names = ["landmarks", "world", "score", "handedness"]
        outputs = run_network(self.session, names, image=picture[None])
        landmarks, world, score, handedness = (output[0] for output in outputs)
        turned = world.reshape(21, 3).astype(np.float64)
        turned[:, :2] = turned[:, :2] @ crop.axes.T
        points = landmarks.reshape(21, 3)[:, :2].astype(np.float64)
        return HandLandmarks(
            position=crop_to_image(points, crop, size=_INPUT),
            world=turned,
            presence=float(score[0]),
            left=1.0 - float(handedness[0]),
            crop=crop,
        )
