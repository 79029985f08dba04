"""glTF 2.0 (GLB): (x, y, z) of marey's world (+Z up) becomes (x, z, -y) of glTF (+Y up), metres.

`write_gltf` writes skinned, animated people that Blender, three.js and game engines open: for each
person a tree of joint nodes (below a still node `<person>_rig`, which Blender turns into an
armature), a skin, and a mesh with the person's own shape baked in. All people play in one
animation, sampled at the frame times (from 0 on; the first frame's own time is in the extras).
Quaternions are unit, continuous in sign and interpolated along the sphere.

Joints are bound in the rest pose, and the nodes stand in it, at the place where each person first
appears, so that retargeting tools find a T-pose; the animation alone carries the motion. Joint
nodes bear the rig's names, behind the person's name where there are several people, or Mixamo's
(`mixamorig:Hips`; the second person's begin with `mixamorig1:`).

Where a person is absent, there are no keys, and the root's scale is 0 in steps, which is glTF's own
way of hiding (specification, section 3.11). A rig without a mesh gets a stick figure, so that
viewers show it and Blender makes an armature of it. Pose-dependent blend shapes of SMPL files are
not exported: glTF skins linearly.

`asset.extras.marey` (format `marey-gltf`, version 1) holds what glTF has no place for, so that
`read_gltf` gives back what `write_gltf` wrote, save confidences and contacts.
"""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from marey.body.model import Body
from marey.core import BodyMotion, Rig
from marey.core.errors import FormatError, InputError
from marey.io.gltf._animation import (
    add_motion,
    find_present,
    make_clock,
    read_clock,
    read_motion,
)
from marey.io.gltf._character import PERSON_COLORS, GltfMesh, add_character, make_characters
from marey.io.gltf._container import GlbReader, GlbWriter
from marey.io.joint_names import JointNames, name_joints

FORMAT, FORMAT_VERSION = "marey-gltf", 1


def write_gltf(
    motion: BodyMotion,
    path: str | Path,
    *,
    body: Body | None = None,
    mesh: GltfMesh = "light",
    names: JointNames = "marey",
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write people and their motion to a binary glTF file.

    Args:
        motion: The people.
        path: A .glb file.
        body: The body of the motion; loaded by its name if not given.
        mesh: The body's `light` or `full` surface, `bones` for a stick figure (which rigs without
            a surface get in any case), or `none` for bare nodes.
        names: What joint nodes are called: as in the rig, or as in Mixamo's characters.
        provenance: Plain values to keep in the file's extras.

    Raises:
        InputError: If the path does not end in .glb, the times do not increase, or a joint has no
            name of the wanted kind.
    """
    path = Path(path)
    if path.suffix.lower() != ".glb":
        raise InputError(f"{path} must end in .glb; marey writes binary glTF only")
    clock, present = make_clock(motion.time), find_present(motion)
    rig, characters = make_characters(motion, body=body, mesh=mesh)
    joints = [name_joints(rig, names, character=row) for row in range(len(characters))]
    glb = GlbWriter(_describe(motion, provenance or {}))
    glb.parts.update(scene=0, scenes=[{"name": "marey", "nodes": []}])
    animation: dict[str, Any] = {"name": "motion", "channels": [], "samplers": []}
    for row, (person, character) in enumerate(zip(motion.people, characters, strict=True)):
        prefix = f"{person}_" if len(characters) > 1 and names == "marey" else ""
        root, pose = motion.T_world_root[row], motion.R_parent_joint[row]
        start = root[present[row].argmax(), 4:] if present[row].any() else np.zeros(3, np.float32)
        color = PERSON_COLORS[row % len(PERSON_COLORS)]
        nodes = [prefix + joint for joint in joints[row]]
        node = add_character(glb, character, (person, nodes, color), start=start)
        _people(glb)[row]["root_node"] = node
        add_motion((glb, animation), (root, pose), node=node, clock=clock, present=present[row])
    if animation["channels"]:
        glb.add("animations", animation)
    glb.write(path)


def read_gltf(path: str | Path) -> BodyMotion:
    """Read the motion from a file that `write_gltf` wrote.

    Args:
        path: A .glb file.

    Returns:
        The motion, with confidence 1 wherever a person is present and no contacts.

    Raises:
        FormatError: If it is not a GLB file, or not one of ours.
    """
    glb = GlbReader(Path(path))
    extras = glb.parts.get("asset", {}).get("extras", {}).get("marey", {})
    if extras.get("format") != FORMAT:
        raise FormatError(f"{path} was not written by marey; only its own GLB files can be read")
    if extras.get("version") != FORMAT_VERSION:
        raise FormatError(f"{path} is of a newer marey (version {extras.get('version')}); update")
    try:
        return _read_motion(glb, extras)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise FormatError(f"{path} is damaged ({error!r}); export it again") from error


def _read_motion(glb: GlbReader, extras: Mapping[str, Any]) -> BodyMotion:
    people, rig = extras["people"], extras["rig"]
    clock = read_clock(glb)
    tracks = [
        read_motion(glb, node=person["root_node"], num_joints=extras["num_joints"], clock=clock)
        for person in people
    ]
    root = np.stack([track[0] for track in tracks])
    return BodyMotion(
        body=extras["body"] if rig is None else _rig_from_plain(rig),
        people=tuple(person["name"] for person in people),
        time=clock.astype(np.float64) + extras["start_time"],
        shape=np.array([person["shape"] for person in people], np.float32),
        T_world_root=root,
        R_parent_joint=np.stack([track[1] for track in tracks]),
        confidence=np.all(np.isfinite(root), -1).astype(np.float32),
    )


def _describe(motion: BodyMotion, provenance: Mapping[str, Any]) -> dict[str, Any]:
    rig = motion.body if isinstance(motion.body, Rig) else None
    people = zip(motion.people, motion.shape.tolist(), strict=True)
    extras = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "body": motion.body if rig is None else rig.name,
        "rig": None if rig is None else _rig_to_plain(rig),
        "num_joints": motion.R_parent_joint.shape[2],
        "start_time": float(motion.time[0]) if len(motion.time) else 0.0,
        "people": [{"name": name, "shape": shape} for name, shape in people],
        "provenance": dict(provenance),
    }
    return {"generator": f"marey {version('marey')}", "extras": {"marey": extras}}


def _people(glb: GlbWriter) -> list[dict[str, Any]]:
    return glb.parts["asset"]["extras"]["marey"]["people"]


def _rig_to_plain(rig: Rig) -> dict[str, Any]:
    return {
        "name": rig.name,
        "root": rig.root,
        "joints": list(rig.joints),
        "parents": list(rig.parents),
        "offset": rig.offset.tolist(),
    }


def _rig_from_plain(plain: Mapping[str, Any]) -> Rig:
    return Rig(
        name=plain["name"],
        root=plain["root"],
        joints=tuple(plain["joints"]),
        parents=tuple(plain["parents"]),
        offset=np.array(plain["offset"], np.float32),
    )
