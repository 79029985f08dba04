"""Rows of sightings: a list by its behaviour, a file by where it lies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marey.capture.views import sightings
from marey.capture.views.sightings import Sighting, Sightings


def sighting(number: int) -> Sighting:
    rng = np.random.default_rng(number)
    return Sighting(
        position=rng.normal(size=(3, 2)).astype(np.float32),
        confidence=rng.random(3, np.float32),
        sigma=np.full(3, np.nan, np.float32),
        world=rng.normal(size=(3, 3)).astype(np.float32),
        box=rng.random(4, np.float32),
        score=float(np.float32(rng.random())),
    )


def same(one: Sighting | None, other: Sighting | None) -> bool:
    if one is None or other is None:
        return one is other
    members = ("position", "confidence", "sigma", "world", "box", "score")
    return all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in members
    )


@pytest.fixture(autouse=True)
def few_in_memory(monkeypatch):
    monkeypatch.setattr(sightings, "_RECENT", 4)


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 50)),
        st.tuples(st.just("gap"), st.integers(1, 20)),
        st.tuples(st.just("take back"), st.integers(1, 12)),
        st.tuples(st.just("complete"), st.integers(1, 12)),
        st.tuples(st.just("trim"), st.just(0)),
    ),
    max_size=30,
)


@given(actions=ACTIONS)
@settings(max_examples=60, deadline=None)
def test_a_file_behind_it_makes_no_difference(tmp_path_factory, actions):
    path = tmp_path_factory.mktemp("rows") / "one.rows"
    rows, expected = Sightings(path), []
    for number, (action, count) in enumerate(actions):
        if action in ("append", "gap"):
            new = [sighting(number + k) if action == "append" else None for k in range(count)]
            expected += new
            for value in new:
                rows.append(value)
        elif action == "trim":
            rows.trim()
            while expected and expected[-1] is None:
                expected.pop()
        elif len(expected) >= count:
            expected[-count] = rows[-count] = None if action == "take back" else sighting(number)
    assert len(rows) == len(expected)
    assert rows.num_seen == sum(value is not None for value in expected)
    rows.flush()
    assert all(same(one, other) for one, other in zip(rows, expected, strict=True))
    if rows.num_seen == 0:
        return
    memory = Sightings(rows=expected)
    for part in (slice(0, len(expected)), slice(2, 7)):
        start, stop, _ = part.indices(len(expected))
        one, other = rows.block(start, stop), memory.block(start, stop)
        for name in ("position", "confidence", "sigma", "world", "box", "score"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_memory_holds_the_latest_rows_only(tmp_path):
    rows = Sightings(tmp_path / "one.rows")
    for number in range(1000):
        rows.append(sighting(number))
        assert len(rows._recent) < 8
    assert same(rows[17], sighting(17))
    assert (tmp_path / "one.rows").stat().st_size > 900 * 26 * 4
    rows.discard()
    assert not (tmp_path / "one.rows").exists()


def test_missing_rows_are_nan_with_no_confidence():
    block = Sightings(rows=[sighting(0), None]).block(0, 2)
    assert np.isnan(block.position[1]).all()
    assert np.isnan(block.box[1]).all()
    assert (block.confidence[1] == 0).all()
    assert block.score.tolist() == [np.float32(sighting(0).score), 0.0]
