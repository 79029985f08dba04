"""What only people know of a corpus: the questions of a datasheet, answered in a small TOML.

The sections are those of Gebru et al., Datasheets for Datasets (CACM 2021). A question without an
answer is printed as NOT STATED.
"""

from difflib import get_close_matches
from pathlib import Path
from typing import Any

from marey.core.errors import FormatError
from marey.io.toml_file import read_toml

QUESTIONS: dict[str, dict[str, str]] = {
    "motivation": {
        "purpose": "For what was the corpus made?",
        "creators": "Who made it, and for whom?",
        "funding": "Who paid for it?",
    },
    "composition": {
        "subjects": "Who are the people in it, and how were they chosen?",
        "minors": "Are there people under age in it?",
        "identifiable": "Can people be recognised from what is published (faces, names)?",
        "sensitive": "Does it say anything people may want to keep to themselves?",
        "splits": "Which parts are meant for training and which for testing?",
        "errors": "What is known to be wrong, or missing?",
    },
    "consent": {
        "obtained": "Did everybody agree to be recorded and to the publication, and how?",
        "informed": "What were people told of its use?",
        "withdrawal": "How can people withdraw, and what happens then?",
        "ethics_review": "Which board reviewed the recording?",
        "payment": "What were people paid?",
    },
    "collection": {
        "place": "Where was it recorded?",
        "dates": "When?",
        "equipment": "With which cameras, and how were they synchronised and calibrated?",
        "recorded_by": "Who recorded and who labelled it?",
    },
    "uses": {
        "intended": "What is it for?",
        "not_intended": "What must it not be used for?",
    },
    "distribution": {
        "licence": "Under which licence?",
        "body_licence": "Which licence covers the body model in it?",
        "where": "Where can it be had?",
        "restrictions": "Which laws or contracts restrict it?",
    },
    "maintenance": {
        "contact": "Who answers questions?",
        "updates": "Who mends errors, and how are versions told apart?",
    },
}
"""Section and key to the question."""

VITAL = ("consent.obtained", "consent.withdrawal", "distribution.licence", "maintenance.contact")
"""Without these a corpus of people should not be given to anybody."""


def read_facts(path: str | Path) -> dict[str, str]:
    """Read answers.

    Returns:
        `section.key` to answer; empty answers are left out.

    Raises:
        InputError: If the file cannot be opened.
        FormatError: If it is no TOML, or answers a question that is not asked.
    """
    path = Path(path)
    table = read_toml(path)
    answers = {}
    for section, rows in table.items():
        _refuse_unknown(section, list(QUESTIONS), f"{path}: there is no section")
        if not isinstance(rows, dict):
            raise FormatError(f"{path}: '{section}' must be a section, [{section}]")
        for key, value in rows.items():
            _refuse_unknown(key, list(QUESTIONS[section]), f"{path}: [{section}] has no question")
            answers[f"{section}.{key}"] = _to_text(value, f"{path}: {section}.{key}")
    return {key: answer for key, answer in answers.items() if answer}


def _refuse_unknown(name: str, known: list[str], what: str) -> None:
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]}" if close else f"; known are {', '.join(known)}"
        raise FormatError(f"{what} '{name[:40]}'{hint}")


def _to_text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise FormatError(f"{what} is {str(value)[:40]}, expected a text in quotes")
    return " ".join(value.split())


def format_template() -> str:
    """Return a TOML with every question and no answer."""
    lines = ["# Answer what you can; an empty answer is printed as NOT STATED."]
    for section, rows in QUESTIONS.items():
        lines += ["", f"[{section}]"]
        for key, question in rows.items():
            lines += [f"# {question}", f'{key} = ""']
    return "\n".join(lines) + "\n"
