"""HardMo's test sets: body, foot and hand apart."""

from marey.evaluate.protocol import Metric, Protocol, Quirk

_BODY = (
    "nose",
    *(f"{side}_{joint}" for side in ("right", "left") for joint in ("shoulder", "elbow", "wrist")),
    *(f"{side}_{joint}" for side in ("right", "left") for joint in ("hip", "knee", "ankle")),
    *(f"{side}_{joint}" for joint in ("eye", "ear") for side in ("right", "left")),
)
_FOOT = tuple(
    f"{side}_{point}" for side in ("left", "right") for point in ("big_toe", "small_toe", "heel")
)
_HAND = tuple(
    f"{side}_{point}"
    for side in ("left", "right")
    for point in ("wrist", *(f"{name}4" for name in ("thumb", "index", "middle", "ring", "pinky")))
)
_UNPADDED = Quirk(
    name="unpadded-box",
    text="PCK's distances are shares of the longer side of the box without padding; files give "
    "that box. Switched off, the box is taken as padded by 1.2.",
)


def _metrics(part: str, joints: tuple[str, ...]) -> tuple[Metric, ...]:
    return (
        Metric(name=f"MPJPE {part}", measure="mpjpe", joints=joints, rooted=True),
        Metric(name=f"PA-MPJPE {part}", measure="pa-mpjpe", joints=joints),
        *_pck(part, joints),
    )


def _pck(part: str, joints: tuple[str, ...]) -> tuple[Metric, ...]:
    return tuple(
        Metric(
            name=f"PCK@{threshold:.2f} {part}",
            measure="pck-image",
            unit="",
            factor=1.0,
            joints=joints,
            threshold=threshold,
            order="joints",
            higher_is_better=True,
        )
        for threshold in (0.01, 0.05)
    )


_SUBJECTS = "test subjects of the split; people do not occur in training"
_SOURCE = (
    "HardMo, supplement S-B (CVPR 2024): MPJPE after moving the root, PA-MPJPE, PCK at 0.01 and "
    "0.05 of the crop; joints and confidence above 0.5 from the authors' later program"
)
_JOINT_44 = Quirk(
    name="no-joint-44",
    text="The later program lists a joint 44 for 3D that no list of 44 joints has; it is left out.",
)

HARDMO = (
    Protocol(
        name="hardmo",
        title="HardMo test: body",
        skeleton="hmr2-44",
        sources=("spin-49",),
        root=("mid_hip_mpii",),
        joints=_BODY,
        gender="neutral",
        sampling=_SUBJECTS,
        least_confidence=0.5,
        metrics=_metrics("body", _BODY),
        quirks=(_UNPADDED, _JOINT_44),
        source=_SOURCE,
    ),
    Protocol(
        name="hardmo-foot",
        title="HardMo-Foot: body and foot apart (P1 within classes, P2 between classes)",
        skeleton="hmr2-44",
        sources=("spin-49",),
        root=("mid_hip_mpii",),
        joints=(*_BODY, *_FOOT),
        gender="neutral",
        sampling=f"{_SUBJECTS}; P1 and P2 are two files",
        least_confidence=0.5,
        metrics=(*_metrics("body", _BODY), *_metrics("foot", _FOOT)),
        quirks=(_UNPADDED, _JOINT_44),
        source=f"{_SOURCE}; foot MPJPE is aligned by the pelvis, PA by the six foot joints alone",
    ),
    Protocol(
        name="hardmo-hand",
        title="HardMo-Hand: wrists and finger tips in the image",
        missing="wrong",
        skeleton="coco-wholebody-133",
        sources=("smpl-45",),
        joints=_HAND,
        unit="px",
        gender="no body: keypoints in the image",
        sampling=_SUBJECTS,
        least_confidence=0.5,
        metrics=_pck("hand", _HAND),
        quirks=(_UNPADDED,),
        source=_SOURCE,
    ),
)
