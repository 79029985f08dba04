"""Published rows of the benchmarks, to stand beside a result; each says where it was read.

`grade`: P read in the paper or its repository, S quoted by somebody else, R from memory. Values are
in the units of the protocol's metrics, in the order of `columns`; None where not published.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """One system's published numbers."""

    system: str
    values: tuple[float | None, ...]
    source: str
    grade: str = "P"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTable:
    """Published numbers of one benchmark."""

    columns: tuple[str, ...]
    """Names of the protocol's metrics."""
    rows: tuple[PublishedRow, ...]
    caution: str = ""


def _rows(
    source: str, systems: dict[str, tuple[float | None, ...]], grade: str
) -> tuple[PublishedRow, ...]:
    return tuple(
        PublishedRow(system=name, values=values, source=source, grade=grade)
        for name, values in systems.items()
    )


_BODY = ("PA-MPJPE", "MPJPE", "MPVPE", "Accel")
_GLOT = "GLoT (CVPR 2023), table 1"
_HARMONY = (*("MPJPE", "PA-MPJPE", "NMJE", "MPVPE", "PA-MPVPE", "NMVE", "PCK@150mm", "AUC", "F1"),)
_FOOT = tuple(
    f"{metric} {part}"
    for metric in ("MPJPE", "PA-MPJPE", "PCK@0.01", "PCK@0.05")
    for part in ("body", "foot")
)
PUBLISHED: dict[str, PublishedTable] = {
    "3dpw": PublishedTable(
        columns=_BODY,
        caution="Publications differ in gender of the truth and in training on 3DPW.",
        rows=(
            *_rows(
                _GLOT,
                {
                    "GLoT": (50.6, 80.7, 96.3, 6.6),
                    "MPS-Net": (52.1, 84.3, 99.7, 7.4),
                    "TCMR": (52.7, 86.5, 102.9, 7.1),
                    "VIBE": (57.6, 91.9, None, 25.4),
                },
                "P",
            ),
            *_rows(
                "GLoT (CVPR 2023), table 2",
                {"GLoT without 3DPW in training": (53.5, 89.9, 107.8, 6.7)},
                "P",
            ),
            *_rows(
                "HardMo, supplement, table S-3",
                {
                    "4DHumans-b": (54.5, 81.4, None, None),
                    "HardMo-4DHumans": (54.4, 80.9, None, None),
                },
                "P",
            ),
            *_rows(
                "the papers' own tables",
                {
                    "HMR2.0b": (54.3, 81.3, 93.1, None),
                    "WHAM": (35.9, 57.8, 68.7, 6.6),
                    "CameraHMR": (35.1, 56.0, 65.9, 16.8),
                    "NLF-L": (33.6, 54.9, 63.7, None),
                    "SAM 3D Body": (33.8, 54.8, 63.6, None),
                },
                "P",
            ),
        ),
    ),
    "mpi-inf-3dhp": PublishedTable(
        columns=("PA-MPJPE", "MPJPE", "Accel"),
        rows=_rows(
            _GLOT,
            {"GLoT": (61.5, 93.9, 7.9), "MPS-Net": (62.8, 96.7, 9.6), "TCMR": (63.5, 97.3, 8.5)},
            "P",
        ),
    ),
    "h36m-p1-draft": PublishedTable(
        columns=("MPJPE", "Accel"),
        rows=_rows(_GLOT, {"GLoT": (67.0, 3.6), "MPS-Net": (69.4, 3.6), "TCMR": (73.6, 3.9)}, "P"),
    ),
    "h36m-p2-draft": PublishedTable(
        columns=("PA-MPJPE",),
        rows=_rows(_GLOT, {"GLoT": (46.3,), "MPS-Net": (47.4,), "TCMR": (52.0,)}, "P"),
    ),
    "aist++": PublishedTable(
        columns=("MPJPE", "Accel"),
        rows=(
            *_rows(
                "HANet (AAAI 2023)",
                {"HANet (T=101)": (69.2, 5.4), "HANet (T=51)": (64.3, 6.4)},
                "P",
            ),
            *_rows("DeciWatch's tables", {"SPIN": (107.7, None), "DeciWatch": (71.3, 5.7)}, "P"),
            *_rows("SmoothNet's tables", {"SmoothNet": (95.2, 4.2)}, "P"),
        ),
    ),
    "sub-jhmdb": PublishedTable(
        columns=("PCK@0.05", "PCK@0.1", "PCK@0.2"),
        rows=_rows(
            "HANet (AAAI 2023); DeciWatch's tables",
            {
                "SimplePose": (57.3, 81.6, 93.9),
                "DeciWatch": (79.4, 94.1, 98.8),
                "HANet": (91.9, 98.3, 99.6),
            },
            "P",
        ),
    ),
    "hardmo": PublishedTable(
        columns=("MPJPE body", "PA-MPJPE body", "PCK@0.01 body", "PCK@0.05 body"),
        caution="HardMo's main table names its joints no further than 'body'.",
        rows=(
            *_rows(
                "HardMo, poster",
                {
                    "4DHumans-a": (83.1, 52.7, 0.16, 0.92),
                    "4DHumans-b": (36.6, 23.0, 0.48, 0.98),
                    "HardMo-HMR": (36.0, 25.0, 0.56, 0.98),
                    "HardMo-4DHumans": (26.0, 18.0, 0.6, 0.98),
                },
                "P",
            ),
        ),
    ),
    "hardmo-foot": PublishedTable(
        columns=_FOOT,
        rows=_rows(
            "HardMo, supplement, table S-1",
            {
                "HardMo-HMR without OPT, P1": (38.9, 58.3, 23.4, 16.2, 0.57, 0.43, 0.99, 0.98),
                "HardMo-HMR with OPT, P1": (23.6, 34.9, 15.4, 10.8, 0.71, 0.58, 0.99, 0.99),
                "HardMo-HMR without OPT, P2": (42.1, 58.1, 25.6, 21.1, 0.57, 0.51, 0.98, 0.98),
                "HardMo-HMR with OPT, P2": (27.5, 39.5, 17.7, 13.2, 0.67, 0.6, 0.99, 0.99),
            },
            "P",
        ),
    ),
    "hardmo-hand": PublishedTable(
        columns=("PCK@0.01 hand", "PCK@0.05 hand"),
        rows=_rows(
            "HardMo, supplement, table S-2",
            {
                "HardMo-HMR": (0.246, 0.961),
                "HardMo-HMR with F.S.O": (0.285, 0.975),
                "HardMo-HMR with S.S.O": (0.363, 0.978),
                "HardMo-HMR with B.S.O": (0.362, 0.978),
            },
            "P",
        ),
    ),
    "lsp-extended": PublishedTable(
        columns=("PCK@0.05", "PCK@0.1"),
        rows=_rows(
            "HardMo, supplement, table S-3",
            {"4DHumans-b": (0.54, 0.86), "HardMo-4DHumans": (0.82, 0.84)},
            "P",
        ),
    ),
    "harmony4d": PublishedTable(
        columns=_HARMONY,
        rows=_rows(
            "Harmony4D (NeurIPS 2024), benchmark table",
            {
                "HMR2.0": (108.93, 60.4, 111.16, 127.39, 67.95, 130.0, 71.12, 0.48, 0.98),
                "PARE": (115.04, 65.29, 122.38, 135.13, 75.22, 143.76, 68.71, 0.45, 0.94),
                "Multi-HMR": (106.25, 68.96, 132.81, 124.31, 78.12, 155.39, 76.44, 0.51, 0.8),
                "BEV": (131.53, 93.75, 144.54, 163.26, 109.11, 179.41, 65.63, 0.42, 0.91),
                "BUDDI": (146.83, 102.08, 156.21, 192.06, 118.2, 204.32, 61.01, 0.39, 0.94),
                "ROMP": (152.98, 95.8, 182.11, 191.71, 108.83, 228.24, 58.31, 0.38, 0.84),
            },
            "P",
        ),
    ),
    "emdb-1-draft": PublishedTable(
        columns=("PA-MPJPE", "MPJPE", "MPVPE"),
        rows=_rows(
            "the papers' own tables",
            {
                "HMR2.0b": (79.2, 118.5, 140.6),
                "GLoT": (79.1, 119.9, 140.8),
                "WHAM": (50.4, 79.7, 94.4),
                "CameraHMR": (43.3, 70.3, 81.7),
                "NLF": (40.9, 68.4, 80.6),
                "SAM 3D Body": (38.2, 61.7, 72.5),
            },
            "P",
        ),
    ),
    "emdb-2-draft": PublishedTable(
        columns=("WA-MPJPE100", "W-MPJPE100", "RTE", "Jitter"),
        rows=_rows(
            "notes quoting the papers",
            {
                "GLAMR": (280.8, 726.6, 11.4, None),
                "SLAHMR": (326.9, 776.1, 10.2, None),
                "GVHMR": (109.1, 274.9, 1.9, 16.5),
                "TRAM": (76.4, 222.4, 1.4, None),
                "GENMO": (69.5, 185.9, 0.9, 17.7),
            },
            "S",
        ),
    ),
    "shelf": PublishedTable(
        columns=("PCP",),
        rows=_rows(
            "XRMoCap's model table",
            {"MVPose-track": (96.86,), "MvP": (96.77,), "4DAG": (96.43,)},
            "P",
        ),
    ),
    "campus-draft": PublishedTable(
        columns=("PCP",),
        rows=_rows(
            "XRMoCap's model table",
            {"MVPose-track": (93.2,), "MvP": (96.46,), "4DAG": (81.49,)},
            "P",
        ),
    ),
    "panoptic-draft": PublishedTable(
        columns=("MPJPE",),
        caution="Of other sequences and cameras than most files at hand.",
        rows=_rows("XRMoCap's model table", {"MvP": (18.64,), "MvP, 3 cameras": (39.25,)}, "P"),
    ),
}
