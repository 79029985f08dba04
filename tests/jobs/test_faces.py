"""What is said of faces: frames of people count, with most of the 68 points or without."""

from dataclasses import replace

import numpy as np
import pytest

from marey.core import Keypoints2D, Person, Take, load_skeleton
from marey.io.take import write_take
from marey.jobs.faces import say_faces

TIME = np.arange(5) / 30


def make_person(name: str, faces: int, *, unseen: int = 0) -> Person:
    """Return a person of five frames, the first of them with a face, the last of them unseen."""
    confidence = np.ones((1, 5, 133), np.float32)
    confidence[:, faces:, 28:91] = 0
    confidence[:, 5 - unseen :] = 0
    position = np.where(confidence[..., None] > 0, 1.0, np.nan).repeat(2, -1).astype(np.float32)
    points = Keypoints2D(
        skeleton=load_skeleton("coco-wholebody-133"),
        people=(name,),
        time=TIME,
        position=position,
        confidence=confidence,
    )
    return Person(name=name, start=0, num_frames=5, keypoints2d=(points,))


@pytest.mark.parametrize(
    ("people", "said"),
    [
        ((("a", 2, 0), ("b", 5, 1)), "faces were found in 6 of 9 frames of people"),
        ((("a", 0, 0),), "no face was found in 5 frames of people; faces that are small"),
    ],
)
def test_faces_are_counted(tmp_path, people, said):
    made = tuple(make_person(name, faces, unseen=unseen) for name, faces, unseen in people)
    write_take(Take(time=TIME, people=made), tmp_path / "a.take")
    assert say_faces(tmp_path / "a.take").startswith(said)


def test_a_person_without_keypoints_counts_nothing(tmp_path):
    person = replace(make_person("a", 5), keypoints2d=())
    write_take(Take(time=TIME, people=(person,)), tmp_path / "a.take")
    assert say_faces(tmp_path / "a.take").startswith("no face was found in 0 frames")
