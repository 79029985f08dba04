"""Which parts of which bodies touch, frame by frame, from the fitted skins.

Two parts touch in a frame if a vertex of one lies less than a threshold from the other's skin, or
in it. A part touched is the part of the vertex; what touches it is the part of the closest place.
Every touch between two people is said once from either side, so that each person's own rows are
complete.
"""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Int

from marey.body import Body
from marey.core import BodyMotion
from marey.core.motion import BodyTouch
from marey.fit.contact.crowd import Crowd
from marey.fit.contact.crowd_body import CrowdBody
from marey.fit.contact.near_skin import Near
from marey.fit.contact.options import CollisionOptions
from marey.fit.threads import one_thread_each

TOUCH_M = 0.01
"""Skins nearer than this touch; fitted skins are no more exact. Harmony4D names no threshold."""
_CHUNK = 240


def find_touches(
    body: Body | CrowdBody,
    motion: BodyMotion,
    *,
    within: float = TOUCH_M,
    oneself: bool = False,
    workers: int = 2,
) -> BodyTouch:
    """Find which parts touch.

    Args:
        body: The motion's body, of the SMPL family; prepared, where it is asked again and again.
        motion: Everyone's poses in one world; NaN where absent.
        within: Widest gap between skins that touch, m.
        oneself: Whether parts of one body that touch each other are named as well.
        workers: Threads.

    Raises:
        InputError: If the body has too few limbs.
    """
    options = CollisionOptions(oneself=oneself)
    tables = []
    with one_thread_each(), torch.inference_mode():
        crowd = Crowd(body, motion, None, options, workers)
        for a, b in crowd.find_pairs():
            frames = crowd.common(a, b)
            for start in range(0, len(frames), _CHUNK):
                part = frames[start : start + _CHUNK]
                rows = torch.from_numpy(part)
                own = crowd.poses[a][rows], crowd.poses[b][rows]
                (there, back), _ = crowd.find(a, b, part, own, within)
                tables += [_name(crowd, there, part, a, b), _name(crowd, back, part, b, a)]
    return _join(tables, crowd.names, motion.people)


def mark_touches(body: Body, motion: BodyMotion, *, workers: int = 2) -> BodyMotion:
    """Return the motion with its touches between people."""
    return replace(motion, touch=find_touches(body, motion, workers=workers))


_Rows = tuple[np.ndarray, np.ndarray]
"""R 5: person, frame, part, the other, the other's part; and R: the gap, m."""


def _name(crowd: Crowd, near: Near, frames: Int[np.ndarray, "M"], a: int, b: int) -> _Rows:
    """Say what was found from both sides, with the least gap of each pair of parts."""
    part, faces = crowd.skin.parts.of_point, crowd.skin.tree.faces
    nearest = faces[near.face, near.corner.argmax(1)]
    own, other, when = part[near.vertex], part[nearest], frames[near.row]
    first = np.stack([np.full_like(when, a), when, own, np.full_like(when, b), other], 1)
    second = np.stack([np.full_like(when, b), when, other, np.full_like(when, a), own], 1)
    return np.concatenate([first, second]), np.tile(near.distance, 2)


def _join(tables: list[_Rows], names: tuple[str, ...], people: tuple[str, ...]) -> BodyTouch:
    keys = np.concatenate([np.zeros((0, 5), np.int64), *(keys for keys, _ in tables)])
    gaps = np.concatenate([np.zeros(0), *(gaps for _, gaps in tables)])
    unique, where = np.unique(keys, axis=0, return_inverse=True)
    gap = np.full(len(unique), np.inf)
    np.minimum.at(gap, where.ravel(), gaps)
    return BodyTouch(
        parts=names,
        others=people,
        person=unique[:, 0],
        frame=unique[:, 1],
        part=unique[:, 2],
        other=unique[:, 3],
        other_part=unique[:, 4],
        gap=gap.astype(np.float32),
    )
