"""What `marey dataset` does around the jobs: report, and say what was written, what is missing."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from marey.jobs.dataset.layouts import Layout
from marey.jobs.reporting import print_json, report

if TYPE_CHECKING:
    from marey.jobs.talk import Talk


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusChoices:
    """What a user may choose for a corpus."""

    layout: Layout
    """The layout to write; harmony4d holds pickled .npy files, which its programs ask for."""
    body: str | None = None
    """Your own SMPL file, to which marey-h is converted (default: the take's own body)."""
    lean: bool = False
    """Leave out the vertices of a licensed body."""
    images: bool = False
    """Also write the pictures of all cameras and frames (large)."""
    facts: Annotated[Path | None, tyro.conf.arg(name="sheet")] = None
    """A .toml that answers the datasheet's questions: consent, licence, contact, ..."""


def export_corpus_of(source: Path, folder: Path, *, choices: CorpusChoices, talk: "Talk") -> None:
    """Write a take as a sequence of a corpus."""
    from marey.jobs.dataset.write import CorpusOptions, export_corpus

    options = CorpusOptions(
        body=choices.body, lean=choices.lean, images=choices.images, facts=choices.facts
    )
    with report(quiet=talk.quiet, as_json=talk.json) as progress:
        done = export_corpus(
            source,
            folder,
            layout=choices.layout,
            options=options,
            overwrite=talk.overwrite,
            progress=progress,
        )
    if talk.json:
        print_json(
            {
                "written": [str(done.path)],
                "people": list(done.people),
                "cameras": list(done.cameras),
                "frames": done.num_frames,
                "body": done.body,
                "not_stated": list(done.missing),
            }
        )
    elif not talk.quiet:
        _say(
            f"{_count(len(done.people), 'person', 'people')} in "
            f"{_count(done.num_frames, 'frame', 'frames')} of "
            f"{_count(len(done.cameras), 'camera', 'cameras')}, body {done.body}"
        )
        _say(f"wrote {done.path}")
    _say_missing(done.missing, folder)


def write_sheet_of(folder: Path, *, facts: Path | None, talk: "Talk") -> None:
    """Write the datasheet of a corpus."""
    from marey.datasets.corpus.sheet import write_sheet
    from marey.datasets.corpus.sheet_facts import read_facts

    answers = None if facts is None else read_facts(facts)
    with report(quiet=talk.quiet, as_json=talk.json) as progress:
        sheet = write_sheet(folder, answers=answers, overwrite=talk.overwrite, progress=progress)
    if talk.json:
        print_json(
            {
                "written": [str(path) for path in sheet.written],
                "sequences": len(sheet.sequences),
                "not_stated": list(sheet.missing),
            }
        )
    elif not talk.quiet:
        for path in sheet.written:
            _say(f"wrote {path}")
    _say_missing(sheet.missing, folder)


def _say_missing(missing: tuple[str, ...], folder: Path) -> None:
    """Say loudly what nobody has stated, whatever else is said."""
    from marey.datasets.corpus.sheet_facts import VITAL

    vital = [key for key in VITAL if key in missing]
    if vital:
        sys.stderr.write(
            f"marey: NOT STATED in the datasheet: {', '.join(vital)}; answer them in "
            f"{folder / 'datasheet.toml'} and run marey dataset sheet {folder} --overwrite\n"
        )


def _count(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
