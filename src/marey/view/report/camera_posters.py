"""The same moment from several cameras, and other moments from the best of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marey.core import Clip, Take
from marey.core.errors import MareyError
from marey.view.frames import check_clip_size
from marey.view.report.camera_figures import CameraFigures
from marey.view.report.figures import PersonFigures
from marey.view.report.moments import Moment
from marey.view.report.posters import Poster, draw_over_video

MAX_CAMERAS = 12
"""Of more, every second or third is shown."""
SIZE = (480, 480)


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraPictures:
    """What several cameras show."""

    clips: tuple[Clip | None, ...]
    """Where each camera's pictures are; None where they cannot be read."""
    posters: tuple[Poster, ...]
    reason: str
    """Why there are no pictures, if there are none."""

    def over_moments(
        self, take: Take, moments: tuple[Moment, ...], cameras: CameraFigures | None
    ) -> tuple[Poster, ...]:
        """Draw moments as the camera shows them that sees most and agrees with the others."""
        assert take.cameras is not None or cameras is None
        value = [0.0 if clip is None else 1.0 for clip in self.clips]
        if cameras is not None:
            shares = np.nan_to_num(cameras.frames_seen * cameras.agreeing)
            value = [v * (0.01 + float(share)) for v, share in zip(value, shares, strict=True)]
        for view in np.argsort(-np.array(value), kind="stable").tolist():
            clip = self.clips[view]
            if clip is not None:
                name = _name(take, view)
                return draw_over_video(take, clip, moments, view=view, camera=name)
        return ()


def choose_frame(
    people: tuple[PersonFigures, ...], cameras: CameraFigures | None, num_frames: int
) -> int:
    """Return the frame in which most cameras see somebody and most people are surely there."""
    score = np.zeros(num_frames)
    if cameras is not None:
        score += np.isfinite(cameras.error_px).mean(0)
    for person in people:
        span = slice(person.start, person.start + person.num_frames)
        score[span] += person.presence.confidence / max(len(people), 1)
    if not num_frames:
        return 0
    # Of frames that are nearly as good, the one in the middle.
    good = np.flatnonzero(score >= score.max() - 0.05)
    return int(good[np.abs(good - num_frames // 2).argmin()])


def draw_cameras(take: Take, frame: int, *, clips: Sequence[Clip] | None = None) -> CameraPictures:
    """Draw one moment as every camera shows it; those that cannot be read are left out.

    Args:
        take: The take.
        frame: The moment.
        clips: Where the videos are, if they have moved.

    Raises:
        InputError: If `clips` are given and are no videos of the take's cameras.
    """
    posters, found, reason = [], [], "no moment of the take is in the videos"
    sources = take.clips if clips is None else clips
    shown = range(0, len(sources), max(-(-len(sources) // MAX_CAMERAS), 1))
    for view, clip in enumerate(sources):
        try:
            if clip.path is None or not clip.path.exists():
                found.append(None)
                reason = _explain_absence(clip)
                continue
            check_clip_size(take, clip, view=view)
            if view in shown:
                moments = (Moment(frame=frame),)
                name = _name(take, view)
                posters += draw_over_video(
                    take, clip, moments, view=view, camera=name, largest=SIZE
                )
            found.append(clip)
        except MareyError as error:
            if clips is not None:
                raise
            found.append(None)
            reason = f"the video of {_name(take, view)} could not be read ({error})"
    return CameraPictures(clips=tuple(found), posters=tuple(posters), reason=reason)


def _explain_absence(clip: Clip) -> str:
    if clip.path is None:
        return (
            "this take does not know the videos of its cameras; say with --video in which folder "
            "they lie, named like the cameras"
        )
    return f"the video {clip.name} is not where it was; say where it is with --video"


def _name(take: Take, view: int) -> str:
    if take.cameras is not None and view < len(take.cameras.names):
        return take.cameras.names[view]
    return take.clips[view].name
