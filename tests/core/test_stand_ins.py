"""Stand-ins: the published maps between labellings, and nothing where no map is published."""

import numpy as np

from marey.core import convert_keypoints, load_skeleton
from marey.core.skeleton import stand_ins


def _rows(source: str, target: str) -> list[float]:
    first, second = load_skeleton(source), load_skeleton(target)
    rows = np.arange(float(len(first)))
    return convert_keypoints(rows, first, second, axis=-1, substitute=True).tolist()


def test_regressor_rows_become_the_14_joints_as_published():
    assert _rows("h36m-17-regressor", "j14") == [6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10]


def test_the_14_joints_are_spins_25_to_38_where_labels_differ():
    rows = _rows("spin-49", "j14")
    points = load_skeleton("spin-49").keypoints
    assert [points[int(row)] for row in rows[2:4]] == ["right_hip_lsp", "left_hip_lsp"]
    assert rows[12:] == [37, 38]


def test_every_spin_point_of_a_limb_is_filled_from_coco():
    target = load_skeleton("spin-49")
    for point, row in zip(target.keypoints, _rows("coco-17", "spin-49"), strict=True):
        bare = point.removesuffix("_lsp").removesuffix("_coco")
        assert np.isfinite(row) == (bare in load_skeleton("coco-17").keypoints)


def test_the_pelvis_of_smpl_never_stands_in_for_the_middle_of_the_hips():
    assert "pelvis" not in stand_ins("mid_hip")
    assert "mid_hip" not in stand_ins("pelvis")


def test_sides_are_kept():
    for name in load_skeleton("spin-49").keypoints:
        side = name.split("_")[0]
        if side in ("left", "right"):
            assert all(other.startswith(side) for other in stand_ins(name))
