"""Published checkpoints and what else may lie in their place."""

import dataclasses
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from marey.core.errors import FormatError, InputError
from marey.models.hanet import HANet, Untold, import_state, load_checkpoint
from tests.models.hanet.plain import PlainHANet
from tests.models.hanet.small import SMALL, plain_pair, random_windows, small_config


def published(path: Path, **settings: Any) -> PlainHANet:
    """Write a file as the released training does: wrapped names, metric, optimiser."""
    plain, _ = plain_pair(small_config(**settings))
    optimiser = torch.optim.AdamW(plain.parameters(), amsgrad=True)
    content = {
        "epoch": 62,
        "state_dict": {f"module.{name}": value for name, value in plain.state_dict().items()},
        "performance": np.float64(91.9),
        "optimizer": optimiser.state_dict(),
    }
    torch.save(content, path)
    return plain


@pytest.mark.parametrize("pre_norm", [True, False])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_published_file_gives_its_network(tmp_path: Path, pre_norm: bool, zipped: bool) -> None:
    path = tmp_path / "EP62_PCK@0.05_91.9_checkpoint.pth.tar"
    plain = published(path, pre_norm=pre_norm)
    if not zipped:  # as torch before 1.6 wrote it
        content = torch.load(path, weights_only=False)
        torch.save(content, path, _use_new_zipfile_serialization=False)
    network = load_checkpoint(path, Untold(interval=3, window=13, representation="3d"))
    assert not network.training and network.config.pre_norm == pre_norm
    x = random_windows(SMALL)
    with torch.inference_mode():
        torch.testing.assert_close(network(x)[0], plain(x)[0], atol=2e-5, rtol=0)
    path.unlink()  # the network does not depend on the file any more
    assert network(x)[0].isfinite().all()


def test_a_bare_state_dictionary_does_as_well(tmp_path: Path) -> None:
    plain, ours = plain_pair(SMALL)
    torch.save(plain.state_dict(), tmp_path / "weights.pth")
    network = load_checkpoint(tmp_path / "weights.pth", Untold(interval=3, window=13))
    assert network.config == ours.config


@pytest.mark.parametrize(
    ("channels", "pre_norm", "guess"),
    [
        (30, False, "2d"),
        (42, True, "3d"),
        (144, False, "6d"),
        (72, False, "axis-angle"),
        (9, False, "3d"),
        (8, True, "2d"),
        (7, True, "values"),
    ],
)
def test_channels_are_guessed(channels: int, pre_norm: bool, guess: str) -> None:
    config = small_config(representation="values", num_joints=channels, pre_norm=pre_norm)
    network = import_state(PlainHANet(config).state_dict())
    assert network.config.representation == guess
    assert network.config.channels == channels
    assert (network.config.interval, network.config.window) == (5, 101)


@pytest.mark.parametrize(
    "settings",
    [
        {"flow": False},
        {"velocity": False},
        {"acceleration": False},
        {"weight_bias": False},
        {"velocity": False, "acceleration": False, "weight_bias": False},
        {"decoder": "interpolation"},
        {"levels": 3, "decoder_layers": 1, "feedforward": 5, "decoder_feedforward": 6},
    ],
)
def test_every_setting_with_a_shape_is_read_off_it(settings: dict) -> None:
    config = dataclasses.replace(
        small_config(pre_norm=False, feedforward=32, decoder_feedforward=32), **settings
    )
    if config.decoder == "interpolation":
        config = dataclasses.replace(config, decoder_layers=1)
    elif not config.motion_terms:
        config = dataclasses.replace(config, weight_bias=True)  # there is nothing to weigh
    state = HANet(config).state_dict()
    found = import_state(state, Untold(representation="3d", interval=3, window=13)).config
    assert found == config


def test_unused_norms_are_kept_on_demand() -> None:
    plain, ours = plain_pair(SMALL)
    normed = import_state(
        plain.state_dict(), Untold(representation="3d", interval=3, window=13, encoder_norm=True)
    )
    x = random_windows(SMALL)
    assert not torch.allclose(normed(x)[0], ours(x)[0], atol=1e-3)


def test_wrong_words_of_the_caller(tmp_path: Path) -> None:
    published(tmp_path / "a.pth")
    with pytest.raises(InputError, match="no whole number of joints as 2d"):
        load_checkpoint(tmp_path / "a.pth", Untold(representation="2d"))
    with pytest.raises(InputError, match="multiple of the heads"):
        load_checkpoint(tmp_path / "a.pth", Untold(heads=3))
    with pytest.raises(InputError, match="multiple of the interval"):
        load_checkpoint(tmp_path / "a.pth", Untold(interval=5, window=12))
    with pytest.raises(InputError, match="does not exist"):
        load_checkpoint(tmp_path / "b.pth")


def test_checkpoints_of_another_shape() -> None:
    state = dict(plain_pair(SMALL)[0].state_dict())
    key = "transformer.encoder.1.layers.0.norm1.weight"
    with pytest.raises(FormatError, match=r"`encoder.1.norm1.weight` is .* \(5,\), expected .*16"):
        import_state({**state, key: torch.zeros(5)})
    with pytest.raises(FormatError, match=r"lacks `encoder.1.norm1.weight`"):
        import_state({name: value for name, value in state.items() if name != key})
    with pytest.raises(FormatError, match="unknown `extra`"):
        import_state({**state, "transformer.extra": torch.zeros(5)})
    with pytest.raises(FormatError, match="no numbers"):
        import_state({**state, key: torch.full((16,), torch.nan)})
    with pytest.raises(FormatError, match=r"`encoder_joints_embed.weight` is missing"):
        import_state({"fc.weight": torch.zeros(3, 3)})
    with pytest.raises(FormatError, match="got 0 levels"):
        import_state({k: v for k, v in state.items() if ".encoder." not in k})
    with pytest.raises(FormatError, match="up to three times 9"):
        import_state({**state, "transformer.motion_embed.weight": torch.zeros(8, 40)})


class Evil:
    """Something whose unpickling would write a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.path,))


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    torch.save({"state_dict": {}, "performance": Evil(trace)}, tmp_path / "a.pth")
    (tmp_path / "b.pth").write_bytes(pickle.dumps(Evil(trace)))
    for name in ("a.pth", "b.pth"):
        with pytest.raises(FormatError, match=r"no torch (checkpoint of plain weights|file)"):
            load_checkpoint(tmp_path / name)
    assert not trace.exists()


def test_other_files(tmp_path: Path) -> None:
    (tmp_path / "text.pth").write_text("no weights here")
    (tmp_path / "empty.pth").write_bytes(b"")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"state_dict": {"a": 3}}, tmp_path / "number.pth")
    torch.save({"a": torch.zeros(1).expand(10**9)}, tmp_path / "vast.pth")
    published(tmp_path / "whole.pth")
    data = (tmp_path / "whole.pth").read_bytes()
    (tmp_path / "cut.pth").write_bytes(data[: len(data) // 2])
    with zipfile.ZipFile(tmp_path / "packed.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"0" * 10**6)
    for name in ("text", "empty", "list", "number", "vast", "cut", "packed"):
        with pytest.raises(FormatError, match=f"{name}.pth"):
            load_checkpoint(tmp_path / f"{name}.pth")
