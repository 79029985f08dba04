"""The learned motion model: `hanet-joints` run causally, its last frame the one to predict.

The network refines windows of 49 frames. Here a window ends with the frame to come, which is given
as constant velocity has it, and what the network makes of that frame is the prediction. The middle
of the hips goes on with constant velocity.
"""

import numpy as np
import torch
from jaxtyping import Float

from marey.assets import find_asset
from marey.capture._absent_points import complete_points
from marey.capture.contact.motion_model import hold_velocity
from marey.core import Skeleton
from marey.core.errors import InputError
from marey.models.hanet.weights import load_hanet

_HIPS = ("left_hip", "right_hip")


class LearnedMotion:
    """Predicts with the temporal network; one for all people."""

    def __init__(self, skeleton: Skeleton, *, asset: str = "hanet-joints"):
        """Load the network.

        Args:
            skeleton: What the points are.
            asset: Folder of its weights.

        Raises:
            InputError: If the skeleton lacks hips.
        """
        if not set(_HIPS) <= set(skeleton.keypoints):
            raise InputError(
                f"{skeleton.name} has no hips, which the learned motion model is centred on; use "
                "constant velocity"
            )
        self._skeleton = skeleton
        find_asset(asset, "config.json")
        self._network = load_hanet(find_asset(asset, "model.safetensors").parent)
        self.window = self._network.config.window

    def __call__(
        self, past: Float[np.ndarray, "N W K 3"], step: float
    ) -> Float[np.ndarray, "N K 3"]:
        """Return the next points (`PosePredictor`); up to `window` frames of the past count."""
        ahead = hold_velocity(past, step)
        names, wanted = self._skeleton.keypoints, self._network.config.joints
        hips = [names.index(name) for name in _HIPS]
        frames = np.concatenate([past[:, -(self.window - 1) :], ahead[:, None]], 1)
        middle = frames[:, :, hips].mean(2, keepdims=True)
        result = ahead.copy()
        usable = [row for row in range(len(past)) if np.isfinite(middle[row]).all()]
        if not usable:
            return result
        windows = [self._lay_out(frames[row] - middle[row], wanted) for row in usable]
        found = self._run(np.stack(windows))
        for row, refined in zip(usable, found, strict=True):
            for column, name in enumerate(wanted):
                if name in names:
                    point = refined[column] + middle[row, -1, 0]
                    key = names.index(name)
                    if np.isfinite(ahead[row, key]).all() and np.isfinite(point).all():
                        result[row, key] = point
        return result

    def _lay_out(
        self, centred: Float[np.ndarray, "W K 3"], wanted: tuple[str, ...]
    ) -> Float[np.ndarray, "L J 3"]:
        seen, _ = complete_points(centred, self._skeleton, wanted)
        # Joints that are missing stay where they were last, and before that where they came first.
        known = np.isfinite(seen).all(-1)
        frame = np.arange(len(seen))[:, None]
        last = np.maximum.accumulate(np.where(known, frame, -1), axis=0)
        first = np.where(known.any(0), known.argmax(0), 0)
        rows = np.where(last >= 0, last, first)
        held = np.nan_to_num(seen[rows, np.arange(seen.shape[1])])
        missing = self.window - len(held)
        return np.concatenate([np.repeat(held[:1], missing, 0), held])

    def _run(self, windows: Float[np.ndarray, "N L J 3"]) -> Float[np.ndarray, "N J 3"]:
        flat = torch.from_numpy(windows.reshape(*windows.shape[:2], -1)).float()
        with torch.inference_mode():
            final, _ = self._network(flat)
        return final[:, -1].double().numpy().reshape(len(windows), -1, 3)
