"""Masks from elsewhere in each of their layouts, and what is refused."""

import json

import cv2
import numpy as np
import pytest

from marey.core.errors import FormatError, InputError
from marey.io.masks import open_masks
from marey.io.masks._rle import encode_text, find_runs

SIZE = (20, 12)


def make_masks() -> np.ndarray:
    masks = np.zeros((2, 12, 20), bool)
    masks[0, 2:9, 3:8] = True
    masks[1, 4:11, 8:17] = True
    return masks


def test_a_folder_per_person(tmp_path):
    masks = make_masks()
    for name, mask in zip(("anna", "ben"), masks, strict=True):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "00007.png"), mask * 255)
    cv2.imwrite(str(tmp_path / "anna" / "00009.png"), masks[0] * np.uint8(1))
    opened = open_masks(tmp_path)
    assert opened.frames == (0, 2)
    first = opened.read(0, SIZE)
    assert first.people == ("anna", "ben")
    np.testing.assert_array_equal(first.mask, masks)
    assert opened.read(2, SIZE).people == ("anna",)
    assert opened.read(1, SIZE) is None


@pytest.mark.parametrize("kind", ["grey", "sixteen bits", "colour", "palette-like alpha"])
def test_labels_of_everybody(tmp_path, kind):
    masks = make_masks()
    labels = masks[0] * 3 + masks[1] * 200
    picture = {
        "grey": labels.astype(np.uint8),
        "sixteen bits": (masks[0] * 3 + masks[1] * 768).astype(np.uint16),
        "colour": np.stack([masks[0] * 250, masks[1] * 9, labels * 0], -1).astype(np.uint8),
        "palette-like alpha": np.stack(
            [masks[0] * 250, masks[1] * 9, labels * 0, labels * 0 + 255], -1
        ).astype(np.uint8),
    }[kind]
    cv2.imwrite(str(tmp_path / "frame.png"), picture)
    found = open_masks(tmp_path).read(0, SIZE)
    assert len(found.people) == 2
    order = np.argsort([mask.sum() for mask in found.mask])
    np.testing.assert_array_equal(found.mask[order], masks)


def test_soft_and_lossy_masks_are_of_one_person(tmp_path):
    rows, columns = np.mgrid[0:120, 0:200]
    distance = np.hypot(rows - 60, columns - 100)
    soft = np.clip(128 + 4 * (40 - distance), 0, 255).astype(np.uint8)
    for name in ("a.png", "b.jpg"):
        cv2.imwrite(str(tmp_path / name), soft)
    opened = open_masks(tmp_path)
    for frame in (0, 1):
        found = opened.read(frame, (200, 120))
        assert found.people == ("1",)
        sure = np.abs(distance - 40) > 2
        np.testing.assert_array_equal(found.mask[0][sure], (distance < 40)[sure])


def coco(masks, *, compressed: bool, images: bool = True, **more):
    rows = []
    for person, mask in enumerate(masks):
        runs = find_runs(mask)
        counts = encode_text(runs) if compressed else runs.tolist()
        segmentation = {"size": list(mask.shape), "counts": counts}
        rows.append({"id": person, "image_id": 40, "segmentation": segmentation, **more})
    if not images:
        return rows
    return {"images": [{"id": 40, "file_name": "b7.jpg"}, {"id": 3, "file_name": "b10.jpg"}],
            "annotations": rows}  # fmt: skip


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("images", [True, False])
def test_cocos_json(tmp_path, compressed, images):
    masks = make_masks()
    path = tmp_path / "masks.json"
    path.write_text(json.dumps(coco(masks, compressed=compressed, images=images)))
    opened = open_masks(path)
    assert opened.frames == (0,)
    found = opened.read(0, SIZE)
    assert found.people == ("1", "2")
    np.testing.assert_array_equal(found.mask, masks)
    assert opened.read(1, SIZE) is None


def test_tracks_name_people(tmp_path):
    path = tmp_path / "masks.json"
    path.write_text(json.dumps(coco(make_masks()[:1], compressed=True, track_id=17)))
    assert open_masks(path).read(0, SIZE).people == ("17",)


def test_masks_of_another_size_are_refused(tmp_path):
    path = tmp_path / "masks.json"
    path.write_text(json.dumps(coco(make_masks(), compressed=True)))
    with pytest.raises(FormatError, match="20x12 px, its picture's is 40x24 px"):
        open_masks(path).read(0, (40, 24))
    cv2.imwrite(str(tmp_path / "one.png"), make_masks()[0] * 255)
    with pytest.raises(FormatError, match=r"20x12 px, its picture 40x24.*own size"):
        open_masks(tmp_path).read(0, (40, 24))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "5",
        '{"annotations": 3}',
        '{"annotations": [], "images": []}',
        '[{"image_id": "x", "segmentation": []}]',
        '{"annotations": [{"image_id": 2, "segmentation": []}], "images": [{"id": 1}]}',
        '{"annotations": [{"image_id": 1, "segmentation": []}], "images": [{"id": 1}, {"id": 1}]}',
        '[{"image_id": 1, "track_id": 1, "segmentation": []},'
        ' {"image_id": 1, "track_id": 1, "segmentation": []}]',
    ],
)
def test_json_that_holds_no_masks_is_refused(tmp_path, text):
    path = tmp_path / "masks.json"
    path.write_text(text)
    with pytest.raises(FormatError):
        open_masks(path)


def test_paths_that_are_none(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        open_masks(tmp_path / "absent")
    with pytest.raises(InputError, match="holds no masks"):
        open_masks(tmp_path)
    (tmp_path / "masks.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match="PNG"):
        open_masks(tmp_path / "masks.zip")
    (tmp_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    with pytest.raises(FormatError):
        open_masks(tmp_path).read(0, SIZE)


def test_too_many_colours_are_refused(tmp_path):
    picture = np.arange(12 * 20 * 4, dtype=np.uint16).reshape(12, 80)
    cv2.imwrite(str(tmp_path / "1.png"), picture)
    with pytest.raises(FormatError, match="colours"):
        open_masks(tmp_path).read(0, (80, 12))
