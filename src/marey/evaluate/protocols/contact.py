"""Two people in close contact: Harmony4D."""

from marey.evaluate.protocol import Measure, Metric, Protocol, Quirk

_MAJOR = tuple(
    f"{side}_{joint}"
    for joint in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
    for side in ("left", "right")
)

_TOUCHES: tuple[tuple[str, Measure], ...] = (
    ("precision", "touch-precision"),
    ("recall", "touch-recall"),
    ("F1", "touch-f1"),
)

CONTACT = (
    Protocol(
        name="harmony4d",
        title="Harmony4D test: two people per image, 24 joints and meshes",
        skeleton="smpl-24",
        sources=("smpl-45",),
        root=("pelvis",),
        gender="neutral",
        sampling="every camera and frame of the test split; one sequence per camera",
        pairing="image",
        missing="skip",
        metrics=(
            Metric(name="MPJPE", measure="mpjpe", rooted=True, order="sequences"),
            Metric(name="PA-MPJPE", measure="pa-mpjpe", order="sequences"),
            Metric(name="NMJE", measure="per-found", of="MPJPE"),
            Metric(name="MPVPE", measure="mpvpe", order="sequences"),
            Metric(name="PA-MPVPE", measure="pa-mpvpe", order="sequences"),
            Metric(name="NMVE", measure="per-found", of="MPVPE"),
            Metric(
                name="PCK@150mm",
                measure="pck",
                unit="%",
                factor=100.0,
                joints=_MAJOR,
                rooted=True,
                threshold=0.15,
                order="sequences",
                higher_is_better=True,
            ),
            Metric(
                name="AUC",
                measure="auc",
                unit="",
                factor=1.0,
                joints=_MAJOR,
                rooted=True,
                threshold=0.199,
                order="sequences",
                higher_is_better=True,
            ),
            Metric(name="F1", measure="found-f1", unit="", factor=1.0, higher_is_better=True),
        ),
        additions=(
            Metric(name="penetration", measure="penetration"),
            Metric(name="deepest penetration", measure="deepest-penetration"),
            Metric(name="frames in collision", measure="collision-share", unit="%", factor=100.0),
            Metric(name="penetration of the truth", measure="true-penetration"),
            *(
                Metric(
                    name=f"{name} of touches",
                    measure=measure,
                    unit="",
                    factor=1.0,
                    higher_is_better=True,
                )
                for name, measure in _TOUCHES
            ),
        ),
        quirks=(
            Quirk(
                name="first-vertex",
                text="Meshes are moved to their own vertex 0. Switched off: to the root.",
            ),
            Quirk(
                name="refusals-use-up-predictions",
                text="Every refused best pair uses up one prediction, which may end pairing early.",
            ),
            Quirk(
                name="found-only",
                text="PCK and AUC leave out people who were not found. Switched off: they are "
                "wrong.",
            ),
            Quirk(name="rounded-f1", text="F1 is rounded to 2 places before errors are divided."),
        ),
        source="Harmony4D's benchmark program (NeurIPS 2024): greedy pairing by the 2-norm of 24 "
        "joints in the image with IoU of at least 0.6, errors of found people, averaged over "
        "people per camera, then over cameras; AUC over 0 to 199 mm",
    ),
)
