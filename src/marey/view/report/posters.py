"""Pictures of chosen moments: drawn over the video, or on a floor where there is no video."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import UInt8

from marey.core import BodyMotion, Clip, Person, Rig, Take
from marey.core.errors import MareyError
from marey.core.take import stack_motions
from marey.io.video import read_frames
from marey.view.frames import TakeFrames
from marey.view.overlay import render_overlay
from marey.view.report.camera_check import Pair
from marey.view.report.moments import Moment
from marey.view.scene import render_scene

MAX_WIDTH, MAX_HEIGHT = 960, 720
QUALITY = 82
APART_S = 0.2
"""Time between the two pictures that tell whether the camera moves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Poster:
    """A finished picture."""

    moment: Moment
    time: float
    jpeg: bytes
    size: tuple[int, int]
    over_video: bool
    camera: str = ""
    """Which of several cameras."""


def draw_over_video(
    take: Take,
    clip: Clip,
    moments: tuple[Moment, ...],
    *,
    view: int = 0,
    camera: str = "",
    largest: tuple[int, int] = (MAX_WIDTH, MAX_HEIGHT),
    look: Callable[[Pair], None] = lambda pair: None,
) -> tuple[Poster, ...]:
    """Draw moments over the video; those whose frame cannot be decoded are left out.

    Args:
        take: The take.
        clip: Its video.
        moments: Which frames of the take.
        view: Which view the video shows.
        camera: Its name, if it is one of several.
        largest: Width and height that the pictures may have, px.
        look: Shown two frames a moment apart, and the people's boxes, for each moment.
    """
    frames, posters = TakeFrames(take, view=view), []
    offset = 0.0 if take.cameras is None else float(take.cameras.time_offset[view])
    clock = clip.time + offset
    step = max(round(APART_S * clip.frame_rate), 1)
    for moment in moments:
        time = float(take.time[moment.frame])
        first = int(np.abs(clock - time).argmin())
        if abs(clock[first] - time) > 0.51 / clip.frame_rate:
            continue
        pictures = list(read_frames(clip, start=first, stop=first + step + 1, every=step))
        if not pictures or pictures[0].index != first:
            continue
        seen = frames.seen(moment.frame)
        image = render_overlay(pictures[0].image, seen)
        poster = _finish(moment, time, image, over_video=True, largest=largest)
        posters.append(replace(poster, camera=camera))
        is_cut = any(first < cut <= first + step for cut in clip.cuts)
        if len(pictures) == 2 and not is_cut:
            pair = Pair(first=pictures[0].image, second=pictures[1].image, boxes=seen.boxes)
            look(pair)
    return tuple(posters)


def draw_on_floor(take: Take, moments: tuple[Moment, ...]) -> tuple[Poster, ...]:
    """Draw moments of a motion without its video; nothing of bare rigs, which have no surface."""
    posters = []
    for moment in moments:
        motion = _motion_at(take, moment.frame)
        if motion is not None:
            image = render_scene(motion, 0, size=(MAX_WIDTH, MAX_HEIGHT))
            time = float(take.time[moment.frame])
            posters.append(_finish(moment, time, image, over_video=False))
    return tuple(posters)


def explain_missing(take: Take) -> str:
    """Return why `draw_on_floor` draws nothing."""
    motions = [person.motion for person in take.people if person.motion is not None]
    if not motions:
        return "this take holds neither a video nor a motion"
    if all(isinstance(motion.body, Rig) for motion in motions):
        return "this take holds no video, and a bare rig has no surface to draw"
    return "this take holds no video, and its bodies could not be drawn"


def _motion_at(take: Take, frame: int) -> BodyMotion | None:
    """The motion of one frame, of the people who share the first one's body."""
    here = [
        _cut_out(person, frame)
        for person in take.people
        if person.motion is not None
        and not isinstance(person.motion.body, Rig)
        and person.start <= frame < person.stop
    ]
    here = [person for person in here if np.isfinite(_root(person)).all()]
    same = [person for person in here if _body(person) == _body(here[0])]
    return stack_motions(same, take.time[frame : frame + 1]) if same else None


def _cut_out(person: Person, frame: int) -> Person:
    assert person.motion is not None
    here = slice(frame - person.start, frame - person.start + 1)
    motion = replace(
        person.motion,
        time=person.motion.time[here],
        T_world_root=person.motion.T_world_root[:, here],
        R_parent_joint=person.motion.R_parent_joint[:, here],
        confidence=person.motion.confidence[:, here],
        contact=None,
        contact_names=(),
    )
    return Person(name=person.name, start=0, num_frames=1, motion=motion)


def _root(person: Person) -> np.ndarray:
    assert person.motion is not None
    return person.motion.T_world_root


def _body(person: Person) -> tuple[object, int]:
    assert person.motion is not None
    return person.motion.body, person.motion.shape.shape[1]


def _finish(
    moment: Moment,
    time: float,
    image: UInt8[np.ndarray, "H W 3"],
    *,
    over_video: bool,
    largest: tuple[int, int] = (MAX_WIDTH, MAX_HEIGHT),
) -> Poster:
    height, width = image.shape[:2]
    scale = min(largest[0] / width, largest[1] / height, 1.0)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    if scale < 1:
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    sound, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    if not sound:
        raise MareyError("OpenCV could not write a JPEG; reinstall opencv-python-headless")
    return Poster(moment=moment, time=time, jpeg=data.tobytes(), size=size, over_video=over_video)
