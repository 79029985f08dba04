"""Two takes of the same motion: ours, for what no benchmark covers."""

from marey.evaluate.protocol import Metric, Protocol
from marey.evaluate.protocols.bodies import ACCEL, MPJPE, PA_MPJPE

TAKES = (
    Protocol(
        name="takes",
        title="Two takes of the same motion: 24 joints, body and way through the world",
        skeleton="smpl-24",
        sources=("smpl-45", "smplh-52"),
        root=("pelvis",),
        gender="each side's own body",
        sampling="every frame in which the true take has the person",
        missing="skip",
        metrics=(
            PA_MPJPE,
            MPJPE,
            ACCEL,
            Metric(name="W-MPJPE", measure="w-mpjpe"),
            Metric(name="RTE", measure="root-translation", unit="%", factor=100.0),
        ),
        source="marey: joints by SMPL's names where the rigs of both takes have them",
    ),
)
