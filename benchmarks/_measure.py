"""What the parts of the accuracy harness have in common: whose motion, and how far off."""

import numpy as np
from jaxtyping import Float

from benchmarks._tables import Cell, number
from benchmarks._truth import Comparison, joint_positions
from marey.core import Person, Take, Track
from marey.synthetic.cameras import project_to_cameras

COMPARED = (
    "PA-MPJPE mm",
    "WA-MPJPE mm",
    "scale",
    "accel. error m/s2",
    "peak speed lost %",
    "frames",
)
SCORE_NOTES = (
    "PA-MPJPE: mean distance of the 12 limb joints after a similarity alignment per frame. "
    "WA-MPJPE: after one rigid alignment (no scale) of the whole sequence, so that size, path and "
    "drift count. Scale: size of the truth relative to ours.",
    "Acceleration error: mean length of the difference. Peak speed lost: along the true direction "
    "at the fastest 1 % of joint steps; what smoothing takes away.",
)


def compare_cells(comparison: Comparison) -> tuple[Cell, ...]:
    """Return the cells of `COMPARED`."""
    return (
        number(comparison.pa_mpjpe.value, 1000),
        number(comparison.wa_mpjpe.value, 1000),
        number(comparison.scale),
        number(comparison.acceleration_error.value),
        number(comparison.peak_velocity_loss.value, 100),
        comparison.pa_mpjpe.num_frames,
    )


def main_person(take: Take) -> Person:
    """Return the person who is largest for longest, among those with a motion."""
    tracks = {track.person: track for track in take.tracks[0].tracks}
    moving = [person for person in take.people if person.motion is not None]
    return max(moving, key=lambda person: float(np.nansum(box_height(tracks[person.name]))))


def box_height(track: Track) -> Float[np.ndarray, "L"]:
    """Return the height of a person's box in every frame, px."""
    return (track.box[:, 3] - track.box[:, 1]).astype(np.float64)


def reprojection(
    take: Take, person: Person, joints: tuple[str, ...], *, min_confidence: float = 0.5
) -> Float[np.ndarray, "L K"]:
    """Return the distance of body joints to their keypoints as a share of the box height.

    NaN where the keypoint is missing or its confidence low, or the person has no pose.
    """
    assert person.motion is not None
    assert take.cameras is not None
    image = person.keypoints2d[0]
    rows = [image.skeleton.index(name) for name in joints]
    seen = np.where(
        (image.confidence[0][:, rows] > min_confidence)[..., None],
        image.position[0][:, rows],
        np.nan,
    )
    points = joint_positions(person.motion, joints)
    projected = project_to_cameras(take.cameras, points[None])[0, 0]
    track = next(track for track in take.tracks[0].tracks if track.person == person.name)
    return np.linalg.norm(projected - seen, axis=-1) / box_height(track)[:, None]
