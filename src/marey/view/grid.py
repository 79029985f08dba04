"""All cameras of a take in one video, side by side, at the take's clock.

Every camera's pictures are read once, in order, and made small at once: what is in memory is a
picture or two per camera, however long the recording is.
"""

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from marey.body.model import Body
from marey.core import Clip, Take
from marey.core.errors import InputError
from marey.core.progress import Progress, silent
from marey.io.video import open_video_writer
from marey.view.drawing import draw_caption
from marey.view.frames import Seen, TakeFrames, check_clip_size, scale_seen
from marey.view.grid_plan import GridPlan, plan_grid
from marey.view.overlay import LOOKAHEAD, NUM_THREADS, OverlayStyle, render_overlay
from marey.view.posed_people import PosedPeople
from marey.view.view_pictures import ViewPictures

EMPTY = 28
"""Grey of places where there is no picture."""
FADED = 0.25
"""What is left of the last picture while a camera has none."""
SMALLEST_NAMED = 240
"""Height of a camera's picture below which people's names would hide them, px."""

Image = UInt8[np.ndarray, "H W 3"]


def write_grid(
    take: Take,
    path: str | Path,
    *,
    clips: Sequence[Clip] | None = None,
    style: OverlayStyle | None = None,
    body: Body | None = None,
    progress: Progress = silent,
) -> None:
    """Write a video of a take drawn over the clips of all its cameras.

    A camera shows the picture that is nearest in time, at most half of its own frame interval away;
    where it has none, its last picture stands there faded and is said to be missing.

    Args:
        take: The take.
        path: An .mp4 file.
        clips: The videos, one per view; the take's own if not given.
        style: What is drawn and how; limbs are in people's colours unless said otherwise.
        body: The body of the motions; loaded by name if not given.
        progress: Called as frames are written.

    Raises:
        InputError: If there are no videos to draw on, or their pictures are not of the take's size.
    """
    clips = take.clips if clips is None else clips
    if not clips or not len(take.time):
        raise InputError("this take has no videos to draw on; export a .glb to look at it")
    for view, clip in enumerate(clips):
        check_clip_size(take, clip, view=view)
    plan = plan_grid([clip.size for clip in clips])
    style = style or OverlayStyle(by_person=True)
    total, start = len(take.time), float(take.time[0])
    rate = 1 / float(np.median(np.diff(take.time))) if total > 1 else 30.0
    progress("overlay", 0, total)
    with open_video_writer(path, frame_rate=rate) as writer:
        for frame, image in enumerate(_render_all(take, clips, plan, style, body)):
            writer.write(image, time=float(take.time[frame]) - start)
            progress("overlay", frame + 1, total)


def _render_all(
    take: Take, clips: Sequence[Clip], plan: GridPlan, style: OverlayStyle, body: Body | None
) -> Generator[Image, None, None]:
    """Yield finished pictures in order; drawing runs ahead in threads, a few frames at most."""
    posed = PosedPeople(take, body=body)
    frames = [TakeFrames(take, view=view, posed=posed) for view in range(len(clips))]
    names = _name_views(take, clips)
    waiting: deque[tuple[Image, list[Future[None]]]] = deque()
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(NUM_THREADS))
        views = [
            stack.enter_context(closing(_open_view(take, clip, view, plan)))
            for view, clip in enumerate(clips)
        ]
        for frame, time in enumerate(take.time.tolist()):
            sheet = np.full((plan.size[1], plan.size[0], 3), EMPTY, np.uint8)
            jobs = [
                pool.submit(
                    _draw_view,
                    plan.cut(sheet, view),
                    pictures.at(time),
                    frames[view].seen(frame),
                    names[view],
                    style,
                )
                for view, pictures in enumerate(views)
            ]
            waiting.append((sheet, jobs))
            if len(waiting) >= LOOKAHEAD:
                yield _finish(*waiting.popleft())
        while waiting:
            yield _finish(*waiting.popleft())


def _finish(sheet: Image, jobs: list[Future[None]]) -> Image:
    for job in jobs:
        job.result()
    return sheet


def _open_view(take: Take, clip: Clip, view: int, plan: GridPlan) -> ViewPictures:
    offset = 0.0 if take.cameras is None else float(take.cameras.time_offset[view])
    return ViewPictures(clip, size=plan.sizes[view], offset=offset, start=float(take.time[0]))


def _name_views(take: Take, clips: Sequence[Clip]) -> list[str]:
    known = () if take.cameras is None else take.cameras.names
    own = [clip.name if clip.path is None else clip.path.stem for clip in clips]
    return [known[view] if view < len(known) else name for view, name in enumerate(own)]


def _draw_view(
    place: Image, picture: tuple[Image | None, bool], seen: Seen, name: str, style: OverlayStyle
) -> None:
    """Draw one camera into its place of the sheet."""
    height, width = place.shape[:2]
    image, is_now = picture
    if not is_now:
        place[:] = EMPTY if image is None else EMPTY + FADED * (image.astype(np.float32) - EMPTY)
        draw_caption(place, f"{name}: no picture")
        return
    assert image is not None
    whole = (width, height) if seen.viewpoint is None else seen.viewpoint.size
    share = np.array([width, height]) / whole
    if height < SMALLEST_NAMED:
        style = replace(style, names=False)
    place[:] = render_overlay(image, scale_seen(seen, share, (width, height)), style=style)
    draw_caption(place, name)
