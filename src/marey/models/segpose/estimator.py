"""SegPose2D and plain ViTPose among the estimators that find the landmarks of a person in a box."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from marey.core.errors import FormatError
from marey.core.skeleton import Skeleton, load_skeleton
from marey.models.keypoints import WHOLE_BODY, arrange_whole_body
from marey.models.protocols import PersonLandmarks
from marey.models.segpose.network import SegPose
from marey.models.segpose.preprocess import (
    cut_mask,
    cut_picture,
    decode_heatmaps,
    fit_window,
    warp_matrix,
)
from marey.models.segpose.weights import load_segpose

COCO = load_skeleton("coco-17")
_FACTOR = 2.0
"""Noise in px of a window scaled to 256 px; a guess, from the accuracy of the family."""


def open_segpose(path: str | Path) -> "VitPoseEstimator":
    """Return the estimator of a file of weights, one that takes masks if the network does.

    Raises:
        InputError: If there is no such file.
        FormatError: If it holds no network with 17 keypoints.
    """
    network = load_segpose(path)
    masked = network.config.mask_depth > 0
    return SegPoseEstimator(network) if masked else VitPoseEstimator(network)


class VitPoseEstimator:
    """Finds 17 keypoints of the person in a box; keeps no state."""

    def __init__(self, network: SegPose, *, flip: bool = True):
        """Take a network.

        Args:
            network: The network.
            flip: Whether to look at the mirrored picture too and average, as published.

        Raises:
            FormatError: If it does not have 17 keypoints.
        """
        if network.config.num_keypoints != len(COCO):
            raise FormatError(
                f"the network has {network.config.num_keypoints} keypoints; expected COCO's 17"
            )
        self.network = network.eval()
        self._flip = flip

    @property
    def skeleton(self) -> Skeleton:
        """COCO-WholeBody-133, of which the first 17 points are found."""
        return WHOLE_BODY

    def locate(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        box: Float[np.ndarray, "4"] | None,
        previous: PersonLandmarks | None = None,
    ) -> PersonLandmarks:
        """Return the landmarks of the person in `box`, or where `previous` was if that is None."""
        return self._look(image, box, previous, None)

    def _look(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        box: Float[np.ndarray, "4"] | None,
        previous: PersonLandmarks | None,
        mask: Float32[np.ndarray, "H W"] | None,
    ) -> PersonLandmarks:
        if box is None:
            assert previous is not None, "locate needs a box or a previous result"
            box = previous.box
        size = self.network.config.size
        center, extent = fit_window(box, size)
        matrix = warp_matrix(center, extent, size)
        picture = torch.from_numpy(cut_picture(image, matrix, size))[None]
        window = None if mask is None else torch.from_numpy(cut_mask(mask, matrix, size))[None]
        heatmaps = self.predict(picture, window)[0].numpy()
        position, confidence = decode_heatmaps(heatmaps, center, extent)
        return arrange_whole_body(
            position, confidence, COCO, factor=_FACTOR, side=float(extent.max())
        )

    def complete(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        located: PersonLandmarks,
        previous: PersonLandmarks | None = None,
    ) -> PersonLandmarks:
        """Return the result as it is."""
        return located

    def predict(
        self, picture: Float[Tensor, "B 3 H W"], mask: Float[Tensor, "B 1 H W"] | None
    ) -> Float[Tensor, "B K h w"]:
        """Return heat maps, averaged with the mirrored picture's if that is wanted."""
        with torch.inference_mode():
            heatmaps = self.network(picture, mask)
            if not self._flip:
                return heatmaps
            mirrored = self.network(picture.flip(-1), None if mask is None else mask.flip(-1))
            return (heatmaps + mirrored.flip(-1)[:, list(COCO.mirror)]) / 2


class SegPoseEstimator(VitPoseEstimator):
    """Finds 17 keypoints of the one person in a box whom a mask shows."""

    def locate_masked(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        box: Float[np.ndarray, "4"] | None,
        previous: PersonLandmarks | None,
        mask: Float32[np.ndarray, "H W"] | None,
    ) -> PersonLandmarks:
        """Do what `locate` does for the person whom a mask (0 to 1) of the picture shows."""
        return self._look(image, box, previous, mask)
