"""A page of figures that several commands write, each its own section."""

from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks-views.md"
_TITLE = "# Many cameras: speed and accuracy"


def write_section(title: str, text: str, page: Path = PAGE) -> None:
    """Replace one section of the page, or add it at the end."""
    parts = page.read_text(encoding="utf-8").split("\n## ") if page.is_file() else [_TITLE + "\n"]
    mine = f"{title}\n\n{text.strip()}\n"
    rest = [part for part in parts[1:] if not part.startswith(f"{title}\n")]
    place = next(
        (k for k, part in enumerate(parts[1:]) if part.startswith(f"{title}\n")), len(rest)
    )
    rest.insert(place, mine)
    page.write_text("\n## ".join([parts[0], *rest]), encoding="utf-8")
