"""Penetration and touches beside the published columns, on boxes with answers known by hand."""

from dataclasses import replace

import numpy as np
import pytest

from marey.body import load_body
from marey.core.errors import InputError
from marey.evaluate import PoseSequence, PoseSet, evaluate, get_protocol
from marey.evaluate.additions import measure_additions, score_touches
from marey.evaluate.meetings import Surface, find_surface, meet_meshes
from marey.evaluate.prepare import Pair
from marey.evaluate.result import compare, read_metrics, write_metrics
from marey.jobs.evaluate.files import describe_rows
from marey.jobs.evaluate.page import render_evaluation

CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
BOX = Surface(
    faces=np.array(
        [
            *([0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5]),
            *([0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6]),
            *([0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]),
        ]
    ),
    part=np.array([0, 0, 0, 0, 1, 1, 1, 1]),
    names=("low", "high"),
)
"""A cube whose side of low x and side of high x are a part each."""


def small(x: float) -> np.ndarray:
    """A box of 40 cm beside the middle of the unit cube's side, beginning at x."""
    return 0.4 * CORNERS + [x, 0.3, 0.3]


def pair_of(ours, theirs) -> Pair:
    """One sequence of the unit cube and of small boxes, of which some may be absent."""

    def side(places) -> PoseSequence:
        boxes = [np.full((8, 3), np.nan) if x is None else small(x) for x in places]
        meshes = np.stack([np.stack([CORNERS] * len(places)), np.stack(boxes)])
        position = np.zeros((2, len(places), 24, 3))
        frame = np.arange(len(places))
        return PoseSequence(name="cam01", frame=frame, position=position, vertices=meshes)

    return Pair(
        name="cam01",
        predicted=side(ours),
        truth=side(theirs),
        valid=np.ones((2, len(ours), 24), bool),
        num_people=2 * len(ours),
        num_missed=sum(x is None for x in ours),
    )


def additions(ours, theirs) -> dict[str, float]:
    protocol = get_protocol("harmony4d")
    rows = measure_additions(protocol, [pair_of(ours, theirs)], surface=BOX)
    return {row.name: row.score.value for row in rows}


def test_depth_and_parts_of_two_boxes():
    # Its side of low x is 5 cm in the cube's side of high x.
    assert meet_meshes(CORNERS, small(0.95), BOX) == (pytest.approx(0.05), {(1, 0)})
    assert meet_meshes(small(0.95), CORNERS, BOX) == (pytest.approx(0.05), {(0, 1)})
    assert meet_meshes(CORNERS, small(1.005), BOX) == (0.0, {(1, 0)})
    assert meet_meshes(CORNERS, small(1.02), BOX) == (0.0, set())


def test_penetration_of_three_frames():
    found = additions((0.95, 1.001, 0.99), (1.005, 1.001, 0.999))
    assert found["penetration"] == pytest.approx((50 + 0 + 10) / 3)
    assert found["deepest penetration"] == pytest.approx(50)
    assert found["frames in collision"] == pytest.approx(200 / 3)
    assert found["penetration of the truth"] == pytest.approx(1 / 3)
    assert found["F1 of touches"] == 1.0


def test_touches_that_are_made_up_and_missed():
    # Right, made up, missed, and missed as one of the two was not found.
    found = additions((1.0, 1.0, 1.1, None), (1.005, 1.1, 1.0, 1.0))
    assert found["precision of touches"] == pytest.approx(1 / 2)
    assert found["recall of touches"] == pytest.approx(1 / 3)
    assert found["F1 of touches"] == pytest.approx(2 / 5)


def test_who_was_not_found_is_counted_as_missing():
    protocol, pair = get_protocol("harmony4d"), pair_of((0.95, None), (1.0, 1.0))
    row = measure_additions(protocol, [pair], surface=BOX)[0]
    assert (row.score.value, row.score.num_values) == (pytest.approx(50), 1)
    assert row.score.num_missing == 1
    parts = measure_additions(protocol, [pair], surface=BOX)[-1].per_joint
    assert parts == {"high - low": pytest.approx(2 / 3)}


def test_scores_of_nothing_are_no_numbers():
    one = {(0, 0, 0, 1, 2)}
    assert np.isnan(score_touches("touch-precision", set(), one))
    assert np.isnan(score_touches("touch-recall", one, set()))
    assert score_touches("touch-f1", one, set()) == 0.0
    assert np.isnan(score_touches("touch-f1", set(), set()))


def test_meshes_of_two_bodies_are_refused():
    pair = pair_of((1.0,), (1.0,))
    other = replace(pair.truth, vertices=np.zeros((2, 1, 9, 3)))
    with pytest.raises(InputError, match="9 vertices, others 8"):
        measure_additions(get_protocol("harmony4d"), [replace(pair, truth=other)], surface=BOX)


def poses_of(gap: float, *, vertices: bool = True) -> PoseSet:
    """Two shipped bodies at rest beside each other, their hands a gap apart."""
    body = load_body(mesh="light")
    rest = body.v_template.double().numpy()
    reach = np.ptp(rest[:, 0]) / 2
    shift = np.array([[reach + gap / 2, 0, 3.0], [-reach - gap / 2, 0, 3.0]])
    joints = np.random.default_rng(0).uniform(-0.8, 0.8, (24, 3)) + shift[:, None]
    each = PoseSequence(
        name="cam01",
        frame=np.arange(2),
        position=np.stack([joints, joints], 1),
        image=np.stack([joints, joints], 1)[..., :2] * 200 + 500,
        vertices=np.stack([rest + shift[:, None]] * 2, 1) if vertices else None,
    )
    return PoseSet(skeleton="smpl-24", unit="m", sequences=(each,))


def test_of_saved_meshes_and_apart_from_published_columns(tmp_path):
    truth, ours = poses_of(0.004), poses_of(-0.02)
    measured = evaluate(get_protocol("harmony4d"), ours, truth)
    result = measured.result
    assert all("touches" not in row.name for row in result.rows)
    assert result.row("recall of touches").score.value == 1.0
    assert 5 < result.row("penetration").score.value < 25
    assert result.row("penetration of the truth").score.value == 0.0
    assert "left_hand - right_hand" in result.row("F1 of touches").per_joint
    write_metrics(result, tmp_path / "metrics.json")
    again = read_metrics(tmp_path / "metrics.json")
    assert again.row("penetration") == result.row("penetration")
    assert "F1 of touches" in {each.name for each in compare(again, result)}
    assert any("beside the published columns" in line for line in describe_rows(result))
    assert "Beside the published columns" in render_evaluation(measured)


def test_without_meshes_or_faces_it_says_so():
    protocol, truth = get_protocol("harmony4d"), poses_of(0.01)
    bare = evaluate(protocol, poses_of(0.01, vertices=False), truth).result
    assert bare.row("penetration").note == "the predictions hold no vertices"
    assert find_surface(12, None) is None
    assert evaluate(get_protocol("3dpw"), *[_j14()] * 2).result.additions == ()


def _j14() -> PoseSet:
    position = np.random.default_rng(0).uniform(-0.8, 0.8, (1, 3, 14, 3))
    each = PoseSequence(name="walk", frame=np.arange(3), position=position)
    return PoseSet(skeleton="j14", unit="m", sequences=(each,))
