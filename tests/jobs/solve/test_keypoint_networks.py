"""`--keypoints segpose:WEIGHTS`: what it means, and a solve by a network of random weights."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from marey.capture.conceal import Concealer
from marey.core.errors import InputError
from marey.io.video import Frame
from marey.jobs.solve.journal import Journal
from marey.jobs.solve.keypoint_networks import choose_network, name_network
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.recorded import record_estimator
from marey.jobs.solve.stages import describe_people, find_changes
from marey.jobs.solve.video import capture_options, open_landmarks
from marey.models.protocols import takes_masks
from marey.models.segpose import SegPoseEstimator, VitPoseEstimator
from marey.models.segpose.weights import save_segpose
from tests.models.segpose.test_network import make_network
from tests.models.segpose.test_weights import SMALL


def test_names_of_networks_and_of_files():
    assert name_network(Path("segpose:a/b.pth")) == Path("a/b.pth")
    assert name_network(Path("keypoints.json")) is None
    options = choose_network(SolveOptions(every=2), Path("segpose:b.pth"))
    assert options == SolveOptions(every=2, landmarks=Path("b.pth"))
    for options, text in (
        (SolveOptions(), "segpose:"),
        (SolveOptions(landmarks=Path("x.onnx")), "segpose:b.pth"),
        (SolveOptions(), "segpose:b.onnx"),
    ):
        with pytest.raises(InputError):
            choose_network(options, Path(text))


def test_weights_open_by_their_suffix(tmp_path):
    save_segpose(make_network(SMALL), tmp_path / "seg.pth")
    save_segpose(make_network(replace(SMALL, mask_depth=0)), tmp_path / "plain.pt")
    seg, plain = open_landmarks(tmp_path / "seg.pth"), open_landmarks(tmp_path / "plain.pt")
    assert isinstance(seg, SegPoseEstimator) and takes_masks(seg)
    assert isinstance(plain, VitPoseEstimator) and not takes_masks(plain)
    with pytest.raises(InputError):
        open_landmarks(tmp_path / "absent.pth")


def test_a_journal_answers_for_masks_too(tmp_path):
    network = SegPoseEstimator(make_network(SMALL))
    image = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    box = np.array([20.0, 10, 80, 85])
    mask = np.zeros((90, 120), np.float32)
    mask[20:60, 30:60] = 1
    journal = Journal(tmp_path / "journal", b"x")
    recorded = record_estimator(network, journal)
    assert takes_masks(recorded)
    for _ in journal.watch([Frame(index=0, time=0.0, image=image)]):
        first = recorded.locate_masked(image, box, None, mask)
        other = recorded.locate_masked(image, box, None, 1 - mask)
        plain = recorded.locate(image, box)
    journal.close()
    network.network.keypoint_head.final_layer.bias.data += 1
    # Another run of the same: the answers stand, whatever the network would say now.
    journal = Journal(tmp_path / "journal", b"x")
    recorded = record_estimator(network, journal)
    for _ in journal.watch([Frame(index=0, time=0.0, image=image)]):
        again = recorded.locate_masked(image, box, None, mask)
    journal.close()
    np.testing.assert_array_equal(first.confidence, again.confidence)
    np.testing.assert_array_equal(first.position, again.position)
    assert not np.array_equal(first.position, other.position, equal_nan=True)
    assert not np.array_equal(first.position, plain.position, equal_nan=True)


def test_an_outline_is_drawn_where_the_body_is():
    network = SegPoseEstimator(make_network(SMALL))
    concealer = Concealer(network.skeleton)
    found = network.locate(np.zeros((200, 100, 3), np.uint8), np.array([10.0, 10, 90, 190]))
    points = found.position.copy()
    names = {"left_shoulder": (60, 60), "right_shoulder": (40, 60), "left_hip": (57, 100),
             "right_hip": (43, 100)}  # fmt: skip
    points[:] = np.nan
    for name, place in names.items():
        points[network.skeleton.index(name)] = place
    drawn = concealer.outline(
        (200, 100), replace(found, position=points, confidence=np.ones_like(found.confidence))
    )
    assert drawn.shape == (200, 100) and set(np.unique(drawn)) == {0.0, 1.0}
    assert drawn[80, 50] == 1 and drawn[180, 50] == 0


def test_masks_of_one_video_and_of_several(tmp_path):
    for name in ("cam1", "cam2"):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "1.png"), np.ones((4, 5), np.uint8))
    one = capture_options(SolveOptions(masks=tmp_path / "cam1")).masks
    assert one is not None and one.frames == (0,)
    many = SolveOptions(masks=tmp_path)
    assert capture_options(many, view="cam2").masks is not None
    assert capture_options(many, view="cam3").masks is None
    assert capture_options(SolveOptions()).masks is None
    with pytest.raises(InputError, match="does not exist"):
        capture_options(SolveOptions(masks=tmp_path / "absent"))


def test_other_masks_make_another_run(tmp_path):
    cv2.imwrite(str(tmp_path / "1.png"), np.ones((4, 5), np.uint8))
    options = SolveOptions(masks=tmp_path)
    before = describe_people(options)
    assert "masks" not in describe_people(SolveOptions())
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((4, 5), np.uint8))
    assert find_changes({"people": before}, {"people": describe_people(options)}, "people") == [
        "--masks"
    ]
