"""The keypoint sets: counts, orders, mirrors, edges, and conversion between them by name."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marey.core import convert_keypoints, list_skeletons, load_skeleton
from marey.core.errors import InputError
from marey.core.skeleton import mirror_name

COUNTS = {
    "blazepose-33": 33,
    "coco-17": 17,
    "coco-wholebody-133": 133,
    "h36m-17": 17,
    "h36m-17-regressor": 17,
    "halpe-26": 26,
    "mhr-70": 70,
    "hmr2-44": 44,
    "j14": 14,
    "jhmdb-15": 15,
    "mpi-inf-3dhp-17": 17,
    "mpi-inf-3dhp-28": 28,
    "openpose-25": 25,
    "openpose-25b": 25,
    "panoptic-19": 19,
    "posetrack-17": 17,
    "shelf-14": 14,
    "shelf-15": 15,
    "smpl-24": 24,
    "smpl-45": 45,
    "smplh-52": 52,
    "spin-49": 49,
}
# Limbs that are drawn as one tree in every set; the parts of a face are separate lines.
LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
SETS = pytest.mark.parametrize("name", sorted(COUNTS))


def test_the_list_is_complete():
    assert set(list_skeletons()) == set(COUNTS)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(InputError, match=r"'coco-18'.*coco-17"):
        load_skeleton("coco-18")


@SETS
class TestEverySet:
    def test_count_and_names(self, name):
        skeleton = load_skeleton(name)
        assert skeleton.name == name
        assert len(skeleton) == COUNTS[name] == len(set(skeleton.keypoints))
        for point in skeleton.keypoints:
            assert point.replace("_", "").isalnum()
            assert point == point.lower()

    def test_mirror_is_an_involution_that_exchanges_the_sides(self, name):
        skeleton = load_skeleton(name)
        for row, partner in enumerate(skeleton.mirror):
            assert skeleton.mirror[partner] == row
            point = skeleton.keypoints[row]
            assert (partner == row) == (not point.startswith(("left_", "right_")))
            assert skeleton.keypoints[partner] == mirror_name(point)

    def test_edges_are_distinct_and_symmetric(self, name):
        skeleton = load_skeleton(name)
        edges = {frozenset(edge) for edge in skeleton.edges}
        assert len(edges) == len(skeleton.edges)
        assert all(len(edge) == 2 for edge in edges)
        assert {frozenset(skeleton.mirror[row] for row in edge) for edge in edges} == edges

    def test_the_limbs_are_connected(self, name):
        skeleton = load_skeleton(name)
        limbs = {
            row
            for row, point in enumerate(skeleton.keypoints)
            if point.removeprefix("left_").removeprefix("right_") in LIMBS
        }
        assert limbs <= _reachable(skeleton.edges, min(limbs))

    def test_no_point_is_left_undrawn(self, name):
        skeleton = load_skeleton(name)
        drawn = {row for edge in skeleton.edges for row in edge}
        assert drawn == set(range(len(skeleton)))

    def test_sigmas(self, name):
        skeleton = load_skeleton(name)
        if skeleton.oks_sigmas is None:
            return
        sigmas = np.array(skeleton.oks_sigmas)
        assert len(sigmas) == len(skeleton)
        known = sigmas[np.isfinite(sigmas)]
        assert len(known) >= 12
        assert ((known > 0.005) & (known < 0.12)).all()

    def test_sigmas_of_limbs_and_hands_are_symmetric(self, name):
        # COCO-WholeBody published different sigmas for left and right feet and faces: leave them.
        skeleton = load_skeleton(name)
        if skeleton.oks_sigmas is None:
            return
        fingers = ("thumb", "index", "middle", "ring", "pinky", "hand_wrist")
        for row, point in enumerate(skeleton.keypoints):
            bare = point.removeprefix("left_").removeprefix("right_")
            if bare in LIMBS or bare.startswith(fingers):
                assert skeleton.oks_sigmas[row] == skeleton.oks_sigmas[skeleton.mirror[row]]


def _reachable(edges: tuple[tuple[int, int], ...], start: int) -> set[int]:
    found, grown = set(), {start}
    while grown != found:
        found = set(grown)
        grown |= {b for a, b in edges if a in found} | {a for a, b in edges if b in found}
    return found


def test_whole_body_sections():
    whole = load_skeleton("coco-wholebody-133")
    assert whole.keypoints[:17] == load_skeleton("coco-17").keypoints
    assert whole.keypoints[17:23] == (
        "left_big_toe",
        "left_small_toe",
        "left_heel",
        "right_big_toe",
        "right_small_toe",
        "right_heel",
    )
    assert whole.keypoints[91] == "left_hand_wrist"
    assert whole.keypoints[92:96] == ("left_thumb1", "left_thumb2", "left_thumb3", "left_thumb4")
    assert whole.keypoints[112] == "right_hand_wrist"
    assert whole.keypoints[132] == "right_pinky4"
    left, right = whole.keypoints[91:112], whole.keypoints[112:]
    assert tuple(mirror_name(point) for point in left) == right
    assert whole.oks_sigmas is not None
    assert whole.oks_sigmas[0] == 0.026
    assert whole.oks_sigmas[20] == 0.092
    assert whole.oks_sigmas[132] == 0.031


def test_face_mirrors_are_those_of_the_68_points():
    # In the iBUG order the jaw runs from the right ear to the left, brows and eyes likewise.
    whole = load_skeleton("coco-wholebody-133")
    partner = {row - 23: whole.mirror[row] - 23 for row in range(23, 91)}
    expected = {0: 16, 7: 9, 8: 8, 17: 26, 21: 22, 27: 27, 30: 30, 31: 35, 33: 33, 36: 45, 37: 44}
    expected |= {39: 42, 40: 47, 41: 46, 48: 54, 50: 52, 51: 51, 55: 59, 57: 57, 60: 64, 61: 63}
    expected |= {62: 62, 66: 66, 67: 65}
    assert {point: partner[point] for point in expected} == expected


def test_right_side_of_the_face_lies_beside_the_right_ear(shared):
    whole = load_skeleton("coco-wholebody-133")
    labels = (shared / "data" / "coco_wholebody" / "test_coco_wholebody.json").read_text()
    sides = []
    for person in json.loads(labels)["annotations"]:
        if not person["face_valid"]:
            continue
        body = np.array(person["keypoints"]).reshape(17, 3)
        face = np.array(person["face_kpts"]).reshape(68, 3)
        ears = body[[whole.index("right_ear"), whole.index("left_ear")]]
        if (ears[:, 2] > 0).all():
            jaw = face[whole.index("right_jaw1") - 23, :2]
            distance = np.linalg.norm(ears[:, :2] - jaw, axis=1)
            sides.append(distance[0] < distance[1])
    assert sides
    assert all(sides)


def test_smplh_fingers_are_the_keypoints_of_the_hand():
    joints = load_skeleton("smplh-52").keypoints
    assert joints[:22] == load_skeleton("smpl-24").keypoints[:22]
    assert joints[22:25] == ("left_index1", "left_index2", "left_index3")
    assert joints[37:40] == ("right_index1", "right_index2", "right_index3")
    assert set(joints[22:]) <= set(load_skeleton("coco-wholebody-133").keypoints)


class TestSpin:
    """SPIN's 49 points are rows of [45 SMPL points + 9 regressed ones]."""

    # The rows, confirmed by the fixture of GLoT.
    ROWS = (
        *(24, 12, 17, 19, 21, 16, 18, 20, 0, 2, 5, 8, 1, 4, 7, 25, 26, 27, 28, 29, 30, 31, 32, 33),
        *(34, 8, 5, 45, 46, 4, 7, 21, 19, 17, 16, 18, 20, 47, 48, 49, 50, 51, 52, 53, 24, 26, 25),
        *(28, 27),
    )
    REGRESSED = (
        "right_hip_lsp",
        "left_hip_lsp",
        "upper_neck",
        "head_top",
        "mid_hip_mpii",
        "thorax_mpii",
        "spine",
        "jaw_h36m",
        "head_h36m",
    )
    # SPIN takes SMPL's neck for the middle of the shoulders and its pelvis for that of the hips.
    APPROXIMATE = (("mid_shoulder", "neck"), ("mid_hip", "pelvis"))

    def test_names_follow_the_rows(self):
        rows = load_skeleton("smpl-45").keypoints + self.REGRESSED
        for point, row in zip(load_skeleton("spin-49").keypoints, self.ROWS, strict=True):
            bare = point.removesuffix("_lsp").removesuffix("_coco")
            assert rows[row] in (point, bare) or (point, rows[row]) in self.APPROXIMATE

    def test_its_parts(self):
        points = load_skeleton("spin-49").keypoints
        assert points[:25] == load_skeleton("openpose-25").keypoints
        assert points[:44] == load_skeleton("hmr2-44").keypoints
        bare = tuple(point.removesuffix("_lsp") for point in points[25:39])
        lsp = tuple(point.removesuffix("_lsp") for point in load_skeleton("j14").keypoints)
        assert bare == lsp


class TestHuman36M:
    # The published map from regressor rows to the 14 joints of LSP.
    TO_J14 = (6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10)

    def test_conversion_exchanges_the_legs_and_nothing_else(self):
        data, rows = load_skeleton("h36m-17"), load_skeleton("h36m-17-regressor")
        order = convert_keypoints(np.arange(17.0), rows, data, axis=-1)
        np.testing.assert_array_equal(order, [0, 4, 5, 6, 1, 2, 3, *range(7, 17)])

    def test_published_map_is_of_the_regressor_order(self):
        rows, lsp = load_skeleton("h36m-17-regressor"), load_skeleton("j14")
        for point, row in zip(lsp.keypoints[:12], self.TO_J14, strict=False):
            assert rows.keypoints[row] == point.removesuffix("_lsp")
        assert rows.keypoints[self.TO_J14[12]] == "thorax"
        assert rows.keypoints[self.TO_J14[13]] == "head_h36m"

    def test_pelvis_is_the_middle_of_the_hips(self, shared):
        # This is why it is called mid_hip: SMPL's pelvis lies centimetres higher.
        file = np.load(shared / "data" / "h36m_mmpose" / "test_h36m_body3d.npz")
        points, skeleton = file["S"][..., :3], load_skeleton("h36m-17")
        hips = (points[:, skeleton.index("left_hip")] + points[:, skeleton.index("right_hip")]) / 2
        pelvis = points[:, skeleton.index("mid_hip")]
        thigh = np.linalg.norm(
            points[:, skeleton.index("left_knee")] - points[:, skeleton.index("left_hip")], axis=-1
        )
        assert (np.linalg.norm(pelvis - hips, axis=-1) < 0.01 * thigh).all()


def test_shelf_is_in_the_order_of_lsp():
    shelf = load_skeleton("shelf-14").keypoints
    lsp = load_skeleton("j14").keypoints
    assert shelf == tuple(point.removesuffix("_lsp") for point in lsp)
    assert load_skeleton("shelf-15").keypoints == (*shelf, "mid_hip")


class TestConversion:
    @settings(max_examples=60, deadline=None)
    @given(
        source=st.sampled_from(sorted(COUNTS)),
        target=st.sampled_from(sorted(COUNTS)),
        seed=st.integers(0, 2**32 - 1),
    )
    def test_common_points_travel_and_others_are_missing(self, source, target, seed):
        source, target = load_skeleton(source), load_skeleton(target)
        values = np.random.default_rng(seed).normal(size=(2, len(source), 3)).astype(np.float32)
        there = convert_keypoints(values, source, target)
        assert there.shape == (2, len(target), 3)
        assert there.dtype == values.dtype
        # A position without counterpart is NaN and never a zero coordinate.
        assert not (there == 0).any()
        back = convert_keypoints(there, target, source)
        for row, point in enumerate(source.keypoints):
            if point in target.keypoints:
                np.testing.assert_array_equal(back[:, row], values[:, row])
                np.testing.assert_array_equal(there[:, target.index(point)], values[:, row])

    def test_confidence_without_counterpart_is_zero(self):
        coco, whole = load_skeleton("coco-17"), load_skeleton("coco-wholebody-133")
        confidence = convert_keypoints(np.ones((4, 17)), coco, whole, axis=-1, missing=0.0)
        assert confidence.shape == (4, 133)
        np.testing.assert_array_equal(confidence[:, :17], 1)
        np.testing.assert_array_equal(confidence[:, 17:], 0)

    def test_different_points_stay_apart(self):
        # The middle of the shoulders, the base and the top of the neck are not one point, nor is
        # SMPL's pelvis the middle of the hips.
        smpl, openpose = load_skeleton("smpl-24"), load_skeleton("openpose-25")
        there = convert_keypoints(np.ones((24, 3)), smpl, openpose)
        assert np.isnan(there[openpose.index("mid_shoulder")]).all()
        assert np.isnan(there[openpose.index("mid_hip")]).all()
        assert np.isfinite(there[openpose.index("left_hip")]).all()

    def test_mirroring_twice_changes_nothing(self):
        for name in COUNTS:
            mirror = np.array(load_skeleton(name).mirror)
            np.testing.assert_array_equal(mirror[mirror], np.arange(len(mirror)))
