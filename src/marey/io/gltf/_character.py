"""One person at rest in a glTF file: joint nodes, skin, mesh and material."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float

from marey.body.load import load_body
from marey.body.model import Body
from marey.core import BodyMotion, Rig
from marey.io.gltf._container import INDEX_DATA, VERTEX_DATA, GlbWriter
from marey.io.gltf._mesh import SkinnedMesh, draw_bones, skin_mesh

GltfMesh = Literal["light", "full", "bones", "none"]

PERSON_COLORS = (
    (0.38, 0.60, 0.86),
    (0.90, 0.52, 0.42),
    (0.45, 0.74, 0.56),
    (0.93, 0.72, 0.36),
    (0.66, 0.56, 0.84),
    (0.36, 0.72, 0.74),
    (0.87, 0.54, 0.70),
    (0.68, 0.76, 0.40),
)
"""sRGB colours by which people are told apart, here and in pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """One person at rest: joints (root first) and the mesh that hangs on them."""

    parents: tuple[int, ...]
    rest: Float[np.ndarray, "K 3"]
    """m, in the rig's rest axes."""
    mesh: SkinnedMesh | None


def make_characters(
    motion: BodyMotion, *, body: Body | None, mesh: GltfMesh
) -> tuple[Rig, list[Character]]:
    """Return the rig of a motion and each of its people at rest."""
    if isinstance(motion.body, Rig):
        character = _character_of_rig(motion.body, mesh=mesh)
        return motion.body, [character] * len(motion.people)
    if body is None:
        # A user's own file has one mesh only; the shipped body comes in two.
        light = mesh != "full" and not Path(motion.body).suffix
        body = load_body(motion.body, mesh="light" if light else "full")
    people = [_character_of_body(body, shape, mesh=mesh) for shape in motion.shape]
    return body.rig, people


def add_character(
    glb: GlbWriter,
    character: Character,
    look: tuple[str, list[str], tuple[float, float, float]],
    *,
    start: Float[np.ndarray, "3"],
) -> int:
    """Add a person's joints and mesh to a file.

    Args:
        glb: The file.
        character: The person at rest.
        look: The person's name, the joints' names and the colour (sRGB).
        start: Above which point of marey's world the person stands at rest, m.

    Returns:
        The root's node; the joints' nodes follow it in order.
    """
    person, names, color = look
    # Without a node of its own above the root, Blender makes one armature of all people.
    first = len(glb.parts.get("nodes", ())) + 1
    bearer = glb.add("nodes", {"name": f"{person}_rig", "children": [first]})
    glb.parts["scenes"][0]["nodes"].append(bearer)
    low = character.rest if character.mesh is None else character.mesh.vertices
    height = character.rest[0, 1] - low[:, 1].min()
    for joint, (name, parent) in enumerate(zip(names, character.parents, strict=True)):
        offset = character.rest[joint] - character.rest[parent]
        offset = np.array([start[0], height, -start[1]]) if parent < 0 else offset
        children = [first + k for k, p in enumerate(character.parents) if p == joint]
        node: dict[str, Any] = {"name": name, "translation": np.float32(offset).tolist()}
        glb.add("nodes", {**node, "children": children} if children else node)
    if character.mesh is not None:
        skin = _add_skin(glb, character, person, first=first)
        mesh = _add_mesh(glb, character.mesh, person, color=color)
        # Viewers ignore where a skinned mesh's own node is, so it belongs to the scene's root.
        bearer = glb.add("nodes", {"name": person, "mesh": mesh, "skin": skin})
        glb.parts["scenes"][0]["nodes"].append(bearer)
    return first


def _character_of_rig(rig: Rig, *, mesh: GltfMesh) -> Character:
    parents = (-1, *(parent + 1 for parent in rig.parents))
    rest = np.zeros((len(parents), 3))
    for joint, parent in enumerate(rig.parents):
        rest[joint + 1] = rest[parent + 1] + rig.offset[joint]
    bones = None if mesh == "none" else draw_bones(rest, parents)
    return Character(parents=parents, rest=rest, mesh=bones)


def _character_of_body(body: Body, shape: Float[np.ndarray, "S"], *, mesh: GltfMesh) -> Character:
    if mesh in ("bones", "none"):
        rig = body.rig_of_shape(torch.from_numpy(shape))
        return _character_of_rig(rig, mesh=mesh)
    coefficients = torch.from_numpy(shape)
    identity = torch.eye(3).expand(body.num_joints, 3, 3)
    rest = body.rest_joints(coefficients)
    posed = body.pose_matrices(coefficients, torch.eye(3), identity, position=rest[0])
    surface = skin_mesh(
        body.vertices(posed).numpy().astype(np.float64),
        body.faces.numpy().astype(np.int64),
        body.weights.numpy().astype(np.float64),
    )
    return Character(parents=body.parents, rest=rest.numpy().astype(np.float64), mesh=surface)


def _add_skin(glb: GlbWriter, character: Character, person: str, *, first: int) -> int:
    num_joints = len(character.parents)
    # Rest frames are parallel to the rest axes, so a bind matrix is a translation (by columns).
    inverse_bind = np.tile(np.eye(4, dtype=np.float32), (num_joints, 1, 1))
    inverse_bind[:, 3, :3] = -character.rest
    skin = {
        "name": person,
        "skeleton": first,
        "joints": list(range(first, first + num_joints)),
        "inverseBindMatrices": glb.add_array(inverse_bind),
    }
    return glb.add("skins", skin)


def _add_mesh(
    glb: GlbWriter, mesh: SkinnedMesh, person: str, *, color: tuple[float, float, float]
) -> int:
    material = {
        "name": person,
        "pbrMetallicRoughness": {
            "baseColorFactor": [*(round(_to_linear(value), 6) for value in color), 1.0],
            "metallicFactor": 0.0,
            "roughnessFactor": 0.65,
        },
    }
    indices = mesh.faces.astype(np.uint16 if len(mesh.vertices) < 65535 else np.uint32)
    primitive = {
        "attributes": {
            "POSITION": glb.add_array(mesh.vertices, target=VERTEX_DATA, bounds=True),
            "NORMAL": glb.add_array(mesh.normals, target=VERTEX_DATA),
            "JOINTS_0": glb.add_array(mesh.joints, target=VERTEX_DATA),
            "WEIGHTS_0": glb.add_array(mesh.weights, target=VERTEX_DATA),
        },
        "indices": glb.add_array(indices.reshape(-1), target=INDEX_DATA),
        "material": glb.add("materials", material),
    }
    return glb.add("meshes", {"name": person, "primitives": [primitive]})


def _to_linear(value: float) -> float:
    """Return a linear intensity for an sRGB one (IEC 61966-2-1)."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
