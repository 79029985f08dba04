"""Takes, and every file that becomes one when it is read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from marey.core import BodyMotion, Cameras, Clip, Person, Take
from marey.io.take import read_run, read_take
from marey.jobs.info.description import Description, Fact, Plain, Table
from marey.jobs.info.made_by import NOTHING, say_provenance, tabulate_provenance
from marey.jobs.info.phrases import say_clock, say_file_size
from marey.jobs.phrases import format_count, format_seconds


def describe_take_folder(path: Path) -> Description:
    """Describe a take; its arrays stay on disk but for confidences.

    Raises:
        FormatError: If it is no take, or damaged.
    """
    take = read_take(path)
    facts = [*say_take(take), *_say_touches(take), *say_provenance(take.provenance)]
    facts += _say_run(read_run(path))
    return Description(
        path=path,
        kind="take",
        facts=(*facts, say_file_size(path)),
        tables=tabulate_take(take),
        warnings=tuple(_warn(take)),
    )


def say_take(take: Take) -> list[Fact]:
    """Say what a take holds, but for its people, clips and cameras."""
    return [*say_clock(take.time), Fact("num_people", len(take.people), hidden=bool(take.people))]


def tabulate_take(take: Take) -> tuple[Table, ...]:
    """Return a table of the people, of the clips and of the cameras, where there are any."""
    tables = [
        Table(name="people", rows=tuple(_say_person(person, take) for person in take.people)),
        Table(name="clips", rows=tuple(_say_clip(clip) for clip in take.clips)),
        Table(name="cameras", rows=_say_cameras(take.cameras)),
    ]
    return (*(table for table in tables if table.rows), *tabulate_provenance(take.provenance))


def _say_touches(take: Take) -> list[Fact]:
    """Say who touches whom, where somebody has looked."""
    motions = [(p, p.motion) for p in take.people if p.motion is not None]
    looked = [(p, motion.touch) for p, motion in motions if motion.touch is not None]
    frames: dict[tuple[str, ...], set[int]] = {}
    for person, touch in looked:
        for other, frame in zip(touch.other.tolist(), touch.frame.tolist(), strict=True):
            pair = tuple(sorted((person.name, touch.others[other])))
            frames.setdefault(pair, set()).add(person.start + frame)
    told = [f"{a} and {b} in {format_count(len(f), 'frame')}" for (a, b), f in frames.items()]
    plain: list[Plain] = [
        {"people": list(pair), "frames": len(when)} for pair, when in frames.items()
    ]
    # Of one person alone nothing is to be said.
    return [Fact("touches", plain, "; ".join(told) or "nobody")] if len(looked) > 1 else []


def _say_person(person: Person, take: Take) -> tuple[Fact, ...]:
    span = take.time[person.start : person.stop]
    last = max(person.stop - 1, person.start)
    present = _find_presence(person)
    when = f" ({span[0]:.2f} to {span[-1]:.2f} s)" if len(span) else ""
    keypoints = [points.skeleton.name for points in person.keypoints2d]
    return (
        Fact("name", person.name),
        Fact("frames", [person.start, last], f"{person.start} to {last}{when}"),
        Fact("present", present, "" if present is None else f"{100 * present:.0f} %"),
        Fact("motion", _name_body(person.motion), _name_body(person.motion) or "none"),
        Fact("keypoints2d", list(keypoints), _join(keypoints)),
        Fact("keypoints3d", *_name_points3d(person)),
    )


def _find_presence(person: Person) -> float | None:
    """Return the share of the span in which there is anything of the person."""
    parts = [person.motion.confidence[0] > 0] if person.motion is not None else []
    if not parts:
        points = [*person.keypoints2d, *([person.keypoints3d] if person.keypoints3d else [])]
        parts = [(block.confidence[0] > 0).any(-1) for block in points]
    if not parts or not person.num_frames:
        return None
    return float(np.mean(np.any(parts, axis=0)))


def _name_body(motion: BodyMotion | None) -> str | None:
    if motion is None:
        return None
    return motion.body if isinstance(motion.body, str) else f"rig {motion.body.name}"


def _name_points3d(person: Person) -> tuple[str | None, str]:
    if person.keypoints3d is None:
        return None, "none"
    name = person.keypoints3d.skeleton.name
    return name, f"{name} ({person.keypoints3d.frame})"


def _join(names: list[str]) -> str:
    different = list(dict.fromkeys(names))
    views = f" in {len(names)} views" if len(names) > 1 else ""
    return f"{', '.join(different)}{views}" if names else "none"


def _say_clip(clip: Clip) -> tuple[Fact, ...]:
    there = clip.path is not None and clip.path.exists()
    shown = "never known" if clip.path is None else "yes" if there else "no longer"
    return (
        Fact("path", None if clip.path is None else str(clip.path), str(clip.path or "no video")),
        Fact("size_px", list(clip.size), f"{clip.size[0]} x {clip.size[1]} px"),
        Fact("frames", clip.num_frames),
        Fact("cuts", len(clip.cuts)),
        Fact("there", there, shown),
    )


def _say_cameras(cameras: Cameras | None) -> tuple[tuple[Fact, ...], ...]:
    if cameras is None:
        return ()
    rows = []
    for index, name in enumerate(cameras.names):
        # Unknown poses are of cameras that move.
        moves = bool((cameras.T_cam_world[index] != cameras.T_cam_world[index, 0]).any())
        K, size = cameras.K[index], cameras.size[index]
        fov, offset = _field_of_view(K, size), float(cameras.time_offset[index])
        rows.append(
            (
                Fact("name", name),
                Fact("model", cameras.model),
                Fact("size_px", size.tolist(), f"{size[0]} x {size[1]} px"),
                Fact("focal_px", float(K[0, 0]), f"{K[0, 0]:.1f} px"),
                Fact("fov_deg", fov, f"{fov:.0f} degrees"),
                Fact("moves", moves, "yes" if moves else "no"),
                Fact("time_offset_s", offset, f"{1000 * offset:+.1f} ms" if offset else NOTHING),
            )
        )
    return tuple(rows)


def _field_of_view(K: Float[np.ndarray, "3 3"], size: np.ndarray) -> float:
    """Return the angle along the longer side of the picture, degrees."""
    side = int(np.argmax(size))
    return float(np.degrees(2 * np.arctan(size[side] / 2 / K[side, side])))


def _say_run(run: Mapping[str, Any]) -> list[Fact]:
    seconds, finished = run.get("total_seconds"), run.get("finished")
    if not isinstance(seconds, int | float):
        return []
    when = f", finished {finished}" if isinstance(finished, str) else ""
    return [Fact("solved_in_s", seconds, format_seconds(seconds) + when)]


def _warn(take: Take) -> list[str]:
    paths = [clip.path for clip in take.clips if clip.path is not None]
    warnings = [
        f"{path} is no longer there; overlays need --video" for path in paths if not path.exists()
    ]
    warnings += dict.fromkeys(warning for clip in take.clips for warning in clip.warnings)
    without = [person.name for person in take.people if person.motion is None]
    if without and len(without) < len(take.people):
        warnings.append(f"{format_count(len(without), 'person has', 'people have')} no motion")
    return warnings
