"""Poses of one body, root-relative: 3DPW, Human3.6M, MPI-INF-3DHP, AIST++, HumanEva."""

from marey.evaluate.protocol import Metric, Protocol, Quirk

MPJPE = Metric(name="MPJPE", measure="mpjpe", rooted=True)
PA_MPJPE = Metric(name="PA-MPJPE", measure="pa-mpjpe")
ACCEL = Metric(name="Accel", measure="acceleration", unit="mm/frame^2", rooted=True)
MPVPE = Metric(name="MPVPE", measure="mpvpe")
_HIPS = ("right_hip_lsp", "left_hip_lsp")
_REGRESSED = ("h36m-17-regressor", "spin-49", "hmr2-44")
_DROPPED_TAIL = Quirk(
    name="dropped-tail",
    text="Frames at the end of a sequence that no window covers may be missing from the "
    "predictions; truth is cut there.",
)

BODIES = (
    Protocol(
        name="3dpw",
        title="3DPW test, 14 regressed joints (lineage of VIBE, TCMR, GLoT)",
        skeleton="j14",
        sources=_REGRESSED,
        root=_HIPS,
        regressor="J_regressor_h36m.npy",
        gender="neutral body from the true pose and shape",
        sampling="every frame of the test split with its person labelled",
        metrics=(PA_MPJPE, MPJPE, MPVPE, ACCEL),
        quirks=(
            Quirk(
                name="vertices-unaligned",
                text="MPVPE compares vertices as they are, without moving the root.",
            ),
        ),
        source="GLoT's evaluation: 14 joints of the Human3.6M regressor, pelvis = mean of joints 2 "
        "and 3, all frames of all videos pooled, Accel without first and last frame (CVPR 2023)",
    ),
    Protocol(
        name="h36m-p1-draft",
        title="Human3.6M, protocol 1: positions relative to the pelvis",
        skeleton="h36m-17",
        sources=("h36m-17-regressor",),
        root=("mid_hip",),
        sampling="every 2nd frame (50 to 25 per second)",
        metrics=(MPJPE, Metric(name="N-MPJPE", measure="n-mpjpe"), ACCEL),
        source="Human3.6M (PAMI 2014); sampling as GLoT's",
        lacking=(
            "which subjects and cameras are tested",
            "whether 17 or 14 joints count (GLoT: 14 regressed ones)",
        ),
    ),
    Protocol(
        name="h36m-p2-draft",
        title="Human3.6M, protocol 2: after Procrustes alignment",
        skeleton="h36m-17",
        sources=("h36m-17-regressor",),
        root=("mid_hip",),
        sampling="every 2nd frame (50 to 25 per second)",
        metrics=(PA_MPJPE,),
        source="Human3.6M (PAMI 2014); sampling as GLoT's",
        lacking=(
            "which subjects and cameras are tested (some publications: the frontal camera only)",
            "whether 17 or 14 joints count (GLoT: 14 regressed ones)",
        ),
    ),
    Protocol(
        name="mpi-inf-3dhp",
        title="MPI-INF-3DHP test, 17 joints (lineage of VIBE, TCMR, GLoT)",
        skeleton="mpi-inf-3dhp-17",
        root=("mid_hip",),
        gender="no body: joints of a marker-less system",
        sampling="test frames marked as valid; the others must be NaN or have no confidence",
        metrics=(PA_MPJPE, MPJPE, ACCEL),
        source="GLoT's evaluation: 17 test joints, pelvis third from last, frames with valid_i",
    ),
    Protocol(
        name="aist++",
        title="AIST++ test, refinement of SPIN's poses (lineage of DeciWatch, SmoothNet, HANet)",
        skeleton="j14",
        sources=_REGRESSED,
        root=_HIPS,
        regressor="J_regressor_h36m.npy",
        gender="not stated by the lineage's files, which hold joints",
        sampling="every frame that a window covers",
        metrics=(MPJPE, PA_MPJPE, ACCEL, MPVPE),
        quirks=(
            _DROPPED_TAIL,
            Quirk(
                name="vertices-unaligned",
                text="MPVPE compares vertices as they are, without moving the root.",
            ),
        ),
        source="HANet's program: 14 joints, root = mean of joints 2 and 3, all frames of all "
        "sequences pooled, Accel without frame rate (AAAI 2023)",
    ),
    Protocol(
        name="humaneva-draft",
        title="HumanEva-I, 15 joints relative to the pelvis",
        skeleton="h36m-17",
        joints=(
            "mid_hip",
            "thorax",
            *(f"{side}_{joint}" for side in ("left", "right") for joint in ("shoulder", "elbow")),
            *(f"{side}_{joint}" for side in ("left", "right") for joint in ("wrist", "hip")),
            *(f"{side}_{joint}" for side in ("left", "right") for joint in ("knee", "ankle")),
            "head_h36m",
        ),
        root=("mid_hip",),
        sampling="validation chunks of the preprocessing of VideoPose3D, 60 frames per second",
        metrics=(MPJPE, PA_MPJPE),
        source="VideoPose3D's preprocessing (CVPR 2019): joints and chunks",
        lacking=(
            "which subjects, actions and cameras are averaged, and in which order",
            "which of MPJPE and PA-MPJPE the tables mean",
        ),
    ),
)
