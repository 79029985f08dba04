"""Keypoints whose confidence somebody has forced by hand (see `marey.io.overrides`).

A confidence of 0 takes the keypoint away, so no later step can bring it back. A confidence above 0
makes a keypoint count that is there; where nothing was seen there is nothing to believe, and it
stays missing. Overrides come after every automatic rule that lowers confidences and before
triangulation or the fit: what a person said is the last word. Later entries win over earlier ones.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from marey.core import Keypoints2D, Keypoints3D, Person
from marey.core.errors import InputError
from marey.io.overrides import Override

_SHOWN = 12


def apply_overrides(
    keypoints: Keypoints2D, overrides: Sequence[Override], *, cameras: Sequence[str]
) -> Keypoints2D:
    """Force confidences.

    Args:
        keypoints: Of all people on the common clock, in one view or with a leading view axis.
        overrides: What to force.
        cameras: Names of the views, in their order; one for keypoints without a view axis.

    Returns:
        The keypoints with the new confidences; the same object if there are no overrides.

    Raises:
        InputError: If an override names a person, camera or keypoint there is not, or frames beyond
            the last.
    """
    if not overrides:
        return keypoints
    check_overrides(
        overrides,
        num_frames=len(keypoints.time),
        people=keypoints.people,
        cameras=cameras,
        joints=keypoints.skeleton.keypoints,
    )
    has_views = keypoints.position.ndim == 5
    position = np.array(keypoints.position if has_views else keypoints.position[None])
    confidence = np.array(keypoints.confidence if has_views else keypoints.confidence[None])
    for each in overrides:
        where = np.ix_(
            _choose(cameras, each.cameras),
            _choose(keypoints.people, () if each.person is None else (each.person,)),
            _choose_frames(each, keypoints.time),
            _choose(keypoints.skeleton.keypoints, each.joints),
        )
        confidence[where] = each.confidence
    # Nothing was seen where the position is missing, and what is not believed has no position.
    confidence[~np.isfinite(position).all(-1)] = 0
    position[confidence <= 0] = np.nan
    return replace(
        keypoints,
        position=position if has_views else position[0],
        confidence=confidence if has_views else confidence[0],
    )


def override_person(
    person: Person,
    overrides: Sequence[Override],
    *,
    time: Float[np.ndarray, "T"],
    cameras: Sequence[str],
) -> Person:
    """Force confidences of one person of a take, who covers a part of its clock.

    Overrides of others are passed over; `check_overrides` says whether they mean anybody.

    Args:
        person: With keypoints in each view.
        overrides: What to force, counted on the take's clock.
        time: The take's clock, s.
        cameras: Names of the views, in their order.
    """
    own = [each for each in overrides if each.person in (None, person.name)]
    if not own or not person.keypoints2d:
        return person
    views = []
    for camera, view in zip(cameras, person.keypoints2d, strict=True):
        whole = np.zeros((len(time), len(view.skeleton)), bool)
        position, confidence = np.array(view.position), np.array(view.confidence)
        for each in own:
            if each.cameras and camera not in each.cameras:
                continue
            whole[:] = False
            joints = _choose(view.skeleton.keypoints, each.joints)
            whole[np.ix_(_choose_frames(each, time), joints)] = True
            confidence[0, whole[person.start : person.stop]] = each.confidence
        confidence[~np.isfinite(position).all(-1)] = 0
        position[confidence <= 0] = np.nan
        views.append(replace(view, position=position, confidence=confidence))
    return replace(
        person, keypoints2d=tuple(views), keypoints3d=_hide_in_space(person.keypoints3d, views)
    )


def _hide_in_space(points: Keypoints3D | None, views: Sequence[Keypoints2D]) -> Keypoints3D | None:
    """Take away what one camera's network said in space of keypoints that are not believed.

    Points in the world come from several views and are left to triangulation.
    """
    if points is None or points.frame == "world" or len(views) != 1:
        return points
    if points.skeleton != views[0].skeleton:
        return points
    hidden = views[0].confidence <= 0
    return replace(
        points,
        position=np.where(hidden[..., None], np.nan, points.position),
        confidence=np.where(hidden, 0, points.confidence),
    )


def check_overrides(
    overrides: Sequence[Override],
    *,
    num_frames: int,
    people: Sequence[str],
    cameras: Sequence[str],
    joints: Sequence[str],
) -> None:
    """Refuse overrides that name what there is not.

    Raises:
        InputError: With what there is.
    """
    for number, each in enumerate(overrides, start=1):
        what = f"override {number}"
        _check_names(() if each.person is None else (each.person,), people, "person", what)
        _check_names(each.cameras, cameras, "camera", what)
        _check_names(each.joints, joints, "keypoint", what)
        beyond = [last for _, last in each.frames if last >= num_frames]
        if beyond:
            raise InputError(
                f"{what} means frame {beyond[0]}, but the take has {num_frames} frames, 0 to "
                f"{num_frames - 1}"
            )


def check_cameras(overrides: Sequence[Override], cameras: Sequence[str]) -> None:
    """Refuse overrides that name cameras there are not, which is known before anybody is found.

    Raises:
        InputError: With what there is.
    """
    for number, each in enumerate(overrides, start=1):
        _check_names(each.cameras, cameras, "camera", f"override {number}")


def _check_names(wanted: Sequence[str], known: Sequence[str], kind: str, what: str) -> None:
    for name in wanted:
        if name not in known:
            some = ", ".join(known[:_SHOWN]) + (", ..." if len(known) > _SHOWN else "")
            raise InputError(f"{what} names the {kind} '{name[:40]}'; there is {some or 'none'}")


def _choose(known: Sequence[str], wanted: Sequence[str]) -> Bool[np.ndarray, "_"]:
    return np.array([not wanted or name in wanted for name in known], bool)


def _choose_frames(each: Override, time: Float[np.ndarray, "T"]) -> Bool[np.ndarray, "T"]:
    if each.seconds is not None:
        return (time >= each.seconds[0]) & (time <= each.seconds[1])
    chosen = np.full(len(time), not each.frames)
    for first, last in each.frames:
        chosen[first : last + 1] = True
    return chosen
