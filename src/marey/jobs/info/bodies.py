"""Body models of the SMPL family, through the reader that runs nothing of what is in them."""

from pathlib import Path

from marey.jobs.info.description import Description, Fact
from marey.jobs.info.phrases import say_file_size


def describe_body(path: Path) -> Description:
    """Describe a body file, .npz or .pkl.

    Raises:
        InputError: If it is missing.
        FormatError: If it is not a body of the SMPL family.
    """
    from marey.body import load_body

    body = load_body(path)
    joints, bends = len(body.rig.joints), body.posedirs is not None
    template = body.v_template[:, 1]
    height = float(template.max() - template.min())
    facts = (
        Fact("name", body.name),
        Fact("version", body.version),
        Fact("vertices", body.v_template.shape[0]),
        Fact("triangles", body.faces.shape[0]),
        Fact("joints", joints, f"{joints} below the root"),
        Fact("shape_coefficients", body.shapedirs.shape[-1], f"{body.shapedirs.shape[-1]} used"),
        Fact("pose_blend_shapes", bends, "yes" if bends else "no"),
        Fact("landmarks", len(body.landmarks.names)),
        Fact("height_m", height, f"{height:.3f} m at rest"),
        say_file_size(path),
    )
    return Description(path=path, kind="body model", facts=facts)
