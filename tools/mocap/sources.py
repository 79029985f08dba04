"""The folders of motion capture, each read into `Recording`s."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from marey.io.bvh import read_bvh
from mocap.acclaim import read_acclaim
from mocap.fbx import read_bones
from mocap.recording import Recording, chain_rotations, thin

LEAD_IN = 4
"""Frames at the start of a BVH of CMU's: an inserted T-pose and, in the Daz version, its blend."""

LEADER_JUMPS = {
    "60_03": [(915, 915)],
    "60_04": [(265, 265), (345, 349)],
    "60_05": [(1667, 1667)],
    "60_06": [(1007, 1007)],
    "60_09": [(386, 394)],
    "60_10": [(314, 365)],
    "60_13": [(624, 634)],
    "60_15": [(732, 732)],
}
"""Bad frames of the salsa leader, as the folder's README lists them."""

DEEPMIMIC = (
    *(("chest", 4), ("neck", 4), ("right_hip", 4), ("right_knee", 1), ("right_ankle", 4)),
    *(("right_shoulder", 4), ("right_elbow", 1), ("left_hip", 4), ("left_knee", 1)),
    *(("left_ankle", 4), ("left_shoulder", 4), ("left_elbow", 1)),
)
"""Order of the numbers in a frame after the root's, and how many each joint has."""

EXPMAP_NAMES = (
    *("root", "lhipjoint", "lfemur", "ltibia", "lfoot", "ltoes", "ltoes_end"),
    *("rhipjoint", "rfemur", "rtibia", "rfoot", "rtoes", "rtoes_end"),
    *("lowerback", "upperback", "thorax", "lowerneck", "upperneck", "head", "head_end"),
    *("lclavicle", "lhumerus", "lradius", "lwrist", "lhand", "lfingers", "lfingers_end"),
    *("lthumb", "lthumb_end"),
    *("rclavicle", "rhumerus", "rradius", "rwrist", "rhand", "rfingers", "rfingers_end"),
    *("rthumb", "rthumb_end"),
)


def read_folder(folder: Path, rate: float) -> Iterator[Recording]:
    """Yield the clips of a folder, thinned to about `rate` frames per second."""
    reader = {
        "cmu_amc": _read_amc,
        "cmu_expmap": _read_expmap,
        "cmu_fbx": _read_fbx,
        "deepmimic": _read_deepmimic,
    }.get(folder.name, _read_bvhs)
    yield from reader(folder, rate)


def _read_bvhs(folder: Path, rate: float) -> Iterator[Recording]:
    for path in sorted(folder.glob("*.bvh.gz")):
        name = path.name.split(".")[0].removesuffix("_30fps")
        trial = name.removeprefix("scaled_").removesuffix("_scaled")
        motion = read_bvh(path)
        rig = motion.body
        local = _matrices(motion.R_parent_joint[0])
        own = 1 / float(motion.time[1] - motion.time[0])
        # The world of marey is Z up, the rest pose is Y up.
        up = Rotation.from_rotvec([-np.pi / 2, 0, 0])
        root = up * Rotation.from_quat(motion.T_world_root[0, :, :4], scalar_first=True)
        local = np.concatenate([root.as_matrix()[:, None], local], 1)
        good = np.ones(len(local), bool)
        good[:LEAD_IN] = False
        for first, last in LEADER_JUMPS.get(trial, []):
            good[first - 3 : last + 4] = False
        keep = np.flatnonzero(good)[:: thin(own, rate)]
        parents = (-1, *(parent + 1 for parent in rig.parents))
        joints = (rig.root, *rig.joints)
        yield Recording(
            name=trial,
            subject=f"cmu_{trial.split('_')[0]}",
            folder=folder.name,
            rig="daz" if "abdomen" in joints else "cmu",
            rate=own / thin(own, rate),
            joints=joints,
            parents=parents,
            offset=np.concatenate([np.zeros((1, 3)), rig.offset]),
            turn=chain_rotations(local[keep], parents),
            position=up.apply(motion.T_world_root[0, keep, 4:]),
        )


def _read_amc(folder: Path, rate: float) -> Iterator[Recording]:
    for path in sorted(folder.glob("*.amc.gz")):
        subject = re.match(r"\d+", path.name)[0]
        skeleton = next(folder.glob(f"{subject}[.-]*asf.gz"))
        yield read_acclaim(skeleton, path, subject=f"cmu_{subject}", rate=rate)


def _read_expmap(folder: Path, rate: float) -> Iterator[Recording]:
    readme = (folder / "README.md").read_text()
    parents = tuple(int(x) for x in re.search(r"parents: ([-\d ]+)", readme)[1].split())
    rows = re.findall(r"\(([-\d.,]+)\)", re.search(r"offsets \(same unit\): (.*)", readme)[1])
    offset = np.array([[float(x) for x in row.split(",")] for row in rows[: len(parents)]])
    for joint in ("lowerneck", "lclavicle", "rclavicle"):
        offset[EXPMAP_NAMES.index(joint)] = (0, 2.1, 0)
    for path in sorted(folder.glob("*.txt.gz")):
        name = path.name.split(".")[0]
        with gzip.open(path, "rt") as file:
            table = np.loadtxt(file, delimiter=",")[:: thin(120, rate)]
        vectors = table[:, 3:].reshape(len(table), -1, 3)
        # Row vectors there, column vectors here.
        local = Rotation.from_rotvec(-vectors.reshape(-1, 3)).as_matrix()
        local = local.reshape(*vectors.shape[:2], 3, 3)
        # Only soccer_1 and soccer_3 are known by subject; others stand for themselves.
        known = name.endswith(("soccer_1", "soccer_3"))
        yield Recording(
            name=name,
            subject="cmu_10" if known else "cmu_unknown_" + name.split("__")[1],
            folder=folder.name,
            rig="cmu",
            rate=rate,
            joints=EXPMAP_NAMES,
            parents=parents,
            offset=offset,
            turn=chain_rotations(local, parents),
            position=table[:, :3],
        )


def _read_fbx(folder: Path, rate: float) -> Iterator[Recording]:
    base = {bone.name: bone for bone in read_bones(folder / "Base.fbx", rate)}
    for path in sorted(folder.glob("*.fbx")):
        bones = read_bones(path, rate)
        if bones[0].name not in base or path.stem == "Base":
            continue  # 49_08 and 55_01 lie on another rig without its rest pose; see the card
        names = [bone.name for bone in bones]
        parents = tuple(-1 if bone.parent is None else names.index(bone.parent) for bone in bones)
        rest = np.stack([base[name].rest for name in names])[None]
        rest = chain_rotations(rest, parents)[0]
        turn = chain_rotations(np.stack([bone.local for bone in bones], 1), parents)
        offset = np.stack([rest[parents[k]] @ base[name].offset for k, name in enumerate(names)])
        yield Recording(
            name=path.stem,
            subject=f"cmu_{path.stem.split('_')[0]}",
            folder=folder.name,
            rig="neo",
            rate=rate,
            joints=tuple(name.removeprefix("Neo_") for name in names),
            parents=parents,
            offset=offset,
            turn=turn @ rest.swapaxes(-1, -2),
            position=bones[0].position,
        )


def _read_deepmimic(folder: Path, rate: float) -> Iterator[Recording]:
    body = json.loads((folder / "humanoid3d_character.txt").read_text())["Skeleton"]["Joints"]
    names = [joint["Name"] for joint in body]
    parents = tuple(joint["Parent"] for joint in body)
    # There +X is forward and +Z to the right.
    axes = np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]], float)
    offset = np.array([[j["AttachX"], j["AttachY"], j["AttachZ"]] for j in body]) @ axes.T
    for path in sorted(folder.glob("humanoid3d_*.txt")):
        if path.stem.endswith("character"):
            continue
        table = np.array(json.loads(path.read_text())["Frames"], float)
        own = 1 / np.median(table[:-1, 0])
        table = table[:: thin(own, rate)]
        local = np.tile(np.eye(3), (len(table), len(names), 1, 1))
        local[:, 0] = _matrices(table[:, 4:8])
        column = 8
        for joint, size in DEEPMIMIC:
            values = table[:, column : column + size]
            column += size
            # A hinge turns about Z there.
            local[:, names.index(joint)] = (
                _matrices(values)
                if size == 4
                else Rotation.from_rotvec(values * [[0, 0, 1]]).as_matrix()
            )
        local = axes @ local @ axes.T
        yield Recording(
            name=path.stem.removeprefix("humanoid3d_"),
            subject="deepmimic",
            folder=folder.name,
            rig="deepmimic",
            rate=own / thin(own, rate),
            joints=tuple(names),
            parents=parents,
            offset=offset,
            turn=chain_rotations(local, parents),
            position=table[:, 1:4] @ axes.T,
        )


def _matrices(q: np.ndarray) -> np.ndarray:
    flat = Rotation.from_quat(q.reshape(-1, 4), scalar_first=True).as_matrix()
    return flat.reshape(*q.shape[:-1], 3, 3)
