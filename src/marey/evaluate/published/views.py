"""Several cameras: Shelf, Campus, CMU Panoptic."""

from marey.evaluate.published.table import PublishedTable, rows

_XRMOCAP = "XRMoCap's model table"

VIEWS: dict[str, PublishedTable] = {
    "shelf": PublishedTable(
        columns=("PCP",),
        rows=rows(
            _XRMOCAP,
            {
                "shape-aware": (96.91,),
                "MVPose-track": (96.86,),
                "MvP": (96.77,),
                "4DAG": (96.43,),
            },
        ),
    ),
    "campus-draft": PublishedTable(
        columns=("PCP",),
        rows=rows(
            _XRMOCAP,
            {"MVPose": (92.87,), "MVPose-track": (93.2,), "MvP": (96.46,), "4DAG": (81.49,)},
        ),
    ),
    "panoptic-draft": PublishedTable(
        columns=("MPJPE",),
        caution="Of other sequences and cameras than most files at hand.",
        rows=rows(_XRMOCAP, {"MvP": (18.64,), "MvP, 3 cameras": (39.25,)}),
    ),
}
