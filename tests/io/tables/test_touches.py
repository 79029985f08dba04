"""Touches as tables that any program reads."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from marey.core import BodyMotion, BodyTouch
from marey.core.errors import InputError, NothingFoundError
from marey.io.tables.touches import COLUMNS, write_touches


def motion() -> BodyMotion:
    touch = BodyTouch(
        parts=("head", "left_hand"),
        others=("Anna", "Bo"),
        person=np.array([0, 1]),
        frame=np.array([2, 2]),
        part=np.array([1, 0]),
        other=np.array([1, 0]),
        other_part=np.array([0, 1]),
        gap=np.array([-0.0042, -0.0042], np.float32),
    )
    return BodyMotion(
        body="marey-h",
        people=("Anna", "Bo"),
        time=np.arange(3) / 10,
        shape=np.zeros((2, 0)),
        T_world_root=np.full((2, 3, 7), np.nan),
        R_parent_joint=np.full((2, 3, 1, 4), np.nan),
        confidence=np.zeros((2, 3)),
        touch=touch,
    )


def test_both_formats_hold_the_same(tmp_path):
    write_touches(motion(), tmp_path / "a.csv")
    write_touches(motion(), tmp_path / "a.json")
    rows = json.loads((tmp_path / "a.json").read_text())
    assert rows[0] == {
        "person": "Anna",
        "frame": 2,
        "time_s": 0.2,
        "part": "left_hand",
        "other": "Bo",
        "other_part": "head",
        "gap_m": -0.0042,
    }
    table = list(csv.reader((tmp_path / "a.csv").read_text().splitlines()))
    assert tuple(table[0]) == COLUMNS
    assert table[2] == [str(value) for value in rows[1].values()]


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match=r"a\.xls"):
        write_touches(motion(), tmp_path / "a.xls")
    with pytest.raises(NothingFoundError, match="mark_touches"):
        write_touches(replace(motion(), touch=None), tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []
