"""Acclaim skeletons (ASF) and motions (AMC), as CMU publishes them.

A bone has a rest direction, a length, and an `axis` frame C (Euler angles, applied x then y then z);
its rotation M is given in that frame, so relative to the rest it is C M C^-1.
"""

# ruff: noqa: E501 - prose wrapped a little wider

import gzip
import re
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from mocap.recording import Recording, chain_rotations, thin


def read_acclaim(skeleton: Path, motion: Path, *, subject: str, rate: float) -> Recording:
    """Read a motion on its skeleton, thinned to about `rate` frames per second."""
    bones, parent_of = _read_skeleton(skeleton)
    frames = _read_motion(motion)[:: thin(120, rate)]
    names = ["root", *bones]
    parents = tuple(-1 if name == "root" else names.index(parent_of[name]) for name in names)
    local = np.empty((len(frames), len(names), 3, 3))
    local[:, 0] = _matrices(np.array([frame["root"][3:] for frame in frames]), "xyz")
    for column, (name, bone) in enumerate(bones.items(), start=1):
        angles = np.zeros((len(frames), 3))
        for k, axis in enumerate(bone["dof"]):
            angles[:, "xyz".index(axis)] = [frame[name][k] for frame in frames]
        local[:, column] = bone["frame"] @ _matrices(angles, "xyz") @ bone["frame"].T
    # A bone of Acclaim turns about its start, which is the end of its parent.
    offset = np.zeros((len(names), 3))
    for column, parent in enumerate(parents):
        if parent > 0:
            offset[column] = bones[names[parent]]["bone"]
    return Recording(
        name=motion.name.split(".")[0],
        subject=subject,
        folder=motion.parent.name,
        rig="cmu",
        rate=rate,
        joints=tuple(names),
        parents=parents,
        offset=offset,
        turn=chain_rotations(local, parents),
        position=np.array([frame["root"][:3] for frame in frames]),
    )


def _matrices(angles: np.ndarray, order: str) -> np.ndarray:
    return Rotation.from_euler(order, angles, degrees=True).as_matrix()


def _read_skeleton(path: Path) -> tuple[dict[str, dict], dict[str, str]]:
    with gzip.open(path, "rt") as file:
        text = file.read()
    bones = {}
    for block in re.findall(r"begin\s+id(.*?)\bend\b", text, re.DOTALL):
        field = {
            line.split()[0]: line.split()[1:] for line in block.splitlines()[1:] if line.split()
        }
        bones[field["name"][0]] = {
            "bone": np.array(field["direction"], float) * float(field["length"][0]),
            "frame": _matrices(np.array(field["axis"][:3], float), "xyz"),
            "dof": [axis[1] for axis in field.get("dof", [])],
        }
    tree = text[text.index(":hierarchy") :]
    parent_of = {}
    for line in tree.splitlines()[2:]:
        parent, *children = line.split() or ["end"]
        parent_of.update({child: parent for child in children})
    return bones, parent_of


def _read_motion(path: Path) -> list[dict[str, list[float]]]:
    frames: list[dict[str, list[float]]] = []
    with gzip.open(path, "rt") as file:
        for line in file:
            words = line.split()
            if len(words) == 1 and words[0].isdigit():
                frames.append({})
            elif frames and words:
                frames[-1][words[0]] = [float(word) for word in words[1:]]
    return frames
