"""HANet on disk: a folder with `model.safetensors`, `config.json` and `card.md`.

`config.json` holds `format` (`marey-hanet`), `version` and the settings of `HANetConfig`; settings
it lacks have their defaults. The card says where the weights come from and under which licence, and
ends with a line `sha256 FILE: HEX` for the other two, as the cards of shipped assets do.

Version history: 1 (first).
"""

import hashlib
import json
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from marey.core.errors import FormatError, InputError
from marey.core.files import atomic_folder
from marey.io.json_file import read_json
from marey.models.hanet.checkpoint import build
from marey.models.hanet.config import HANetConfig
from marey.models.hanet.network import HANet

FORMAT, VERSION = "marey-hanet", 1
WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "card.md"
_MAX_CONFIG_BYTES = 1_000_000


def save_hanet(
    network: HANet,
    folder: str | Path,
    *,
    card: str,
    dtype: torch.dtype = torch.float32,
    overwrite: bool = False,
) -> None:
    """Write a network, whole or not at all.

    Args:
        network: What to write.
        folder: Where to; must not exist unless `overwrite` is set.
        card: Markdown: how the weights were made, from what, under which licence.
        dtype: Type of the stored weights; the half types take half the space, and are read back
            as float32.
        overwrite: Whether an existing folder may be replaced.

    Raises:
        OutputExistsError: If the folder exists and `overwrite` is off.
        InputError: If its parent does not exist or cannot be written to.
    """
    state = {name: tensor.to(dtype).contiguous() for name, tensor in network.state_dict().items()}
    settings = {"format": FORMAT, "version": VERSION, **asdict(network.config)}
    with atomic_folder(folder, overwrite=overwrite) as temporary:
        save_file(state, temporary / WEIGHTS)
        (temporary / CONFIG).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        digests = [
            f"sha256 {name}: {hashlib.sha256((temporary / name).read_bytes()).hexdigest()}"
            for name in (WEIGHTS, CONFIG)
        ]
        text = "\n\n".join([card.rstrip(), *digests]) + "\n"
        (temporary / CARD).write_text(text, encoding="utf-8")


def load_hanet(folder: str | Path) -> HANet:
    """Read what `save_hanet` wrote; in evaluation mode, float32, on the CPU.

    Raises:
        InputError: If the folder or one of its files is absent.
        FormatError: If the weights are damaged or not those of the settings beside them.
    """
    folder = Path(folder)
    for name in (WEIGHTS, CONFIG):
        if not (folder / name).is_file():
            raise InputError(
                f"{folder} holds no {name}; give a folder that `save_hanet` wrote, or read a "
                "published checkpoint with `load_checkpoint`"
            )
    config = read_config(folder / CONFIG)
    try:
        state = load_file(folder / WEIGHTS)
    except (SafetensorError, OSError, ValueError) as error:
        raise FormatError(f"{folder / WEIGHTS} is damaged ({error}); copy it again") from error
    return build(config, state)


def read_config(path: Path) -> HANetConfig:
    """Read settings.

    Raises:
        FormatError: If the file is none of ours, from a later version, or has a setting of the
            wrong kind.
    """
    stored = read_json(path, max_bytes=_MAX_CONFIG_BYTES)
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        raise FormatError(f"{path} holds no settings of a HANet (format {FORMAT!r})")
    if stored.get("version") != VERSION:
        raise FormatError(
            f"{path} has version {stored.get('version')}, this marey reads {VERSION}; update marey"
        )
    settings = {name: value for name, value in stored.items() if name not in ("format", "version")}
    known = {field.name: field for field in fields(HANetConfig)}
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise FormatError(f"{path} has the unknown setting `{unknown[0]}`; update marey")
    lacking = sorted(name for name in set(known) - set(settings) if known[name].default is MISSING)
    if lacking:
        raise FormatError(f"{path} lacks the setting `{lacking[0]}`")
    return HANetConfig(
        **{name: _typed(value, known[name].type, name, path) for name, value in settings.items()}
    )


def _typed(value: Any, kind: Any, name: str, path: Path) -> Any:
    """Return a value from JSON as what a field is; names of joints come as a list."""
    if get_origin(kind) is tuple:
        if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
            return tuple(value)
    elif get_origin(kind) is Literal:
        if value in get_args(kind):
            return value
    else:
        kinds = set(get_args(kind) or (kind,))
        if float in kinds and type(value) is int:
            return float(value)
        if type(value) in kinds or (value is None and NoneType in kinds):
            return value
    raise FormatError(f"{path} has the setting `{name}` of {value!r}, which is no {kind}")
