"""A page that several commands write keeps the others' sections."""

from pathlib import Path

from benchmarks._sections import write_section


def test_sections_are_replaced_in_place(tmp_path: Path):
    page = tmp_path / "page.md"
    for title, text in (("One", "a"), ("Two", "b"), ("One", "c\n\n### d"), ("Three", "e")):
        write_section(title, text, page)
    content = page.read_text()
    assert content.startswith("# ")
    assert [line for line in content.splitlines() if line.startswith("## ")] == [
        "## One",
        "## Two",
        "## Three",
    ]
    assert "a" not in content.split("## One")[1].split("##")[0]
    assert "### d" in content
    before = page.read_text()
    write_section("Two", "b", page)
    assert page.read_text() == before
