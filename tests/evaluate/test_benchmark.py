"""Measuring saved predictions: what is refused, what is counted, what cannot be compared."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from marey.core.errors import FormatError, InputError
from marey.evaluate import (
    compare,
    confidence_interval,
    evaluate,
    get_protocol,
    read_metrics,
    write_metrics,
)
from tests.evaluate.worlds import change, make_truth


def _noisy(truth, *, sigma=0.03, seed=1):
    rng = np.random.default_rng(seed)
    return change(truth, position=lambda p: p + rng.normal(0, sigma, p.shape))


class TestRefusals:
    @pytest.fixture
    def protocol(self):
        return get_protocol("3dpw")

    @pytest.fixture
    def truth(self, protocol):
        return make_truth(protocol)

    @pytest.mark.parametrize(("factor", "unit"), [(1000.0, "mm"), (100.0, "cm")])
    def test_millimetres_are_noticed(self, protocol, truth, factor, unit):
        poses = change(truth, position=lambda p: factor * p)
        with pytest.raises(InputError, match=f"the predictions, sequence 'walk'.*these are {unit}"):
            evaluate(protocol, poses, truth)
        with pytest.raises(InputError, match=f"the truth, sequence 'walk'.*these are {unit}"):
            evaluate(protocol, truth, poses)

    def test_shares_of_the_image_are_noticed(self):
        protocol = get_protocol("sub-jhmdb")
        truth = make_truth(protocol)
        with pytest.raises(InputError, match="pixels are expected"):
            evaluate(protocol, change(truth, position=lambda p: p / 2000), truth)

    def test_wrong_unit(self, protocol, truth):
        flat = make_truth(get_protocol("lsp-extended"))
        with pytest.raises(InputError, match="in m, the predictions are in px"):
            evaluate(protocol, flat, truth)

    def test_all_missing(self, protocol, truth):
        nothing = change(truth, position=lambda p: np.full_like(p, np.nan))
        with pytest.raises(InputError, match="not one position is a number"):
            evaluate(protocol, nothing, truth)

    def test_missing_frames_joints_and_sequences(self, protocol, truth):
        late = replace(
            truth,
            sequences=tuple(
                replace(
                    each,
                    frame=each.frame[3:],
                    **{
                        name: getattr(each, name)[:, 3:]
                        for name in ("position", "confidence", "image", "box", "vertices")
                    },
                )
                for each in truth.sequences
            ),
        )
        with pytest.raises(InputError, match="lack 3 of 40 frames, the first is frame 0"):
            evaluate(protocol, late, truth)
        result = evaluate(protocol, late, truth, allow_missing=True).result
        assert result.row("MPJPE").score.num_missing == 2 * 3 * 14

        gap = truth.sequences[0].position.copy()
        gap[0, 7, 2] = np.nan
        holed = replace(
            truth, sequences=(replace(truth.sequences[0], position=gap), truth.sequences[1])
        )
        with pytest.raises(InputError, match=r"1 of 560 true joints .* right_hip_lsp of"):
            evaluate(protocol, holed, truth)

        half = replace(truth, sequences=truth.sequences[:1])
        with pytest.raises(InputError, match="lack 1 of 2 sequences, the first is 'run'"):
            evaluate(protocol, half, truth)
        result = evaluate(protocol, half, truth, allow_missing=True).result
        assert "1 of 2 sequences have no predictions" in result.notes

    def test_another_number_of_people(self, protocol, truth):
        with pytest.raises(InputError, match="predictions hold 2 people, truth 1"):
            evaluate(protocol, make_truth(protocol, people=2), truth)

    def test_another_body(self, protocol, truth):
        with pytest.raises(InputError, match="12 vertices"):
            evaluate(protocol, truth, change(truth, vertices=lambda v: v[:, :, :5]))

    def test_nothing_in_common(self, protocol, truth):
        renamed = replace(truth, sequences=(replace(truth.sequences[0], name="jump"),))
        with pytest.raises(InputError, match="no sequence in common: 'jump'"):
            evaluate(protocol, renamed, truth, allow_missing=True)


class TestMissing:
    def test_what_can_be_wrong_is_wrong_when_missing(self):
        protocol = get_protocol("lsp-extended")
        truth = make_truth(protocol)

        def lose(position):
            position = position.copy()
            position[:, :, 0] = np.nan
            return position

        result = evaluate(protocol, change(truth, position=lose), truth).result
        assert result.row("PCK@0.05").score.value == pytest.approx(13 / 14)
        assert result.row("PCK@0.05").per_joint["right_ankle"] == 0.0

    def test_people_who_were_not_found(self):
        protocol = get_protocol("harmony4d")
        truth = make_truth(protocol, people=2)

        def lose(position):
            position = position.copy()
            position[1, :10] = np.nan
            return position

        lost = change(truth, position=lose, image=lose, vertices=lose)
        result = evaluate(protocol, lost, truth).result
        assert (result.num_people, result.num_missed) == (160, 20)
        assert result.row("MPJPE").score.value == pytest.approx(0.0)
        assert result.row("MPJPE").score.num_missing == 20 * 24
        assert result.row("F1").score.value == round(140 / 150, 2)
        assert result.row("PCK@150mm").score.value == 100.0
        strict = evaluate(protocol.without("found-only"), lost, truth).result
        assert strict.row("PCK@150mm").score.value == pytest.approx(100 * 140 / 160)

    def test_frames_after_the_last_window_may_be_dropped_where_that_is_the_custom(self):
        protocol = get_protocol("aist++")
        truth = make_truth(protocol)
        names = ("position", "confidence", "image", "box", "vertices")
        short = replace(
            truth,
            sequences=tuple(
                replace(
                    each,
                    frame=each.frame[:30],
                    **{name: getattr(each, name)[:, :30] for name in names},
                )
                for each in truth.sequences
            ),
        )
        assert evaluate(protocol, short, truth).result.row("MPJPE").score.num_frames == 60
        with pytest.raises(InputError, match="lack 10 of 40 frames"):
            evaluate(protocol.without("dropped-tail"), short, truth)

    def test_unsure_labels_do_not_count(self):
        protocol = get_protocol("hardmo")
        truth = make_truth(protocol)

        def doubt(confidence):
            confidence = confidence.copy()
            confidence[:, :, 0] = 0.4
            return confidence

        unsure = change(truth, confidence=doubt)
        row = evaluate(protocol, truth, unsure).result.row("MPJPE body")
        assert row.score.num_values == 80 * 16
        assert np.isnan(row.per_joint["nose"])


class TestInvariance:
    @settings(max_examples=10, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1))
    def test_turning_the_world_changes_nothing(self, seed):
        protocol = get_protocol("3dpw")
        truth = make_truth(protocol)
        predicted = _noisy(truth)
        turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
        fields = dict.fromkeys(("position", "vertices"), lambda each: each @ turn.T + 0.5)
        turned = evaluate(protocol, change(predicted, **fields), change(truth, **fields)).result
        for row in evaluate(protocol, predicted, truth).result.rows:
            assert turned.row(row.name).score.value == pytest.approx(row.score.value)

    @pytest.mark.parametrize("name", ["harmony4d", "panoptic-draft", "shelf", "posetrack-draft"])
    def test_any_order_of_the_people_found(self, name):
        protocol = get_protocol(name)
        truth = make_truth(protocol, people=3)
        noise = 4.0 if protocol.unit == "px" else 0.03
        predicted = _noisy(truth, sigma=noise)
        names = ("position", "confidence", "image", "box", "vertices")
        fields = dict.fromkeys(names, lambda each: each[[2, 0, 1]])
        moved = evaluate(protocol, change(predicted, **fields), truth).result
        for row in evaluate(protocol, predicted, truth).result.rows:
            assert moved.row(row.name).score.value == pytest.approx(row.score.value)

    def test_double_the_error_is_double_the_number(self):
        protocol = get_protocol("3dpw")
        truth = make_truth(protocol)
        near, far = _noisy(truth, sigma=0.01), _noisy(truth, sigma=0.02)
        first, second = (evaluate(protocol, each, truth).result for each in (near, far))
        for name in ("MPJPE", "Accel"):
            assert second.row(name).score.value == pytest.approx(2 * first.row(name).score.value)

    def test_the_worst_frame_is_found(self):
        protocol = get_protocol("3dpw")
        truth = make_truth(protocol)

        def spoil(position):
            position = position.copy()
            position[0, 17, 4] += 1.0
            return position

        row = evaluate(protocol, change(truth, position=spoil), truth).result.row("MPJPE")
        assert (row.worst[0].sequence, row.worst[0].frame) == ("walk", 17)
        assert row.worst[0].value == pytest.approx(1000 * np.sqrt(3) / 14)


class TestResult:
    @pytest.fixture
    def result(self):
        truth = make_truth(get_protocol("3dpw"), frames=300)
        return evaluate(get_protocol("3dpw"), _noisy(truth), truth).result

    def test_a_file_keeps_everything(self, result, tmp_path):
        write_metrics(result, tmp_path / "metrics.json")
        again = read_metrics(tmp_path / "metrics.json")
        assert again.rows == result.rows
        assert compare(result, again)[0].first == compare(result, again)[0].second

    def test_other_protocols_are_not_compared_unless_forced(self, tmp_path):
        protocol = get_protocol("harmony4d")
        truth = make_truth(protocol, people=2)
        rng = np.random.default_rng(0)
        predicted = change(_noisy(truth), vertices=lambda v: v + rng.normal(0, 0.02, v.shape))
        first = evaluate(protocol, predicted, truth).result
        second = evaluate(protocol.without("first-vertex"), predicted, truth).result
        with pytest.raises(InputError, match="differ in full_name, quirks"):
            compare(first, second)
        forced = {each.name: each for each in compare(first, second, force=True)}
        assert forced["MPJPE"].first == forced["MPJPE"].second
        assert forced["MPVPE"].first != forced["MPVPE"].second

    def test_a_changed_protocol_is_noticed(self, result, tmp_path):
        path = tmp_path / "metrics.json"
        write_metrics(result, path)
        path.write_text(path.read_text().replace('"gender": "neutral', '"gender": "male'))
        with pytest.raises(FormatError, match="protocol was changed after measuring"):
            read_metrics(path)
        path.write_text(path.read_text()[:300])
        with pytest.raises(FormatError):
            read_metrics(path)
        path.write_text('{"format": "marey metrics", "version": 1}')
        with pytest.raises(FormatError, match="damaged"):
            read_metrics(path)


class TestInterval:
    def test_it_is_as_wide_as_theory_says(self):
        means = np.random.default_rng(0).normal(0, 1, 50)
        low, high = confidence_interval(
            [mean + np.zeros((1, 40, 3)) for mean in means], order="values"
        )
        # The mean of 50 recordings scatters by the standard deviation over the root of 50.
        assert high - low == pytest.approx(2 * 1.96 * means.std() / np.sqrt(50), rel=0.1)
        assert low < means.mean() < high

    def test_frames_of_one_recording_are_not_drawn_one_by_one(self):
        means = np.random.default_rng(0).normal(0, 1, 40)
        low, high = confidence_interval([np.repeat(means, 30)[None, :, None]], order="values")
        # 40 stretches of equal frames are 40 observations and not 1200.
        assert high - low == pytest.approx(2 * 1.96 * means.std() / np.sqrt(40), rel=0.1)

    def test_too_little_to_draw_from(self):
        assert confidence_interval([np.zeros((1, 100, 3))], order="values") is None
        assert confidence_interval([np.zeros((1, 100, 3))] * 3, order="sequences") is None

    @pytest.mark.parametrize("order", ["values", "frames", "joints", "sequences"])
    def test_the_average_lies_inside(self, order):
        rng = np.random.default_rng(2)
        maps = [rng.exponential(size=(1, 50, 4)) for _ in range(12)]
        maps[3][0, 10:, 2] = np.nan
        low, high = confidence_interval(maps, order=order)
        assert low < 1.0 < high
        assert (low, high) == confidence_interval(maps, order=order)
