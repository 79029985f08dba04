"""The face network, its crops, and which vertex of its mesh stands for which face point.

No picture of a real face may be shipped, but a drawn one with known places will do.
"""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from marey.core.skeleton import mirror_name
from marey.models.crop import SquareCrop, cut_crop, image_to_crop
from marey.models.face import (
    FACE_VERTICES,
    MIN_SIDE,
    NUM_VERTICES,
    FaceEstimator,
    crop_from_face,
    crop_from_head,
)
from marey.models.keypoints import FACE_POINTS
from tests.models.drawn_face import EYES, MOUTH, PLACES, draw_face, place_face, turn_points
from tests.models.test_wholebody import read_frames

UPRIGHT = SquareCrop(center=np.array([96.0, 104.0]), side=170.0)
EYE_DISTANCE = 60.0
"""px between the outer corners of the drawn eyes."""


@pytest.fixture(scope="module")
def network():
    return FaceEstimator()


@pytest.fixture(scope="module")
def drawn(network):
    return network.estimate(draw_face(), UPRIGHT)


def head_of(angle=0.0, scale=1.0, shift=(0.0, 0.0)):
    eyes = turn_points(EYES, angle, scale, np.array(shift))
    return crop_from_head(eyes[0], eyes[1], turn_points(MOUTH, angle, scale, np.array(shift)))


def error_in_eye_distances(face, angle=0.0, scale=1.0, shift=(0.0, 0.0)):
    rows = [FACE_POINTS.index(name) for name in PLACES]
    truth = turn_points(np.array(list(PLACES.values())), angle, scale, np.array(shift))
    return np.linalg.norm(face.points[rows] - truth, axis=1) / (scale * EYE_DISTANCE)


def test_every_face_point_has_a_vertex_of_its_own():
    assert len(FACE_VERTICES) == len(FACE_POINTS) == 68
    assert len(set(FACE_VERTICES)) == 68
    assert 0 <= min(FACE_VERTICES) <= max(FACE_VERTICES) < NUM_VERTICES


def test_points_lie_where_they_were_drawn(drawn):
    assert drawn.presence > 0.9
    # The brows are drawn shorter than the network knows them.
    assert error_in_eye_distances(drawn).max() < 0.15
    assert error_in_eye_distances(drawn).mean() < 0.06


def find_mirror_images(mesh):
    """Pair the vertices of an upright, symmetric mesh in space with their mirror images."""
    middle = (mesh[:, 0].min() + mesh[:, 0].max()) / 2
    mirrored = mesh * [-1, 1, 1] + [2 * middle, 0, 0]
    distance = np.linalg.norm(mirrored[:, None] - mesh, axis=-1)
    return linear_sum_assignment(distance)[1]


def test_left_and_right_points_are_mirror_images_on_the_mesh(network):
    """The table's pairs must be the mesh's own: found from its shape alone."""
    picture = cut_crop(draw_face(), UPRIGHT, size=192)
    (mesh,) = network.session.run(["landmarks"], {"image": picture[None]})
    mirror = find_mirror_images(mesh.reshape(NUM_VERTICES, 3))
    assert (mirror[mirror] == np.arange(NUM_VERTICES)).all()
    vertex = dict(zip(FACE_POINTS, FACE_VERTICES, strict=True))
    for name, index in vertex.items():
        assert mirror[index] == vertex[mirror_name(name)], name


def test_contours_run_in_the_order_of_their_names(drawn):
    at = {name: drawn.points[row] for row, name in enumerate(FACE_POINTS)}
    jaw = np.array([at[name] for name in FACE_POINTS[:17]])
    assert (np.diff(jaw[:, 0])[1:-1] > 0).all()  # from the person's right to the left
    assert jaw[:, 1].argmax() == 8  # the chin
    steps = np.linalg.norm(np.diff(jaw, axis=0), axis=1)
    assert steps.max() < 3 * steps.min()  # vertices are not quite where equal lengths end
    bridge = [at[f"nose_bridge{k}"][1] for k in (1, 2, 3)] + [at["nose_tip"][1]]
    assert (np.diff(bridge) > 0).all()
    for side in ("left", "right"):
        brow = [at[f"{side}_brow{k}"] for k in range(1, 6)]
        assert (np.diff([abs(x - 96) for x, _ in brow]) < 0).all()  # from the temple inwards
        assert at[f"{side}_eye_upper_outer"][1] < at[f"{side}_eye_lower_outer"][1]
        assert at[f"{side}_eye_upper_inner"][1] < at[f"{side}_eye_lower_inner"][1]
        inner, outer = at[f"{side}_upper_lip_inner"], at[f"{side}_upper_lip_outer1"]
        assert outer[1] < inner[1]


@given(st.floats(-np.pi, np.pi), st.floats(0.3, 5.0), st.tuples(*[st.floats(-500, 500)] * 2))
def test_a_first_crop_turns_and_grows_with_the_head(angle, scale, shift):
    crop, upright = head_of(angle, scale, shift), head_of()
    assert upright.angle == pytest.approx(0)
    assert upright.side == pytest.approx(3.75 * 47)  # from eyes to mouth
    assert crop.side == pytest.approx(scale * upright.side)
    moved = turn_points(upright.center, angle, scale, np.array(shift))
    np.testing.assert_allclose(crop.center, moved, atol=1e-6)
    assert np.cos(crop.angle - angle) == pytest.approx(1)


def test_in_profile_the_mouth_tells_what_is_down():
    """Both eyes at one place, half a pixel apart in a wrong direction."""
    crop = crop_from_head(np.array([0.0, 0.25]), np.array([0.0, -0.25]), np.array([0.0, 40.0]))
    assert abs(crop.angle) < np.radians(1)


@given(st.floats(-np.pi, np.pi), st.floats(0.3, 5.0))
def test_a_following_crop_is_half_again_as_large_as_the_mesh(drawn, angle, scale):
    shift = np.array([300.0, -80.0])
    moved = dataclasses.replace(drawn, position=turn_points(drawn.position, angle, scale, shift))
    seen = image_to_crop(moved.position, crop_from_face(moved), size=192)
    low, high = seen.min(0), seen.max(0)
    np.testing.assert_allclose(low + high, 192, atol=1e-6)
    assert (high - low).max() == pytest.approx(192 / 1.5)
    eye_line = seen[[263, 362]].mean(0) - seen[[33, 133]].mean(0)
    assert abs(np.arctan2(eye_line[1], eye_line[0])) < 0.03


@pytest.mark.parametrize("angle", [0.0, 0.6, -1.2, np.pi])
def test_a_turned_face_is_found_and_followed(network, angle):
    shift = turn_points(np.array([-96.0, -104.0]), angle, 0.8, np.array([320.0, 240.0]))
    image = place_face((480, 640), angle, 0.8, shift)
    face = network.find(image, head_of(angle, 0.8, shift))
    assert face is not None
    assert error_in_eye_distances(face, angle, 0.8, shift).mean() < 0.06
    again = network.find(image, head_of(angle, 0.8, shift), crop_from_face(face))
    assert again is not None
    np.testing.assert_array_equal(again.crop.center, crop_from_face(face).center)
    assert np.abs(again.points - face.points).max() < 0.05 * EYE_DISTANCE


def test_a_face_lost_from_its_crop_is_looked_for_again(network):
    elsewhere = SquareCrop(center=np.array([600.0, 400.0]), side=150.0)
    image = place_face((480, 640), 0.0, 1.0, np.zeros(2))
    face = network.find(image, head_of(), elsewhere)
    assert face is not None
    assert error_in_eye_distances(face).mean() < 0.06


def test_no_face_in_a_wall(network):
    assert network.find(np.full((200, 200, 3), 90, np.uint8), head_of()) is None


def test_the_face_of_somebody_else_is_refused(network):
    """Beside the head that is looked for, there is a face; the crop of the frame before has it."""
    image = place_face((480, 640), 0.0, 1.0, np.zeros(2))
    beside = head_of(shift=(110.0, 0.0))
    assert network.find(image, beside, UPRIGHT) is None
    assert network.estimate(image, UPRIGHT).presence > 0.9


def test_small_faces_are_missing(network):
    for share, seen in ((1.5, True), (0.9, False)):
        scale = share * MIN_SIDE / head_of().side
        image = place_face((64, 64), 0.0, scale, np.zeros(2))
        assert (network.find(image, head_of(0.0, scale)) is not None) == seen


def test_lost_points_of_the_body_give_no_face(network):
    nowhere = crop_from_head(*np.full((3, 2), np.nan))
    assert network.find(draw_face(), nowhere) is None


def test_a_dancer_s_face(shared, network):
    """Read off the picture by eye; the outer corners of her eyes are 32 px apart."""
    frame = read_frames(shared / "data" / "videos" / "dancer_pirouette.mp4", 1)[0]
    known = {
        "right_eye_outer": (889.0, 211.0),
        "right_eye_inner": (898.0, 211.0),
        "left_eye_inner": (912.0, 211.0),
        "left_eye_outer": (921.0, 211.0),
        "right_mouth_corner": (897.0, 233.0),
        "left_mouth_corner": (913.0, 233.0),
        "chin": (905.0, 249.0),
    }
    head = crop_from_head(
        (np.array(known["left_eye_outer"]) + known["left_eye_inner"]) / 2,
        (np.array(known["right_eye_outer"]) + known["right_eye_inner"]) / 2,
        (np.array(known["left_mouth_corner"]) + known["right_mouth_corner"]) / 2,
    )
    face = network.find(frame, head)
    assert face is not None
    for name, place in known.items():
        np.testing.assert_allclose(
            face.points[FACE_POINTS.index(name)], place, atol=3, err_msg=name
        )
