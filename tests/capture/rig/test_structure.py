"""Structure from motion on drawn rooms whose cameras are known; skipped without pycolmap."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from marey.capture.rig.structure import _map, find_structure
from marey.core import Cameras
from marey.core.errors import InputError, MissingExtraError, NothingFoundError
from marey.geometry.projection import select_viewpoint, unproject_pixels
from marey.synthetic import make_cameras
from tests.capture.rig.test_calibrate import compare

SIZE, FOCAL = (640, 480), 500.0


def arc() -> Cameras:
    """Return cameras on part of a circle, near enough to each other to see the same."""
    whole = make_cameras(24, distance=4.0, size=SIZE, focal_px=FOCAL, height=1.6)
    rows = [0, 1, 2, 3, 4]
    return Cameras(
        names=tuple(f"camera{row + 1}" for row in rows),
        model="pinhole",
        K=whole.K[rows],
        distortion=whole.distortion[rows],
        T_cam_world=whole.T_cam_world[rows],
        size=whole.size[rows],
        time_offset=whole.time_offset[rows],
    )


def texture(seed: int) -> np.ndarray:
    """Return blobs of all sizes, which features like."""
    rng = np.random.default_rng(seed)
    image = np.full((800, 800), 128.0)
    for size in (200, 80, 30, 12, 5):
        noise = rng.standard_normal((800 // size + 2, 800 // size + 2))
        image += 28 * cv2.resize(noise, (800, 800), interpolation=cv2.INTER_CUBIC)
    return np.clip(image, 0, 255).astype(np.uint8)


def film(cameras: Cameras) -> dict[str, list[np.ndarray]]:
    """Draw a floor and two walls behind it, far ones first."""
    planes = [
        # Corner, and the two sides, m.
        ((-4.0, 3.0, -1.0), (8.0, 0, 0), (0, 0, 5.0)),
        ((-3.0, 3.0, -1.0), (0, -6.0, 0), (0, 0, 5.0)),
        ((-3.0, -3.0, 0.0), (6.0, 0, 0), (0, 6.0, 0)),
        ((-0.8, 0.3, 0.0), (1.5, 0.4, 0), (0, 0, 1.6)),
    ]
    result = {}
    for row, name in enumerate(cameras.names):
        viewpoint = select_viewpoint(cameras, view=row)
        picture = np.full((SIZE[1], SIZE[0]), 90, np.uint8)
        grid = np.stack(np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1])), -1) + 0.5
        plane = unproject_pixels(
            torch.as_tensor(grid),
            torch.as_tensor(viewpoint.K),
            torch.as_tensor(viewpoint.distortion),
            model=cameras.model,
        ).numpy()
        rays = np.concatenate([plane, np.ones((*plane.shape[:2], 1))], -1)
        for seed, (corner, across, up) in enumerate(planes):
            # Pixels of the texture to the plane, to the camera; and back.
            R = np.stack(
                [
                    viewpoint.transform(np.array(corner) + np.array(side))
                    - viewpoint.transform(np.array(corner))
                    for side in (across, up)
                ],
                1,
            )
            t = viewpoint.transform(np.array(corner, np.float64))
            back = rays @ np.linalg.inv(np.column_stack([R / 800, t])).T
            ahead = back[..., 2] > 1e-6
            spot = back[..., :2] / np.where(ahead, back[..., 2], 1.0)[..., None]
            inside = ahead & (spot >= 0).all(-1) & (spot <= 799).all(-1)
            drawn = cv2.remap(
                texture(seed),
                spot[..., 0].astype(np.float32),
                spot[..., 1].astype(np.float32),
                cv2.INTER_LINEAR,
            )
            picture = np.where(inside, drawn, picture)
        result[name] = [np.repeat(picture[..., None], 3, 2)]
    return result


@pytest.mark.parametrize("known", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_drawn_room(known: bool, tmp_path: Path):
    pytest.importorskip("pycolmap")
    cameras = arc()
    found = find_structure(film(cameras), tmp_path, lenses=cameras if known else None)
    assert found.images.cameras.names == cameras.names
    angle, apart, scale = compare(found.images.cameras, cameras)
    # With lenses unknown, depth and focal length may stand for each other a little.
    assert angle < (0.3 if known else 1.0)
    assert apart < (0.02 if known else 0.1)
    assert scale > 0
    assert max(np.median(off) for off in found.error_px.values()) < 1.0
    if not known:
        assert found.images.cameras.K[:, 0, 0] == pytest.approx(FOCAL, rel=0.05)


@pytest.mark.slow
def test_a_drawn_room_by_fisheye_lenses(tmp_path: Path):
    pytest.importorskip("pycolmap")
    cameras = replace(arc(), model="fisheye", distortion=np.tile([0.03, -0.01, 0, 0], (5, 1)))
    found = find_structure(film(cameras), tmp_path, fisheye=True, lenses=cameras)
    angle, apart, _ = compare(found.images.cameras, cameras)
    assert found.images.cameras.model == "fisheye"
    assert angle < 0.3
    assert apart < 0.02


def test_pictures_of_different_places_are_refused(tmp_path: Path):
    pytest.importorskip("pycolmap")
    rng = np.random.default_rng(0)
    pictures = {name: [rng.integers(0, 255, (120, 160, 3), np.uint8)] for name in ("one", "other")}
    with pytest.raises(NothingFoundError, match="too little in common"):
        find_structure(pictures, tmp_path)
    with pytest.raises(InputError, match="two pictures"):
        find_structure({"one": pictures["one"]}, tmp_path / "x")


def test_cameras_side_by_side_begin_with_a_narrower_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Real pictures taken a few steps apart hold no first pair at pycolmap's own angle."""
    pycolmap = pytest.importorskip("pycolmap")
    asked: list[float] = []

    def map_narrow(database: Path, pictures: Path, folder: Path, options: Any) -> dict:
        asked.append(options.mapper.init_min_tri_angle)
        return {0: "model"} if asked[-1] < 10 else {}

    monkeypatch.setattr(pycolmap, "incremental_mapping", map_narrow)
    assert _map(pycolmap, tmp_path, lenses_known=False) == ["model"]
    assert asked == sorted(asked, reverse=True) and len(asked) == 2


def test_without_pycolmap_the_line_to_install_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def absent(name: str):
        raise ImportError(name)

    monkeypatch.setattr("marey.capture.rig.structure.import_module", absent)
    with pytest.raises(MissingExtraError, match=r"marey\[sfm\]"):
        find_structure({}, tmp_path)
