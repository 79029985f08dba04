"""Another program's results as poses to be measured."""

from pathlib import Path

from marey.core import Take
from marey.core.errors import InputError
from marey.evaluate.poses import PoseSet
from marey.evaluate.takes import FAMILY, poses_of_take
from marey.jobs.import_take import import_take


def read_output_poses(
    path: Path, *, unit: str, format: str | None, bodies: Path | None = None
) -> PoseSet:
    """Read the joints or keypoints of another program's results.

    Joints that the file states are measured as they are, in its own axes. Where it has a body of
    the SMPL family alone, its joints follow from the licensed file of that body, in marey's world.

    Args:
        path: The file.
        unit: `m` for joints, `px` for keypoints.
        format: Name of the program, where the content does not tell.
        bodies: Folder of the licensed files.

    Raises:
        InputError: If it cannot be read, or its body is needed and not there.
    """
    take, name = import_take(path, format=format), path.resolve().stem
    kind = _needed_body(take) if unit == "m" else None
    if kind is None:
        return poses_of_take(take, unit=unit, name=name)
    body = None if bodies is None else _find_body(bodies, kind)
    if body is None:
        raise InputError(
            f"{path} moves a body of {kind} and states no joints; put {kind.upper()}_NEUTRAL.npz "
            "(or .pkl) into a folder and name it with --smpl-dir"
        )
    return poses_of_take(import_take(path, format=format, body=str(body)), unit=unit, name=name)


def _needed_body(take: Take) -> str | None:
    """Return the kind of body without which the take has no joints, or None."""
    if any(person.keypoints3d is not None for person in take.people):
        return None
    kinds = (person.motion.body for person in take.people if person.motion is not None)
    return next((kind for kind in kinds if isinstance(kind, str) and kind in FAMILY), None)


def _find_body(folder: Path, kind: str) -> Path | None:
    """Return the neutral body of a kind in a folder, by the names that its makers use."""
    wanted = {f"{kind}_neutral.npz", f"{kind}_neutral.pkl"}
    if kind == "smpl":
        wanted.add("basicmodel_neutral_lbs_10_207_0_v1.0.0.pkl")
    found = sorted(folder.glob("*")) if folder.is_dir() else []
    return next((file for file in found if file.name.lower() in wanted), None)
