"""Files that hold the motion of joints."""

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from marey.core import BodyMotion, Rig
from marey.core.errors import FormatError, InputError
from marey.io.amass import read_amass
from marey.io.mediapipe import is_mediapipe
from marey.jobs.info.bodies import describe_body
from marey.jobs.info.description import Description, Fact, Table
from marey.jobs.info.keypoints import describe_mediapipe
from marey.jobs.info.phrases import say_clock, say_file_size

GLB_HEADER = struct.Struct("<IIIII")
GLB_MAGIC, GLB_JSON = 0x46546C67, 0x4E4F534A
MAX_GLB_JSON = 2**26


def describe_npz(path: Path) -> Description:
    """Describe an AMASS sequence or a body: what an .npz holds is told by the names in it.

    Raises:
        FormatError: If it is neither, or damaged.
    """
    names = list_npz(path)
    if "v_template" in names:
        return describe_body(path)
    if is_mediapipe(path):
        return describe_mediapipe(path)
    if not {"poses", "trans"} <= set(names):
        shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        raise FormatError(
            f"{path} holds {shown or 'nothing'}; of .npz files marey reads AMASS sequences (poses, "
            f"trans), MediaPipe landmarks (landmarks, world_landmarks) and bodies (v_template, ...)"
        )
    motion = read_amass(path)
    others = [name for name in names if name not in ("poses", "trans", "betas")]
    facts = [*say_motion(motion), say_file_size(path), Fact("also", [*others], ", ".join(others))]
    return Description(path=path, kind="AMASS sequence", facts=tuple(facts))


def list_npz(path: Path) -> list[str]:
    """Return the names of the arrays in an .npz file, without reading them.

    Raises:
        FormatError: If it is no .npz file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise FormatError(f"{path} is not an .npz file ({error}); copy it again") from error


def say_motion(motion: BodyMotion) -> list[Fact]:
    """Say what moves, and for how long."""
    body, rig = motion.body, isinstance(motion.body, Rig)
    facts = [Fact("body", body.name if isinstance(body, Rig) else body)]
    joints = motion.R_parent_joint.shape[2]
    facts.append(Fact("joints", joints, f"{joints} below the root"))
    if not rig:
        facts.append(Fact("shape_coefficients", motion.shape.shape[1]))
    facts.append(Fact("people", [*motion.people], ", ".join(motion.people)))
    facts += say_clock(motion.time)
    present = float((motion.confidence > 0).mean()) if motion.confidence.size else 0.0
    return [*facts, Fact("present", present, f"{100 * present:.0f} % of all frames")]


def describe_bvh(path: Path) -> Description:
    """Describe a BVH file, plain or gzipped.

    Raises:
        FormatError: If it is none, or damaged.
    """
    # The rooms below this reader load torch, which no other kind of file needs.
    from marey.io.bvh import read_bvh

    motion = read_bvh(path)
    facts = [*say_motion(motion), *_say_bones(motion), say_file_size(path)]
    return Description(path=path, kind="BVH motion", facts=tuple(facts))


def _say_bones(motion: BodyMotion) -> list[Fact]:
    """Say how long all bones are together: a wrong unit is seen at once."""
    if not isinstance(motion.body, Rig):
        return []
    longest = float(np.linalg.norm(motion.body.offset, axis=-1).max(initial=0))
    tips = [name for name in motion.body.joints if name.endswith("_end")]
    return [
        Fact("root", motion.body.root),
        Fact("ends", len(tips), f"{len(tips)} of the joints"),
        Fact("longest_bone_m", longest, f"{longest:.3f} m"),
    ]


def describe_glb(path: Path) -> Description:
    """Describe a binary glTF file; of foreign ones only what their header lists.

    Raises:
        FormatError: If it is no GLB file of glTF 2.0, or damaged.
    """
    parts = read_glb_parts(path)
    asset = parts.get("asset")
    asset = asset if isinstance(asset, dict) else {}
    facts = [Fact("made_by", str(asset.get("generator", "unknown"))[:80])]
    names = ("nodes", "meshes", "skins", "animations", "materials")
    facts += [Fact(name, len(found)) for name in names if (found := _rows(parts, name))]
    extras = asset.get("extras")
    if isinstance(extras, dict) and "marey" in extras:
        from marey.io.gltf import read_gltf

        facts += say_motion(read_gltf(path))
        return Description(path=path, kind="GLB of marey", facts=(*facts, say_file_size(path)))
    clips = tuple(
        (Fact("name", str(row.get("name", ""))[:80]), Fact("channels", len(_rows(row, "channels"))))
        for row in _rows(parts, "animations")
    )
    return Description(
        path=path,
        kind="GLB of another program",
        facts=(*facts, say_file_size(path)),
        tables=(Table(name="animations", rows=clips),) if clips else (),
        warnings=("marey reads the motion only of GLB files that it wrote",),
    )


def read_glb_parts(path: Path) -> dict[str, Any]:
    """Return the JSON part of a GLB file; the binary part stays unread.

    Raises:
        InputError: If it cannot be read.
        FormatError: If it is no GLB file of glTF 2.0.
    """
    try:
        with path.open("rb") as file:
            start = file.read(GLB_HEADER.size)
            if len(start) < GLB_HEADER.size:
                raise FormatError(f"{path} is too short for a GLB file; copy it again")
            magic, version, _, length, kind = GLB_HEADER.unpack(start)
            if (magic, version, kind) != (GLB_MAGIC, 2, GLB_JSON) or length > MAX_GLB_JSON:
                raise FormatError(f"{path} is not a GLB file of glTF 2.0; export it again")
            parts = json.loads(file.read(length))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"the JSON part of {path} cannot be read: {error}") from error
    if not isinstance(parts, dict):
        raise FormatError(f"the JSON part of {path} is no object; export it again")
    return parts


def _rows(table: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = table.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
