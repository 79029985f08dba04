"""Overrides of one camera's keypoints on their way into the fit.

The take keeps the keypoints as they were found, and its provenance holds the overrides; so a change
of the overrides fits again and finds nobody anew.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from marey.capture.overrides import check_overrides, override_person
from marey.capture.pipeline import Seen
from marey.core import Clip, Person, Take
from marey.io.overrides import Override, find_overrides, read_overrides
from marey.jobs.solve.options import SolveOptions


def choose_overrides(
    options: SolveOptions,
    take: Path | None,
    note: Callable[[str], None] = lambda sentence: None,
) -> tuple[Override, ...]:
    """Read the overrides that the options name, else those beside the take.

    Args:
        options: The user's.
        take: The take that is to be written, if it is known.
        note: Called with a sentence if there are any.

    Raises:
        InputError: If the file cannot be read.
        FormatError: If it is not as it should be.
    """
    path = options.override or (None if take is None else find_overrides(take))
    if path is None:
        return ()
    overrides = read_overrides(path)
    note(f"{path}: {len(overrides)} override{'' if len(overrides) == 1 else 's'}")
    return overrides


def make_edit(
    clip: Clip, people: Sequence[str], joints: Sequence[str], overrides: Sequence[Override]
) -> Callable[[Person], Person]:
    """Return what forces the confidences of one person's keypoints.

    Args:
        clip: The one clip.
        people: Everybody's names.
        joints: Names of their keypoints.
        overrides: What to force.

    Raises:
        InputError: If an override names somebody or something that is not there.
    """
    cameras = [name_camera(clip)]
    check_overrides(
        overrides, num_frames=len(clip.time), people=people, cameras=cameras, joints=joints
    )

    def edit(person: Person) -> Person:
        return override_person(person, overrides, time=clip.time, cameras=cameras)

    return edit


def override_seen(seen: Seen, overrides: Sequence[Override]) -> Seen:
    """Force confidences of all people of one camera; see `make_edit`."""
    if not overrides or not seen.people:
        return seen
    names = [person.name for person in seen.people]
    joints = seen.people[0].keypoints2d[0].skeleton.keypoints
    edit = make_edit(seen.clip, names, joints, overrides)
    return replace(seen, people=tuple(edit(person) for person in seen.people))


def restore_keypoints(take: Take, seen: Seen) -> Take:
    """Return a take with the keypoints as they were found."""
    found = {person.name: person for person in seen.people}
    people = tuple(
        replace(
            person,
            keypoints2d=found[person.name].keypoints2d,
            keypoints3d=found[person.name].keypoints3d,
        )
        for person in take.people
    )
    return replace(take, people=people)


def name_camera(clip: Clip) -> str:
    """Return what the one camera of a take is called."""
    return "camera" if clip.path is None else clip.path.stem
