"""Unusual poses and contact: HardMo and its subsets, LSP-Extended, Harmony4D."""

from marey.evaluate.published.table import PublishedTable, rows

_POSTER = "HardMo, poster"
_FOOT = tuple(
    f"{metric} {part}"
    for metric in ("MPJPE", "PA-MPJPE", "PCK@0.01", "PCK@0.05")
    for part in ("body", "foot")
)
_HARMONY = ("MPJPE", "PA-MPJPE", "NMJE", "MPVPE", "PA-MPVPE", "NMVE", "PCK@150mm", "AUC", "F1")

_BENCHMARK = "Harmony4D (NeurIPS 2024), benchmark table"


def _body_and_mesh(mpjpe: float, mpvpe: float) -> tuple[float | None, ...]:
    """A row of which only MPJPE and MPVPE are published."""
    return (mpjpe, None, None, mpvpe, None, None, None, None, None)


HARD_CASES: dict[str, PublishedTable] = {
    "hardmo": PublishedTable(
        columns=("MPJPE body", "PA-MPJPE body", "PCK@0.01 body", "PCK@0.05 body"),
        caution=(
            "HardMo's main table names its joints no further than 'body'; the poster's text lacks "
            "the decimals of two MPJPE, which are left out. The poster marks a second training "
            "set of HardMo-HMR and HardMo-4DHumans by a dagger."
        ),
        rows=(
            *rows(
                _POSTER,
                {
                    "ProHMR": (None, 74.2, 0.1, 0.73),
                    "CLIFF": (None, 56.2, 0.29, 0.9),
                    "HMR (double dagger)": (61.1, 42.1, 0.4, 0.96),
                    "HardMo-HMR (dagger)": (46.0, 31.5, 0.47, 0.97),
                    "HardMo-HMR": (36.0, 25.0, 0.56, 0.98),
                    "4DHumans-a": (83.1, 52.7, 0.16, 0.92),
                    "4DHumans-b": (36.6, 23.0, 0.48, 0.98),
                    "HardMo-4DHumans (dagger)": (29.9, 20.2, 0.55, 0.98),
                    "HardMo-4DHumans": (26.0, 18.0, 0.6, 0.98),
                },
            ),
            *rows(
                "HardMo, supplement, table S-4",
                {
                    "HardMo-4DHumans-350k without OPT": (64.0, 41.5, None, None),
                    "HardMo-4DHumans-350k with OPT": (62.5, 40.7, None, None),
                },
            ),
        ),
    ),
    "hardmo-foot": PublishedTable(
        columns=_FOOT,
        rows=(
            *rows(
                "HardMo, supplement, table S-1",
                {
                    "HardMo-HMR without OPT, P1": (38.9, 58.3, 23.4, 16.2, 0.57, 0.43, 0.99, 0.98),
                    "HardMo-HMR with OPT, P1": (23.6, 34.9, 15.4, 10.8, 0.71, 0.58, 0.99, 0.99),
                    "HardMo-HMR without OPT, P2": (42.1, 58.1, 25.6, 21.1, 0.57, 0.51, 0.98, 0.98),
                    "HardMo-HMR with OPT, P2": (27.5, 39.5, 17.7, 13.2, 0.67, 0.6, 0.99, 0.99),
                },
            ),
            *rows(
                _POSTER,
                {
                    "ProHMR, P1": (117.0, 213.6, 73.2, 53.1, 0.13, 0.02, 0.77, 0.5),
                    "CLIFF, P1": (93.5, 169.4, 49.5, 42.0, 0.31, 0.14, 0.91, 0.82),
                    "4DHumans-a, P1": (86.7, 143.7, 47.2, 41.8, 0.16, 0.08, 0.95, 0.79),
                    "4DHumans-b, P1": (40.0, 88.1, 21.1, 26.5, 0.59, 0.14, 0.99, 0.86),
                    "HardMo-4DHumans (dagger), P1": (
                        *(20.9, 29.4, 13.5, 9.0, 0.68, 0.5, 0.99, 0.99),
                    ),
                    "HardMo-4DHumans, P1": (19.8, 29.3, 13.0, 9.0, 0.7, 0.53, 0.99, 0.99),
                    "ProHMR, P2": (90.0, 131.9, 54.4, 41.5, 0.14, 0.03, 0.82, 0.64),
                    "CLIFF, P2": (73.1, 120.4, 39.5, 32.0, 0.42, 0.22, 0.97, 0.92),
                    "4DHumans-a, P2": (77.1, 100.0, 40.1, 33.3, 0.22, 0.14, 0.98, 0.92),
                    "4DHumans-b, P2": (34.9, 77.0, 19.0, 25.4, 0.64, 0.16, 0.99, 0.92),
                    "HardMo-4DHumans (dagger), P2": (
                        *(24.4, 34.5, 15.5, 11.0, 0.68, 0.59, 0.99, 0.99),
                    ),
                    "HardMo-4DHumans, P2": (23.3, 34.8, 14.6, 10.8, 0.71, 0.6, 0.99, 0.99),
                },
            ),
        ),
    ),
    "hardmo-hand": PublishedTable(
        columns=("PCK@0.01 hand", "PCK@0.05 hand"),
        rows=(
            *rows(
                "HardMo, supplement, table S-2",
                {
                    "HardMo-HMR": (0.246, 0.961),
                    "HardMo-HMR with F.S.O": (0.285, 0.975),
                    "HardMo-HMR with S.S.O": (0.363, 0.978),
                    "HardMo-HMR with B.S.O": (0.362, 0.978),
                },
            ),
            *rows(
                _POSTER,
                {
                    "ProHMR": (0.03, None),
                    "CLIFF": (0.08, None),
                    "4DHumans-a": (0.04, None),
                    "4DHumans-b": (0.11, None),
                    "HardMo-HMR, poster": (0.36, None),
                    "HardMo-4DHumans (dagger)": (0.46, None),
                    "HardMo-4DHumans": (0.54, None),
                },
            ),
        ),
    ),
    "lsp-extended": PublishedTable(
        columns=("PCK@0.05", "PCK@0.1"),
        rows=rows(
            "HardMo, supplement, table S-3",
            {"4DHumans-b": (0.54, 0.86), "HardMo-4DHumans": (0.82, 0.84)},
        ),
    ),
    "harmony4d": PublishedTable(
        columns=_HARMONY,
        caution="Rows of SAM 3D Body's table were measured by its own program.",
        rows=(
            *rows(
                _BENCHMARK,
                {
                    "HMR2.0": (108.93, 60.4, 111.16, 127.39, 67.95, 130.0, 71.12, 0.48, 0.98),
                    "PARE": (115.04, 65.29, 122.38, 135.13, 75.22, 143.76, 68.71, 0.45, 0.94),
                    "Multi-HMR": (106.25, 68.96, 132.81, 124.31, 78.12, 155.39, 76.44, 0.51, 0.8),
                    "BEV": (131.53, 93.75, 144.54, 163.26, 109.11, 179.41, 65.63, 0.42, 0.91),
                    "BUDDI": (146.83, 102.08, 156.21, 192.06, 118.2, 204.32, 61.01, 0.39, 0.94),
                    "ROMP": (152.98, 95.8, 182.11, 191.71, 108.83, 228.24, 58.31, 0.38, 0.84),
                },
            ),
            *rows(
                "SAM 3D Body, table 3",
                {
                    "CameraHMR": _body_and_mesh(70.8, 84.6),
                    "PromptHMR": _body_and_mesh(78.0, 91.9),
                    "NLF": _body_and_mesh(84.9, 97.3),
                    "SAM 3D Body without Harmony4D": _body_and_mesh(54.0, 63.5),
                    "SAM 3D Body": _body_and_mesh(33.9, 41.0),
                },
            ),
            *rows("Fast SAM 3D Body", {"Fast SAM 3D Body": _body_and_mesh(37.2, 44.0)}),
        ),
    ),
}
