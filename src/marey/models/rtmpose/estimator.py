"""A top-down landmark network from the user's own ONNX file (conventions in `simcc`).

RTMPose with 17, 26 or 133 keypoints and DWPose with 133 are recognised by their count. Results are
always COCO-WholeBody-133; points the network lacks are missing.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from marey.core.errors import FormatError
from marey.core.skeleton import Skeleton, load_skeleton
from marey.models.keypoints import WHOLE_BODY, arrange_whole_body
from marey.models.protocols import PersonLandmarks
from marey.models.rtmpose.simcc import cut_window, decode_simcc, fit_window
from marey.models.session import open_network, run_network

_SKELETONS = {17: "coco-17", 26: "halpe-26", 133: "coco-wholebody-133"}
_FACTOR = 2.5
"""Noise in px of a 256 px window; a guess, from the published accuracy of the family."""


class RtmPoseEstimator:
    """Finds the landmarks of the person in a box; keeps no state between frames; thread-safe."""

    def __init__(
        self,
        path: str | Path,
        *,
        threads: int = 1,
        providers: Sequence[str] = ("CPUExecutionProvider",),
    ):
        """Open the network and check that its inputs and outputs are those of the family.

        Args:
            path: The .onnx file.
            threads: Threads one call may use.
            providers: onnxruntime execution providers, the preferred first.

        Raises:
            FormatError: If the file is no such network.
        """
        self._session = open_network(path, threads=threads, providers=providers)
        names = [output.name for output in self._session.get_outputs()]
        shape = self._session.get_inputs()[0].shape
        if not {"simcc_x", "simcc_y"} <= set(names):
            raise FormatError(
                f"{path} has the outputs {', '.join(names)}; expected RTMPose's `simcc_x` and "
                "`simcc_y`"
            )
        if len(shape) != 4 or not all(isinstance(axis, int) for axis in shape[2:]):
            raise FormatError(f"the input of {path} has the shape {shape}; expected N 3 H W")
        self._input = self._session.get_inputs()[0].name
        self._size = (int(shape[2]), int(shape[3]))

    @property
    def skeleton(self) -> Skeleton:
        """COCO-WholeBody-133, whatever the network has of it."""
        return WHOLE_BODY

    def locate(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        box: Float[np.ndarray, "4"] | None,
        previous: PersonLandmarks | None = None,
    ) -> PersonLandmarks:
        """Return the landmarks of the person in `box`, or where `previous` was if that is None."""
        if box is None:
            assert previous is not None, "locate needs a box or a previous result"
            box = previous.box
        center, extent = fit_window(box, size=self._size)
        picture = cut_window(image, center, extent, size=self._size)
        x, y = run_network(self._session, ["simcc_x", "simcc_y"], **{self._input: picture})
        position, confidence = decode_simcc(x[0], y[0], center, extent)
        return arrange_whole_body(
            position,
            confidence,
            _skeleton_of(len(position)),
            factor=_FACTOR,
            side=float(extent.max()),
        )

    def complete(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        located: PersonLandmarks,
        previous: PersonLandmarks | None = None,
    ) -> PersonLandmarks:
        """Return the result as it is."""
        return located


def _skeleton_of(num_points: int) -> Skeleton:
    name = _SKELETONS.get(num_points)
    if name is None:
        raise FormatError(
            f"the landmark network has {num_points} keypoints; expected 17 (COCO), 26 (HALPE) "
            "or 133 (COCO-WholeBody)"
        )
    return load_skeleton(name)
