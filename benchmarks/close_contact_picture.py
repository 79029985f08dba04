"""Draw the synthetic twin of close contact: bodies, and what the detector reports of them.

python -m benchmarks.close_contact_picture ../shared docs/close-contact.png

Two cameras, three moments each of a dance and a grapple. Blue and orange are truth; dots are the
detector's reports, green ones are the other person's.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks._pairs import read_dance, read_grappling
from benchmarks.close_contact import CLIPS
from marey.body import load_body
from marey.geometry.projection import select_viewpoint
from marey.synthetic import make_cameras
from marey.synthetic.close import CloseScene, close_scene, pose_motion
from marey.view.shading import People, blend, camera_light, draw_surface, shade_surface

COLORS = np.array([[0.23, 0.47, 0.82], [0.89, 0.47, 0.2]], np.float32)
DOTS = ((10, 20, 90), (120, 30, 0))
EXCHANGED = (0, 200, 60)
BACKGROUND = 245
FRAMES = 60
MOMENTS = (6, 30, 54)
VIEWS = (0, 5)
SIDE = 360


def main() -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("picture", type=Path)
    arguments = parser.parse_args()
    body = load_body(mesh="light")
    motions = (
        read_dance(arguments.shared, body, "01", frames=FRAMES, step=4),
        read_grappling(arguments.shared, body, CLIPS, frames=FRAMES, step=4),
    )
    cameras = make_cameras(20)
    rows = [_draw(close_scene(body, motion, cameras, seed=0)) for motion in motions]
    cv2.imwrite(str(arguments.picture), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))


def _draw(scene: CloseScene) -> np.ndarray:
    with torch.inference_mode():
        vertices = scene.body.vertices(pose_motion(scene.body, scene.motion)).numpy()
    faces = scene.body.faces.numpy()
    pictures = []
    for view in VIEWS:
        viewpoint = select_viewpoint(scene.cameras, view=view)
        for frame in MOMENTS:
            people = People(vertices=vertices[:, frame], faces=faces, colors=COLORS)
            width, height = viewpoint.size
            image = np.full((height, width, 3), BACKGROUND, np.uint8)
            surface = draw_surface(people, viewpoint)
            blend(image, surface, shade_surface(surface, viewpoint, light=camera_light(viewpoint)))
            _mark_reports(image, scene, view, frame)
            pictures.append(_cut(image, surface.row, surface.column))
    return np.hstack(pictures)


def _mark_reports(image: np.ndarray, scene: CloseScene, view: int, frame: int) -> None:
    for person, color in enumerate(DOTS):
        places = scene.keypoints2d.position[view, person, frame]
        swapped = scene.swapped[view, person, frame]
        for place, other in zip(places, swapped, strict=True):
            if np.isfinite(place).all():
                x, y = (round(float(value)) for value in place)
                radius = 5 if other else 4
                cv2.circle(image, (x, y), radius, EXCHANGED if other else color, -1, cv2.LINE_AA)


def _cut(image: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Return a square around what is drawn."""
    half = round(0.6 * max(np.ptp(row), np.ptp(column)))
    y, x = ((values.min() + values.max()) // 2 for values in (row, column))
    padded = np.pad(image, ((half, half), (half, half), (0, 0)), constant_values=BACKGROUND)
    square = padded[y : y + 2 * half, x : x + 2 * half]
    return cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    main()
