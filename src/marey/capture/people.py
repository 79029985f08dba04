"""From followed people to the types of the core: keypoints and tracks over each person's span."""

import numpy as np
from jaxtyping import Float

from marey.capture.track import FollowedPerson, Sighting
from marey.core import Keypoints2D, Keypoints3D, Skeleton, Track


def name_people(count: int) -> tuple[str, ...]:
    """Return names for people in order of appearance: 01, 02, ..."""
    width = max(2, len(str(count)))
    return tuple(f"{number:0{width}d}" for number in range(1, count + 1))


def to_keypoints(
    person: FollowedPerson, name: str, skeleton: Skeleton, time: Float[np.ndarray, "T"]
) -> tuple[Keypoints2D, Keypoints3D]:
    """Lay one person's sightings out as arrays.

    Args:
        person: From the tracker.
        name: The person's name in the take.
        skeleton: The estimator's skeleton.
        time: The clip's clock.

    Returns:
        Image keypoints and root-relative landmarks, N = 1, over the person's span.
    """
    clock = time[person.start : person.start + len(person.results)]
    position = _stack(person, "position", np.nan)
    confidence = _stack(person, "confidence", 0.0)
    world = _stack(person, "world", np.nan)
    confidence[~np.isfinite(position).all(-1)] = 0.0
    in_space = np.where(np.isfinite(world).all(-1), confidence, 0.0).astype(np.float32)
    image = Keypoints2D(
        skeleton=skeleton,
        people=(name,),
        time=clock,
        position=position[None],
        confidence=confidence[None],
        sigma=_stack(person, "sigma", np.nan)[None],
    )
    space = Keypoints3D(
        skeleton=skeleton,
        people=(name,),
        time=clock,
        position=world[None],
        frame="root",
        confidence=in_space[None],
    )
    return image, space


def to_track(person: FollowedPerson, name: str) -> Track:
    """Return one person's boxes over the span."""
    score = [0.0 if result is None else result.score for result in person.results]
    return Track(
        person=name,
        start=person.start,
        box=_stack(person, "box", np.nan),
        confidence=np.array(score, np.float32),
    )


def _stack(person: FollowedPerson, member: str, missing: float) -> Float[np.ndarray, "L ..."]:
    first = next(result for result in person.results if result is not None)
    blank = np.full_like(getattr(first, member), missing)
    rows = [_member(result, member, blank) for result in person.results]
    return np.stack(rows)


def _member(result: Sighting | None, member: str, blank: np.ndarray) -> np.ndarray:
    return blank if result is None else getattr(result, member)
