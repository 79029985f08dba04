"""Refine the motion of a take that stands: HANet or a classical filter."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from marey.capture.refine import Method, RefineSettings, check_method, refine_motion, refine_points
from marey.core import Person, Take
from marey.core.errors import InputError, NothingFoundError
from marey.core.progress import Progress, silent


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinedTake:
    """A refined take, and how each person was refined."""

    take: Take
    people: Mapping[str, Mapping[str, Any]]


def refine(
    take: Take, *, method: Method | str = "hanet", progress: Progress = silent
) -> RefinedTake:
    """Refine everyone's motion, or, of people without motion, their points in space.

    Args:
        take: The take.
        method: `hanet`, or one of the classical filters `savgol`, `gaussian`, `one-euro`.
        progress: Called after every person.

    Returns:
        The take with the refined motion; keypoints in images, cameras and tracks stay as they are.
        The provenance says what was refined by the network and what by a filter.

    Raises:
        InputError: If the method is unknown, or the take was refined before.
        NothingFoundError: If nobody has a motion or points in space.
    """
    check_method(method)
    if "refine" in take.provenance:
        before = take.provenance["refine"].get("method", "something")
        raise InputError(
            f"this take was refined before ({before}), and refining twice flattens motion; refine "
            "the take it was made of, or solve again with --refine"
        )
    if not any(person.motion or person.keypoints3d for person in take.people):
        raise NothingFoundError("this take holds no motion and no points in space to refine")
    settings = RefineSettings(method=method)  # pyright: ignore[reportArgumentType]
    people, notes = [], {}
    for number, person in enumerate(take.people):
        refined, told = _refine_person(person, settings)
        people.append(refined)
        notes[person.name] = told
        progress("refine", number + 1, len(take.people))
    provenance = {**take.provenance, "refine": {"method": method, "people": notes}}
    return RefinedTake(
        take=replace(take, people=tuple(people), provenance=provenance), people=notes
    )


def _refine_person(person: Person, settings: RefineSettings) -> tuple[Person, Mapping[str, Any]]:
    if person.motion is not None:
        done = refine_motion(person.motion, settings)
        return replace(person, motion=done.motion), {"what": "motion", **done.notes}
    if person.keypoints3d is not None:
        found = refine_points(person.keypoints3d, settings)
        return replace(person, keypoints3d=found.points), {"what": "points", **found.notes}
    return person, {"what": "nothing"}
