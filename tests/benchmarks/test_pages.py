"""Sections of a page that several benchmarks write."""

from pathlib import Path

from benchmarks._pages import keep_section, replace_section


def test_a_section_is_replaced_and_the_others_stay(tmp_path: Path):
    page = tmp_path / "page.md"
    replace_section(page, "## Mine", "## Mine\n\nold\n")
    assert page.read_text() == "## Mine\n\nold\n"
    page.write_text("# Page\n\n## First\n\none\n\n## Mine\n\nold\n\n### Part\n\n## Last\n\nthree\n")
    assert keep_section(page, "## Mine") == "## Mine\n\nold\n\n### Part\n"
    replace_section(page, "## Mine", "## Mine\n\nnew\n")
    assert page.read_text() == "# Page\n\n## First\n\none\n\n## Mine\n\nnew\n\n## Last\n\nthree\n"
    replace_section(page, "## New", "## New\n\nlast\n")
    assert page.read_text().endswith("three\n\n## New\n\nlast\n")
    assert keep_section(page, "## Absent") == ""
