"""From a take to its header and arrays."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from marey.core.cameras import Cameras
from marey.core.clip import Clip
from marey.core.keypoints import Keypoints2D, Keypoints3D
from marey.core.motion import BodyMotion, BodyTouch, Rig
from marey.core.skeleton import Skeleton
from marey.core.take import Person, Take
from marey.core.tracks import Track, Tracks
from marey.io._npy import DTYPES
from marey.io._toml import format_toml, sort_table
from marey.io.file_names import FileNamer, make_file_names
from marey.io.take._files import FileList, describe_source

Table = dict[str, Any]


def describe_take(take: Take, files: FileList, *, home: Path) -> Table:
    """Write a take's arrays and return its header, but for format, version and list of files.

    Args:
        take: The take, checked.
        files: Where the arrays go.
        home: The folder that the take will lie in.
    """
    views = name_views(take)
    header: Table = {"clock": files.add_time("clock.npy", take.time)}
    header["clips"] = [
        describe_clip(clip, files, f"clips/{view}.time.npy", home)
        for view, clip in zip(views, take.clips, strict=False)
    ]
    if take.cameras is not None:
        header["cameras"] = write_cameras(take.cameras, files)
    header["tracks"] = [
        _write_tracks(tracks, files, f"tracks/{view}")
        for view, tracks in zip(views, take.tracks, strict=False)
    ]
    writer = PeopleWriter(files, views, take.time)
    header["people"] = [writer.write_person(person) for person in take.people]
    header |= {"rigs": writer.rigs, "skeletons": writer.skeletons}
    header["provenance"] = sort_table(take.provenance)
    return {key: value for key, value in header.items() if value not in ([], {})}


def name_views(take: Take) -> list[str]:
    """Return the names of a take's views that serve as file names."""
    names = ["" if clip.path is None else clip.path.stem for clip in take.clips]
    if take.cameras is not None:
        names = [*take.cameras.names]
    count = max(len(take.clips), len(take.tracks), *(len(p.keypoints2d) for p in take.people), 0)
    names += [""] * (count - len(names))
    return make_file_names(names, fallback="view")


def describe_clip(clip: Clip, files: FileList, time_name: str, home: Path) -> Table:
    """Write a clip's clock and return the table that describes the clip."""
    return {
        "path": None if clip.path is None else _name_path(clip.path.resolve(), home.resolve()),
        "size": list(clip.size),
        "time": files.add_time(time_name, clip.time),
        "cuts": list(clip.cuts),
        # Of whole files, which most clips are, nothing is said.
        "first": clip.first or None,
        "step": clip.step if clip.step > 1 else None,
        "warnings": list(clip.warnings) or None,
        **({} if clip.path is None else describe_source(clip.path)),
    }


def _name_path(path: Path, home: Path) -> str:
    return (path.relative_to(home) if path.is_relative_to(home) else path).as_posix()


def write_cameras(cameras: Cameras, files: FileList) -> str:
    """Write cameras and return the name of their file."""
    # Calibration keeps its own precision; what it is stands beside it.
    fields = ("K", "distortion", "T_cam_world", "time_offset")
    dtypes = {name: _dtype_name(getattr(cameras, name).dtype.name) for name in fields}
    static = cameras.T_cam_world.shape[1] == 1
    rows = []
    for view, name in enumerate(cameras.names):
        row: Table = {"name": name}
        row["K"] = cameras.K[view].tolist()
        row["distortion"] = cameras.distortion[view].tolist()
        row["size"] = cameras.size[view].tolist()
        row["time_offset"] = float(cameras.time_offset[view])
        if static:
            row["T_cam_world"] = cameras.T_cam_world[view, 0].tolist()
        rows.append(row)
    table: Table = {"model": cameras.model, "dtypes": dtypes, "cameras": rows}
    if not static:
        table["T_cam_world"] = files.add_array(
            "cameras.T_cam_world.npy", cameras.T_cam_world, dtype=dtypes["T_cam_world"]
        )
    return files.add_text("cameras.toml", format_toml(table))


def _dtype_name(name: str) -> str:
    return name if name in DTYPES else "float32"


def _write_tracks(tracks: Tracks, files: FileList, folder: str) -> Table:
    namer = FileNamer("person")
    rows = [
        write_track(track, files, f"{folder}/{namer.choose(track.person)}")
        for track in tracks.tracks
    ]
    return {"time": files.add_time(f"{folder}.time.npy", tracks.time), "people": rows}


def write_track(track: Track, files: FileList, prefix: str) -> Table:
    """Write one person's boxes and return the row that describes them."""
    return {
        "person": track.person,
        "start": track.start,
        "box": files.add_array(f"{prefix}.box.npy", track.box),
        "confidence": files.add_array(f"{prefix}.confidence.npy", track.confidence),
    }


class PeopleWriter:
    """Writes people, and gathers the skeletons and rigs they refer to."""

    def __init__(self, files: FileList, views: Sequence[str], clock: Float[np.ndarray, "T"]):
        self.rigs: dict[str, Table] = {}
        self.skeletons: dict[str, Table] = {}
        self._files, self._views, self._clock = files, views, clock
        self._namer = FileNamer("person")

    def write_person(self, person: Person) -> Table:
        """Write a person's arrays and return the table that describes them."""
        folder = f"people/{self._namer.choose(person.name)}"
        table: Table = {
            "name": person.name,
            "start": person.start,
            "num_frames": person.num_frames,
        }
        table["keypoints2d"] = [
            self._write_keypoints(points, f"{folder}/keypoints2d.{view}", person)
            for view, points in zip(self._views, person.keypoints2d, strict=False)
        ] or None
        if person.keypoints3d is not None:
            points = person.keypoints3d
            table["keypoints3d"] = self._write_keypoints(points, f"{folder}/keypoints3d", person)
            table["keypoints3d"]["frame"] = points.frame
        if person.motion is not None:
            table["motion"] = self.write_motion(person.motion, f"{folder}/motion", person)
        return table

    def _write_keypoints(
        self, points: Keypoints2D | Keypoints3D, prefix: str, person: Person
    ) -> Table:
        table = self._write_time(points, prefix, person)
        table["skeleton"] = _intern(self.skeletons, _describe_skeleton(points.skeleton))
        for part in ("position", "confidence", "sigma"):
            array = getattr(points, part)
            if array is not None:
                table[part] = self._files.add_array(f"{prefix}.{part}.npy", array[0])
        return table

    def write_motion(self, motion: BodyMotion, prefix: str, person: Person) -> Table:
        """Write a motion's arrays and return the table that describes them."""
        table = self._write_time(motion, prefix, person)
        if isinstance(motion.body, Rig):
            table["rig"] = _intern(self.rigs, _describe_rig(motion.body))
        else:
            table["body"] = motion.body
        for part in ("shape", "T_world_root", "R_parent_joint", "confidence", "contact"):
            array = getattr(motion, part)
            if array is not None:
                table[part] = self._files.add_array(f"{prefix}.{part}.npy", array[0])
        if motion.contact_names:
            table["contact_names"] = motion.contact_names
        if motion.touch is not None:
            table["touch"] = self._write_touch(motion.touch, prefix)
        return table

    def _write_touch(self, touch: BodyTouch, prefix: str) -> Table:
        columns = (touch.frame, touch.part, touch.other, touch.other_part, touch.gap)
        rows = np.stack([np.asarray(column, np.float64) for column in columns], 1)
        return {
            "parts": touch.parts,
            "others": touch.others,
            "rows": self._files.add_array(f"{prefix}.touch.npy", rows, dtype="float64"),
        }

    def _write_time(
        self, block: Keypoints2D | Keypoints3D | BodyMotion, prefix: str, person: Person
    ) -> Table:
        expected = self._clock[person.start : person.stop]
        if (block.time == expected).all():
            return {}
        return {"time": self._files.add_time(f"{prefix}.time.npy", block.time)}


def _intern(tables: dict[str, Table], table: Table) -> str:
    """Return the key of a table in `tables`: its name, numbered if another has that name."""
    text, key, number = format_toml(table), table["name"], 1
    # Compared as text, since NaN does not equal NaN.
    while key in tables and format_toml(tables[key]) != text:
        number += 1
        key = f"{table['name']}-{number}"
    tables[key] = table
    return key


def _describe_skeleton(skeleton: Skeleton) -> Table:
    return {
        "name": skeleton.name,
        "keypoints": list(skeleton.keypoints),
        "edges": [list(edge) for edge in skeleton.edges],
        "mirror": list(skeleton.mirror),
        "oks_sigmas": None if skeleton.oks_sigmas is None else list(skeleton.oks_sigmas),
    }


def _describe_rig(rig: Rig) -> Table:
    return {
        "name": rig.name,
        "root": rig.root,
        "joints": list(rig.joints),
        "parents": list(rig.parents),
        "offset": rig.offset.tolist(),
        "dtype": _dtype_name(rig.offset.dtype.name),
    }
