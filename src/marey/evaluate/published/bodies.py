"""Bodies relative to the camera: 3DPW, Human3.6M, MPI-INF-3DHP."""

from marey.evaluate.published.table import PublishedTable, rows

_GLOT = "GLoT (CVPR 2023), table 1"
_DECIWATCH = "DeciWatch's and SmoothNet's tables"

BODIES: dict[str, PublishedTable] = {
    "3dpw": PublishedTable(
        columns=("PA-MPJPE", "MPJPE", "MPVPE", "Accel"),
        caution=(
            "Publications differ in gender of the truth and in training on 3DPW; numbers of one "
            "system quoted by two publications differ with them."
        ),
        rows=(
            *rows(
                _GLOT,
                {
                    "GLoT": (50.6, 80.7, 96.3, 6.6),
                    "MPS-Net": (52.1, 84.3, 99.7, 7.4),
                    "TCMR": (52.7, 86.5, 102.9, 7.1),
                    "VIBE": (57.6, 91.9, None, 25.4),
                },
            ),
            *rows(
                "GLoT (CVPR 2023), table 2",
                {"GLoT without 3DPW in training": (53.5, 89.9, 107.8, 6.7)},
            ),
            *rows(
                "GLoT, supplement, tables 1 to 4",
                {
                    "GLoT without detachment": (50.9, 81.2, 96.4, 6.6),
                    "GLoT, fixed position embedding": (52.1, 83.4, 99.5, 6.4),
                    "GLoT, residual head": (51.5, None, None, None),
                    "GLoT, 24 frames": (51.2, 82.7, 98.5, 6.7),
                    "GLoT, 32 frames": (51.2, 82.0, 98.3, 6.7),
                },
            ),
            *rows(
                "FastHMR, table 1",
                {
                    "VIBE, trained on 3DPW": (51.9, 82.9, 98.4, 18.5),
                    "TCMR, as quoted": (52.7, 86.5, 101.4, 6.0),
                    "MPS-Net, as quoted": (52.1, 84.3, 99.0, 6.5),
                    "FastHMR-HMR2.0": (41.2, 65.8, 78.9, 5.4),
                    "FastHMR-CameraHMR": (39.1, 62.2, 73.9, 5.4),
                },
            ),
            *rows(
                "HANet (AAAI 2023), main paper and repository",
                {
                    "PARE": (None, 78.9, None, None),
                    "PARE + HANet (T=101)": (None, 77.1, None, 6.8),
                },
            ),
            *rows(
                "HANet, supplement, table 1",
                {
                    "PARE + HANet (T=51)": (None, 74.6, None, 8.0),
                    "HANet without kinematic features": (None, 77.2, None, 8.6),
                    "HANet, flow": (None, 76.9, None, 8.5),
                    "HANet, flow and velocity": (None, 76.4, None, 8.3),
                    "HANet, flow, velocity, acceleration": (None, 75.7, None, 8.1),
                },
            ),
            *rows(
                _DECIWATCH,
                {
                    "PARE + DeciWatch": (None, 77.2, None, 6.9),
                    "PARE + SmoothNet": (None, 78.1, None, 5.9),
                    "SPIN": (None, 96.9, None, 34.7),
                    "SPIN + DeciWatch": (None, 93.3, None, 7.1),
                    "SPIN + SmoothNet": (None, 95.8, None, 6.2),
                    "EFT": (None, 90.3, None, 32.8),
                    "EFT + DeciWatch": (None, 89.0, None, 6.8),
                    "EFT + SmoothNet": (None, None, None, 6.1),
                },
            ),
            *rows(
                "HardMo, supplement, table S-3",
                {
                    "4DHumans-b": (54.5, 81.4, None, None),
                    "HardMo-4DHumans": (54.4, 80.9, None, None),
                },
            ),
            *rows(
                "the papers' own tables",
                {
                    "HMR2.0a": (44.4, 69.8, 82.2, None),
                    "HMR2.0b": (54.3, 81.3, 93.1, None),
                    "WHAM": (35.9, 57.8, 68.7, 6.6),
                    "TRAM": (35.6, 59.3, 69.6, None),
                    "GENMO": (34.6, 53.9, 65.8, None),
                    "CameraHMR": (35.1, 56.0, 65.9, 16.8),
                    "CameraHMR without 3DPW in training": (38.5, 62.1, 72.9, None),
                    "PromptHMR": (36.1, 58.7, 69.4, None),
                    "NLF-L": (33.6, 54.9, 63.7, None),
                    "SAM 3D Body": (33.8, 54.8, 63.6, None),
                    "SAM 3D Body, ViT-H": (33.2, 54.8, 64.1, None),
                    "Fast SAM 3D Body (true box)": (30.4, 59.5, 68.9, None),
                },
            ),
            *rows(
                "notes quoting the papers",
                {
                    "CLIFF": (43.0, 69.0, 81.2, None),
                    "MetricHMSR": (33.6, 53.0, 62.7, None),
                },
                "S",
            ),
            *rows("memory", {"TRAM (acceleration)": (None, None, None, 4.9)}, "R"),
        ),
    ),
    "mpi-inf-3dhp": PublishedTable(
        columns=("PA-MPJPE", "MPJPE", "Accel"),
        rows=(
            *rows(
                _GLOT,
                {
                    "GLoT": (61.5, 93.9, 7.9),
                    "MPS-Net": (62.8, 96.7, 9.6),
                    "TCMR": (63.5, 97.3, 8.5),
                },
            ),
            *rows(
                "SmoothNet's tables",
                {
                    "SPIN": (None, 100.7, 28.5),
                    "SPIN + SmoothNet": (None, 92.9, 6.5),
                    "TCMR, as quoted": (None, 92.8, 7.9),
                    "TCMR + SmoothNet": (None, 88.9, 6.5),
                    "VIBE": (None, 92.4, 22.4),
                    "VIBE + SmoothNet": (None, 87.6, 6.5),
                },
            ),
        ),
    ),
    "h36m-p1-draft": PublishedTable(
        columns=("MPJPE", "Accel"),
        caution=(
            "Bodies from video (GLoT, VIBE) are measured at 14 regressed joints, lifting and its "
            "refinement at 17."
        ),
        rows=(
            *rows(_GLOT, {"GLoT": (67.0, 3.6), "MPS-Net": (69.4, 3.6), "TCMR": (73.6, 3.9)}),
            *rows("a leaderboard's copy", {"VIBE": (65.6, None)}),
            *rows(
                "a leaderboard's copy, detected 2D",
                {
                    "MotionBERT": (37.5, None),
                    "MotionAGFormer-L": (38.4, None),
                    "MotionAGFormer-S": (42.5, None),
                    "MotionAGFormer-XS": (45.1, None),
                    "D3DP": (39.5, None),
                    "MixSTE": (39.8, None),
                    "KTPFormer": (40.1, None),
                    "VideoPose3D-243": (46.8, None),
                },
            ),
            *rows(
                "HANet (AAAI 2023); DeciWatch's and SmoothNet's tables",
                {
                    "FCN": (54.6, 19.2),
                    "FCN + HANet": (52.8, 1.4),
                    "FCN + DeciWatch": (52.8, 1.5),
                    "FCN + SmoothNet": (52.7, 1.0),
                    "MHFormer": (38.3, 0.8),
                    "MHFormer + HANet": (35.4, 0.8),
                },
            ),
            *rows(
                "SmoothNet's tables",
                {
                    "VideoPose3D-243, as quoted": (48.1, 2.82),
                    "VideoPose3D-243 + SmoothNet": (48.05, 0.87),
                },
            ),
        ),
    ),
    "h36m-p2-draft": PublishedTable(
        columns=("PA-MPJPE",),
        rows=rows(_GLOT, {"GLoT": (46.3,), "MPS-Net": (47.4,), "TCMR": (52.0,)}),
    ),
}
