"""The page on errors is true: its tree is that of the code, and its examples happen."""

import doctest
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.fixtures.golden_take import TIME, make_anna

from marey import cli
from marey.core import Take, errors
from marey.core.errors import MareyError
from marey.io.take import write_take
from marey.io.video import write_video
from marey.jobs.doctor.finding import Finding

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
TEXT = PAGE.read_text(encoding="utf-8")


def list_kinds(kind: type[MareyError] = MareyError) -> list[type[MareyError]]:
    """An error and all below it that are of this module, from the top down."""
    below = [inner for sub in kind.__subclasses__() for inner in list_kinds(sub)]
    return [kind, *(inner for inner in below if inner.__module__ == errors.__name__)]


def draw_tree(kind: type[MareyError] = MareyError, lead: str = "") -> list[str]:
    """The lines of the tree as they are drawn on the page and in the docstring."""
    lines = [kind.__name__]
    children = kind.__subclasses__()
    for number, child in enumerate(children):
        last = number == len(children) - 1
        first, *rest = draw_tree(child)
        lines.append(f"{'└── ' if last else '├── '}{first}")
        lines += [f"{'    ' if last else '│   '}{line}" for line in rest]
    return lines


def list_sections() -> dict[str, str]:
    """The examples, by the name of the error."""
    parts = re.split(r"^### (\w+)\n", TEXT, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def list_commands() -> list[tuple[str, str, str]]:
    """Error, command line and message of every example of the command line."""
    return [
        (name, *example)
        for name, section in list_sections().items()
        for example in re.findall(r"^\$ marey (.+)\nmarey: (.+)$", section, re.MULTILINE)
    ]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """What the examples speak of."""
    monkeypatch.chdir(tmp_path)
    write_take(Take(time=TIME, people=(make_anna(),)), "gold.take")
    write_take(Take(time=TIME), "still.take")
    write_video("street.mp4", np.zeros((3, 48, 64, 3), np.uint8), frame_rate=10)
    Path("zero.mp4").touch()
    for name in ("words.mp4", "words.glb"):
        Path(name).write_text("These are words and not what the name says.\n" * 100)
    Path("empty.take").mkdir()
    Path("taken.glb").write_bytes(b"precious")
    Path("joints.parquet").write_bytes(b"PAR1")
    return tmp_path


@pytest.fixture
def poor_machine(monkeypatch) -> None:
    """No pyarrow, and a doctor who finds one fault."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    faulty = Finding(name="temporary folder", verdict="fail", found="full", mend="Clear it.")
    monkeypatch.setattr("marey.jobs.doctor.screen.examine", lambda examinations: [faulty])


def test_the_tree_on_the_page_is_that_of_the_code():
    drawn = TEXT.split("## The tree\n\n```\n")[1].split("\n```")[0].splitlines()
    assert drawn == draw_tree()


def test_the_tree_in_the_docstring_is_that_of_the_code():
    rows = [line[4:] for line in (errors.__doc__ or "").splitlines() if line.startswith("    ")]
    drawn = [re.match(r"[│├└─ ]*\w+", row)[0] for row in rows]
    assert drawn == draw_tree()


def test_every_error_has_its_row_and_code():
    rows = dict(re.findall(r"^\| `(\w+)` \| (\d) \|", TEXT, re.MULTILINE))
    assert rows == {kind.__name__: str(kind.exit_code) for kind in list_kinds()}


def test_every_exit_code_is_explained():
    rows = re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)
    assert rows == ["0", "1", "2", "3", "130", "141"]
    assert {kind.exit_code for kind in list_kinds()} <= {int(code) for code in rows}


def test_every_error_has_an_example():
    assert set(list_sections()) == {kind.__name__ for kind in list_kinds()} - {"MareyError"}


@pytest.mark.parametrize(("name", "line", "message"), list_commands())
def test_examples_of_the_command_line(folder, poor_machine, capsys, name, line, message):
    with pytest.raises(SystemExit) as stop:
        cli.main(line.split())
    assert capsys.readouterr().err == f"marey: {message}\n"
    kind = getattr(errors, name)
    assert stop.value.code == kind.exit_code
    # And it is that very error, not one above or below it.
    with pytest.raises(SystemExit):
        cli.main([*line.split(), "--debug"])
    traced = capsys.readouterr().err.splitlines()
    assert traced[-2].partition(":")[0] == f"{kind.__module__}.{kind.__name__}"
    assert traced[-1] == f"marey: {message}"


def test_examples_in_python(folder):
    blocks = "\n".join(re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE))
    examples = doctest.DocTestParser().get_doctest(blocks, {}, PAGE.name, str(PAGE), 0)
    result = doctest.DocTestRunner().run(examples)
    assert result.attempted >= 5
    assert result.failed == 0


@pytest.mark.parametrize("kind", list_kinds())
def test_errors_are_also_those_of_python(kind):
    """Callers who know nothing of marey catch ValueError and RuntimeError."""
    if kind.exit_code == 2:
        assert issubclass(kind, ValueError)
    if kind.exit_code == 3:
        assert issubclass(kind, RuntimeError)
