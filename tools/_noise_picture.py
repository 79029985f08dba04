"""Draw how far errors wander within a time, seen and fitted."""

from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 900, 560, 70, 50, 190, 60
COLOURS = (
    *((180, 119, 31), (14, 127, 255), (44, 160, 44), (40, 39, 214)),
    *((189, 103, 148), (75, 86, 140), (194, 119, 227), (127, 127, 127)),
)


def draw(path: Path, changes: dict[str, np.ndarray], fitted: dict, lag: np.ndarray) -> None:
    """Write a PNG: dots are the recording, lines the model, by part of the body."""
    canvas = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    highest = 100 * np.sqrt(max(values.max() for values in changes.values()) / 2) * 1.05

    def place(x: float, y: float) -> tuple[int, int]:
        across = LEFT + (WIDTH - LEFT - RIGHT) * x / lag[-1]
        return round(across), round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / highest)

    for tick in np.arange(0, lag[-1] + 1e-9, 0.1):
        cv2.line(canvas, place(tick, 0), place(tick, highest), (230, 230, 230), 1)
        _write(canvas, f"{tick:.1f}", place(tick, 0), (-10, 20))
    for tick in np.arange(0, highest, 0.5):
        cv2.line(canvas, place(0, tick), place(lag[-1], tick), (230, 230, 230), 1)
        _write(canvas, f"{tick:.1f}", place(0, tick), (-40, 5))
    fine = np.linspace(0, lag[-1], 200)
    for number, (group, values) in enumerate(changes.items()):
        jitter, drift = fitted["jitter"][group], fitted["drift"][group]
        model = 100 * np.sqrt(jitter**2 + drift**2 * (1 - np.exp(-fine / fitted["time"])))
        line = np.array([place(x, y) for x, y in zip(fine, model, strict=True)], np.int32)
        colour = COLOURS[number]
        cv2.polylines(canvas, [line], False, colour, 2, cv2.LINE_AA)
        for x, y in zip(lag, 100 * np.sqrt(values / 2), strict=True):
            cv2.circle(canvas, place(x, y), 3, colour, -1, cv2.LINE_AA)
        row = TOP + 22 * number
        cv2.line(canvas, (WIDTH - RIGHT + 20, row), (WIDTH - RIGHT + 50, row), colour, 2)
        _write(canvas, group, (WIDTH - RIGHT + 60, row), (0, 5))
    _write(
        canvas, "detector error across the view: change over a time, cm (rms / sqrt 2)", (20, 28)
    )
    _write(canvas, "time between two frames, s", (330, HEIGHT - 15))
    ok, data = cv2.imencode(".png", canvas, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    assert ok
    path.write_bytes(data.tobytes())


def _write(
    canvas: np.ndarray, text: str, place: tuple[int, int], shift: tuple[int, int] = (0, 0)
) -> None:
    at = (place[0] + shift[0], place[1] + shift[1])
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (40, 40, 40), 1, cv2.LINE_AA)
