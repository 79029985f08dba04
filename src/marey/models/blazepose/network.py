"""BlazePose (GHUM, full): 39 body points of the one person inside a crop.

33 landmarks and six auxiliary points, of which two, the centre and scale points, say where to look
in the next frame. Feet have a heel and one toe point, `foot_index`, which is taken for the big toe;
small toes do not exist. Depth and world z grow away from the camera. The network supposes that it
looks straight at the person: for somebody at the picture's edge its axes are those of the line of
sight, not of the camera, and only known lens data could tell by how much.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import onnxruntime
from jaxtyping import Float, Float32, UInt8

from marey.assets import find_asset
from marey.models.blazepose.heatmaps import refine_points
from marey.models.crop import SquareCrop, crop_to_image, cut_crop
from marey.models.session import open_network, run_network

_INPUT = 256
_OUTPUTS = ("landmarks", "world", "heatmaps", "score")
_FEATURES = ("features_fine", "features_coarse")


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseLandmarks:
    """The 39 points: BlazePose-33 in its published order, then six auxiliary points."""

    position: Float[np.ndarray, "39 2"]
    """px of the full image."""
    depth: Float[np.ndarray, "39"]
    """px of the full image, from the mid hip; smaller is nearer."""
    visibility: Float[np.ndarray, "39"]
    """Probability that the point is in view and not hidden."""
    presence: Float[np.ndarray, "39"]
    """Probability that the point lies inside of the crop."""
    world: Float[np.ndarray, "39 3"]
    """m from the mid hip, in camera axes (x right, y down, z away)."""
    support: Float[np.ndarray, "39"]
    """Probability of the point in its heat map where the network says that it is. The score and the
    visibilities of a wrongly turned or wholly wrong pose are often 1; its support is not."""
    score: float
    """Probability that the crop shows a person."""
    crop: SquareCrop
    """Where the network looked."""

    @property
    def supported(self) -> float:
        """Share of the 33 landmarks whose heat map supports them.

        On thirteen clips 0.9 on the mean for whole people seen the right way up, 0.3 to 0.55 for
        the upper half of one, and 0.1 to 0.2 for poses made up in a wrongly turned crop.
        """
        return float(np.mean(self.support[:33] > 0.5))


@dataclass(frozen=True, kw_only=True)
class BlazePoseEstimator:
    """Runs the network on crops; thread-safe."""

    session: onnxruntime.InferenceSession = field(
        default_factory=lambda: open_network(find_asset("blazepose"))
    )

    def estimate(self, image: UInt8[np.ndarray, "H W 3"], crop: SquareCrop) -> PoseLandmarks:
        """Return the body points of the person in a crop of an RGB image."""
        return self._read(self._run(image, crop, _OUTPUTS), crop)

    def segment(
        self, image: UInt8[np.ndarray, "H W 3"], crop: SquareCrop
    ) -> tuple[PoseLandmarks, Float32[np.ndarray, "256 256"]]:
        """Return the body points, and the probability of each px of the crop to show the person.

        Takes about twice the time of `estimate`, whose points are the same.
        """
        outputs = self._run(image, crop, (*_OUTPUTS, *_FEATURES))
        features = dict(zip(_FEATURES, outputs[len(_OUTPUTS) :], strict=True))
        (logit,) = run_network(self.mask_session, ["mask"], **features)
        share = 1 / (1 + np.exp(-np.clip(logit[0, :, :, 0], -60, 60)))
        return self._read(outputs, crop), share.astype(np.float32)

    @cached_property
    def mask_session(self) -> onnxruntime.InferenceSession:
        """The part of the network that makes the mask, opened when it is first asked for."""
        return open_network(find_asset("blazepose", "mask.onnx"))

    def _run(
        self, image: UInt8[np.ndarray, "H W 3"], crop: SquareCrop, names: Sequence[str]
    ) -> list[np.ndarray]:
        picture = cut_crop(image, crop, size=_INPUT)
        return run_network(self.session, names, image=picture[None])

    def _read(self, outputs: Sequence[np.ndarray], crop: SquareCrop) -> PoseLandmarks:
        landmarks, world, heatmaps, score = (output[0] for output in outputs[: len(_OUTPUTS)])
        landmarks = landmarks.reshape(39, 5)
        points, peak = refine_points(landmarks[:, :2], heatmaps)
        # The auxiliary points steer the next crop and stay as they were trained to.
        landmarks[:33, :2] = points[:33]
        pose = decode_pose(landmarks, world.reshape(39, 3), float(score[0]), crop)
        return replace(pose, support=peak)


def decode_pose(
    landmarks: Float[np.ndarray, "39 5"],
    world: Float[np.ndarray, "39 3"],
    score: float,
    crop: SquareCrop,
) -> PoseLandmarks:
    """Turn the network's outputs, which live in the crop, into image and camera axes.

    The support is 1 throughout, since it comes from the heat maps.

    Args:
        landmarks: x, y, z in px of the crop, logit of visibility, logit of presence.
        world: m, in axes turned with the crop.
        score: Probability of a person.
        crop: Where the network looked.
    """
    points = landmarks.astype(np.float64)
    turned = world.astype(np.float64)
    turned[:, :2] = turned[:, :2] @ crop.axes.T
    odds = 1 / (1 + np.exp(-np.clip(points[:, 3:], -60, 60)))
    return PoseLandmarks(
        position=crop_to_image(points[:, :2], crop, size=_INPUT),
        depth=points[:, 2] * (crop.side / _INPUT),
        visibility=odds[:, 0],
        presence=odds[:, 1],
        world=turned,
        support=np.ones(39),
        score=score,
        crop=crop,
    )
