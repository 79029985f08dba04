"""A person detector from the user's own ONNX file: YOLOX or RTMDet (conventions in `layouts`)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from marey.core.errors import FormatError
from marey.models.onnx_detector.layouts import (
    Family,
    count_cells,
    decode_yolox,
    pick_people,
    prepare_picture,
)
from marey.models.protocols import PersonBoxes
from marey.models.session import open_network, run_network
from marey.models.suppression import suppress_overlaps

_DEFAULT_SIZE = 640


class OnnxPersonDetector:
    """Finds people with a YOLOX or RTMDet network; thread-safe."""

    def __init__(
        self,
        path: str | Path,
        family: Family,
        *,
        min_confidence: float = 0.3,
        max_iou: float = 0.5,
        threads: int = 1,
        providers: Sequence[str] = ("CPUExecutionProvider",),
    ):
        """Open the network and check that its inputs and outputs are those of the family.

        Args:
            path: The .onnx file.
            family: `yolox` (raw or end to end) or `rtmdet` (end to end).
            min_confidence: Boxes below are dropped.
            max_iou: Boxes that overlap more are one person.
            threads: Threads one call may use.
            providers: onnxruntime execution providers, the preferred first.

        Raises:
            FormatError: If the file is no such network.
        """
        self.family: Family = family
        self.min_confidence = min_confidence
        self.max_iou = max_iou
        self._session = open_network(path, threads=threads, providers=providers)
        names = [output.name for output in self._session.get_outputs()]
        self._end_to_end = "dets" in names and "labels" in names
        if not self._end_to_end and (family == "rtmdet" or len(names) != 1):
            raise FormatError(
                f"{path} has the outputs {', '.join(names)}; expected `dets` and `labels`"
                + (", or YOLOX's single raw output" if family == "yolox" else "")
            )
        self._outputs = ["dets", "labels"] if self._end_to_end else names
        self._input = self._session.get_inputs()[0]
        self._size = _read_size(self._input.shape, path)

    def detect(self, images: Sequence[UInt8[np.ndarray, "H W 3"]]) -> list[PersonBoxes]:
        """Return the people of each RGB image, best first."""
        return [self._detect(image) for image in images]

    def _detect(self, image: UInt8[np.ndarray, "H W 3"]) -> PersonBoxes:
        picture, ratio = prepare_picture(image, family=self.family, size=self._size)
        outputs = run_network(self._session, self._outputs, **{self._input.name: picture})
        box, confidence = self._read_outputs(outputs)
        keep = confidence >= self.min_confidence
        height, width = image.shape[:2]
        box = np.clip(box[keep] / ratio, 0, [width, height, width, height]).astype(np.float32)
        confidence = np.clip(confidence[keep], 0, 1).astype(np.float32)
        chosen = suppress_overlaps(box, confidence, max_iou=self.max_iou)
        return PersonBoxes(box=box[chosen], confidence=confidence[chosen])

    def _read_outputs(
        self, outputs: list[np.ndarray]
    ) -> tuple[Float[np.ndarray, "D 4"], Float[np.ndarray, "D"]]:
        first = outputs[0][0]
        cells = count_cells(self._size)
        if self._end_to_end and first.ndim == 2 and first.shape[1] == 5:
            return pick_people(first, outputs[1][0].astype(np.int64))
        if not self._end_to_end and first.shape[0] == cells and first.shape[1] > 5:
            return decode_yolox(first, size=self._size)
        raise FormatError(
            f"the detector's output has the shape {outputs[0].shape}; expected N D 5 for `dets`, "
            f"or 1 {cells} 5+classes for raw YOLOX at this input size"
        )


def _read_size(shape: list[int | str | None], path: str | Path) -> tuple[int, int]:
    if len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3):
        raise FormatError(f"the input of {path} has the shape {shape}; expected N 3 H W")
    height, width = (n if isinstance(n, int) else _DEFAULT_SIZE for n in shape[2:])
    return height, width
