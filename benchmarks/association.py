"""Association measured on Shelf: loose candidates of five cameras to actors' limbs.

`python -m benchmarks.association SHARED` prints the table of docs/association.md; SHARED holds
`data/shelf`.
"""

import sys
import time as clock
import warnings
from pathlib import Path

import numpy as np
from jaxtyping import Float

from marey.capture.views.associate import associate_candidates
from marey.capture.views.triangulate import KeypointOptions, triangulate_keypoints
from marey.core import Keypoints3D, convert_keypoints
from marey.datasets.shelf import read_candidates, read_sequence
from marey.evaluate import correct_limbs
from marey.geometry.triangulation import TriangulationOptions

ACTORS = (0, 2)
HEAD_REACH = 0.5
"""Shelf's neck is at the top of the neck: halfway from the shoulders to the ears. The head's top is
as far beyond the ears."""
SIDED = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
LIMBS = (
    ("mid_hip", "upper_neck"),
    *((f"{side}_{a}", f"{side}_{b}") for a, b in SIDED for side in ("left", "right")),
)
HEAD = ("upper_neck", "head_top")


def to_shelf(points: Keypoints3D, truth: Keypoints3D) -> Float[np.ndarray, "N T K 3"]:
    """Name BODY_25's points as Shelf does; the middle of the shoulders stands in for the neck."""
    source, target = points.skeleton, truth.skeleton
    own = convert_keypoints(points.position.astype(float), source, target)
    neck = points.position[:, :, source.index("mid_shoulder")]
    ears = points.position[:, :, [source.index("left_ear"), source.index("right_ear")]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        middle = np.nanmean(ears, 2)
    own[:, :, target.index("head_top")] = middle + HEAD_REACH * (middle - neck)
    own[:, :, target.index("upper_neck")] = middle - HEAD_REACH * (middle - neck)
    return own


def main() -> None:
    folder = Path(sys.argv[1]) / "data" / "shelf"
    labels = read_sequence(folder / "gt_shelf15.npz")
    truth, cameras = labels.keypoints3d, labels.cameras
    assert truth is not None and cameras is not None
    views = read_candidates(folder / "detections_body25.json")
    begin = clock.process_time()
    found = associate_candidates(views, cameras)
    seconds = clock.process_time() - begin
    options = KeypointOptions(
        views=TriangulationOptions(min_confidence=0.1, in_front=True, strict=True)
    )
    points = triangulate_keypoints(found.keypoints, cameras, options=options).keypoints
    own = to_shelf(points, truth)
    index = np.array([[truth.skeleton.index(end) for end in limb] for limb in (*LIMBS, HEAD)])
    shares = []
    for actor in ACTORS:
        true = truth.position[actor].astype(float)
        there = np.isfinite(true).all((1, 2))
        apart = np.linalg.norm(own - true, axis=-1)
        limbs = np.where(np.isfinite(apart), apart, np.inf)[:, there]
        near = np.median(limbs[:, :, :12], -1).argmin(0)
        person = int(np.bincount(near).argmax())
        right = correct_limbs(own[person, there], true[there], limbs=index)
        shares.append(100 * right.mean(0))
        print(
            f"Actor {actor}: {there.sum()} frames, person {person + 1} in {(near == person).sum()}"
        )
    print("| limb | " + " | ".join(f"actor {actor}" for actor in ACTORS) + " | mean |")
    print("|---|" + "---|" * (len(ACTORS) + 1))
    for row, limb in enumerate((*LIMBS, HEAD)):
        values = [share[row] for share in shares]
        cells = " | ".join(f"{value:.1f}" for value in (*values, np.mean(values)))
        print(f"| {limb[0]} to {limb[1]} | {cells} |".replace("_", " "))
    nine = [share[:-1].mean() for share in shares]
    print("| nine segments | " + " | ".join(f"{v:.1f}" for v in (*nine, np.mean(nine))) + " |")
    print(
        f"{seconds:.1f} s of processor time for {len(views)} views of {len(views[0].time)} frames"
    )


if __name__ == "__main__":
    main()
