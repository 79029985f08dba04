"""Touches in takes: they survive, and a table that names what is not there is refused."""

from dataclasses import replace

import numpy as np
import pytest

from marey.core.errors import FormatError
from marey.core.motion import BodyTouch
from marey.io.take import read_take, write_take
from tests.fixtures.golden_take import make_take


def touched(take):
    touch = BodyTouch(
        parts=("head", "left_hand"),
        others=("Anna", "Robot"),
        person=np.zeros(2, np.int64),
        frame=np.array([0, 1]),
        part=np.array([1, 0]),
        other=np.array([1, 1]),
        other_part=np.array([0, 0]),
        gap=np.array([0.0031, -0.012], np.float32),
    )
    people = [
        replace(p, motion=replace(p.motion, touch=touch)) if p.motion is not None else p
        for p in take.people
    ]
    return replace(take, people=tuple(people)), touch


def test_touches_survive(tmp_path):
    take, touch = touched(make_take())
    write_take(take, tmp_path / "a.take")
    again = read_take(tmp_path / "a.take", verify=True)
    found = next(p.motion.touch for p in again.people if p.motion is not None)
    assert (found.parts, found.others) == (touch.parts, touch.others)
    for name in ("person", "frame", "part", "other", "other_part", "gap"):
        np.testing.assert_array_equal(getattr(found, name), getattr(touch, name))


def test_no_touch_at_all_survives(tmp_path):
    take, touch = touched(make_take())
    none = touch.of_person(5)
    people = [
        replace(p, motion=replace(p.motion, touch=none)) if p.motion is not None else p
        for p in take.people
    ]
    write_take(replace(take, people=tuple(people)), tmp_path / "a.take")
    motions = [p.motion for p in read_take(tmp_path / "a.take").people if p.motion is not None]
    assert len(motions[0].touch.frame) == 0


@pytest.mark.parametrize("rows", [[[0, 9, 0, 0, 0]], [[-1, 0, 0, 0, 0]], [[0, 0, np.nan, 0, 0]]])
def test_rows_that_name_nobody_are_refused(tmp_path, rows):
    take, _ = touched(make_take())
    write_take(take, tmp_path / "a.take")
    for file in (tmp_path / "a.take").rglob("*.touch.npy"):
        np.save(file, np.array([*rows, [0, 0, 0, 0, 0]], "<f8"))
    with pytest.raises(FormatError, match="touches"):
        read_take(tmp_path / "a.take")
