"""BVH: (x, y, z) of marey's world (+Z up, m) becomes 100 (x, z, -y) of the file (+Y up, cm).

A BVH file holds one person as a tree of joints with their offsets at rest, and a line of angles in
degrees for each frame. The root has the channels X, Y and Z position and Z, X and Y rotation, every
other joint Z, X and Y rotation; a rotation is Rz Rx Ry. At rest a body of marey stands in a T-pose
with its own bone lengths, +Y up, looking along +Z. Limbs end in End Sites: crown, big toes, finger
tips.

Where the format and marey differ:

- BVH knows no gaps. Every unbroken run of frames in which a person is present becomes a file.
- BVH knows one frame rate. Evenly spaced frames (within 5 % of a frame) are written as they are;
  others are resampled at their median rate, positions linearly, rotations along the shortest arc.
  When the first frame was is not kept.
- BVH has no units. The reader takes metres, centimetres, millimetres, the unit of the CMU
  recordings (0.0254 / 0.45 m) or inches, whichever first gives the skeleton a person's size: a
  longest way along its bones (toe to finger tip, whatever the pose) of 1.1 to 2.75 m. If none does,
  it takes centimetres.
- BVH does not say which axis is up; Blender exports +Z up, most others +Y.
- Position channels replace a joint's offset, as in Blender. A rig of marey has bones of fixed
  length: joints that move against their parents by less than a tolerance are fixed at the median;
  a root that only carries one moving child gives way to it, and nothing is lost but its name.
- An End Site away from its joint becomes a joint `<name>_end` that never turns, and is written as
  an End Site again.
"""

from pathlib import Path
from typing import Literal

import numpy as np
from scipy.spatial.transform import Rotation

from marey.core import BodyMotion
from marey.core.errors import FormatError, InputError, NothingFoundError
from marey.core.files import atomic_path, refuse_existing
from marey.io._amass_runs import Run, space_evenly, split_runs
from marey.io.amass import name_people
from marey.io.bvh._angles import split_rotation
from marey.io.bvh._frames import parse_frames, write_frames
from marey.io.bvh._hierarchy import Node, format_hierarchy, parse_hierarchy
from marey.io.bvh._lines import open_lines
from marey.io.bvh._rig import PosedNodes, guess_unit, pose_nodes, turn_y_up
from marey.io.bvh._skeleton import make_figures, make_nodes, make_rig
from marey.io.joint_names import JointNames

UNIT_M = 0.01
"""Metres per unit of the files we write."""

MAX_UNIT_M = 1000.0

STRETCH_M = 0.02
"""How far a joint may move against its parent and still be taken for fixed."""

_FROM_WORLD = Rotation.from_quat([np.sqrt(0.5), -np.sqrt(0.5), 0, 0], scalar_first=True)


def write_bvh(
    motion: BodyMotion,
    path: str | Path,
    *,
    names: JointNames = "marey",
    overwrite: bool = False,
) -> list[Path]:
    """Write a motion as BVH files, one per person and unbroken run of frames.

    Args:
        motion: The people.
        path: `name.bvh`. Several people become `name_<person>.bvh`, several runs of a person
            `name_<person>_part<number>.bvh` (`name_part<number>.bvh` of a single one).
        names: What joints are called: as in the rig, or as in Mixamo's characters.
        overwrite: Whether existing files may be replaced.

    Returns:
        The files written, by person and time.

    Raises:
        InputError: If the path does not end in .bvh, or a joint has no name of the wanted kind.
        NothingFoundError: If no person is present in any frame.
        OutputExistsError: If a file exists and `overwrite` is off.
    """
    path = Path(path)
    if path.suffix.lower() != ".bvh":
        raise InputError(f"{path} must end in .bvh")
    if len(motion.time) > 1 and not (np.diff(motion.time) > 0).all():
        raise InputError("the motion needs times that increase from frame to frame; sort them")
    figures = [make_nodes(figure, names, unit_m=UNIT_M) for figure in make_figures(motion)]
    plan: list[tuple[Path, int, Run]] = []
    for person, suffix in enumerate(name_people(motion.people)):
        runs = split_runs(motion, person)
        for number, run in enumerate(runs, start=1):
            part = f"_part{number}" if len(runs) > 1 else ""
            plan.append((path.with_name(f"{path.stem}{suffix}{part}.bvh"), person, run))
    targets = [target for target, _, _ in plan]
    if not targets:
        raise NothingFoundError("nobody is present in any frame, so there is no motion to write")
    refuse_existing(*targets, overwrite=overwrite)
    for target, person, run in plan:
        nodes, moving = figures[person]
        with atomic_path(target, overwrite=overwrite) as temporary:
            _write_run(temporary, nodes, moving, *space_evenly(run, None, motion.time))
    return targets


def read_bvh(
    path: str | Path,
    *,
    unit_m: float | None = None,
    up: Literal["y", "z"] = "y",
    stretch_m: float = STRETCH_M,
) -> BodyMotion:
    """Read a BVH file as the motion of one person on a rig of its own.

    Args:
        path: A .bvh file, which may be gzipped.
        unit_m: Metres per unit of the file; guessed from the size of the skeleton if None.
        up: Which of the file's axes points up.
        stretch_m: How far joints may move against their parents (m) and still be taken for fixed.

    Returns:
        The motion, named after the file and beginning at 0 s, with confidence 1 throughout. The rig
        rests as in the file; its joints are in the file's order, and have marey's names where all
        of them are Mixamo's.

    Raises:
        InputError: If the file is missing or an option makes no sense.
        FormatError: If it is no BVH file, is damaged or beyond the limits, or its bones stretch.
        NothingFoundError: If it has no frames.
    """
    path = Path(path)
    if unit_m is not None and not 0 < unit_m <= MAX_UNIT_M:
        raise InputError(f"a unit is between 0 and {MAX_UNIT_M:g} m, not {unit_m}; give e.g. 0.01")
    with open_lines(path) as lines:
        nodes = parse_hierarchy(lines)
        num_channels = sum(len(node.channels) for node in nodes)
        rate, values = parse_frames(lines, num_channels=num_channels, num_nodes=len(nodes))
    posed = pose_nodes(nodes, values)
    unit = guess_unit(posed) if unit_m is None else unit_m
    _check_stretch(posed, unit, stretch_m, path)
    posed = turn_y_up(posed) if up == "z" else posed
    root = Rotation.from_quat(posed.rotations[:, 0], scalar_first=True)
    turn = (_FROM_WORLD.inv() * root).as_quat(scalar_first=True)
    position = _FROM_WORLD.inv().apply(posed.position) * unit
    name = Path(path.stem).stem if path.suffix.lower() == ".gz" else path.stem
    return BodyMotion(
        body=make_rig(name, posed.nodes, posed.offset * unit),
        people=(name,),
        time=np.arange(len(values)) / rate,
        shape=np.zeros((1, 0), np.float32),
        T_world_root=np.concatenate([turn, position], 1)[None].astype(np.float32),
        R_parent_joint=posed.rotations[None, :, 1:],
        confidence=np.ones((1, len(values)), np.float32),
    )


def _check_stretch(posed: PosedNodes, unit_m: float, allowed_m: float, path: Path) -> None:
    worst = int(posed.stretch.argmax())
    stretch = float(posed.stretch[worst]) * unit_m
    if stretch > allowed_m:
        raise FormatError(
            f"{path} moves the joint {posed.nodes[worst].name} by {stretch:.3f} m against its "
            "parent, where marey's bones have fixed lengths; bake the motion into rotations, or "
            "allow more by stretch_m"
        )


def _write_run(path: Path, nodes: list[Node], moving: list[int], run: Run, rate: float) -> None:
    root = _FROM_WORLD * Rotation.from_quat(run.rotations[:, 0], scalar_first=True)
    table = np.empty((len(run.time), 3 + 3 * len(moving)))
    table[:, :3] = _FROM_WORLD.apply(run.position) / UNIT_M
    for k, joint in enumerate(moving):
        turn = root.as_quat(scalar_first=True) if joint == 0 else run.rotations[:, joint]
        table[:, 3 + 3 * k : 6 + 3 * k] = split_rotation(turn)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(format_hierarchy(nodes))
        write_frames(file, rate, table)
