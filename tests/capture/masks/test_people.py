"""Whose masks are whose: names that mislead, exchanges in the middle, one mask only."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from marey.capture.masks.people import (
    choose_mask,
    hold_points,
    measure_share,
    pair_masks,
    settle_names,
)


def make_people(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two people beside one another with an arm in each other's mask."""
    masks = np.zeros((2, 100, 120), bool)
    masks[0, 10:90, 20:60] = True
    masks[1, 10:90, 60:100] = True
    rng = np.random.default_rng(seed)
    points = np.stack(
        [rng.uniform((22, 12), (58, 88), (17, 2)), rng.uniform((62, 12), (98, 88), (17, 2))]
    )
    points[0, :4], points[1, :3] = points[1, :4] + 0.5, points[0, 5:8]
    return masks, points, np.ones((2, 17))


def test_points_in_a_mask_by_hand():
    mask = np.zeros((10, 10), bool)
    mask[2:5, 3:6] = True
    points = np.array(
        [[3.0, 2.0], [5.99, 4.99], [6.0, 4.0], [2.4, 3.5], [-1, 3], [np.nan, 3], [50, 3]]
    )
    assert hold_points(mask, points).tolist() == [True, True, False, False, False, False, False]
    near = hold_points(mask, points, reach=1.0)
    assert near.tolist() == [True, True, True, True, False, False, False]


def test_share_counts_confidence_and_skips_what_is_missing():
    masks, points, sure = make_people()
    points[0, 16] = np.nan
    sure[0, 15] = 0
    share = measure_share(masks, points, sure)
    np.testing.assert_allclose(share[:, 0], (11 / 15, 4 / 15), atol=1e-9)
    np.testing.assert_allclose(share[:, 1], (3 / 17, 14 / 17), atol=1e-9)
    assert measure_share(masks, points * np.nan, sure).max() == 0


@given(st.permutations([0, 1]), st.integers(0, 100))
def test_pairs_do_not_depend_on_the_order_of_masks(order, seed):
    masks, points, sure = make_people(seed)
    share = measure_share(masks[list(order)], points, sure)
    assert pair_masks(("x", "y"), share).person.tolist() == list(order)


def frames(swapped: range, total: int = 20, **more):
    """Masks named a and b that are exchanged in some frames."""
    masks, points, sure = make_people()
    share = measure_share(masks, points, sure)
    return [
        pair_masks(("a", "b"), share[::-1] if index in swapped else share, **more)
        for index in range(total)
    ]


def test_exchanged_masks_are_found_said_and_used_for_whom_they_show():
    paired = frames(range(7, 12))
    usual, exchanges = settle_names(paired)
    assert usual == {"a": 0, "b": 1}
    assert [(each.name, each.shown, each.first, each.last) for each in exchanges] == [
        ("a", 1, 7, 11),
        ("b", 0, 7, 11),
    ]
    said = exchanges[0].describe(("Anna", "Ben"))
    assert said == ("the mask 'a' of Anna shows Ben in frames 7 to 11; it is used for Ben there")
    assert choose_mask(paired[3], usual).tolist() == [0, 1]
    assert choose_mask(paired[9], usual).tolist() == [1, 0]


def test_two_separate_exchanges_are_two():
    paired = frames(range(4, 6))
    paired[12] = frames(range(12, 13))[12]
    _, exchanges = settle_names(paired)
    assert [(each.first, each.last) for each in exchanges if each.name == "a"] == [(4, 5), (12, 12)]
    assert "in frame 12" in exchanges[-1].describe(("A", "B"))


def test_a_doubtful_frame_keeps_the_usual_names():
    """Where both masks hold about the same of both people, nothing is exchanged."""
    paired = frames(range(0))
    even = pair_masks(("a", "b"), np.array([[0.55, 0.6], [0.6, 0.55]]))
    assert even.person.tolist() == [1, 0]
    paired[5] = even
    usual, exchanges = settle_names(paired)
    assert not exchanges
    assert choose_mask(even, usual).tolist() == [0, 1]


def test_one_mask_only_and_masks_of_nobody():
    masks, points, sure = make_people()
    stranger = np.zeros((1, 100, 120), bool)
    stranger[0, 92:, :] = True
    share = measure_share(np.concatenate([masks[1:], stranger]), points, sure)
    paired = pair_masks(("one", "stranger"), share)
    assert paired.person.tolist() == [1, -1]
    usual, exchanges = settle_names([paired, None, paired])
    assert usual == {"one": 1} and not exchanges
    assert choose_mask(paired, usual).tolist() == [1, -1]


def test_two_masks_are_never_used_for_one_person():
    """Two names that usually mean the same person: the better one counts."""
    share = np.array([[0.9, 0.1], [0.7, 0.1]])
    paired = pair_masks(("a", "b"), share)
    assert choose_mask(paired, {"a": 0, "b": 0}).tolist() == [0, -1]
