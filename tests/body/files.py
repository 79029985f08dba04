"""Writes body files in the official layouts, with random content."""

import pickle
import sys
import types
from pathlib import Path

import numpy as np
import scipy.sparse

from marey.body.layouts import LAYOUTS

KINDS = {"smpl": (24, 10), "smplh": (52, 16), "smplx": (55, 400)}


def random_body(kind: str, *, num_vertices: int = 200, seed: int = 0) -> dict[str, np.ndarray]:
    """Return the arrays of a file of this kind: smpl, smplh or smplx."""
    num_joints, columns = KINDS[kind]
    rng = np.random.default_rng(seed)
    regressor = rng.random((num_joints, num_vertices)) * (
        rng.random((num_joints, num_vertices)) < 0.1
    )
    regressor[:, 0] += 0.01
    weights = rng.random((num_vertices, num_joints)) ** 8
    parents = np.array(LAYOUTS[num_joints].parents, np.int64)
    parents[0] = 2**32 - 1
    return {
        "v_template": rng.normal(size=(num_vertices, 3)),
        "shapedirs": rng.normal(size=(num_vertices, 3, columns)) * 0.01,
        "posedirs": rng.normal(size=(num_vertices, 3, 9 * (num_joints - 1))) * 0.001,
        "J_regressor": regressor / regressor.sum(1, keepdims=True),
        "weights": weights / weights.sum(1, keepdims=True),
        "kintree_table": np.stack([parents, np.arange(num_joints)]),
        "f": rng.integers(0, num_vertices, (300, 3)).astype(np.uint32),
    }


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """Write the way SMPL-H and SMPL-X files are, with an object array nobody needs."""
    np.savez(path, **arrays, part2num=np.array({"pelvis": 0}, dtype=object))
    return path


def write_pickle(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """Write the way the first SMPL files are: chumpy variables and a sparse regressor."""
    module = types.ModuleType("chumpy.ch")
    ch = type("Ch", (), {"__module__": "chumpy.ch"})
    vars(module)["Ch"] = ch

    def variable(x: np.ndarray) -> object:
        holder = ch()
        vars(holder)["x"] = x
        return holder

    chumpy = {
        key: variable(arrays[key]) for key in ("v_template", "shapedirs", "posedirs", "weights")
    }
    data = {**arrays, **chumpy, "J_regressor": scipy.sparse.csc_matrix(arrays["J_regressor"])}
    extra = {"bs_style": "lbs", "bs_type": "lrotmin", "J": variable(np.zeros((24, 3)))}
    names = ("chumpy", "chumpy.ch")
    try:
        sys.modules.update({"chumpy": types.ModuleType("chumpy"), "chumpy.ch": module})
        path.write_bytes(pickle.dumps({**data, **extra}, protocol=2))
    finally:
        for name in names:
            del sys.modules[name]
    return path
