"""Touches: what belongs to whom when people are cut out and laid side by side again."""

import numpy as np

from marey.core.motion import BodyTouch, join_touches


def table(**changes) -> BodyTouch:
    columns = {
        "person": np.array([0, 0, 1, 1]),
        "frame": np.array([3, 7, 3, 7]),
        "part": np.array([0, 1, 2, 0]),
        "other": np.array([1, 1, 0, 0]),
        "other_part": np.array([2, 0, 0, 1]),
        "gap": np.array([0.004, -0.01, 0.004, -0.01], np.float32),
    }
    return BodyTouch(parts=("head", "hips", "hand"), others=("a", "b"), **{**columns, **changes})


def test_a_person_has_the_rows_of_their_own_span():
    own = table().of_person(1, start=5, stop=10)
    assert own.frame.tolist() == [2]
    assert own.person.tolist() == [0]
    assert [own.others[o] for o in own.other] == ["a"]
    assert [own.parts[p] for p in own.other_part] == ["hips"]


def test_people_join_as_they_were_cut():
    whole = table()
    parts = [(2, whole.of_person(0, start=2)), (3, whole.of_person(1, start=3))]
    again = join_touches(parts)
    assert again is not None
    for name in ("person", "frame", "part", "other", "other_part", "gap"):
        assert getattr(again, name).tolist() == getattr(whole, name).tolist()


def test_names_of_others_are_made_one_list():
    first = table().of_person(0)
    second = BodyTouch(
        parts=first.parts,
        others=("c", "a"),
        person=np.array([0]),
        frame=np.array([1]),
        part=np.array([0]),
        other=np.array([1]),
        other_part=np.array([2]),
        gap=np.zeros(1, np.float32),
    )
    both = join_touches([(0, first), (0, second)])
    assert both is not None
    assert both.others == ("a", "b", "c")
    assert both.other[both.person == 1].tolist() == [0]
    assert join_touches([]) is None
