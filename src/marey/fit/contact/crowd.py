"""Everyone of a motion as poses of one chain with one skin: who is near whom, and how deep.

`separate` moves them apart and `touch` names the parts that touch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from marey.body import Body
from marey.core import BodyMotion
from marey.fit.chain import Chain, Placed, Pose
from marey.fit.contact.body_parts import name_parts
from marey.fit.contact.capsules import Capsules, meet
from marey.fit.contact.collision import Member, no_prior
from marey.fit.contact.crowd_body import CrowdBody
from marey.fit.contact.hold import PointHold
from marey.fit.contact.skin_contact import Near, Skin, find_near, pose_skin
from marey.fit.hard_cases import find_poses
from marey.fit.parts import Part
from marey.fit.pose_costs import PoseAnchor
from marey.fit.problem import Problem
from marey.fit.seen_points import SeenPoints
from marey.fit.sequence import Smoothness
from marey.fit.threads import side_by_side
from marey.fit.tree import place_fast
from marey.geometry.rotation import matrix_to_quaternion, quaternion_to_matrix

_BLOCK = 16
"""Frames in which contacts are looked for at a time."""
_CAPSULE_GAP_M = 0.12
"""Bodies whose capsules are farther apart than this do not touch."""
_STANDS = 0.5
"""Least probability of contact of a point that stands."""
_STILL = 1e-9
"""Less is rounding."""
_NEVER_NEAR_M = 3.0
"""Between two pelvises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollisionOptions:
    """How bodies are taken apart."""

    oneself: bool = False
    """Whether a body's own limbs are kept out of each other as well."""
    sigma: float = 0.001
    """Depth that counts as one standard deviation on a square centimetre of skin, m."""
    least: float = 0.002
    """Bodies that are nowhere deeper than this in each other are left as they are, m."""
    point_sigma: float = 0.03
    """How well points are known where no keypoints are given, m."""
    unseen_sigma: float = 0.1
    """How well a point is known along a ray, or where nobody sees it, m."""
    planted_sigma: float = 0.01
    """How far a point of the foot may move that stands on the floor, m."""
    joint_sigma: float = 0.2
    """How far a joint may turn from the fit, rad."""
    deep: float = 0.04
    """Bodies deeper than this in each other are brought apart as capsules first, m."""
    flesh: float = 0.03
    """How deep capsules may then stay, m: they are thicker than some of the skin they stand for."""
    rounds: int = 5
    iterations: int = 3
    """Steps between two searches for contacts."""
    margin: float = 0.4
    """How long before and after a contact a motion may change, s."""
    longest: int = 240
    """Frames that are solved at once; longer stretches follow on."""
    ahead: int = 16
    """Further frames that are solved to know what comes, and then again."""
    clearance: float = 0.002
    """Gap that colliding skins are given, m: the coarse skin errs by as much."""
    near: float = 0.008
    """Gap up to which skins are watched while bodies move, m."""
    watched: float = 0.03
    """Frames with a wider gap are not looked at again, m."""
    steady: float = 1.0
    """How many times less a change may accelerate than the motion itself."""


class Crowd:
    """Everyone, as poses of one chain that change from stretch to stretch.

    Args:
        body: The motion's body; prepared, where many crowds are made of it.
        motion: Everyone's fitted poses.
        views: What was measured of them.
        options: How bodies are taken apart.
        workers: Threads.
        now: Poses that are no longer those of the fit; NaN where they still are.
    """

    def __init__(
        self,
        body: Body | CrowdBody,
        motion: BodyMotion,
        views: SeenPoints | None,
        options: CollisionOptions,
        workers: int,
        *,
        now: BodyMotion | None = None,
    ):
        self._body = body if isinstance(body, CrowdBody) else CrowdBody(body)
        self.part: Part = self._body.part
        self.given, self.views, self.options, self.workers = motion, views, options, workers
        self.solved = find_poses(motion)
        self.changed = np.zeros_like(self.solved)
        names = self._body.body.joint_names
        self.columns = [names.index(name) - 1 for name in self.part.chain.joints[1:]]
        self.shape = torch.from_numpy(np.asarray(motion.shape, np.float64))
        self.touching: dict[tuple[int, int], np.ndarray] = {}
        self.depth: dict[tuple[int, int], np.ndarray] = {}
        self.chains: list[Chain] = []
        self.capsules: list[Capsules] = []
        self.poses: list[Pose] = []
        self.fit: list[Pose] = []
        for person in range(len(motion.people)):
            shape = self.shape[person].float() if self.solved[person].any() else None
            chain, capsules = self._body.add_capsules(shape)
            self.chains.append(chain)
            self.capsules.append(capsules)
            self.fit.append(self._read(motion, person, self.solved[person]))
            self.poses.append(
                replace(
                    self.fit[-1],
                    rotation=self.fit[-1].rotation.clone(),
                    translation=self.fit[-1].translation.clone(),
                )
            )
        if now is not None:
            self._take_over(now)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parts of everybody's body."""
        return name_parts(self._body.body)

    @property
    def skin(self) -> Skin:
        """The skin of everybody's body."""
        return self._body.skin

    def _take_over(self, now: BodyMotion) -> None:
        self.changed = find_poses(now)
        for person in np.flatnonzero(self.changed.any(1)):
            rows = torch.from_numpy(np.flatnonzero(self.changed[person]))
            pose = self._read(now, int(person), self.changed[person])[rows]
            self.poses[person].rotation[rows] = pose.rotation
            self.poses[person].translation[rows] = pose.translation

    def _read(self, motion: BodyMotion, person: int, known: Bool[np.ndarray, "T"]) -> Pose:
        root = np.where(known[:, None], motion.T_world_root[person], [1, 0, 0, 0, 0, 0, 0])
        turns = np.where(
            known[:, None, None], motion.R_parent_joint[person][:, self.columns], [1, 0, 0, 0]
        )
        whole = np.concatenate([root[:, None, :4], turns], 1).astype(np.float64)
        return Pose(
            quaternion_to_matrix(torch.from_numpy(whole)),
            torch.from_numpy(np.ascontiguousarray(root[:, 4:], np.float64)),
            self.shape[person].expand(len(root), -1),
        )

    def place(self, person: int, frames: Int[np.ndarray, "M"]) -> Placed:
        """Place a person's chain in some frames."""
        return place_fast(self.chains[person], self.poses[person][torch.from_numpy(frames)])

    def mesh(
        self, person: int, frames: Int[np.ndarray, "M"], pose: Pose
    ) -> Float[np.ndarray, "M V 3"]:
        """Return a person's skin in some frames; fingers are as they were given."""
        local = torch.from_numpy(self.given.R_parent_joint[person][frames].astype(np.float64))
        joints = quaternion_to_matrix(local)
        joints[:, self.columns] = pose.rotation[:, 1:]
        return pose_skin(
            self.skin, self.shape[person], pose.rotation[:, 0], joints, pose.translation
        )

    def find_pairs(self) -> list[tuple[int, int]]:
        """Name the pairs who come near at some time, and everyone with themselves if wanted."""
        people = [int(p) for p in np.flatnonzero(self.solved.any(1))]
        near = [pair for pair in combinations(people, 2) if len(self.common(*pair))]
        return sorted([*near, *((p, p) for p in people if self.options.oneself)])

    def common(self, a: int, b: int) -> Int[np.ndarray, "M"]:
        """Return the frames in which two people are near each other."""
        both = np.flatnonzero(self.solved[a] & self.solved[b])
        if a == b or not len(both):
            return both
        apart = self.poses[a].translation[both] - self.poses[b].translation[both]
        both = both[(apart.norm(dim=-1) < _NEVER_NEAR_M).numpy()]
        if not len(both):
            return both
        one, two = self.place(a, both).points, self.place(b, both).points
        sides = [torch.arange(len(self.capsules[p].radius)) for p in (a, b)]
        met = meet(
            one,
            two,
            self.capsules[a],
            self.capsules[b],
            torch.cartesian_prod(*sides),
            within=_CAPSULE_GAP_M,
        )
        return both[np.unique(met.problem.numpy())]

    def find(
        self, a: int, b: int, frames: Int[np.ndarray, "M"], poses: tuple[Pose, Pose], within: float
    ) -> tuple[tuple[Near, Near], tuple[Float[np.ndarray, "M V 3"], Float[np.ndarray, "M V 3"]]]:
        """Find the vertices of either in or near the other, and their meshes."""
        blocks = [slice(k, k + _BLOCK) for k in range(0, len(frames), _BLOCK)]

        def look(block: slice) -> tuple[np.ndarray, np.ndarray, Near, Near]:
            own, itself = self.mesh(a, frames[block], poses[0][block]), a == b
            other = own if itself else self.mesh(b, frames[block], poses[1][block])
            skin = self.skin
            there = find_near(skin, own, skin, other, within=within, itself=itself)
            back = Near.none() if itself else find_near(skin, other, skin, own, within=within)
            return own, other, there.shift(block.start), back.shift(block.start)

        found = side_by_side(look, blocks, workers=self.workers)
        own, other, there, back = zip(*found, strict=True)
        return (Near.join(there), Near.join(back)), (np.concatenate(own), np.concatenate(other))

    def measure(self, a: int, b: int, *, within: float) -> Float[np.ndarray, "T"]:
        """Return how deep two people are in each other, m; at least -`within`."""
        depth, frames = np.full(len(self.given.time), -within), self.common(a, b)
        for start in range(0, len(frames), self.options.longest):
            part = frames[start : start + self.options.longest]
            rows = torch.from_numpy(part)
            poses = (self.poses[a][rows], self.poses[b][rows])
            near, _ = self.find(a, b, part, poses, within)
            for side in near:
                np.maximum.at(depth, part[side.row], -side.distance)
        return depth

    def member(self, person: int, start: int, stop: int, held: Bool[np.ndarray, "T"]) -> Member:
        """Lay out one person's frames of a stretch."""
        frames = np.arange(start, stop)[self.solved[person, start:stop]]
        rows, options, chain = torch.from_numpy(frames), self.options, self.chains[person]
        fit = self.fit[person][rows]
        points = place_fast(chain, fit).points
        anchor = PoseAnchor(
            target_rotation=fit.rotation,
            target_translation=fit.translation,
            joint_weight=points.new_full((len(rows), len(chain.joints)), 1 / options.joint_sigma),
            root_weight=points.new_zeros(len(rows)),
            kernel="none",
        )
        problem = Problem(
            chain=chain,
            costs=(self._hold(person, rows, points),),
            prior=no_prior(len(chain.joints)),
            pose_costs=(anchor,),
            shape_sigma=float("inf"),
            active=self.part.active,
        )
        return Member(
            person=person,
            frame=frames - start,
            problem=problem,
            fit=fit,
            held=held[frames],
            time=torch.from_numpy(self.given.time[frames]),
            smoothness=self._steady,
            capsules=self.capsules[person],
        )

    @property
    def _steady(self) -> Smoothness:
        own, times = self.part.smoothness, self.options.steady
        return replace(own, joint_sigma=own.joint_sigma / times, root_sigma=own.root_sigma / times)

    def _hold(
        self, person: int, rows: Int[Tensor, "L"], points: Float[Tensor, "L K 3"]
    ) -> PointHold:
        """Return what the keypoints say of every point; evenly where there are none."""
        weight = self._planted(person, rows, points)
        own = len(self.part.chain.points)
        if self.views is None:
            weight[:, :own, [0, 3, 5]] += self.options.point_sigma**-2
            return PointHold(target=points, weight=weight)
        for cost in self.views.of(person, self.chains[person])(rows):
            pull = cost.pull(points.float())
            weight[:, pull.point] += pull.hessian.double()
        weight[:, :own, [0, 3, 5]] += self.options.unseen_sigma**-2
        return PointHold(target=points, weight=weight)

    def _planted(
        self, person: int, rows: Int[Tensor, "L"], points: Float[Tensor, "L K 3"]
    ) -> Float[Tensor, "L K 6"]:
        """Hold points that stand on the floor."""
        weight, motion = points.new_zeros(*points.shape[:2], 6), self.given
        for column, name in enumerate(motion.contact_names if motion.contact is not None else ()):
            if motion.contact is not None and name in self.chains[person].points:
                stands = torch.from_numpy(motion.contact[person, rows.numpy(), column] >= _STANDS)
                point = self.chains[person].points.index(name)
                for entry in (0, 3, 5):
                    weight[:, point, entry] = stands.double() * self.options.planted_sigma**-2
        return weight

    def keep(self, members: Sequence[Member], poses: Sequence[Pose], start: int) -> None:
        """Take over what was found in the frames from `start`."""
        for member, pose in zip(members, poses, strict=True):
            fit = member.fit
            turned = (pose.rotation - fit.rotation).abs().amax((1, 2, 3))
            moved = torch.maximum(turned, (pose.translation - fit.translation).abs().amax(1))
            moved[torch.from_numpy(member.held)] = 0.0
            rows = (moved > _STILL).nonzero().squeeze(-1)
            frames = torch.from_numpy(member.frame)[rows] + start
            self.poses[member.person].rotation[frames] = pose.rotation[rows]
            self.poses[member.person].translation[frames] = pose.translation[rows]
            self.changed[member.person, frames.numpy()] = True

    def motion(self) -> BodyMotion:
        """Return the motion as it is now."""
        if not self.changed.any():
            return self.given
        root, joints = self.given.T_world_root.copy(), self.given.R_parent_joint.copy()
        for person in np.flatnonzero(self.changed.any(1)):
            rows = np.flatnonzero(self.changed[person])
            pose = self.poses[person][torch.from_numpy(rows)]
            turns = matrix_to_quaternion(pose.rotation).numpy()
            given = np.concatenate(
                [root[person, rows, None, :4], joints[person, rows[:, None], self.columns]], 1
            )
            # Of the two quaternions of a rotation the one that was there, so that none jumps.
            turns *= np.where((turns * given).sum(-1, keepdims=True) < 0, -1.0, 1.0)
            root[person, rows] = np.concatenate([turns[:, 0], pose.translation.numpy()], 1)
            joints[person, rows[:, None], self.columns] = turns[:, 1:]
        return replace(self.given, T_world_root=root, R_parent_joint=joints)
