"""From network points to COCO-WholeBody-133, and following a person through real frames."""

import dataclasses

import av
import numpy as np
import pytest

from marey.models.blazepose import decode_pose
from marey.models.crop import SquareCrop
from marey.models.detector import SsdPersonDetector
from marey.models.face import FaceEstimator, FaceLandmarks
from marey.models.hands import HandLandmarks
from marey.models.keypoints import FACE_POINTS, WHOLE_BODY, believe, combine_landmarks
from marey.models.wholebody import WholeBodyEstimator

CROP = SquareCrop(center=np.array([128.0, 128.0]), side=256.0)


def made_up_pose(*, visibility_logit=5.0, side=256.0):
    """Point k lies at (k, 2 k) px and at (k, 2 k, 3 k) cm."""
    k = np.arange(39.0)
    landmarks = np.stack([k, 2 * k, 0 * k, 0 * k + visibility_logit, 0 * k + 50], 1)
    crop = SquareCrop(center=np.array([128.0, 128.0]), side=side)
    return decode_pose(landmarks, np.stack([k, 2 * k, 3 * k], 1) / 100, 0.9, crop)


def made_up_hand():
    points = np.arange(42.0).reshape(21, 2)
    world = np.arange(63.0).reshape(21, 3) / 1000
    return HandLandmarks(position=points, world=world, presence=0.8, left=1.0, crop=CROP)


def test_points_arrive_under_their_names():
    person = combine_landmarks(made_up_pose(), made_up_hand(), None)
    at = WHOLE_BODY.index
    for name, source in {"nose": 0, "right_ear": 8, "left_wrist": 15, "left_big_toe": 31,
                         "right_heel": 30, "right_index1": 20}.items():  # fmt: skip
        np.testing.assert_allclose(person.position[at(name)], [source, 2 * source], err_msg=name)
    np.testing.assert_allclose(person.world[at("left_knee")], [0.25, 0.5, 0.75], rtol=1e-6)
    # The left hand is the hand network's; its knuckles overrule the body network's.
    np.testing.assert_allclose(person.position[at("left_index1")], [10, 11])
    np.testing.assert_allclose(person.world[at("left_hand_wrist")], 0, atol=1e-7)
    assert person.confidence[at("left_pinky4")] == pytest.approx(0.8)
    # The right hand was not found: three knuckles from the body, relative to its wrist.
    np.testing.assert_allclose(
        person.world[at("right_index1")], np.array([4, 8, 12]) / 100, rtol=1e-5
    )
    assert np.isnan(person.position[at("right_thumb4")]).all()


def test_confidence_is_the_least_of_three_and_unsupported_poses_score_low():
    pose = made_up_pose(visibility_logit=0.0)
    support = np.full(39, 0.9)
    support[0], support[5:] = 0.1, 0.2
    pose = dataclasses.replace(pose, support=support)
    person = combine_landmarks(pose, None, None)
    assert person.confidence[WHOLE_BODY.index("nose")] == pytest.approx(0.1)
    assert person.confidence[WHOLE_BODY.index("left_eye")] == pytest.approx(0.5)
    # Four of 33 points are supported, a third of the share that a real person has.
    assert person.score == pytest.approx(0.9 * 4 / 33 / 0.35)


def test_missing_is_nan_and_zero_together():
    person = combine_landmarks(made_up_pose(), None, made_up_hand())
    missing = person.confidence == 0
    assert missing[WHOLE_BODY.index("left_small_toe")]
    assert missing[23:91].all()
    np.testing.assert_array_equal(np.isnan(person.position).all(1), missing)
    np.testing.assert_array_equal(np.isnan(person.world).all(1), missing)
    np.testing.assert_array_equal(np.isnan(person.sigma), missing)


def made_up_face():
    mesh = np.arange(2 * 468.0).reshape(468, 2)
    return FaceLandmarks(position=mesh, presence=0.7, crop=CROP)


def test_a_face_adds_its_points_and_changes_no_other():
    alone = combine_landmarks(made_up_pose(), made_up_hand(), None)
    person = combine_landmarks(made_up_pose(), made_up_hand(), None, face=made_up_face())
    face = np.zeros(len(WHOLE_BODY), bool)
    face[[WHOLE_BODY.index(name) for name in FACE_POINTS]] = True
    assert face[23:91].all()
    assert face.sum() == 68
    # Vertex 152 of the mesh is the chin.
    np.testing.assert_allclose(person.position[WHOLE_BODY.index("chin")], [304, 305])
    np.testing.assert_allclose(person.confidence[face], 0.7)
    jaw, nostril, lip = (
        person.sigma[WHOLE_BODY.index(name)]
        for name in ("left_jaw4", "left_nostril_outer", "lower_lip_outer")
    )
    np.testing.assert_allclose(np.array([jaw, nostril, lip]) / np.exp(0.6), [7, 2.5, 4], rtol=1e-6)
    # A face is seen in the image alone.
    assert np.isnan(person.world[face]).all()
    for name in ("position", "confidence", "sigma", "world"):
        mine, others = getattr(person, name), getattr(alone, name)
        np.testing.assert_array_equal(mine[~face], others[~face], err_msg=name)
    np.testing.assert_array_equal(person.box, alone.box)
    assert person.score == alone.score


def test_sigma_grows_with_the_crop_and_with_doubt():
    near, far = (combine_landmarks(made_up_pose(side=s), None, None) for s in (1024.0, 256.0))
    seen = near.confidence > 0
    np.testing.assert_allclose(near.sigma[seen], 4 * far.sigma[seen], rtol=1e-5)
    sure, unsure = believe(np.array([1.0, 0.2]), 3.0, side=256.0)
    assert sure == 3.0
    assert unsure / sure == pytest.approx(np.exp(1.6))


def test_the_box_holds_the_confident_points():
    person = combine_landmarks(made_up_pose(), None, None)
    np.testing.assert_allclose(person.box, [0, 0, 32, 64])
    unsure = combine_landmarks(made_up_pose(visibility_logit=-5.0), None, None)
    assert np.isnan(unsure.box).all()


def read_frames(path, count):
    with av.open(str(path)) as container:
        stream = zip(range(count), container.decode(video=0), strict=False)
        return [frame.to_ndarray(format="rgb24") for _, frame in stream]


@pytest.fixture(scope="module")
def runner(shared):
    return read_frames(shared / "data" / "videos" / "phalp_run.mp4", 12)


def test_following_needs_no_boxes_and_loses_nobody(runner):
    estimator = WholeBodyEstimator()
    (found,) = SsdPersonDetector().detect(runner[:1])
    person = estimator.estimate(runner[0], found.box[0])
    track = [person]
    for frame in runner[1:]:
        person = estimator.estimate(frame, None, person)
        track.append(person)
    assert min(person.score for person in track) > 0.9
    trunk = [WHOLE_BODY.index(name) for name in ("left_shoulder", "right_shoulder", "left_hip")]
    path = np.array([person.position[trunk] for person in track])
    # She is 480 px tall and the camera follows her: no trunk point jumps by a tenth of that.
    assert np.linalg.norm(np.diff(path, axis=0), axis=-1).max() < 48
    last = SsdPersonDetector().detect(runner[-1:])[0].box[0]
    # Tight box and detector's box: within a sixth of her height on each side.
    np.testing.assert_allclose(person.box, last, atol=80)
    hands = [WHOLE_BODY.index(f"{side}_hand_wrist") for side in ("left", "right")]
    assert np.mean([person.confidence[hands] > 0 for person in track]) > 0.5


def test_looking_for_the_face_leaves_everything_else_bit_for_bit(runner):
    box = SsdPersonDetector().detect(runner[:1])[0].box[0]
    plain, asked = WholeBodyEstimator(), WholeBodyEstimator(face_network=FaceEstimator())
    without = asking = None
    for frame in runner[:4]:
        without = plain.estimate(frame, box, without)
        asking = asked.estimate(frame, box, asking)
        others = np.r_[0:23, 91:133]
        for name in ("position", "confidence", "sigma", "world"):
            mine, theirs = getattr(without, name), getattr(asking, name)
            np.testing.assert_array_equal(mine[others], theirs[others], err_msg=name)
        np.testing.assert_array_equal(without.box, asking.box)
        assert np.isnan(without.position[23:91]).all()
        assert (without.confidence[23:91] == 0).all()
    # She runs past in profile, in full view.
    assert asking.confidence[23] > 0.5
    chin, nose = (asking.position[WHOLE_BODY.index(name)] for name in ("chin", "nose"))
    assert 15 < np.linalg.norm(chin - nose) < 60


def test_a_box_calls_a_lost_follower_back(runner):
    estimator = WholeBodyEstimator(hands=False)
    box = SsdPersonDetector().detect(runner[:1])[0].box[0]
    start = estimator.estimate(runner[0], box)
    shifted = np.ascontiguousarray(np.roll(runner[0], 900, axis=1))
    moved = box + np.float32([900, 0, 900, 0])
    found = estimator.estimate(shifted, moved, start)
    seen = start.confidence > 0.8
    error = found.position[seen] - start.position[seen] - [900, 0]
    assert np.abs(np.median(error, axis=0)).max() < 10


def test_somebody_upside_down_is_found(runner):
    """The first look is upright; the other three directions are tried when it fails."""
    frame = runner[0]
    turned = np.ascontiguousarray(frame[::-1, ::-1])
    box = SsdPersonDetector().detect([frame])[0].box[0]
    estimator = WholeBodyEstimator(hands=False)
    upright = estimator.estimate(frame, box)
    size = np.float32([frame.shape[1], frame.shape[0]] * 2)
    head_down = estimator.estimate(turned, (size - box)[[2, 3, 0, 1]])
    assert head_down.score > 0.5
    seen = upright.confidence > 0.9
    error = np.linalg.norm(size[:2] - head_down.position[seen] - upright.position[seen], axis=1)
    assert np.median(error) < 15
