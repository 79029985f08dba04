"""Readers of labels on real samples: labels of one file must agree with each other."""

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marey.core import Cameras
from marey.core.errors import FormatError, InputError, NothingFoundError
from marey.datasets import (
    amass,
    coco_images,
    h36m,
    h36m_expmap,
    humaneva,
    jhmdb,
    panoptic,
    posetrack,
    shelf,
    spin_npz,
)


def project(cameras: Cameras, view: int, points: np.ndarray) -> np.ndarray:
    """Pixels of points in the world, by OpenCV."""
    pose = cameras.T_cam_world[view, 0]
    seen = Rotation.from_quat(pose[:4], scalar_first=True).apply(points) + pose[4:]
    distortion = cameras.distortion[view] if cameras.distortion.shape[1] else None
    pixels, _ = cv2.projectPoints(seen, np.zeros(3), np.zeros(3), cameras.K[view], distortion)
    return pixels[:, 0]


def test_human36m_joints_project_onto_their_pixels(shared):
    recordings = list(h36m.read_sequences(shared / "data/h36m_mmpose/h36m_coco.json"))
    assert [each.name.split("_")[0] for each in recordings] == ["S1", "S5", "S7", "S8"]
    assert recordings[1].frame.tolist() == [2061]
    for each in recordings:
        pixels = project(each.cameras, 0, each.keypoints3d.position[0, 0])
        apart = np.linalg.norm(pixels - each.keypoints2d.position[0, 0], axis=1)
        # The release's own formula of distortion differs from OpenCV's by as much.
        assert apart.max() < 0.3
        # Feet are on the floor, at +Z 0.
        assert 0 < each.keypoints3d.position[0, 0, :, 2].min() < 0.15


def test_human36m_cameras_by_subject(shared):
    known = h36m.read_cameras(shared / "data/h36m_mmpose/cameras.pkl")
    assert len(known) == 44
    cameras = h36m.select_cameras(known, "S9")
    assert (len(cameras.names), cameras.model) == (4, "pinhole")
    with pytest.raises(InputError, match="no cameras of S12"):
        h36m.select_cameras(known, "S12")


def test_subject_1_has_the_limbs_of_its_exponential_maps(shared):
    """The skeleton written into `h36m_expmap` is that of subject 1's labelled joints."""
    data = shared / "data"
    source = data / "h36m_expmap/h36m_expmap_50hz.npz"
    rig = h36m_expmap.read_sequence(source, "S1_walking_1").body
    offset = dict(zip(rig.joints, np.linalg.norm(rig.offset, axis=1), strict=True))
    first = next(iter(h36m.read_sequences(data / "h36m_mmpose/h36m_coco.json")))
    names = first.keypoints3d.skeleton.keypoints
    place = dict(zip(names, first.keypoints3d.position[0, 0], strict=True))
    for side in ("left", "right"):
        for part, above in (("knee", "hip"), ("ankle", "knee"), ("elbow", "shoulder")):
            bone = np.linalg.norm(place[f"{side}_{part}"] - place[f"{side}_{above}"])
            assert bone == pytest.approx(offset[f"{side}_{part}"], abs=1e-4)


def test_spin_and_mmpose_label_the_same_images(shared):
    data = shared / "data/h36m_mmpose"
    by_name = {each.images[0]: each for each in h36m.read_sequences(data / "h36m_coco.json")}
    for each in spin_npz.read_sequences(data / "test_h36m_body3d.npz", grouped=True):
        twin = by_name[each.images[0].split("/")[-1]]
        assert each.keypoints3d.skeleton.name == "h36m-17"
        apart = np.abs(each.keypoints2d.position - twin.keypoints2d.position)
        assert apart.max() < 1e-3
    for each in spin_npz.read_sequences(data / "test_h36m.npz", grouped=True):
        ours = each.keypoints3d
        right = ours.position[0, 0, ours.skeleton.index("right_ankle_lsp")]
        theirs = by_name[each.images[0]].keypoints2d
        ankle = theirs.position[0, 0, theirs.skeleton.index("right_ankle")]
        points = each.keypoints2d
        here = points.position[0, 0, points.skeleton.index("right_ankle_lsp")]
        np.testing.assert_allclose(here, ankle, atol=1e-3)
        assert np.isfinite(right).all()


def test_lsp_with_its_fits(shared):
    data = shared / "data/lsp_spin"
    recordings = list(
        spin_npz.read_sequences(
            data / "lsp_dataset_original_train.npz", fits=data / "lsp-orig_fits.npy"
        )
    )
    assert len(recordings) == 1000
    first = recordings[0]
    assert (first.name, first.images) == ("im0001", ("images/im0001.jpg",))
    assert first.motion.R_parent_joint.shape == (1, 1, 23, 4)
    # 14 of LSP's, and what OpenPose saw.
    labelled = first.keypoints2d.confidence[0, 0, 25:]
    assert (labelled > 0).sum() == 14
    inside = first.box[0, 0]
    points = first.keypoints2d.position[0, 0, 25:39]
    assert (points > inside[:2]).all()
    assert (points < inside[2:]).all()


def test_humaneva_chunks(shared):
    path = shared / "data/humaneva15/humaneva15.npz"
    names = list(humaneva.sequences(path))
    assert len(names) == 54
    recording = humaneva.read_sequence(path, names[0])
    assert recording.keypoints2d.position.shape[:3] == (3, 1, len(recording.frame))
    points = recording.keypoints3d
    assert points.valid.sum() == 15 * len(recording.frame)
    head = points.position[0, :, points.skeleton.index("head_h36m"), 2]
    ankle = points.position[0, :, points.skeleton.index("left_ankle"), 2]
    assert 1.2 < np.median(head - ankle) < 1.9
    with pytest.raises(InputError, match="no chunk"):
        humaneva.read_sequence(path, "Train/S9/Box")


def test_shelf_actors_are_seen_by_its_cameras(shared):
    (path,) = shelf.sequences(shared / "data/shelf")
    recording = shelf.read_sequence(path)
    points = recording.keypoints3d
    assert points.valid.any((1, 2)).tolist() == [True, False, True, False]
    head, foot = (points.skeleton.index(name) for name in ("head_top", "right_ankle"))
    known = points.valid[..., head] & points.valid[..., foot]
    height = points.position[..., head, 2] - points.position[..., foot, 2]
    assert 1.4 < np.median(height[known]) < 2.0
    for view in range(5):
        pixels = project(recording.cameras, view, points.position[0, 60])
        assert (np.abs(pixels - recording.cameras.size[view] / 2) < 700).all()


def test_panoptic_people_stand_upright(shared):
    (path,) = panoptic.sequences(shared / "data/panoptic_views")
    recording = panoptic.read_sequence(path)
    assert recording.name == "160906_band1"
    assert recording.frame.tolist() == [168, 169]
    points = recording.keypoints3d
    neck, hip = (
        points.position[:, :, points.skeleton.index(name)] for name in ("mid_shoulder", "mid_hip")
    )
    assert (neck[..., 2] - hip[..., 2] > 0.2).all()
    assert len(recording.cameras.names) == 31
    # Everybody is in front of every camera, for these stand around the dome.
    pose = recording.cameras.T_cam_world[:, 0]
    turn = Rotation.from_quat(pose[:, :4], scalar_first=True).as_matrix()
    depth = (turn @ neck[0, 0] + pose[:, 4:])[:, 2]
    assert (depth > 0.5).all()
    centre = -(turn.swapaxes(1, 2) @ pose[:, 4:, None])[..., 0]
    assert 0.2 < centre[:, 2].min() < centre[:, 2].max() < 5


def test_posetrack_labels(shared):
    found = {
        path.stem: posetrack.read_sequence(path)
        for path in posetrack.sequences(shared / "data/posetrack18")
    }
    assert {name: len(each.people) for name, each in found.items()} == {
        "003418_mpii_test": 1,
        "009473_mpii_test": 2,
        "012834_mpii_test": 11,
    }
    crowd = found["012834_mpii_test"]
    ears = [crowd.keypoints2d.skeleton.index(f"{side}_ear") for side in ("left", "right")]
    assert not crowd.keypoints2d.valid[..., ears].any()
    assert crowd.notes == ("4 regions in which people are not labelled",)


@pytest.mark.parametrize(
    ("file", "skeleton", "people"),
    [
        ("coco_wholebody/test_coco_wholebody.json", "coco-wholebody-133", 14),
        ("coco_wholebody/test_coco.json", "coco-17", 14),
        ("coco_wholebody/test_halpe.json", "halpe-26", 14),
        ("ochuman/test_ochuman.json", "coco-17", 5),
    ],
)
def test_labelled_photographs(shared, file, skeleton, people):
    recordings = list(coco_images.read_sequences(shared / "data" / file))
    assert sum(len(each.people) for each in recordings) == people
    for each in recordings:
        assert each.keypoints2d.skeleton.name == skeleton
        width, height = each.size
        known = each.keypoints2d.position[each.keypoints2d.valid]
        assert (known >= 0).all()
        assert (known <= [width, height]).all()


def test_jhmdb_joints_lie_in_the_picture(shared):
    (path,) = jhmdb.sequences(shared / "data/jhmdb")
    recording = jhmdb.read_sequence(path)
    assert recording.keypoints2d.position.shape == (1, 40, 15, 2)
    middle = recording.keypoints2d.position[0].mean((0, 1))
    assert (middle > 0).all()
    assert (middle < (320, 240)).all()
    labelled = list(
        jhmdb.read_sequences(shared / "data/jhmdb/annotated/mmpose/test_jhmdb_sub1.json")
    )
    for each in labelled:
        known = each.keypoints2d.position[0, 0]
        box = each.box[0, 0]
        grown = 0.2 * np.ptp(box.reshape(2, 2), axis=0)
        assert (known > box[:2] - grown).all()
        assert (known < box[2:] + grown).all()


def test_jhmdb_boxes_are_those_of_the_mask(shared):
    path = next((shared / "data/jhmdb/walk").glob("*_mask.mat"))
    mask = jhmdb.read_mask(path)
    box = jhmdb.box_of_mask(mask)
    ys, xs = np.nonzero(mask[3])
    np.testing.assert_array_equal(box[3], [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
    (joints,) = jhmdb.sequences(shared / "data/jhmdb")
    lengths = {jhmdb.read_mask(each).shape[0]: each for each in path.parents[1].rglob("*_mask.mat")}
    assert set(lengths) - {40}
    with pytest.raises(FormatError, match="frames"):
        jhmdb.read_sequence(joints, lengths[min(lengths)])
    boxed = jhmdb.read_sequence(joints, lengths[40])
    assert boxed.box.shape == (1, 40, 4)


def test_amass_motions(shared):
    (path,) = amass.sequences(shared / "data/amass_samples")
    assert amass.read_sequence(path).body == "smplh"


@pytest.mark.parametrize(
    "corpus", [amass, coco_images, h36m, jhmdb, panoptic, posetrack, shelf, spin_npz]
)
def test_empty_and_absent_folders(tmp_path, corpus):
    with pytest.raises(NothingFoundError):
        list(corpus.sequences(tmp_path))
    with pytest.raises(InputError, match="not a folder"):
        list(corpus.sequences(tmp_path / "absent"))
