"""marey evaluate: files in, metrics.json and a page out."""

import json
from dataclasses import replace

import numpy as np
import pytest

from marey.cli import main
from marey.evaluate import get_protocol, read_metrics, write_poses
from marey.io.take import write_take
from tests.evaluate.worlds import change, make_truth
from tests.fixtures.golden_take import make_take as golden_take


@pytest.fixture
def files(tmp_path):
    truth = make_truth(get_protocol("3dpw"))
    rng = np.random.default_rng(0)
    predicted = change(truth, position=lambda p: p + rng.normal(0, 0.03, p.shape))
    write_poses(truth, tmp_path / "truth.npz")
    write_poses(predicted, tmp_path / "ours.npz")
    return tmp_path


def _run(files, *options):
    main(
        [
            "evaluate",
            str(files / "ours.npz"),
            str(files / "truth.npz"),
            "--protocol",
            "3dpw",
            "-o",
            str(files / "result"),
            *options,
        ]
    )


def test_numbers_page_and_words(files, capsys):
    _run(files)
    said = capsys.readouterr().out
    assert said.startswith("3dpw-v1\n")
    result = read_metrics(files / "result" / "metrics.json")
    value = result.row("PA-MPJPE").score.value
    assert f"{value:.4f} mm" in said
    page = (files / "result" / "report.html").read_text()
    assert "3dpw-v1" in page
    # Published rows stand beside the result, each with its source.
    assert '<th scope="row">GLoT</th><td>50.6</td><td>80.7</td>' in page
    assert "GLoT (CVPR 2023), table 1 [P]" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")


def test_again_gives_the_same_bytes_and_overwrites_only_if_asked(files, capsys):
    _run(files)
    first = [(files / "result" / name).read_bytes() for name in ("metrics.json", "report.html")]
    with pytest.raises(SystemExit) as stop:
        _run(files)
    assert stop.value.code == 2
    assert "metrics.json" in capsys.readouterr().err
    _run(files, "--overwrite", "--compare", str(files / "result"))
    second = [(files / "result" / name).read_bytes() for name in ("metrics.json", "report.html")]
    assert first == second
    assert "; before " in capsys.readouterr().out


def test_a_switch_changes_the_name_and_forbids_comparing(files, capsys):
    _run(files)
    with pytest.raises(SystemExit):
        _run(
            files,
            "--overwrite",
            *("--without", "vertices-unaligned"),
            *("--compare", str(files / "result")),
        )
    assert "cannot be compared" in capsys.readouterr().err
    # The earlier result is still there.
    assert read_metrics(files / "result" / "metrics.json").full_name == "3dpw-v1"
    options = ("--overwrite", "--without", "vertices-unaligned", "--force", "--json")
    _run(files, *options, "--compare", str(files / "result"))
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert answer["protocol"] == "3dpw-v1[vertices-unaligned=off]"
    page = (files / "result" / "report.html").read_text()
    assert "not measured as the published ones" in page


@pytest.mark.parametrize(
    ("protocol", "words"),
    [("pw3d", "unknown protocol 'pw3d'"), ("emdb-1", "ask for 'emdb-1-draft'")],
)
def test_names_of_protocols(files, capsys, protocol, words):
    with pytest.raises(SystemExit) as stop:
        _run(files, "--protocol", protocol)
    assert stop.value.code == 2
    assert words in capsys.readouterr().err
    assert not (files / "result").exists()


def test_a_file_of_another_kind(files, capsys):
    (files / "ours.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(SystemExit):
        _run(files)
    assert "ours.npz" in capsys.readouterr().err


def test_a_folder_of_files(files, capsys):
    truth = make_truth(get_protocol("3dpw"))
    (files / "parts").mkdir()
    for each in truth.sequences:
        write_poses(replace(truth, sequences=(each,)), files / "parts" / f"{each.name}.npz")
    (files / "ours.npz").unlink()
    (files / "parts").rename(files / "ours.npz")
    _run(files)
    assert "MPJPE                0.0000 mm" in capsys.readouterr().out


def test_a_take_against_itself(tmp_path, capsys):
    take = golden_take()
    write_take(replace(take, people=take.people[:1]), tmp_path / "dance.take")
    command = ["evaluate", *[str(tmp_path / "dance.take")] * 2, "-o", str(tmp_path / "result")]
    main([*command, "--protocol", "emdb-2-draft"])
    assert "WA-MPJPE100          0.0000 mm" in capsys.readouterr().out
    result = read_metrics(tmp_path / "result" / "metrics.json")
    assert result.row("WA-MPJPE100").score.num_values > 0
    # The take is too short for a third derivative, and the result says so.
    assert result.row("Jitter").note


def test_a_folder_of_nothing(files, capsys):
    (files / "ours.npz").unlink()
    (files / "ours.npz").mkdir()
    with pytest.raises(SystemExit):
        _run(files)
    assert "a folder of them, a .take" in capsys.readouterr().err
