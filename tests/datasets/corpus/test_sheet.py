"""Datasheets: numbers that can be worked out by hand, and loud silence."""

import json

import numpy as np
import pytest

import marey
from marey.core.errors import FormatError, InputError, OutputExistsError
from marey.datasets.corpus.sheet import write_sheet
from marey.datasets.corpus.sheet_facts import QUESTIONS, format_template, read_facts
from marey.datasets.corpus.sheet_measure import measure_sequence
from marey.jobs.dataset.write import CorpusOptions, export_corpus
from tests.datasets.corpus.scene import T, make_take_of

ANSWERS = """
[consent]
obtained = "Yes, in writing."
withdrawal = "By mail, at any time."
[distribution]
licence = "CC BY 4.0"
[maintenance]
contact = "someone@example.org"
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    for name, gap in (("near", 0.05), ("far", 3.0)):
        marey.write(make_take_of(gap_m=gap), folder / f"{name}.take")
        export_corpus(folder / f"{name}.take", folder / name, layout="harmony4d")
    return folder


def test_what_is_measured(corpus):
    facts = measure_sequence(corpus / "far")
    assert (facts.name, facts.people, facts.num_frames) == ("far", ("Ann", "Bob"), T)
    assert facts.frame_rate == pytest.approx(20) and facts.duration_s == pytest.approx(0.3)
    assert (facts.person_frames, facts.frames_with_two) == (2 * T - 1, T - 1)
    assert set(facts.cameras) == {"a", "b", "c", "glasses"} and facts.worn == ("glasses",)
    assert facts.resolutions == ("1280 x 720",)
    # Detections are the body's own joints, so nothing is between them but single precision.
    assert set(facts.reprojection_px) == {"a", "b", "c", "glasses"}
    assert all(spread.median < 0.01 for spread in facts.reprojection_px.values())
    assert facts.reprojection_px["a"].p90 < 0.01
    assert facts.joints_mm is not None and facts.joints_mm.p90 < 0.01
    assert facts.joints_mm.count == 17 * (2 * T - 1)
    assert facts.take["name"] == "far.take"


def test_errors_are_seen(corpus, tmp_path):
    """Detections moved by (3, 4) px are 5 px from the body."""
    import shutil

    from marey.datasets.corpus.object_files import encode_object

    folder = shutil.copytree(corpus / "far", tmp_path / "far")
    for path in (folder / "processed_data/poses2d/cam02/rgb").glob("*.npy"):
        people = np.load(path, allow_pickle=True).item()
        for person in people:
            person["keypoints"][:, :2] += [3, 4]
        path.write_bytes(encode_object(people))
    spreads = measure_sequence(folder).reprojection_px
    assert spreads["b"].median == pytest.approx(5, abs=0.01)
    assert spreads["c"].median < 0.01


def test_contact(corpus):
    assert measure_sequence(corpus / "far").contact_share == 0
    assert measure_sequence(corpus / "near").contact_share == 1


def test_silence_is_said_loudly(corpus):
    text = (corpus / "far" / "datasheet.md").read_text()
    assert "NOT STATED: consent.obtained, consent.withdrawal, distribution.licence" in text
    assert text.count("**NOT STATED**") == sum(len(rows) for rows in QUESTIONS.values())
    table = json.loads((corpus / "far" / "datasheet.json").read_text())
    assert "consent.obtained" in table["not_stated"]
    assert table["answers"]["consent.obtained"] is None


def test_answers_are_printed(corpus, tmp_path):
    answers = tmp_path / "answers.toml"
    answers.write_text(ANSWERS)
    done = export_corpus(
        corpus / "far.take",
        tmp_path / "far",
        layout="harmony4d",
        options=CorpusOptions(facts=answers),
    )
    text = (tmp_path / "far" / "datasheet.md").read_text()
    assert "Yes, in writing." in text and "> **NOT STATED" not in text
    assert "consent.obtained" not in done.missing and "motivation.purpose" in done.missing
    # The file beside the sheet can be edited on.
    again = read_facts(tmp_path / "far" / "datasheet.toml")
    assert again == read_facts(answers)


def test_a_sheet_of_several_sequences(corpus):
    sheet = write_sheet(corpus)
    assert [facts.name for facts in sheet.sequences] == ["far", "near"]
    table = json.loads((corpus / "datasheet.json").read_text())
    assert table["totals"]["frames"] == 2 * T
    assert table["totals"]["contact_share"] == 0.5
    with pytest.raises(OutputExistsError):
        write_sheet(corpus)
    write_sheet(corpus, overwrite=True)


def test_the_template_asks_everything(tmp_path):
    path = tmp_path / "t.toml"
    path.write_text(format_template())
    assert read_facts(path) == {}
    path.write_text(format_template().replace('= ""', '= "x"'))
    assert len(read_facts(path)) == sum(len(rows) for rows in QUESTIONS.values())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[consnt]\n", "did you mean consent"),
        ("[consent]\nobtaned = 'yes'", "did you mean obtained"),
        ("consent = 3", "must be a section"),
        ("[consent]\nobtained = true", "in quotes"),
        ("[consent", "not TOML"),
    ],
)
def test_answers_to_other_questions_are_refused(tmp_path, text, said):
    path = tmp_path / "t.toml"
    path.write_text(text)
    with pytest.raises(FormatError, match=said):
        read_facts(path)


def test_answers_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        read_facts(tmp_path / "none.toml")
