"""EMDB: bodies relative to the camera, and motion in the world."""

from marey.evaluate.published.table import PublishedTable, rows

WORLD: dict[str, PublishedTable] = {
    "emdb-1-draft": PublishedTable(
        columns=("PA-MPJPE", "MPJPE", "MPVPE"),
        rows=(
            *rows(
                "the papers' own tables",
                {
                    "HMR2.0b": (79.2, 118.5, 140.6),
                    "TCMR": (79.8, 127.7, 150.2),
                    "GLoT": (79.1, 119.9, 140.8),
                    "WHAM": (50.4, 79.7, 94.4),
                    "TRAM": (45.7, 74.4, 86.6),
                    "GENMO": (42.5, 73.0, 84.8),
                    "CameraHMR": (43.3, 70.3, 81.7),
                    "FastHMR-CameraHMR": (46.7, 71.6, 82.4),
                    "PromptHMR": (41.0, 71.7, 84.5),
                    "NLF": (40.9, 68.4, 80.6),
                    "SAM 3D Body": (38.2, 61.7, 72.5),
                    "SAM 3D Body, ViT-H": (38.5, 62.9, 74.3),
                },
            ),
            *rows("notes quoting the paper", {"CameraHMR + PHD": (42.4, 62.5, 74.6)}, "S"),
        ),
    ),
    "emdb-2-draft": PublishedTable(
        columns=("WA-MPJPE100", "W-MPJPE100", "RTE", "Jitter"),
        caution="Some took the camera's turns from the true gyroscope, others estimated them.",
        rows=rows(
            "notes quoting the papers",
            {
                "GLAMR": (280.8, 726.6, 11.4, None),
                "SLAHMR": (326.9, 776.1, 10.2, None),
                "WHAM (true gyroscope)": (135.6, None, None, None),
                "WHAM (estimated camera)": (166.1, None, None, None),
                "Human3R (online)": (112.2, 267.9, 2.2, None),
                "GVHMR": (109.1, 274.9, 1.9, 16.5),
                "TRAM": (76.4, 222.4, 1.4, None),
                "MetricHMSR (online)": (72.1, 199.5, 1.4, None),
                "GENMO": (69.5, 185.9, 0.9, 17.7),
                "JOSH": (68.9, 174.7, 1.3, None),
                "HTD-Refine": (None, None, None, 6.6),
            },
            "S",
        ),
    ),
}
