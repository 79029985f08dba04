"""Contact signatures: the real sample, and files that contradict themselves."""

import json

import numpy as np
import pytest

from marey.core.errors import FormatError
from marey.datasets import flickrci3d


def test_who_touches_whom(shared):
    (path,) = flickrci3d.sequences(shared / "data/flickrci3d")
    contacts = list(flickrci3d.read_contacts(path))
    pairs = [each for each in contacts if each.image == "girls_250416"]
    assert len(pairs) == 3
    assert pairs[0].people == (5, 6)
    assert pairs[0].box.shape == (30, 4)
    assert pairs[0].region.shape == pairs[0].vertex.shape == (6, 2)
    np.testing.assert_array_equal(pairs[0].region[0], [19, 45])
    # Boxes of people who touch lie close to each other.
    for each in contacts:
        first, second = each.box[list(each.people)]
        gap = np.maximum(first[:2], second[:2]) - np.minimum(first[2:], second[2:])
        assert gap.max() < 0.5 * np.ptp(first.reshape(2, 2), axis=0).max()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"person_ids": [0, 5]}, "person_ids"),
        ({"person_ids": [0]}, "person_ids"),
        ({"smplx": {"region_id": [[1, 75]], "vertex_id": [[1, 2]]}}, "region_id"),
        ({"smplx": {"region_id": [[1, 2]], "vertex_id": [[1, 2], [3, 4]]}}, "vertex_id"),
        ({"smplx": {"region_id": [[1, 2.5]], "vertex_id": [[1, 2]]}}, "region_id"),
        ({"smplx": None}, "smplx"),
    ],
)
def test_contradictions_are_refused(tmp_path, change, said):
    pair = {"person_ids": [0, 1], "smplx": {"region_id": [[1, 2]], "vertex_id": [[3, 4]]}} | change
    path = tmp_path / "interaction_contact_signature.json"
    path.write_text(json.dumps({"a": {"bbxes": [[0, 0, 9, 9]] * 2, "ci_sign": [pair]}}))
    with pytest.raises(FormatError, match=said):
        list(flickrci3d.read_contacts(path))
