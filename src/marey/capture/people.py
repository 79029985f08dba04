"""From followed people to the types of the core: keypoints and tracks over each person's span."""

import numpy as np
from jaxtyping import Float

from marey.capture.followed import FollowedPerson
from marey.capture.swaps import undo_swaps
from marey.capture.views.sightings import SightingBlock
from marey.core import Keypoints2D, Keypoints3D, Person, Skeleton, Track
from marey.core.scratch import Scratch, chunks


def name_people(count: int) -> tuple[str, ...]:
    """Return names for people in order of appearance: 01, 02, ..."""
    width = max(2, len(str(count)))
    return tuple(f"{number:0{width}d}" for number in range(1, count + 1))


def to_person(
    followed: FollowedPerson,
    name: str,
    skeleton: Skeleton,
    time: Float[np.ndarray, "T"],
    *,
    scratch: Scratch | None = None,
) -> tuple[Person, Track]:
    """Return one person's keypoints, left and right put in order, and boxes.

    Args:
        followed: From the tracker.
        name: The person's name in the take.
        skeleton: The estimator's skeleton.
        time: The clip's clock.
        scratch: Where the arrays of a long span lie.
    """
    scratch = scratch or Scratch()
    image, space = to_keypoints(followed, name, skeleton, time, scratch=scratch)
    undo_swaps(image, space, release=scratch.release)
    person = Person(
        name=name,
        start=followed.start,
        num_frames=len(followed.results),
        keypoints2d=(image,),
        keypoints3d=space,
    )
    return person, to_track(followed, name, scratch=scratch)


def to_keypoints(
    followed: FollowedPerson,
    name: str,
    skeleton: Skeleton,
    time: Float[np.ndarray, "T"],
    *,
    scratch: Scratch | None = None,
) -> tuple[Keypoints2D, Keypoints3D]:
    """Lay one person's sightings out as arrays.

    Args:
        followed: From the tracker.
        name: The person's name in the take.
        skeleton: The estimator's skeleton.
        time: The clip's clock.
        scratch: Where the arrays of a long span lie.

    Returns:
        Image keypoints and root-relative landmarks, N = 1, over the person's span.
    """
    scratch, length = scratch or Scratch(), len(followed.results)
    shape = (length, len(skeleton))
    clock = time[followed.start : followed.start + length]
    position = scratch.empty("image.position", (*shape, 2))
    confidence = scratch.empty("image.confidence", shape)
    sigma = scratch.empty("image.sigma", shape)
    world = scratch.empty("space.position", (*shape, 3))
    in_space = scratch.empty("space.confidence", shape)
    for frames in chunks(length):
        block = followed.results.block(frames.start, frames.stop)
        position[frames], sigma[frames], world[frames] = block.position, block.sigma, block.world
        confidence[frames] = _where_finite(block, block.position)
        in_space[frames] = np.where(
            np.isfinite(block.world).all(-1), confidence[frames], np.float32(0)
        )
        scratch.release()
    common = {"skeleton": skeleton, "people": (name,), "time": clock}
    image = Keypoints2D(
        **common, position=position[None], confidence=confidence[None], sigma=sigma[None]
    )
    space = Keypoints3D(**common, position=world[None], frame="root", confidence=in_space[None])
    return image, space


def to_track(followed: FollowedPerson, name: str, *, scratch: Scratch | None = None) -> Track:
    """Return one person's boxes over the span."""
    scratch, length = scratch or Scratch(), len(followed.results)
    box, score = scratch.empty("box", (length, 4)), scratch.empty("score", (length,))
    for frames in chunks(length):
        block = followed.results.block(frames.start, frames.stop)
        box[frames], score[frames] = block.box, block.score
    return Track(person=name, start=followed.start, box=box, confidence=score)


def _where_finite(
    block: SightingBlock, position: Float[np.ndarray, "L K D"]
) -> Float[np.ndarray, "L K"]:
    """Return the confidence, 0 where there is no position."""
    return np.where(np.isfinite(position).all(-1), block.confidence, np.float32(0))
