"""Pairs of noisy and true sequences for measuring refinement; see measure_refinement.py."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from marey.body import Body
from marey.body.joint_rotations import to_local
from marey.core import Keypoints3D, Skeleton, load_skeleton
from marey.core.keypoints import Frame
from marey.core.skeleton import mirror_name
from marey.geometry.rotation import matrix_to_rotation6d
from marey.recipes.hanet_mocap import FPS, POINTS
from marey.train.body_points import NUM_JOINTS, make_point_model, place_points
from marey.train.clean_motion import CleanMotion, cut_windows
from marey.train.mocap_pairs import centre
from marey.train.noise import corrupt_points, load_noise
from marey.train.rotation_noise import corrupt_rotations

LONGEST_S = 10.0
SHORTEST_S = 2.0
MEDIAPIPE = {
    **{"nose": 0, "left_eye": 2, "right_eye": 5, "left_ear": 7, "right_ear": 8},
    **{
        f"{side}_{place}": first + (side == "right")
        for place, first in [
            *(("shoulder", 11), ("elbow", 13), ("wrist", 15), ("hip", 23), ("knee", 25)),
            *(("ankle", 27), ("heel", 29), ("big_toe", 31)),
        ]
        for side in ("left", "right")
    },
}
COMPARED = (
    "nose",
    *(
        f"{side}_{joint}"
        for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for side in ("left", "right")
    ),
)


@dataclass(frozen=True)
class Sequence:
    """One sequence at 30 frames per second."""

    name: str
    noisy: np.ndarray
    """(T, K, 3) m, or (T, 22, 6)."""
    clean: np.ndarray


def mocap_sequences(
    motion: CleanMotion, body: Body, quantity: str, *, level: float, seed: int
) -> Iterator[Sequence]:
    """Yield whole clips in pieces of ten seconds at most, with the fitted noise from one camera."""
    noise, generator = load_noise(), torch.Generator().manual_seed(seed)
    rng = np.random.default_rng(seed)
    points = make_point_model(body, POINTS)
    how = {
        "rate": FPS,
        "level": torch.tensor([level]),
        "depth_factor": torch.tensor([noise.depth_factor]),
        "generator": generator,
    }
    for number, name in enumerate(motion.clip):
        length = motion.duration[number]
        for first in np.arange(0, length - SHORTEST_S, LONGEST_S):
            last = min(first + LONGEST_S, length)
            moment = np.arange(first, last, 1 / FPS)
            world = cut_windows(motion, np.array([number]), moment[None])
            angle = rng.uniform(0, 2 * np.pi)
            turn = torch.tensor(
                [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]],
                dtype=world.dtype,
            )
            world = turn @ world
            if quantity == "rotations":
                noisy = corrupt_rotations(world, body.joint_names[:NUM_JOINTS], noise, **how)
                pair = [
                    matrix_to_rotation6d(to_local(R, body.parents), layout="interleaved")
                    for R in (noisy, world)
                ]
            else:
                shape = torch.from_numpy(rng.standard_normal((1, body.num_shape))).float()
                clean = place_points(points, world, shape)
                pair = [centre(corrupt_points(clean, POINTS, noise, **how), POINTS), clean]
            yield Sequence(f"{name}+{first:.0f}", *(x[0].double().numpy() for x in pair))


def panoptic_pairs(folder: Path) -> Iterator[tuple[str, Keypoints3D, np.ndarray]]:
    """Yield the four variants: landmarks triangulated from several views, and the truth.

    Twelve joints and the nose are compared, as the folder's README does; +Z is up.
    """
    truth = np.load(folder / "Panoptic_GT_171204_pose1_sample.npz")["poses"] / 100
    panoptic = load_skeleton("panoptic-19").keypoints
    axes = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    clean = np.stack([truth[:, panoptic.index(name)] for name in COMPARED], 1) @ axes.T
    for path in sorted(folder.glob("NEW_MP_*.npy")):
        label = path.stem.split("sample_")[1].removesuffix("_method_sqr_weighted")
        seen = np.load(path)[: len(truth)] / 100 @ axes.T
        points = to_points(seen[:, list(MEDIAPIPE.values())], tuple(MEDIAPIPE), 29.97, "world")
        yield label, points, clean


def blazepose_tracks(folder: Path) -> Iterator[tuple[str, Keypoints3D]]:
    """Yield landmarks in space of real videos, but those the noise was fitted to."""
    for path in sorted(folder.glob("*.npz")):
        if not path.stem.startswith("pose2sim"):
            data = np.load(path)
            world = data["world"].astype(np.float64)[:, list(MEDIAPIPE.values())]
            yield path.stem, to_points(world, tuple(MEDIAPIPE), float(data["fps"]), "root")


def to_points(
    position: np.ndarray, names: tuple[str, ...], rate: float, frame: Frame
) -> Keypoints3D:
    """Return points of one person."""
    mirror = tuple(names.index(mirror_name(name)) for name in names)
    return Keypoints3D(
        skeleton=Skeleton(name="measured", keypoints=names, edges=(), mirror=mirror),
        people=("person1",),
        time=np.arange(len(position)) / rate,
        position=position[None],
        frame=frame,
        confidence=np.isfinite(position[None, ..., 0]).astype(np.float32),
    )
