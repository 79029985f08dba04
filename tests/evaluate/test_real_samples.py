"""Protocols on real files: numbers others measured, or that follow from what was done to them."""

import numpy as np
import pytest

from marey.evaluate import evaluate, get_protocol
from tests.evaluate.samples import SAMPLES, humaneva, panoptic


@pytest.mark.parametrize(
    ("cameras", "expected_cm"),
    [
        ("4_cams_model_1", 6.8),
        ("9_cams_model_0", 3.5),
        ("9_cams_model_1", 2.8),
        ("9_cams_model_2", 2.8),
    ],
)
def test_triangulated_people_have_the_error_the_sample_states(shared, cameras, expected_cm):
    # Twelve joints and the nose, absolute, as the sample's own description measured them.
    predicted, truth = panoptic(shared / "data", cameras)
    result = evaluate(get_protocol("panoptic-draft"), predicted, truth).result
    assert result.row("MPJPE").score.value / 10 == pytest.approx(expected_cm, abs=0.05)
    assert result.num_missed == 0


def test_interpolated_motion_is_exact_where_it_was_kept(shared):
    predicted, truth = humaneva(shared / "data")
    measured = evaluate(get_protocol("humaneva-draft"), predicted, truth)
    kept = [each.values[0, ::5] for each in measured.maps["MPJPE"]]
    assert np.concatenate(kept).max() == pytest.approx(0.0, abs=1e-3)
    coarse, truth = humaneva(shared / "data", step=15)
    worse = evaluate(get_protocol("humaneva-draft"), coarse, truth).result
    row = measured.result.row("MPJPE")
    assert 1.0 < row.score.value < 5.0 < worse.row("MPJPE").score.value
    assert row.interval is not None
    assert row.interval[0] < row.score.value < row.interval[1]


def test_a_spoilt_wrist_is_one_limb_of_ten(shared):
    predicted, truth = SAMPLES["shelf"](shared / "data")
    row = evaluate(get_protocol("shelf"), predicted, truth).result.row("PCP")
    # Spoilt in every other frame. Actors are found again though their order was changed.
    assert row.score.value == pytest.approx(95.0, abs=0.1)
    assert row.per_joint["left_elbow - left_wrist"] == pytest.approx(50.0, abs=1.0)
    assert row.per_joint["right_elbow - right_wrist"] == 100.0
    assert [name for name, value in row.per_sequence.items() if np.isfinite(value)] == [
        "shelf, person 0",
        "shelf, person 2",
    ]


def test_detections_of_human36m(shared):
    predicted, truth = SAMPLES["lsp-extended"](shared / "data")
    result = evaluate(get_protocol("lsp-extended"), predicted, truth).result
    errors = [
        np.linalg.norm(ours.position - theirs.position, axis=-1) / np.ptp(theirs.box[0, 0, ::2])
        for ours, theirs in zip(predicted.sequences, truth.sequences, strict=True)
    ]
    expected = np.mean(np.array(errors) <= 0.05)
    assert result.row("PCK@0.05").score.value == pytest.approx(expected)
    assert result.row("PCK@0.1").score.value == 1.0


def test_moved_people_are_found_and_followed_less_surely(shared):
    pytest.importorskip("motmetrics")
    predicted, truth = SAMPLES["posetrack-draft"](shared / "data")
    protocol = get_protocol("posetrack-draft")
    moved = evaluate(protocol, predicted, truth).result
    perfect = evaluate(protocol, truth, truth).result
    assert perfect.row("mAP (OKS)").score.value == pytest.approx(1.0)
    assert moved.row("mAP (OKS)").score.value < 0.9
    assert moved.row("MOTA (OKS 0.5)").score.value == pytest.approx(1.0)
    assert 0.5 < moved.row("HOTA (OKS)").score.value < perfect.row("HOTA (OKS)").score.value
