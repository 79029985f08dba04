"""Damaged calibrations: read or refused in a sentence, never anything else."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from marey.core import Cameras
from marey.core.errors import MareyError
from marey.io.calibration.anipose import read_anipose, write_anipose
from marey.io.calibration.colmap import read_colmap, write_colmap
from marey.io.calibration.colmap_images import read_colmap_images
from marey.io.calibration.opencv import read_easymocap, read_opencv, write_easymocap, write_opencv
from marey.io.calibration.pose2sim import read_pose2sim, read_qualisys
from tests.io.calibration.test_all import make
from tests.io.mutations import mutate, mutate_numbers, seeds

QUALISYS = """<?xml version="1.0" encoding="UTF-8"?>
<calibration><cameras>
 <camera serial="1">
  <fov_video left="0" top="0" right="1087" bottom="1919"/>
  <transform x="1000" y="-2000" z="1500" r11="1" r12="0" r13="0" r21="0" r22="1" r23="0"
   r31="0" r32="0" r33="1"/>
  <intrinsic sensorMinU="0" sensorMinV="0" focalLengthU="107000" focalLengthV="107000"
   centerPointU="34000" centerPointV="61000" radialDistortion1="1" radialDistortion2="0"
   tangentalDistortion1="0" tangentalDistortion2="0"/>
 </camera>
</cameras></calibration>
"""


def _anipose(folder: Path) -> list[tuple[Path, Callable[[], object]]]:
    path = folder / "calib.toml"
    write_anipose(make(), path)
    return [(path, lambda: read_anipose(path)), (path, lambda: read_pose2sim(path))]


def _opencv(folder: Path) -> list[tuple[Path, Callable[[], object]]]:
    paths = write_opencv(make(), folder)
    return [(paths[0], lambda: read_opencv(paths))]


def _easymocap(folder: Path) -> list[tuple[Path, Callable[[], object]]]:
    write_easymocap(make(), folder / "rig")
    names = ("intri.yml", "extri.yml")
    return [(folder / "rig" / name, lambda: read_easymocap(folder / "rig")) for name in names]


def _colmap(folder: Path) -> list[tuple[Path, Callable[[], object]]]:
    cases: list[tuple[Path, Callable[[], object]]] = []
    for binary, end in ((False, "txt"), (True, "bin")):
        model = folder / end
        write_colmap(make(fisheye=True), model, binary=binary, similarity=np.eye(4))
        for name in (f"cameras.{end}", f"images.{end}", "scale.npy"):
            cases.append((model / name, lambda m=model: read_colmap(m)))
            cases.append((model / name, lambda m=model: read_colmap_images(m)))
    return cases


def _qualisys(folder: Path) -> list[tuple[Path, Callable[[], object]]]:
    path = folder / "calib.qca.txt"
    path.write_text(QUALISYS, encoding="utf-8")
    return [(path, lambda: read_qualisys(path))]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("write", [_anipose, _opencv, _easymocap, _colmap, _qualisys])
def test_damage_is_read_or_refused(write: Callable, tmp_path: Path):
    for path, read in write(tmp_path):
        whole = path.read_bytes()
        assert read() is not None
        for seed in seeds(40):
            damaged = mutate(whole, seed=seed)
            if path.suffix in (".toml", ".yml", ".txt") and seed % 2:
                damaged = mutate_numbers(whole.decode(), seed=seed).encode()
            path.write_bytes(damaged)
            try:
                found = read()
            except MareyError as error:
                assert "\n" not in str(error).strip()
            else:
                cameras = found if isinstance(found, Cameras) else found.cameras
                assert np.isfinite(cameras.K).all()
                assert np.isfinite(cameras.T_cam_world).all()
        path.write_bytes(whole)
