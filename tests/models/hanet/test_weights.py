"""Our own files, there and back, and damaged."""

import dataclasses
import hashlib
import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from marey.core.errors import FormatError, InputError, OutputExistsError
from marey.models.hanet import load_hanet, save_hanet
from tests.models.hanet.small import SMALL, random_windows, small_network


def saved(folder: Path) -> Path:
    network = small_network(joints=("head", "left_hand", "right_hand"), fps=30.0)
    save_hanet(network, folder / "net", card="# Test\n\nRandom weights.")
    return folder / "net"


def test_there_and_back(tmp_path: Path) -> None:
    network = small_network(joints=("head", "left_hand", "right_hand"), fps=30.0)
    loaded = load_hanet(saved(tmp_path))
    assert loaded.config == network.config and not loaded.training
    x = random_windows(SMALL)
    torch.testing.assert_close(loaded(x), network(x), atol=0, rtol=0)


def test_a_network_in_training_can_be_saved_and_trained_on(tmp_path: Path) -> None:
    save_hanet(small_network().train(), tmp_path / "net", card="Test")
    loaded = load_hanet(tmp_path / "net").train()
    loaded(random_windows(SMALL))[0].sum().backward()
    assert loaded.encoder_embed.weight.grad is not None


def test_half_the_space(tmp_path: Path) -> None:
    network = small_network()
    save_hanet(network, tmp_path / "half", card="Test", dtype=torch.float16)
    save_hanet(network, tmp_path / "full", card="Test")
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("half", "full")]
    assert sizes[0] < 0.7 * sizes[1]
    x = random_windows(SMALL)
    half = load_hanet(tmp_path / "half")
    assert half.encoder_embed.weight.dtype == torch.float32
    # Weights of 11 bits under outputs of size 1.
    torch.testing.assert_close(half(x)[0], network(x)[0], atol=5e-3, rtol=0)


def test_the_card_has_the_digests(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    card = (folder / "card.md").read_text()
    assert card.startswith("# Test")
    for name in ("model.safetensors", "config.json"):
        stated = re.search(rf"^sha256 {re.escape(name)}: ([0-9a-f]{{64}})$", card, re.MULTILINE)
        assert stated is not None
        assert stated[1] == hashlib.sha256((folder / name).read_bytes()).hexdigest()


def test_an_existing_folder_is_kept(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    with pytest.raises(OutputExistsError):
        save_hanet(small_network(), folder, card="Test")
    save_hanet(small_network(), folder, card="Test", overwrite=True)
    assert load_hanet(folder).config == SMALL


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "other"}, "no settings of a HANet"),
        ({"version": 2}, "has version 2, this marey reads 1; update marey"),
        ({"hidden": 3}, "unknown setting `hidden`"),
        ({"width": "wide"}, "`width` of 'wide'"),
        ({"width": True}, "`width` of True"),
        ({"mask": "none"}, "`mask` of 'none'"),
        ({"joints": [1, 2, 3]}, "`joints`"),
        ({"joints": "abc"}, "`joints`"),
        ({"fps": "30"}, "`fps`"),
        ({"width": 16}, "belong to a network of other settings"),
        ({"levels": 3}, "lacks `encoder.2"),
        ({"levels": 1}, "unknown `encoder.1"),
    ],
)
def test_settings_that_do_not_fit(tmp_path: Path, change: dict, words: str) -> None:
    folder = saved(tmp_path)
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, **change}))
    with pytest.raises(FormatError, match=words):
        load_hanet(folder)


def test_settings_that_lack(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    settings = json.loads((folder / "config.json").read_text())
    del settings["dropout"]  # has a default
    (folder / "config.json").write_text(json.dumps(settings))
    assert load_hanet(folder).config.dropout == 0.1
    del settings["num_joints"]
    (folder / "config.json").write_text(json.dumps(settings))
    with pytest.raises(FormatError, match="lacks the setting `num_joints`"):
        load_hanet(folder)


def test_settings_out_of_range_are_refused_before_memory_is_taken(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, "width": 10**9}))
    with pytest.raises(InputError, match="width must be 1 to"):
        load_hanet(folder)


def test_damaged_and_foreign_weights(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    path = folder / "model.safetensors"
    data = path.read_bytes()
    for damaged in (data[:100], b"", data[: len(data) // 2], b"\xff" * 64):
        path.write_bytes(damaged)
        with pytest.raises(FormatError, match="damaged"):
            load_hanet(folder)
    save_file({"fc.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(FormatError, match="missing, 1 unknown"):
        load_hanet(folder)
    path.unlink()
    with pytest.raises(InputError, match=r"holds no model.safetensors"):
        load_hanet(folder)


def test_settings_are_all_of_the_configuration(tmp_path: Path) -> None:
    stored = json.loads((saved(tmp_path) / "config.json").read_text())
    assert set(stored) == {"format", "version"} | {f.name for f in dataclasses.fields(SMALL)}
