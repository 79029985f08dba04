"""Every keypoint belongs to the part of the body that a person would say."""

import pytest

from marey.core import load_skeleton
from marey.view.report.parts import is_finger, limbs_of, part_of, parts_of


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("left_wrist", "body"),
        ("left_hand_wrist", "left hand"),
        ("right_pinky4", "right hand"),
        ("right_thumb3_end", "right hand"),
        ("left_heel", "left foot"),
        ("right_ear", "head"),
        ("left_eye_outer", "other"),
        ("chin", "other"),
    ],
)
def test_parts(name, part):
    assert part_of(name) == part


def test_a_wrist_is_no_finger():
    assert not is_finger("left_wrist") and is_finger("left_index1")


def test_whole_body():
    parts = parts_of(load_skeleton("coco-wholebody-133"))
    sizes = {part: len(points) for part, points in parts.items()}
    assert sizes == {
        "body": 12, "head": 5, "left hand": 21, "right hand": 21, "left foot": 3, "right foot": 3,
    }  # fmt: skip


def test_limbs_of_a_small_skeleton():
    assert len(limbs_of(load_skeleton("coco-17"))) == 10
