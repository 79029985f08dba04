"""Pages that several benchmarks write: each replaces its own section and leaves the others."""

from pathlib import Path

VIEWS = Path(__file__).resolve().parents[1] / "docs" / "benchmarks-views.md"


def replace_section(path: Path, title: str, text: str) -> None:
    """Put a section where it was, or at the end.

    Args:
        path: A Markdown page; need not exist.
        title: The section's first line, a heading of the second level.
        text: The section, its title included.
    """
    page = path.read_text(encoding="utf-8") if path.is_file() else ""
    before, found, rest = page.partition(title + "\n")
    after = ""
    if found:
        place = rest.find("\n## ")
        after = rest[place + 1 :] if place >= 0 else ""
    parts = [part.strip("\n") for part in (before, text, after)]
    path.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def keep_section(path: Path, title: str) -> str:
    """Return a section as it stands, or nothing."""
    page = path.read_text(encoding="utf-8") if path.is_file() else ""
    _, found, rest = page.partition(title + "\n")
    if not found:
        return ""
    place = rest.find("\n## ")
    return (found + (rest[:place] if place >= 0 else rest)).strip("\n") + "\n"


def replace_tables(path: Path, text: str) -> None:
    """Put tables between the two marks of a page whose prose is written by hand.

    Args:
        path: The page.
        text: What stands between `<!-- tables begin -->` and `<!-- tables end -->` from now on.
    """
    begin, end = "<!-- tables begin -->", "<!-- tables end -->"
    before, rest = path.read_text(encoding="utf-8").split(begin)
    _, after = rest.split(end)
    path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")
