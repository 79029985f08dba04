"""From a header and its arrays to a take."""

import tomllib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import numpy as np
from jaxtyping import Float, Shaped

from marey.core.cameras import CameraModel, Cameras
from marey.core.clip import Clip
from marey.core.errors import FormatError, InputError
from marey.core.keypoints import Frame, Keypoints2D, Keypoints3D
from marey.core.motion import BodyMotion, BodyTouch, Rig
from marey.core.skeleton import Skeleton, list_skeletons, load_skeleton
from marey.core.take import Person, Take
from marey.core.tracks import Track, Tracks
from marey.io._npy import DTYPES
from marey.io.take._files import FileReader, describe_source

Table = dict[str, Any]
_TOUCH_COLUMNS = 5


@contextmanager
def explain_damage(header: Path) -> Generator[None, None, None]:
    """Turn whatever a malformed header causes into a FormatError that names it."""
    try:
        yield
    except FormatError:
        raise
    except InputError as error:
        raise FormatError(f"{header.parent} breaks the rules of a take: {error}") from error
    except KeyError as error:
        raise FormatError(f"{header} lacks the entry {error}; copy the take again") from error
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        raise FormatError(f"{header} is malformed ({error}); copy the take again") from error


def build_take(header: Table, files: FileReader, *, home: Path, verify: bool) -> Take:
    """Return the take that a header of the newest version describes.

    Args:
        header: The header.
        files: The files it lists.
        home: The folder that the take lies in.
        verify: Whether to compare the clips that are there with their checksums.
    """
    reader = PartsReader(header, files)
    cameras = header.get("cameras")
    return Take(
        time=reader.time,
        clips=tuple(reader.read_clip(row, home, verify) for row in header.get("clips", [])),
        cameras=None if cameras is None else _read_cameras(cameras, files),
        tracks=tuple(reader.read_tracks(table) for table in header.get("tracks", [])),
        people=tuple(reader.read_person(table) for table in header.get("people", [])),
        provenance=header.get("provenance", {}),
    )


class PartsReader:
    """Builds the parts of a take that refer to its clock, skeletons and rigs."""

    def __init__(self, header: Table, files: FileReader):
        self._files = files
        self.time = files.open_array(header["clock"])
        skeletons, rigs = header.get("skeletons", {}), header.get("rigs", {})
        self._skeletons = {key: _read_skeleton(table) for key, table in skeletons.items()}
        self._rigs = {key: _read_rig(table) for key, table in rigs.items()}

    def read_clip(self, row: Table, home: Path, verify: bool) -> Clip:
        path = home / _text(row["path"]) if "path" in row else None
        if verify and path is not None and "sha256" in row and path.exists():
            found = describe_source(path)
            if found.get("sha256") != row["sha256"]:
                raise FormatError(f"{path} is not the clip the take was made from; restore it")
        width, height = (_whole(side) for side in row["size"])
        time = self._files.open_array(row["time"])
        return Clip(
            path=path,
            size=(width, height),
            time=time,
            cuts=tuple(_whole(cut) for cut in row["cuts"]),
            first=_whole(row.get("first", 0)),
            step=max(1, _whole(row.get("step", 1))),
            warnings=tuple(_text(warning) for warning in row.get("warnings", [])),
        )

    def read_tracks(self, table: Table) -> Tracks:
        tracks = tuple(
            Track(
                person=_text(row["person"]),
                start=_whole(row["start"]),
                box=self._files.open_array(row["box"]),
                confidence=self._files.open_array(row["confidence"]),
            )
            for row in table["people"]
        )
        return Tracks(time=self._files.open_array(table["time"]), tracks=tracks)

    def read_person(self, table: Table) -> Person:
        name = _text(table["name"])
        start, length = _whole(table["start"]), _whole(table["num_frames"])
        common = {"people": (name,)}
        span = self.time[start : start + length]
        points3d, motion = table.get("keypoints3d"), table.get("motion")
        return Person(
            name=name,
            start=start,
            num_frames=length,
            keypoints2d=tuple(
                Keypoints2D(**common, **self._read_keypoints(row, span))
                for row in table.get("keypoints2d", [])
            ),
            keypoints3d=None
            if points3d is None
            else Keypoints3D(
                **common,
                **self._read_keypoints(points3d, span),
                frame=_choose(points3d["frame"], get_args(Frame)),
            ),
            motion=None if motion is None else self._read_motion(motion, name, span),
        )

    def _read_keypoints(self, table: Table, span: Float[np.ndarray, "L"]) -> Table:
        return {
            "skeleton": self._skeletons[table["skeleton"]],
            "time": self._read_time(table, span),
            "position": self._open(table, "position"),
            "confidence": self._open(table, "confidence"),
            "sigma": self._open(table, "sigma") if "sigma" in table else None,
        }

    def _read_motion(self, table: Table, name: str, span: Float[np.ndarray, "L"]) -> BodyMotion:
        return BodyMotion(
            body=self._rigs[table["rig"]] if "rig" in table else _text(table["body"]),
            people=(name,),
            time=self._read_time(table, span),
            shape=self._open(table, "shape"),
            T_world_root=self._open(table, "T_world_root"),
            R_parent_joint=self._open(table, "R_parent_joint"),
            confidence=self._open(table, "confidence"),
            contact=self._open(table, "contact") if "contact" in table else None,
            contact_names=tuple(_text(name) for name in table.get("contact_names", ())),
            touch=self._read_touch(table["touch"], len(span)) if "touch" in table else None,
        )

    def _read_touch(self, table: Table, num_frames: int) -> BodyTouch:
        parts, others = (tuple(_text(name) for name in table[key]) for key in ("parts", "others"))
        rows = self._files.open_array(table["rows"])
        if rows.ndim != 2 or rows.shape[1] != _TOUCH_COLUMNS or not np.isfinite(rows).all():
            raise FormatError("a table of touches is damaged; copy the take again")
        whole = rows[:, :4].astype(np.int64)
        limits = np.array([num_frames, len(parts), len(others), len(parts)])
        if ((whole < 0) | (whole >= limits)).any():
            raise FormatError("a table of touches names frames or parts that are not there")
        return BodyTouch(
            parts=parts,
            others=others,
            person=np.zeros(len(rows), np.int64),
            frame=whole[:, 0],
            part=whole[:, 1],
            other=whole[:, 2],
            other_part=whole[:, 3],
            gap=rows[:, 4].astype(np.float32),
        )

    def _read_time(self, table: Table, span: Float[np.ndarray, "L"]) -> Float[np.ndarray, "L"]:
        return self._files.open_array(table["time"]) if "time" in table else span

    def _open(self, table: Table, part: str) -> Shaped[np.ndarray, "1 ..."]:
        return self._files.open_array(table[part])[None]


def _read_cameras(name: str, files: FileReader) -> Cameras:
    table = tomllib.loads(files.read_text(name))
    rows, dtypes = table["cameras"], table["dtypes"]

    def stack(key: str) -> Float[np.ndarray, "C ..."]:
        return np.array([row[key] for row in rows], DTYPES[dtypes[key]])

    moving = table.get("T_cam_world")
    pose = stack("T_cam_world")[:, None] if moving is None else files.open_array(moving)
    cameras = Cameras(
        names=tuple(row["name"] for row in rows),
        model=_choose(table["model"], get_args(CameraModel)),
        K=stack("K"),
        distortion=stack("distortion"),
        T_cam_world=pose,
        size=np.array([row["size"] for row in rows], np.int64),
        time_offset=stack("time_offset"),
    )
    _check_cameras(cameras, name)
    return cameras


def _check_cameras(cameras: Cameras, name: str) -> None:
    count = len(cameras.names)
    expected = {
        "K": (count, 3, 3),
        "distortion": (count, *cameras.distortion.shape[1:2]),
        "T_cam_world": (count, *cameras.T_cam_world.shape[1:2], 7),
        "size": (count, 2),
        "time_offset": (count,),
    }
    for field in fields(cameras):
        shape = expected.get(field.name)
        found = getattr(cameras, field.name)
        if shape is not None and found.shape != shape:
            raise FormatError(f"{name}: {field.name} must have the shape {shape}: {found.shape}")


def _read_skeleton(table: Table) -> Skeleton:
    name, keypoints = table["name"], tuple(table["keypoints"])
    # Take our own if it has the same points, so that skeletons of takes and networks are equal.
    if name in list_skeletons() and load_skeleton(name).keypoints == keypoints:
        return load_skeleton(name)
    sigmas = table.get("oks_sigmas")
    return Skeleton(
        name=name,
        keypoints=keypoints,
        edges=tuple((a, b) for a, b in table["edges"]),
        mirror=tuple(table["mirror"]),
        oks_sigmas=None if sigmas is None else tuple(sigmas),
    )


def _read_rig(table: Table) -> Rig:
    offset = np.array(table["offset"], DTYPES[table["dtype"]]).reshape(len(table["joints"]), 3)
    return Rig(
        name=table["name"],
        root=table["root"],
        joints=tuple(table["joints"]),
        parents=tuple(table["parents"]),
        offset=offset,
    )


def _choose(value: str, choices: Sequence[Any]) -> Any:
    if value not in choices:
        raise FormatError(f"'{value}' is none of {', '.join(choices)}; was the header edited?")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise FormatError(f"the header holds {value!r} for a whole number; was it edited?")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise FormatError(f"the header holds {value!r} for a name; was it edited?")
    return value
