"""People as a program saw them, laid out over spans of frames: a take."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from marey.body import Body, load_body
from marey.core import (
    BodyMotion,
    Cameras,
    Clip,
    Keypoints2D,
    Keypoints3D,
    Person,
    Take,
    Track,
    Tracks,
)
from marey.core.errors import FormatError, InputError, NothingFoundError
from marey.datasets.outputs.people import Options, Points, Posed, Seen
from marey.datasets.outputs.rotations import turn_places, turn_rotations
from marey.io.sightings import MAX_CELLS, MAX_PEOPLE, View, make_clock

MAX_FRAMES = 10_000_000


def build_take(
    seen: Sequence[Seen],
    *,
    view: View,
    options: Options,
    cameras: Cameras | None = None,
    note: str = "",
) -> Take:
    """Lay people out over spans of frames.

    Args:
        seen: Everybody.
        view: The file, its frames, and the size of its pictures if known.
        options: The user's frame rate and body.
        cameras: The camera, if the program had one.
        note: What a reader has to know of the axes, for the provenance.

    Raises:
        FormatError: If a person has a frame twice, or there is absurdly much.
        InputError: If the body has other joints, or the frame rate is impossible.
        NothingFoundError: If there is nobody.
    """
    seen = [each for each in seen if len(each.frame)]
    if not seen:
        raise NothingFoundError(f"{view.path} holds nobody")
    _check_amount(seen, view.path)
    time, origin = make_clock(view, options.frame_rate)
    seen = sorted(seen, key=lambda each: (int(each.frame.min()), each.name))
    people = tuple(_lay_out(each, time, options.body, view.path) for each in seen)
    size = view.size or options.size
    clips = () if size is None else (Clip(path=None, size=size, time=time),)
    described: dict[str, Any] = {"file": view.path.name, "format": view.format, "clock": origin}
    if note:
        described["axes"] = note
    moved = [each.body for each in seen if each.body is not None]
    if any(body.is_translation for body in moved) and options.body is None:
        described["root"] = "translation of the body, which lacks its rest pelvis; give --body"
    tracks = tuple(_track(each) for each in seen if each.box is not None)
    return Take(
        time=time,
        clips=clips,
        cameras=cameras,
        tracks=(Tracks(time=time, tracks=tracks),) if tracks else (),
        people=people,
        provenance={"import": described},
    )


def _check_amount(seen: Sequence[Seen], path: Path) -> None:
    if len(seen) > MAX_PEOPLE:
        raise FormatError(f"{path} has {len(seen)} people; at most {MAX_PEOPLE} are read")
    cells = 0
    for each in seen:
        if len(np.unique(each.frame)) < len(each.frame):
            raise FormatError(f"{path} has the person {each.name!r} twice in one frame")
        if each.frame.min() < 0 or each.frame.max() >= MAX_FRAMES:
            raise FormatError(f"{path} has frames numbered beyond 0 to {MAX_FRAMES}")
        width = each.body.joints.shape[1] if each.body is not None else 1
        for points in (each.image, each.space):
            width += 0 if points is None else len(points.skeleton)
        cells += (int(each.frame.max()) - int(each.frame.min()) + 1) * width
    if cells > MAX_CELLS:
        raise FormatError(
            f"{path} spans {cells / 1e6:.0f} million points, more than are read at once; split it "
            "by time"
        )
    if len({each.name for each in seen}) < len(seen):
        raise FormatError(f"{path} has two people of one name")


def _lay_out(each: Seen, time: Float[np.ndarray, "T"], body: str | None, path: Path) -> Person:
    start = int(each.frame.min())
    length = int(each.frame.max()) - start + 1
    rows = each.frame - start
    clock = time[start : start + length]
    image, space, motion = None, None, None
    if each.image is not None:
        position, confidence = _spread_points(each.image, rows, length)
        image = Keypoints2D(
            skeleton=each.image.skeleton,
            people=(each.name,),
            time=clock,
            position=position,
            confidence=confidence,
        )
    if each.space is not None:
        position, confidence = _spread_points(each.space, rows, length)
        space = Keypoints3D(
            skeleton=each.space.skeleton,
            people=(each.name,),
            time=clock,
            position=position,
            frame=each.space.frame,
            confidence=confidence,
        )
    if each.body is not None:
        motion = _to_motion(each.name, each.body, rows, clock, body, path)
    return Person(
        name=each.name,
        start=start,
        num_frames=length,
        keypoints2d=() if image is None else (image,),
        keypoints3d=space,
        motion=motion,
    )


def _spread_points(
    points: Points, rows: Int[np.ndarray, "L"], length: int
) -> tuple[Float[np.ndarray, "1 T K D"], Float[np.ndarray, "1 T K"]]:
    known = np.isfinite(points.position).all(-1)
    sure = np.ones(known.shape) if points.confidence is None else points.confidence
    sure = np.where(known, np.clip(np.nan_to_num(sure), 0, 1), 0)
    position = np.full((1, length, *points.position.shape[1:]), np.nan, np.float32)
    confidence = np.zeros((1, length, points.position.shape[1]), np.float32)
    position[0, rows] = np.where((sure > 0)[..., None], points.position, np.nan)
    confidence[0, rows] = sure
    return position, confidence


def _to_motion(
    name: str,
    body: Posed,
    rows: Int[np.ndarray, "L"],
    clock: Float[np.ndarray, "T"],
    source: str | None,
    path: Path,
) -> BodyMotion:
    num_joints = body.joints.shape[1]
    kind = {23: "smpl", 51: "smplh", 54: "smplx"}[num_joints]
    shape = np.nan_to_num(np.median(body.betas[np.isfinite(body.betas).all(1)], axis=0))
    position = body.position
    if source is not None:
        own = load_body(source)
        _check_body(own, num_joints, path)
        shape = _fit_shape(shape, own)
        if body.is_translation:
            rest = own.rest_joints(torch.from_numpy(shape[None].astype(np.float32)))
            position = position + rest[0, 0].numpy()
        kind = str(Path(source).resolve())
    root = np.concatenate(
        [turn_rotations(body.axes, body.root), turn_places(body.axes, position)], -1
    )
    known = np.isfinite(root).all(-1) & np.isfinite(body.joints).all((-1, -2))
    world = np.full((1, len(clock), 7), np.nan, np.float32)
    pose = np.full((1, len(clock), num_joints, 4), np.nan, np.float32)
    confidence = np.zeros((1, len(clock)), np.float32)
    world[0, rows[known]], pose[0, rows[known]] = root[known], body.joints[known]
    confidence[0, rows[known]] = 1
    return BodyMotion(
        body=kind,
        people=(name,),
        time=clock,
        shape=shape[None].astype(np.float32),
        T_world_root=world,
        R_parent_joint=pose,
        confidence=confidence,
    )


def _check_body(body: Body, num_joints: int, path: Path) -> None:
    if len(body.rig.joints) != num_joints or body.name == "marey-h":
        raise InputError(
            f"{path} moves a body of SMPL's family with {num_joints} joints below the root, not "
            f"{body.name} with {len(body.rig.joints)}; give a file of that kind of body, or leave "
            "out --body"
        )


def _fit_shape(betas: Float[np.ndarray, "S"], body: Body) -> Float[np.ndarray, "S2"]:
    """Return as many coefficients as the body has."""
    kept = np.zeros(body.num_shape)
    count = min(len(kept), len(betas))
    kept[:count] = betas[:count]
    return kept


def _track(each: Seen) -> Track:
    assert each.box is not None
    start = int(each.frame.min())
    length = int(each.frame.max()) - start + 1
    box, sure = np.full((length, 4), np.nan, np.float32), np.zeros(length, np.float32)
    known = np.asarray(np.isfinite(each.box).all(-1))
    score = np.ones(len(known)) if each.score is None else np.nan_to_num(each.score)
    rows = each.frame - start
    box[rows[known]], sure[rows[known]] = each.box[known], np.clip(score[known], 0, 1)
    return Track(person=each.name, start=start, box=box, confidence=sure)
