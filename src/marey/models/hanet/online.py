"""HANet on a live stream: every frame comes out once, a fixed number of frames late.

With every new frame the network runs on the window that ends with it. A frame that leaves has been
in `delay` + 1 windows, whose mean it is; later frames than those cannot influence it. The latency
is `delay` frames plus one run of the network.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from marey.core.errors import InputError
from marey.models.hanet.network import HANet
from marey.models.hanet.refine import check_joints
from marey.models.hanet.representations import leave, nearest_rotvec


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineFrame:
    """One refined frame."""

    index: int
    """Which frame this is, counted from the first that came in."""
    position: Float[np.ndarray, "K D"]
    """NaN where a joint is lost."""
    held: Bool[np.ndarray, "K"]
    """The joint was missing; the network saw where it was last."""
    lost: Bool[np.ndarray, "K"]
    """The joint has been missing for too long, or never came yet."""


@dataclass(slots=True)
class _Pending:
    """A frame that has come in and not gone out."""

    total: Float[np.ndarray, "K D"]
    windows: int
    age: np.ndarray
    """Frames since each joint was seen."""


class OnlineRefiner:
    """Refines a stream frame by frame; one per person, not to be shared between threads."""

    def __init__(self, network: HANet, *, delay: int | None = None, max_gap: int = 15):
        """Prepare a stream.

        Args:
            network: In evaluation mode.
            delay: Frames by which the result is late, 0 up to the window; one interval if None.
                More frames to come make a better result.
            max_gap: Frames for which a missing joint is held where it was last.

        Raises:
            InputError: If the delay is not within a window, or the network is in training mode.
        """
        config = network.config
        self.delay = config.interval if delay is None else delay
        if not 0 <= self.delay < config.window:
            raise InputError(
                f"the delay must be 0 to {config.window - 1} frames, but is {self.delay}"
            )
        if network.training:
            raise InputError("the network is in training mode, with dropout; call `.eval()` first")
        self._network, self._config, self._max_gap = network, config, max_gap
        self._window = np.zeros((config.window, config.num_joints, config.joint_channels))
        self._age = np.full(config.num_joints, np.iinfo(np.int64).max // 2)
        self._pending: list[_Pending] = []
        self._received = 0

    @property
    def latency_s(self) -> float | None:
        """Latency in seconds without the computation; None if the frame rate is unknown."""
        return None if self._config.fps is None else self.delay / self._config.fps

    def push(self, pose: Float[np.ndarray, "K D"]) -> OnlineFrame | None:
        """Take the next frame and return the one `delay` frames before it.

        Args:
            pose: A joint with NaN is missing.

        Returns:
            None for the first `delay` frames.

        Raises:
            ShapeError: If the pose is not one of the network's.
            InputError: If it has infinite values.
        """
        check_joints(self._config, pose.shape)
        if np.isinf(pose).any():
            raise InputError("the pose has infinite values; mark what is missing as NaN")
        self._append(pose)
        refined = self._run()
        self._pending.append(_Pending(np.zeros(pose.shape), 0, self._age.copy()))
        for back, frame in enumerate(reversed(self._pending), start=1):
            frame.total += refined[-back]
            frame.windows += 1
        return self._pop() if len(self._pending) > self.delay else None

    def finish(self) -> list[OnlineFrame]:
        """Return the frames still held back, of which the last ones saw few frames to come."""
        return [self._pop() for _ in range(len(self._pending))]

    def _append(self, pose: Float[np.ndarray, "K D"]) -> None:
        seen = np.all(np.isfinite(pose), axis=-1)
        # A joint that comes for the first time is taken to have been there all along.
        new = seen & (self._age > self._received)
        last = self._window[-1]
        current = np.where(seen[:, None], pose, last)
        if self._config.representation == "axis-angle":
            current = np.where(new[:, None], current, nearest_rotvec(current, last))
        self._window[:, new] = current[new]
        self._window = np.concatenate([self._window[1:], current[None]])
        self._age = np.where(seen, 0, self._age + 1)
        self._received += 1

    def _run(self) -> Float[np.ndarray, "L K D"]:
        device = self._network.encoder_embed.weight.device
        x = torch.from_numpy(self._window.reshape(1, len(self._window), -1)).float().to(device)
        with torch.inference_mode():
            final, _ = self._network(x)
        return final[0].float().cpu().numpy().reshape(self._window.shape)

    def _pop(self) -> OnlineFrame:
        index = self._received - len(self._pending)
        frame = self._pending.pop(0)
        position = leave(frame.total / frame.windows, self._config.representation)
        lost = frame.age > self._max_gap
        return OnlineFrame(
            index=index,
            position=np.where(lost[:, None], np.nan, position),
            held=(frame.age > 0) & ~lost,
            lost=lost,
        )
