"""The body network: decoding on made-up outputs, its behaviour on a real frame."""

import numpy as np
import pytest

from marey.models.blazepose import BlazePoseEstimator, crop_from_box, crop_from_pose, decode_pose
from marey.models.blazepose.heatmaps import refine_points
from marey.models.crop import SquareCrop, image_to_crop
from tests.models.test_detector import read_frame

NOSE, L_EAR, R_EAR, L_SHOULDER, R_SHOULDER, L_HIP, R_HIP = 0, 7, 8, 11, 12, 23, 24


def test_outputs_turn_back_with_the_crop():
    """A point right of the middle, in a crop turned by 90 degrees, lies below the middle."""
    landmarks, world = np.zeros((39, 5)), np.zeros((39, 3))
    landmarks[:, :3] = [128 + 64, 128, 10]
    landmarks[0, 3:] = [0, 100]
    world[:] = [0.5, 0, 0.25]
    crop = SquareCrop(center=np.array([300.0, 200.0]), side=512.0, angle=np.pi / 2)
    pose = decode_pose(landmarks, world, 0.9, crop)
    np.testing.assert_allclose(pose.position[0], [300, 200 + 128], atol=1e-9)
    np.testing.assert_allclose(pose.world[0], [0, 0.5, 0.25], atol=1e-12)
    assert pose.depth[0] == 20
    assert pose.visibility[0] == 0.5
    assert pose.presence[0] == pytest.approx(1)


def test_the_next_crop_points_from_centre_to_scale_point():
    landmarks = np.zeros((39, 5))
    landmarks[33, :2], landmarks[34, :2] = [128, 128], [128 + 80, 128]
    crop = SquareCrop(center=np.array([0.0, 0.0]), side=256.0)
    following = crop_from_pose(decode_pose(landmarks, np.zeros((39, 3)), 1.0, crop))
    assert following.angle == pytest.approx(np.pi / 2)
    assert following.side == pytest.approx(1.25 * 160)
    np.testing.assert_allclose(following.center, [0, 0], atol=1e-9)


def test_refinement_finds_a_bump():
    """A bump at a known place in the map draws a point that starts two cells away."""
    rows, columns = np.mgrid[0:64, 0:64]
    bump = 8 - ((columns - 30.25) ** 2 + (rows - 20.5) ** 2) * 4
    (point,), (peak,) = refine_points(np.array([[4 * 31.5, 4 * 19.0]]), bump[None])
    # Cells sample the narrow bump coarsely: a sixth of a cell, 0.6 px, may be lost.
    np.testing.assert_allclose(point, [4 * 30.25, 4 * 20.5], atol=0.6)
    assert peak > 0.99


def test_refinement_leaves_points_without_a_clear_bump():
    points = np.array([[100.0, 50.0], [-40.0, 300.0]])
    moved, peak = refine_points(points, np.full((2, 64, 64), -5.0))
    np.testing.assert_array_equal(moved, points)
    np.testing.assert_allclose(peak, [1 / (1 + np.exp(5)), 0])
    # Far outside of the crop there is no map to speak of, however high it is.
    high, _ = refine_points(points, np.full((2, 64, 64), 5.0))
    np.testing.assert_array_equal(high[1], points[1])


@pytest.fixture(scope="module")
def dancer(shared):
    frame = read_frame(shared / "data" / "videos" / "dancer_pirouette.mp4", 5)
    network = BlazePoseEstimator()
    first = network.estimate(frame, crop_from_box(np.array([640.0, 160, 1170, 760])))
    return frame, network, network.estimate(frame, crop_from_pose(first))


def test_a_dancer_facing_the_camera(dancer):
    """Positions read off the picture by eye, to 20 px; the person is 600 px tall."""
    _, _, pose = dancer
    assert pose.score > 0.9
    by_eye = {NOSE: (906, 222), 15: (1135, 328), 16: (683, 310), 27: (902, 735), 28: (805, 705)}
    for point, place in by_eye.items():
        np.testing.assert_allclose(pose.position[point], place, atol=20, err_msg=str(point))
    # Facing us: her left is on the right of the picture, her nose nearer than her ears.
    assert pose.position[L_SHOULDER, 0] > pose.position[R_SHOULDER, 0]
    assert pose.world[L_SHOULDER, 0] > pose.world[R_SHOULDER, 0]
    assert pose.world[NOSE, 2] < pose.world[[L_EAR, R_EAR], 2].min()
    assert pose.world[NOSE, 1] < 0 < pose.world[27, 1]
    np.testing.assert_allclose(pose.world[[L_HIP, R_HIP]].mean(0), 0, atol=0.01)


def test_a_turned_image_gives_the_turned_answer(dancer):
    """Rotating the picture by 90 degrees rotates landmarks and world alike, the crop following."""
    frame, network, pose = dancer
    turned = np.ascontiguousarray(np.rot90(frame))  # counter-clockwise: (x, y) -> (y, W - x)
    width = frame.shape[1]
    center = np.array([pose.crop.center[1], width - pose.crop.center[0]])
    crop = SquareCrop(center=center, side=pose.crop.side, angle=pose.crop.angle - np.pi / 2)
    other = network.estimate(turned, crop)
    expected = np.stack([pose.position[:, 1], width - pose.position[:, 0]], 1)
    # Same pixels up to OpenCV's 1/32 px interpolation steps; the network amplifies them to some px.
    seen = pose.visibility[:33] > 0.9
    error = np.linalg.norm(other.position[:33][seen] - expected[:33][seen], axis=1)
    assert np.median(error) < 2
    world = pose.world[:, [1, 0, 2]] * [1, -1, 1]
    assert np.median(np.abs(other.world[:33][seen] - world[:33][seen])) < 0.02


def test_a_mirrored_image_swaps_left_and_right(dancer):
    frame, network, pose = dancer
    width = frame.shape[1]
    center = np.array([width - pose.crop.center[0], pose.crop.center[1]])
    crop = SquareCrop(center=center, side=pose.crop.side, angle=-pose.crop.angle)
    other = network.estimate(np.ascontiguousarray(frame[:, ::-1]), crop)
    expected = (width - pose.position[R_SHOULDER, 0], pose.position[R_SHOULDER, 1])
    np.testing.assert_allclose(other.position[L_SHOULDER], expected, atol=15)


def test_an_empty_wall_is_nobody():
    picture = np.full((400, 400, 3), 180, np.uint8)
    pose = BlazePoseEstimator().estimate(picture, crop_from_box(np.array([100.0, 50, 300, 350])))
    assert pose.score < 0.1


def test_the_mask_lies_on_the_person(dancer):
    """Trunk and limbs inside, the corners of the crop outside; the landmarks stay the same."""
    frame, network, pose = dancer
    seen, share = network.segment(frame, pose.crop)
    again = network.estimate(frame, pose.crop)
    np.testing.assert_array_equal(seen.position, again.position)
    place = image_to_crop(
        seen.position[[L_SHOULDER, R_SHOULDER, L_HIP, R_HIP, 25, 26]], pose.crop, size=256
    )
    column, row = place.astype(int).T
    assert (share[row, column] > 0.9).all()
    assert share[:30, :30].max() < 0.1 and share[-30:, :30].max() < 0.1
    # She covers less than a third of her crop, and more than a twentieth.
    assert 0.05 < (share > 0.5).mean() < 0.33
