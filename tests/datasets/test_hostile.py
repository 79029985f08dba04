"""Damaged files of every kind: a sentence of ours or sound data, never anything else."""

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from marey.core.errors import MareyError
from marey.datasets import (
    acclaim,
    amp_humanoid,
    cmu_expmap,
    cmu_fbx,
    coco_images,
    deepmimic,
    flickrci3d,
    h36m,
    humanml3d,
    jhmdb,
    panoptic,
    posetrack,
    shelf,
    spin_npz,
)
from tests.io.mutations import mutate

SEEDS = range(12)

READERS: dict[str, Callable[[Path], object]] = {
    "cmu_amc/39_01.amc.gz": acclaim.read_sequence,
    "cmu_fbx/85_04.fbx": cmu_fbx.read_sequence,
    "deepmimic/humanoid3d_run.txt": deepmimic.read_sequence,
    "cmu_expmap/test__running__running_1.txt.gz": cmu_expmap.read_sequence,
    "cmu_amp_humanoid/amp_humanoid_run.npy": amp_humanoid.read_sequence,
    "humanml3d_sample/new_joints_012314.npy": humanml3d.read_sequence,
    "jhmdb/annotated/joint_positions.mat": jhmdb.read_sequence,
    "jhmdb/annotated/mmpose/test_jhmdb_sub1.json": lambda path: list(jhmdb.read_sequences(path)),
    "shelf/gt_shelf15.npz": shelf.read_sequence,
    "shelf/calibration.json": shelf.read_cameras,
    "h36m_mmpose/h36m_coco.json": lambda path: list(h36m.read_sequences(path)),
    "h36m_mmpose/cameras.pkl": h36m.read_cameras,
    "h36m_mmpose/test_h36m.npz": lambda path: list(spin_npz.read_sequences(path)),
    "posetrack18/val/012834_mpii_test.json": posetrack.read_sequence,
    "panoptic_views/160906_band1/calibration_160906_band1.json": panoptic.read_cameras,
    "ochuman/test_ochuman.json": lambda path: list(coco_images.read_sequences(path)),
    "flickrci3d/interaction_contact_signature.json": lambda path: list(
        flickrci3d.read_contacts(path)
    ),
}
BESIDE = ("39.asf.gz", "humanoid3d_character.txt", "Base.fbx")


@pytest.mark.parametrize("file", READERS)
def test_damage_is_said_in_a_sentence(shared, tmp_path, file):
    source = shared / "data" / file
    for name in BESIDE:
        if (source.parent / name).is_file():
            shutil.copy(source.parent / name, tmp_path)
    packed = file.endswith(".gz")
    data = source.read_bytes()
    content = gzip.decompress(data) if packed else data
    path = tmp_path / source.name
    refused = 0
    for seed in SEEDS:
        # Damage to what is inside, and sometimes to the packing itself.
        inside = mutate(content, seed=seed)
        whole = gzip.compress(inside, 1) if packed else inside
        path.write_bytes(mutate(data, seed=seed) if packed and seed % 4 == 3 else whole)
        try:
            READERS[file](path)
        except MareyError as error:
            refused += 1
            assert "\n" not in str(error)
            assert source.name in str(error)
    assert refused
