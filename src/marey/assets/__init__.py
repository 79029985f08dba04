"""The weights marey ships, found by name and checked against their cards.

Each asset is a folder with its files and a `card.md`, which says where they come from, under which
licence, how they were made, and holds one line ``sha256 FILE: HEX`` for every file.
"""

import hashlib
import re
from functools import cache
from importlib.resources import files
from pathlib import Path

from marey.core.errors import MissingAssetError


@cache
def find_asset(asset: str, file: str = "model.onnx") -> Path:
    """Return the path of a shipped file after checking its content.

    Args:
        asset: Name of the asset's folder, for example `blazepose`.
        file: Name of the file inside it.

    Raises:
        MissingAssetError: If the file or its card is absent, or the file is not that of the card.
    """
    path = Path(str(files("marey.assets") / asset / file))
    if not path.is_file():
        raise MissingAssetError(
            f"the asset file {asset}/{file} is not installed; reinstall marey from a complete wheel"
        )
    expected = _read_digest(path.with_name("card.md"), file)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected:
        raise MissingAssetError(
            f"the asset file {asset}/{file} should have sha256 {expected} according to its card "
            f"but has {found}; it is damaged or was replaced: reinstall marey"
        )
    return path


def demo_clip() -> Path:
    """Return the path of the short real recording that comes with marey."""
    return find_asset("demo", "balance.mp4")


def _read_digest(card: Path, file: str) -> str:
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    line = re.search(rf"^sha256 {re.escape(file)}: ([0-9a-f]{{64}})$", text, re.MULTILINE)
    if line is None:
        raise MissingAssetError(
            f"the card of asset {card.parent.name} has no sha256 for {file}; reinstall marey"
        )
    return line[1]
