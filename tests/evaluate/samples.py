"""Real samples as files of poses, predicted and true; run as a script it writes them to a folder.

python -m tests.evaluate.samples SHARED_DATA FOLDER
"""

import json
import sys
from pathlib import Path

import numpy as np

from marey.core import load_skeleton
from marey.evaluate import PoseSequence, PoseSet, write_poses


def panoptic(data: Path, cameras: str = "9_cams_model_1") -> tuple[PoseSet, PoseSet]:
    """MediaPipe triangulated from Panoptic's cameras, against Panoptic's own joints (cm)."""
    folder = data / "panoptic_mediapipe"
    labels = np.load(folder / "Panoptic_GT_171204_pose1_sample.npz")
    found = np.load(folder / f"NEW_MP_poses_171204_pose1_sample_{cameras}_method_sqr_weighted.npy")
    frame = labels["frames"].astype(np.int64)
    # The last row of the predictions belongs to no frame.
    predicted = found[None, : len(frame)] / 100
    return (
        _set("blazepose-33", "m", [_sequence("171204_pose1", frame, predicted)], cameras),
        _set("panoptic-19", "m", [_sequence("171204_pose1", frame, labels["poses"][None] / 100)]),
    )


def human36m(data: Path) -> tuple[PoseSet, PoseSet]:
    """Detected against labelled keypoints of four frames, with boxes of 200 px times scale."""
    labels = np.load(data / "h36m_mmpose" / "test_h36m_body3d.npz")
    found = np.load(data / "h36m_mmpose" / "test_h36m_2d_detection.npy").astype(np.float64)
    target = load_skeleton("j14")
    truth, predicted = (_to_j14(each) for each in (labels["part"][..., :2], found[..., :2]))
    side = 200 * labels["scale"][:, None]
    box = np.concatenate([labels["center"] - side / 2, labels["center"] + side / 2], -1)
    names = [str(name).rsplit("/", 1)[-1].removesuffix(".jpg") for name in labels["imgname"]]
    first = np.zeros(1, np.int64)

    def make(points: np.ndarray, origin: str) -> PoseSet:
        sequences = [
            PoseSequence(name=name, frame=first, position=points[[row], None], box=box[[row], None])
            for row, name in enumerate(names)
        ]
        return _set(target.name, "px", sequences, origin)

    return make(predicted, "detections of the sample"), make(truth, "")


def humaneva(data: Path, step: int = 5) -> tuple[PoseSet, PoseSet]:
    """Every fifth frame of the validation chunks, the others interpolated, against all frames."""
    archive = np.load(data / "humaneva15" / "humaneva15.npz")
    h36m = load_skeleton("h36m-17")
    rows = [h36m.index(name) for name in HUMANEVA]
    sequences: list[list[PoseSequence]] = [[], []]
    for key in archive.files:
        if key.startswith("Validate/") and key.endswith("/pos3d"):
            true = archive[key].astype(np.float64)
            kept = np.arange(0, len(true), step)
            if len(true) < 3 * step:
                continue
            frame = np.arange(kept[-1] + 1)
            flat = true[: len(frame)].reshape(len(frame), -1)
            columns = [np.interp(frame, kept, flat[kept, c]) for c in range(flat.shape[1])]
            for side, values in zip(sequences, (np.stack(columns, -1), flat), strict=True):
                full = np.full((1, len(frame), 17, 3), np.nan)
                full[0, :, rows] = values.reshape(len(frame), 15, 3).swapaxes(0, 1)
                side.append(_sequence(key.removesuffix("/pos3d"), frame, full, rate=60.0))
    return (
        _set("h36m-17", "m", sequences[0], f"linear interpolation of every {step}th frame"),
        _set("h36m-17", "m", sequences[1]),
    )


HUMANEVA = (
    *("mid_hip", "thorax", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder"),
    *("right_elbow", "right_wrist", "left_hip", "left_knee", "left_ankle", "right_hip"),
    *("right_knee", "right_ankle", "head_h36m"),
)


def shelf(data: Path) -> tuple[PoseSet, PoseSet]:
    """The labels of Shelf against themselves, people in another order and one limb spoilt."""
    labels = np.load(data / "shelf" / "gt_shelf15.npz")["gt"].astype(np.float64)
    truth = np.where(labels[..., 3:] > 0, labels[..., :3], np.nan).swapaxes(0, 1)
    predicted = truth[[2, 3, 0, 1]].copy()
    # A left wrist that points elsewhere spoils one limb of ten.
    predicted[:, ::2, 11] += 1.0
    frame = np.arange(truth.shape[1])
    return (
        _set("shelf-15", "m", [_sequence("shelf", frame, predicted)], "labels, one wrist spoilt"),
        _set("shelf-15", "m", [_sequence("shelf", frame, truth)]),
    )


def posetrack(data: Path) -> tuple[PoseSet, PoseSet]:
    """The labels of three images against themselves, everybody moved by 6 % of their box."""
    sides: list[list[PoseSequence]] = [[], []]
    for path in sorted((data / "posetrack18" / "val").glob("*.json")):
        people = json.loads(path.read_text())["annotations"]
        points = np.array([each["keypoints"] for each in people], float).reshape(-1, 1, 17, 3)
        box = np.array([each["bbox"] for each in people], float)[:, None]
        box[..., 2:] += box[..., :2]
        known = points[..., 2:] > 0
        truth = np.where(known, points[..., :2], np.nan)
        moved = truth + 0.06 * (box[..., None, 2:] - box[..., None, :2])
        for side, position in zip(sides, (moved, truth), strict=True):
            side.append(
                PoseSequence(
                    name=path.stem, frame=np.zeros(1, np.int64), position=position, box=box
                )
            )
    return (
        _set("posetrack-17", "px", sides[0], "labels moved by 6 % of the box"),
        _set("posetrack-17", "px", sides[1]),
    )


SAMPLES = {
    "panoptic-draft": panoptic,
    "lsp-extended": human36m,
    "humaneva-draft": humaneva,
    "shelf": shelf,
    "posetrack-draft": posetrack,
}


def _to_j14(points: np.ndarray) -> np.ndarray:
    from marey.core import convert_keypoints

    source, target = load_skeleton("h36m-17"), load_skeleton("j14")
    return convert_keypoints(points.astype(np.float64), source, target, substitute=True)


def _sequence(
    name: str, frame: np.ndarray, position: np.ndarray, rate: float | None = None
) -> PoseSequence:
    return PoseSequence(name=name, frame=frame, position=position, frame_rate=rate)


def _set(
    skeleton: str, unit: str, sequences: list[PoseSequence], origin: str = "labels"
) -> PoseSet:
    return PoseSet(skeleton=skeleton, unit=unit, sequences=tuple(sequences), origin=origin)


if __name__ == "__main__":
    target = Path(sys.argv[2])
    for protocol, make in SAMPLES.items():
        for poses, side in zip(make(Path(sys.argv[1])), ("predictions", "truth"), strict=True):
            write_poses(poses, target / f"{protocol}.{side}.npz", overwrite=True)
