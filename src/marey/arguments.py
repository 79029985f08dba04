"""How arguments are read, and what is said of those that cannot be: one sentence, with the way out.

The parser's own answer is a box of several lines; its first paragraph says what is wrong.
"""

import io
import re
import sys
import types
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr, redirect_stdout
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from marey.core.errors import InputError

T = TypeVar("T")

_NO_DEFAULT = re.compile(r"\(default:\s*\)")
_PLAIN = {int: "INT", float: "FLOAT", str: "TEXT", Path: "PATH"}

optional_values = ConstructorRegistry()
"""Teaches the parser that an option which may be left out takes what its other type takes."""


@optional_values.primitive_rule
def _read_optional(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    if get_origin(info.type) not in (Union, types.UnionType):
        return None
    others = [kind for kind in get_args(info.type) if kind is not type(None)]
    if len(others) != 1 or len(others) == len(get_args(info.type)):
        return None
    if get_origin(others[0]) is Literal:
        return _choice(get_args(others[0]))
    kinds = get_args(others[0]) if get_origin(others[0]) is tuple else (others[0],)
    if not all(kind in _PLAIN for kind in kinds):
        return None

    def read(given: list[str]) -> Any:
        values = tuple(kind(value) for kind, value in zip(kinds, given, strict=True))
        return values[0] if others[0] is kinds[0] else values

    def show(value: Any) -> list[str]:
        values = value if isinstance(value, tuple) else (value,)
        return [] if value is None else [str(each) for each in values]

    return PrimitiveConstructorSpec(
        nargs=len(kinds),
        metavar=" ".join(_PLAIN[kind] for kind in kinds),
        instance_from_str=read,
        is_instance=lambda value: value is None or isinstance(value, (*kinds, tuple)),
        str_from_instance=show,
    )


def _choice(names: tuple[str, ...]) -> PrimitiveConstructorSpec[Any]:
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=f"{{{','.join(names)}}}",
        instance_from_str=lambda given: given[0],
        is_instance=lambda value: value is None or value in names,
        str_from_instance=lambda value: [] if value is None else [value],
        choices=names,
    )


def parse(
    parser: Callable[[], T],
    arguments: list[str],
    commands: Iterable[str],
    lists: Iterable[str] = (),
) -> T:
    """Run a parser and turn its complaint into a sentence.

    Args:
        parser: Returns the command; complains on the standard error and exits.
        arguments: What was typed.
        commands: Names of all commands.
        lists: Options of any number of values, of which the parser would accept none.

    Raises:
        InputError: If the parser complained, or a list has no value.
        SystemExit: If it ended without a complaint, as after --help.
    """
    said, shown = io.StringIO(), io.StringIO()
    for option, following in pairwise([*arguments, "--"]):
        if option in lists and following.startswith("--"):
            raise InputError(f"{option} is given too few values; see marey {arguments[0]} --help")
    try:
        with redirect_stderr(said), redirect_stdout(shown), optional_values:
            return parser()
    except SystemExit as stop:
        # Help is plain text of fixed width: what is blotted out leaves as much room.
        blank = _NO_DEFAULT.sub(lambda match: re.sub(r"\S", " ", match[0]), shown.getvalue())
        sys.stdout.write("".join(f"{line.rstrip()}\n" for line in blank.splitlines()))
        if not stop.code:
            raise
        raise InputError(explain(said.getvalue(), arguments, list(commands))) from None


def explain(said: str, arguments: list[str], commands: list[str]) -> str:
    """Return a sentence about arguments that a parser refused.

    Args:
        said: The parser's complaint.
        arguments: What was typed.
        commands: Names of all commands.
    """
    first = arguments[0] if arguments else ""
    if not first or (first not in commands and first.startswith("-")):
        return f"say what to do: {', '.join(commands)}; marey --help explains each"
    if first not in commands:
        return f"there is no command '{first}'{_perhaps(first, commands)}; see marey --help"
    return f"{_complaint(said, arguments)}; see marey {first} --help"


def _complaint(said: str, arguments: list[str]) -> str:
    # A title, a rule, what is wrong, another rule, where help is.
    sections = re.split(r"^\s*-+\s*$", said, flags=re.MULTILINE)
    wrong = (sections[1] if len(sections) > 1 else said).strip()
    text = " ".join(wrong.split("\n\n")[0].split())
    if match := re.match(r"Error parsing (--[\w-]+): (.*)", text):
        return _refused_value(match[1], arguments)
    if match := re.match(r"Unrecognized (?:or misplaced )?options: (.*?)( \(|$)", text):
        return f"{match[1]} is no option of this command"
    if match := re.match(r"Missing from marey [\w ]+: (--\S+|\S+)", text):
        return f"{match[1]} is missing"
    if match := re.match(r"Missing value for argument '(.*?)'", text):
        return f"{match[1]} is given too few values"
    if match := re.match(
        r"invalid choice (.*?) for argument '(.*?)'. Expected one of \((.*)\)", text
    ):
        return f"{match[2]} cannot be {match[1]}; choose one of {match[3].rstrip(',')}"
    return text.split(". ")[0].rstrip(".")


def _refused_value(option: str, arguments: list[str]) -> str:
    place = next((n for n, a in enumerate(arguments) if a.split("=")[0] == option), None)
    if place is None:
        return f"{option} cannot be used like this"
    given = [arguments[place].partition("=")[2]] if "=" in arguments[place] else []
    for argument in arguments[place + 1 :]:
        if argument.startswith("--") or given:
            break
        given.append(argument)
    return f"{option} cannot be '{' '.join(given)}'"


def _perhaps(word: str, known: list[str]) -> str:
    close = get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}" if close else ""
