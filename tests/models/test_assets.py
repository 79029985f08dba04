"""Shipped weights are found, and damage is noticed."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import marey.assets
from marey.assets import find_asset
from marey.core.errors import MissingAssetError
from marey.models.session import open_network

NETWORKS = {"person-detector": 300, "blazepose": 256, "hand-landmarks": 224, "face-landmarks": 192}


@pytest.mark.parametrize("asset", NETWORKS)
def test_the_batch_axis_is_free(asset):
    """Three pictures at once give what they give one by one."""
    session = open_network(find_asset(asset))
    size = NETWORKS[asset]
    images = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), np.uint8)
    together = session.run(None, {"image": images})
    apart = [session.run(None, {"image": image[None]}) for image in images]
    for name, whole, *parts in zip(
        [output.name for output in session.get_outputs()], together, *apart, strict=True
    ):
        # Batches take other vector paths; float32 sums of some thousand products differ by 1e-4.
        scale = np.abs(whole).max()
        np.testing.assert_allclose(whole, np.concatenate(parts), atol=2e-4 * scale, err_msg=name)


def test_an_unknown_asset_is_missing():
    with pytest.raises(MissingAssetError, match="not installed"):
        find_asset("no-such-network")


def test_a_changed_file_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "hand-landmarks"
    shutil.copytree(find_asset("hand-landmarks").parent, folder)
    with (folder / "model.onnx").open("ab") as file:
        file.write(b"\0")
    monkeypatch.setattr(marey.assets, "files", lambda _: tmp_path)
    with pytest.raises(MissingAssetError, match="damaged"):
        find_asset.__wrapped__("hand-landmarks")


def test_every_network_names_origin_and_licence():
    for asset in NETWORKS:
        card = Path(find_asset(asset)).with_name("card.md").read_text(encoding="utf-8")
        assert "Apache-2.0" in card
        assert "Origin:" in card
