"""Rigs and their motion: joints one can rotate."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """A tree of joints below one root.

    The root is not a joint: it carries the pose of the whole body in the world.
    """

    name: str
    root: str
    joints: tuple[str, ...]
    """Names of the J joints, parents before children."""
    parents: tuple[int, ...]
    """Parent of each joint as an index into `joints`; -1 is the root."""
    offset: Float[np.ndarray, "J 3"]
    """Rest position of each joint relative to its parent, m, in the rig's rest axes."""

    def index(self, joint: str) -> int:
        """Return the position of a joint in `joints`."""
        return self.joints.index(joint)


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyTouch:
    """Which parts of people touch which parts of others: R rows, by person and then by frame.

    A touch between two people has two rows, one for either; so each person's rows are complete.
    """

    parts: tuple[str, ...]
    """Names of the parts of a body."""
    others: tuple[str, ...]
    """Names of people who are touched; they may have left the motion."""
    person: Int[np.ndarray, "R"]
    """Which of the motion's people."""
    frame: Int[np.ndarray, "R"]
    part: Int[np.ndarray, "R"]
    other: Int[np.ndarray, "R"]
    """Who touches, among `others`; one's own name for a touch of oneself."""
    other_part: Int[np.ndarray, "R"]
    gap: Float[np.ndarray, "R"]
    """Least distance of the two skins, m; negative where they enter each other."""

    def of_person(self, person: int, *, start: int = 0, stop: int | None = None) -> "BodyTouch":
        """Return one person's rows over some frames, which are then counted from `start`."""
        chosen = (self.person == person) & (self.frame >= start)
        if stop is not None:
            chosen &= self.frame < stop
        return BodyTouch(
            parts=self.parts,
            others=self.others,
            person=np.zeros(int(chosen.sum()), np.int64),
            frame=self.frame[chosen] - start,
            part=self.part[chosen],
            other=self.other[chosen],
            other_part=self.other_part[chosen],
            gap=self.gap[chosen],
        )


def join_touches(touches: "list[tuple[int, BodyTouch]]") -> BodyTouch | None:
    """Join the rows of several people, each with the first frame of their span; None if nobody's.

    Args:
        touches: First frame and rows of each person in turn; parts are those of the first.
    """
    if not touches:
        return None
    parts = touches[0][1].parts
    others = tuple(dict.fromkeys(name for _, touch in touches for name in touch.others))
    same = [(n, start, touch) for n, (start, touch) in enumerate(touches) if touch.parts == parts]
    number = [np.array([others.index(name) for name in t.others], np.int64) for _, _, t in same]
    return BodyTouch(
        parts=parts,
        others=others,
        person=np.concatenate([np.full(len(t.frame), n, np.int64) for n, _, t in same]),
        frame=np.concatenate([t.frame + start for _, start, t in same]),
        part=np.concatenate([t.part for _, _, t in same]),
        other=np.concatenate([of[t.other] for of, (_, _, t) in zip(number, same, strict=True)]),
        other_part=np.concatenate([t.other_part for _, _, t in same]),
        gap=np.concatenate([t.gap for _, _, t in same]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyMotion:
    """The motion of N people over T frames on one kind of body.

    Where a person is absent, poses are NaN and the confidence is 0.
    """

    body: str | Rig
    """A parametric body's name (`marey-h`), or a bare rig (an imported BVH has no mesh)."""
    people: tuple[str, ...]
    time: Float[np.ndarray, "T"]
    shape: Float[np.ndarray, "N S"]
    """Shape coefficients: one body per person; S is 0 for a bare rig."""
    T_world_root: Float[np.ndarray, "N T 7"]
    """Rotation (quaternion wxyz) of the rest pose and position of the root joint in m."""
    R_parent_joint: Float[np.ndarray, "N T J 4"]
    """Joint rotations relative to the parent, quaternions wxyz."""
    confidence: Float[np.ndarray, "N T"]
    contact: Float[np.ndarray, "N T G"] | None = None
    """Probability that each contact point touches the floor."""
    contact_names: tuple[str, ...] = ()
    """Names of the G contact points."""
    touch: BodyTouch | None = None
    """Which parts touch other people; None where nobody has looked."""
