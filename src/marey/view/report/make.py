"""From a take to a report."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from marey.capture.contact.floors import choose_floors
from marey.core import Clip, Take
from marey.core.errors import MareyError
from marey.core.progress import Progress, silent
from marey.view.frames import check_clip_size
from marey.view.report.camera_check import CameraCheck
from marey.view.report.camera_figures import measure_cameras
from marey.view.report.camera_posters import choose_frame, draw_cameras
from marey.view.report.camera_words import find_in_cameras
from marey.view.report.figures import PersonFigures
from marey.view.report.findings import Finding, find_all
from marey.view.report.measure import choose_view, measure_person
from marey.view.report.model import Report
from marey.view.report.moments import Moment, choose_moments
from marey.view.report.posters import Poster, draw_on_floor, draw_over_video, explain_missing
from marey.view.report.touches import find_in_touches, measure_touches


def make_report(
    take: Take,
    name: str,
    *,
    clip: Clip | None = None,
    clips: Sequence[Clip] | None = None,
    run: Mapping[str, Any] | None = None,
    version: str = "",
    progress: Progress = silent,
) -> Report:
    """Measure a take and draw its pictures.

    Args:
        take: The take; its people are read one after the other.
        name: Its name, for the title.
        clip: The video to draw on, if it has moved; else the take's own, if it is there.
        clips: The same of several cameras, one per camera.
        run: Timings and host facts as in `run.json`.
        version: Of the marey that makes the report.
        progress: Called as frames are measured.

    Raises:
        InputError: If `clip` or `clips` is given and cannot be read, or is no video of the take's
            camera.
    """
    people, touches = measure_people(take, progress), measure_touches(take)
    report = Report(
        name=name,
        take=take,
        people=people,
        findings=(*find_in_touches(take, touches), *find_all(take, people)),
        touches=touches,
        version=version,
        run=run or {},
    )
    if _has_several(take):
        return _add_cameras(report, clips)
    posters, reason, moves = _draw(take, people, clip)
    if moves:
        report = replace(report, findings=(_MOVING, *report.findings))
    return replace(report, posters=posters, no_posters=reason)


_MOVING = Finding(
    kind="Moving camera suspected",
    text="The background moves, but marey takes the camera to stand still: the camera's movement "
    "is part of everyone's path, speed and contact with the floor.",
)


def _add_cameras(report: Report, clips: Sequence[Clip] | None) -> Report:
    """Compare the cameras and show what they see."""
    take = report.take
    cameras = measure_cameras(take)
    frame = choose_frame(report.people, cameras, len(take.time))
    drawn = draw_cameras(take, frame, clips=clips)
    moments = choose_moments(report.people, len(take.time))
    if any(drawn.clips):
        posters, reason = drawn.over_moments(take, moments, cameras), drawn.reason
    else:
        posters, absent = _draw_bodies(take, moments)
        reason = drawn.reason if drawn.clips else absent
    return replace(
        report,
        findings=(*find_in_cameras(cameras), *report.findings),
        cameras=cameras,
        camera_posters=drawn.posters,
        rig_frame=frame,
        posters=posters,
        no_posters=reason,
    )


def _has_several(take: Take) -> bool:
    """Tell whether a take is of several cameras, whether or not it knows their videos."""
    return len(take.clips) > 1 or (take.cameras is not None and len(take.cameras.names) > 1)


def measure_people(take: Take, progress: Progress = silent) -> tuple[PersonFigures, ...]:
    """Measure everyone, over the floor that contact was found on."""
    total, done = sum(person.num_frames for person in take.people), 0

    def advance(frames: int) -> None:
        nonlocal done
        done += frames
        progress("measure", done, total)

    several = _has_several(take)
    people = tuple(
        measure_person(take, person, view=choose_view(person) if several else 0, advance=advance)
        for person in take.people
    )
    return _find_floors(people) if several else people


def _find_floors(people: tuple[PersonFigures, ...]) -> tuple[PersonFigures, ...]:
    """Measure everyone over the floor that contact with it was found on (`capture.contact`)."""
    lows = [float("nan") if person.floor is None else person.floor.feet_low for person in people]
    return tuple(
        person
        if person.floor is None or math.isnan(level)
        else replace(person, floor=person.floor.on(level))
        for person, level in zip(people, choose_floors(lows), strict=True)
    )


def _draw_bodies(take: Take, moments: tuple[Moment, ...]) -> tuple[tuple[Poster, ...], str]:
    """Return pictures of bodies without a video, and why there are none."""
    try:
        return draw_on_floor(take, moments), explain_missing(take)
    except MareyError as error:
        return (), f"the bodies could not be drawn ({error})"


def _draw(
    take: Take, people: tuple[PersonFigures, ...], clip: Clip | None
) -> tuple[tuple[Poster, ...], str, bool]:
    """Return pictures, why there are none, and whether the camera seems to move."""
    moments = choose_moments(people, len(take.time))
    own = next((own for own in take.clips[:1] if own.path is not None), None)
    if clip is None and own is not None and not own.video.exists():
        reason = f"the video {own.name} is not where it was; say where it is with --video"
        return (), reason, False
    source = clip or own
    blind = take.cameras is None and not any(person.keypoints2d for person in take.people)
    # Where nothing is known in the picture, a video would only seem to show bodies.
    if source is None or (blind and any(person.motion for person in take.people)):
        return *_draw_bodies(take, moments), False
    check = CameraCheck()
    try:
        check_clip_size(take, source)
        posters = draw_over_video(take, source, moments, look=check.look)
    except MareyError as error:
        if clip is not None:
            raise
        return (), f"the video could not be read ({error}); say where it is with --video", False
    is_static = take.cameras is None or take.cameras.T_cam_world.shape[1] == 1
    return posters, "no moment of the take is in the video", is_static and check.suspected
