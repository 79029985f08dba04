"""Refined sequences of joints: AIST++ and Sub-JHMDB."""

from marey.evaluate.published.table import PublishedTable, rows

REFINEMENT: dict[str, PublishedTable] = {
    "aist++": PublishedTable(
        columns=("MPJPE", "Accel", "MPVPE"),
        caution="Joints, or bodies (SMPL), of the same estimator.",
        rows=(
            *rows(
                "HANet (AAAI 2023)",
                {"HANet (T=101)": (69.2, 5.4, None), "HANet (T=51)": (64.3, 6.4, None)},
            ),
            *rows(
                "DeciWatch's tables",
                {
                    "SPIN": (107.7, 33.0, None),
                    "DeciWatch": (71.3, 5.7, None),
                    "SPIN, SMPL": (108.3, 33.8, 137.5),
                    "DeciWatch, SMPL": (82.1, 7.3, 106.1),
                },
            ),
            *rows(
                "SmoothNet's tables",
                {"SmoothNet": (95.2, 4.2, None), "SmoothNet, SMPL": (103.0, 5.7, None)},
            ),
        ),
    ),
    "sub-jhmdb": PublishedTable(
        columns=("PCK@0.05", "PCK@0.1", "PCK@0.2"),
        rows=rows(
            "HANet (AAAI 2023); DeciWatch's tables",
            {
                "SimplePose": (57.3, 81.6, 93.9),
                "DeciWatch": (79.4, 94.1, 98.8),
                "HANet": (91.9, 98.3, 99.6),
            },
        ),
    ),
}
