"""`read` and `write`: a file's suffix chooses the door."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from marey.core import BodyMotion, Rig, Take
from marey.core.errors import InputError, OutputExistsError


def read(path: str | Path) -> Take | BodyMotion:
    """Read a take, or the motion in a file of another kind.

    Args:
        path: A `.take` folder (gives a `Take`), or an AMASS `.npz` or a `.glb` that marey wrote
            (give a `BodyMotion`).

    Raises:
        InputError: If the suffix is unknown or nothing is there.
        FormatError: If the content is not what the suffix promises.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".take":
        from marey.io.take import read_take

        return read_take(path)
    if suffix == ".npz":
        from marey.io.amass import read_amass

        return read_amass(path)
    if suffix == ".glb":
        from marey.io.gltf import read_gltf

        return read_gltf(path)
    raise InputError(
        f"cannot read '{path.name}'; choose a name that ends in .take, .npz (AMASS) or .glb"
    )


def write(value: Take | BodyMotion, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a take, or a motion.

    Args:
        value: A take goes to a `.take` folder; a motion to an AMASS `.npz` (one file per person and
            unbroken run of frames) or a `.glb`.
        path: Where to write.
        overwrite: Whether existing files may be replaced.

    Raises:
        InputError: If the suffix is unknown or does not suit the value.
        OutputExistsError: If the place is taken and may not be overwritten.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if isinstance(value, Take) and suffix == ".take":
        from marey.io.take import write_take

        write_take(value, path, overwrite=overwrite)
    elif isinstance(value, BodyMotion) and suffix in (".npz", ".glb"):
        write_motion(value, path, overwrite=overwrite)
    elif isinstance(value, Take):
        raise InputError(
            f"a take is written to a name that ends in .take, got '{path.name}'; "
            "for other formats use marey.export(take, path)"
        )
    else:
        raise InputError(f"a motion is written to a .npz (AMASS) or a .glb, got '{path.name}'")


def write_motion(motion: BodyMotion, path: Path, *, overwrite: bool) -> tuple[Path, ...]:
    """Write a motion to an AMASS `.npz` or a `.glb` and return the files written.

    Raises:
        OutputExistsError: If a file exists and may not be overwritten.
    """
    if path.suffix.lower() == ".npz":
        from marey.io.amass import write_amass

        rest = _root_rest(motion)
        return tuple(write_amass(motion, path, root_rest=rest, overwrite=overwrite))
    from marey.io.gltf import write_gltf

    refuse_existing(path, overwrite=overwrite)
    write_gltf(motion, path)
    return (path,)


def _root_rest(motion: BodyMotion) -> Float[np.ndarray, "N 3"] | None:
    """Where the root joint rests in each person's body; None for a bare rig."""
    if isinstance(motion.body, Rig):
        return None
    import torch

    from marey.body import load_body

    body = load_body(motion.body, num_shape=motion.shape.shape[1])
    return body.rest_joints(torch.from_numpy(motion.shape))[:, 0].numpy()


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Stop if a place is taken.

    Raises:
        OutputExistsError: If it exists and may not be overwritten.
    """
    if path.exists() and not overwrite:
        raise OutputExistsError(
            f"{path} exists already; choose another name, or overwrite it "
            "(--overwrite, in Python overwrite=True)"
        )
