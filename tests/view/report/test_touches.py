"""Who touches whom in the report: told once for both, in frames, parts and centimetres."""

from dataclasses import replace

import numpy as np
import pytest

from marey.core.motion import BodyTouch
from marey.view.report import make_report, render_page
from marey.view.report.touch_section import describe_touching
from marey.view.report.touches import MAX_PARTS, find_in_touches, measure_touches

from .scenes import RATE, standing_motion, standing_take, touching_take
from .test_page import Page, read

HUG = [
    *((frame, "left_hand", "chest", 0.004) for frame in range(30, 60)),
    *((frame, "left_hand", "chest", -0.012) for frame in range(60, 75)),
    (60, "right_hand", "head", 0.0),
]
"""Anna's left hand on Ben's chest for a second and a half, pressing for the last half."""


def test_a_touch_in_both_names_is_one():
    (found,) = measure_touches(touching_take(HUG))
    assert (found.person, found.other) == ("Anna", "Ben")
    assert [(part.part, part.other_part) for part in found.parts] == [
        ("left_hand", "chest"),
        ("right_hand", "head"),
    ]
    np.testing.assert_array_equal(np.flatnonzero(found.frames), np.arange(30, 75))
    np.testing.assert_allclose(found.depth[[30, 59, 60, 74]], [0, 0, 0.012, 0.012], atol=1e-6)
    assert found.deepest() == (60, pytest.approx(0.012))
    assert [int(part.frames.sum()) for part in found.parts] == [45, 1]
    assert [part.depth for part in found.parts] == [pytest.approx(0.012), 0]


def test_people_who_came_later_are_on_the_clock_of_the_take():
    take = touching_take([(0, "head", "head", -0.01)], num_frames=20)
    late = tuple(replace(person, start=10) for person in take.people)
    (found,) = measure_touches(replace(take, time=np.arange(30) / RATE, people=late))
    assert np.flatnonzero(found.frames).tolist() == [10] and len(found.depth) == 30


def test_oneself_is_told_once():
    take = touching_take([(5, "left_hand", "head", 0.0)])
    anna, ben = take.people
    touch = anna.motion.touch
    own = BodyTouch(
        parts=touch.parts,
        others=("Anna",),
        person=np.zeros(2, np.int64),
        frame=np.array([5, 5]),
        part=np.array([0, 1]),
        other=np.zeros(2, np.int64),
        other_part=np.array([1, 0]),
        gap=np.zeros(2, np.float32),
    )
    alone = replace(anna, motion=replace(anna.motion, touch=own))
    (found,) = measure_touches(replace(take, people=(alone,)))
    assert (found.person, found.other, len(found.parts)) == ("Anna", "Anna", 1)
    assert "Anna, oneself" in read(replace(take, people=(alone,))).text
    # Ben's row of Anna alone is enough, and he may be touched by one who has left the take.
    bare = replace(anna, motion=replace(anna.motion, touch=None))
    for people in ((bare, ben), (ben,)):
        (found,) = measure_touches(replace(take, people=people))
        assert {found.person, found.other} == {"Anna", "Ben"}
        read(replace(take, people=people))


def test_more_pairs_of_parts_than_are_shown():
    rows = [(f, f"p{k}", f"q{k}", 0.0) for k in range(MAX_PARTS + 3) for f in range(k + 1)]
    (found,) = measure_touches(touching_take(rows))
    assert [part.part for part in found.parts] == [f"p{k}" for k in range(MAX_PARTS + 2, 2, -1)]
    assert found.num_more == 3
    assert "And 3 more pairs of parts, for a shorter time." in read(touching_take(rows)).text


def test_the_page_says_it_in_words():
    take = touching_take(HUG)
    report = make_report(take, "hug")
    text = describe_touching(report, report.touches[0])
    assert text == (
        "They touch in 45 frames of 90 (50 %): 1.0\N{EN DASH}2.5 s. Longest: left hand of Anna and "
        "chest of Ben. Deepest in each other: 1.2 cm at 2.0 s, left hand of Anna and chest of Ben."
    )
    page = Page(render_page(report))
    assert "Who touches whom" in page.text and text in page.text
    (drawing,) = [d for d in page.find("svg") if "touch, by parts" in (d.get("aria-label") or "")]
    bars = [a for tag, a in page.tags if tag == "rect" and a["class"] in ("level5", "level3")]
    spans = [a for a in bars if a["height"] == "12" and a["class"] == "level3"]
    # The clock runs over 516 px: 45 frames of 90, and one.
    assert drawing["viewbox"] == "0 0 760 87"
    assert float(spans[0]["width"]) == pytest.approx(516 / 2, rel=0.02)
    assert float(spans[1]["width"]) == pytest.approx(516 / 90, rel=0.02)
    assert not [finding for finding in report.findings if "each other" in finding.kind]


def test_bodies_deep_in_each_other_are_a_warning():
    take = touching_take([(f, "left_hand", "chest", -0.05) for f in range(30, 45)])
    (finding,) = find_in_touches(take, measure_touches(take))
    assert finding.serious and finding.who == "Anna and Ben"
    assert finding.text.startswith("Up to 5.0 cm deep, left hand and chest")
    assert finding.spans == ((1.0, pytest.approx(44 / RATE)),)
    assert "Bodies in each other" in read(take).text


def test_nobody_touches_and_nobody_has_looked():
    assert measure_touches(touching_take([])) == ()
    assert "Nobody touches anybody." in read(touching_take([])).text
    take = touching_take([])
    blank = tuple(replace(p, motion=replace(p.motion, touch=None)) for p in take.people)
    assert measure_touches(replace(take, people=blank)) is None
    assert "nobody has looked which parts touch" in read(replace(take, people=blank)).text
    # Of one body nothing is to be said.
    assert "Who touches whom" not in read(standing_take(standing_motion(4))).text


def test_a_single_frame():
    text = read(touching_take([(0, "head", "head", -0.001)], num_frames=1)).text
    assert "They touch in 1 frame of 1 (100 %)" in text
