"""Bodies and trajectories of a moving camera: EMDB."""

from marey.evaluate.protocol import Metric, Protocol
from marey.evaluate.protocols.bodies import MPJPE, MPVPE, PA_MPJPE

WORLD = (
    Protocol(
        name="emdb-1-draft",
        title="EMDB 1: bodies relative to the camera, 24 joints",
        skeleton="smpl-24",
        sources=("smpl-45", "smplh-52"),
        root=("pelvis",),
        sampling="every frame with its person labelled",
        metrics=(PA_MPJPE, MPJPE, MPVPE),
        source="24 joints and the order PA / MPJPE / PVE of the tables since WHAM (CVPR 2024)",
        lacking=(
            "whether the true body is of the subject's gender",
            "what the root of MPJPE is and whether vertices are moved to it",
            "which sequences belong to part 1",
        ),
    ),
    Protocol(
        name="emdb-2-draft",
        title="EMDB 2: motion in the world, segments of 100 frames",
        skeleton="smpl-24",
        sources=("smpl-45", "smplh-52"),
        root=("pelvis",),
        sampling="every frame with its person labelled, segments of 100 frames",
        metrics=(
            Metric(name="WA-MPJPE100", measure="wa-mpjpe"),
            Metric(name="W-MPJPE100", measure="w-mpjpe"),
            Metric(name="RTE", measure="root-translation", unit="%", factor=100.0),
            Metric(name="Jitter", measure="jitter", unit="10 m/s^3", factor=0.1),
        ),
        source="names and segment length of the tables since SLAHMR and WHAM",
        lacking=(
            "whether a short last segment stands alone or joins the one before (here: alone)",
            "whether the alignments may scale (here: yes, but not for RTE)",
            "how foot slide knows the contacts (here: left out)",
            "which sequences belong to part 2 and how averages over them are taken (here: pooled)",
        ),
    ),
)
