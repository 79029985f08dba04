"""Keypoints in images: LSP-Extended, Sub-JHMDB, PoseTrack."""

from marey.evaluate.protocol import Metric, Protocol, Quirk
from marey.evaluate.score import Order


def _pck(threshold: float, order: Order, unit: str, factor: float) -> Metric:
    return Metric(
        name=f"PCK@{threshold:g}",
        measure="pck-image",
        unit=unit,
        factor=factor,
        threshold=threshold,
        order=order,
        higher_is_better=True,
    )


_SHARE = {"unit": "", "factor": 1.0, "higher_is_better": True}

IMAGES = (
    Protocol(
        name="lsp-extended",
        title="LSP-Extended: PCK of reprojected joints",
        missing="wrong",
        skeleton="j14",
        sources=("hmr2-44", "spin-49"),
        unit="px",
        gender="no body: keypoints in the image",
        sampling="every image; the 14 joints that LSP labels",
        least_confidence=0.5,
        metrics=(_pck(0.05, "joints", "", 1.0), _pck(0.1, "joints", "", 1.0)),
        quirks=(
            Quirk(
                name="unpadded-box",
                text="PCK's distances are shares of the longer side of the box without padding; "
                "files give that box. Switched off, the box is taken as padded by 1.2.",
            ),
        ),
        source="HMR2.0's evaluation (ICCV 2023): thresholds 0.05 and 0.1 in crop units",
    ),
    Protocol(
        name="sub-jhmdb",
        title="Sub-JHMDB: PCK of refined keypoints (lineage of DeciWatch, HANet)",
        missing="wrong",
        skeleton="jhmdb-15",
        unit="px",
        gender="no body: keypoints in the image",
        sampling="every frame that a window covers",
        metrics=tuple(_pck(each, "sequences", "%", 100.0) for each in (0.05, 0.1, 0.2)),
        quirks=(
            Quirk(
                name="dropped-tail",
                text="Frames at the end of a sequence that no window covers may be missing from "
                "the predictions; truth is cut there.",
            ),
        ),
        source="HANet's program: right if distance <= threshold * longer side of the given box, "
        "averaged per sequence, then over sequences (AAAI 2023)",
    ),
    Protocol(
        name="posetrack-draft",
        title="PoseTrack 2018: finding and following people",
        skeleton="posetrack-17",
        sources=("coco-17", "coco-wholebody-133"),
        joints=(
            "nose",
            *(
                f"{side}_{joint}"
                for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
                for side in ("left", "right")
            ),
        ),
        unit="px",
        gender="no body: keypoints in the image",
        sampling="labelled frames of the validation videos",
        pairing="none",
        missing="skip",
        metrics=(
            Metric(name="mAP (OKS)", measure="oks-precision", **_SHARE),
            Metric(name="MOTA (OKS 0.5)", measure="mota", **_SHARE),
            Metric(name="HOTA (OKS)", measure="hota", **_SHARE),
        ),
        source="COCO's OKS and its constants; PoseTrack's 17 keypoints, ears unlabelled",
        lacking=(
            "the official assignment by PCKh and head size, joint by joint (here: OKS, whole "
            "people, 13 joints that COCO has constants for)",
            "how ignore regions are treated (here: not at all)",
        ),
    ),
)
