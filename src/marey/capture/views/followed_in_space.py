"""People followed in space: what is known of each, where they are expected, who is who later."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from marey.capture.views.newcomers import Newcomer

_START_SIGMA_M = 0.05
_ACCELERATION = 8.0
"""Standard deviation of what pulls a keypoint, m/s^2."""
_DRIFT = 1.0
"""How fast a keypoint that nobody sees may move against the body, m/s."""
_LONGEST_SIGMA_M = 0.4
_VELOCITY_SHARE = 0.5
_TOP_SPEED = 12.0


@dataclass(slots=True)
class Followed:
    """One person as far as the clip has been seen."""

    start: int
    position: Float[np.ndarray, "K 3"]
    """m; NaN where a keypoint was never known."""
    velocity: Float[np.ndarray, "K 3"]
    age: Float[np.ndarray, "K"]
    """s since each keypoint was measured."""
    last: int
    """Frame of the last sighting by two views."""
    frames: list[int] = field(default_factory=list)
    index: list[Int[np.ndarray, "C K"]] = field(default_factory=list)
    middle: list[Float[np.ndarray, "3"]] = field(default_factory=list)
    near: int = 0
    """Frames in a row in which an older person was in the same place."""
    part: int = 0
    """Frames in a row in which the person was what another one lacked."""

    @classmethod
    def begin(cls, newcomer: Newcomer, frame: int) -> "Followed":
        """Start to follow a newcomer."""
        known = np.isfinite(newcomer.position).all(-1)
        return cls(
            start=frame,
            position=newcomer.position.copy(),
            velocity=np.zeros_like(newcomer.position),
            age=np.where(known, 0.0, np.inf),
            last=frame,
        )

    def expect(self, step: float) -> tuple[Float[np.ndarray, "K 3"], Float[np.ndarray, "K"]]:
        """Return where keypoints are expected after `step` seconds, and how well that is known."""
        age = self.age + step
        moved = self.velocity * step
        # What was not seen lately goes with the body.
        fresh = np.asarray(self.age < 1e-9)
        if fresh.any():
            moved[~fresh] = np.median(moved[fresh], 0)
        sigma = _START_SIGMA_M + 0.5 * _ACCELERATION * step**2 + _DRIFT * (age - step)
        return self.position + moved, np.minimum(sigma, _LONGEST_SIGMA_M)

    def learn(
        self,
        expected: Float[np.ndarray, "K 3"],
        measured: Float[np.ndarray, "K 3"],
        hinted: Float[np.ndarray, "K 3"],
        step: float,
    ) -> None:
        """Take a frame's points in: triangulated ones, and hints from a single view."""
        known, hint = np.isfinite(measured).all(-1), np.isfinite(hinted).all(-1)
        before = np.isfinite(self.position).all(-1) & known & (self.age < 0.2)
        if step > 0:
            speed = (measured - self.position) / (step + np.where(before, self.age, 0.0))[:, None]
            pace = np.linalg.norm(speed, axis=-1)
            steady = before & (pace < _TOP_SPEED)
            blend = _VELOCITY_SHARE * speed + (1 - _VELOCITY_SHARE) * self.velocity
            self.velocity = np.where(steady[:, None], blend, 0.0)
            if steady.any():
                self.velocity[~steady] = np.median(self.velocity[steady], 0)
        self.age = np.where(known, 0.0, self.age + step)
        self.position = np.where(hint.reshape(-1, 1), hinted, expected)
        self.position[known] = measured[known]

    def as_part(self) -> Newcomer:
        """Return what two views saw of the person just now."""
        fresh = np.asarray(self.age < 1e-9).reshape(-1, 1)
        index = self.index[-1].astype(int) if self.index else np.zeros((0, len(fresh)), int)
        return Newcomer(np.where(fresh, self.position, np.nan), index)

    def adopt(self, part: Newcomer) -> None:
        """Take keypoints over that were missing until this frame."""
        known = np.isfinite(part.position).all(-1)
        self.position[known], self.age[known] = part.position[known], 0.0
        self.velocity[known] = 0.0
        own = (part.index >= 0) & known
        self.index[-1] = np.where(own, part.index, self.index[-1]).astype(np.int16)

    def forget_stretched(
        self, edges: Int[np.ndarray, "E 2"], longest: Float[np.ndarray, "E"]
    ) -> None:
        """Forget keypoints that have drifted away from those they are joined to.

        Args:
            edges: Pairs of keypoints.
            longest: How far each pair can be apart, m.
        """
        middle = self.middle_of_body()
        length = np.linalg.norm(self.position[edges[:, 0]] - self.position[edges[:, 1]], axis=-1)
        broken = edges[length > longest]
        if not len(broken):
            return
        part = _find_parts(edges[length <= longest], len(self.position))
        size = np.bincount(part, np.isfinite(self.position[:, 0]))
        for one, other in broken:
            # The smaller part is somebody else's; within a part, what was seen longer ago is.
            out = np.linalg.norm(self.position[[one, other]] - middle, axis=-1)
            rank = [(-size[part[k]], self.age[k], o) for k, o in ((one, out[0]), (other, out[1]))]
            wrong = int(one if rank[0] > rank[1] else other)
            gone = (
                part == part[wrong] if part[one] != part[other] else np.arange(len(part)) == wrong
            )
            self.position[gone], self.age[gone] = np.nan, np.inf

    def middle_of_body(self) -> Float[np.ndarray, "3"]:
        """Return the median of what is known, m."""
        known = np.isfinite(self.position).all(-1)
        if not known.any():
            return np.full(3, np.nan)
        return np.median(self.position[known], 0)

    def record(self, frame: int, index: Int[np.ndarray, "C K"]) -> None:
        """Keep which points of a frame are this person's."""
        self.frames.append(frame)
        self.index.append(index.astype(np.int16))
        self.middle.append(self.middle_of_body())


def _find_parts(edges: Int[np.ndarray, "E 2"], num: int) -> Int[np.ndarray, "K"]:
    """Number the parts that edges hold together."""
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(num, num))
    return connected_components(graph, directed=False)[1]


def hint_from_views(
    expected: Float[np.ndarray, "N K 3"],
    ray: Float[np.ndarray, "C N K 2"],
    pose: Float[np.ndarray, "C 3 4"],
) -> Float[np.ndarray, "N K 3"]:
    """Move expected points across onto the rays that see them, at the depth they have."""
    local = np.einsum("cij,nkj->cnki", pose[:, :, :3], expected) + pose[:, None, None, :, 3]
    depth = local[..., 2:]
    on_ray = np.concatenate([ray * depth, depth], -1) - pose[:, None, None, :, 3]
    world = np.einsum("cji,cnkj->cnki", pose[:, :, :3], on_ray)
    known = np.isfinite(world).all(-1, keepdims=True)
    total = np.where(known, world, 0.0).sum(0)
    return total / np.where(known.any(0), known.sum(0), np.nan)


def find_overlaps(
    position: Float[np.ndarray, "N K 3"], reach: float, trunk: Sequence[int] = ()
) -> Bool[np.ndarray, "N N"]:
    """Mark pairs of people who are in the same place.

    Args:
        position: m; NaN where unknown.
        reach: Distance of two keypoints that are one, m.
        trunk: Keypoints of the trunk, which no two people can share.
    """
    if trunk:
        inner = find_overlaps(position[:, list(trunk)], reach)
        return inner | find_overlaps(position, reach)
    apart = np.linalg.norm(position[:, None] - position[None], axis=-1)
    common = np.isfinite(apart)
    near = (np.where(common, apart, np.inf) < reach).sum(-1)
    same = (near > 0.7 * common.sum(-1)) & (common.sum(-1) >= 3)
    return same & ~np.eye(len(position), dtype=bool)


def join_pieces(
    people: list[Followed], time: Float[np.ndarray, "T"], *, max_gap: float, speed: float
) -> list[Followed]:
    """Join people who are lost with those who turn up close by soon after, nearest first."""
    pieces = sorted(people, key=lambda p: p.start)
    options = []
    for a, early in enumerate(pieces):
        for b, late in enumerate(pieces):
            gap = time[late.frames[0]] - time[early.frames[-1]]
            if a != b and 0 < gap <= max_gap:
                apart = float(np.linalg.norm(late.middle[0] - early.middle[-1]))
                if apart < 0.4 + speed * gap:
                    options.append((apart, a, b))
    follower: dict[int, int] = {}
    for _, a, b in sorted(options):
        if a not in follower and b not in follower.values():
            follower[a] = b
    heads = [a for a in range(len(pieces)) if a not in follower.values()]
    joined = []
    for head in heads:
        person, row = pieces[head], head
        while row in follower:
            row = follower[row]
            person.frames += pieces[row].frames
            person.index += pieces[row].index
            person.middle += pieces[row].middle
        joined.append(person)
    return joined
