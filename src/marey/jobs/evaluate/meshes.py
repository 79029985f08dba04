"""Whether meshes can be made for both sides of a comparison, and if not, why."""

from dataclasses import dataclass, replace
from pathlib import Path

from marey.core import Rig
from marey.datasets.corpus.manifest import read_manifest
from marey.evaluate.poses import PoseSet
from marey.evaluate.view_meshes import OWN
from marey.io.take import HEADER, read_take
from marey.jobs.evaluate.corpora import find_corpus
from marey.jobs.evaluate.corpus_poses import read_corpus_poses

MOST_BODIES = 10_000
"""Meshes of one side, over people, frames and cameras: comparing so many takes about 3 GB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    body: str
    bodies: int = 0


def explain_no_meshes(predictions: Path, truth: Path) -> str:
    """Return why meshes cannot be made for both sides, and what to do; empty if they can.

    Args:
        predictions: Where they lie.
        truth: The same.

    Raises:
        InputError: If a take or a corpus of marey's cannot be read.
    """
    ours, theirs = _look_at(predictions), _look_at(truth)
    if ours.body != OWN or theirs.body != OWN:
        return (
            f"marey makes meshes where both sides are takes or exported corpora of {OWN}, and "
            f"{predictions.name} is {ours.body}, {truth.name} {theirs.body}; else save both sides "
            "with their vertices (marey.evaluate.write_poses)"
        )
    most = max(ours.bodies, theirs.bodies)
    if most > MOST_BODIES:
        return (
            f"{most} bodies over people, frames and cameras are more than the {MOST_BODIES} whose "
            "meshes are held at once; measure a shorter piece or fewer cameras"
        )
    return ""


def read_meshes(truth: Path, predicted: PoseSet, wanted: PoseSet) -> PoseSet:
    """Read a corpus once more with its meshes (83 kB per person, frame and camera).

    Args:
        truth: Where it lies.
        predicted: Without meshes of these there is nothing to compare.
        wanted: What was read of the corpus; comes back as it is if it has meshes or holds none.

    Raises:
        InputError: If it cannot be read.
    """
    if not _have_vertices(predicted) or _have_vertices(wanted):
        return wanted
    corpus = find_corpus(truth)
    manifest = read_manifest(truth) if truth.is_dir() else None
    bare = manifest is not None and not manifest.vertices
    if corpus is None or corpus.module != "harmony4d" or bare:
        return wanted
    return read_corpus_poses(truth, corpus, unit=wanted.unit, vertices=True)


def _have_vertices(poses: PoseSet) -> bool:
    return all(each.vertices is not None for each in poses.sequences)


def say_no_meshes(poses: PoseSet, reason: str) -> PoseSet:
    """Return poses whose sequences without vertices say why."""
    return replace(
        poses,
        sequences=tuple(
            each if each.vertices is not None else replace(each, no_vertices=reason)
            for each in poses.sequences
        ),
    )


def _look_at(path: Path) -> _Side:
    if path.is_dir() and (path / HEADER).is_file():
        take = read_take(path)
        bodies = [person.motion.body for person in take.people if person.motion is not None]
        names = {body.name if isinstance(body, Rig) else Path(body).name for body in bodies}
        views = 0 if take.cameras is None else len(take.cameras.names)
        return _Side(
            body=" and ".join(sorted(names)) or "without a body",
            # Arrays are as long as the take, however short a person stays.
            bodies=len(take.people) * len(take.time) * views,
        )
    manifest = read_manifest(path) if path.is_dir() else None
    if manifest is None:
        return _Side(body="neither")
    bodies = manifest.num_frames * len(manifest.people) * len(manifest.cameras)
    # `marey-h 1`: name and version.
    return _Side(body=manifest.body.split(" ")[0], bodies=bodies)
