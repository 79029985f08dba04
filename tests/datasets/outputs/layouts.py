"""Writes files as other programs do, of bodies whose motion is known."""

import json
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from scipy.spatial.transform import Rotation

SIZE = (640, 480)
NUM_FRAMES = 6
RNG = np.random.default_rng(7)
ROOT = Rotation.from_rotvec(RNG.normal(size=(NUM_FRAMES, 3)))
POSE = Rotation.from_rotvec(RNG.normal(size=(NUM_FRAMES * 23, 3)) * 0.5)
BETAS = RNG.normal(size=10)
PLACE = np.array([0.3, -0.2, 4.0]) + RNG.normal(size=(NUM_FRAMES, 3)) * 0.1
PELVIS = np.array([0.01, -0.22, 0.03])


def vectors(count: int = 23) -> np.ndarray:
    """The pose as rows of rotation vectors."""
    return POSE.as_rotvec().reshape(NUM_FRAMES, 23, 3)[:, :count].reshape(NUM_FRAMES, -1)


def joints(count: int = 45) -> np.ndarray:
    """Joints in the body's axes, the pelvis first."""
    points = np.random.default_rng(1).normal(size=(NUM_FRAMES, count, 3)) * 0.3
    points[:, 0] = PELVIS
    return points


def write_joblib(value: object, path: Path) -> Path:
    joblib.dump(value, path, compress=3)
    return path


def write_pickle(value: object, path: Path) -> Path:
    path.write_bytes(pickle.dumps(value))
    return path


def write_json(value: object, path: Path) -> Path:
    path.write_text(json.dumps(value))
    return path


def phalp_frames() -> dict[str, Any]:
    """Two people; the second is lost after frame 3 and repeated, as PHALP does."""
    matrices = POSE.as_matrix().reshape(NUM_FRAMES, 23, 3, 3).astype(np.float32)
    focal, side = 5000 / 256 * max(SIZE), max(SIZE)
    place = PLACE * [1, 1, 10]
    in_camera = joints() + place[:, None]
    image = focal * in_camera[..., :2] / in_camera[..., 2:] + np.array(SIZE) / 2
    shares = (image + (side - np.array(SIZE)) / 2) / side
    frames = {}
    for t in range(NUM_FRAMES):
        who = [1, 5] if t else [1]
        frames[f"img/{t + 1:06d}.jpg"] = {
            "time": t,
            "shot": 0,
            "tid": who,
            "tracked_time": [0, max(0, t - 3)][: len(who)],
            "bbox": [np.array([10.0, 20, 100, 200])] * len(who),
            "conf": [0.9] * len(who),
            "size": [[SIZE[1], SIZE[0]]] * len(who),
            "camera": [place[t].astype(np.float32)] * len(who),
            "3d_joints": [joints()[t].astype(np.float32)] * len(who),
            "2d_joints": [shares[t].ravel().astype(np.float32)] * len(who),
            "smpl": [
                {
                    "global_orient": ROOT[t].as_matrix()[None].astype(np.float32),
                    "body_pose": matrices[t],
                    "betas": BETAS.astype(np.float32),
                }
            ]
            * len(who),
            "mask": [{"size": [480, 640], "counts": b"abc"}] * len(who),
        }
    return frames


def wham_people() -> dict[Any, Any]:
    turn = Rotation.from_rotvec([0.3, 0.2, 0.1])
    pose = np.concatenate([ROOT.as_rotvec(), vectors()], 1)
    world = np.concatenate([(turn * ROOT).as_rotvec(), vectors()], 1)
    return {
        np.int64(3): {
            "pose": pose.astype(np.float32),
            "trans": PLACE.astype(np.float32),
            "pose_world": world,
            "trans_world": turn.apply(PLACE),
            "betas": np.tile(BETAS, (NUM_FRAMES, 1)),
            "verts": np.zeros((NUM_FRAMES, 10, 3), np.float32),
            "frame_ids": np.arange(2, 2 + NUM_FRAMES),
        }
    }


def gvhmr_results() -> dict[str, Any]:
    one = {
        "body_pose": torch.tensor(vectors(21)),
        "global_orient": torch.tensor(ROOT.as_rotvec()),
        "transl": torch.tensor(PLACE),
        "betas": torch.tensor(np.tile(BETAS, (NUM_FRAMES, 1))),
    }
    K = torch.tensor([[800.0, 0, SIZE[0] / 2], [0, 800, SIZE[1] / 2], [0, 0, 1]])
    return {
        "smpl_params_global": one,
        "smpl_params_incam": one,
        "K_fullimg": K.repeat(NUM_FRAMES, 1, 1),
        "net_outputs": {"static_conf_logits": torch.zeros(1, NUM_FRAMES, 6)},
    }


def romp_frame(t: int, *, track: int | None = 4) -> dict[str, Any]:
    points = np.concatenate([joints()[t], np.zeros((26, 3))])[None]
    focal = max(SIZE) / 2 / np.tan(np.pi / 6)
    in_camera = points + PLACE[t]
    frame = {
        "cam_trans": PLACE[t : t + 1].astype(np.float32),
        "smpl_thetas": np.concatenate([ROOT.as_rotvec()[t], vectors()[t]])[None],
        "smpl_betas": np.append(BETAS, 0.1)[None].astype(np.float32),
        "center_confs": np.array([[0.8]], np.float32),
        "joints": points.astype(np.float32),
        "pj2d_org": focal * in_camera[..., :2] / in_camera[..., 2:] + np.array(SIZE) / 2,
        "verts": np.zeros((1, 5, 3), np.float32),
    }
    return frame if track is None else frame | {"track_ids": np.array([track])}


def write_romp(path: Path, *, track: int | None = 4) -> Path:
    frames = {f"{t:08d}.png": romp_frame(t, track=track) for t in range(NUM_FRAMES)}
    np.savez(path, results=np.array(frames, dtype=object))
    return path


def vibe_people(*, count: int = 49) -> dict[Any, Any]:
    """A weak-perspective camera of 250 px a metre, over a crop that moves."""
    box = np.stack([np.array([300.0, 200, 180, 180]) + t for t in range(NUM_FRAMES)])
    scale, width, height = 250.0, *SIZE
    pred = np.stack([np.full(NUM_FRAMES, scale * 2), *np.zeros((2, NUM_FRAMES))], 1)
    pred[:, 0] /= box[:, 2]
    sx, sy = 2 * scale / width, 2 * scale / height
    tx = (box[:, 0] - width / 2) / (width / 2) / sx
    ty = (box[:, 1] - height / 2) / (height / 2) / sy
    points = joints(count)
    image = scale * (points[..., :2] + np.stack([tx, ty], 1)[:, None]) + np.array(SIZE) / 2
    person = {
        "pred_cam": pred,
        "orig_cam": np.stack([np.full(NUM_FRAMES, sx), np.full(NUM_FRAMES, sy), tx, ty], 1),
        "verts": np.zeros((NUM_FRAMES, 10, 3)),
        "pose": np.concatenate([ROOT.as_rotvec(), vectors()], 1),
        "betas": np.tile(BETAS, (NUM_FRAMES, 1)),
        "joints3d": points,
        "joints2d": None,
        "bboxes": box,
        "frame_ids": np.arange(NUM_FRAMES),
    }
    return {1: person | ({"joints2d_img_coord": image} if count == 49 else {})}


def person_lists() -> dict[str, Any]:
    """What HMR2.0's network returns of each picture; nobody is in the first."""
    matrices = POSE.as_matrix().reshape(NUM_FRAMES, 23, 3, 3).astype(np.float32)
    return {
        f"img/{t + 1:06d}.jpg": []
        if t == 0
        else [
            {
                "pred_smpl_params": {
                    "global_orient": ROOT[t].as_matrix()[None].astype(np.float32),
                    "body_pose": matrices[t],
                    "betas": BETAS.astype(np.float32),
                },
                "pred_cam_t_full": PLACE[t].astype(np.float32),
            }
        ]
        for t in range(NUM_FRAMES)
    }


def glamr_results() -> dict[str, Any]:
    """World = camera turned by 90 degrees and moved."""
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = Rotation.from_euler("x", 90, degrees=True).as_matrix(), [0, 1, 0]
    back = Rotation.from_matrix(T[:3, :3]).inv()
    person = {
        "smpl_pose": vectors(),
        "smpl_beta": np.tile(BETAS, (NUM_FRAMES, 1)),
        "smpl_orient_cam": ROOT.as_rotvec(),
        "root_trans_cam": PLACE,
        "smpl_orient_world": (back * ROOT).as_rotvec(),
        "root_trans_world": back.apply(PLACE - T[:3, 3]),
        "exist_frames": np.arange(NUM_FRAMES) > 0,
        "cam_K": np.tile([[900.0, 0, 320], [0, 900, 240], [0, 0, 1]], (NUM_FRAMES, 1, 1)),
    }
    return {
        "person_data": {np.int64(0): person},
        "cam_pose": np.tile(T, (NUM_FRAMES, 1, 1)),
        "seq_len": NUM_FRAMES,
    }


def sam3d_people(t: int) -> list[dict[str, Any]]:
    points = np.random.default_rng(3).normal(size=(2, 70, 3)) * 0.3
    place = np.array([[-0.6, 0, 4.0], [0.6, 0.1, 4.0]]) + 0.01 * t
    in_camera = points + place[:, None]
    image = 700 * in_camera[..., :2] / in_camera[..., 2:] + np.array(SIZE) / 2
    return [
        {
            "bbox": np.array([*image[n].min(0), *image[n].max(0)], np.float32),
            "focal_length": np.float32(700),
            "pred_keypoints_3d": points[n].astype(np.float32),
            "pred_cam_t": place[n].astype(np.float32),
            "pred_keypoints_2d": image[n].astype(np.float32),
            "shape_params": np.zeros(45, np.float32),
            "mask": None,
        }
        for n in range(2)
    ]


def as_json(value: Any) -> Any:
    """What json.dump takes: lists instead of arrays."""
    if isinstance(value, dict):
        return {key: as_json(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_json(inner) for inner in value]
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def person2d(t: int, n: int, *, count: int = 17) -> tuple[np.ndarray, np.ndarray]:
    """Two people walking side by side; the last point is not seen."""
    points = np.random.default_rng(count).uniform(0, 100, (count, 2))
    points += np.array([150.0 * n + 3 * t, 100])
    score = np.linspace(0.9, 0.5, count)
    score[-1] = 0
    return points, score


def mmpose_instances(t: int, count: int = 17) -> list[dict[str, Any]]:
    result = []
    for n in range(2):
        points, score = person2d(t, n, count=count)
        result.append(
            {
                "keypoints": points.tolist(),
                "keypoint_scores": score.tolist(),
                "bbox": [[0.0, 0, 10, 10]],
                "bbox_score": 0.9,
            }
        )
    return result


def alphapose_rows(*, named: bool = True) -> list[dict[str, Any]]:
    rows = []
    for t in range(NUM_FRAMES):
        for n in range(2):
            points, score = person2d(t, n)
            row = {
                "image_id": f"{t}.jpg",
                "category_id": 1,
                "keypoints": np.column_stack([points, score]).ravel().tolist(),
                "score": 2.5,
                "box": [1.0, 2.0, 30.0, 40.0],
            }
            rows.append(row | ({"idx": n + 1} if named else {}))
    return rows


def alphapose_pictures(layout: str) -> dict[str, Any]:
    """The layouts of OpenPose's 18 points: nose, neck, right arm, left arm, ..."""
    order = [0, None, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3]
    people, points_of = {"cmu": ("bodies", "joints"), "open": ("people", "pose_keypoints_2d")}[
        layout
    ]
    pictures = {}
    for t in range(NUM_FRAMES):
        here = []
        for n in range(2):
            points, score = person2d(t, n)
            table = np.column_stack([points, score])
            neck = (table[5] + table[6]) / 2
            flat = np.concatenate([neck if k is None else table[k] for k in order])
            here.append({points_of: flat.tolist()})
        pictures[f"{t}.jpg"] = {"version": "AlphaPose v0.3", people: here}
    return pictures


def write_videopose(path: Path) -> Path:
    """VideoPose3D's inference of Detectron2: nobody in frame 2."""
    boxes, keypoints = np.empty(NUM_FRAMES, object), np.empty(NUM_FRAMES, object)
    for t in range(NUM_FRAMES):
        box, points = np.zeros((0, 5), np.float32), np.zeros((0, 4, 17), np.float32)
        if t != 2:
            people = [person2d(t, n) for n in range(2)]
            box = np.tile(np.array([1, 2, 30, 40, 0.99], np.float32), (2, 1))
            points = np.stack([[*p.T, s * 10, s * 0.1] for p, s in people]).astype(np.float32)
        boxes[t], keypoints[t] = [[], box], [[], points]
    np.savez_compressed(
        path,
        boxes=boxes,
        segments=np.array([None] * NUM_FRAMES, object),
        keypoints=keypoints,
        metadata=np.array({"w": SIZE[0], "h": SIZE[1]}, dtype=object),
    )
    return path


def write_all(folder: Path) -> dict[str, Path]:
    """One file of every program."""
    torch.save(gvhmr_results(), folder / "gvhmr.pt")
    frames = [sam3d_people(t) for t in range(3)]
    samples = [{"frame_id": t, "instances": mmpose_instances(t)} for t in range(NUM_FRAMES)]
    return {
        "phalp": write_joblib(phalp_frames(), folder / "phalp.pkl"),
        "wham": write_joblib(wham_people(), folder / "wham.pkl"),
        "gvhmr": folder / "gvhmr.pt",
        "glamr": write_pickle(glamr_results(), folder / "glamr.pkl"),
        "romp": write_romp(folder / "romp.npz"),
        "person-lists": write_joblib(person_lists(), folder / "lists.pkl"),
        "vibe": write_joblib(vibe_people(), folder / "vibe.pkl"),
        "sam3d-body": write_json(as_json(frames), folder / "sam3d.json"),
        "mmpose": write_json(samples, folder / "mmpose.json"),
        "alphapose": write_json(alphapose_rows(), folder / "alphapose.json"),
        "detectron2": write_videopose(folder / "videopose.npz"),
    }
