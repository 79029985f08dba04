"""Remake the README's picture from the bundled clip: the frame, the overlay, the bodies in space.

make demo
.venv/bin/python tools/make_pictures.py demo/demo.take docs/demo.jpg
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from marey.io.take import read_take
from marey.io.video import read_frames
from marey.view.frames import TakeFrames
from marey.view.overlay import OverlayStyle, render_overlay
from marey.view.scene import render_scene

FRAMES = (24, 46, 90)
HEIGHT = 480


def main() -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("take", type=Path)
    parser.add_argument("picture", type=Path)
    arguments = parser.parse_args()
    take = read_take(arguments.take)
    frames = TakeFrames(take)
    overlays = []
    for frame in read_frames(take.clips[0]):
        if frame.index in FRAMES:
            style = OverlayStyle(names=False)
            image = render_overlay(frame.image, frames.seen(frame.index), style=style)
            overlays.append(_scale(image))
    scene = render_scene(take.motion, FRAMES[1], view="front", size=(620, HEIGHT))
    row = np.hstack([*overlays, scene])
    quality = [cv2.IMWRITE_JPEG_QUALITY, 88]
    cv2.imwrite(str(arguments.picture), cv2.cvtColor(row, cv2.COLOR_RGB2BGR), quality)


def _scale(image: np.ndarray) -> np.ndarray:
    image = image[: round(0.75 * len(image))]  # below is nothing but the mat
    width = round(image.shape[1] * HEIGHT / image.shape[0])
    return cv2.resize(image, (width, HEIGHT), interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    main()
