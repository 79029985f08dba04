"""Real motion through all marker files and tables: every joint comes back within a millimetre."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marey.body.trajectories import joint_trajectories
from marey.io.bvh import read_bvh
from marey.io.c3d import read_c3d, write_c3d
from marey.io.tables import _rows as _table_rows
from marey.io.tables import read_csv, read_parquet, write_csv, write_parquet
from marey.io.trc import read_trc, write_trc
from tests.body.test_trajectories import RIG, make_motion

DOORS = {
    "trc": (write_trc, read_trc),
    "c3d": (write_c3d, read_c3d),
    "csv": (write_csv, read_csv),
    "parquet": (write_parquet, read_parquet),
}
CLIPS = Path(__file__).resolve().parents[3] / "shared" / "data" / "cmu_bvh"


def assert_within_a_millimetre(points, folder):
    for kind, (write, read) in DOORS.items():
        written = write(points, folder / f"a.{kind}", overwrite=True)
        found = [read(path) for path in written]
        position = np.concatenate([one.position for one in found])
        assert position.shape == points.position.shape, kind
        assert np.abs(position - points.position).max() < 0.001, kind
        assert all(one.skeleton.keypoints == points.skeleton.keypoints for one in found), kind
        assert all(np.abs(one.time - points.time).max() < 1e-3 for one in found), kind


def every_tenth(motion):
    rows = slice(None, None, 10)
    return replace(
        motion,
        time=motion.time[rows],
        T_world_root=motion.T_world_root[:, rows],
        R_parent_joint=motion.R_parent_joint[:, rows],
        confidence=motion.confidence[:, rows],
        contact=None,
    )


def check_clip(path, folder):
    points = joint_trajectories(every_tenth(read_bvh(path)))
    assert np.isfinite(points.position).all()
    assert_within_a_millimetre(points, folder)


@pytest.mark.parametrize("name", ["02_01", "09_01", "scaled_131_01"])
def test_captured_motion(tmp_path, shared, name):
    check_clip(shared / "data" / "cmu_bvh" / f"{name}.bvh.gz", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(CLIPS.glob("*.bvh.gz")), ids=lambda path: path.stem)
def test_all_captured_motion(tmp_path, path):
    check_clip(path, tmp_path)


def test_two_people_on_the_shipped_body(tmp_path):
    motion = make_motion("marey-h", joints=51, people=("anna", "ben"), frames=20)
    assert_within_a_millimetre(joint_trajectories(motion), tmp_path)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_tables_of_long_motions_take_no_more_memory(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(_table_rows, "BLOCK_FRAMES", 64)

    def measure(frames):
        motion = make_motion(RIG, joints=3, frames=frames)
        tracemalloc.start()
        DOORS[kind][0](motion, tmp_path / f"{frames}.{kind}")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    measure(100)  # imports and caches
    # The list of row groups grows; rows kept would make it five times as much.
    assert measure(1000) < 1.5 * measure(200)
