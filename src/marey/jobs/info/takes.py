"""Takes, and every file that becomes one when it is read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from marey.core import BodyMotion, Cameras, Clip, Person, Take
from marey.io.take import read_run, read_take
from marey.jobs.info.description import Description, Fact, Plain, Table
from marey.jobs.info.phrases import say_clock, say_file_size
from marey.jobs.phrases import format_count, format_seconds
from marey.jobs.refine_notes import describe_refined


def describe_take_folder(path: Path) -> Description:
    """Describe a take; its arrays stay on disk but for confidences.

    Raises:
        FormatError: If it is no take, or damaged.
    """
    take = read_take(path)
    facts = [*say_take(take), *say_provenance(take.provenance), *_say_run(read_run(path))]
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
    return tuple(table for table in tables if table.rows)


def say_provenance(provenance: Mapping[str, Any]) -> list[Fact]:
    """Say which stages made a take, with their options."""
    return [
        Fact(f"made_by_{stage}", _to_plain(options), _format_stage(stage, options))
        for stage, options in provenance.items()
    ]


def _format_stage(stage: str, options: Any) -> str:
    people = options.get("people") if isinstance(options, Mapping) else None
    if stage != "refine" or not isinstance(people, Mapping):
        return _format_options(options)
    notes = {name: told for name, told in people.items() if isinstance(told, Mapping)}
    return "; ".join(describe_refined(str(name), told) for name, told in notes.items())


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
    moves = cameras.T_cam_world.shape[1] > 1
    rows = []
    for index, name in enumerate(cameras.names):
        K, size = cameras.K[index], cameras.size[index]
        fov = _field_of_view(K, size)
        rows.append(
            (
                Fact("name", name),
                Fact("model", cameras.model),
                Fact("size_px", size.tolist(), f"{size[0]} x {size[1]} px"),
                Fact("focal_px", float(K[0, 0]), f"{K[0, 0]:.1f} px"),
                Fact("fov_deg", fov, f"{fov:.0f} degrees"),
                Fact("moves", moves, "yes" if moves else "no"),
                Fact("time_offset_s", float(cameras.time_offset[index])),
            )
        )
    return tuple(rows)


def _field_of_view(K: Float[np.ndarray, "3 3"], size: np.ndarray) -> float:
    """Return the angle along the longer side of the picture, degrees."""
    side = int(np.argmax(size))
    return float(np.degrees(2 * np.arctan(size[side] / 2 / K[side, side])))


def _format_options(options: Any) -> str:
    if not isinstance(options, Mapping):
        return str(options)
    # Checksums tell machines what was used; --json has them.
    told = {key: value for key, value in options.items() if not key.endswith("sha256")}
    return ", ".join(f"{key.replace('_', ' ')} {_format_value(v)}" for key, v in told.items())


def _format_value(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        return " ".join(map(_format_value, value))
    return f"{value:.4g}" if isinstance(value, float) else f"{value}"[:60]


def _to_plain(value: Any) -> Plain:
    if isinstance(value, Mapping):
        return {str(key): _to_plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(inner) for inner in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


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
    without = [person.name for person in take.people if person.motion is None]
    if without and len(without) < len(take.people):
        warnings.append(f"{format_count(len(without), 'person has', 'people have')} no motion")
    return warnings
