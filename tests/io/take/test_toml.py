"""The TOML writer, judged by Python's own reader."""

import tomllib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marey.core.errors import InputError
from marey.io._toml import format_toml, sort_table

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), TEXT
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_everything_reads_back(table):
    assert tomllib.loads(format_toml(table)) == table


@settings(deadline=None)
@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_sorting_forgets_the_order(table):
    turned = dict(reversed(table.items()))
    assert format_toml(sort_table(table)) == format_toml(sort_table(turned))
    assert sort_table(table) == table


def test_nan_and_numpy_scalars():
    text = format_toml({"a": float("nan"), "b": np.float32(0.5), "c": np.int64(3), "d": np.True_})
    found = tomllib.loads(text)
    assert found.pop("a") != 0
    assert found == {"b": 0.5, "c": 3, "d": True}


def test_it_looks_as_a_person_would_write_it():
    table = {"z": 1, "fit": {"rate": 0.1}, "clips": [{"path": "a"}, {"path": "b"}], "none": None}
    assert format_toml(table) == (
        'z = 1\n\n[fit]\nrate = 0.1\n\n[[clips]]\npath = "a"\n\n[[clips]]\npath = "b"\n'
    )


@pytest.mark.parametrize("value", [object(), b"x", {1: 2}, [None], "\ud800", np.zeros(2)])
def test_what_toml_cannot_hold_is_refused(value):
    with pytest.raises(InputError):
        format_toml({"a": {"b": value}})
