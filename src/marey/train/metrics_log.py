"""Figures of a training as JSON lines, and for TensorBoard where it is installed.

A resumed training drops the lines after the state it goes on from, so the file reads as if it had
never stopped.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from marey.core.errors import MissingExtraError
from marey.core.files import atomic_path


class MetricsLog:
    """Appends one line of figures per call to `metrics.jsonl`."""

    def __init__(self, folder: Path, *, step: int, tensorboard: bool = False):
        """Open the log of a training that has done `step` steps."""
        self.path = folder / "metrics.jsonl"
        self._keep_until(step)
        self.board = _open_board(folder / "tensorboard", step) if tensorboard else None

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """Write figures of a step, counted from 1."""
        line = {"step": step, **{name: round(value, 8) for name, value in figures.items()}}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if self.board is not None:
            for name, value in figures.items():
                self.board.add_scalar(name, value, step)
            self.board.flush()

    def _keep_until(self, step: int) -> None:
        if not self.path.exists():
            return
        kept = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            # The last line may be cut off by whatever ended the training.
            with suppress(ValueError, KeyError, TypeError):
                if json.loads(line)["step"] <= step:
                    kept.append(line + "\n")
        with atomic_path(self.path) as temporary:
            temporary.write_text("".join(kept), encoding="utf-8")


def _open_board(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("tensorboard", "tensorboard", "--tensorboard") from error
    return SummaryWriter(str(folder), purge_step=step + 1)
