"""`load_body`: the body we ship, or the user's own SMPL, SMPL-H or SMPL-X file."""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from marey.body.files import file_version, read_body_arrays
from marey.body.landmarks import Landmarks, Skin, find_landmarks
from marey.body.layouts import LAYOUTS, Layout
from marey.body.model import Body
from marey.body.skinning import sparse_weights
from marey.core import Rig
from marey.core.errors import FormatError, InputError

Mesh = Literal["full", "light"]

SHIPPED = {"marey-h": {"full": "body.npz", "light": "body_light.npz"}}
DEFAULT_NUM_SHAPE = 10


def load_body(
    source: str | Path = "marey-h", *, mesh: Mesh = "full", num_shape: int | None = None
) -> Body:
    """Load a body by name or from a file.

    Args:
        source: `marey-h`, or the path of an SMPL, SMPL-H or SMPL-X file (.npz or .pkl).
        mesh: Which mesh of the shipped body: `full` (12 217 vertices) or `light` (about 3 000).
        num_shape: Number of shape coefficients; 10, or what the file has if that is less.

    Returns:
        The body in float32 on the CPU; `Body.to` moves it.

    Raises:
        InputError: If the name is unknown, the file does not exist or has fewer coefficients than
            asked for.
        FormatError: If the file is not a body of the SMPL family.
    """
    if str(source) in SHIPPED:
        return _load_shipped(str(source), mesh, num_shape)
    if not Path(source).suffix:
        names = ", ".join(SHIPPED)
        raise InputError(f"unknown body '{source}'; choose {names} or the path of a .npz or .pkl")
    if mesh != "full":
        raise InputError(f"only the shipped body has a light mesh, {source} has its own mesh alone")
    path = Path(source)
    return _make_body(read_body_arrays(path), path, num_shape)


@cache
def _load_shipped(name: str, mesh: Mesh, num_shape: int | None) -> Body:
    path = Path(str(files("marey") / "assets" / name / SHIPPED[name][mesh]))
    return _make_body(read_body_arrays(path), path, num_shape)


def _make_body(data: dict[str, np.ndarray], path: Path, num_shape: int | None) -> Body:
    joints, parents, layout = _read_tree(data, path)
    _check_sizes(data, path, len(joints))
    shape = slice(0, _choose_num_shape(data, path, num_shape, layout))
    name = str(data["name"]) if "name" in data else layout.name if layout else path.stem
    skin = Skin(
        template=_tensor(data["v_template"]),
        shapedirs=_tensor(data["shapedirs"][..., shape]),
        weights=_tensor(data["weights"]),
        posedirs=_read_posedirs(data, len(joints)),
    )
    joint_template, joint_shapedirs = _read_joints(data, shape)
    marked = "landmark_names" in data
    nodes = (joints, joint_template, joint_shapedirs)
    return Body(
        name=name,
        version=str(data["version"]) if "version" in data else file_version(path),
        rig=_make_rig(name, joints, parents, joint_template),
        parents=parents,
        faces=torch.as_tensor(data["f"].astype(np.int64)),
        v_template=skin.template,
        shapedirs=skin.shapedirs,
        posedirs=skin.posedirs,
        weights=skin.weights,
        sparse=sparse_weights(skin.weights),
        joint_template=joint_template,
        joint_shapedirs=joint_shapedirs,
        landmarks=_read_landmarks(data, shape) if marked else find_landmarks(skin, layout, nodes),
    )


def _make_rig(
    name: str, joints: tuple[str, ...], parents: tuple[int, ...], joint_template: Tensor
) -> Rig:
    offset = joint_template[1:] - joint_template[list(parents[1:])]
    return Rig(
        name=name,
        root=joints[0],
        joints=joints[1:],
        parents=tuple(p - 1 for p in parents[1:]),
        offset=offset.numpy(),
    )


def _read_tree(
    data: dict[str, np.ndarray], path: Path
) -> tuple[tuple[str, ...], tuple[int, ...], Layout | None]:
    """Return joint names, parents, and the layout if the file is one of the SMPL family."""
    table = data["kintree_table"]
    if table.ndim != 2 or table.shape[0] != 2:
        raise FormatError(f"{path}: kintree_table has shape {table.shape}, expected (2, joints)")
    # The root's parent is 2^32 - 1 in the official files.
    parents = (-1, *(int(p) for p in table[0, 1:]))
    if "joint_names" in data:
        if any(not 0 <= p < j for j, p in enumerate(parents[1:], 1)):
            raise FormatError(f"{path}: a joint stands before its parent")
        return tuple(str(name) for name in data["joint_names"]), parents, None
    layout = LAYOUTS.get(len(parents))
    if layout is None or layout.parents != parents:
        raise FormatError(
            f"{path} has {len(parents)} joints in a tree that is not SMPL's (24), SMPL-H's (52) "
            "or SMPL-X's (55)"
        )
    return layout.joints, parents, layout


def _check_sizes(data: dict[str, np.ndarray], path: Path, num_joints: int) -> None:
    """Stop at arrays that contradict each other or hold no numbers."""
    count = data["v_template"].shape[0] if data["v_template"].ndim else 0
    wanted: dict[str, tuple[int, ...]] = {
        "v_template": (count, 3),
        "weights": (count, num_joints),
        "J_regressor": (num_joints, count),
    }
    for key, shape in wanted.items():
        if data[key].shape != shape:
            raise FormatError(f"{path}: {key} has shape {data[key].shape}, expected {shape}")
    if data["shapedirs"].ndim != 3 or data["shapedirs"].shape[:2] != (count, 3):
        raise FormatError(f"{path}: shapedirs has shape {data['shapedirs'].shape}")
    if "posedirs" in data and data["posedirs"].shape != (count, 3, 9 * num_joints - 9):
        raise FormatError(f"{path}: posedirs has shape {data['posedirs'].shape}")
    for key in ("v_template", "weights", "J_regressor", "shapedirs", "posedirs"):
        array = data.get(key, np.zeros(1))
        if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise FormatError(f"{path}: {key} does not hold finite numbers only")
    faces = data["f"]
    if faces.ndim != 2 or faces.shape[1] != 3 or not faces.size:
        raise FormatError(f"{path}: f is no list of triangles (shape {faces.shape})")
    if faces.dtype.kind not in "iu" or faces.min() < 0 or faces.max() >= count:
        raise FormatError(f"{path}: f is no list of triangles over {count} vertices")


def _choose_num_shape(
    data: dict[str, np.ndarray], path: Path, wanted: int | None, layout: Layout | None
) -> int:
    columns = data["shapedirs"].shape[2]
    available = columns if layout is None else layout.count_shape(columns)
    if wanted is None:
        return min(DEFAULT_NUM_SHAPE, available)
    if not 0 <= wanted <= available:
        raise InputError(f"{path} has {available} shape coefficients, num_shape={wanted} asked for")
    return wanted


def _read_posedirs(data: dict[str, np.ndarray], num_joints: int) -> Tensor | None:
    if "posedirs" not in data:
        return None
    return _tensor(data["posedirs"].reshape(-1, 9 * num_joints - 9).T)


def _read_joints(data: dict[str, np.ndarray], shape: slice) -> tuple[Tensor, Tensor]:
    """Return joints as functions of the shape, so that posing never needs the mesh."""
    if "J_template" in data:
        return _tensor(data["J_template"]), _tensor(data["J_shapedirs"][..., shape])
    regressor = data["J_regressor"].astype(np.float64)
    template = regressor @ data["v_template"].astype(np.float64)
    directions = data["shapedirs"][..., shape].astype(np.float64)
    return _tensor(template), _tensor(np.tensordot(regressor, directions, 1))


def _read_landmarks(data: dict[str, np.ndarray], shape: slice) -> Landmarks:
    joint = torch.as_tensor(data["landmark_joint"].astype(np.int64))
    return Landmarks(
        names=tuple(str(name) for name in data["landmark_names"]),
        joint=joint,
        template=_tensor(data["landmark_template"]),
        shapedirs=_tensor(data["landmark_shapedirs"][..., shape]),
        weights=torch.nn.functional.one_hot(joint, data["weights"].shape[1]).float(),
    )


def _tensor(array: np.ndarray) -> Tensor:
    return torch.tensor(np.ascontiguousarray(array, dtype=np.float32))
