"""People drawn over the video they were seen in.

`render_overlay` draws one frame, `write_overlay` a whole take: it reads the clip again frame by
frame, poses the bodies in chunks and encodes, so memory stays flat however long the video is.
"""

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8

from marey.body.model import Body
from marey.core import Clip, Take
from marey.core.errors import InputError, ShapeError
from marey.core.progress import Progress, silent
from marey.geometry.projection import Viewpoint
from marey.io.video import Frame, open_video_writer, read_frames
from marey.view.drawing import draw_boxes, draw_keypoints, draw_names
from marey.view.frames import Seen, TakeFrames, check_clip_size
from marey.view.scene import frame_bounds
from marey.view.shading import People, blend, camera_light, draw_surface, shade_surface
from marey.view.stage import Stage, build_stage, render_on_stage

Side = Literal["none", "side", "top"]

NUM_THREADS = 2
LOOKAHEAD = 4
"""Frames in work or waiting for the encoder."""
PANEL_ASPECT = 0.75
"""Width of the side panel as a share of the picture's height."""
_LIGHTER = np.array([0.45, 0.55])
"""Shares of a person's colour and of white in their limbs, which lie on a mesh of that colour."""
MAX_STAGE_M = 12.0
"""Widest scene the side panel shows at once; beyond, its outliers are left outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayStyle:
    """What is drawn and how."""

    mesh: bool = True
    keypoints: bool = True
    boxes: bool = False
    names: bool = True
    opacity: float = 0.8
    """Of the meshes, from 0 (glass) to 1 (solid)."""
    supersample: int = 2
    """Samples per pixel along each side; 1 is faster and leaves edges jagged."""
    by_person: bool = False
    """Limbs in a light shade of each person's colour, in place of one colour per side."""


def render_overlay(
    image: UInt8[np.ndarray, "H W 3"], seen: Seen, *, style: OverlayStyle | None = None
) -> UInt8[np.ndarray, "H W 3"]:
    """Draw what is known about a frame over it.

    Args:
        image: The frame, RGB.
        seen: People, keypoints and boxes.
        style: What is drawn and how.

    Returns:
        A new picture of the same size.

    Raises:
        ShapeError: If the frame is not of the size that the camera sees.
    """
    style = style or OverlayStyle()
    height, width = image.shape[:2]
    if seen.viewpoint is not None and seen.viewpoint.size != (width, height):
        wide, high = seen.viewpoint.size
        raise ShapeError(
            f"the picture is {width}x{height} px, but its camera sees {wide}x{high} px; give a "
            "frame of the video that the take was made from"
        )
    image = image.copy()
    if style.mesh and seen.people is not None and seen.viewpoint is not None:
        surface = draw_surface(seen.people, seen.viewpoint, supersample=style.supersample)
        light = camera_light(seen.viewpoint)
        color = shade_surface(surface, seen.viewpoint, light=light)
        blend(image, surface, color, opacity=style.opacity)
    if style.keypoints and seen.skeleton is not None:
        assert seen.position is not None and seen.confidence is not None
        for row, position in enumerate(seen.position):
            color = _LIGHTER @ [seen.colors[row], np.ones(3)] if style.by_person else None
            draw_keypoints(image, seen.skeleton, position, seen.confidence[row], color=color)
    if style.boxes and seen.boxes is not None:
        draw_boxes(image, seen.boxes, seen.colors)
    if style.names:
        draw_names(image, seen.names, _find_tops(seen), seen.colors)
    return image


def write_overlay(
    take: Take,
    path: str | Path,
    *,
    clip: Clip | None = None,
    view: int = 0,
    style: OverlayStyle | None = None,
    side: Side = "none",
    body: Body | None = None,
    progress: Progress = silent,
) -> None:
    """Write a video of a take drawn over its clip.

    Args:
        take: The take.
        path: An .mp4 file.
        clip: The video; the take's own if not given.
        view: Which view of the take the video shows.
        style: What is drawn and how.
        side: Add a panel that shows the people in the world from the camera's right (`side`) or
            from above (`top`), where errors in depth are seen.
        body: The body of the motions; loaded by name if not given.
        progress: Called as frames are written.

    Raises:
        InputError: If there is no video to draw on, or its pictures are not of the take's size.
    """
    if clip is None:
        if len(take.clips) <= view:
            raise InputError("this take has no video to draw on; give one, or export a .glb")
        clip = take.clips[view]
    check_clip_size(take, clip, view=view)
    frames = TakeFrames(take, view=view, body=body)
    panel = None if side == "none" else _build_panel(take, frames, side, clip.size[1])
    style = style or OverlayStyle()
    progress("overlay", 0, clip.num_frames)
    with open_video_writer(path, frame_rate=clip.frame_rate) as writer:
        for done, (frame, image) in enumerate(_render_all(clip, frames, style, panel), start=1):
            writer.write(image, time=frame.time - float(clip.time[0]))
            progress("overlay", done, clip.num_frames)


def _render_all(
    clip: Clip, frames: TakeFrames, style: OverlayStyle, panel: Stage | None
) -> Generator[tuple[Frame, UInt8[np.ndarray, "H wide 3"]], None, None]:
    """Yield finished pictures in order; drawing runs ahead in threads, a few frames at most."""
    waiting: deque[tuple[Frame, Future[UInt8[np.ndarray, "H wide 3"]]]] = deque()
    with ThreadPoolExecutor(NUM_THREADS) as pool:
        for frame in read_frames(clip):
            index = frames.find(frame.time)
            seen = None if index is None else frames.seen(index)
            waiting.append((frame, pool.submit(_render_frame, frame.image, seen, style, panel)))
            if len(waiting) >= LOOKAHEAD:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()


def _render_frame(
    image: UInt8[np.ndarray, "H W 3"], seen: Seen | None, style: OverlayStyle, panel: Stage | None
) -> UInt8[np.ndarray, "H wide 3"]:
    drawn = image if seen is None else render_overlay(image, seen, style=style)
    if panel is None:
        return drawn
    people = _nobody() if seen is None or seen.people is None else seen.people
    return np.concatenate([drawn, render_on_stage(panel, people)], 1)


def _nobody() -> People:
    return People(
        vertices=np.zeros((0, 0, 3), np.float32),
        faces=np.zeros((0, 3), np.int64),
        colors=np.zeros((0, 3)),
    )


def _build_panel(take: Take, frames: TakeFrames, side: Side, height: int) -> Stage | None:
    """Make the side panel's stage: one camera for the whole take, from where people's roots go."""
    moving = [person.motion for person in take.people if person.motion is not None]
    if not moving or take.cameras is None:
        return None
    roots = np.concatenate([motion.T_world_root[0, :, 4:] for motion in moving])
    roots = roots[np.isfinite(roots).all(-1)]
    middle = np.median(roots, 0)
    # Arms and heads reach about a metre beyond the root; the floor should be in the picture.
    low = np.maximum(roots.min(0) - 0.7, middle - MAX_STAGE_M / 2)
    reach = np.array([0.7, 0.7, 0.9])
    high = np.minimum(roots.max(0) + reach, middle + MAX_STAGE_M / 2)
    low[2] = min(low[2], 0.0)
    viewpoint = frames.viewpoint(0)
    assert viewpoint is not None
    x, y, _ = -viewpoint.direction_to_world(np.array([0.0, 0.0, 1.0]))
    towards_camera = float(np.arctan2(y, x))
    angles = {"side": (towards_camera + np.pi / 2, 0.14), "top": (towards_camera, np.pi / 2)}
    size = (round(height * PANEL_ASPECT / 2) * 2, height)
    bounds = np.stack([low, high])
    return build_stage(frame_bounds(bounds, angles=angles[side], size=size), bounds.mean(0))


def _find_tops(seen: Seen) -> Float[np.ndarray, "N 2"]:
    """Return the point above which each person's name stands, NaN for those unseen."""
    tops = np.full((len(seen.names), 2), np.nan)
    for row in range(len(seen.names)):
        if seen.people is not None and seen.viewpoint is not None:
            tops[row] = _top_of_mesh(seen.people.vertices[row], seen.viewpoint)
        if not np.isfinite(tops[row]).all() and seen.boxes is not None:
            x0, y0, x1, _ = seen.boxes[row]
            tops[row] = (x0 + x1) / 2, y0
    return tops


def _top_of_mesh(
    vertices: Float[np.ndarray, "V 3"], viewpoint: Viewpoint
) -> Float[np.ndarray, "2"]:
    pixels = viewpoint.project(viewpoint.transform(vertices))
    inside = ((pixels >= 0) & (pixels < viewpoint.size)).all(-1)
    if not inside.any():
        return np.full(2, np.nan)
    return pixels[inside][pixels[inside][:, 1].argmin()]
