"""The examples of docs/metrics.md and docs/protocols.md run."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


def run(page):
    found = {}
    for block in re.findall(r"```python\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL):
        exec(compile(block, page, "exec"), found)
    return found


def test_metrics():
    found = run("metrics.md")
    score = found["score"]
    assert (score.num_values, score.num_missing) == (100 * 17 - 1, 1)
    # The joint's error and the root's, each 1 cm per axis: the mean of Maxwell's distribution.
    assert score.value == pytest.approx(0.01 * 2**0.5 * 1.596 * 16 / 17, rel=0.05)
    gradient = found["guess"].grad
    assert not gradient[5, 3].any() and gradient[5, 4].any()


def test_protocols(tmp_path, monkeypatch):
    from marey.evaluate import read_poses

    monkeypatch.chdir(tmp_path)
    run("protocols.md")
    saved = read_poses(tmp_path / "predictions.npz")
    assert saved.skeleton == "h36m-17"
    assert saved.sequences[0].frame.tolist() == list(range(0, 100, 2))
