"""People in space from poses that nobody owns yet: poses of several views that agree on a body.

Two poses propose a body where their rays pass each other closely, keypoint by keypoint, and the
body has limbs of human length. Of the best proposals the one that most views confirm wins, so that
what agrees by chance between two views loses to what agrees around the circle. Then the next.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from marey.capture.frame_points import FramePoints
from marey.core import Skeleton

_MIN_AFFINITY = 0.2
_REACH = 3.0
"""Distance in sigmas up to which two rays agree."""
_MIN_AGREEMENT = 0.6
"""Share of the keypoints in common on which two poses have to agree."""
_NUM_PROPOSALS = 8
_SHORTEST_TRUNK_M, _LONGEST_TRUNK_M = 0.25, 0.85
_HEAD = ("nose", "eye", "ear", "head_top")
_FRESH, _MAX_COMMON, _PART_REACH_M = 0.2, 0.2, 1.0
"""A missing part: seen longer ago than this (s), common keypoints, distance from the rest."""
_UNSURE = 0.15
"""Score below which a candidate starts nobody."""


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A person found in a frame."""

    position: Float[np.ndarray, "K 3"]
    """m; NaN where unknown."""
    index: Int[np.ndarray, "C K"]
    """Slots; -1 where there is none."""


def group_poses(
    points: FramePoints, free: Bool[np.ndarray, "C K D"], fewest: int
) -> tuple[Int[np.ndarray, "Q"], Int[np.ndarray, "Q K"]]:
    """Return the view and the slots of each pose that free points make, by part affinities."""
    views, poses = [], []
    for view in np.flatnonzero(free.any((1, 2))).tolist():
        rows = _rows_of_people(free[view]) if points.whole else _link_parts(points, free, view)
        for row in rows:
            if (row >= 0).sum() >= fewest:
                views.append(view)
                poses.append(row)
    num = free.shape[1]
    return np.array(views, int), np.array(poses, int).reshape(len(poses), num)


def _rows_of_people(free: Bool[np.ndarray, "K D"]) -> list[np.ndarray]:
    return [np.where(free[:, d], d, -1) for d in np.flatnonzero(free.any(0))]


def _link_parts(
    points: FramePoints, free: Bool[np.ndarray, "C K D"], view: int
) -> list[Int[np.ndarray, "K"]]:
    """Join free candidates, surest links first, never two of one keypoint in a pose."""
    links = points.affinity[view]
    ends = links[:, :4].astype(int)
    sure = free[view] & (points.score[view] >= _UNSURE)
    usable = sure[ends[:, 0], ends[:, 1]] & sure[ends[:, 2], ends[:, 3]]
    usable &= links[:, 4] >= _MIN_AFFINITY
    owner: dict[tuple[int, int], np.ndarray] = {}
    for row in np.flatnonzero(usable)[np.argsort(-links[usable, 4], kind="stable")]:
        one, other = (int(ends[row, 0]), int(ends[row, 1])), (int(ends[row, 2]), int(ends[row, 3]))
        a, b = owner.get(one), owner.get(other)
        pose = _single(one, len(sure)) if a is None else a
        second = _single(other, len(sure)) if b is None else b
        if pose is second or ((pose >= 0) & (second >= 0)).any():
            continue
        joined = np.maximum(pose, second)
        for keypoint in np.flatnonzero(joined >= 0):
            owner[int(keypoint), int(joined[keypoint])] = joined
    return list({id(pose): pose for pose in owner.values()}.values())


def _single(part: tuple[int, int], num: int) -> Int[np.ndarray, "K"]:
    pose = np.full(num, -1)
    pose[part[0]] = part[1]
    return pose


class Finder:
    """Finds newcomers among the poses of a frame."""

    def __init__(
        self,
        skeleton: Skeleton,
        spread: Float[np.ndarray, "K"],
        *,
        fewest: int,
        rounds: int = 64,
    ):
        self._spread, self._fewest, self._rounds = spread, fewest, rounds
        self.edges = np.array(skeleton.edges, int).reshape(-1, 2)
        self.longest = np.array([_longest(skeleton, *edge) for edge in skeleton.edges])
        names = skeleton.keypoints
        trunk = [f"{side}_{part}" for side in ("left", "right") for part in ("shoulder", "hip")]
        self.trunk = [names.index(name) for name in trunk if name in names]

    def find(
        self,
        points: FramePoints,
        views: Int[np.ndarray, "Q"],
        poses: Int[np.ndarray, "Q K"],
        extrinsics: Float[np.ndarray, "C 3 4"],
    ) -> list[Newcomer]:
        """Return the people that poses of two views and more agree on."""
        if len(set(views.tolist())) < 2:
            return []
        origin, direction, score = _aim(points, views, poses, extrinsics)
        agreement = self._compare(views, origin, direction, score)
        people, left = [], np.ones(len(views), bool)
        for _ in range(self._rounds):
            open_pairs = np.where(left[:, None] & left, agreement, 0.0)
            best = np.argsort(-open_pairs, axis=None, kind="stable")[:_NUM_PROPOSALS]
            pairs = [divmod(int(p), len(views)) for p in best if open_pairs.flat[p] > 0]
            if not pairs:
                break
            grown = [self._grow(pair, left, views, origin, direction) for pair in pairs]
            members, position = max(grown, key=lambda g: g[2])[:2]
            left[members] = False
            if np.isfinite(position).all(-1).sum() >= self._fewest:
                index = np.full((len(points.ray), poses.shape[1]), -1)
                for member in members:
                    index[views[member]] = poses[member]
                people.append(Newcomer(position, index))
        return people

    def completes(
        self, newcomer: Newcomer, position: Float[np.ndarray, "K 3"], age: Float[np.ndarray, "K"]
    ) -> bool:
        """Tell whether a newcomer is but the missing part of a person.

        Args:
            newcomer: Who was found.
            position: The person's keypoints, m; NaN where unknown.
            age: When they were last seen, s ago.
        """
        new = np.isfinite(newcomer.position).all(-1)
        if not new.any():
            return False
        fresh = np.isfinite(position).all(-1) & (age < _FRESH)
        if (new & fresh).sum() > _MAX_COMMON * new.sum() or not fresh.any():
            return False
        middle = np.median(position[fresh], 0) - np.median(newcomer.position[new], 0)
        whole = np.where(fresh[:, None], position, newcomer.position)
        return bool(np.linalg.norm(middle) < _PART_REACH_M) and self._is_human(whole)

    def _compare(
        self,
        views: Int[np.ndarray, "Q"],
        origin: Float[np.ndarray, "Q 3"],
        direction: Float[np.ndarray, "Q K 3"],
        score: Float[np.ndarray, "Q K"],
    ) -> Float[np.ndarray, "Q Q"]:
        """Return how well pairs of poses agree; 0 below the diagonal."""
        agreement = np.zeros((len(views), len(views)))
        # Row by row: all pairs of 64 cameras at once would take gigabytes.
        for row in range(len(views) - 1):
            rest = row + 1 + np.flatnonzero(views[row + 1 :] != views[row])
            apart, middle = _pass_by(
                origin[row], direction[row], origin[rest, None], direction[rest]
            )
            both = np.isfinite(apart)
            off = np.where(both, apart, np.inf) / (np.sqrt(2) * self._spread)
            close = off < _REACH
            weight = np.where(both, np.sqrt(score[row] * score[rest]), 0.0)
            near = np.exp(-0.5 * np.square(np.minimum(off, _REACH)))
            share = close.sum(-1) / np.maximum(both.sum(-1), 1)
            good = (close.sum(-1) >= self._fewest) & (share >= _MIN_AGREEMENT)
            middle = np.where(close[..., None], middle, np.nan)
            good[good] = [self._is_human(body) for body in middle[good]]
            agreement[row, rest] = np.where(good, (weight * close * near).sum(-1) * share, 0.0)
        return agreement

    def _is_human(self, body: Float[np.ndarray, "K 3"]) -> bool:
        a, b = self.edges.T
        length = np.linalg.norm(body[a] - body[b], axis=-1)
        known = np.isfinite(length)
        if known.any() and np.mean(length[known] < self.longest[known]) < 0.8:
            return False
        found = body[np.isfinite(body).all(-1)]
        if np.median(np.linalg.norm(found - np.median(found, 0), axis=-1)) > 1.2:
            return False
        if len(self.trunk) == 4 and np.isfinite(body[self.trunk]).all():
            left, right = self.trunk[:2], self.trunk[2:]
            top = (body[left[0]] + body[right[0]]) / 2
            height = np.linalg.norm(top - (body[left[1]] + body[right[1]]) / 2)
            return bool(_SHORTEST_TRUNK_M < height < _LONGEST_TRUNK_M)
        return True

    def _grow(
        self,
        pair: tuple[int, int],
        left: Bool[np.ndarray, "Q"],
        views: Int[np.ndarray, "Q"],
        origin: Float[np.ndarray, "Q 3"],
        direction: Float[np.ndarray, "Q K 3"],
    ) -> tuple[list[int], Float[np.ndarray, "K 3"], float]:
        """Let other views' poses join a pair; return members, body and how much confirms it."""
        members, total = list(pair), 0.0
        body = _meet(origin[members], direction[members])
        for _ in range(len(set(views.tolist()))):
            taken = set(views[members].tolist())
            others = [q for q in np.flatnonzero(left).tolist() if int(views[q]) not in taken]
            off = _distance(body, origin[members + others], direction[members + others])
            off /= self._spread
            near = np.exp(-0.5 * np.square(np.minimum(np.nan_to_num(off, nan=9.0), 9.0)))
            enough = np.isfinite(off).sum(1) >= min(self._fewest, 3)
            share = (off < _REACH).sum(1) / np.maximum(np.isfinite(off).sum(1), 1)
            value = np.where(enough & (share >= _MIN_AGREEMENT), near.sum(1), 0.0)
            total = float(value.sum() if not others else value[: len(members)].sum())
            if not others or value[len(members) :].max() <= 0:
                break
            members.append(others[int(np.argmax(value[len(members) :]))])
            body = _meet(origin[members], direction[members])
        return members, _meet(origin[members], direction[members]), total


def _longest(skeleton: Skeleton, one: int, other: int) -> float:
    """Return how long an edge can be in a tall adult, m."""
    ends = [skeleton.keypoints[one], skeleton.keypoints[other]]
    if all(end.endswith(_HEAD) for end in ends):
        return 0.35
    trunk = any("hip" in end for end in ends) and any("shoulder" in end for end in ends)
    return 0.8 if trunk else 0.62


def _aim(
    points: FramePoints,
    views: Int[np.ndarray, "Q"],
    poses: Int[np.ndarray, "Q K"],
    pose: Float[np.ndarray, "C 3 4"],
) -> tuple[Float[np.ndarray, "Q 3"], Float[np.ndarray, "Q K 3"], Float[np.ndarray, "Q K"]]:
    """Return where rays start, where they point (NaN where missing), and how sure they are."""
    keypoint = np.arange(poses.shape[1])
    slot = np.maximum(poses, 0)
    place = (views[:, None], keypoint, slot)
    ray = np.where((poses >= 0)[..., None], points.ray[place], np.nan)
    local = np.concatenate([ray, np.ones((*ray.shape[:2], 1))], -1)
    R = pose[views, :, :3]
    direction = np.einsum("qji,qkj->qki", R, local)
    origin = -np.einsum("qji,qj->qi", R, pose[views, :, 3])
    unit = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    return origin, unit, np.where(poses >= 0, points.score[place], 0.0)


def _pass_by(
    a: Float[np.ndarray, "*#p 3"],
    u: Float[np.ndarray, "*#p 3"],
    b: Float[np.ndarray, "*#p 3"],
    v: Float[np.ndarray, "*#p 3"],
) -> tuple[Float[np.ndarray, "*p"], Float[np.ndarray, "*p 3"]]:
    """Return how close two lines pass, and the middle; NaN behind either or nearly parallel."""
    gap = b - a
    cross = (u * v).sum(-1)
    along, across = (u * gap).sum(-1), (v * gap).sum(-1)
    sine = 1 - np.square(cross)
    with np.errstate(invalid="ignore", divide="ignore"):
        s = (along - cross * across) / sine
        t = (cross * along - across) / sine
    p, q = a + s[..., None] * u, b + t[..., None] * v
    sound = (sine > 3e-3) & (s > 0.1) & (t > 0.1)
    apart = np.where(sound, np.linalg.norm(p - q, axis=-1), np.nan)
    return apart, np.where(sound[..., None], (p + q) / 2, np.nan)


def _distance(
    body: Float[np.ndarray, "K 3"],
    origin: Float[np.ndarray, "Q 3"],
    direction: Float[np.ndarray, "Q K 3"],
) -> Float[np.ndarray, "Q K"]:
    """Return distances of points from rays, m."""
    gap = body - origin[:, None]
    along = (gap * direction).sum(-1, keepdims=True)
    return np.where(along[..., 0] > 0, np.linalg.norm(gap - along * direction, axis=-1), np.nan)


def _meet(
    origin: Float[np.ndarray, "Q 3"], direction: Float[np.ndarray, "Q K 3"]
) -> Float[np.ndarray, "K 3"]:
    """Return the points nearest to all rays; NaN where fewer than two see one."""
    known = np.isfinite(direction[..., 0])
    unit = np.nan_to_num(direction)
    across = np.eye(3) - unit[..., :, None] * unit[..., None, :]
    across = np.where(known[..., None, None], across, 0.0)
    normal = across.sum(0) + 1e-9 * np.eye(3)
    pull = np.einsum("qkij,qj->ki", across, origin)
    met = np.linalg.solve(normal, pull[..., None])[..., 0]
    return np.where((known.sum(0) >= 2)[:, None], met, np.nan)
