"""Whose masks are, frame after frame: what each name usually meant, and where it meant another."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from marey.capture.followed import FollowedPerson, Trail
from marey.capture.masks.people import (
    PairedMasks,
    choose_mask,
    measure_share,
    pair_masks,
    settle_names,
)
from marey.io.masks import FrameMasks


class MaskVotes:
    """Pairs masks with the people followed, and remembers."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        """Of everyone who was followed, in order, by the identity of their results."""
        self._votes: dict[str, Counter[int]] = {}
        self._paired: list[PairedMasks | None] = []

    def forget(self) -> None:
        """Begin anew with what names mean, as after a cut."""
        self._votes.clear()

    def skip(self) -> None:
        """Go on by a frame without masks."""
        self._paired.append(None)

    def assign(self, found: FrameMasks, active: Sequence[Trail]) -> Int[np.ndarray, "M"]:
        """Return which of the people each mask of the next frame is used for; -1 for nobody.

        Args:
            found: The masks.
            active: Who is followed, as of a frame ago.
        """
        if not active:
            self.skip()
            return np.full(len(found.people), -1)
        numbers = np.array([self._number(track.person) for track in active], int)
        position = np.stack([track.last.position for track in active])
        confidence = np.stack([track.last.confidence for track in active])
        paired = pair_masks(found.people, measure_share(found.mask, position, confidence))
        rows = {int(number): row for row, number in enumerate(numbers)}
        usual = {
            name: rows[count.most_common(1)[0][0]]
            for name, count in self._votes.items()
            if count.most_common(1)[0][0] in rows
        }
        person = choose_mask(paired, usual)
        for name, row in zip(found.people, paired.person.tolist(), strict=True):
            if row >= 0:
                self._votes.setdefault(name, Counter())[int(numbers[row])] += 1
        self._paired.append(_by_number(paired, numbers))
        return person

    def complain(self, kept: Sequence[FollowedPerson], names: Sequence[str]) -> tuple[str, ...]:
        """Say where masks show somebody else than they usually do."""
        by_number = {self._number(person): name for person, name in zip(kept, names, strict=True)}
        _, exchanges = settle_names(self._paired)
        count = 1 + max(self._numbers.values(), default=-1)
        people = [by_number.get(number, "somebody") for number in range(count)]
        return tuple(each.describe(people) for each in exchanges)

    def _number(self, person: FollowedPerson) -> int:
        return self._numbers.setdefault(id(person), len(self._numbers))


def _by_number(paired: PairedMasks, numbers: Int[np.ndarray, "N"]) -> PairedMasks:
    """Return the same with people by their numbers, whoever is followed in the frame."""
    share = np.zeros((len(paired.names), int(numbers.max()) + 1))
    share[:, numbers] = paired.share
    person = np.where(paired.person >= 0, numbers[paired.person], -1)
    return PairedMasks(names=paired.names, share=share, person=person)
