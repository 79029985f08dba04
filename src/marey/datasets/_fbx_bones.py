"""Bones of an FBX file and the curves that move them.

Of the objects, `Model`s of the kinds LimbNode and Null matter (`Lcl Rotation`, `PreRotation`,
`PostRotation`, `RotationOrder`), and the animation curves tied to them by the connections. A local
rotation is pre * euler * post^-1.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from marey.core.errors import FormatError
from marey.datasets._fbx_records import Record

TICKS = 46186158000
"""Time units per second."""
ORDERS = ("xyz", "xzy", "yzx", "yxz", "zxy", "zyx")
"""RotationOrder; the first axis is applied first."""
MAX_BONES = 2048

Curve = tuple[Float[np.ndarray, "_"], Float[np.ndarray, "_"]]
"""Times in s and values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FbxBone:
    """A model and what moves it."""

    name: str
    parent: int
    """Number of its parent, -1 for a root."""
    offset: Float[np.ndarray, "3"]
    angles: Float[np.ndarray, "3"]
    order: str
    before: Rotation
    after: Rotation
    position_curves: tuple[Curve | None, ...]
    angle_curves: tuple[Curve | None, ...]

    @property
    def rest(self) -> Float[np.ndarray, "3 3"]:
        """Local rotation where nothing is animated."""
        return self._turn(self.angles[None])[0]

    def turn(self, time: Float[np.ndarray, "T"]) -> Float[np.ndarray, "T 3 3"]:
        """Local rotations at times in s."""
        return self._turn(_sample(self.angles, self.angle_curves, time))

    def place(self, time: Float[np.ndarray, "T"]) -> Float[np.ndarray, "T 3"]:
        """Local positions at times in s, in the file's unit."""
        return _sample(self.offset, self.position_curves, time)

    def _turn(self, angles: Float[np.ndarray, "T 3"]) -> Float[np.ndarray, "T 3 3"]:
        # The angles are of X, Y and Z, whatever order they are applied in.
        ordered = angles[:, ["xyz".index(axis) for axis in self.order]]
        euler = Rotation.from_euler(self.order, ordered, degrees=True)
        return (self.before * euler * self.after).as_matrix()


def list_bones(root: Record) -> list[FbxBone]:
    """Return the bones of a file, parents first.

    Raises:
        FormatError: If there are none, or their records are not as they should be.
    """
    try:
        return _list(root)
    except (IndexError, ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"its bones are not described as expected ({error})") from error


def _list(root: Record) -> list[FbxBone]:
    objects = root.find("Objects").children
    models, nodes, curves = (
        {record.values[0]: record for record in objects if record.name == kind}
        for kind in ("Model", "AnimationCurveNode", "AnimationCurve")
    )
    parent, channel, axis = {}, {}, {}
    for link in root.find("Connections").children:
        kind, child, owner = link.values[:3]
        if kind == "OO" and child in models and owner in models:
            parent[child] = owner
        elif kind == "OP" and child in nodes and owner in models:
            channel[owner, link.values[3]] = child
        elif kind == "OP" and child in curves and owner in nodes:
            axis[owner, link.values[3][-1].lower()] = curves[child]
    order = _sort(list(models), parent)
    bones = []
    for key in order:
        above = order.index(parent[key]) if key in parent else -1
        channels = {
            label: tuple(_curve(axis.get((channel.get((key, label)), a))) for a in "xyz")
            for label in ("Lcl Translation", "Lcl Rotation")
        }
        bones.append(_make_bone(models[key], above, channels))
    return bones


def _sort(keys: list[int], parent: dict[int, int]) -> list[int]:
    if not 0 < len(keys) <= MAX_BONES:
        raise FormatError(f"it has {len(keys)} bones; expected 1 to {MAX_BONES}")
    order = [key for key in keys if key not in parent]
    for key in order:
        order += [child for child, owner in parent.items() if owner == key]
    if len(order) != len(keys):
        raise FormatError("its bones hang on each other in a circle")
    return order


def _make_bone(model: Record, parent: int, channels: dict[str, tuple[Any, ...]]) -> FbxBone:
    settings = {row.values[0]: row.values[4:] for row in model.find("Properties70").children}

    def triple(label: str) -> Float[np.ndarray, "3"]:
        values = np.array(settings.get(label, [0.0, 0.0, 0.0])[:3], np.float64)
        if values.shape != (3,) or not (np.abs(values) < 1e9).all():
            raise FormatError(f"'{label}' of a bone is no triple of finite numbers")
        return values

    return FbxBone(
        name=model.values[1].split("\x00")[0].removeprefix("Model::"),
        parent=parent,
        offset=triple("Lcl Translation"),
        angles=triple("Lcl Rotation"),
        order=ORDERS[int(settings.get("RotationOrder", [0])[0])],
        before=Rotation.from_euler("xyz", triple("PreRotation"), degrees=True),
        after=Rotation.from_euler("xyz", triple("PostRotation"), degrees=True).inv(),
        position_curves=channels["Lcl Translation"],
        angle_curves=channels["Lcl Rotation"],
    )


def _curve(record: Record | None) -> Curve | None:
    if record is None:
        return None
    # Signalling NaNs warn as they are widened; what is not finite is refused below.
    with np.errstate(invalid="ignore"):
        time = np.asarray(record.find("KeyTime").values[0], np.float64) / TICKS
        value = np.asarray(record.find("KeyValueFloat").values[0], np.float64)
    sound = time.shape == value.shape and time.ndim == 1 and len(time) > 0
    if not sound or not (np.abs(value) < 1e9).all() or not (np.diff(time) >= 0).all():
        raise FormatError("a curve's times and values do not belong together")
    return time, value


def _sample(
    base: Float[np.ndarray, "3"], curves: tuple[Curve | None, ...], time: Float[np.ndarray, "T"]
) -> Float[np.ndarray, "T 3"]:
    values = np.tile(base, (len(time), 1))
    for column, curve in enumerate(curves):
        if curve is not None:
            values[:, column] = np.interp(time, *curve)
    return values
