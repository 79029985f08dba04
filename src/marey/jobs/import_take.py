"""A file of another kind to a take, so that it can be viewed, refined and exported again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from marey.core import BodyMotion, Clip, Keypoints3D, Person, Take
from marey.core.errors import InputError, NothingFoundError
from marey.io.sightings import TIMES_OF_FILE
from marey.jobs.files import holds_image_keypoints, read
from marey.jobs.readers import Axis, Size, Value, find_door


def import_take(
    path: str | Path,
    *,
    video: str | Path | None = None,
    frame_rate: float | None = None,
    size: Size | None = None,
    up: Axis | None = None,
    body: str | None = None,
    format: str | None = None,
) -> Take:
    """Make a take of a file of another kind.

    Args:
        path: Motion, points in space or keypoints in images, see `marey.read`.
        video: The video that belongs to it. Frame k of keypoints without times is frame k of the
            video, and they get its clock.
        frame_rate: Frames per second of keypoints in images that state none; 30 if None.
        size: Width and height of the pictures in px, where neither file nor video says.
        up: Which axis of a .bvh (y unless said) or .c3d (z unless said) points up.
        body: The body an AMASS .npz or another program's result moves, see `marey.read`.
        format: Name of the program that wrote the file, where its content does not tell.

    Returns:
        A take whose people have what the file holds.

    Raises:
        InputError: If the file cannot be read, or the video does not suit it.
        FormatError: If the file is not what it should be.
        NothingFoundError: If it holds nobody.
    """
    path = Path(path)
    if video is None:
        value = read(path, frame_rate=frame_rate, size=size, up=up, body=body, format=format)
        return to_take(value, path)
    if frame_rate is not None or size is not None:
        raise InputError("a video has a clock and a size of its own; leave out --fps and --size")
    from marey.io.video import probe_clip

    clip = probe_clip(video)
    sized = holds_image_keypoints(path) or find_door(path) == ".pkl" or format is not None
    own = clip.size if sized and format != "trc" else None
    return attach_clip(to_take(read(path, size=own, up=up, body=body, format=format), path), clip)


def to_take(value: Value, path: Path) -> Take:
    """Make a take of what was read.

    Args:
        value: A take as it is; motion or points on one clock, cut to where each person is present.
        path: Where it comes from.

    Raises:
        NothingFoundError: If nobody is present in any frame.
    """
    if isinstance(value, Take):
        return value
    people = tuple(
        _person_of_motion(value, row, span)
        if isinstance(value, BodyMotion)
        else _person_of_points(value, row, span)
        for row in range(len(value.people))
        if (span := _find_span(value, row)) is not None
    )
    if not people:
        raise NothingFoundError(f"{path} holds nobody who is present in any frame")
    kind = "motion" if isinstance(value, BodyMotion) else "points in space"
    described = {"file": path.name, "format": f"{path.suffix[1:].lower()}, {kind}"}
    return Take(time=value.time, people=people, provenance={"import": described})


def attach_clip(take: Take, clip: Clip) -> Take:
    """Say which video a take belongs to; keypoints without times get its clock.

    Raises:
        InputError: If there are more frames of keypoints than of the video.
    """
    imported = take.provenance.get("import", {})
    if imported.get("clock", TIMES_OF_FILE) == TIMES_OF_FILE:
        return replace(take, clips=(clip,))
    if len(take.time) > clip.num_frames:
        raise InputError(
            f"there are {len(take.time)} frames in the file, but {clip.name} has only "
            f"{clip.num_frames}; give the video they were made of"
        )
    time = clip.time[: len(take.time)]
    people = tuple(_on_clock(person, time) for person in take.people)
    tracks = tuple(replace(tracks, time=time) for tracks in take.tracks)
    provenance = {**take.provenance, "import": {**imported, "clock": "times of the video"}}
    return replace(
        take, time=time, people=people, tracks=tracks, clips=(clip,), provenance=provenance
    )


def stack_points(take: Take) -> Keypoints3D:
    """Lay the points in space of all people out on the take's clock, NaN where one is absent.

    Raises:
        NothingFoundError: If nobody has any.
        InputError: If people have different skeletons or axes.
    """
    blocks = [(person, person.keypoints3d) for person in take.people if person.keypoints3d]
    if not blocks:
        raise NothingFoundError(
            "this take holds neither motion nor points in space; run marey solve on its video"
        )
    first = blocks[0][1]
    if any(b.skeleton != first.skeleton or b.frame != first.frame for _, b in blocks):
        raise InputError("the take's people have different kinds of points; export them one by one")
    shape = (len(blocks), len(take.time), len(first.skeleton))
    position = np.full((*shape, 3), np.nan, np.float32)
    confidence = np.zeros(shape, np.float32)
    for row, (person, block) in enumerate(blocks):
        position[row, person.start : person.stop] = block.position[0]
        confidence[row, person.start : person.stop] = block.confidence[0]
    return replace(
        first,
        people=tuple(person.name for person, _ in blocks),
        time=take.time,
        position=position,
        confidence=confidence,
        sigma=None,
    )


def _find_span(value: BodyMotion | Keypoints3D, row: int) -> slice | None:
    """Return the frames from a person's first to their last, or None if there are none."""
    if isinstance(value, BodyMotion):
        frames = np.flatnonzero(value.confidence[row] > 0)
    else:
        frames = np.flatnonzero(value.valid[row].any(-1))
    return slice(int(frames[0]), int(frames[-1]) + 1) if len(frames) else None


def _person_of_motion(motion: BodyMotion, row: int, span: slice) -> Person:
    one = slice(row, row + 1)
    own = replace(
        motion,
        people=(motion.people[row],),
        time=motion.time[span],
        shape=motion.shape[one],
        T_world_root=motion.T_world_root[one, span],
        R_parent_joint=motion.R_parent_joint[one, span],
        confidence=motion.confidence[one, span],
        contact=None if motion.contact is None else motion.contact[one, span],
        touch=None
        if motion.touch is None
        else motion.touch.of_person(row, start=span.start, stop=span.stop),
    )
    length = span.stop - span.start
    return Person(name=motion.people[row], start=span.start, num_frames=length, motion=own)


def _person_of_points(points: Keypoints3D, row: int, span: slice) -> Person:
    one = slice(row, row + 1)
    own = replace(
        points,
        people=(points.people[row],),
        time=points.time[span],
        position=points.position[one, span],
        confidence=points.confidence[one, span],
        sigma=None if points.sigma is None else points.sigma[one, span],
    )
    length = span.stop - span.start
    return Person(name=points.people[row], start=span.start, num_frames=length, keypoints3d=own)


def _on_clock(person: Person, time: Float[np.ndarray, "T"]) -> Person:
    own = time[person.start : person.stop]
    points, motion = person.keypoints3d, person.motion
    return replace(
        person,
        keypoints2d=tuple(replace(block, time=own) for block in person.keypoints2d),
        keypoints3d=None if points is None else replace(points, time=own),
        motion=None if motion is None else replace(motion, time=own),
    )
