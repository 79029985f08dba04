"""Find the contacts of some people in a stretch of frames, as skins or as capsules."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int

from marey.fit.chain import Placed, Pose
from marey.fit.contact.collision import CapsulePress, Contact, Member, SkinPress
from marey.fit.contact.crowd import Crowd
from marey.fit.contact.skin_contact import hold_contact

_CAPSULE_SIGMA_M = 0.005


@dataclass(frozen=True, slots=True)
class ContactFinder:
    """Finds what touches in one piece of a stretch."""

    crowd: Crowd
    members: list[Member]
    place: dict[int, int]
    touching: dict[tuple[int, int], Int[np.ndarray, "M"]]
    start: int

    def _rows(self, person: int, frames: Int[np.ndarray, "M"]) -> Int[np.ndarray, "M"]:
        return np.searchsorted(self.members[self.place[person]].frame, frames - self.start)

    def as_skins(self, poses: list[Pose], placed: list[Placed]) -> list[Contact]:
        """Find where skins meet."""
        contacts, skin, options = [], self.crowd.skin, self.crowd.options
        sigma, clearance = options.sigma, options.clearance
        for (p, q), frames in self.touching.items():
            a, b = self.place[p], self.place[q]
            in_a, in_b = self._rows(p, frames), self._rows(q, frames)
            own = poses[a][torch.from_numpy(in_a)], poses[b][torch.from_numpy(in_b)]
            (there, back), (mesh_a, mesh_b) = self.crowd.find(
                p, q, frames, own, self.crowd.options.near
            )
            for one, two, found, meshes, rows in (
                (a, b, there, (mesh_a, mesh_b), (in_a, in_b)),
                (b, a, back, (mesh_b, mesh_a), (in_b, in_a)),
            ):
                if len(found.row):
                    both = (placed[one], placed[two])
                    contact = hold_contact(
                        found, (skin, skin), meshes, both, rows, clearance=clearance
                    )
                    contacts.append(SkinPress(first=one, second=two, contact=contact, sigma=sigma))
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
            every = torch.cartesian_prod(*(torch.arange(len(side.radius)) for side in sides))
            contacts.append(
                CapsulePress(
                    first=self.place[p],
                    second=self.place[q],
                    capsules=sides,
                    pairs=sides[0].pairs if p == q else every,
                    rows=(self._rows(p, frames), self._rows(q, frames)),
                    joints=(
                        self.crowd.chains[p].point_joint.numpy(),
                        self.crowd.chains[q].point_joint.numpy(),
                    ),
                    slack=options.flesh,
                    sigma=_CAPSULE_SIGMA_M,
                )
            )
        return contacts
