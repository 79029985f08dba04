"""Many people seen by many cameras: Shelf, Campus, CMU Panoptic."""

from marey.evaluate.protocol import Metric, Protocol

_LIMBS = (
    ("upper_neck", "head_top"),
    ("mid_hip", "upper_neck"),
    *((f"{side}_shoulder", f"{side}_elbow") for side in ("left", "right")),
    *((f"{side}_elbow", f"{side}_wrist") for side in ("left", "right")),
    *((f"{side}_hip", f"{side}_knee") for side in ("left", "right")),
    *((f"{side}_knee", f"{side}_ankle") for side in ("left", "right")),
)
_PCP = Metric(
    name="PCP",
    measure="pcp",
    unit="%",
    factor=100.0,
    threshold=0.5,
    order="sequences",
    higher_is_better=True,
)

CROWDS = (
    Protocol(
        name="shelf",
        title="Shelf: correct limbs of actors 1 to 3",
        skeleton="shelf-15",
        gender="no body: labelled joints",
        sampling="frames 300 to 600 of the recording, actors 1 to 3 where labelled",
        pairing="nearest",
        missing="skip",
        split_people=True,
        limbs=_LIMBS,
        metrics=(_PCP,),
        source="Belagiannis et al. (CVPR 2014): a limb is right when the mean error of its ends is "
        "at most half its length; ten limbs; per actor, then over actors",
    ),
    Protocol(
        name="campus-draft",
        title="Campus: correct limbs",
        skeleton="shelf-15",
        gender="no body: labelled joints",
        sampling="labelled frames",
        pairing="nearest",
        missing="skip",
        split_people=True,
        limbs=_LIMBS,
        metrics=(_PCP,),
        source="Belagiannis et al. (CVPR 2014): limbs and threshold as on Shelf",
        lacking=("which frames and actors are tested",),
    ),
    Protocol(
        name="panoptic-draft",
        title="CMU Panoptic: joint errors of people found",
        skeleton="panoptic-19",
        sources=("coco-17", "coco-wholebody-133", "blazepose-33"),
        joints=(
            "nose",
            *(
                f"{side}_{joint}"
                for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
                for side in ("left", "right")
            ),
        ),
        gender="no body: joints of a marker-less system",
        sampling="frames and cameras as the files say",
        pairing="nearest",
        missing="skip",
        metrics=(
            Metric(name="MPJPE", measure="mpjpe"),
            Metric(name="found", measure="found-f1", unit="", factor=1.0, higher_is_better=True),
        ),
        source="CMU Panoptic's joints and units; absolute positions as VoxelPose's tables",
        lacking=(
            "sequences, cameras and frames of the test",
            "how AP at 25 mm pairs people, and up to which distance MPJPE counts (here: no limit)",
            "which of the 19 joints count (here: 13 that other keypoint sets have too)",
        ),
    ),
)
