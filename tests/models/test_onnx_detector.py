"""Users' detectors: tiny files with the documented layouts, whose answers are known beforehand.

No real YOLOX or RTMDet network is at hand; the files made here ignore the picture, or measure one
thing about it, and answer in the layout which the family documents.
"""

import numpy as np
import pytest

from marey.core.errors import FormatError
from marey.models.onnx_detector import OnnxPersonDetector
from marey.models.onnx_detector.layouts import count_cells, decode_yolox, prepare_picture
from tests.models import tiny_onnx as tiny

IMAGE = np.zeros((120, 320, 3), np.uint8)
SIZE = [1, 3, 64, 160]  # half of the image, with 4 px of grey below


def write(path, **outputs):
    path.write_bytes(tiny.constant_model(SIZE, outputs))
    return path


def test_raw_yolox_decodes_cells():
    """The cell in row 1, column 2 of stride 16 of a 64 x 160 input."""
    raw = np.zeros((count_cells((64, 160)), 85), np.float32)
    cell = 8 * 20 + 1 * 10 + 2
    raw[cell, :6] = [0.5, 0.25, np.log(3), np.log(2), 0.8, 0.5]
    box, score = decode_yolox(raw, size=(64, 160))
    np.testing.assert_allclose(box[cell], [2.5 * 16 - 24, 1.25 * 16 - 16, 40 + 24, 20 + 16])
    assert score[cell] == pytest.approx(0.4)


def test_a_raw_yolox_file_finds_the_person(tmp_path):
    raw = np.zeros((1, count_cells((64, 160)), 85), np.float32)
    raw[0, 0, :6] = [2, 2, np.log(2), np.log(4), 0.9, 0.9]
    raw[0, 1, :6] = [1, 2, np.log(2), np.log(4), 0.9, 0.8]  # one cell on: the same person
    raw[0, 30, [4, 6]] = 1  # sure, but of class 1
    detector = OnnxPersonDetector(write(tmp_path / "x.onnx", output=raw), "yolox")
    (found,) = detector.detect([IMAGE])
    # Centre 16, 16 and size 16 x 32 in the input, twice that in the image.
    np.testing.assert_allclose(found.box, [[16, 0, 48, 64]], atol=1e-4)
    np.testing.assert_allclose(found.confidence, [0.81], rtol=1e-6)


@pytest.mark.parametrize("family", ["yolox", "rtmdet"])
def test_end_to_end_files_keep_people_only(tmp_path, family):
    dets = np.float32([[[10, 10, 20, 40, 0.9], [50, 10, 60, 40, 0.8], [80, 10, 90, 40, 0.1]]])
    labels = np.array([[0, 5, 0]], np.int64)
    path = write(tmp_path / "e.onnx", dets=dets, labels=labels)
    (found,) = OnnxPersonDetector(path, family).detect([IMAGE])
    np.testing.assert_allclose(found.box, [[20, 20, 40, 80]], atol=1e-4)


def test_the_picture_is_letterboxed_in_bgr():
    image = np.zeros((60, 160, 3), np.uint8)
    image[..., 0], image[..., 2] = 200, 50
    picture, ratio = prepare_picture(image, family="yolox", size=(64, 160))
    assert ratio == 1
    assert picture[0, :, 10, 10].tolist() == [50, 0, 200]
    assert picture[0, :, 62, 10].tolist() == [114] * 3


def test_rtmdet_normalises():
    picture, _ = prepare_picture(np.full((8, 8, 3), 120, np.uint8), family="rtmdet", size=(8, 8))
    expected = (120 - np.array([103.53, 116.28, 123.675])) / [57.375, 57.12, 58.395]
    np.testing.assert_allclose(picture[0, :, 4, 4], expected, rtol=1e-5)


def test_other_networks_are_refused(tmp_path):
    odd = write(tmp_path / "odd.onnx", logits=np.zeros((1, 10), np.float32))
    with pytest.raises(FormatError, match="`dets` and `labels`"):
        OnnxPersonDetector(odd, "rtmdet")
    wrong = write(tmp_path / "wrong.onnx", output=np.zeros((1, 7, 85), np.float32))
    with pytest.raises(FormatError, match="raw YOLOX"):
        OnnxPersonDetector(wrong, "yolox").detect([IMAGE])
    flat = tmp_path / "flat.onnx"
    flat.write_bytes(tiny.constant_model([1, 10], {"output": np.zeros((1, 1), np.float32)}))
    with pytest.raises(FormatError, match="N 3 H W"):
        OnnxPersonDetector(flat, "yolox")
