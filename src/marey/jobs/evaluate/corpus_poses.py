"""Labels of corpora as poses to be measured."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from marey.core import BodyMotion, Keypoints2D
from marey.core.errors import InputError
from marey.datasets.recording import Recording
from marey.evaluate.poses import PoseSequence, PoseSet
from marey.evaluate.view_meshes import OWN, make_meshes
from marey.jobs.evaluate.corpora import Corpus, Item, read_corpus


def read_corpus_poses(
    path: Path, corpus: Corpus, *, unit: str, vertices: bool = False, made: bool = False
) -> PoseSet:
    """Read labels of a corpus as poses to be measured.

    Args:
        path: Where they lie.
        corpus: What they are.
        unit: `m` for joints in space, `px` for keypoints in the image; several views become
            sequences of their own.
        vertices: Whether meshes are wanted too, of Harmony4D.
        made: Whether they are to be made from poses, of Harmony4D's layout with bodies of marey-h.

    Raises:
        InputError: If they have none of that unit.
    """
    sequences: list[PoseSequence] = []
    skeletons: dict[str, None] = {}
    for item in _seen(path, corpus, unit, vertices=vertices, made=made):
        if isinstance(item, BodyMotion):
            break
        skeleton = _skeleton_of(item, unit)
        if skeleton is not None:
            skeletons[skeleton] = None
            sequences += _to_sequences(item, unit)
    if not sequences:
        wanted = "joints in space" if unit == "m" else "keypoints in the image"
        raise InputError(f"{path} ({corpus.title}) holds no {wanted}, which the protocol compares")
    if len(skeletons) > 1:
        raise InputError(f"{path} holds several keypoint sets ({', '.join(skeletons)})")
    return PoseSet(
        skeleton=next(iter(skeletons)),
        unit=unit,
        sequences=tuple(sequences),
        origin=f"{corpus.title} {path.name}",
    )


def _seen(path: Path, corpus: Corpus, unit: str, *, vertices: bool, made: bool) -> Iterator[Item]:
    """Yield what is measured: of Harmony4D, each camera's view is a sequence of its own."""
    from marey.datasets.views import see_from_cameras

    for item in read_corpus(path, corpus, vertices=vertices):
        by_view = corpus.module == "harmony4d" and unit == "m"
        if by_view and isinstance(item, Recording) and item.cameras is not None:
            if made and item.motion is not None and item.motion.body == OWN:
                yield from see_from_cameras(replace(item, vertices=make_meshes(item.motion)))
            else:
                yield from see_from_cameras(item)
        else:
            yield item


def _skeleton_of(item: Recording, unit: str) -> str | None:
    part = item.keypoints3d if unit == "m" else item.keypoints2d
    return None if part is None else part.skeleton.name


def _to_sequences(item: Recording, unit: str) -> list[PoseSequence]:
    if unit == "m":
        points = item.keypoints3d
        assert points is not None
        image = _matching_image(item)
        return [
            PoseSequence(
                name=item.name,
                frame=item.frame,
                position=points.position,
                confidence=points.confidence,
                image=image,
                box=_single_view(item.box),
                vertices=item.vertices,
                frame_rate=item.frame_rate,
            )
        ]
    points = item.keypoints2d
    assert points is not None
    views = points.position if points.position.ndim == 5 else points.position[None]
    trust = points.confidence if points.position.ndim == 5 else points.confidence[None]
    names = [item.name] if len(views) == 1 else [f"{item.name} view {k}" for k in range(len(views))]
    boxes = None if item.box is None else np.broadcast_to(item.box, (*views.shape[:3], 4))
    return [
        PoseSequence(
            name=name,
            frame=item.frame,
            position=views[k],
            confidence=trust[k],
            box=None if boxes is None else boxes[k],
            frame_rate=item.frame_rate,
        )
        for k, name in enumerate(names)
    ]


def _matching_image(item: Recording) -> np.ndarray | None:
    points = item.keypoints2d
    if not isinstance(points, Keypoints2D) or points.position.ndim != 4:
        return None
    assert item.keypoints3d is not None
    same = points.position.shape[:3] == item.keypoints3d.position.shape[:3]
    return points.position if same and points.skeleton == item.keypoints3d.skeleton else None


def _single_view(box: np.ndarray | None) -> np.ndarray | None:
    return box if box is not None and box.ndim == 3 else None
