"""Pictures on one sheet: inside, apart, in shape, and as large as they can be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marey.view.grid_plan import MAX_SIZE, plan_grid

sizes = st.tuples(st.integers(200, 4096), st.integers(200, 4096))


@given(st.lists(sizes, min_size=1, max_size=20))
def test_pictures_lie_on_the_sheet_and_apart(pictures):
    plan = plan_grid(pictures)
    assert plan.size[0] <= MAX_SIZE[0] and plan.size[1] <= MAX_SIZE[1]
    assert plan.size[0] % 2 == plan.size[1] % 2 == 0
    count = np.zeros((plan.size[1], plan.size[0]), int)
    for row, (width, height) in enumerate(pictures):
        place = plan.cut(count, row)
        place += 1
        wide, high = plan.sizes[row]
        assert place.shape == (high, wide)
        assert wide <= width and high <= height
        # In shape, to a pixel.
        assert abs(wide * height - high * width) <= max(width, height)
    assert count.max() == 1


@pytest.mark.parametrize(
    ("number", "shape", "rows"),
    [(1, (1920, 1080), 1), (4, (1920, 1080), 2), (4, (1080, 1920), 1), (9, (1600, 900), 3),
     (64, (1920, 1080), 8), (2, (1920, 1080), 2)],
)  # fmt: skip
def test_as_many_rows_as_suits_the_shape(number, shape, rows):
    plan = plan_grid([shape] * number)
    assert len({y for _, y in plan.corners}) in (rows, 1 if number == 2 else rows)
    # Nothing else fills more of the sheet.
    area = sum(w * h for w, h in plan.sizes)
    best = 0.0
    for columns in range(1, number + 1):
        width = (1920 + 4) / columns - 4
        height = (1080 + 4) / -(-number // columns) - 4
        scale = min(width / shape[0], height / shape[1], 1)
        best = max(best, number * scale * scale * shape[0] * shape[1])
    assert area == pytest.approx(best, rel=0.02)


def test_small_pictures_stay_small():
    plan = plan_grid([(64, 48), (32, 48)])
    assert plan.sizes == ((64, 48), (32, 48))
    assert plan.size == (2 * 64 + 4, 48)
