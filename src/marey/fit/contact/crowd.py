"""Everyone of a motion as poses of one chain with one skin: who is near whom, and how deep.

`separate` moves them apart and `touch` names the parts that touch.
"""

from dataclasses import replace
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from marey.body import Body
from marey.core import BodyMotion
from marey.fit.chain import Chain, Placed, Pose
from marey.fit.contact.body_parts import name_parts
from marey.fit.contact.capsules import Capsules, meet
from marey.fit.contact.crowd_body import CrowdBody
from marey.fit.contact.near_skin import Near, find_near
from marey.fit.contact.options import CollisionOptions
from marey.fit.contact.skin import Skin, pose_skin
from marey.fit.hard_cases import find_poses
from marey.fit.parts import Part
from marey.fit.seen_points import SeenPoints
from marey.fit.threads import side_by_side
from marey.fit.tree import place_fast
from marey.geometry.rotation import matrix_to_quaternion, quaternion_to_matrix

_BLOCK = 16
"""Frames in which contacts are looked for at a time."""
_CAPSULE_GAP_M = 0.12
"""Bodies whose capsules are farther apart than this do not touch."""
_STILL = 1e-9
"""Less is rounding."""
_ONE_PLACE_M = 0.05
"""Bodies whose points are nearer than this on average are one person twice."""
_NEVER_NEAR_M = 3.0
"""Between two pelvises."""


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

    def find_coincident(self) -> Bool[np.ndarray, "N T"]:
        """Say who is in the same place and pose as somebody else, as one person fitted twice is.

        Skins that coincide are in each other nowhere, so no depth tells.
        """
        found = np.zeros_like(self.solved)
        for a, b in combinations(range(len(self.solved)), 2):
            both = np.flatnonzero(self.solved[a] & self.solved[b])
            apart = self.poses[a].translation[both] - self.poses[b].translation[both]
            both = both[(apart.norm(dim=-1) < _ONE_PLACE_M).numpy()]
            if len(both):
                one, two = self.place(a, both).points, self.place(b, both).points
                same = (one - two).norm(dim=-1).mean(-1) < _ONE_PLACE_M
                twice = both[same.numpy()]
                found[a, twice] = found[b, twice] = True
        return found

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

    def keep(
        self,
        person: int,
        frames: Int[np.ndarray, "M"],
        pose: Pose,
        held: Bool[np.ndarray, "M"],
    ) -> None:
        """Take over a person's poses in some frames, but for those that are held."""
        fit = self.fit[person][torch.from_numpy(frames)]
        turned = (pose.rotation - fit.rotation).abs().amax((1, 2, 3))
        moved = torch.maximum(turned, (pose.translation - fit.translation).abs().amax(1))
        # Who was moved and is back at the fit is there now, not where they were in between.
        wanted = (moved > _STILL) | torch.from_numpy(self.changed[person, frames])
        rows = (wanted & ~torch.from_numpy(held)).nonzero().squeeze(-1)
        taken = torch.from_numpy(frames)[rows]
        self.poses[person].rotation[taken] = pose.rotation[rows]
        self.poses[person].translation[taken] = pose.translation[rows]
        self.changed[person, taken.numpy()] = True

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
