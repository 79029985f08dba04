"""Results of networks survive as bytes to the last bit; damaged bytes are refused."""

from dataclasses import dataclass, fields, is_dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marey.core.errors import FormatError
from marey.jobs.solve.values import decode, encode
from marey.models.crop import SquareCrop
from marey.models.hands import HandLandmarks
from marey.models.protocols import PersonBoxes


@dataclass(frozen=True)
class Nested:
    crop: SquareCrop | None
    number: float
    array: np.ndarray | np.generic


def same(one, other) -> bool:
    if is_dataclass(one):
        return type(one) is type(other) and all(
            same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one)
        )
    if isinstance(one, np.ndarray | np.generic):
        exact = one.dtype == other.dtype and one.shape == other.shape
        return exact and type(one) is type(other) and one.tobytes() == other.tobytes()
    return type(one) is type(other) and repr(one) == repr(other)


CROP = SquareCrop(center=np.array([0.1, 2.0]), side=float(np.pi), angle=-1e-300)
HAND = HandLandmarks(
    position=np.linspace(0, 1, 42).reshape(21, 2),
    world=np.full((21, 3), np.nan),
    presence=0.25,
    left=1.0,
    crop=CROP,
)


@pytest.mark.parametrize(
    "value",
    [
        CROP,
        HAND,
        PersonBoxes(box=np.zeros((0, 4), np.float32), confidence=np.zeros(0, np.float32)),
        Nested(None, float("inf"), np.float32(0.1)),
        Nested(CROP, -0.0, np.arange(6).reshape(2, 3).T),
    ],
)
def test_values_survive_to_the_last_bit(value):
    back = decode(type(value), encode(value))
    assert same(back, value)


def test_decoded_arrays_are_the_readers_own():
    back = decode(HandLandmarks, encode(HAND))
    back.position[0] = 5.0
    assert decode(HandLandmarks, encode(HAND)).position[0, 0] == 0.0


@given(st.data())
def test_damage_is_refused_or_harmless(data):
    content = bytearray(encode(HAND))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(0, len(content)))
    for bad in (bytes(content), bytes(content[:cut])):
        try:
            decode(HandLandmarks, bad)
        except FormatError:
            continue


def test_what_cannot_be_recorded_is_said():
    with pytest.raises(TypeError, match="cannot be recorded"):
        encode({"a": 1})
