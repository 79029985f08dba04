"""Find the contacts of some people in a stretch of frames: skins, capsules, limbs that crossed."""

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from marey.fit.chain import Placed, Pose
from marey.fit.contact.capsules import Capsules
from marey.fit.contact.crossed_limbs import find_crossed
from marey.fit.contact.crowd import Crowd
from marey.fit.contact.member import Member
from marey.fit.contact.presses import CapsulePress, Contact, CrossedPress, SkinPress
from marey.fit.contact.skin_contact import hold_contact
from marey.fit.tree import place_fast

Pair = tuple[int, int]
"""Two people of a motion."""
_CAPSULE_SIGMA_M, _CROSSED_SIGMA_M = 0.005, 0.002
_CROSSED_FLESH_M = 0.005
"""How deep limbs may stay in each other that are brought back to their side; skins do the rest."""


@dataclass(frozen=True, slots=True)
class ContactFinder:
    """Finds what touches in one piece of a stretch."""

    crowd: Crowd
    members: list[Member]
    place: dict[int, int]
    """Which of the members a person is."""
    touching: dict[Pair, Int[np.ndarray, "M"]]
    """Frames of the motion in which skins may meet."""
    start: int
    tangled: dict[Pair, Int[np.ndarray, "_"]] = field(default_factory=dict)
    """Frames among those in which skins did not find out of each other."""
    depth: dict[Pair, Float[np.ndarray, "M"]] = field(default_factory=dict)
    """How deep skins were when last looked at, m."""

    def as_skins(self, poses: list[Pose], placed: list[Placed]) -> list[Contact]:
        """Find where skins meet."""
        contacts: list[Contact] = []
        for pair, frames in self.touching.items():
            contacts += self._skins(poses, placed, pair, frames)
        return contacts

    def as_capsules(self, _poses: list[Pose], _placed: list[Placed]) -> list[Contact]:
        """Let whole limbs push apart."""
        contacts, options = [], self.crowd.options
        for (p, q), near in self.touching.items():
            # Those that an earlier piece has looked ahead to are apart already.
            fresh = ~(self.crowd.changed[p] | self.crowd.changed[q])[near]
            frames = near[fresh & (self.crowd.depth[p, q][near] > options.deep / 2)]
            if not len(frames):
                continue
            sides = self.crowd.capsules[p], self.crowd.capsules[q]
            contacts.append(
                CapsulePress(
                    first=self.place[p],
                    second=self.place[q],
                    capsules=sides,
                    pairs=sides[0].pairs if p == q else _every_pair(sides),
                    rows=(self._rows(p, frames), self._rows(q, frames)),
                    joints=self._joints(p, q),
                    slack=options.flesh,
                    sigma=_CAPSULE_SIGMA_M,
                )
            )
        return contacts

    def as_crossed(self, poses: list[Pose], placed: list[Placed]) -> list[Contact]:
        """Find limbs that went through each other in tangled frames, and skins in the others."""
        contacts: list[Contact] = []
        for (p, q), frames in self.touching.items():
            tangled = np.isin(frames, self.tangled.get((p, q), []))
            if p == q or not tangled.any():
                contacts += self._skins(poses, placed, (p, q), frames)
                continue
            press = self._crossed(placed, (p, q), frames, tangled)
            free = np.ones(len(frames), bool)
            free[press.crossed.frame.numpy()] = False
            contacts += [press, *self._skins(poses, placed, (p, q), frames[free])]
        return contacts

    def find_stuck(self) -> dict[Pair, Int[np.ndarray, "_"]]:
        """Return the frames that were still deep when skins were last looked at."""
        limit = self.crowd.options.stuck
        found = {pair: self.touching[pair][deep > limit] for pair, deep in self.depth.items()}
        return {pair: frames for pair, frames in found.items() if len(frames)}

    def _skins(
        self, poses: list[Pose], placed: list[Placed], pair: Pair, frames: Int[np.ndarray, "M"]
    ) -> list[Contact]:
        if not len(frames):
            return []
        (p, q), skin, options = pair, self.crowd.skin, self.crowd.options
        a, b = self.place[p], self.place[q]
        in_a, in_b = self._rows(p, frames), self._rows(q, frames)
        own = poses[a][torch.from_numpy(in_a)], poses[b][torch.from_numpy(in_b)]
        (there, back), (mesh_a, mesh_b) = self.crowd.find(p, q, frames, own, options.near)
        self.depth[pair] = np.zeros(len(self.touching[pair]))
        at = np.searchsorted(self.touching[pair], frames)
        contacts: list[Contact] = []
        for one, two, found, meshes, rows in (
            (a, b, there, (mesh_a, mesh_b), (in_a, in_b)),
            (b, a, back, (mesh_b, mesh_a), (in_b, in_a)),
        ):
            if not len(found.row):
                continue
            np.maximum.at(self.depth[pair], at[found.row], -found.distance)
            contact = hold_contact(
                found,
                (skin, skin),
                meshes,
                (placed[one], placed[two]),
                rows,
                clearance=options.clearance,
            )
            contacts.append(SkinPress(first=one, second=two, contact=contact, sigma=options.sigma))
        return contacts

    def _crossed(
        self, placed: list[Placed], pair: Pair, frames: Int[np.ndarray, "M"], tangled: np.ndarray
    ) -> CrossedPress:
        p, q = pair
        a, b = self.place[p], self.place[q]
        rows = in_a, in_b = self._rows(p, frames), self._rows(q, frames)
        sides = self.crowd.capsules[p], self.crowd.capsules[q]
        crossed = find_crossed(
            (_points(placed[a], in_a), _points(placed[b], in_b)),
            (_points(self._fit(a), in_a), _points(self._fit(b), in_b)),
            sides,
            _every_pair(sides),
            torch.from_numpy(tangled),
            torch.from_numpy(frames),
        )
        return CrossedPress(
            first=a,
            second=b,
            capsules=sides,
            crossed=crossed,
            rows=rows,
            joints=self._joints(p, q),
            slack=_CROSSED_FLESH_M,
            sigma=_CROSSED_SIGMA_M,
        )

    def _rows(self, person: int, frames: Int[np.ndarray, "M"]) -> Int[np.ndarray, "M"]:
        return np.searchsorted(self.members[self.place[person]].frame, frames - self.start)

    def _joints(self, p: int, q: int) -> tuple[Int[np.ndarray, "K"], Int[np.ndarray, "N"]]:
        chains = self.crowd.chains
        return chains[p].point_joint.numpy(), chains[q].point_joint.numpy()

    def _fit(self, row: int) -> Placed:
        member = self.members[row]
        return place_fast(member.problem.chain, member.fit)


def _points(placed: Placed, rows: Int[np.ndarray, "M"]) -> Float[Tensor, "M K 3"]:
    return placed.points[torch.from_numpy(rows)]


def _every_pair(sides: tuple[Capsules, Capsules]) -> Int[Tensor, "P 2"]:
    return torch.cartesian_prod(*(torch.arange(len(side.radius)) for side in sides))
