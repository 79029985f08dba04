"""The datasheet of a corpus (Gebru et al., CACM 2021), as Markdown for people and as JSON.

Numbers are measured from the corpus's own files; what only people know is answered in
`datasheet.toml`. An answer nobody gave reads NOT STATED, and those on consent, licence and contact
are said at the top.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from marey.core.files import atomic_path, refuse_existing
from marey.core.progress import Progress, silent
from marey.datasets.corpus.sheet_facts import QUESTIONS, VITAL, format_template, read_facts
from marey.datasets.corpus.sheet_measure import SequenceFacts, Spread, measure_sequence
from marey.datasets.harmony4d import sequences

MARKDOWN, JSON, ANSWERS = "datasheet.md", "datasheet.json", "datasheet.toml"
NOT_STATED = "NOT STATED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A datasheet on disk."""

    written: tuple[Path, ...]
    missing: tuple[str, ...]
    """Questions without an answer, as `section.key`."""
    sequences: tuple[SequenceFacts, ...]


def write_sheet(
    folder: str | Path,
    *,
    answers: Mapping[str, str] | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Sheet:
    """Write the datasheet of a corpus into its folder.

    Args:
        folder: A sequence, or a folder of them.
        answers: `section.key` to answer; those of `datasheet.toml` in the folder if None, which is
            made, with every question, if it is not there.
        overwrite: Whether an older datasheet may be replaced; `datasheet.toml` never is.
        progress: Called as sequences are measured.

    Raises:
        InputError: If the folder cannot be read, or the answers.
        FormatError: If a file is not of the layout.
        NothingFoundError: If there is no sequence.
        OutputExistsError: If there is a datasheet and it may not be replaced.
    """
    folder = Path(folder)
    places, toml = [folder / MARKDOWN, folder / JSON], folder / ANSWERS
    paths = tuple(sequences(folder))
    refuse_existing(*places, overwrite=overwrite)
    if answers is None:
        answers = read_facts(toml) if toml.is_file() else {}
    facts = []
    for count, path in enumerate(paths, start=1):
        facts.append(measure_sequence(path, progress=progress))
        progress("sequences", count, len(paths))
    missing = tuple(
        f"{section}.{key}"
        for section, rows in QUESTIONS.items()
        for key in rows
        if f"{section}.{key}" not in answers
    )
    table = {
        "answers": {key: answers.get(key) for key in _keys()},
        "not_stated": list(missing),
        "totals": _totals(facts),
        "sequences": [asdict(each) for each in facts],
    }
    texts = (_format_markdown(facts, answers), json.dumps(table, indent=1, default=str) + "\n")
    for place, text in zip(places, texts, strict=True):
        with atomic_path(place, overwrite=overwrite) as temporary:
            temporary.write_text(text, encoding="utf-8")
    if not toml.exists():
        with atomic_path(toml) as temporary:
            temporary.write_text(_fill_template(answers), encoding="utf-8")
        places.append(toml)
    return Sheet(written=tuple(places), missing=missing, sequences=tuple(facts))


def _keys() -> Iterator[str]:
    for section, rows in QUESTIONS.items():
        for key in rows:
            yield f"{section}.{key}"


def _fill_template(answers: Mapping[str, str]) -> str:
    section, lines = "", []
    for line in format_template().split("\n"):
        if line.startswith("["):
            section = line[1:-1]
        key = line.removesuffix(' = ""')
        answer = answers.get(f"{section}.{key}") if key != line else None
        # JSON's texts are TOML's too.
        lines.append(line if answer is None else f"{key} = {json.dumps(answer)}")
    return "\n".join(lines)


def _totals(facts: Sequence[SequenceFacts]) -> dict[str, Any]:
    return {
        "sequences": len(facts),
        "people_per_sequence": sorted({len(each.people) for each in facts}),
        "frames": sum(each.num_frames for each in facts),
        "duration_s": round(sum(each.duration_s for each in facts), 3),
        "person_frames": sum(each.person_frames for each in facts),
        "views": sum(len(each.cameras) * each.num_frames for each in facts),
        "contact_share": _mean_contact(facts),
        "bodies": sorted({each.body for each in facts}),
    }


def _mean_contact(facts: Sequence[SequenceFacts]) -> float | None:
    known = [(each.contact_share, each.frames_with_two) for each in facts if each.frames_with_two]
    pairs = [(share, weight) for share, weight in known if share is not None]
    total = sum(weight for _, weight in pairs)
    return round(sum(share * weight for share, weight in pairs) / total, 4) if total else None


def _format_markdown(facts: Sequence[SequenceFacts], answers: Mapping[str, str]) -> str:
    lines = ["# Datasheet", ""]
    silent_on = [key for key in VITAL if key not in answers]
    if silent_on:
        lines += [
            f"> **{NOT_STATED}: {', '.join(silent_on)}.** People are in this corpus. Do not give "
            f"it to anybody before these are answered ({ANSWERS}, then "
            "`marey dataset sheet DIR --overwrite`).",
            "",
        ]
    for section, rows in QUESTIONS.items():
        lines += [f"## {section.capitalize()}", ""]
        for key, question in rows.items():
            answer = answers.get(f"{section}.{key}")
            lines += [f"**{question}** {answer or f'**{NOT_STATED}**'}", ""]
        if section == "composition":
            lines += [*_format_composition(facts), ""]
        if section == "collection":
            lines += [*_format_cameras(facts), "", *_format_origin(facts), ""]
    lines += ["## Errors, measured", "", *_format_errors(facts), ""]
    return "\n".join(lines)


def _count(number: int, one: str) -> str:
    return f"{number} {one if number == 1 else one + 's'}"


def _format_composition(facts: Sequence[SequenceFacts]) -> Iterator[str]:
    totals = _totals(facts)
    sequences, frames = _count(len(facts), "sequence"), _count(totals["frames"], "frame")
    yield (
        f"Measured: {sequences}, {frames}, "
        f"{totals['duration_s']:.1f} s, {totals['person_frames']} bodies in space, "
        f"{totals['views']} pictures' worth of views; body {', '.join(totals['bodies'])}."
    )
    yield ""
    yield "| sequence | people | frames | per second | duration | in contact | parts |"
    yield "|---|---|---|---|---|---|---|"
    for each in facts:
        share = "-" if each.contact_share is None else f"{100 * each.contact_share:.1f} %"
        yield (
            f"| {_cell(each.name)} | {_cell(', '.join(each.people))} | {each.num_frames} | "
            f"{each.frame_rate:g} | {each.duration_s:.2f} s | {share} | "
            f"{_cell(', '.join(part.removeprefix('processed_data/') for part in each.parts))} |"
        )
    yield ""
    yield (
        "*In contact*: share of the frames with two people or more in which bones of two come "
        "within 10 cm (up to 300 frames, evenly spread). No pictures are in a sequence whose parts "
        "do not list them."
    )


def _format_cameras(facts: Sequence[SequenceFacts]) -> Iterator[str]:
    yield "| sequence | cameras | of them worn | resolution |"
    yield "|---|---|---|---|"
    for each in facts:
        worn = ", ".join(each.worn) or "none"
        sizes = ", ".join(each.resolutions) or "-"
        yield f"| {_cell(each.name)} | {len(each.cameras)} | {_cell(worn)} | {sizes} |"


def _format_origin(facts: Sequence[SequenceFacts]) -> Iterator[str]:
    yield "| sequence | made of | SHA-256 of its header | by |"
    yield "|---|---|---|---|"
    for each in facts:
        stages = each.take.get("provenance", {}) if isinstance(each.take, dict) else {}
        version = stages.get("marey", {}).get("version") if isinstance(stages, dict) else None
        by = "-" if version is None else f"marey {version}"
        made = each.take.get("name", NOT_STATED)
        yield f"| {_cell(each.name)} | {_cell(made)} | {each.take.get('sha256', '-')} | {by} |"


def _format_errors(facts: Sequence[SequenceFacts]) -> Iterator[str]:
    yield "| sequence | camera | what | median | 90 % | values |"
    yield "|---|---|---|---|---|---|"
    for each in facts:
        name = _cell(each.name)
        for camera, spread in each.reprojection_px.items():
            what = "detections to projected joints of the body"
            yield _format_spread(f"| {name} | {_cell(camera)} | {what}", spread, "px")
        if each.joints_mm is not None:
            yield _format_spread(
                f"| {name} | - | poses3d to joints of the body", each.joints_mm, "mm"
            )
        if not each.reprojection_px and each.joints_mm is None:
            yield f"| {name} | - | nothing to compare | - | - | 0 |"


def _format_spread(start: str, spread: Spread, unit: str) -> str:
    return f"{start} | {spread.median:.2f} {unit} | {spread.p90:.2f} {unit} | {spread.count} |"


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")
