"""`marey dataset` as a user meets it."""

import json

import pytest

import marey
from marey import cli
from tests.datasets.corpus.scene import make_take_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    marey.write(make_take_of(), folder / "hug.take")
    return folder


def run(capsys, *words):
    cli.main([str(word) for word in words])
    return capsys.readouterr()


def refuse(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        cli.main([str(word) for word in words])
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_export_then_answer_then_sheet(folder, capsys, tmp_path):
    corpus = tmp_path / "001_hug"
    said = run(
        capsys, "dataset", "export", folder / "hug.take", "-o", corpus, "--layout", "harmony4d"
    )
    assert "2 people in 6 frames of 4 cameras, body marey-h" in said.out
    assert f"wrote {corpus}" in said.out
    assert "NOT STATED in the datasheet: consent.obtained" in said.err
    answers = corpus / "datasheet.toml"
    text = answers.read_text()
    for key in ("obtained", "withdrawal", "licence", "contact"):
        text = text.replace(f'\n{key} = ""', f'\n{key} = "said"')
    answers.write_text(text)
    assert "exists already" in refuse(capsys, "dataset", "sheet", corpus)
    said = run(capsys, "dataset", "sheet", corpus, "--overwrite", "--json")
    assert said.err == ""
    told = json.loads(said.out.splitlines()[-1])
    assert told["sequences"] == 1 and "consent.obtained" not in told["not_stated"]
    assert "motivation.purpose" in told["not_stated"]


def test_folders_above_are_made_and_one_sequence_is_one(folder, capsys, tmp_path):
    corpus, layout = tmp_path / "all" / "hugs" / "001", ("--layout", "harmony4d")
    run(capsys, "dataset", "export", folder / "hug.take", "-o", corpus, *layout)
    assert "Measured: 1 sequence, 6 frames" in (corpus / "datasheet.md").read_text()
    # Whoever imports the folder above is told what to import.
    assert f"one by one: {corpus}" in refuse(capsys, "import", corpus.parent)


def test_quiet_still_says_what_nobody_stated(folder, capsys, tmp_path):
    said = run(
        capsys, "dataset", "export", folder / "hug.take", "-o", tmp_path / "a", "--quiet",
        "--layout", "harmony4d",
    )  # fmt: skip
    assert said.out == "" and said.err.startswith("marey: NOT STATED")


def test_the_layout_is_never_a_default(folder, capsys, tmp_path):
    said = refuse(capsys, "dataset", "export", folder / "hug.take", "-o", tmp_path / "a")
    assert said == "marey: --layout is missing; see marey dataset --help\n"
    assert not (tmp_path / "a").exists()


def test_what_is_refused_in_a_sentence(folder, capsys, tmp_path):
    take, layout = folder / "hug.take", ("--layout", "harmony4d")
    for words, part in [
        (("export", tmp_path / "no.take", "-o", tmp_path / "a", *layout), "does not exist"),
        (("export", take, "-o", take / "take.toml" / "a", *layout), "lies in a file"),
        (("export", take, "-o", take, *layout, "--overwrite"), "replaced by its own export"),
        (("export", take, "-o", tmp_path / "a", "--layout", "coco"), "choose one of 'harmony4d'"),
        (("export", take, "-o", tmp_path / "a", *layout, "--sheet", "no.toml"), "cannot read"),
        (("export", take, "-o", tmp_path / "a", *layout, "--body", "no.npz"), "no body file"),
        (("export", take, "-o", tmp_path / "a", *layout, "--images"), "leave out --images"),
        (("sheet", tmp_path), "holds no sequences"),
        (("sheet", tmp_path / "no"), "is not a folder"),
    ]:
        said = refuse(capsys, "dataset", *words)
        assert part in said and said.count("\n") == 1
        assert not (tmp_path / "a").exists()
