"""The files that come with marey: networks, body and clip, each against its card."""

import hashlib
import re
from importlib.resources import files
from pathlib import Path

from marey.jobs.doctor.finding import Finding
from marey.jobs.phrases import format_bytes

_LINE = re.compile(r"^sha256 (\S+): ([0-9a-f]{64})$", re.MULTILINE)
_ROW = re.compile(r"^\| *([^| ]+) *\|[^|]*\| *`([0-9a-f]{64})` *\|$", re.MULTILINE)
"""Cards of several files have a table: file, bytes, sha256."""

SUFFIXES = (".onnx", ".npz", ".mp4")
"""What makes a folder an asset; others hold compiled Python."""


def read_card(card: Path) -> dict[str, str]:
    """Return the sha256 of every file that an asset's card names."""
    text = card.read_text(encoding="utf-8")
    return dict(_LINE.findall(text) + _ROW.findall(text))


def check_assets(root: Path | None = None) -> Finding:
    """Compare every shipped file with the sha256 on its card.

    Args:
        root: The folder of assets; the installed ones if None.
    """
    root = root or Path(str(files("marey.assets")))
    cards = sorted(root.glob("*/card.md"))
    folders = {path.parent for path in root.glob("*/*") if path.suffix in SUFFIXES}
    strangers = sorted(folders - {card.parent for card in cards})
    faults = [f"{folder.name} has no card" for folder in strangers]
    count = size = 0
    for card in cards:
        named = read_card(card)
        if not named:
            faults.append(f"the card of {card.parent.name} names no file")
        for name, digest in named.items():
            path = card.with_name(name)
            fault = _compare(path, digest)
            if fault:
                faults.append(f"{card.parent.name}/{name} {fault}")
            else:
                count, size = count + 1, size + path.stat().st_size
    if not cards:
        faults.append(f"there are none in {root}")
    if faults:
        return Finding(
            name="assets",
            verdict="fail",
            found=", ".join(faults),
            mend="Run: pip install --force-reinstall --no-deps marey",
        )
    found = f"{count} files of {len(cards)} assets ({format_bytes(size)}) as on their cards"
    return Finding(name="assets", verdict="ok", found=found)


def _compare(path: Path, digest: str) -> str:
    """Say what is wrong with a file; empty if nothing is."""
    if not path.is_file():
        return "is absent"
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    return "" if found == digest else f"has sha256 {found[:12]}... instead of {digest[:12]}..."
