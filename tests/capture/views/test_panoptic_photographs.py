"""Five photographs of four people around a table: everyone in every view where a torso is seen."""

import numpy as np
import pytest

from marey.capture.views.second_look import SecondLook, find_missed
from marey.capture.views.triangulate import triangulate_keypoints
from marey.geometry.projection import select_viewpoint
from marey.models.wholebody import WholeBodyEstimator

from .panoptic_photographs import NUM_VIEWS, read_cameras, read_photographs, see_photographs

PLACES = {
    "grey shirt": [(595, 280), (290, 270), (705, 310), (355, 430), (455, 230)],
    "maroon shirt": [(390, 245), None, (655, 175), (735, 300), (155, 235)],
    "pink shirt": [(140, 250), (735, 390), (385, 185), (550, 65), (315, 310)],
    "blue shirt": [(205, 290), (680, 270), (320, 235), (405, 80), (595, 290)],
}
"""Where each person's trunk is in each photograph, px, by eye; None where only a head is seen."""
NEAR_PX, FEWEST = 45, 8


@pytest.mark.slow
def test_all_nineteen_are_found_and_given_to_their_person(shared):
    folder = shared / "data" / "panoptic_views"
    cameras, photographs = read_cameras(folder), read_photographs(folder)
    estimator = WholeBodyEstimator()
    first = see_photographs(folder, estimator)
    assert len(first.people) == 4
    found = find_missed(first, cameras, lambda view, frames: [(0, photographs[view])], estimator)
    options = SecondLook().points
    points = triangulate_keypoints(found, cameras, options=options)
    body = [
        found.skeleton.index(f"{s}_{p}") for s in ("left", "right") for p in ("shoulder", "hip")
    ]
    seen: dict[str, list[int]] = {}
    for row in range(4):
        trunk = np.nanmean(points.keypoints.position[row, 0, body].astype(float), 0)
        (name,) = {
            name
            for name, places in PLACES.items()
            if all(_is_near(cameras, view, trunk, places[view]) for view in range(NUM_VIEWS))
        }
        agreeing = points.inlier[:, row, 0, :17].sum(-1)
        seen[name] = [view for view in range(NUM_VIEWS) if agreeing[view] >= FEWEST]
    expected = {
        name: [view for view, place in enumerate(places) if place is not None]
        for name, places in PLACES.items()
    }
    assert seen == expected
    # Before: who stands half behind somebody else was missed.
    before = (
        triangulate_keypoints(first, cameras, options=options).inlier[..., :17].sum(-1) >= FEWEST
    )
    assert before.sum() <= 12


def _is_near(cameras, view: int, trunk: np.ndarray, place: tuple[int, int] | None) -> bool:
    viewpoint = select_viewpoint(cameras, view=view)
    pixel = viewpoint.project(viewpoint.transform(trunk))
    return place is None or bool(np.linalg.norm(pixel - place) < NEAR_PX)
