"""Following people: known answers, and HOTA's formulas written as plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from marey.core.errors import MissingExtraError
from marey.evaluate import TrackedFrame, hota, mot


def _frames(people: list[list[int]], tracks: list[list[int]]) -> list[TrackedFrame]:
    # Each track is perfectly on the person of the same place in the list.
    return [
        TrackedFrame(
            predicted=np.array(found, int),
            truth=np.array(there, int),
            similarity=np.eye(len(found), len(there)),
        )
        for there, found in zip(people, tracks, strict=True)
    ]


def _random_frames(seed: int) -> list[TrackedFrame]:
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(8):
        there = rng.permutation(5)[: rng.integers(0, 5)]
        found = rng.permutation(6)[: rng.integers(0, 5)]
        frames.append(
            TrackedFrame(
                predicted=found, truth=there, similarity=rng.random((len(found), len(there)))
            )
        )
    return frames


def _plain_hota(frames: list[TrackedFrame]) -> float:  # noqa: C901
    pairs: dict[tuple[int, int], float] = {}
    num_tracked: dict[int, int] = {}
    num_true: dict[int, int] = {}
    for frame in frames:
        for track in frame.predicted.tolist():
            num_tracked[track] = num_tracked.get(track, 0) + 1
        for person in frame.truth.tolist():
            num_true[person] = num_true.get(person, 0) + 1
        for i, track in enumerate(frame.predicted.tolist()):
            for j, person in enumerate(frame.truth.tolist()):
                s = frame.similarity[i, j]
                either = frame.similarity[i].sum() + frame.similarity[:, j].sum() - s
                pairs[track, person] = pairs.get((track, person), 0.0) + s / either
    overall = {
        (track, person): share / (num_tracked[track] + num_true[person] - share)
        for (track, person), share in pairs.items()
    }
    values = []
    for alpha in np.arange(1, 20) * 0.05:
        matches = []
        for frame in frames:
            score = np.array(
                [
                    [overall[t, p] * frame.similarity[i, j] for j, p in enumerate(frame.truth)]
                    for i, t in enumerate(frame.predicted)
                ]
            ).reshape(frame.similarity.shape)
            for i, j in zip(*linear_sum_assignment(-score), strict=True):
                if frame.similarity[i, j] >= alpha - 1e-15:
                    matches.append((int(frame.predicted[i]), int(frame.truth[j])))
        association = 0.0
        for track, person in matches:
            both = matches.count((track, person))
            association += both / (num_tracked[track] + num_true[person] - both)
        total = sum(num_tracked.values()) + sum(num_true.values()) - len(matches)
        values.append(np.sqrt(association / total) if total else np.nan)
    return float(np.mean(values))


class TestHota:
    @settings(max_examples=25, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1))
    def test_agrees_with_plain_loops(self, seed):
        # HOTA is the root of the sum of association over matches, per match, miss or false find.
        frames = _random_frames(seed)
        np.testing.assert_allclose(hota(frames).hota, _plain_hota(frames))

    def test_perfect_is_one(self):
        score = hota(_frames([[1, 2]] * 5, [[7, 8]] * 5))
        assert (score.hota, score.detection, score.association) == (1.0, 1.0, 1.0)

    def test_an_exchange_halfway_costs_association_only(self):
        score = hota(_frames([[1, 2]] * 10, [[7, 8]] * 5 + [[8, 7]] * 5))
        assert score.detection == pytest.approx(1.0)
        # Each match's track and person share 5 of the 15 frames either is in.
        assert score.association == pytest.approx(1 / 3)

    def test_nobody_anywhere_has_no_score(self):
        assert np.isnan(hota([]).hota)
        assert hota(_frames([[1]], [[]])).hota == 0.0


class TestMot:
    def test_an_exchange_is_two_switches(self):
        pytest.importorskip("motmetrics")
        score = mot(_frames([[1, 2]] * 10, [[7, 8]] * 5 + [[8, 7]] * 5))
        assert (score.num_switches, score.num_misses, score.num_false) == (2, 0, 0)
        assert score.mota == pytest.approx(1 - 2 / 20)
        assert score.motp == pytest.approx(1.0)
        assert (score.num_people, score.num_frames) == (20, 10)

    def test_misses_and_false_finds(self):
        pytest.importorskip("motmetrics")
        frames = _frames([[1, 2]] * 4, [[7]] * 4)
        frames[0] = TrackedFrame(
            predicted=np.array([7, 9]),
            truth=np.array([1, 2]),
            similarity=np.array([[1, 0], [0, 0.4]]),
        )
        score = mot(frames)
        assert (score.num_misses, score.num_false, score.num_switches) == (4, 1, 0)
        assert score.mota == pytest.approx(1 - 5 / 8)

    def test_without_the_library_it_says_how_to_get_it(self, monkeypatch):
        import sys

        monkeypatch.setitem(sys.modules, "motmetrics", None)
        with pytest.raises(MissingExtraError, match=r"pip install 'marey\[tracking\]'"):
            mot([])
