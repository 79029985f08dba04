"""Predictions camera by camera, for benchmarks that pair people in the image (Harmony4D).

Takes and results of other programs count frames from 0 and know nothing of the truth's names; so
their first frame is the truth's first, and their cameras are found by name:

    ours.take                  a take with the truth's cameras
    romp/cam01.npz, ...        a folder with a file of results for each camera
    video_results.npz          results of one camera, where the truth has one
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from marey.core import Cameras, Take
from marey.core.errors import InputError
from marey.datasets.corpus.manifest import read_manifest
from marey.datasets.harmony4d import read_cameras
from marey.datasets.outputs.sniff import may_be_output
from marey.evaluate.poses import PoseSequence, PoseSet
from marey.evaluate.take_views import poses_of_views, states_joints
from marey.evaluate.takes import FAMILY
from marey.io.take import HEADER, read_take
from marey.jobs.evaluate.corpora import find_corpus
from marey.jobs.evaluate.corpus_poses import read_corpus_poses
from marey.jobs.evaluate.output_poses import _find_body
from marey.jobs.import_take import import_take
from marey.jobs.readers import Size


def read_views(
    path: Path,
    truth: PoseSet,
    *,
    format: str | None,
    bodies: Path | None,
    sizes: Mapping[str, Size] | None = None,
    meshes: bool = False,
) -> PoseSet | None:
    """Read predictions camera by camera; None if they are of a kind that says all itself.

    Args:
        path: A take, another program's results, or a folder of them, one file per camera.
        truth: What they will be compared with.
        format: Name of the program, where the content does not tell.
        bodies: Folder of licensed bodies, for results that state no joints.
        sizes: Width and height of the pictures by camera, for results that state none.
        meshes: Whether takes of marey-h are wanted with their meshes.

    Raises:
        InputError: If they cannot be read, or no camera of the truth is among them.
    """
    if path.is_dir() and (path / HEADER).is_file():
        found = poses_of_views(read_take(path), name=path.resolve().stem, meshes=meshes)
    elif path.is_dir() and find_corpus(path) is None:
        files = sorted(file for file in path.rglob("*") if file.is_file() and may_be_output(file))
        if not files:
            return None
        parts = [
            _read_one(file, str(file.relative_to(path).with_suffix("")), format, bodies, sizes)
            for file in files
        ]
        found = replace(parts[0], sequences=tuple(s for part in parts for s in part.sequences))
    elif path.is_file() and (format is not None or may_be_output(path)):
        found = _read_one(path, path.resolve().stem, format, bodies, sizes)
    else:
        return None
    return replace(found, sequences=_meet(found.sequences, truth.sequences, path))


def read_true_views(path: Path, *, meshes: bool) -> PoseSet | None:
    """Read truth camera by camera, of a take or a corpus; None of what says all itself.

    Args:
        path: Where it lies.
        meshes: Whether meshes are to be made, of bodies of marey-h.

    Raises:
        InputError: If it cannot be read, or a take has no cameras.
    """
    if path.is_dir() and (path / HEADER).is_file():
        return poses_of_views(read_take(path), name=path.resolve().stem, meshes=meshes)
    corpus = find_corpus(path) if meshes else None
    return None if corpus is None else read_corpus_poses(path, corpus, unit="m", made=True)


def find_sizes(truth: Path) -> dict[str, Size]:
    """Return the size of the pictures of each camera of a corpus or a take; empty if it is none."""
    if truth.is_dir() and (truth / HEADER).is_file():
        known = read_take(truth).cameras
        return {} if known is None else _name_sizes(known)
    if not (truth / "colmap" / "workplace").is_dir():
        return {}
    cameras = read_cameras(truth, np.ones(1, np.int64), read_manifest(truth))
    return {} if cameras is None else _name_sizes(cameras)


def _name_sizes(cameras: Cameras) -> dict[str, Size]:
    sizes = [(width, height) for width, height in cameras.size.tolist()]
    return dict(zip(cameras.names, sizes, strict=True))


def _read_one(
    path: Path,
    name: str,
    format: str | None,
    bodies: Path | None,
    sizes: Mapping[str, Size] | None,
) -> PoseSet:
    take = import_take(path, format=format)
    size = None
    if take.cameras is None and sizes and not states_joints(take, "camera"):
        # A single camera needs no name.
        camera = name.rpartition("/")[2]
        size = sizes.get(camera, next(iter(sizes.values())) if len(sizes) == 1 else None)
        take = take if size is None else import_take(path, format=format, size=size)
    kind = None if states_joints(take, "camera") else _name_kind(take)
    body = None if kind is None or bodies is None else _find_body(bodies, kind)
    if body is not None:
        take = import_take(path, format=format, body=str(body), size=size)
    found = poses_of_views(take, name=name)
    # A program has one camera, which is called as the file.
    return replace(found, sequences=tuple(replace(each, name=name) for each in found.sequences))


def _name_kind(take: Take) -> str | None:
    kinds = (person.motion.body for person in take.people if person.motion is not None)
    return next((kind for kind in kinds if isinstance(kind, str) and kind in FAMILY), None)


def _meet(
    ours: Sequence[PoseSequence], theirs: Sequence[PoseSequence], path: Path
) -> tuple[PoseSequence, ...]:
    """Name predictions as the truth, and count their frames from its first."""
    if len(ours) == len(theirs) == 1:
        return (_count_from(ours[0], theirs[0], theirs[0].name),)
    by_name = {each.name: each for each in theirs}
    result = []
    for each in ours:
        name = _find_name(each.name, list(by_name))
        if name is not None:
            result.append(_count_from(each, by_name[name], name))
    if not result:
        raise InputError(
            f"{path} has the cameras {', '.join(each.name for each in list(ours)[:3])}, the truth "
            f"{', '.join(list(by_name)[:3])}; name files and cameras as the truth's"
        )
    return tuple(result)


def _find_name(name: str, known: Sequence[str]) -> str | None:
    """Return the truth's sequence of the same name, or the only one of the same camera."""
    if name in known:
        return name
    camera = name.rpartition("/")[2]
    same = [other for other in known if other.rpartition("/")[2] == camera]
    return same[0] if len(same) == 1 else None


def _count_from(ours: PoseSequence, theirs: PoseSequence, name: str) -> PoseSequence:
    return replace(ours, name=name, frame=ours.frame + int(theirs.frame[0]))
