"""Protocols: data that hold together, and the published numbers they reproduce."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from marey.core import load_skeleton
from marey.core.errors import InputError
from marey.evaluate import PROTOCOLS, PoseSequence, PoseSet, evaluate, get_protocol, write_metrics
from marey.evaluate.published import PUBLISHED
from tests.evaluate.worlds import change, make_truth

ASKED = (
    *("3dpw", "h36m-p1", "h36m-p2", "mpi-inf-3dhp", "aist++", "emdb-1", "emdb-2", "humaneva"),
    *("hardmo", "hardmo-foot", "hardmo-hand", "lsp-extended", "sub-jhmdb", "posetrack"),
    *("harmony4d", "shelf", "campus", "panoptic", "takes"),
)


class TestTable:
    def test_every_benchmark_is_there_or_a_draft_that_says_what_is_missing(self):
        for name in ASKED:
            if name in PROTOCOLS:
                assert not PROTOCOLS[name].lacking
            else:
                draft = PROTOCOLS[f"{name}-draft"]
                assert draft.lacking
                with pytest.raises(InputError, match=f"'{name}' is known as a draft only"):
                    get_protocol(name)
        assert len(PROTOCOLS) == len(ASKED)

    def test_an_unknown_name_is_refused_with_the_choice(self):
        with pytest.raises(InputError, match="unknown protocol 'pw3d'; choose one of 3dpw"):
            get_protocol("pw3d")

    @pytest.mark.parametrize("name", sorted(PROTOCOLS))
    def test_joints_exist_and_names_are_unique(self, name):
        protocol = PROTOCOLS[name]
        points = load_skeleton(protocol.skeleton).keypoints
        used = {*protocol.joints, *protocol.root, *(end for limb in protocol.limbs for end in limb)}
        used |= {joint for metric in protocol.metrics for joint in metric.joints}
        assert used <= set(points)
        names = [metric.name for metric in protocol.metrics]
        assert len(set(names)) == len(names)
        assert all(metric.of in names for metric in protocol.metrics if metric.of)
        assert protocol.root or not any(metric.rooted for metric in protocol.metrics)
        assert protocol.source

    @pytest.mark.parametrize("name", sorted(PROTOCOLS))
    def test_the_truth_is_perfect(self, name):
        protocol = PROTOCOLS[name]
        truth = make_truth(protocol, people=2)
        for row in evaluate(protocol, truth, truth).result.rows:
            if row.name == "Jitter":
                continue  # of the motion itself, not an error
            best = row.score.value == pytest.approx(100.0 if row.unit == "%" else 1.0)
            assert best if row.higher_is_better else row.score.value == pytest.approx(0, abs=1e-6)
            assert row.score.num_missing == 0

    @pytest.mark.parametrize("name", sorted(PROTOCOLS))
    def test_measured_twice_is_the_same_to_the_last_bit(self, name, tmp_path):
        protocol = PROTOCOLS[name]
        truth = make_truth(protocol, people=2)
        noise = 8.0 if protocol.unit == "px" else 0.04
        rng = np.random.default_rng(1)
        predicted = change(truth, position=lambda p: p + rng.normal(0, noise, p.shape))
        for file in ("first", "second"):
            write_metrics(evaluate(protocol, predicted, truth).result, tmp_path / file)
        assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()

    def test_a_switch_is_part_of_the_name(self):
        protocol = get_protocol("harmony4d").without("first-vertex", "found-only")
        assert protocol.full_name == "harmony4d-v1[first-vertex=off,found-only=off]"
        with pytest.raises(InputError, match="no switch 'vertex'; its switches are: first-vertex"):
            get_protocol("harmony4d").without("vertex")

    @pytest.mark.parametrize("name", sorted(PROTOCOLS))
    def test_the_page_of_protocols_has_a_section_for_each(self, name):
        page = (Path(__file__).parents[2] / "docs" / "protocols.md").read_text()
        assert f"### `{name}`" in page
        assert all(metric.name in page for metric in PROTOCOLS[name].metrics)
        assert all(quirk.name in page for quirk in PROTOCOLS[name].quirks)

    def test_published_rows_belong_to_metrics(self):
        for name, published in PUBLISHED.items():
            metrics = {metric.name for metric in PROTOCOLS[name].metrics}
            assert set(published.columns) <= metrics
            for row in published.rows:
                assert len(row.values) == len(published.columns)
                assert row.source


class TestJoints:
    def test_the_map_from_regressed_joints_is_the_published_one(self, shared):
        published = [6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10]
        protocol = get_protocol("3dpw")
        position = np.random.default_rng(0).normal(0, 0.5, (1, 5, 17, 3))
        poses = _single("h36m-17-regressor", position)
        truth = _single("j14", position[:, :, published])
        assert evaluate(protocol, poses, truth).result.row("MPJPE").score.value == 0.0

    def test_joints_of_a_rig_are_not_regressed_ones(self):
        poses = _single("smpl-24", np.random.default_rng(0).normal(0, 0.5, (1, 5, 24, 3)))
        with pytest.raises(InputError, match=r"J_regressor_h36m\.npy makes from vertices"):
            evaluate(get_protocol("3dpw"), poses, poses)

    def test_without_the_licensed_file_it_says_so_and_stops(self, tmp_path):
        rng = np.random.default_rng(0)
        poses = _single("smpl-24", rng.normal(0, 0.5, (1, 5, 24, 3)))
        poses = change(poses, vertices=lambda _: rng.normal(0, 0.5, (1, 5, 30, 3)))
        for folder in (None, tmp_path):
            with pytest.raises(InputError, match="--smpl-dir"):
                evaluate(get_protocol("3dpw"), poses, poses, smpl_dir=folder)

    def test_regressed_from_vertices(self, tmp_path):
        rng = np.random.default_rng(0)
        regressor = rng.dirichlet(np.ones(30), 17)
        np.save(tmp_path / "J_regressor_h36m.npy", regressor)
        vertices = rng.normal(0, 0.8, (1, 5, 30, 3))
        poses = _single("smpl-24", rng.normal(0, 0.5, (1, 5, 24, 3)))
        poses = change(poses, vertices=lambda _: vertices)
        truth = _single("h36m-17-regressor", regressor @ vertices)
        score = evaluate(get_protocol("3dpw"), poses, truth, smpl_dir=tmp_path).result.row("MPJPE")
        assert score.score.value == pytest.approx(0.0, abs=1e-9)
        np.save(tmp_path / "J_regressor_h36m.npy", 2 * regressor)
        with pytest.raises(InputError, match="rows that add up to 1"):
            evaluate(get_protocol("3dpw"), poses, truth, smpl_dir=tmp_path)


class TestParity:
    def test_close_contact_as_published(self, shared):
        fixture = np.load(shared / "parity" / "h4d_benchmark.npz")
        # Two cameras of one frame each would average the same; people of one frame do here.
        truth, predicted = (
            PoseSet(
                skeleton="smpl-24",
                unit="m",
                sequences=(
                    PoseSequence(
                        name="cam01",
                        frame=np.array([1]),
                        position=fixture[f"in/{side}_joints"][:, None],
                        vertices=fixture[f"in/{side}_vertices"][:, None],
                        image=fixture["in/gt_2d"][:, None],
                    ),
                ),
            )
            for side in ("gt", "pred")
        )
        # Exchanged people are found by their joints in the image.
        exchanged = change(
            predicted,
            position=lambda p: p[::-1],
            vertices=lambda v: v[::-1],
            image=lambda i: i[::-1],
        )
        expected = fixture["out/metrics"].mean(0)
        for poses in (predicted, exchanged):
            result = evaluate(get_protocol("harmony4d"), poses, truth).result
            names = ("MPJPE", "PA-MPJPE", "MPVPE", "PA-MPVPE", "PCK@150mm")
            for name, value in zip(names, expected[:5], strict=True):
                assert result.row(name).score.value == pytest.approx(value, abs=1e-6)
            assert 100 * result.row("AUC").score.value == pytest.approx(expected[5], abs=1e-1)
            assert result.row("NMJE").score.value == result.row("MPJPE").score.value

    def test_refined_keypoints_as_published(self, shared):
        fixture = np.load(shared / "parity" / "hanet_metrics.npz")
        size = fixture["in/imgshape_hwc"][0][[1, 0]]
        frames = np.arange(len(fixture["in/bbox"]))
        truth, predicted = (
            PoseSet(
                skeleton="jhmdb-15",
                unit="px",
                sequences=(
                    PoseSequence(
                        name="clip",
                        frame=frames,
                        position=(fixture[f"in/{side}2d"] * size)[None],
                        box=fixture["in/bbox"][None].astype(float),
                    ),
                ),
            )
            for side in ("gt", "pred")
        )
        result = evaluate(get_protocol("sub-jhmdb"), predicted, truth).result
        for threshold in ("0.05", "0.1", "0.2"):
            expected = 100 * fixture[f"out/pck_{threshold}"].mean()
            score = result.row(f"PCK@{threshold}").score
            assert score.value == pytest.approx(expected, abs=1e-4)

    def test_poses_of_video_as_published(self, shared):
        fixture = np.load(shared / "parity" / "glot_metrics.npz")
        truth, predicted = (_single("j14", fixture[f"in/{side}"][None]) for side in ("gt", "pred"))
        result = evaluate(get_protocol("mpi-inf-3dhp"), _as_3dhp(predicted), _as_3dhp(truth)).result
        assert np.isfinite(result.row("Accel").score.value)
        result = evaluate(get_protocol("3dpw"), predicted, truth).result
        errors = np.linalg.norm(fixture["out/procrustes"] - fixture["in/gt"], axis=-1)
        assert result.row("PA-MPJPE").score.value == pytest.approx(1000 * errors.mean(), abs=1e-3)


def _single(skeleton: str, position: np.ndarray) -> PoseSet:
    frames = np.arange(position.shape[1])
    sequence = PoseSequence(name="one", frame=frames, position=position)
    return PoseSet(skeleton=skeleton, unit="m", sequences=(sequence,))


def _as_3dhp(poses: PoseSet) -> PoseSet:
    moved = change(poses, position=lambda p: np.concatenate([p, p[:, :, :3]], 2))
    return dataclasses.replace(moved, skeleton="mpi-inf-3dhp-17")
